"""The two engines agree where rows depend on later ones: requests, instances, earlier attempts, changes of capacity.

Both were written apart from `notes/model.md` 1 to 4.3.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace

import pytest

from simulator.engines import compiled, reference
from simulator.engines.clients import Retries
from simulator.engines.tables import NONE, Outcome, Reason, Run
from tests.engines import cases, later_cases
from tests.engines.later_cases import Later

SEED = 20261125


def in_blocks(engine: type, later: Later, dice: random.Random) -> Run:
    """An engine, fed in blocks of random sizes."""
    simulation = engine(later.pool, later.launch_times)
    parts = [simulation.feed(block) for block in cases.blocks(dice, later.demand)]
    return Run.joined([*parts, simulation.finish()])


def assert_agree(later: Later, dice: random.Random) -> Run:
    """Both engines agree, both also in blocks; their rows come back."""
    expected = reference.simulate(later.pool, later.demand, later.launch_times)
    for way, found in [
        ("compiled at once", compiled.simulate(later.pool, later.demand, later.launch_times)),
        ("compiled in blocks", in_blocks(compiled.Simulation, later, dice)),
        ("reference in blocks", in_blocks(reference.Simulation, later, dice)),
    ]:
        problem = cases.difference(expected, found)
        told = f"{cases.described(later.pool, later.demand)}\nlaunch times {later.launches[:12]}"
        assert problem is None, f"{way}: {problem}\n{told}"
    return expected


def ends(run: Run) -> Iterator[tuple[Outcome, Reason, bool, bool]]:
    """How each request ended: outcome, reason, whether it was served, whether it was cold."""
    rows = run.requests
    for outcome, reason, start, is_cold in zip(rows.outcome, rows.reason, rows.start_ns, rows.is_cold, strict=True):
        yield Outcome(outcome), Reason(reason), bool(start != NONE), bool(is_cold)


def assert_all_agree(drawn: Iterator[Later], expected: set[tuple[Outcome, Reason, bool, bool]]) -> Counter[str]:
    """Both engines agree on many cases, in which requests end in every way; what else was seen is counted."""
    seen: set[tuple[Outcome, Reason, bool, bool]] = set()
    counts: Counter[str] = Counter()
    dice = random.Random(SEED)
    for later in drawn:
        run = assert_agree(later, dice)
        seen |= set(ends(run))
        counts["tries"] += len(run.tries)
        counts["changes"] += len(run.changes)
    assert expected <= seen, expected - seen
    return counts


COMPLETED = {(Outcome.COMPLETED, Reason.NONE, True, False)}
TIMED_OUT = {(Outcome.TIMED_OUT, Reason.NONE, served, False) for served in (True, False)}
COLD = {
    (Outcome.COMPLETED, Reason.NONE, True, True),
    (Outcome.TIMED_OUT, Reason.NONE, True, True),
    (Outcome.TIMED_OUT, Reason.NONE, False, True),
}


def throttled(*reasons: Reason) -> set[tuple[Outcome, Reason, bool, bool]]:
    """Turned away at these limits."""
    return {(Outcome.THROTTLED, reason, False, False) for reason in reasons}


EXPIRED = {(Outcome.EXPIRED, Reason.NONE, False, False)}


@pytest.mark.parametrize("has_ties", [True, False], ids=["ties", "continuous"])
def test_launching(has_ties: bool) -> None:
    """260 pools that launch: lines, claims, first free, kills, buckets, patience, retries."""
    limits = throttled(Reason.CONCURRENCY, Reason.QUEUE_FULL, Reason.RATE)
    counts = assert_all_agree(
        later_cases.seeded(SEED + has_ties, 260, launches=True, has_ties=has_ties),
        COMPLETED | COLD | TIMED_OUT | limits,
    )
    assert counts["tries"] > 190


@pytest.mark.parametrize("has_ties", [True, False], ids=["ties", "continuous"])
def test_standing(has_ties: bool) -> None:
    """260 pools of standing instances: patience, stops, time to live, cores, batches, retries."""
    limits = throttled(Reason.QUEUE_FULL, Reason.NO_CAPACITY)
    counts = assert_all_agree(
        later_cases.seeded(SEED + 2 + has_ties, 260, launches=False, has_ties=has_ties),
        COMPLETED | TIMED_OUT | EXPIRED | limits,
    )
    assert counts["tries"] > 190


@pytest.mark.parametrize("has_ties", [True, False], ids=["ties", "continuous"])
def test_scaling(has_ties: bool) -> None:
    """260 pools that scale by every metric and policy, by schedule, to zero and back."""
    limits = throttled(Reason.QUEUE_FULL, Reason.NO_CAPACITY)
    counts = assert_all_agree(
        later_cases.seeded(SEED + 4 + has_ties, 260, launches=False, scales=True, has_ties=has_ties),
        COMPLETED | TIMED_OUT | EXPIRED | limits,
    )
    assert counts["changes"] > 250


@pytest.mark.parametrize("kind", ["launching", "standing", "scaling"])
def test_longer(kind: str) -> None:
    """15 cases of up to 600 requests each: structures that grow, wrap and are compacted."""
    is_launching, scales = kind == "launching", kind == "scaling"
    drawn = later_cases.seeded(SEED + 6, 15, launches=is_launching, scales=scales, most_requests=600)
    assert_all_agree(drawn, COMPLETED)


@pytest.mark.parametrize("kind", ["launching", "standing", "scaling"])
def test_attempts_that_would_never_come(kind: str) -> None:
    """80 cases in which a client tries again after centuries, and then would for ever: that attempt is none."""
    drawn = later_cases.seeded(SEED + 8, 80, launches=kind == "launching", scales=kind == "scaling")
    retries = Retries(attempts=3, base_ns=2**62, jitter=False, after_timeout=True)
    late = (replace(later, pool=replace(later.pool, retries=retries)) for later in drawn)
    counts = assert_all_agree(late, COMPLETED)
    assert counts["tries"] > 0


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["launching", "standing", "scaling"])
def test_many(kind: str) -> None:
    """30,000 small cases of each kind."""
    is_launching, scales = kind == "launching", kind == "scaling"
    drawn = later_cases.seeded(SEED + 7, 30_000, launches=is_launching, scales=scales)
    assert_all_agree(drawn, COMPLETED)
