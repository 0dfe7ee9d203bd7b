"""Requests that come in groups: put in order, and how much of a group falls into one window."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from typing import Final, TypeVar

import numpy as np
from numpy.typing import NDArray

from simulator.errors import InputError
from simulator.traffic.arrivals import MOST_PER_SECOND, Arrivals
from simulator.traffic.group_sizes import GroupSizes
from simulator.traffic.points import UnitPoints
from simulator.units import duration_text

Grouped = TypeVar("Grouped", bound=Arrivals)

#: Requests drawn at a time, about. It has no influence on any arrival.
REQUESTS: Final = 32_768
#: Most requests expected to be still to come of groups that have begun: all are in memory.
MOST_UNDER_WAY: Final = 1e7


def share_together(x: float) -> float:
    """1 − (1 − e^(−x))/x: chance that two requests of a group fall into one window, given that one does.

    Of requests with independent exponential delays, for a window of x mean delays; infinity for the limit.
    """
    # The difference loses its digits for short windows, where it is x/2.
    return 1.0 if math.isinf(x) else 1.0 + math.expm1(-x) / x if x > 1e-6 else x / 2.0


def one_rate(kind: str, group: str, group_rate: float | None, mean_rate: float | None, sizes: GroupSizes) -> None:
    """Refuse groups by no rate, by both, or with too many requests.

    Raises
    ------
    ValueError
        Naming the values and what is allowed.
    """
    if (group_rate is None) == (mean_rate is None):
        given = "both" if mean_rate is not None else "neither"
        raise ValueError(f"{kind} takes {group}_rate (of all its requests: mean_rate), one of the two; given: {given}")
    rate = 0.0 if group_rate is None else group_rate * sizes.expected()
    if rate > MOST_PER_SECOND:
        raise ValueError(
            f"{group}_rate {group_rate:g}/s times {sizes.expected():g} is {rate:g} requests/s; at most "
            f"{MOST_PER_SECOND:g}/s"
        )


def checked_scale(scaled: Grouped, factor: float) -> Grouped:
    """Traffic that was scaled, if all its requests together are not too many.

    Raises
    ------
    InputError
        If they are.
    """
    rate = scaled.steady_rate or 0.0
    if rate > MOST_PER_SECOND:
        raise InputError(f"traffic scaled by {factor:g}: {rate:g} requests/s, at most {MOST_PER_SECOND:g}/s")
    return scaled


def under_way_problem(mean_rate: float, delay_s: float, name: str) -> list[str]:
    """That too many requests would be to come of groups that have begun, if so."""
    if mean_rate * delay_s <= MOST_UNDER_WAY:
        return []
    return [
        f"{name} {duration_text(delay_s)} at {mean_rate:g} requests/s makes {mean_rate * delay_s:.2g} requests that "
        f"are still to come at any time, at most {MOST_UNDER_WAY:g}; write a shorter {name}"
    ]


def in_order(
    starts: Iterable[NDArray[np.int64]],
    draw_sizes: Callable[[int], NDArray[np.int64]],
    draw_delays: Callable[[int], NDArray[np.int64]] | None,
    mean_size: float,
    before: NDArray[np.int64],
    horizon_ns: int,
) -> Iterator[NDArray[np.int64]]:
    """All requests of all groups, in order.

    Every group has its numbers in the order of the starts, so that pieces have no influence. What is still to come of
    groups that have begun is in memory.

    Parameters
    ----------
    starts : iterable of ndarray of int64
        Starts of the groups, in order, 0 or more, in pieces of any size. [ns]
    draw_sizes, draw_delays : callable
        Requests of the next n groups, and delays behind the start of the next n requests, 0 or more and at most the
        horizon; None: none is delayed. [ns]
    mean_size : float
        Decides how many groups are drawn at a time.
    before : ndarray of int64
        Requests of groups that began before time 0, in any order. [ns]
    horizon_ns : int
        Arrivals before it are given. [ns]

    Yields
    ------
    ndarray of int64, shape (m,)
        [ns]
    """
    at_once = max(1, int(REQUESTS / mean_size))
    held = np.sort(before[before < horizon_ns])
    fresh: list[NDArray[np.int64]] = []
    count = 0
    for block in starts:
        for first in range(0, len(block), at_once):
            start_ns = block[first : first + at_once]
            arrival_ns = np.repeat(start_ns, draw_sizes(len(start_ns)))
            if draw_delays is None:
                yield arrival_ns
                continue
            arrival_ns += draw_delays(len(arrival_ns))
            fresh.append(arrival_ns)
            count += len(arrival_ns)
            # Sorted again when as many are new as are held, so that the work for each stays the same.
            if count >= max(REQUESTS, len(held)):
                held = _merged(held, fresh, horizon_ns)
                fresh, count = [], 0
                # Later groups start no earlier than this one.
                settled = int(np.searchsorted(held, start_ns[-1]))
                yield held[:settled]
                held = held[settled:]
    yield _merged(held, fresh, horizon_ns)


def _merged(held: NDArray[np.int64], fresh: list[NDArray[np.int64]], horizon_ns: int) -> NDArray[np.int64]:
    merged = np.concatenate([held, *fresh])
    merged.sort()
    return merged[: np.searchsorted(merged, horizon_ns)]


def count_before(generator: np.random.Generator, expected: float) -> int:
    """A Poisson number that never falls when what is expected rises."""
    return sum(len(piece) for piece in UnitPoints(generator).below(expected))
