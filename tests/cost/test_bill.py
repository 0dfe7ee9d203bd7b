"""Properties of every bill: three serverless rates, break-even, parts and whole, free tier, months."""

from __future__ import annotations

import itertools
import random
from fractions import Fraction

import numpy as np
import pytest

from simulator.engines import reference
from simulator.engines.tables import Demand
from simulator.errors import InputError
from simulator.measures.bill import MONTH_S, bill
from simulator.measures.billed_time import usage_of
from simulator.measures.usage import Usage
from simulator.prices import Status, load_sheet
from tests.cost.usages import DAY, GB, HOUR, SECOND, SHEET, real_time, serverless

ROUNDED = load_sheet({"serverless.provisioned_duration.2048MB": "0.000023"})
LAMBDA = load_sheet(
    {
        "serverless.duration.2048MB": "0.0000166667",
        "serverless.provisioned_allocation.2048MB": "0.0000041667",
        "serverless.provisioned_duration.2048MB": "0.0000097222",
    }
)


def test_three_serverless_rates_coexist() -> None:
    """On demand, provisioned duration and allocation are each billed at their own price: 2 GB, 1 s each."""
    both = serverless(2, provisioned=1)
    for field, usd in (("on_demand_ns", "0.00004"), ("standing_ns", "0.0000233"), ("instance_ns", "0.00001")):
        assert Fraction(usd) == bill(both, Usage(span_ns=DAY, **{field: SECOND}), SHEET).exact_usd


@pytest.mark.parametrize(
    ("sheet", "expected"), [(SHEET, 0.5988), (ROUNDED, 0.5882), (LAMBDA, 0.6)], ids=["list", "rounded", "lambda"]
)
def test_break_even_of_provisioned_concurrency(sheet: object, expected: float) -> None:
    """A provisioned instance is cheaper than on demand if it is busy for more than 0.5988 of the time.

    0.5882 with the price that AWS's example rounds, 0.6 with Lambda's. Just below it costs more, just above less.
    """
    for busy, is_cheaper in ((expected - 1e-4, False), (expected + 1e-4, True)):
        busy_ns = round(busy * DAY)
        kept = bill(serverless(2, provisioned=1), Usage(DAY, standing_ns=busy_ns, instance_ns=DAY), sheet)  # type: ignore[arg-type]
        on_demand = bill(serverless(2), Usage(DAY, on_demand_ns=busy_ns), sheet)  # type: ignore[arg-type]
        assert is_cheaper == (kept.exact_usd < on_demand.exact_usd)


def test_provisioned_concurrency_that_is_never_used_costs_its_allocation() -> None:
    """Instances × seconds × price, all of it fixed."""
    unused = bill(serverless(2, provisioned=5), Usage(span_ns=DAY, instance_ns=5 * DAY), SHEET)
    assert Fraction(5 * 86400) * Fraction("0.00001") == unused.exact_usd
    assert (4.32, 0.0) == (unused.fixed_usd, unused.usage_usd)


def test_break_even_of_an_instance() -> None:
    """Serverless of 2 GB against one ml.t2.medium, $0.056 an hour: 38.9 % busy."""
    instance = bill(real_time("ml.t2.medium"), Usage(span_ns=HOUR, instance_ns=HOUR), SHEET).exact_usd
    second = bill(serverless(2), Usage(span_ns=HOUR, on_demand_ns=SECOND), SHEET).exact_usd
    assert 0.389 == round(float(instance / second / 3600), 3)


