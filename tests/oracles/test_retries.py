"""Clients that try again: loss systems whose every attempt is known, and attempts that add up on any path."""

from __future__ import annotations

from types import ModuleType

import numpy as np
import pytest

from simulator.engines import compiled, reference
from simulator.engines.clients import Retries, jitter_draw, retry_delay_ns
from simulator.engines.pool import Pool, Routing
from simulator.engines.tables import Demand, Outcome, Run
from simulator.measures.tally import Tally
from simulator.units import NS_PER_SECOND
from tests.engines import later_cases
from tests.engines.later_cases import Later
from tests.measures.made_up import settled_of

each_engine = pytest.mark.parametrize("engine", [reference, compiled], ids=["reference", "compiled"])
SECOND = NS_PER_SECOND
SEED = 20261125


def one_server(attempts: int, base_s: int = 1, **given: float) -> Pool:
    """A loss system with one server, of whose clients those turned away try again."""
    retries = Retries(attempts=attempts, base_ns=base_s * SECOND, jitter=False, **given)  # type: ignore[arg-type]
    return Pool(standing=0, launches=True, routing=Routing.MOST_RECENTLY_IDLE, max_concurrency=1, retries=retries)


@each_engine
def test_three_at_once_every_four_seconds(engine: ModuleType) -> None:
    """Three requests at 4n, 1 s each, one server, delays 1 s and 2 s: all are served, after 1, 2 and 3 attempts.

    The first at 4n. Both others try again at 4n + 1, when the server is just free: the second is served. The third
    tries again 2 s later, at 4n + 3. The server is busy 3 s of 4, latencies are 1, 2 and 4 s, 2 attempts a request.
    """
    n = 200
    arrivals = np.repeat(4 * np.arange(n), 3) * SECOND
    run = engine.simulate(one_server(3), Demand.from_arrays(arrivals, SECOND))
    assert {Outcome.COMPLETED} == set(run.requests.outcome.tolist())
    assert [1, 2, 4] * n == ((run.requests.response_ns - arrivals) // SECOND).tolist()
    assert 3 * n == len(run.tries)
    assert [3 * k + j for k in range(n) for j in (1, 2, 2)] == run.tries.number.tolist()
    assert [0, 0, 1] * n == ((run.tries.at_ns - arrivals[run.tries.number]) // SECOND).tolist()


@each_engine
@pytest.mark.parametrize(("attempts", "lost"), [(2, 4), (3, 3), (4, 3), (5, 2)])
def test_loss_of_a_burst(engine: ModuleType, attempts: int, lost: int) -> None:
    """Five at 0, 3 s each, one server, a constant delay of 2 s.

    All try again at 2, when the server is busy, at 4, when it is free since 3 (served until 7), at 6 in vain, and at 8
    (served until 11). Of five are lost: with two attempts four, with three or four attempts three, with five two.
    """
    run = engine.simulate(one_server(attempts, 2, multiplier=1.0), Demand.from_arrays([0] * 5, 3 * SECOND))
    assert lost == int((run.requests.outcome == Outcome.THROTTLED).sum())
    waits = [0, 4, 8][: 5 - lost]
    assert [wait * SECOND for wait in waits] == sorted(run.requests.start_ns[run.requests.start_ns >= 0].tolist())


@each_engine
def test_retries_double_what_is_offered_to_a_closed_door(engine: ModuleType) -> None:
    """Nobody is ever served, two attempts each: attempts are twice the requests, and requests are lost once."""
    pool = Pool(standing=0, launches=False, routing=Routing.RANDOM, retries=Retries(2, SECOND))
    demand = Demand.from_arrays(np.arange(1000) * 7_000_000, 1)
    run = engine.simulate(pool, demand)
    assert (1000, 1000) == (len(run.requests), len(run.tries))
    assert {Outcome.THROTTLED} == set(run.requests.outcome.tolist()) == set(run.tries.outcome.tolist())


def assert_attempts_follow(later: Later, run: Run) -> None:
    """Every attempt but the last ended badly, and the next one is made after the delay of its number."""
    retries, tries = later.pool.retries, run.tries
    assert retries is not None
    delays, key = retries.delays_ns(), int(later.demand.retry_key[0])
    made: dict[int, int] = {}
    previous_next: dict[int, int] = {}
    for row in range(len(tries)):
        number, at_ns = int(tries.number[row]), int(tries.at_ns[row])
        index = made[number] = made.get(number, 0) + 1
        assert at_ns == previous_next.get(number, int(later.demand.arrival_ns[number]))
        ended_ns = at_ns if tries.outcome[row] == Outcome.THROTTLED else int(tries.response_ns[row])
        draw = jitter_draw(key, number, index) if retries.jitter else 1.0
        assert ended_ns + retry_delay_ns(delays[index - 1], draw) == tries.next_ns[row]
        assert tries.outcome[row] in ({1, 2} if retries.after_timeout else {1})
        previous_next[number] = int(tries.next_ns[row])
    assert max(made.values(), default=0) < retries.attempts
    for number, outcome in enumerate(run.requests.outcome.tolist()):
        has_given_up = made.get(number, 0) + 1 == retries.attempts
        assert (
            has_given_up
            or outcome in {Outcome.COMPLETED, Outcome.EXPIRED}
            or not (outcome == Outcome.THROTTLED or retries.after_timeout)
        )


@each_engine
@pytest.mark.parametrize("launches", [True, False])
def test_attempts_are_requests_and_tries(engine: ModuleType, launches: bool) -> None:
    """Of 200 random pools: attempts follow each other by the rule, and those measured are requests + tries."""
    seen = 0
    for later in later_cases.seeded(SEED + 80 + launches, 200, launches=launches):
        if later.pool.retries is None or not len(later.demand):
            continue
        run = engine.simulate(later.pool, later.demand, later.launch_times)
        assert_attempts_follow(later, run)
        until_ns = int(later.demand.arrival_ns[-1]) + 1
        tally = Tally(later.pool, from_ns=0, until_ns=until_ns, granularity_ns=0)
        for part in settled_of(later.demand, run):
            tally.add(part)
        values = tally.finish().values()
        assert len(run.requests) + len(run.tries) == values["attempts"]
        throttled = int(
            (run.requests.outcome == Outcome.THROTTLED).sum() + (run.tries.outcome == Outcome.THROTTLED).sum()
        )
        assert throttled == values["throttled_attempts"]
        seen += len(run.tries)
    assert seen > 500
