"""Identities of the newest kinds of pool, on random runs of both engines, without tolerance."""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType
from typing import Any

import pytest

from simulator.engines.compiled.account import SharedAccount as CompiledAccount
from simulator.engines.reference.account import SharedAccount
from simulator.engines.tables import Run
from tests.engines import further_cases, further_invariants
from tests.engines.faults_in_following import CLOSED, PROVISIONED
from tests.engines.faults_in_serving import ACCOUNT, JOBS, QUOTA, SHARED_MODELS
from tests.engines.further_cases import Account, Further
from tests.engines.further_invariants import (
    assert_account_is_kept,
    assert_capacity_is_kept,
    assert_clients_take_turns,
    assert_instances_hold_what_they_may,
    assert_jobs_are_complete,
    assert_limit_of_places,
    assert_memory_suffices,
    assert_nobody_is_lost,
    assert_quota_is_kept,
)
from tests.engines.mutating import Fault, engine_with
from tests.engines.traces import each_engine

SEED = 53
COUNT = 150
Identity = Callable[[Further, Run], None]
#: What makes a case of each kind, and what holds of it besides what holds of all.
KINDS: dict[str, tuple[further_cases.Make, tuple[Identity, ...]]] = {
    "provisioned": (further_cases.provisioned, (assert_limit_of_places, assert_capacity_is_kept)),
    "closed": (further_cases.closed, (assert_clients_take_turns,)),
    "quota": (further_cases.quota, (assert_quota_is_kept,)),
    "jobs": (further_cases.jobs, (assert_jobs_are_complete,)),
    "shared models": (further_cases.shared_models, (assert_memory_suffices,)),
}


def run_of(engine: ModuleType, case: Further) -> Run:
    """The run of an engine."""
    run: Run = engine.simulate(case.pool, case.demand, case.launch_times, case.first_sends_ns)
    return run


def runs_of(shared_account: Any, account: Account) -> list[Run]:
    """The run of each pool of an account."""
    shared = shared_account(account.pools, account.limit)
    end_ns = 1 + max((int(demand.arrival_ns[-1]) for demand in account.demands if len(demand)), default=0)
    parts = [shared.feed(account.demands, end_ns), shared.finish()]
    return [Run.joined(of_one) for of_one in zip(*parts, strict=True)]


@each_engine
@pytest.mark.parametrize("kind", sorted(KINDS))
def test_identities_of_each_kind(engine: ModuleType, kind: str) -> None:
    """Nobody is lost, no place is taken twice, no limit is passed; what each kind keeps besides."""
    make, identities = KINDS[kind]
    for case in further_cases.seeded(make, SEED, COUNT):
        run = run_of(engine, case)
        for identity in (assert_nobody_is_lost, assert_instances_hold_what_they_may, *identities):
            identity(case, run)


@pytest.mark.parametrize("shared_account", [SharedAccount, CompiledAccount], ids=["reference", "compiled"])
def test_an_account_never_passes_its_limit(shared_account: Any) -> None:
    """Counted exactly: below the limit before each attempt on demand, at it where one is turned away."""
    for account in further_cases.accounts(SEED, COUNT):
        runs = runs_of(shared_account, account)
        assert_account_is_kept(account, runs)
        for pool, demand, run in zip(account.pools, account.demands, runs, strict=True):
            assert_nobody_is_lost(Further(pool, demand), run)
            assert_instances_hold_what_they_may(Further(pool, demand), run)


