"""Identities that hold on every run, reckoned from the rows in the plainest way; nothing here is fast.

"Before an arrival" means just before it, after everything of that instant that ranks before it: releases, failed
launches, instances ready or retired, requests giving up, arrivals of lower number.
"""

from __future__ import annotations

from bisect import insort
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from simulator.engines.pool import OnGiveUp, Pool, Routing, TimeoutFrom
from simulator.engines.tables import NONE, Demand, Outcome, Reason, Run
from simulator.units import FOREVER

Counts = NDArray[np.int64]


def later(instant_ns: int, duration_ns: int) -> int:
    """A sum of times, saturated."""
    return min(int(instant_ns) + int(duration_ns), FOREVER)


def assert_every_request_ends_once(pool: Pool, demand: Demand, run: Run) -> None:
    """Conservation, and each row as the table of model.md 2 has it."""
    rows = run.requests
    counts = [int(np.sum(rows.outcome == outcome)) for outcome in Outcome]
    assert len(demand) == len(rows) == sum(counts)
    service, startup = demand.column("service_ns"), demand.column("startup_ns")
    for i, arrival in enumerate(demand.arrival_ns.tolist()):
        start, response, release = int(rows.start_ns[i]), int(rows.response_ns[i]), int(rows.release_ns[i])
        instance, is_cold = int(rows.instance[i]), bool(rows.is_cold[i])
        if rows.outcome[i] == Outcome.THROTTLED:
            at_limit = Reason.CONCURRENCY if pool.launches else Reason.QUEUE_FULL
            assert (at_limit if pool.standing or pool.launches else Reason.NO_CAPACITY) == rows.reason[i]
            assert (NONE, NONE, NONE, NONE, False) == (start, response, release, instance, is_cold)
            continue
        assert rows.reason[i] == Reason.NONE
        assert is_cold <= pool.launches
        if start == NONE and pool.launches:  # its launch failed
            assert rows.outcome[i] == Outcome.TIMED_OUT
            assert is_cold
            assert startup[i] > pool.startup_limit_ns
            assert later(arrival, pool.startup_limit_ns) == response == release
            assert 0 <= instance < len(run.instances)
            continue
        if start == NONE:  # it left the queue
            assert rows.outcome[i] == Outcome.TIMED_OUT
            assert pool.on_give_up is OnGiveUp.LEAVE
            assert (later(arrival, pool.timeout_ns), NONE, NONE) == (response, release, instance)
            continue
        limit = later(start if pool.timeout_from is TimeoutFrom.START else arrival, pool.timeout_ns)
        assert 0 <= instance < len(run.instances)
        assert later(start, service[i]) == release
        assert min(release, limit) == response
        assert (Outcome.COMPLETED if release <= limit else Outcome.TIMED_OUT) == rows.outcome[i]
        if pool.launches:
            assert later(arrival, startup[i] if is_cold else 0) == start
            assert not is_cold or startup[i] <= pool.startup_limit_ns
        else:
            assert arrival <= start
            assert start <= limit or pool.on_give_up is OnGiveUp.SERVE_ON


class Before(NamedTuple):
    """What each arrival found: counts just before it."""

    busy_standing: Counts
    idle_standing: Counts
    busy_on_demand: Counts
    idle_on_demand: Counts
    alive_on_demand: Counts


def before_arrivals(pool: Pool, demand: Demand, run: Run) -> Before:
    """Busy (or starting) and idle instances before each arrival, of a pool that launches."""
    assert pool.launches
    rows, n = run.requests, len(demand)
    found = Before(*(np.zeros(n, np.int64) for _ in Before._fields))
    last: dict[int, int] = dict.fromkeys(range(pool.standing), NONE)  # instance → its last request
    if pool.starts_warm and n:
        last[pool.standing] = NONE
    for i, arrival in enumerate(demand.arrival_ns.tolist()):
        for instance, request in last.items():
            is_busy = request != NONE and rows.release_ns[request] > arrival
            is_alive = run.instances.gone_ns[instance] > arrival
            if instance < pool.standing:
                found.busy_standing[i] += is_busy
                found.idle_standing[i] += not is_busy
            else:
                found.busy_on_demand[i] += is_busy
                found.idle_on_demand[i] += is_alive and not is_busy
                found.alive_on_demand[i] += is_alive
        if rows.instance[i] != NONE:
            assert last.get(int(rows.instance[i]), NONE) == NONE or (
                rows.release_ns[last[int(rows.instance[i])]] <= arrival
            ), "two requests on one instance"
            last[int(rows.instance[i])] = i
    return found


