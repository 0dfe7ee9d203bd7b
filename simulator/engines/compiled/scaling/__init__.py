"""How capacity follows its load, whatever the instances serve: points, policies, decisions (model.md 3.2, 4.2)."""

from simulator.engines.compiled.scaling.fleet import Fleet
from simulator.engines.compiled.scaling.points import Point
from simulator.engines.compiled.scaling.scaler import NEVER, Scaler

__all__ = ["NEVER", "Fleet", "Point", "Scaler"]
