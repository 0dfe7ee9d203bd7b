"""What is kept of a run that is fed block by block.

Rows until they are decided, instances until they are gone, events until nobody waits for them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, fields, replace
from heapq import heapify
from typing import NamedTuple

import numpy as np
import simpy

from simulator.engines.tables import NONE, Changes, Demand, Instances, Reason, Requests, Settled, Tries
from simulator.errors import InputError
from simulator.units import FOREVER


class Request(NamedTuple):
    """One row of the demand, as Python's numbers."""

    number: int
    arrival_ns: int
    service_ns: int
    startup_ns: int
    idle_timeout_ns: int
    lifetime_ns: int
    routing: float
    patience_ns: int
    think_ns: int
    tokens_in: int
    tokens_out: int
    model: int


def requests_of(block: Demand, first: int) -> Iterator[Request]:
    """The rows of a block one at a time, numbered from that of the first."""
    at_once = 1_000
    columns = [block.column(name) for name in Request._fields[1:]]
    for start in range(0, len(block), at_once):
        rows = zip(*(column[start : start + at_once].tolist() for column in columns), strict=True)
        for number, row in enumerate(rows, first + start):
            yield Request(number, *row)


@dataclass(eq=False, slots=True)
class Attempt:
    """One attempt of a request and how it ended, as far as that is known; columns as in `Requests`.

    `index` counts from 1. `next_ns` is when the next attempt is made, `NONE` for the last. It is decided when no
    column will change any more.
    """

    request: Request
    at_ns: int
    index: int = 1
    next_ns: int = NONE
    outcome: int = NONE
    reason: int = Reason.NONE
    start_ns: int = NONE
    response_ns: int = NONE
    release_ns: int = NONE
    instance: int = NONE
    is_cold: bool = False
    is_decided: bool = False

    @property
    def is_answered(self) -> bool:
        """Whether it is known how and when it ends for its client."""
        return self.outcome != NONE


@dataclass(eq=False)
class InstanceRow:
    """One row of `Instances`, with its number; gone for good once its end is written."""

    number: int
    launch_ns: int = 0
    ready_ns: int = 0
    gone_ns: int = FOREVER


