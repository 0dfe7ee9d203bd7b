"""Pools that scale, with a queue at each instance: rows settled at their arrival between two changes of instances."""

from simulator.engines.compiled.scaled_queues.queues import ScaledQueues, settles_at_arrival

__all__ = ["ScaledQueues", "settles_at_arrival"]
