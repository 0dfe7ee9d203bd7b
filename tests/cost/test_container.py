"""Bills of container services: instances while they serve, or as long as they are there, and every switch."""

from __future__ import annotations

import random
from decimal import Decimal
from fractions import Fraction
from typing import Any

import numpy as np
import pytest

from simulator.endpoints import Container
from simulator.engines import compiled
from simulator.engines.tables import Demand, Outcome, Run
from simulator.measures.bill import MONTH_S, Bill, bill
from simulator.measures.billed_time import usage_of
from simulator.measures.bills import container as bills
from simulator.measures.tally import Tally
from simulator.measures.usage import Usage
from simulator.prices import load_sheet
from simulator.units import FOREVER
from tests.cost.usages import DAY, HOUR, SECOND, amounts, cents
from tests.measures import made_up
from tests.measures.made_up import attempt, run_of, settled_of

SHEET = load_sheet(
    {"base": "google/tier-1/2026-11", "container.idle_vcpu": "0.0000025", "container.idle_memory": "0.0000025"}
)
MONTH_NS = int(MONTH_S) * SECOND
MS = 10**6
#: One request at a time, nobody waits in a line: requests and instances of AWS Lambda's kind.
ONE_AT_A_TIME = {
    "requests_per_instance": 1,
    "at_limit": "throttle",
    "waiting_requests": "bound",
    "patience": "none",
    "max_instances": "none",
}


def container(**changes: Any) -> Container:
    """A service of 1 vCPU and 1 GiB, billed to the millisecond."""
    given = {"name": "c", "vcpu": 1.0, "memory_size": "1024MB", "billing_granularity": "1ms"}
    return Container.model_validate({**given, **changes})


