"""Sums of times that stop at "for ever" (model.md 1)."""

from __future__ import annotations

from simulator.engines.compiled.kernels import rule
from simulator.units import FOREVER


@rule
def plus(time: int, duration: int) -> int:
    """Sum of two times that are 0 or more, at most `FOREVER`."""
    return time + duration if duration <= FOREVER - time else FOREVER
