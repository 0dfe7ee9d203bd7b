"""How one row of demand is read and one row of the requests table is written (the table in model.md 2)."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from simulator.engines.compiled.kernels import rule
from simulator.engines.compiled.saturating import plus
from simulator.engines.tables import NONE, Demand, Outcome, Reason, Requests

_NONE = int(NONE)
_COMPLETED, _THROTTLED, _TIMED_OUT = int(Outcome.COMPLETED), int(Outcome.THROTTLED), int(Outcome.TIMED_OUT)
_NO_REASON = int(Reason.NONE)


class Table(NamedTuple):
    """The columns of `Requests`, for kernels."""

    outcome: NDArray[np.int8]
    reason: NDArray[np.int8]
    start_ns: NDArray[np.int64]
    response_ns: NDArray[np.int64]
    release_ns: NDArray[np.int64]
    instance: NDArray[np.int64]
    is_cold: NDArray[np.bool_]


class End(NamedTuple):
    """How one attempt ends: a row of such a table."""

    outcome: int
    reason: int
    start_ns: int
    response_ns: int
    release_ns: int
    instance: int
    is_cold: bool


def empty_table(n: int) -> Table:
    """n rows whose content is undefined: a kernel writes every column of every row."""
    start_ns, response_ns, release_ns, instance = (np.empty(n, np.int64) for _ in range(4))
    return Table(
        np.empty(n, np.int8), np.empty(n, np.int8), start_ns, response_ns, release_ns, instance, np.empty(n, np.bool_)
    )


def requests_of(table: Table) -> Requests:
    """The same columns as the table that engines give back."""
    return Requests(*table)


def all_throttled(n: int, reason: Reason) -> Requests:
    """n rows of requests that were turned away for one reason."""
    requests = Requests.empty(n)
    requests.outcome[:] = _THROTTLED
    requests.reason[:] = int(reason)
    return requests


class Column(NamedTuple):
    """One column of demand; row i is `values[i & mask]`, so that a constant column stays one value."""

    values: NDArray[Any]
    mask: int


def column_of(demand: Demand, name: str) -> Column:
    """A column of demand for kernels.

    The array is contiguous and writable even if the given one is not: Numba would compile the kernel anew for
    every other kind of array.
    """
    values = np.require(getattr(demand, name), np.float64 if name == "routing" else np.int64, ["C", "A", "W"])
    return Column(values, -1 if len(values) == len(demand) else 0)


@rule
def answer(release_ns: int, limit_ns: int) -> tuple[int, int]:
    """Outcome and response of an attempt that a place serves until its release, under a limit.

    Completed if it is released no later than its limit: at one instant a release comes first (ranks 10 and 50).
    """
    in_time = release_ns <= limit_ns
    return _COMPLETED if in_time else _TIMED_OUT, release_ns if in_time else limit_ns


@rule
def write_end(table: Table, row: int, end: End) -> None:
    """Write a row."""
    table.outcome[row] = end.outcome
    table.reason[row] = end.reason
    table.start_ns[row] = end.start_ns
    table.response_ns[row] = end.response_ns
    table.release_ns[row] = end.release_ns
    table.instance[row] = end.instance
    table.is_cold[row] = end.is_cold


@rule
def write_served(
    table: Table, row: int, start_ns: int, service_ns: int, limit_ns: int, instance: int, is_cold: bool
) -> int:
    """When the place is free again, after writing the row of a request that a place took."""
    release_ns = plus(start_ns, service_ns)
    outcome, response_ns = answer(release_ns, limit_ns)
    write_end(table, row, End(outcome, _NO_REASON, start_ns, response_ns, release_ns, instance, is_cold))
    return release_ns


@rule
def write_failed_launch(table: Table, row: int, failure_ns: int, instance: int) -> None:
    """Row of a request whose launch took longer than the startup limit."""
    write_end(table, row, End(_TIMED_OUT, _NO_REASON, _NONE, failure_ns, failure_ns, instance, True))


@rule
def write_given_up(table: Table, row: int, limit_ns: int) -> None:
    """Row of a request that left the queue at its limit."""
    write_end(table, row, End(_TIMED_OUT, _NO_REASON, _NONE, limit_ns, _NONE, _NONE, False))


@rule
def write_throttled(table: Table, row: int, reason: int) -> None:
    """Row of a request that was turned away."""
    write_end(table, row, End(_THROTTLED, reason, _NONE, _NONE, _NONE, _NONE, False))
