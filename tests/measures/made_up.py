"""Tables of runs that no engine made: any attempts on any instances, so that each sum is put to the test.

They keep to what holds in every run (services inside the life of their instance, launches by cold attempts), and to no
rule of queues: a tally adds up what it is given.
"""

from __future__ import annotations

import itertools
import random
from collections.abc import Sequence
from typing import Any

import numpy as np

from simulator.engines.clients import Retries
from simulator.engines.pool import Pool, Routing, WaitingRequests
from simulator.engines.scaling import Scaling
from simulator.engines.tables import NONE, Changes, Demand, Instances, Outcome, Reason, Requests, Run, Settled, Tries
from simulator.units import FOREVER

_COLUMNS = ("outcome", "reason", "start_ns", "response_ns", "release_ns", "instance", "is_cold")
_TYPES = (np.int8, np.int8, np.int64, np.int64, np.int64, np.int64, np.bool_)
Row = tuple[int, int, int, int, int, int, bool]


def attempt(
    outcome: Outcome,
    start: int = NONE,
    response: int = NONE,
    release: int = NONE,
    instance: int = NONE,
    is_cold: bool = False,
    reason: Reason = Reason.NONE,
) -> Row:
    """How an attempt ended."""
    return (outcome, reason, start, response, release, instance, is_cold)


def throttled(reason: Reason = Reason.CONCURRENCY) -> Row:
    """Turned away."""
    return attempt(Outcome.THROTTLED, reason=reason)


def table(rows: Sequence[Row]) -> dict[str, Any]:
    """Columns of some rows."""
    columns = zip(*rows, strict=True) if rows else [[] for _ in _COLUMNS]
    return {name: np.array(column, kind) for name, column, kind in zip(_COLUMNS, columns, _TYPES, strict=True)}


def run_of(
    ends: Sequence[Row],
    instances: Sequence[tuple[int, int, int]],
    tries: Sequence[tuple[int, int, int, Row]] = (),
    changes: Sequence[tuple[int, int]] = (),
) -> Run:
    """A run from rows: ends of requests; launch, ready, gone; number, at, next of tries; changes of capacity."""
    earlier = [np.array([row[k] for row in tries], np.int64) for k in range(3)]
    return Run(
        Requests(**table(ends)),
        Instances(*(np.array([row[k] for row in instances], np.int64) for k in range(3))),
        Tries(*earlier, **table([row[3] for row in tries])),
        Changes(*(np.array([row[k] for row in changes], np.int64) for k in range(2))),
    )


def settled_of(demand: Demand, run: Run, cuts: Sequence[int] = ()) -> list[Settled]:
    """The run between each two cuts, tries with their requests; instances come with the last part.

    Changes of capacity, and which instances scaling launched, come with the first.
    """
    nothing = np.empty(0, np.int64)
    none = Instances(nothing, nothing, nothing)
    parts = []
    for start, stop in itertools.pairwise([0, *sorted(cuts), len(demand)]):
        mine = (run.tries.number >= start) & (run.tries.number < stop)
        tries = Tries(*(getattr(run.tries, name)[mine] for name in Tries.__dataclass_fields__))
        block = demand.rows(start, stop), run.requests.rows(start, stop)
        at_first = (Changes.none(), nothing) if parts else (run.changes, run.standing_numbers)
        parts.append(Settled(*block, nothing, none, nothing, 0, tries, *at_first))
    numbers = np.arange(len(run.instances))
    rest = demand.rows(0, 0), run.requests.rows(0, 0), run.instances.launch_ns, run.instances, numbers, FOREVER
    return [*parts, Settled(*rest)]


