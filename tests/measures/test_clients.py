"""How many clients of a closed population wait: by hand, plainly, and by Little's law."""

from __future__ import annotations

import random

import numpy as np

from simulator.engines import reference
from simulator.engines.clients import Population, Retries
from simulator.engines.pool import Pool, Routing
from simulator.engines.tables import Demand, Outcome, Run
from simulator.measures.clients import ClientTally
from simulator.measures.tally import Tally
from tests.engines import further_cases
from tests.measures.made_up import settled_of

SEED = 20261126


def waiting(run: Run, population: Population, from_ns: int, until_ns: int, cuts: tuple[int, ...] = ()) -> int:
    """What a tally adds up of a run that comes in pieces."""
    assert run.sent is not None
    tally = ClientTally(population, from_ns, until_ns)
    for part in settled_of(run.sent, run, cuts):
        tally.add(part)
    return tally.waiting_ns


def test_by_hand() -> None:
    """Two clients at one place that is taken at once, 4 of service, 1 of overhead; retries come 3 later.

    The first is served 0-4 and has its answer at 5. The second is throttled at 0 and for good at 3; it thinks for 2,
    comes at 5, is served 5-9 and has its answer at 10. The first comes again at 7, is throttled, comes at 10, is served
    10-14 and has its answer at 15. In all 5 + 3 + 5 + 8; measured from 2 to 8: 3 + 1 + 3 + 1.
    """
    population = Population(until_ns=9, overhead_ns=1)
    pool = Pool(
        standing=1,
        launches=True,
        routing=Routing.MOST_RECENTLY_IDLE,
        max_concurrency=1,
        retries=Retries(attempts=2, base_ns=3, jitter=False),
        population=population,
    )
    demand = Demand.from_arrays(np.zeros(5), 4, think_ns=2)
    run = reference.simulate(pool, demand, None, np.array([0, 0]))
    assert run.sent is not None
    assert [0, 0, 5, 7] == run.sent.arrival_ns.tolist()
    assert [Outcome.COMPLETED, Outcome.THROTTLED, Outcome.COMPLETED, Outcome.COMPLETED] == run.requests.outcome.tolist()
    assert 5 + 3 + 5 + 8 == waiting(run, population, 0, 100)
    assert 3 + 1 + 3 + 1 == waiting(run, population, 2, 8)


def test_random_populations_agree_with_plain_arithmetic() -> None:
    """Any pool, cut anywhere; what a whole tally gives is the same, and never more clients wait than there are."""
    dice = random.Random(SEED)
    total = 0
    for further in further_cases.seeded(further_cases.closed, SEED, 150):
        run = reference.simulate(further.pool, further.demand, further.launch_times, further.first_sends_ns)
        population = further.pool.population
        assert population is not None
        assert run.sent is not None
        sent = run.sent.arrival_ns.tolist()
        last = dict(zip(run.tries.number.tolist(), run.tries.next_ns.tolist(), strict=True))
        ends = [
            last.get(number, sent[number])
            if outcome == Outcome.THROTTLED
            else response + population.overhead_ns * (outcome == Outcome.COMPLETED)
            for number, (outcome, response) in enumerate(
                zip(run.requests.outcome.tolist(), run.requests.response_ns.tolist(), strict=True)
            )
        ]
        until_ns = max([1, *sent]) + 2
        from_ns = dice.choice([0, until_ns // 2])
        expected = sum(max(0, min(end, until_ns) - max(begin, from_ns)) for begin, end in zip(sent, ends, strict=True))
        cuts = tuple(dice.randint(0, len(sent)) for _ in range(2))
        assert expected == waiting(run, population, from_ns, until_ns, cuts)
        assert expected <= len(further.first_sends or ()) * (until_ns - from_ns)
        tally = Tally(further.pool, from_ns=from_ns, until_ns=until_ns)
        for part in settled_of(run.sent, run):
            tally.add(part)
        assert expected == tally.finish().clients_waiting_ns
        total += expected
    assert total > 0
