"""Deliberate faults in the newest rules are caught, as in `test_mutations`.

Provisioned instances that follow their load, closed populations, quotas, jobs, models that share instances, accounts:
the cases are some of those on which the two engines are compared (`further_cases`). A fault is caught if some case
comes out otherwise than from the unchanged engine, and has to leave some other as it was. To break off is not enough.
What random cases hardly ever show is held against a run that is worked out on paper.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cache, partial
from itertools import count
from types import ModuleType
from typing import Any, Literal

import numpy as np
import pytest

from simulator.engines import reference
from simulator.engines.reference.account import SharedAccount
from simulator.engines.scaling import Missing
from simulator.engines.tables import Run, Settled
from tests.engines import cases, further_cases, test_reference_provisioned, test_reference_quota
from tests.engines.faults_in_following import CLOSED, PROVISIONED
from tests.engines.faults_in_serving import ACCOUNT, JOBS, QUOTA, SHARED_MODELS
from tests.engines.further_cases import Account, Further
from tests.engines.mutating import Fault, engine_with

pytestmark = pytest.mark.thorough

#: Faults of each kind of pool.
FAULTS = {
    "provisioned": PROVISIONED,
    "closed": CLOSED,
    "quota": QUOTA,
    "jobs": JOBS,
    "shared models": SHARED_MODELS,
    "account": ACCOUNT,
}
#: Of each kind, so that no fault needs many cases.
SEEDS = {"provisioned": 4, "closed": 3, "quota": 7, "jobs": 10, "shared models": 8, "account": 6}
MOST_CASES = 500
MOST_REQUESTS = 30
#: The run on paper that shows a fault.
BY_HAND: dict[str, Callable[[ModuleType], None]] = {
    "a period without instances is one that nobody used": partial(
        test_reference_provisioned.test_nothing_in_service_is_missing_for_every_policy, missing=Missing.IGNORE
    ),
    "what flows in is cut off only with what comes back": (
        test_reference_quota.test_flow_is_cut_off_before_the_settlement
    ),
}
Simulate = Callable[[Any], list[Run]]


def cases_of(kind: str) -> Iterator[Further | Account]:
    """Random cases of a kind."""
    if kind == "account":
        return further_cases.accounts(SEEDS[kind], MOST_CASES, MOST_REQUESTS)
    make = {
        "provisioned": further_cases.provisioned,
        "closed": further_cases.closed,
        "quota": further_cases.quota,
        "jobs": further_cases.jobs,
        "shared models": further_cases.shared_models,
    }[kind]
    return further_cases.seeded(make, SEEDS[kind], MOST_CASES, MOST_REQUESTS)


def runs_of(engine: ModuleType, case: Further | Account) -> list[Run]:
    """What the reference engine, or a copy, makes of a case; one run for each pool."""
    if isinstance(case, Account):
        return runs_of_account(engine.account.SharedAccount, case)
    return [engine.simulate(case.pool, case.demand, case.launch_times, case.first_sends_ns)]


def runs_of_account(shared_account: type[SharedAccount], case: Account) -> list[Run]:
    """The run of each pool, fed in two parts."""
    account = shared_account(case.pools, case.limit)
    end_ns = 1 + max((int(demand.arrival_ns[-1]) for demand in case.demands if len(demand)), default=0)
    parts: list[list[Settled]] = []
    before_ns = 0
    for until_ns in (end_ns // 2, end_ns):
        cuts = [np.searchsorted(demand.arrival_ns, [before_ns, until_ns]).tolist() for demand in case.demands]
        blocks = [demand.rows(*cut) for demand, cut in zip(case.demands, cuts, strict=True)]
        parts.append(account.feed(blocks, until_ns))
        before_ns = until_ns
    parts.append(account.finish())
    return [Run.joined(of_one) for of_one in zip(*parts, strict=True)]


@cache
def drawn(kind: str) -> tuple[Iterator[Further | Account], list[tuple[Further | Account, list[Run]]]]:
    """Cases still to come, and those that were asked for, with the rows of the unchanged engine."""
    return cases_of(kind), []


def expected_runs(kind: str) -> Iterator[tuple[Further | Account, list[Run]]]:
    """The same cases for every fault, each run by the unchanged engine once, and only if it is asked for."""
    to_come, known = drawn(kind)
    for number in count():
        if number == len(known):
            case = next(to_come, None)
            if case is None:
                return
            known.append((case, runs_of(reference, case)))
        yield known[number]


def outcome(engine: ModuleType, case: Further | Account, expected: list[Run]) -> Literal["same", "other", "broke off"]:
    """What an engine makes of a case."""
    try:
        found = runs_of(engine, case)
    except Exception:
        return "broke off"
    is_same = all(cases.difference(*pair) is None for pair in zip(expected, found, strict=True))
    return "same" if is_same else "other"


@pytest.mark.parametrize(
    ("kind", "fault"),
    [(kind, fault) for kind, faults in FAULTS.items() for fault in faults if fault.words not in BY_HAND],
    ids=lambda given: given.words if isinstance(given, Fault) else given,
)
def test_fault_is_caught(kind: str, fault: Fault) -> None:
    """Some case comes out otherwise, some case of at least five requests does not."""
    faulty = engine_with(*fault.changes)
    is_caught = is_some_case_as_it_was = False
    for case, expected in expected_runs(kind):
        seen = outcome(faulty, case, expected)
        is_caught = is_caught or seen == "other"
        requests = max(len(run.requests) for run in expected)
        is_some_case_as_it_was = is_some_case_as_it_was or (seen == "same" and requests >= 5)
        if is_caught and is_some_case_as_it_was:
            return
    assert is_caught
    assert is_some_case_as_it_was


@pytest.mark.parametrize("words", sorted(BY_HAND))
def test_fault_is_caught_on_paper(words: str) -> None:
    """Its trace, which holds for the unchanged engine, does not hold."""
    (fault,) = [fault for faults in FAULTS.values() for fault in faults if fault.words == words]
    BY_HAND[words](reference)
    with pytest.raises(AssertionError):
        BY_HAND[words](engine_with(*fault.changes))


@pytest.mark.parametrize("kind", sorted(FAULTS))
def test_faults_are_told_apart(kind: str) -> None:
    """Each kind has at least a dozen; no two have the same words or the same change."""
    faults = FAULTS[kind]
    assert len(faults) >= 12
    assert len(faults) == len({fault.words for fault in faults}) == len({fault.changes for fault in faults})
