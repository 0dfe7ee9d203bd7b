"""The demand of one replication: every random draw, made beforehand, in blocks, shared by all endpoints."""

from simulator.demand.blocks import BLOCK, replication_blocks
from simulator.demand.closed import first_sends
from simulator.demand.launches import launch_times
from simulator.demand.whole import draw_demand

__all__ = ["BLOCK", "draw_demand", "first_sends", "launch_times", "replication_blocks"]
