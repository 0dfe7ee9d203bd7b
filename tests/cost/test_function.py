"""Bills of functions, to the cent: duration by tiers, requests, provisioned concurrency, storage, startups."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction
from typing import Any

import numpy as np
import pytest

from simulator.endpoints import Function
from simulator.engines import compiled
from simulator.engines.pool import Bucket
from simulator.engines.tables import Demand, Outcome
from simulator.measures.bill import MONTH_S, bill
from simulator.measures.billed_time import billed_ns
from simulator.measures.tally import Tally
from simulator.measures.usage import Usage
from tests.cost.usages import DAY, SECOND, SHEET, amounts, cents
from tests.measures.made_up import attempt, run_of, settled_of, throttled

MONTH_NS = int(MONTH_S) * SECOND
US = 1000
PLAIN = {"launch_rate": "none", "request_rate": "none", "on_timeout": "serve_on", "invocation_timeout": "900s"}


def function(**changes: Any) -> Function:
    """A function of 1 GB."""
    return Function.model_validate({"name": "f", "memory_size": "1024MB", **changes})


def usage(**given: int) -> Usage:
    """Usage of a month, in whole GB-seconds of 1 GB."""
    return Usage(MONTH_NS, **{name: value * SECOND if name.endswith("_ns") else value for name, value in given.items()})


@pytest.mark.parametrize(
    ("architecture", "billions", "usd"),
    [
        ("x86", ["6", "9", "46.44"], ["100000.20", "135000.00", "619203.10"]),
        ("arm", ["7.5", "11.25", "56.002"], ["100000.50", "135001.13", "597356.53"]),
    ],
)
def test_infracost_tiers(architecture: str, billions: list[str], usd: list[str]) -> None:
    """L-1 and L-2: what each further part of the month adds, to the cent."""
    used, before = Fraction(0), Fraction(0)
    for more, expected in zip(billions, usd, strict=True):
        used += Fraction(more) * 10**9
        cost = bill(function(architecture=architecture), usage(on_demand_ns=int(used)), SHEET).exact_usd
        assert Decimal(expected) == cents(cost - before)
        before = cost


def test_tiers_of_20_billion_gb_seconds() -> None:
    """Case C40: 100,000 + 135,000 + 66,667 is $301,667; the first price for all would be $333,334."""
    cost = bill(function(), usage(on_demand_ns=20 * 10**9), SHEET).exact_usd
    assert (301_667, 333_334) == (round(cost), round(20 * 10**9 * Fraction("0.0000166667")))
    assert Fraction("301667.2") == cost


def test_a_part_of_a_month_is_billed_by_the_month_that_it_would_make() -> None:
    """A tenth of a month with a tenth of its use: a tenth of its bill, not the dearest tier alone."""
    month = bill(function(), usage(on_demand_ns=20 * 10**9), SHEET)
    tenth = bill(function(), Usage(MONTH_NS // 10, on_demand_ns=2 * 10**9 * SECOND), SHEET)
    assert month.exact_usd == 10 * tenth.exact_usd == tenth.exact_usd * tenth.months
    assert 2 * 10**9 * Fraction("0.0000166667") > tenth.exact_usd
    assert [] == month.remarks() == bill(function(), Usage(DAY, on_demand_ns=10**6 * SECOND), SHEET).remarks()
    assert [
        "price of function.duration.x86 falls with the quantity of a month: the measured part costs its share of a "
        "month like it"
    ] == tenth.remarks()


def test_infracost_provisioned_concurrency() -> None:
    """L-3, Arm: 9,000,000 GB-s kept ready $30.00, 1,750,000 GB-s of service there $13.61, 10 million requests $2.00."""
    used = usage(instance_ns=9_000_000, standing_ns=1_750_000, served=10_000_000)
    found = amounts(bill(function(architecture="arm", provisioned_concurrency=4), used, SHEET))
    expected = {"provisioned_allocation": "30.00", "provisioned_duration": "13.61", "requests": "2.00"}
    assert {name: Decimal(usd) for name, usd in expected.items()} == {name: found[name] for name in expected}


@pytest.mark.parametrize(("architecture", "usd"), [("x86", "0.29"), ("arm", "0.23")])
def test_infracost_small(architecture: str, usd: str) -> None:
    """L-4: 17,500 GB-s."""
    used = usage(on_demand_ns=17_500)
    assert Decimal(usd) == cents(bill(function(architecture=architecture), used, SHEET).exact_usd)


def test_memory_is_configured_memory_by_1024() -> None:
    """Case C39: 128 MB for 10 s and twice 1,024 MB for 0.1 s are 1.45 GB-s; 1,769 MB are 1.7275 GB."""
    sizes = [("128MB", 10 * SECOND), ("1024MB", SECOND // 10), ("1024MB", SECOND // 10)]
    lines = [
        bill(function(memory_size=size), Usage(DAY, on_demand_ns=ns), SHEET).line("duration").quantity
        for size, ns in sizes
    ]
    assert Fraction("1.45") == sum(lines)
    line = bill(function(memory_size="1769MB"), Usage(DAY, on_demand_ns=SECOND), SHEET).line("duration")
    assert Fraction(1769, 1024) == line.quantity


def test_storage_beyond_512_mb() -> None:
    """10,240 MB for a million seconds on either place: 9.5 GB × 10⁶ s × 0.0000000309, $0.29; none at 512 MB."""
    used = usage(on_demand_ns=400_000, standing_ns=600_000)
    line = bill(function(ephemeral_storage="10240MB"), used, SHEET).line("ephemeral_storage")
    assert (Fraction("9.5") * 10**6, Decimal("0.29")) == (line.quantity, cents(line.exact_usd))
    assert "ephemeral_storage" not in amounts(bill(function(), used, SHEET))


@pytest.mark.parametrize(("billed_time", "expected_ms"), [("service", 251), ("service_and_startup", 351)])
def test_lambdas_billed_duration_before_and_after_august_2025(billed_time: str, expected_ms: int) -> None:
    """AWS's log line: duration 250.06 ms, init 100.77 ms: billed 251 ms, since 2025-08-01 351 ms."""
    endpoint = function(billed_time=billed_time, **PLAIN)
    demand = Demand.from_arrays([0], 250_060 * US, startup_ns=100_770 * US)
    run = compiled.simulate(endpoint.pool(), demand)
    assert [expected_ms * 10**6] == billed_ns(endpoint, demand, run.requests).tolist()
    tally = Tally.of(endpoint, from_ns=0, until_ns=DAY)
    for part in settled_of(demand, run):
        tally.add(part)
    assert expected_ms * 10**6 == tally.finish().usage.on_demand_ns