def assert_arrivals_are_placed(pool: Pool, demand: Demand, run: Run) -> None:
    """Limit, idle standing instance, idle on-demand instance, launch: rules 1 to 4 of model.md 3 at each arrival."""
    found, rows = before_arrivals(pool, demand, run), run.requests
    occupied = found.busy_standing + found.busy_on_demand
    is_at_limit = occupied >= pool.max_concurrency
    assert (occupied <= pool.max_concurrency).all()
    assert np.array_equal(is_at_limit, rows.outcome == Outcome.THROTTLED)
    is_standing = ~is_at_limit & (found.idle_standing > 0)
    assert np.array_equal(is_standing, (rows.instance != NONE) & (rows.instance < pool.standing))
    is_reused = ~is_at_limit & ~is_standing & (found.idle_on_demand > 0)
    assert np.array_equal(is_reused, (rows.instance >= pool.standing) & ~rows.is_cold)
    assert np.array_equal(~is_at_limit & ~is_standing & ~is_reused, rows.is_cold)
    assert np.array_equal(found.busy_on_demand + found.idle_on_demand, found.alive_on_demand)


def assert_instances_live_as_told(pool: Pool, demand: Demand, run: Run) -> None:
    """Launch, reuse before the deadline, retirement at it; busy and idle time make up the time alive."""
    rows, instances = run.requests, run.instances
    idle_timeout, lifetime = demand.column("idle_timeout_ns"), demand.column("lifetime_ns")
    launched = np.flatnonzero(rows.is_cold)
    first_on_demand = pool.standing + (pool.starts_warm and len(demand) > 0)
    assert np.arange(first_on_demand, first_on_demand + len(launched)).tolist() == rows.instance[launched].tolist()
    assert first_on_demand + len(launched) == len(instances)
    for number in range(len(instances)):
        launch, ready, gone = (int(getattr(instances, f"{name}_ns")[number]) for name in ("launch", "ready", "gone"))
        if number < pool.standing:
            assert (0, 0, FOREVER) == (launch, ready, gone)
            continue
        served = np.flatnonzero(rows.instance == number).tolist()
        if number < first_on_demand:
            cause, busy_ns, idle_from, deadline = 0, 0, 0, min(int(idle_timeout[0]), int(lifetime[0]))
            assert (0, 0) == (launch, ready)
        else:
            cause = served.pop(0)
            assert demand.arrival_ns[cause] == launch
            if rows.start_ns[cause] == NONE:
                assert ([], NONE, int(rows.release_ns[cause])) == (served, ready, gone)
                continue
            assert rows.start_ns[cause] == ready
            idle_from = int(rows.release_ns[cause])
            busy_ns = idle_from - launch
            deadline = min(
                later(idle_from, idle_timeout[cause]), max(idle_from, later(launch, lifetime[cause])), FOREVER
            )
        idle_ns = 0
        for i in served:
            assert idle_from <= demand.arrival_ns[i] < deadline
            idle_ns += int(demand.arrival_ns[i]) - idle_from
            idle_from = int(rows.release_ns[i])
            busy_ns += idle_from - int(demand.arrival_ns[i])
            deadline = min(later(idle_from, idle_timeout[i]), max(idle_from, later(launch, lifetime[cause])))
        assert deadline == gone
        idle_ns += gone - idle_from
        assert gone - launch == busy_ns + idle_ns


def window_maxima(pool: Pool, demand: Demand, run: Run, idle_timeout_ns: int) -> tuple[Counts, Counts]:
    """Busy on-demand instances before each arrival, and their maximum over the idle timeout before it.

    A level counts if it ended less than the timeout ago, strictly: idle for its timeout is gone (model.md 3).
    """
    rows, releases = run.requests, list[int]()
    ended = [(0, 1)] if pool.starts_warm else []  # (when a level ended, the level)
    before, maxima = [], []
    for i, arrival in enumerate(demand.arrival_ns.tolist()):
        while releases and releases[0] <= arrival:
            ended.append((releases[0], len(releases)))
            releases.pop(0)
        before.append(len(releases))
        maxima.append(max([len(releases), *(level for end, level in ended if end + idle_timeout_ns > arrival)]))
        if rows.instance[i] >= pool.standing:
            insort(releases, int(rows.release_ns[i]))
    return np.array(before, np.int64), np.array(maxima, np.int64)


