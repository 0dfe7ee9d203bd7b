"""Sums of times that stop at "for ever" (model.md 1)."""

from __future__ import annotations

from numba import njit

from simulator.units import FOREVER


@njit(cache=True)
def plus(time: int, duration: int) -> int:
    """Sum of two times that are 0 or more, at most `FOREVER`. [ns]"""
    return time + duration if duration <= FOREVER - time else FOREVER
