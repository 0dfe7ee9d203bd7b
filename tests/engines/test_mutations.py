"""Deliberate faults are caught: each is a small change to the reference engine's source, told in words.

A fault is caught if some of the seeded tie-heavy cases, the ones on which the engines are compared, comes out otherwise
than from the unchanged engine. It also has to leave some case as it was, so that a fault which merely crashes does not
count. Those with `breaks` have to break that identity of every run besides, so that the identities have teeth.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import cache
from typing import NamedTuple

import pytest

from simulator.engines import reference
from simulator.engines.pool import Pool, Routing
from simulator.engines.tables import Demand, Run
from tests.engines import cases, invariants
from tests.engines.mutating import engine_with
from tests.engines.test_invariants import queue_cases, serverless_cases

pytestmark = pytest.mark.thorough

SEED = 20261125
Simulate = Callable[[Pool, Demand], Run]


class Fault(NamedTuple):
    """What is wrong, the text replaced, the text put in its place, and the identity it breaks."""

    words: str
    old: str
    new: str
    breaks: Callable[[Pool, Demand, Run], None] | None = None


KEY = "max(idle.values(), key=lambda instance: instance.idle_since"
BY_RANK = "rank * self.BEYOND_IDS + number"
FAULTS = [
    # Order at one instant.
    Fault("releases after arrivals", "RELEASE = 10", "RELEASE = 70", invariants.assert_arrivals_are_placed),
    Fault("retired after arrivals (idle ≤ timeout)", "RETIRE = 30", "RETIRE = 70", invariants.assert_sliding_window),
    Fault("gives up after arrivals", "GIVE_UP = 50", "GIVE_UP = 70", invariants.assert_kiefer_wolfowitz),
    Fault("gives up before releases", "GIVE_UP = 50", "GIVE_UP = 5", invariants.assert_kiefer_wolfowitz),
    Fault("by id in reverse at one rank", BY_RANK, "rank * self.BEYOND_IDS - number"),
    Fault("ranks ignored: id alone at one instant", BY_RANK, "2 + number"),
    Fault("saturates one too early", "(instant_ns + duration_ns, FOREVER)", "(instant_ns + duration_ns, FOREVER - 1)"),
    # Service and its limit.
    Fault(
        "a response exactly at the limit is timed out",
        "served_ns <= limit_ns",
        "served_ns < limit_ns",
        invariants.assert_every_request_ends_once,
    ),
    Fault("the client of a timed-out request waits for the release", "min(served_ns, limit_ns)", "served_ns"),
    Fault(
        "timed out in service, released at the limit",
        "        return release_ns\n",
        "        return min(release_ns, limit_ns)\n",
        invariants.assert_littles_law,
    ),
    Fault(
        "timeout always from arrival",
        "start_ns if self.pool.timeout_from is TimeoutFrom.START else attempt.at_ns",
        "attempt.at_ns",
        invariants.assert_every_request_ends_once,
    ),
    Fault(
        "timeout always from start",
        "start_ns if self.pool.timeout_from is TimeoutFrom.START else attempt.at_ns",
        "start_ns",
        invariants.assert_every_request_ends_once,
    ),
    # The concurrency limit, launches and their failure.
    Fault(
        "one more than max concurrency",
        "if self.occupied >= self.pool.max_concurrency",
        "if self.occupied > self.pool.max_concurrency",
        invariants.assert_arrivals_are_placed,
    ),
    Fault(
        "places not occupied while starting",
        "            yield Moment(self.env, start_ns, Rank.READY, instance.number)\n",
        "            self.occupied -= 1\n"
        "            yield Moment(self.env, start_ns, Rank.READY, instance.number)\n"
        "            self.occupied += 1\n",
        invariants.assert_arrivals_are_placed,
    ),
    Fault(
        "service counted from the launch",
        "            start_ns = instance.ready_ns\n        release_ns",
        "            start_ns = self.now\n        release_ns",
        invariants.assert_every_request_ends_once,
    ),
    Fault(
        "a startup exactly at its limit fails",
        "request.startup_ns > self.pool.startup_limit_ns",
        "request.startup_ns >= self.pool.startup_limit_ns",
        invariants.assert_every_request_ends_once,
    ),
    Fault(
        "a failed launch lasts for its whole startup",
        "later(self.now, self.pool.startup_limit_ns)",
        "later(self.now, attempt.request.startup_ns)",
    ),
    Fault(
        "a failed launch keeps its place",
        "        yield Moment(self.env, limit_ns, Rank.RELEASE, attempt.request.number, attempt.index)\n"
        "        self.occupied -= 1\n",
        "        yield Moment(self.env, limit_ns, Rank.RELEASE, attempt.request.number, attempt.index)\n",
        invariants.assert_arrivals_are_placed,
    ),
    Fault(
        "a failed launch leaves an idle instance",
        "        yield Moment(self.env, limit_ns, Rank.RELEASE, attempt.request.number, attempt.index)\n",
        "        yield Moment(self.env, limit_ns, Rank.RELEASE, attempt.request.number, attempt.index)\n"
        "        self.become_idle(instance, attempt.request.number, attempt.request.idle_timeout_ns)\n",
    ),
    Fault(
        "a failed launch is not cold",
        "        attempt.release_ns, attempt.instance = limit_ns, instance.number\n",
        "        attempt.release_ns, attempt.instance = limit_ns, instance.number\n        attempt.is_cold = False\n",
    ),
    # Which idle instance.
    Fault(
        "on-demand instances before provisioned ones",
        "in (self.standing, self.on_demand)",
        "in (self.on_demand, self.standing)",
        invariants.assert_arrivals_are_placed,
    ),
    Fault(
        "provisioned instances by the routing of the on-demand ones",
        "Routing.MOST_RECENTLY_IDLE if kind is self.standing else self.pool.routing",
        "self.pool.routing",
    ),
    Fault("provisioned, never used: lowest number first", "(NONE, NONE, number)", "(NONE, NONE, -number)"),
    Fault("provisioned, never used: before used ones", "(NONE, NONE, number)", "(FOREVER, NONE, number)"),
    Fault("idle at one instant: in reverse order of request", "(self.now, number, next(", "(self.now, -number, next("),
    Fault(
        "idle at one instant: in order of instance",
        "(self.now, number, next(",
        "(self.now, instance.number, next(",
    ),
    Fault("most recently idle takes the least", KEY, KEY.replace("max", "min"), invariants.assert_sliding_window),
    Fault(
        "least recently idle takes the second",
        "min(idle.values(), key=lambda instance: instance.idle_since)",
        "(sorted(idle.values(), key=lambda instance: instance.idle_since) * 2)[1]",
    ),
    Fault("newest created takes the oldest", "idle[max(idle)]", "idle[min(idle)]"),
    Fault("random among the idle in order of idleness", "idle[sorted(idle)[int(", "idle[list(idle)[int("),
    Fault(
        "random among the idle rounds",
        "int(request.routing * len(idle))",
        "round(request.routing * (len(idle) - 1))",
    ),
    # Retirement.
    Fault(
        "a reused instance is retired at its old deadline",
        "        yield reused | Moment(self.env, retired_ns, Rank.RETIRE, instance.number)\n"
        "        if not reused.triggered:\n",
        "        yield Moment(self.env, retired_ns, Rank.RETIRE, instance.number)\n"
        "        if instance.number in self.on_demand.idle:\n",
        invariants.assert_instances_live_as_told,
    ),
    Fault(
        "idle timeout counted from the launch",
        "later(self.now, idle_timeout_ns)",
        "max(self.now, later(instance.launch_ns, idle_timeout_ns))",
        invariants.assert_sliding_window,
    ),
    Fault(
        "idle timeout strict by one: retired 1 ns late",
        "later(self.now, idle_timeout_ns)",
        "later(self.now, idle_timeout_ns + 1)",
        invariants.assert_sliding_window,
    ),
    Fault(
        "lifetime counted from ready",
        "later(instance.launch_ns, instance.lifetime_ns)",
        "later(instance.ready_ns, instance.lifetime_ns)",
        invariants.assert_instances_live_as_told,
    ),
    Fault(
        "lifetime counted from the last release",
        "later(instance.launch_ns, instance.lifetime_ns)",
        "later(self.now, instance.lifetime_ns)",
        invariants.assert_instances_live_as_told,
    ),
    Fault(
        "a lifetime over while busy is forgotten",
        "        end_of_life_ns = max(self.now, later(instance.launch_ns, instance.lifetime_ns))\n",
        "        end_of_life_ns = later(instance.launch_ns, instance.lifetime_ns)\n"
        "        end_of_life_ns = FOREVER if end_of_life_ns < self.now else end_of_life_ns\n",
        invariants.assert_instances_live_as_told,
    ),
    Fault(
        "the later of idle timeout and lifetime",
        "min(later(self.now, idle_timeout_ns), end_of_life_ns)",
        "max(later(self.now, idle_timeout_ns), end_of_life_ns)",
        invariants.assert_instances_live_as_told,
    ),
    Fault(
        "lifetime from the row of the request released",
        "            self.become_idle(instance, attempt.request.number",
        "            instance.lifetime_ns = attempt.request.lifetime_ns\n"
        "            self.become_idle(instance, attempt.request.number",
        invariants.assert_instances_live_as_told,
    ),
    # Warm start.
    Fault("warm start without idle timeout", "NONE, first.idle_timeout_ns", "NONE, FOREVER"),
    Fault(
        "warm start without lifetime",
        "            instance = Instance(self.ledger.instances, lifetime_ns=first.lifetime_ns)",
        "            instance = Instance(self.ledger.instances)",
    ),
    # (Where the instance of a warm start stands in the order of becoming idle shows nowhere: no other on-demand
    # instance is launched before it is used.)
    # Queues.
    Fault(
        "one more in the queue than its limit",
        "len(queue) >= self.queue_limit()",
        "len(queue) > self.queue_limit()",
        invariants.assert_kiefer_wolfowitz,
    ),
    Fault(
        "queue limit counts requests in workers",
        "len(queue) >= self.queue_limit()",
        "len(queue) + self.pool.places >= self.queue_limit()",
        invariants.assert_kiefer_wolfowitz,
    ),
    Fault(
        "central queue as long as one instance's",
        "self.pool.queue_limit * len(self.in_service)",
        "self.pool.queue_limit",
    ),
    Fault(
        "central queue holds its limit per worker",
        "self.pool.queue_limit * len(self.in_service)",
        "self.pool.queue_limit * len(self.in_service) * self.pool.places",
        invariants.assert_kiefer_wolfowitz,
    ),
    Fault(
        "last in, first out",
        "head = next(iter(instance.queue))",
        "head = next(reversed(instance.queue))",
        invariants.assert_kiefer_wolfowitz,
    ),
    Fault(
        "a worker that takes the head also takes an arrival",
        "            called.succeed(self.occupy(instance, head))\n",
        "            called.succeed(self.occupy(instance, head))\n            instance.busy -= 1\n",
        invariants.assert_kiefer_wolfowitz,
    ),
    Fault(
        "serve_on leaves the queue",
        "if self.pool.on_give_up is OnGiveUp.LEAVE:",
        "if True:",
        invariants.assert_every_request_ends_once,
    ),
    Fault(
        "timeout from start limits waiting too",
        "if self.pool.timeout_from is TimeoutFrom.ARRIVAL:",
        "if True:",
        invariants.assert_kiefer_wolfowitz,
    ),
    # Which instance in service.
    Fault("random and ties: position from the end", "candidates[int(", "candidates[-1 - int("),
    Fault(
        "central queue: highest number first",
        "(with_free_worker or candidates)[0]",
        "(with_free_worker or candidates)[-1]",
    ),
    Fault("least outstanding counts only those in workers", "return self.busy + len(self.queue)", "return self.busy"),
    Fault(
        "least outstanding counts only those waiting",
        "return self.busy + len(self.queue)",
        "return len(self.queue)",
    ),
    Fault(
        "least outstanding: the lowest number of the fewest",
        "if n == fewest]",
        "if n == fewest][:1]",
    ),
    Fault(
        "no instance: queue full",
        "        if is_turned_away:\n            self.throttle(attempt, Reason.NO_CAPACITY)",
        "        if is_turned_away:\n            self.throttle(attempt, Reason.QUEUE_FULL)",
        invariants.assert_every_request_ends_once,
    ),
]


@cache
def expected_runs() -> list[tuple[Pool, Demand, Run]]:
    """Tie-heavy cases with the rows of the unchanged engine."""
    return [(*case, reference.simulate(*case)) for case in cases.seeded(SEED, 1_500, has_ties=True)]


def is_as_expected(simulate: Simulate, pool: Pool, demand: Demand, expected: Run) -> bool:
    """Whether an engine gives these rows; one that breaks off does not."""
    try:
        return cases.difference(expected, simulate(pool, demand)) is None
    except Exception:
        return False


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.words)
def test_fault_is_caught(fault: Fault) -> None:
    """Some case comes out otherwise, some case of at least five requests does not."""
    faulty = engine_with((fault.old, fault.new)).simulate
    is_caught = is_some_case_as_it_was = False
    for pool, demand, expected in expected_runs():
        if not is_as_expected(faulty, pool, demand, expected):
            is_caught = True
        elif len(demand) >= 5:
            is_some_case_as_it_was = True
        if is_caught and is_some_case_as_it_was:
            return
    assert is_caught
    assert is_some_case_as_it_was


@pytest.mark.parametrize("fault", [f for f in FAULTS if f.breaks is not None], ids=lambda fault: fault.words)
def test_fault_breaks_an_identity(fault: Fault) -> None:
    """The identity holds on every case without the fault (`test_invariants`), and fails on some case with it."""
    assert fault.breaks is not None
    faulty = engine_with((fault.old, fault.new)).simulate
    for pool, demand in cases_for(fault.breaks):
        try:
            fault.breaks(pool, demand, faulty(pool, demand))
        except AssertionError:
            return
    pytest.fail("no case breaks it")


def cases_for(identity: Callable[[Pool, Demand, Run], None]) -> list[cases.Case]:
    """The cases on which `test_invariants` asserts an identity, those with ties."""
    if identity is invariants.assert_sliding_window:
        drawn = [(replace(p, routing=Routing.MOST_RECENTLY_IDLE), d) for p, d in serverless_cases(SEED)]
    elif identity in {invariants.assert_kiefer_wolfowitz, invariants.assert_littles_law}:
        drawn = list(queue_cases(Routing.CENTRAL_QUEUE))
    else:
        only_launching = identity is not invariants.assert_every_request_ends_once
        drawn = list(cases.seeded(SEED, 1_500, has_ties=True, launches=True if only_launching else None))
    return drawn


def test_faults_are_many_and_told_apart() -> None:
    """No two faults have the same words or the same change."""
    assert len(FAULTS) >= 25
    assert len(FAULTS) == len({fault.words for fault in FAULTS}) == len({(f.old, f.new) for f in FAULTS})