@pytest.mark.parametrize(("cold", "in_all", "more"), [(1, 100, "41.8"), (1, 1000, "4.2"), (0, 100, "0.0")])
def test_billed_startups(cold: int, in_all: int, more: str) -> None:
    """Case C40: init 376 ms, handler 8.3 ms, billed as 9: 1 % cold adds 42 %, 0.1 % adds 4 %.

    A cold request is billed ⌈376 + 8.3⌉ = 385 ms. Requests come every second, the first after a pause.
    """
    demand = Demand.from_arrays(np.arange(in_all) * SECOND, 8_300 * US, startup_ns=376_000 * US, idle_timeout_ns=DAY)
    cost = {}
    for billed_time in ("service", "service_and_startup"):
        endpoint = function(billed_time=billed_time, starts="cold" if cold else "warm", **PLAIN)
        tally = Tally.of(endpoint, from_ns=0, until_ns=DAY)
        for part in settled_of(demand, compiled.simulate(endpoint.pool(), demand)):
            tally.add(part)
        measured = tally.finish()
        assert cold == measured.cold_starts
        cost[billed_time] = bill(endpoint, measured.usage, SHEET).line("duration").exact_usd
    added = (cost["service_and_startup"] / cost["service"] - 1) * 100
    assert more == f"{float(added):.1f}"


def test_throttled_attempts_cost_nothing_and_served_ones_cost_each() -> None:
    """Two attempts of one request are served, one is turned away: two requests, 3 ms, whatever became of them."""
    endpoint = function()
    demand = Demand.from_arrays([0], 1_500 * US, payload_in_bytes=10**9)
    ms = 10**6
    tries = [
        (0, 0, SECOND, throttled()),
        (0, SECOND, 2 * SECOND, attempt(Outcome.TIMED_OUT, SECOND, SECOND + ms, SECOND + 1_500 * US, 0)),
    ]
    ends = [attempt(Outcome.COMPLETED, 2 * SECOND, 2 * SECOND + 1_500 * US, 2 * SECOND + 1_500 * US, 0)]
    pool = function(provisioned_concurrency=1).pool()
    assert pool.request_rate == Bucket(10_000, 100_000)
    tally = Tally.of(endpoint, from_ns=0, until_ns=DAY, pool=pool)
    for part in settled_of(demand, run_of(ends, [(0, 0, 2**63 - 1)], tries)):
        tally.add(part)
    used = tally.finish().usage
    whole = bill(function(provisioned_concurrency=1), used, SHEET)
    assert (Fraction(2), Fraction(4, 1000)) == (
        whole.line("requests").quantity,
        whole.line("provisioned_duration").quantity,
    )
    assert {"data_in", "data_out"}.isdisjoint(amounts(whole))


def test_the_free_tier_is_taken_off_at_the_first_price() -> None:
    """400,000 GB-s and a million requests a month: $6.67 and $0.20; never more than was used."""
    used = usage(on_demand_ns=10**9, served=5 * 10**6)
    paid, free = (bill(function(), used, SHEET, free_tier=free) for free in (False, True))
    assert Fraction("6.66668") + Fraction("0.2") == paid.exact_usd - free.exact_usd
    little = usage(on_demand_ns=1000, served=10)
    assert 0 == bill(function(), little, SHEET, free_tier=True).exact_usd


@pytest.mark.parametrize(
    "endpoint",
    [function(), function(architecture="arm", provisioned_concurrency=2), function(ephemeral_storage="1024MB")],
    ids=["plain", "provisioned", "storage"],
)
def test_price_items_are_the_items_of_the_bill(endpoint: Function) -> None:
    """What an endpoint says it needs is what its bill looks up, so that a scenario can be checked beforehand."""
    lines = bill(endpoint, Usage(span_ns=DAY), SHEET).lines
    assert endpoint.price_items() == tuple(line.price.item for line in lines)


def test_provisioned_concurrency_is_cheaper_beyond_sixty_per_cent() -> None:
    """AWS's rule of thumb: used for more than 60 % of the time it costs less than on demand."""
    for busy, is_cheaper in ((0.599, False), (0.601, True)):
        busy_s = round(busy * 86_400)
        kept = bill(
            function(provisioned_concurrency=1), Usage(DAY, standing_ns=busy_s * SECOND, instance_ns=DAY), SHEET
        )
        on_demand = bill(function(), Usage(DAY, on_demand_ns=busy_s * SECOND), SHEET)
        assert is_cheaper == (kept.exact_usd < on_demand.exact_usd)
