"""Arrival times from random gaps, and from the points of a Poisson process of rate 1 moved in time.

Everything here goes piece by piece and gives the same arrivals for every size of piece: sums run in order from the
first arrival on, and what a point becomes depends on that point alone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Final

import numpy as np
from numpy.typing import NDArray

from simulator.distributions.sampler import PIECE
from simulator.units import NS_PER_SECOND, array_to_ns

#: Arrivals in a block handed out. It has no influence on any arrival.
BLOCK: Final = 65_536

Inverse = Callable[[NDArray[np.float64]], NDArray[np.float64]]


def gathered(pieces: Iterable[NDArray[np.int64]]) -> Iterator[NDArray[np.int64]]:
    """The same arrivals in blocks of `BLOCK`, the last one shorter, none empty."""
    block, filled = np.empty(BLOCK, np.int64), 0
    for piece in pieces:
        if filled == 0 and len(piece) == BLOCK:
            yield piece
            continue
        start = 0
        while start < len(piece):
            taken = min(BLOCK - filled, len(piece) - start)
            block[filled : filled + taken] = piece[start : start + taken]
            start, filled = start + taken, filled + taken
            if filled == BLOCK:
                yield block
                block, filled = np.empty(BLOCK, np.int64), 0
    if filled:
        yield block[:filled].copy()


def running_sums(
    fill_gaps: Callable[[NDArray[np.float64]], None], mean_gap_s: float, start_ns: int, horizon_ns: int
) -> Iterator[NDArray[np.int64]]:
    """Arrivals by adding gap to gap, each gap rounded to whole nanoseconds first.

    Integers add without error, so an arrival depends on the gaps before it and on nothing else.

    Parameters
    ----------
    fill_gaps : callable
        Fills an ndarray of float64, shape (n,), with the next n gaps, not negative. [s]
    mean_gap_s : float
        About how long a gap is, more than 0: decides how many are drawn at a time. [s]
    start_ns, horizon_ns : int
        The first gap begins at `start_ns`; arrivals before `horizon_ns` are given. [ns]

    Yields
    ------
    ndarray of int64, shape (m,)
        [ns]
    """
    from simulator.distributions.rounding import add_up

    last_ns = start_ns
    while last_ns < horizon_ns:
        left_s = (horizon_ns - last_ns) / NS_PER_SECOND
        block = np.empty(int(min(BLOCK, left_s / mean_gap_s * 1.05 + 32)))
        filled = 0
        for start in range(0, len(block), PIECE):
            gaps = block[start : start + PIECE]
            fill_gaps(gaps)
            count, last_ns = add_up(gaps, last_ns, horizon_ns)
            filled += count
            if last_ns == horizon_ns:
                break
        yield block[:filled].view(np.int64)


class UnitPoints:
    """The points of a Poisson process of rate 1, drawn as they are asked for.

    Every rate of a sweep uses the same points, moved by the inverse of its own cumulative rate, so that what a
    study finds is smooth in the rate [1]_.

    Parameters
    ----------
    generator : numpy.random.Generator
        Stream of the points; nothing else draws from it.

    References
    ----------
    .. [1] E. Çinlar, "Introduction to Stochastic Processes" (1975), ch. 4: time change of a Poisson process.
    """

    def __init__(self, generator: np.random.Generator) -> None:
        self._generator = generator
        self._held = np.empty(0)
        self._last = 0.0

    def below(self, limit: float) -> Iterator[NDArray[np.float64]]:
        """The points not given yet that are below a limit, in pieces."""
        while True:
            if not len(self._held):
                if self._last >= limit:
                    # The next point may be below a later limit, never below this one.
                    return
                self._draw(int(min(PIECE, (limit - self._last) * 1.05 + 32)))
            count = int(np.searchsorted(self._held, limit))
            if count:
                piece, self._held = self._held[:count], self._held[count:]
                yield piece
            if len(self._held):
                return

    def _draw(self, n: int) -> None:
        gaps = self._generator.standard_exponential(n)
        gaps[0] += self._last
        # NumPy adds up in order here, one by one, so the sums do not depend on n.
        np.cumsum(gaps, out=gaps)
        self._held, self._last = gaps, float(gaps[-1])


def moved_points(
    points: UnitPoints, stretches: Iterable[tuple[float, Inverse]], horizon_ns: int
) -> Iterator[NDArray[np.int64]]:
    """Arrivals of a Poisson process with a rate that varies in time: Λ⁻¹ of unit-rate points.

    Parameters
    ----------
    points : UnitPoints
        Of rate 1.
    stretches : iterable of (float, callable)
        Consecutive stretches of time: the cumulative rate Λ at the end of each, and the function u → Λ⁻¹(u) within
        it (never decreasing). [s]
    horizon_ns : int
        Arrivals before it are given. [ns]

    Yields
    ------
    ndarray of int64, shape (m,)
        [ns]
    """
    last_ns = 0
    for limit, inverse in stretches:
        for piece in points.below(limit):
            arrival_ns = array_to_ns(inverse(piece))
            # Two points closer than the last digit of a float64 may come out of Λ⁻¹ in the wrong order, then
            # they are one instant.
            arrival_ns[0] = max(int(arrival_ns[0]), last_ns)
            np.maximum.accumulate(arrival_ns, out=arrival_ns)
            count = int(np.searchsorted(arrival_ns, horizon_ns))
            yield arrival_ns[:count]
            if count < len(arrival_ns):
                return
            last_ns = int(arrival_ns[-1])
