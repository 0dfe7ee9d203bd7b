"""Identities of the newest kinds of pool that hold on every run, reckoned from the rows in the plainest way.

They need no knowledge of how a run went, only what the rules never allow: nobody is lost, no place is taken twice, no
limit is passed, no client sends twice at once.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

import numpy as np

from simulator.engines.pool import Pool
from simulator.engines.served_otherwise import MINUTE_NS
from simulator.engines.tables import NONE, Demand, Outcome, Reason, Run
from simulator.units import FOREVER
from tests.engines.further_cases import Account, Further
from tests.engines.invariants import later


class Attempt(NamedTuple):
    """An attempt in the order in which all are made: by time, retries before arrivals, by number."""

    at_ns: int
    is_first: bool
    number: int
    index: int
    outcome: int
    reason: int
    start_ns: int
    response_ns: int
    release_ns: int
    instance: int
    is_cold: bool

    @property
    def holds(self) -> bool:
        """Whether it has held a place, perhaps on an instance that failed."""
        return self.instance != NONE

    @property
    def ended_ns(self) -> int:
        """When its client knows that it has ended."""
        return self.at_ns if self.outcome == Outcome.THROTTLED else self.response_ns


def attempts_of(demand: Demand, run: Run) -> list[Attempt]:
    """All of a run, in order; each follows the one before as that says."""
    names = Attempt._fields[4:]
    found, last_ns = [], dict(enumerate(demand.arrival_ns.tolist()))
    indices: Counter[int] = Counter()
    columns = [getattr(run.tries, name).tolist() for name in ("number", "at_ns", "next_ns", *names)]
    for number, at_ns, next_ns, *rest in zip(*columns, strict=True):
        assert last_ns[number] == at_ns < next_ns
        indices[number] += 1
        found.append(Attempt(at_ns, indices[number] == 1, number, indices[number], *rest))
        assert found[-1].outcome in {Outcome.THROTTLED, Outcome.TIMED_OUT}
        assert found[-1].ended_ns < next_ns
        last_ns[number] = next_ns
    for number, row in enumerate(zip(*(getattr(run.requests, name).tolist() for name in names), strict=True)):
        found.append(Attempt(last_ns[number], indices[number] == 0, number, indices[number] + 1, *row))
    return sorted(found)


def assert_nobody_is_lost(further: Further, run: Run) -> None:
    """Arrivals = completed + throttled + timed out + expired; each attempt has the columns of how it ended."""
    demand = sent_of(run)
    counts = [int(np.sum(run.requests.outcome == outcome)) for outcome in Outcome]
    assert len(demand) == len(run.requests) == sum(counts)
    if further.pool.population is None:
        assert further.demand.arrival_ns.tolist() == demand.arrival_ns.tolist()
    service_ns = demand.column("service_ns").tolist()
    for one in attempts_of(demand, run):
        assert (one.outcome == Outcome.THROTTLED) == (one.reason != Reason.NONE)
        if one.outcome == Outcome.THROTTLED:
            assert one[6:] == (NONE, NONE, NONE, NONE, False)
        elif one.start_ns == NONE:
            assert one.outcome in {Outcome.TIMED_OUT, Outcome.EXPIRED}
            assert one.at_ns <= one.response_ns
            assert (one.release_ns == NONE) == (one.instance == NONE)
        else:
            assert one.at_ns <= one.start_ns <= one.release_ns
            if one.outcome == Outcome.COMPLETED:
                assert one.response_ns == one.release_ns
                assert one.release_ns - one.start_ns == service_ns[one.number] or is_stretched(further.pool)


def is_stretched(pool: Pool) -> bool:
    """Whether a service may take longer than its request says."""
    return pool.cores > 0 or pool.batching is not None


def sent_of(run: Run) -> Demand:
    """The requests of a run, with their arrivals."""
    assert run.sent is not None
    return run.sent


def most_at_once(spans: Sequence[tuple[int, int]]) -> int:
    """Most spans [begin, end) that hold one instant, which is then the beginning of one of them."""
    events = [event for begin, end in spans if begin < end for event in ((begin, 1), (end, -1))]
    return int(max(np.cumsum([step for _, step in sorted(events)]), default=0))  # ends before beginnings


def assert_instances_hold_what_they_may(further: Further, run: Run) -> None:
    """No instance serves more than its places, or before it is ready, or after it is gone."""
    served = [one for one in attempts_of(sent_of(run), run) if one.start_ns != NONE]
    places = FOREVER if further.pool.quota else further.pool.places
    if further.pool.batching:
        places *= further.pool.batching.most
    spans_of: dict[int, list[tuple[int, int]]] = {}
    for one in served:
        spans_of.setdefault(one.instance, []).append((one.start_ns, one.release_ns))
    for instance, spans in spans_of.items():
        assert most_at_once(spans) <= places
        assert run.instances.ready_ns[instance] <= min(begin for begin, _ in spans)
        assert max(end for _, end in spans) <= run.instances.gone_ns[instance]


def assert_limit_of_places(further: Further, run: Run) -> None:
    """An attempt finds fewer places occupied than the limit, or is turned away; for nothing else is it at the limit."""
    pool = further.pool
    held: list[Attempt] = []
    for one in attempts_of(sent_of(run), run):
        held = [other for other in held if other.release_ns > one.at_ns]
        if one.holds:
            assert len(held) < pool.max_concurrency
            held.append(one)
        elif one.reason == Reason.CONCURRENCY:
            assert len(held) == pool.max_concurrency


def assert_capacity_is_kept(further: Further, run: Run) -> None:
    """Each change is one, within the bounds of its instant; what is left in the end is what is never gone."""
    scaling = further.pool.scaling
    assert scaling is not None
    capacity = further.pool.standing
    for at_ns, changed in zip(run.changes.at_ns.tolist(), run.changes.capacity.tolist(), strict=True):
        minimum, maximum = scaling.minimum, scaling.maximum
        for action in scaling.actions:
            if action.at_ns <= at_ns:
                minimum = minimum if action.minimum is None else action.minimum
                maximum = maximum if action.maximum is None else action.maximum
        assert capacity != changed
        assert minimum <= changed <= maximum
        capacity = changed
    standing = [*range(further.pool.standing), *run.standing_numbers.tolist()]
    assert capacity == np.sum(run.instances.gone_ns[standing] == FOREVER)


def assert_clients_take_turns(further: Further, run: Run) -> None:
    """The times of sending are those of first sendings, and of ends with the thought that follows; no other."""
    population, first_sends = further.pool.population, further.first_sends
    assert population is not None
    assert first_sends is not None
    demand = sent_of(run)
    last = {one.number: one for one in attempts_of(demand, run)}  # an attempt comes after the ones before
    think_ns = demand.column("think_ns").tolist()
    sends, spans = list(first_sends), []
    for number, arrival_ns in enumerate(demand.arrival_ns.tolist()):
        ended_ns = last[number].ended_ns
        spans.append((arrival_ns, ended_ns))
        overhead_ns = population.overhead_ns if last[number].outcome == Outcome.COMPLETED else 0
        sends.append(later(later(ended_ns, overhead_ns), think_ns[number]))
    in_time = sorted(at_ns for at_ns in sends if at_ns < population.until_ns)
    assert in_time[: len(further.demand)] == demand.arrival_ns.tolist()
    assert most_at_once(spans) <= len(first_sends)


def assert_quota_is_kept(further: Further, run: Run) -> None:
    """From any attempt to any later one, no more is taken than a full bucket, what flows in, and what comes back."""
    quota = further.pool.quota
    assert quota is not None
    demand = sent_of(run)
    tokens_in, tokens_out = demand.column("tokens_in").tolist(), demand.column("tokens_out").tolist()
    through = [one for one in attempts_of(demand, run) if one.holds]
    reserved = [tokens_in[one.number] + quota.max_tokens for one in through]
    back = [
        quota.max_tokens - tokens_out[one.number] * quota.burndown  # what came in is used as it was reserved
        for one in through
    ]
    for first, begins in enumerate(through):
        for last in range(first, len(through)):
            ends_ns = through[last].at_ns
            passed_ns = ends_ns - begins.at_ns
            if quota.requests_per_minute < FOREVER:
                assert (last + 1 - first) * MINUTE_NS <= quota.requests_per_minute * (MINUTE_NS + passed_ns)
            if quota.tokens_per_minute < FOREVER:
                came_back = sum(
                    more for one, more in zip(through, back, strict=True) if begins.at_ns < one.release_ns <= ends_ns
                )
                taken = sum(reserved[first : last + 1]) - came_back
                assert taken * MINUTE_NS <= quota.tokens_per_minute * (MINUTE_NS + passed_ns)
    assert all(one.start_ns == one.at_ns for one in through)


def assert_jobs_are_complete(further: Further, run: Run) -> None:
    """A request is served by the next job after it came; changes tell how many instances are there."""
    jobs = further.pool.jobs
    assert jobs is not None
    instances = run.instances
    begins = set()
    for one in attempts_of(sent_of(run), run):
        begun = 0 if one.at_ns < jobs.first_ns else (one.at_ns - jobs.first_ns) // jobs.interval_ns + 1
        begins.add(jobs.first_ns + begun * jobs.interval_ns)
        assert jobs.first_ns + begun * jobs.interval_ns == instances.launch_ns[one.instance]
    assert dict.fromkeys(begins, jobs.instances) == Counter(instances.launch_ns.tolist())
    for at_ns, number in zip(run.changes.at_ns.tolist(), run.changes.capacity.tolist(), strict=True):
        assert number == np.sum((instances.launch_ns <= at_ns) & (at_ns < instances.gone_ns))
    assert all(before < after for before, after in pairwise(run.changes.at_ns.tolist()))
    assert all(before != after for before, after in pairwise([0, *run.changes.capacity.tolist()]))


def assert_memory_suffices(further: Further, run: Run) -> None:
    """The models that an instance has to have at once fit into its memory, those that wait fit into its queue."""
    pool, models = further.pool, further.pool.models
    assert models is not None
    demand = sent_of(run)
    model_of = demand.column("model").tolist()
    held: list[Attempt] = []
    for one in attempts_of(demand, run):
        held = [other for other in held if other.release_ns > one.at_ns]
        if not one.holds:
            continue
        held.append(one)
        here = [other.number for other in held if other.instance == one.instance]
        assert sum(models.sizes_bytes[model] for model in {model_of[number] for number in here}) <= models.memory_bytes
        assert len(here) <= pool.places + pool.queue_limit
        if one.is_cold:
            assert one.start_ns >= one.at_ns + models.load_ns[model_of[one.number]]


def assert_account_is_kept(account: Account, runs: Sequence[Run]) -> None:
    """An attempt on demand finds fewer than the limit counted; who is turned away finds it or his pool's limit."""
    reserved = sum(pool.standing for pool in account.pools)
    attempts = sorted(
        ((one.at_ns, one.is_first), number, one)
        for number, run in enumerate(runs)
        for one in attempts_of(sent_of(run), run)
    )
    held: list[tuple[int, Attempt]] = []
    for _, number, one in attempts:
        pool = account.pools[number]
        held = [other for other in held if other[1].release_ns > one.at_ns]
        on_demand = sum(other.instance >= account.pools[pool_of].standing for pool_of, other in held)
        own = sum(pool_of == number for pool_of, _ in held)
        if one.holds:
            assert own < pool.max_concurrency
            assert one.instance < pool.standing or reserved + on_demand < account.limit
            held.append((number, one))
        elif one.reason == Reason.CONCURRENCY:
            assert own == pool.max_concurrency or reserved + on_demand >= account.limit
