"""Cost questions that people asked in public, and bills that others got wrong."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import pytest
from pydantic import ValidationError

from simulator.measures.bill import bill
from simulator.measures.usage import Usage
from simulator.prices import load_sheet
from tests.cost.usages import DAY, HOUR, SECOND, SHEET, real_time, serverless


def requests_of(count: int, service_ns: int) -> Usage:
    """A month of 730 h with so many requests, all completed on demand."""
    return Usage(span_ns=730 * HOUR, requests=count, served=count, completed=count, on_demand_ns=count * service_ns)


def break_even(monthly: Fraction, request: Fraction) -> float:
    """Requests a month above which an instance is cheaper, in millions."""
    return round(float(monthly / request / 10**6), 2)


def request_usd() -> Fraction:
    """One request of 100 ms at 4 GB."""
    return bill(serverless(4), requests_of(1, SECOND // 10), SHEET).exact_usd


def month_usd(instance_type: str, hours: int) -> Fraction:
    """One instance for a month of so many hours."""
    day = bill(real_time(instance_type), Usage(span_ns=DAY, instance_ns=DAY), SHEET, month_s=hours * 3600.0)
    return day.exact_usd * day.months


def test_nightly_tests_instance_or_serverless() -> None:
    """4 GB, 100 ms: $8e-6 a request. One test a day is 4.54 million requests, $36.3, against $167.9.

    Break-even: 20.99 million requests a month, or 20.75 million with the $166 that the blog post reckons.
    """
    assert Fraction(8, 10**6) == request_usd()
    month = bill(serverless(4), requests_of(30 * 150_000 + 36_500, SECOND // 10), SHEET)
    assert (36.292, 36.292) == (month.cost_usd, month.monthly_cost_usd)
    assert 0.008 == month.cost_per_1000_usd
    assert 20.99 == break_even(month_usd("ml.m5.xlarge", 730), request_usd())
    assert 20.75 == break_even(Fraction(166), request_usd())


@pytest.mark.parametrize(("hours", "usd", "millions"), [(720, "73.44", 9.18), (730, "74.46", 9.31)])
def test_the_length_of_a_month_moves_the_break_even(hours: int, usd: str, millions: float) -> None:
    """ml.c5.large at 0.102: a month of 720 h and one of 730 h differ by 1.4 %."""
    assert Fraction(usd) == month_usd("ml.c5.large", hours)
    assert millions == break_even(month_usd("ml.c5.large", hours), request_usd())


def test_an_idle_endpoint_costs_all_of_its_instances() -> None:
    """No request in a month: ml.m5.xlarge $167.90; an L4 at $0.70 and eight H100 at $30 an hour $22,411.

    No completed request: no cost per 1,000, neither 0 nor a division by 0.
    """
    usage = Usage(span_ns=730 * HOUR, instance_ns=730 * HOUR)
    idle = bill(real_time("ml.m5.xlarge"), usage, SHEET)
    assert (167.9, 167.9, 0.0, None) == (idle.cost_usd, idle.fixed_usd, idle.usage_usd, idle.cost_per_1000_usd)
    sheet = load_sheet({"real_time.instance.l4": 0.70, "real_time.instance.8xh100": "30 USD/h"})
    both = sum(bill(real_time(name), usage, sheet).exact_usd for name in ("l4", "8xh100"))
    assert Fraction(22_411) == both


def per_gb_second() -> Any:
    """Prices of a platform at one dollar for each GB (1024 MB) and second."""
    sizes = {128: "0.125", 1024: "1", 3008: "2.9375"}
    return load_sheet({f"serverless.duration.{size}MB": usd for size, usd in sizes.items()})


def generic(memory_mb: int) -> Any:
    """An endpoint of any memory size."""
    return serverless(platform="generic", memory_size=f"{memory_mb}MB")


def test_bills_are_summed_by_request_not_reckoned_from_means() -> None:
    """128 MB 10 s, 1024 MB 0.1 s twice: 1.25 + 0.1 + 0.1 = 1.45 GB-s; mean memory × mean time × 3 is 7.225."""
    parts = ((128, 10 * SECOND), (1024, SECOND // 10), (1024, SECOND // 10))
    total = sum(bill(generic(size), requests_of(1, ns), per_gb_second()).exact_usd for size, ns in parts)
    assert Fraction("1.45") == total
    by_means = Fraction(128 + 1024 + 1024, 3 * 1024) * Fraction(102, 10) / 3 * 3
    assert Fraction("7.225") == by_means


def test_configured_memory_is_billed_not_memory_used() -> None:
    """63 MB used of 3008 configured: a second bills 2.9375 GB-s. Memory used is not even a field."""
    assert Fraction("2.9375") == bill(generic(3008), requests_of(1, SECOND), per_gb_second()).exact_usd
    with pytest.raises(ValidationError, match="memory_used"):
        serverless(platform="generic", memory_size="3008MB", memory_used="63MB")


def test_a_throttled_request_costs_nothing() -> None:
    """Nor does it lower the cost of 1,000 requests: only completed ones count there."""
    ten = requests_of(10, SECOND)
    with_throttled = ten + Usage(span_ns=0, requests=90)
    assert bill(serverless(), ten, SHEET).exact_usd == bill(serverless(), with_throttled, SHEET).exact_usd
    assert (
        bill(serverless(), ten, SHEET).cost_per_1000_usd == bill(serverless(), with_throttled, SHEET).cost_per_1000_usd
    )