@pytest.mark.parametrize("seed", range(10))
def test_the_bill_of_parts_is_the_bill_of_the_whole(seed: int) -> None:
    """Wherever a run is cut, exactly, and line by line; lines add up to the total, fixed and usage too."""
    dice = random.Random(seed)
    rng = np.random.default_rng(seed)
    n = 200
    endpoint = serverless(
        dice.randint(1, 6),
        provisioned=dice.randint(1, 3),
        max_concurrency=dice.randint(3, 5),
        invocation_timeout="2s",
        billed_time=dice.choice(["service", "service_and_startup"]),
    )
    demand = Demand.from_arrays(
        np.sort(rng.integers(0, 100 * SECOND, n)),
        rng.exponential(2 * SECOND, n).astype(np.int64) + 1,
        startup_ns=rng.integers(0, 5 * SECOND, n),
        payload_in_bytes=rng.integers(0, 10**6, n),
        payload_out_bytes=rng.integers(0, 10**6, n),
    )
    run = reference.simulate(endpoint.pool(), demand)
    cuts = [0, *sorted(dice.randrange(1, 100 * SECOND) for _ in range(4)), 100 * SECOND]
    windows = [*itertools.pairwise(cuts), (0, 100 * SECOND)]
    *parts, whole = (
        bill(endpoint, usage_of(endpoint, endpoint.pool(), demand, run.requests, run.instances, window), SHEET)
        for window in windows
    )
    assert 0 < whole.completed < n
    for line in whole.lines:
        assert line.exact_usd == sum(part.line(line.name).exact_usd for part in parts)
    assert whole.exact_usd == sum(part.exact_usd for part in parts) == sum(line.exact_usd for line in whole.lines)
    assert whole.cost_usd == pytest.approx(whole.fixed_usd + whole.usage_usd, rel=1e-15)


@pytest.mark.parametrize("days", [1, 10, 62])
def test_the_free_tier_is_shared_out_by_time(days: int) -> None:
    """A span gets its share of the month's 150,000 s and no more than it used: nothing is paid back."""
    share = Fraction(days * 86400) / Fraction(MONTH_S) * 150_000
    busy = bill(serverless(), Usage(days * DAY, on_demand_ns=10**6 * SECOND), SHEET, free_tier=True)
    assert -share == busy.line("free_tier").quantity
    assert (10**6 - share) * Fraction("0.00004") == busy.exact_usd
    quiet = bill(serverless(), Usage(days * DAY, on_demand_ns=SECOND), SHEET, free_tier=True)
    assert (Fraction(-1), Fraction(0)) == (quiet.line("free_tier").quantity, quiet.exact_usd)


def test_the_free_tier_of_instances() -> None:
    """125 h a month of ml.m5.xlarge, $28.75, a fixed credit; nothing for other types or provisioned duration."""
    usage = Usage(span_ns=730 * HOUR, instance_ns=730 * HOUR, standing_ns=HOUR)
    xlarge = bill(real_time("ml.m5.xlarge"), usage, SHEET, free_tier=True)
    assert Fraction("-28.75") == xlarge.line("free_tier").exact_usd
    assert (139.15, 0.0) == (xlarge.fixed_usd, xlarge.usage_usd)
    for other in (real_time("ml.m5.2xlarge"), real_time("ml.c5.xlarge")):
        assert bill(other, usage, SHEET).exact_usd == bill(other, usage, SHEET, free_tier=True).exact_usd
    kept = bill(serverless(2, provisioned=1), usage, SHEET, free_tier=True)
    assert Fraction(0) == kept.line("free_tier").exact_usd


def test_a_month_is_730_hours_unless_given() -> None:
    """A day's cost × 730/24, or × the days of another month; the cost of the span itself does not move."""
    usage = Usage(span_ns=DAY, instance_ns=DAY)
    one = real_time("ml.m5.xlarge")
    assert (5.52, 167.9) == (bill(one, usage, SHEET).cost_usd, bill(one, usage, SHEET).monthly_cost_usd)
    january = bill(one, usage, SHEET, month_s=31 * 86400.0)
    assert (5.52, 171.12) == (january.cost_usd, january.monthly_cost_usd)


def test_storage_is_billed_for_each_instance() -> None:
    """3 instances with 20 GB for a month: 60 GB-months, $8.40, fixed."""
    three = real_time("ml.m5.large", initial_instance_count=3, volume_size="20GB")
    line = bill(three, Usage(span_ns=730 * HOUR, instance_ns=3 * 730 * HOUR), SHEET).line("storage")
    assert (Fraction(60), Fraction("8.4"), True) == (line.quantity, line.exact_usd, line.is_fixed)