def assert_sliding_window(pool: Pool, demand: Demand, run: Run) -> None:
    """With constant idle timeout, no lifetime and no failed launch, the pool is as large as its recent maximum.

    Just before an arrival the on-demand instances alive are the maximum number busy over the last idle timeout, and
    a request is cold where the number busy is that maximum: exactly with most-recently-idle routing, at least so
    many with any other (Gandhi, Gupta, Harchol-Balter and Kozuch 2010 for the stack that idle instances form).
    """
    (idle_timeout_ns,) = set(demand.column("idle_timeout_ns").tolist()) or {0}
    found = before_arrivals(pool, demand, run)
    busy, maxima = window_maxima(pool, demand, run, idle_timeout_ns)
    assert busy.tolist() == found.busy_on_demand.tolist()
    assert (maxima <= found.alive_on_demand).all()
    if pool.routing is Routing.MOST_RECENTLY_IDLE:
        assert maxima.tolist() == found.alive_on_demand.tolist()
        is_on_demand = (run.requests.outcome != Outcome.THROTTLED) & (found.idle_standing == 0)
        assert (is_on_demand & (busy >= maxima)).tolist() == run.requests.is_cold.tolist()


class Settled(NamedTuple):
    """How a request fares in a first-in-first-out queue; `start_ns` is NONE unless it was served."""

    is_throttled: bool
    start_ns: int


def kiefer_wolfowitz(
    arrival_ns: list[int], service_ns: list[int], workers: int, waiting_places: int, patience_ns: int
) -> list[Settled]:
    """Start of each request by the recursion of Kiefer and Wolfowitz (1955), with a finite queue and a patience.

    Each takes the worker that is free first; one that would start after its limit leaves at it and takes none.
    """
    free, leaves, settled = [0] * workers, list[int](), []
    for arrival, service in zip(arrival_ns, service_ns, strict=True):
        start, limit = max(arrival, free[0]), later(arrival, patience_ns)
        is_throttled = start > arrival and sum(leave > arrival for leave in leaves) >= waiting_places
        is_served = not is_throttled and start <= limit
        if not is_throttled:
            leaves.append(min(start, limit))
        if is_served:
            free.pop(0)
            insort(free, start + service)
        settled.append(Settled(is_throttled, start if is_served else NONE))
    return settled


def assert_kiefer_wolfowitz(pool: Pool, demand: Demand, run: Run) -> None:
    """Waits, departures from the queue and throttling of central queues and of randomly routed ones, to the bit."""
    rows = run.requests
    n_queues = pool.standing if pool.routing is Routing.RANDOM else 1
    per_queue = pool.standing // n_queues
    queue = np.floor(demand.column("routing") * n_queues).astype(np.int64)
    has_patience = pool.timeout_from is TimeoutFrom.ARRIVAL and pool.on_give_up is OnGiveUp.LEAVE
    for number in range(n_queues):
        here = np.flatnonzero(queue == number)
        expected = kiefer_wolfowitz(
            demand.arrival_ns[here].tolist(),
            demand.column("service_ns")[here].tolist(),
            per_queue * pool.places,
            per_queue * pool.queue_limit,
            pool.timeout_ns if has_patience else FOREVER,
        )
        found = zip(rows.outcome[here] == Outcome.THROTTLED, rows.start_ns[here].tolist(), strict=True)
        assert expected == [Settled(bool(is_throttled), start) for is_throttled, start in found]


def assert_littles_law(pool: Pool, demand: Demand, run: Run) -> None:
    """Along the path of a drained run, the number in a central queue integrates to the time spent in it.

    No worker is idle while a request waits: the integral of min(N, workers) is the time of service, that of the rest
    the time of waiting.
    """
    rows, workers = run.requests, pool.standing * pool.places
    inside = rows.outcome != Outcome.THROTTLED
    is_served = rows.start_ns != NONE
    ends = np.where(is_served, rows.release_ns, rows.response_ns)[inside]
    begins = demand.arrival_ns[inside]
    instants = np.unique(np.concatenate([begins, ends]))
    number = np.array([np.sum((begins <= t) & (t < ends)) for t in instants], np.int64)[:-1]
    lengths = np.diff(instants)
    assert int(np.sum(ends - begins)) == int(np.sum(number * lengths))
    served_ns = int(np.sum(demand.column("service_ns")[is_served]))
    assert served_ns == int(np.sum(np.minimum(number, workers) * lengths))
    waits = np.where(is_served, rows.start_ns, rows.response_ns)[inside] - begins
    assert int(np.sum(waits)) == int(np.sum(np.maximum(number - workers, 0) * lengths))