#: Of each kind, faults (`test_further_mutations`) that break an identity.
BROKEN_BY: list[tuple[str, Identity, list[Fault], str]] = [
    ("provisioned", assert_limit_of_places, PROVISIONED, "a drained one keeps its place"),
    ("provisioned", assert_limit_of_places, PROVISIONED, "an idle one serves at the limit, too"),
    ("provisioned", assert_capacity_is_kept, PROVISIONED, "a draining one is idle at its release"),
    ("provisioned", assert_instances_hold_what_they_may, PROVISIONED, "an idle one that is to go may still serve"),
    ("provisioned", assert_instances_hold_what_they_may, PROVISIONED, "a draining one is gone at once"),
    ("provisioned", assert_instances_hold_what_they_may, PROVISIONED, "one that starts serves already"),
    ("closed", assert_clients_take_turns, CLOSED, "think time from the sending"),
    ("closed", assert_clients_take_turns, CLOSED, "overhead left out"),
    ("closed", assert_clients_take_turns, CLOSED, "something is sent at the end"),
    ("closed", assert_clients_take_turns, CLOSED, "thinks after the first attempt"),
    ("closed", assert_clients_take_turns, CLOSED, "thinks after the release"),
    ("quota", assert_quota_is_kept, QUOTA, "settled when it starts"),
    ("quota", assert_quota_is_kept, QUOTA, "a request comes back at the release"),
    ("quota", assert_quota_is_kept, QUOTA, "output burns down once"),
    ("quota", assert_quota_is_kept, QUOTA, "input is not reserved"),
    ("quota", assert_quota_is_kept, QUOTA, "more flows in than a bucket holds"),
    ("quota", assert_quota_is_kept, QUOTA, "a bucket is never below 0"),
    ("quota", assert_quota_is_kept, QUOTA, "either is enough"),
    ("jobs", assert_instances_hold_what_they_may, JOBS, "one that is ready takes all there are"),
    ("jobs", assert_instances_hold_what_they_may, JOBS, "instances are gone when the last is taken"),
    ("jobs", assert_jobs_are_complete, JOBS, "a job takes who comes at its beginning"),
    ("jobs", assert_jobs_are_complete, JOBS, "a job begins once none is at work"),
    ("jobs", assert_jobs_are_complete, JOBS, "a job goes on with what has come meanwhile"),
    ("jobs", assert_jobs_are_complete, JOBS, "instances are gone one by one"),
    ("jobs", assert_jobs_are_complete, JOBS, "counted when ready"),
    ("jobs", assert_jobs_are_complete, JOBS, "a row though the number is the same"),
    ("shared models", assert_memory_suffices, SHARED_MODELS, "a model in use is unloaded"),
    ("shared models", assert_memory_suffices, SHARED_MODELS, "served before the model is there"),
]


@pytest.mark.parametrize(
    ("kind", "identity", "faults", "words"), BROKEN_BY, ids=[f"{kind}-{words}" for kind, _, _, words in BROKEN_BY]
)
def test_fault_breaks_an_identity(kind: str, identity: Identity, faults: list[Fault], words: str) -> None:
    """The identity, which holds on every case without the fault, fails on some case with it."""
    (fault,) = [fault for fault in faults if fault.words == words]
    faulty = engine_with(*fault.changes)
    for case in further_cases.seeded(KINDS[kind][0], SEED, 2 * COUNT):
        try:
            run = run_of(faulty, case)
        except Exception:  # to break off is not enough
            continue
        try:
            identity(case, run)
        except AssertionError:
            return
    pytest.fail("no case breaks it")


@pytest.mark.parametrize(
    "words",
    [
        "places on demand alone are counted",
        "idle provisioned ones are not counted",
        "idle ones on demand are counted",
        "a startup is not counted",
        "an idle one on demand serves at the limit",
        "a second attempt is let through",
        "one more than the limit",
        "a limit for each pool",
        "the last pool first",
    ],
)
def test_fault_breaks_the_limit_of_an_account(words: str) -> None:
    """The same of accounts."""
    (fault,) = [fault for fault in ACCOUNT if fault.words == words]
    faulty = engine_with(*fault.changes)
    for account in further_cases.accounts(SEED, 2 * COUNT):
        try:
            assert_account_is_kept(account, runs_of(faulty.account.SharedAccount, account))
        except AssertionError:
            return
    pytest.fail("no case breaks it")


def test_most_at_once() -> None:
    """[0, 5) and [2, 9) share an instant, [5, 7) comes when the first is over; a span of nothing holds none."""
    assert 0 == further_invariants.most_at_once([])
    assert 2 == further_invariants.most_at_once([(0, 5), (2, 9), (5, 7), (3, 3)])