def test_each_line_says_how_sure_its_price_is() -> None:
    """4 GB provisioned: allocation and duration are derived, the rest confirmed; the remarks name just those."""
    whole = bill(serverless(4, provisioned=1), Usage(span_ns=DAY), SHEET)
    derived = {line.name for line in whole.lines if line.price.status is Status.DERIVED}
    assert {"provisioned_allocation", "provisioned_duration"} == derived
    assert ["allocation", "duration"] == [
        remark.split(".4096MB")[0].removeprefix("price of serverless.provisioned_") for remark in whole.remarks()
    ]
    assert [] == bill(serverless(4), Usage(span_ns=DAY), SHEET).remarks()


def test_a_free_tier_credit_makes_no_second_remark() -> None:
    """One price, one sentence."""
    sheet = load_sheet({"serverless.duration.2048MB": 0.00005})
    assert 1 == len(bill(serverless(), Usage(DAY, on_demand_ns=SECOND), sheet, free_tier=True).remarks())


def test_only_lines_that_can_occur() -> None:
    """No provisioned lines without provisioned concurrency, no storage without a volume: no price is asked for."""
    assert ["duration", "data_in", "data_out"] == names(bill(serverless(), Usage(DAY), SHEET))
    assert ["instance_hours", "data_in", "data_out"] == names(bill(real_time("ml.m5.large"), Usage(DAY), SHEET))
    custom = serverless(platform="generic", memory_size="1500MB")
    sheet = load_sheet({"serverless.duration.1500MB": 0.00003})
    assert Fraction("0.00003") == bill(custom, Usage(DAY, on_demand_ns=SECOND), sheet).exact_usd


def names(whole: object) -> list[str]:
    """Names of the lines."""
    return [line.name for line in whole.lines]  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("endpoint", "item"),
    [
        (serverless(platform="generic", memory_size="1500MB"), "serverless.duration.1500MB"),
        (real_time("ml.m9.huge"), "real_time.instance.ml.m9.huge"),
        (real_time("ml.inf1.xlarge"), "real_time.instance.ml.inf1.xlarge"),
    ],
    ids=["memory", "type", "unconfirmed"],
)
def test_a_price_that_is_not_there_is_never_guessed(endpoint: object, item: str) -> None:
    """Missing or unconfirmed: the bill names the item and how to give a price."""
    with pytest.raises(InputError, match=f'give your own under prices, for example {{"{item}": "0.1 USD/'):
        bill(endpoint, Usage(span_ns=DAY), SHEET)  # type: ignore[arg-type]


def test_price_items_are_the_items_of_the_bill() -> None:
    """What an endpoint says it needs is what its bill looks up, so that a scenario can be checked beforehand."""
    for endpoint in (
        serverless(2),
        serverless(4, provisioned=2),
        real_time("ml.m5.large"),
        real_time("ml.m5.large", volume_size="20GB"),
    ):
        whole = bill(endpoint, Usage(span_ns=DAY, data_in_bytes=GB), SHEET)
        assert endpoint.price_items() == tuple(line.price.item for line in whole.lines)


def test_a_span_and_a_month_have_to_have_a_length() -> None:
    """0 is refused for either."""
    for span_ns, month_s in ((0, MONTH_S), (DAY, 0.0), (DAY, float("nan"))):
        with pytest.raises(ValueError, match="both must be more than 0"):
            bill(serverless(), Usage(span_ns=span_ns), SHEET, month_s=month_s)


def test_amounts_are_exact_where_floats_are_not() -> None:
    """A million requests billed one by one add up to the bill of all of them, to the last digit."""
    one = bill(serverless(), Usage(span_ns=DAY, on_demand_ns=SECOND // 10), SHEET).exact_usd
    all_at_once = bill(serverless(), Usage(span_ns=DAY, on_demand_ns=10**6 * (SECOND // 10)), SHEET)
    assert one * 10**6 == all_at_once.exact_usd
    assert 4.0 == all_at_once.cost_usd
    assert 4.0 != sum([0.1 * 0.00004] * 10**6)