class Ledger:
    """The rows of a run, from their entry until they are given back; what was given back is forgotten.

    Requests and instances are numbered over the whole run, in order of entry.
    """

    def __init__(self) -> None:
        self._demand = Demand.from_arrays(np.empty(0, np.int64), 1)
        self._rows = Requests.empty(0)
        self._is_decided = np.zeros(0, np.bool_)
        self._oldest = 0  # number of the first request held
        self._sent = 0  # requests that have arrived or are told to, the first ones
        self._living: dict[int, InstanceRow] = {}
        self._launched_ns: list[int] = []
        self._provisioned: list[int] = []  # numbers of the standing instances that scaling launched
        self._until_ns = 0
        self._tries: dict[int, list[Attempt]] = {}  # attempts that others follow, by request
        self._undecided: dict[int, int] = {}  # attempts, the one that follows included, of these requests
        self._changes: list[tuple[int, int]] = []
        #: Instances entered so far: the number of the next one.
        self.instances = 0

    def enter(self, block: Demand) -> Iterator[Request]:
        """The next requests, entered.

        Raises
        ------
        InputError
            If they begin before the last request entered, or one of them never arrives.
        """
        if len(block) > 0:
            first_ns, last_ns = int(block.arrival_ns[0]), int(block.arrival_ns[-1])
            if first_ns < self._until_ns:
                raise InputError(f"demand: block begins at {first_ns} ns, must not be before {self._until_ns} ns")
            if last_ns == FOREVER:
                raise InputError(f"demand: arrival at {last_ns} ns, which stands for never; must be before it")
            self._until_ns = last_ns
        requests = self._held(block)
        self._sent = self._oldest + len(self._rows)
        return requests

    def offer(self, block: Demand) -> Iterator[Request]:
        """The next requests, each of which arrives when somebody sends it; one that nobody sends is forgotten."""
        return self._held(replace(block, arrival_ns=np.zeros(len(block), np.int64)))

    def send(self, number: int, at_ns: int) -> None:
        """Enter that the next of the requests offered is sent."""
        self._demand.arrival_ns[number - self._oldest] = at_ns
        self._until_ns = at_ns
        self._sent = number + 1

    def _held(self, block: Demand) -> Iterator[Request]:
        """The rows of a block, held from now on."""
        first = self._oldest + len(self._rows)
        self._demand = Demand.joined([self._demand, block]) if len(self._demand) > 0 else block
        self._rows = Requests.joined([self._rows, Requests.empty(len(block))])
        self._is_decided = np.append(self._is_decided, np.zeros(len(block), np.bool_))
        return requests_of(block, first)

    def follow(self, attempt: Attempt) -> None:
        """Enter that another attempt follows this one, which may still be undecided."""
        number = attempt.request.number
        self._tries.setdefault(number, []).append(attempt)
        self._undecided[number] = self._undecided.get(number, 1) + 1

    def decide(self, attempt: Attempt) -> None:
        """Enter that an attempt is as it will be; with all its attempts a request is decided."""
        attempt.is_decided = True
        number = attempt.request.number
        row = number - self._oldest
        if attempt.next_ns == NONE:
            rows = self._rows
            rows.outcome[row], rows.reason[row], rows.is_cold[row] = attempt.outcome, attempt.reason, attempt.is_cold
            rows.start_ns[row], rows.response_ns[row] = attempt.start_ns, attempt.response_ns
            rows.release_ns[row], rows.instance[row] = attempt.release_ns, attempt.instance
        if number in self._undecided:
            self._undecided[number] -= 1
            if self._undecided[number] > 0:
                return
            del self._undecided[number]
        self._is_decided[row] = True

    def change(self, at_ns: int, capacity: int) -> None:
        """Enter a change of capacity."""
        self._changes.append((at_ns, capacity))

    def launch(self, instance: InstanceRow, *, is_provisioned: bool = False) -> None:
        """Enter the next instance, also whether scaling provisioned it in a pool that launches."""
        self._living[instance.number] = instance
        self._launched_ns.append(instance.launch_ns)
        if is_provisioned:
            self._provisioned.append(instance.number)
        self.instances += 1

    def settle(self) -> Settled:
        """The oldest requests as far as they are decided, the instances launched since the last time, those gone."""
        n = int(np.argmin(np.append(self._is_decided, False)))
        return self._given_back(n, [one for one in self._living.values() if one.gone_ns < FOREVER], self._until_ns)

    def close(self) -> Settled:
        """The rest, once nothing more can happen.

        Raises
        ------
        InputError
            If the end of a request is still undecided.
        """
        n = self._sent - self._oldest
        if not self._is_decided[:n].all():
            raise InputError("demand: requests wait for ever, for a service that never ends or for no capacity")
        return self._given_back(n, list(self._living.values()), FOREVER)

    def _given_back(self, n: int, gone: Iterable[InstanceRow], until_ns: int) -> Settled:
        """The first n requests held and some instances, which are then forgotten."""
        gone = sorted(gone, key=lambda one: one.number)
        times = np.array([(one.launch_ns, one.ready_ns, one.gone_ns) for one in gone], np.int64).reshape(-1, 3)
        settled = Settled(
            demand=self._demand.rows(0, n),
            requests=self._rows.rows(0, n),
            launched_ns=np.array(self._launched_ns, np.int64),
            gone=Instances(*times.T.copy()),
            gone_numbers=np.array([one.number for one in gone], np.int64),
            until_ns=until_ns,
            tries=self._tries_before(self._oldest + n),
            changes=Changes(*np.array(self._changes, np.int64).reshape(-1, 2).T.copy()),
            standing_numbers=np.array(self._provisioned, np.int64),
        )
        held = len(self._rows)
        self._demand, self._rows = self._demand.rows(n, held), self._rows.rows(n, held)
        self._is_decided = self._is_decided[n:]
        self._oldest += n
        self._launched_ns.clear()
        self._provisioned.clear()
        self._changes.clear()
        for one in gone:
            del self._living[one.number]
        return settled

    def _tries_before(self, number: int) -> Tries:
        """The earlier attempts of the requests before one, which are then forgotten."""
        numbers = sorted(held for held in self._tries if held < number)
        tries = [one for held in numbers for one in self._tries.pop(held)]
        known = {"number": [one.request.number for one in tries]}
        types = {f.name: getattr(Tries.none(), f.name).dtype for f in fields(Tries)}
        return Tries(
            **{
                name: np.array(known.get(name) or [getattr(one, name) for one in tries], type_)
                for name, type_ in types.items()
            }
        )


class Calendar(simpy.Environment):
    """SimPy's environment, able to forget."""

    def forget(self) -> None:
        """Drop the events that nobody waits for any more, such as the retirement of an instance that was reused."""
        self._queue[:] = [entry for entry in self._queue if entry[-1].callbacks]
        heapify(self._queue)
