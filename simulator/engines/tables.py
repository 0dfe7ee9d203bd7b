"""What goes into an engine and what comes out: plain arrays, one row per request and one per instance."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, fields
from enum import IntEnum
from typing import Any

import numpy as np
from numpy.typing import NDArray

from simulator.errors import InputError
from simulator.units import FOREVER

#: The value of a column that has none.
NONE = -1


class Outcome(IntEnum):
    """How a request ended."""

    COMPLETED = 0
    THROTTLED = 1
    TIMED_OUT = 2
    EXPIRED = 3


class Reason(IntEnum):
    """At which limit a request was throttled."""

    NONE = 0
    CONCURRENCY = 1
    QUEUE_FULL = 2
    NO_CAPACITY = 3
    RATE = 4
    QUOTA = 5


def _least(name: str) -> int:
    return 1 if name in {"service_ns", "lifetime_ns", "patience_ns", "think_ns"} else 0


@dataclass(frozen=True)
class Demand:
    """What requests ask of one endpoint, n requests in order of arrival; several at one instant are in order.

    Every column but the arrivals holds n values, or one value that holds for all requests.

    Parameters
    ----------
    arrival_ns : ndarray of int64, shape (n,)
        Since the start of the run, never decreasing. [ns]
    service_ns : ndarray of int64, shape (n,) or (1,)
        Service time, 1 or more. [ns]
    startup_ns : ndarray of int64, shape (n,) or (1,)
        Startup time of the instance launched for this request, if one is. [ns]
    idle_timeout_ns : ndarray of int64, shape (n,) or (1,)
        Idle timeout of the instance that this request releases; `FOREVER` for none. [ns]
    lifetime_ns : ndarray of int64, shape (n,) or (1,)
        Lifetime, from its launch, of the instance launched for this request; `FOREVER` for none. [ns]
    routing : ndarray of float64, shape (n,) or (1,)
        Uniform draw in [0, 1) for random choices.
    payload_in_bytes, payload_out_bytes : ndarray of int64, shape (n,) or (1,)
        Request and response size. [B]
    patience_ns : ndarray of int64, shape (n,) or (1,)
        How long the client of this request waits in each attempt, 1 or more; `FOREVER` for ever. Looked at only where
        `Pool.patience` says so. [ns]
    retry_key : ndarray of uint64, shape (1,)
        Key of the draws of `clients.jitter_draw`; looked at only where clients try again.
    think_ns : ndarray of int64, shape (n,) or (1,)
        From the end of this request until its client sends the next, 1 or more; looked at only in a closed population,
        which sets `arrival_ns` itself. [ns]
    tokens_in, tokens_out : ndarray of int64, shape (n,) or (1,)
        Tokens of the request and of its response; looked at only where there is a quota.
    model : ndarray of int64, shape (n,) or (1,)
        Number of the model that the request is for; looked at only where models share instances.
    """

    arrival_ns: NDArray[np.int64]
    service_ns: NDArray[np.int64]
    startup_ns: NDArray[np.int64]
    idle_timeout_ns: NDArray[np.int64]
    lifetime_ns: NDArray[np.int64]
    routing: NDArray[np.float64]
    payload_in_bytes: NDArray[np.int64]
    payload_out_bytes: NDArray[np.int64]
    patience_ns: NDArray[np.int64] = field(default_factory=lambda: np.array([FOREVER]))
    retry_key: NDArray[np.uint64] = field(default_factory=lambda: np.zeros(1, np.uint64))
    think_ns: NDArray[np.int64] = field(default_factory=lambda: np.array([FOREVER]))
    tokens_in: NDArray[np.int64] = field(default_factory=lambda: np.zeros(1, np.int64))
    tokens_out: NDArray[np.int64] = field(default_factory=lambda: np.zeros(1, np.int64))
    model: NDArray[np.int64] = field(default_factory=lambda: np.zeros(1, np.int64))

    def __len__(self) -> int:
        return len(self.arrival_ns)

    def column(self, name: str) -> NDArray[np.int64]:
        """A column with n rows, also where it is constant (then read-only)."""
        values: NDArray[np.int64] = getattr(self, name)
        return values if len(values) == len(self) else np.broadcast_to(values, (len(self),))

    def rows(self, start: int, stop: int) -> Demand:
        """The requests from `start` up to, not including, `stop`."""
        n = len(self)
        columns: dict[str, Any] = {
            name: column[start:stop] if name == "arrival_ns" or (len(column) == n and n != 1) else column
            for name, column in self._columns()
        }
        return Demand(**columns)

    def _columns(self) -> list[tuple[str, NDArray[Any]]]:
        return [(f.name, getattr(self, f.name)) for f in fields(self)]

    @staticmethod
    def from_arrays(
        arrival_ns: object,
        service_ns: object,
        startup_ns: object = 0,
        idle_timeout_ns: object = FOREVER,
        lifetime_ns: object = FOREVER,
        routing: object = 0.0,
        payload_in_bytes: object = 0,
        payload_out_bytes: object = 0,
        patience_ns: object = FOREVER,
        retry_key: int = 0,
        think_ns: object = FOREVER,
        tokens_in: object = 0,
        tokens_out: object = 0,
        model: object = 0,
    ) -> Demand:
        """Demand from anything array-like, checked; a number holds for all requests.

        Raises
        ------
        InputError
            If a column has a wrong length, a value out of range, or arrivals that decrease; all problems at once.
        """
        arrays: dict[str, Any] = {}
        problems = []
        given = dict(
            zip(
                (f.name for f in fields(Demand) if f.name != "retry_key"),
                (
                    arrival_ns,
                    service_ns,
                    startup_ns,
                    idle_timeout_ns,
                    lifetime_ns,
                    routing,
                    payload_in_bytes,
                    payload_out_bytes,
                    patience_ns,
                    think_ns,
                    tokens_in,
                    tokens_out,
                    model,
                ),
                strict=True,
            )
        )
        for name, value in given.items():
            raw = np.atleast_1d(np.asarray(value))
            if raw.ndim != 1 or raw.dtype.kind not in "iuf":
                problems.append(f"{name}: must be one number or one dimension of numbers, is {raw.dtype} {raw.shape}")
                continue
            if name != "routing" and raw.dtype.kind == "f" and not (np.isfinite(raw) & (raw == np.rint(raw))).all():
                problems.append(f"{name}: must be whole and finite")
                continue
            arrays[name] = np.ascontiguousarray(raw, dtype=np.float64 if name == "routing" else np.int64)
        if "arrival_ns" in arrays:
            n = len(arrays["arrival_ns"])
            for name, column in arrays.items():
                if len(column) not in {1, n}:
                    problems.append(f"{name}: has {len(column)} values, must have {n} or 1")
                bad = np.flatnonzero(~((column >= 0) & (column < 1)) if name == "routing" else column < _least(name))
                if len(bad):
                    allowed = "in [0, 1)" if name == "routing" else f"{_least(name)} or more"
                    problems.append(f"{name}: value {column[bad[0]]} in row {bad[0]}, must be {allowed}")
            steps = np.flatnonzero(np.diff(arrays["arrival_ns"]) < 0)
            if len(steps):
                problems.append(f"arrival_ns: row {steps[0] + 1} is earlier than row {steps[0]}, must not decrease")
        if not 0 <= retry_key < 2**64:
            problems.append(f"retry_key: {retry_key}, must be 0 or more and below 2^64")
        if problems:
            raise InputError("demand: " + "; ".join(problems))
        return Demand(**arrays, retry_key=np.array([retry_key], np.uint64))

    @staticmethod
    def joined(blocks: Sequence[Demand]) -> Demand:
        """One demand from consecutive blocks; a column stays constant only if it is so in all of them.

        Raises
        ------
        ValueError
            If there is no block.
        """
        if not blocks:
            raise ValueError("no block to join")
        columns = []
        for f in fields(Demand):
            parts = [getattr(block, f.name) for block in blocks]
            if f.name == "retry_key":
                columns.append(parts[0])
                continue
            constant = f.name != "arrival_ns" and all(len(p) == 1 and p[0] == parts[0][0] for p in parts)
            columns.append(parts[0] if constant else np.concatenate([block.column(f.name) for block in blocks]))
        return Demand(*columns)


@dataclass(frozen=True)
class Requests:
    """How each request of a demand ended, n rows in the same order; `NONE` where a column has no value.

    Parameters
    ----------
    outcome : ndarray of int8, shape (n,)
        `Outcome`.
    reason : ndarray of int8, shape (n,)
        `Reason`, NONE unless throttled.
    start_ns, response_ns, release_ns : ndarray of int64, shape (n,)
        Start of service; when the client has its answer or failure; when the place is free again. [ns]
    instance : ndarray of int64, shape (n,)
        Number of the instance whose place took the request; below `Pool.standing`, or one of
        `Settled.standing_numbers`: a standing one.
    is_cold : ndarray of bool, shape (n,)
        An instance was launched for this request, also where the launch failed.
    """

    outcome: NDArray[np.int8]
    reason: NDArray[np.int8]
    start_ns: NDArray[np.int64]
    response_ns: NDArray[np.int64]
    release_ns: NDArray[np.int64]
    instance: NDArray[np.int64]
    is_cold: NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.outcome)

    @staticmethod
    def empty(n: int) -> Requests:
        """n rows to be filled: completed, without a value anywhere else."""
        start_ns, response_ns, release_ns, instance = (np.full(n, NONE, np.int64) for _ in range(4))
        return Requests(
            outcome=np.zeros(n, np.int8),
            reason=np.zeros(n, np.int8),
            start_ns=start_ns,
            response_ns=response_ns,
            release_ns=release_ns,
            instance=instance,
            is_cold=np.zeros(n, np.bool_),
        )

    def rows(self, start: int, stop: int) -> Requests:
        """The requests from `start` up to, not including, `stop`."""
        return Requests(*(getattr(self, f.name)[start:stop] for f in fields(Requests)))

    @staticmethod
    def joined(blocks: Sequence[Requests]) -> Requests:
        """One table from consecutive blocks."""
        if not blocks:
            return Requests.empty(0)
        return Requests(*(np.concatenate([getattr(b, f.name) for b in blocks]) for f in fields(Requests)))


@dataclass(frozen=True)
class Instances:
    """Every instance of a run, in order of number.

    Parameters
    ----------
    launch_ns : ndarray of int64, shape (m,)
        When it was launched; 0 for standing instances and for the one of a warm start. [ns]
    ready_ns : ndarray of int64, shape (m,)
        When it could serve; `NONE` if its launch failed. [ns]
    gone_ns : ndarray of int64, shape (m,)
        When it was retired, or when its launch failed; `FOREVER` if never. [ns]
    """

    launch_ns: NDArray[np.int64]
    ready_ns: NDArray[np.int64]
    gone_ns: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.launch_ns)


@dataclass(frozen=True)
class Tries:
    """Attempts that did not end their request, because the client tried again; k rows.

    Parameters
    ----------
    number : ndarray of int64, shape (k,)
        Of the request, over the whole run.
    at_ns, next_ns : ndarray of int64, shape (k,)
        When it was made, and when the next one was. [ns]
    outcome, reason, start_ns, response_ns, release_ns, instance, is_cold : ndarray, shape (k,)
        As in `Requests`: how this attempt ended.
    """

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

    def __len__(self) -> int:
        return len(self.number)

    @staticmethod
    def none() -> Tries:
        """No row."""
        whole, small = np.empty(0, np.int64), np.empty(0, np.int8)
        return Tries(whole, whole, whole, small, small, whole, whole, whole, whole, np.empty(0, np.bool_))


@dataclass(frozen=True)
class Changes:
    """Every change of a scaled pool's capacity, in order.

    Parameters
    ----------
    at_ns : ndarray of int64, shape (c,)
        [ns]
    capacity : ndarray of int64, shape (c,)
        Instances in service or starting, draining ones not counted, from then on.
    """

    at_ns: NDArray[np.int64]
    capacity: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.at_ns)

    @staticmethod
    def none() -> Changes:
        """No row."""
        return Changes(np.empty(0, np.int64), np.empty(0, np.int64))


#: Launch times of instances that scaling launches: n → those of the first n launches, in order [ns]. Asked for more, it
#: gives the same beginning.
LaunchTimes = Callable[[int], NDArray[np.int64]]


@dataclass(frozen=True)
class Settled:
    """What an engine knows for good after a block of demand, and has not given back before.

    Parameters
    ----------
    demand : Demand
        The oldest requests whose end is decided, in order of arrival; requests that came after one whose end is not
        yet decided are held back with it.
    requests : Requests
        How they ended, in the same order.
    launched_ns : ndarray of int64
        Launches of instances, in order of number; those that are there from the start are in the first table. [ns]
    gone : Instances
        Instances that are gone, in order of number.
    gone_numbers : ndarray of int64
        Their numbers.
    until_ns : int
        No launch and no end of an instance that is given back later lies before this instant. [ns]
    tries : Tries
        Earlier attempts of these requests, in order of request, then of attempt.
    changes : Changes
        Of capacity, since the last table.
    standing_numbers : ndarray of int64
        Numbers of the standing instances that scaling has launched in a pool that launches, since the last table; all
        other instances from `Pool.standing` on were launched for a request.
    """

    demand: Demand
    requests: Requests
    launched_ns: NDArray[np.int64]
    gone: Instances
    gone_numbers: NDArray[np.int64]
    until_ns: int
    tries: Tries = field(default_factory=Tries.none)
    changes: Changes = field(default_factory=Changes.none)
    standing_numbers: NDArray[np.int64] = field(default_factory=lambda: np.empty(0, np.int64))


@dataclass(frozen=True)
class Run:
    """What an engine gives back for one pool and one demand; `sent` has the arrivals that a closed population made."""

    requests: Requests
    instances: Instances
    tries: Tries = field(default_factory=Tries.none)
    changes: Changes = field(default_factory=Changes.none)
    standing_numbers: NDArray[np.int64] = field(default_factory=lambda: np.empty(0, np.int64))
    sent: Demand | None = None

    @staticmethod
    def joined(parts: Sequence[Settled]) -> Run:
        """The tables of a run from all that was settled: every request, every instance in order of number."""
        order = np.argsort(np.concatenate([part.gone_numbers for part in parts]))
        columns = (np.concatenate([getattr(part.gone, f.name) for part in parts])[order] for f in fields(Instances))
        return Run(
            Requests.joined([part.requests for part in parts]),
            Instances(*columns),
            Tries(*_end_to_end([part.tries for part in parts])),
            Changes(*_end_to_end([part.changes for part in parts])),
            np.concatenate([part.standing_numbers for part in parts]),
            Demand.joined([part.demand for part in parts]),
        )


def _end_to_end(tables: Sequence[Tries] | Sequence[Changes]) -> list[NDArray[Any]]:
    """Each column of some tables of one kind, one table after another."""
    return [np.concatenate([getattr(table, f.name) for table in tables]) for f in fields(tables[0])]