def case(dice: random.Random, *, launches: bool, first_free: bool = False) -> tuple[Pool, Demand, Run]:
    """A pool with retries, and a run of it."""
    places = dice.choice([1, 2, 3]) if first_free or not launches else 1
    pool = _launching(dice, places, first_free=first_free) if launches else _scaling(dice, places)
    n = dice.randint(0, 30)
    arrivals = sorted(dice.randint(0, 60) for _ in range(n))
    services, startups = ([dice.randint(least, 6) for _ in range(n)] for least in (1, 0))
    instances = [(0, 0, FOREVER if launches else dice.choice([FOREVER, 90])) for _ in range(pool.standing)]
    launched = 0
    if not launches:
        launched = dice.randint(0, 4)
        for at in sorted(dice.randint(0, 50) for _ in range(launched)):
            ready = at + dice.randint(0, 9)
            instances.append((at, ready, dice.choice([FOREVER, ready + dice.randint(20, 80)])))
    causes: list[tuple[int, int, int]] = []
    tries: list[tuple[int, int, int, Row]] = []
    ends: list[Row] = []
    waiting: list[tuple[int, int, bool]] = []
    for number, arrival in enumerate(arrivals):
        at = arrival
        while dice.random() < 0.3:
            after = at + dice.randint(1, 9)
            waiting.append((number, at, False))
            tries.append((number, at, after, throttled()))
            at = after
        waiting.append((number, at, True))
    for number, at, _ in waiting:
        if launches and dice.random() < 0.4:
            causes.append((at, number, startups[number]))
    # Launches are numbered in order of time.
    cold: dict[tuple[int, int], int] = {}
    for at, number, startup in sorted(causes):
        cold[number, at] = len(instances)
        instances.append((at, at + startup, at + startup + dice.randint(20, 60)))
    on: dict[int, list[tuple[int, int]]] = {i: [] for i in range(len(instances))}
    if not first_free:
        for (number, _), place in cold.items():
            ready = instances[place][1]
            on[place].append((ready, ready + services[number]))

    def start_on(place: int, at: int, service: int) -> int | None:
        """When a place there could take a service."""
        launch, ready, gone = instances[place]
        for start in sorted({max(at, ready), *(max(at, ready, end) for _, end in on[place])}):
            ends = start + service
            full = any(
                sum(b <= instant < e for b, e in on[place]) >= places
                for instant in (start, *(b for b, _ in on[place] if start <= b < ends))
            )
            if not full and launch <= at and ends <= gone:
                return start
        return None

    def row(number: int, at: int, *, last: bool) -> Row:
        own = cold.get((number, at))
        if own is not None and not first_free:
            _, ready, _ = instances[own]
            return served(ready, services[number], own, is_cold=True, last=last)
        starts = {i: start_on(i, at, services[number]) for i in range(len(instances))}
        fit = [(start, i) for i, start in starts.items() if start is not None]
        if not fit or dice.random() < 0.2:
            if own is not None or dice.random() < 0.5:
                outcome = Outcome.TIMED_OUT if not last or dice.random() < 0.5 else Outcome.EXPIRED
                return attempt(outcome, response=at + dice.randint(0, 5), is_cold=own is not None)
            return throttled(dice.choice([Reason.CONCURRENCY, Reason.RATE, Reason.NO_CAPACITY]))
        start, place = dice.choice(fit)
        on[place].append((start, start + services[number]))
        return served(start, services[number], place, is_cold=own is not None, last=last)

    def served(start: int, service: int, place: int, *, is_cold: bool, last: bool) -> Row:
        if last and dice.random() < 0.7:
            return attempt(Outcome.COMPLETED, start, start + service, start + service, place, is_cold)
        response = start + dice.randint(0, service)
        return attempt(Outcome.TIMED_OUT, start, response, start + service, place, is_cold)

    rows = iter(tries)
    tries = []
    for number, at, last in waiting:
        if last:
            ends.append(row(number, at, last=True))
        else:
            _, _, after, _ = next(rows)
            tries.append((number, at, after, row(number, at, last=False)))
    demand = Demand.from_arrays(
        arrivals,
        services or 1,
        startup_ns=startups or 0,
        payload_in_bytes=[dice.randint(0, 9) for _ in range(n)] or 0,
        payload_out_bytes=dice.randint(0, 9),
    )
    capacity, changes = pool.standing, []
    for launch, _, _ in instances[pool.standing :] if not launches else []:
        capacity += 1
        changes.append((launch, capacity))
        if dice.random() < 0.3:
            capacity -= 1
            changes.append((launch, capacity))
    return pool, demand, run_of(ends, instances, tries, changes)


def _launching(dice: random.Random, places: int, *, first_free: bool) -> Pool:
    return Pool(
        standing=dice.choice([0, 1, 2]),
        launches=True,
        places=places,
        routing=Routing.MOST_RECENTLY_IDLE,
        waiting_requests=WaitingRequests.FIRST_FREE if first_free else WaitingRequests.BOUND,
        retries=Retries(attempts=9, base_ns=1, after_timeout=True),
    )


def _scaling(dice: random.Random, places: int) -> Pool:
    return Pool(
        standing=dice.choice([0, 1, 2]),
        launches=False,
        places=places,
        routing=Routing.CENTRAL_QUEUE,
        scaling=Scaling(0, 99, 100),
        retries=Retries(attempts=9, base_ns=1, after_timeout=True),
    )
