"""Pools that are plain but for their scaling, measured in one pass: the same as attempt by attempt."""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import replace

import numpy as np
import pytest

from simulator.engines import compiled
from simulator.engines.clients import Retries
from simulator.engines.pool import Pool
from simulator.engines.tables import Settled
from simulator.measures import tally as tallies
from simulator.measures.attempt_tally import AttemptTally
from simulator.measures.billed_time import Billing
from simulator.measures.measured import Measured
from simulator.measures.scaled_tally import ScaledTally, is_plain_but_for_scaling
from simulator.measures.tally import Tally
from tests.engines import cases
from tests.engines.test_scaled_queues import fitting, scheduled

SEED = 20261126
BY_INSTANCE = Billing(0, 0, False)


def measured(pool: Pool, parts: list[Settled], from_ns: int, until_ns: int, expected: type[AttemptTally]) -> Measured:
    """What is measured, in the way that is expected."""
    tally = Tally(pool, from_ns=from_ns, until_ns=until_ns, granularity_ns=0, limits_ns=(3,))
    assert type(tally._attempts) is expected
    for part in parts:
        tally.add(part)
    return tally.finish()


def test_the_same_as_attempt_by_attempt(monkeypatch: pytest.MonkeyPatch) -> None:
    """200 random runs in blocks, with and without an initial transient: every count, sum and peak."""
    dice = random.Random(SEED)
    seen: Counter[str] = Counter()
    for later in fitting(SEED, 200, most_requests=80):
        last_ns = int(later.demand.arrival_ns.max(initial=1))
        from_ns = dice.choice([0, dice.randint(0, last_ns)])
        until_ns = from_ns + dice.randint(1, last_ns + 10)
        demand = later.demand.rows(0, int(np.searchsorted(later.demand.arrival_ns, until_ns)))
        simulation = compiled.Simulation(later.pool, later.launch_times)
        parts = [*(simulation.feed(block) for block in cases.blocks(dice, demand)), simulation.finish()]
        found = measured(later.pool, parts, from_ns, until_ns, ScaledTally)
        with monkeypatch.context() as patch:
            patch.setattr(tallies, "is_plain_but_for_scaling", lambda *_: False)
            assert measured(later.pool, parts, from_ns, until_ns, AttemptTally) == found
        seen["several workers"] += later.pool.places > 1 and found.busy_ns < found.in_service_ns
        seen["client gone"] += found.client_gone_max > 1
        seen["scaled out"] += bool(found.scale_outs)
        seen["several at once"] += found.concurrency_max > 2
    kinds = ("several workers", "client gone", "scaled out", "several at once")
    assert min(seen[what] for what in kinds) > 10, seen


def test_where_one_pass_does() -> None:
    """Not where requests or what instances do is billed, clients try again, or nothing scales."""
    pool = scheduled(standing=1)
    retries = Retries(attempts=2, base_ns=1, cap_ns=1, multiplier=1.0, jitter=False, after_timeout=False)
    assert is_plain_but_for_scaling(pool, BY_INSTANCE)
    assert not is_plain_but_for_scaling(pool, Billing(1, 0, False))
    assert not is_plain_but_for_scaling(pool, Billing(1, 0, False, of_instances=True))
    assert not is_plain_but_for_scaling(replace(pool, retries=retries), BY_INSTANCE)
    assert not is_plain_but_for_scaling(replace(pool, scaling=None), BY_INSTANCE)