def used(endpoint: Container, demand: Demand, run: Run, until_ns: int = DAY) -> Usage:
    """Usage by the tally, equal to that of the plain reference."""
    tally = Tally.of(endpoint, from_ns=0, until_ns=until_ns)
    for part in settled_of(demand, run, (len(demand) // 2,)):
        tally.add(part)
    found = tally.finish().usage
    window = (0, until_ns)
    assert usage_of(endpoint, endpoint.pool(), demand, run.requests, run.instances, window, run.tries) == found
    return found


def two_at_once() -> tuple[Demand, Run]:
    """One instance, launched at 10 s, ready at 14 s, gone at 60 s; requests 14-20 s, 16-24 s and 30-31.05 s."""
    demand = Demand.from_arrays(np.array([10, 16, 30]) * SECOND, [6 * SECOND, 8 * SECOND, 1_050 * MS], 4 * SECOND)
    times = [(14 * SECOND, 20 * SECOND), (16 * SECOND, 24 * SECOND), (30 * SECOND, 31_050 * MS)]
    ends = [attempt(Outcome.COMPLETED, a, b, b, 0, is_cold=k == 0) for k, (a, b) in enumerate(times)]
    return demand, run_of(ends, [(10 * SECOND, 14 * SECOND, 60 * SECOND)])


@pytest.mark.parametrize(
    ("changes", "active_ms"),
    [
        ({}, 4_000 + 10_000 + 1_050),
        ({"startup_billed": False}, 10_000 + 1_050),
        ({"billing_granularity": "100ms"}, 4_000 + 10_000 + 1_100),
        ({"billing_granularity": "5s"}, 4_000 + 10_000 + 5_000),
        ({"billing_granularity": "7s"}, 4_000 + 14_000 + 7_000),
        ({"billing_granularity": "20s"}, 4_000 + 20_000),
    ],
)
def test_an_instance_costs_while_it_has_a_request_in_service(changes: dict[str, Any], active_ms: int) -> None:
    """Requests that overlap count once; startup by its switch; each stretch is rounded up from its beginning.

    With 20 s the third request comes before the first stretch ends and belongs to it.
    """
    found = used(container(**changes), *two_at_once())
    assert (active_ms * MS, 3) == (found.active_ns, found.served)
    whole = bill(container(**changes), found, SHEET)
    expected = {"vcpu": Fraction(active_ms, 1000), "memory": Fraction(active_ms, 1000), "requests": Fraction(3)}
    assert expected == {line.name: line.quantity for line in whole.lines}
    cost = Fraction(active_ms, 1000) * Fraction("0.0000265") + 3 * Fraction("0.0000004")
    assert cost == whole.exact_usd


def test_sizes_are_vcpus_and_gibibytes() -> None:
    """0.1 vCPU is a tenth, 512 MB half a GiB."""
    whole = bill(container(vcpu=0.1, memory_size="512MB"), Usage(DAY, active_ns=100 * SECOND), SHEET)
    assert (Fraction(10), Fraction(50)) == (whole.line("vcpu").quantity, whole.line("memory").quantity)


def test_instance_based_billing_takes_the_whole_life() -> None:
    """50 s from launch until gone at $0.000018 and $0.000002; requests cost nothing."""
    endpoint = container(billing="instance_based")
    whole = bill(endpoint, used(endpoint, *two_at_once()), SHEET)
    assert {"vcpu": Fraction(50), "memory": Fraction(50)} == {line.name: line.quantity for line in whole.lines}
    assert 50 * Fraction("0.00002") == whole.exact_usd


def test_instances_that_are_always_there_cost_while_they_are_idle() -> None:
    """1 of 2 vCPUs and 4 GiB, busy for an hour of a day: 23 h at the idle rates, by a switch."""
    demand = Demand.from_arrays([HOUR], HOUR)
    run = run_of([attempt(Outcome.COMPLETED, HOUR, 2 * HOUR, 2 * HOUR, 0)], [(0, 0, FOREVER)])
    size = {"vcpu": 2.0, "memory_size": "4096MB", "min_instances": 1}
    endpoint = container(**size)
    found = used(endpoint, demand, run)
    assert (HOUR, 23 * HOUR, 0) == (found.active_ns, found.idle_standing_ns, found.idle_on_demand_ns)
    whole = bill(endpoint, found, SHEET)
    assert (Fraction(2 * 23 * 3600), Fraction(4 * 23 * 3600)) == (
        whole.line("idle_vcpu").quantity,
        whole.line("idle_memory").quantity,
    )
    assert whole.line("idle_vcpu").is_fixed
    assert "idle_vcpu" not in amounts(bill(container(**size, idle_billed=False), found, SHEET))
    by_instance = bill(container(**size, billing="instance_based"), found, SHEET)
    assert Fraction(2 * 24 * 3600) == by_instance.line("standing_vcpu").quantity
    assert (by_instance.fixed_usd, 0.0) == (by_instance.cost_usd, by_instance.usage_usd)


def test_a_warm_instance_all_month() -> None:
    """Case C35: one warm 1 vCPU 1 GiB without a request costs $13 a month at rates of 0.0000025."""
    found = Usage(MONTH_NS, idle_standing_ns=MONTH_NS)
    assert Decimal("13.14") == cents(bill(container(min_instances=1), found, SHEET).exact_usd)


def jobs(hold: str, startup_ns: int = 0, **changes: Any) -> tuple[Bill, Usage]:
    """Case C35: 2,000 jobs of 60 s in a month, far apart, on instances that live on for a while after each."""
    endpoint = container(idle_timeout=hold, **{**ONE_AT_A_TIME, **changes})
    hold_ns = int(hold.removesuffix("s")) * SECOND
    demand = Demand.from_arrays(np.arange(2000) * (MONTH_NS // 2000), 60 * SECOND, startup_ns, idle_timeout_ns=hold_ns)
    found = used(endpoint, demand, compiled.simulate(endpoint.pool(), demand), MONTH_NS)
    return bill(endpoint, found, SHEET), found


def hours(whole: Bill, line: str = "vcpu") -> str:
    """vCPU-hours of a line."""
    return f"{float(whole.line(line).quantity / 3600):.1f}"


@pytest.mark.parametrize(("hold", "expected"), [("0s", "33.3"), ("5s", "36.1"), ("900s", "533.3")])
def test_paying_for_the_hold(hold: str, expected: str) -> None:
    """Case C35: work is 33.3 h; a hold of 5 s makes it 36.1 h, 8 % more, 15 min up to 533 h."""
    whole, _ = jobs(hold, billing="instance_based")
    assert expected == hours(whole)


@pytest.mark.parametrize("hold", ["0s", "5s", "900s"])
def test_not_paying_for_the_hold(hold: str) -> None:
    """Case C35, request-based: 33.3 h whatever the hold; a startup of 20 s adds 11.1 h if it is billed."""
    for startup_s, billed, expected in ((0, True, "33.3"), (20, True, "44.4"), (20, False, "33.3")):
        whole, found = jobs(hold, startup_s * SECOND, startup_billed=billed)
        assert expected == hours(whole)
        assert 2000 * int(hold.removesuffix("s")) * SECOND == found.idle_on_demand_ns


def test_sellers_that_bill_the_hold_at_a_rate_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    """Case C35: 2,000 × 5 s of idle time beside the work, where a seller bills it."""
    _, found = jobs("5s")
    monkeypatch.setattr(bills, "pays_on_demand_idle", lambda _: True)
    whole = bill(container(), found, SHEET)
    assert ("33.3", "2.8") == (hours(whole), hours(whole, "on_demand_idle_vcpu"))


@pytest.mark.parametrize("granularity_ns", [1, 3, 10])
@pytest.mark.parametrize("bills_startup", [True, False])
def test_usage_agrees_with_its_plain_reference(granularity_ns: int, bills_startup: bool) -> None:
    """Made-up runs of up to three requests at once, with retries, launches and standing instances."""
    dice = random.Random(20261125)
    for _ in range(100):
        pool, demand, run = made_up.case(dice, launches=True, first_free=True)
        window = (dice.choice([0, 15]), dice.choice([61, 100]))
        endpoint = container(billing_granularity="1us", startup_billed=bills_startup)
        endpoint = endpoint.model_copy(update={"billing_granularity": granularity_ns * 1e-9})
        tally = Tally.of(endpoint, from_ns=window[0], until_ns=window[1], pool=pool)
        for part in settled_of(demand, run, (dice.randint(0, len(demand)),)):
            tally.add(part)
        expected = usage_of(endpoint, pool, demand, run.requests, run.instances, window, run.tries)
        assert expected == tally.finish().usage


def test_the_free_tier() -> None:
    """180,000 vCPU-s, 360,000 GiB-s and 2 million requests a month: $4.32, $0.90 and $0.80."""
    found = Usage(MONTH_NS, served=10**7, active_ns=10**6 * SECOND)
    paid, free = (bill(container(), found, SHEET, free_tier=free) for free in (False, True))
    assert Fraction("6.02") == paid.exact_usd - free.exact_usd


@pytest.mark.parametrize("billing", ["request_based", "instance_based"])
@pytest.mark.parametrize("min_instances", [0, 2])
@pytest.mark.parametrize("idle_billed", [True, False])
def test_price_items_are_the_items_of_the_bill(billing: str, min_instances: int, idle_billed: bool) -> None:
    """What an endpoint says it needs is what its bill looks up."""
    endpoint = container(billing=billing, min_instances=min_instances, idle_billed=idle_billed)
    lines = bill(endpoint, Usage(span_ns=DAY), SHEET).lines
    assert set(endpoint.price_items()) == {line.price.item for line in lines}
