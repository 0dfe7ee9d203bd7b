"""When a client tries again, and the attempts that did not end their request (model.md 4.3)."""

from __future__ import annotations

from dataclasses import fields
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from simulator.engines.clients import GOLDEN, MIX_1, MIX_2, Retries
from simulator.engines.compiled.growing import doubled
from simulator.engines.compiled.kernels import rule
from simulator.engines.compiled.rows import End
from simulator.engines.compiled.saturating import plus
from simulator.engines.tables import Outcome, Tries
from simulator.units import FOREVER

_THROTTLED, _TIMED_OUT = int(Outcome.THROTTLED), int(Outcome.TIMED_OUT)
# Typed, or Numba would reckon with signed numbers or in floating point.
_ONE, _GOLDEN, _MIX_1, _MIX_2 = np.uint64(1), np.uint64(GOLDEN), np.uint64(MIX_1), np.uint64(MIX_2)
_UPPER_53, _30, _27, _31 = np.uint64(11), np.uint64(30), np.uint64(27), np.uint64(31)
#: The least time in double precision that int64 does not hold.
_TOO_LONG = 2.0**63


class Retrying(NamedTuple):
    """How clients try again, for kernels.

    Parameters
    ----------
    attempts : int
        In all; 1 if nobody tries again.
    jitter, after_timeout : bool
        As in `Retries`.
    delays_ns : ndarray of float64, shape (attempts - 1,)
        As `Retries.delays_ns`; one entry that is not looked at if nobody tries again. [ns]
    """

    attempts: int
    jitter: bool
    after_timeout: bool
    delays_ns: NDArray[np.float64]


def retrying_of(retries: Retries | None) -> Retrying:
    """The same for kernels."""
    if retries is None:
        return Retrying(1, False, False, np.zeros(1))
    return Retrying(retries.attempts, retries.jitter, retries.after_timeout, np.array(retries.delays_ns(), np.float64))


@rule
def tries_again(retrying: Retrying, outcome: int, attempt: int) -> bool:
    """Whether an attempt, from 1, that ended like this is followed by another."""
    return attempt < retrying.attempts and (outcome == _THROTTLED or (retrying.after_timeout and outcome == _TIMED_OUT))


@rule
def next_attempt_ns(retrying: Retrying, key: np.uint64, number: int, attempt: int, ended_ns: int) -> int:
    """When the client of a request tries again after an attempt, from 1, that ended badly."""
    delay = retrying.delays_ns[attempt - 1]
    if retrying.jitter:
        delay *= jitter_of(key, number, attempt)
    delay = np.rint(delay)
    whole_ns = FOREVER if delay >= _TOO_LONG else max(1, int(delay))
    return int(plus(ended_ns, whole_ns))


@rule
def next_try_ns(retrying: Retrying, key: np.uint64, number: int, attempt: int, outcome: int, ended_ns: int) -> int:
    """When another attempt is made after one, from 1, that ended like this; `FOREVER` if none ever is."""
    if not tries_again(retrying, outcome, attempt):
        return FOREVER
    return next_attempt_ns(retrying, key, number, attempt, ended_ns)


@rule
def jitter_of(key: np.uint64, number: int, attempt: int) -> float:
    """The draw of `clients.jitter_draw`."""
    z = _mixed(key + _GOLDEN * (np.uint64(number) + _ONE))
    w = _mixed(z + _GOLDEN * np.uint64(attempt))
    return float(w >> _UPPER_53) * 2.0**-53


@rule
def _mixed(state: np.uint64) -> np.uint64:
    state = (state ^ (state >> _30)) * _MIX_1
    state = (state ^ (state >> _27)) * _MIX_2
    return state ^ (state >> _31)


class Tried(NamedTuple):
    """The columns of `Tries`, for kernels; rows in the order in which the attempts were decided."""

    number: NDArray[np.int64]
    at_ns: NDArray[np.int64]
    next_ns: NDArray[np.int64]
    outcome: NDArray[np.int8]
    reason: NDArray[np.int8]
    start_ns: NDArray[np.int64]
    response_ns: NDArray[np.int64]
    release_ns: NDArray[np.int64]
    instance: NDArray[np.int64]
    is_cold: NDArray[np.bool_]


def nothing_tried(room: int) -> Tried:
    """Room for so many rows."""
    none = Tries.none()
    columns: list[Any] = [np.zeros(room, getattr(none, f.name).dtype) for f in fields(Tries)]
    return Tried(*columns)


def with_more_tries(tried: Tried) -> Tried:
    """The same with twice the room."""
    columns: list[Any] = [doubled(column) for column in tried]
    return Tried(*columns)


def take_tries(tried: Tried, size: int, below: int) -> tuple[Tries, int]:
    """The attempts of all requests below a number, which are forgotten, and how many stay.

    Parameters
    ----------
    tried : Tried
    size : int
        Rows in use; those of one request are in order of attempt.
    below : int
        Number of the first request whose attempts stay.

    Returns
    -------
    Tries
        In order of request, then of attempt.
    int
        Rows in use from now on.
    """
    if size == 0:
        return Tries.none(), 0
    is_taken = tried.number[:size] < below
    taken = np.flatnonzero(is_taken)
    order = taken[np.argsort(tried.number[taken], kind="stable")]
    columns: list[Any] = [column[order] for column in tried]
    kept = np.flatnonzero(~is_taken)
    for column in tried:
        column[: len(kept)] = column[kept]
    return Tries(*columns), len(kept)


@rule
def write_try(tried: Tried, row: int, number: int, at_ns: int, next_ns: int, end: End) -> None:
    """Write the row of an attempt, made at one instant and followed by another; there must be room."""
    tried.number[row] = number
    tried.at_ns[row] = at_ns
    tried.next_ns[row] = next_ns
    tried.outcome[row] = end.outcome
    tried.reason[row] = end.reason
    tried.start_ns[row] = end.start_ns
    tried.response_ns[row] = end.response_ns
    tried.release_ns[row] = end.release_ns
    tried.instance[row] = end.instance
    tried.is_cold[row] = end.is_cold
