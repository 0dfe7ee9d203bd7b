"""Bills to the cent: AWS's own worked examples, and a third party's bills at live prices.

Where AWS's page and its own list prices differ, both are reckoned and the docstring says why.
"""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction

import numpy as np
import pytest

from simulator.engines import reference
from simulator.engines.tables import Demand
from simulator.measures.bill import bill
from simulator.measures.billed_time import usage_of
from simulator.measures.usage import Usage
from simulator.prices import load_sheet
from tests.cost.usages import DAY, GB, HOUR, SECOND, SHEET, amounts, cents, real_time, serverless, times

MONTH_31_DAYS_S = 31 * 86400.0


def test_serverless_on_demand() -> None:
    """AWS: 2 GB, 10,000,000 requests of 100 ms, 10 GB of data: $40.16.

    1,000,000 s × 0.00004 + 10 × 0.016. Ten thousand of the requests are simulated, with 1 kB of data each.
    """
    endpoint = serverless(gb=2)
    n = 10_000
    demand = Demand.from_arrays(np.arange(n) * SECOND, SECOND // 10, payload_in_bytes=600, payload_out_bytes=400)
    run = reference.simulate(endpoint.pool(), demand)
    part = usage_of(endpoint, endpoint.pool(), demand, run.requests, run.instances, (0, n * SECOND))
    whole = bill(endpoint, times(part, 1_000), SHEET)
    assert {"duration": Decimal("40.00"), "data_in": Decimal("0.10"), "data_out": Decimal("0.06")} == amounts(whole)
    assert Fraction("40.16") == whole.exact_usd
    assert Fraction("40.16") / 10_000 == Fraction(whole.cost_per_1000_usd).limit_denominator(10**9)


def _provisioned_month() -> Usage:
    """100 instances, 8 h on 5 days; 10 and 3 million requests of 100 ms on and beside them; 13 GB of data."""
    return Usage(
        span_ns=31 * DAY,
        requests=13_000_000,
        served=13_000_000,
        completed=13_000_000,
        on_demand_ns=300_000 * SECOND,
        standing_ns=1_000_000 * SECOND,
        instance_ns=100 * 5 * 8 * HOUR,
        data_in_bytes=10 * GB,
        data_out_bytes=3 * GB,
    )


def test_provisioned_concurrency_at_list_prices() -> None:
    """The same inputs as AWS's example at the list price of provisioned duration, 0.0000233: $173.508.

    144.00 + 23.30 + 12.00 − 6.00 (150,000 free seconds) + 0.208.
    """
    endpoint = serverless(gb=2, provisioned=100)
    whole = bill(endpoint, _provisioned_month(), SHEET, month_s=MONTH_31_DAYS_S, free_tier=True)
    assert Fraction("173.508") == whole.exact_usd
    assert {
        "provisioned_allocation": Decimal("144.00"),
        "provisioned_duration": Decimal("23.30"),
        "duration": Decimal("12.00"),
        "free_tier": Decimal("-6.00"),
        "data_in": Decimal("0.16"),
        "data_out": Decimal("0.05"),
    } == amounts(whole)
    assert (144.0, 29.508) == (whole.fixed_usd, whole.usage_usd)


def test_provisioned_concurrency_as_aws_prints_it() -> None:
    """AWS: $173.20. Its page rounds the price to 0.000023, and the exact sum 173.208 down to 173.20."""
    sheet = load_sheet({"serverless.provisioned_duration.2048MB": "0.000023 USD/s"})
    endpoint = serverless(gb=2, provisioned=100)
    whole = bill(endpoint, _provisioned_month(), sheet, month_s=MONTH_31_DAYS_S, free_tier=True)
    assert Fraction("173.208") == whole.exact_usd
    assert Decimal("23.00") == amounts(whole)["provisioned_duration"]
    assert ["price of serverless.provisioned_duration.2048MB, 0.000023 USD/s, is custom: given by the user"] == (
        whole.remarks()
    )


def test_real_time() -> None:
    """AWS: 2 × ml.c5.xlarge for 31 days, 3,100 MB in and 310 MB out.

    1,488 h × 0.204 is $303.552; AWS prints 303.52, a slip of 3 cents. Data: 0.0496 + 0.00496, printed as 0.055. (The
    example's third line, Model Monitor, is no part of an endpoint.)
    """
    endpoint = real_time("ml.c5.xlarge", initial_instance_count=2)
    usage = Usage(span_ns=31 * DAY, instance_ns=2 * 31 * DAY, data_in_bytes=3_100_000_000, data_out_bytes=310_000_000)
    whole = bill(endpoint, usage, SHEET)
    assert (Fraction(1488), Fraction("303.552")) == (
        whole.line("instance_hours").quantity,
        whole.line("instance_hours").exact_usd,
    )
    assert Fraction("0.05456") == whole.line("data_in").exact_usd + whole.line("data_out").exact_usd


def test_a_gigabyte_is_a_field_of_the_sheet() -> None:
    """AWS's benchmarking toolkit divides by 1024³: 10⁹ bytes are then 0.93 GB and cost that much less."""
    binary = SHEET.model_copy(update={"bytes_per_gb": 2**30})
    usage = Usage(span_ns=DAY, data_in_bytes=10 * 2**30)
    assert Fraction("0.16") == bill(serverless(), usage, binary).exact_usd
    assert Fraction("0.16") * 2**30 / 10**9 == bill(serverless(), usage, SHEET).exact_usd


@pytest.mark.parametrize(("gb", "seconds", "usd"), [(2, 500_000, "20.00"), (1, 250_000, "5.00")])
def test_infracost_serverless_duration(gb: int, seconds: int, usd: str) -> None:
    """I-1 and I-2: seconds of a memory size. The price is per second of the size; memory does not come in again."""
    usage = Usage(span_ns=30 * DAY, on_demand_ns=seconds * SECOND)
    assert Decimal(usd) == cents(bill(serverless(gb), usage, SHEET).exact_usd)


@pytest.mark.parametrize(
    ("kind", "gb_in", "gb_out", "usd_in", "usd_out"),
    [("serverless", 10, 20, "0.16", "0.32"), ("real_time", 15, 30, "0.24", "0.48")],
)
def test_infracost_data(kind: str, gb_in: int, gb_out: int, usd_in: str, usd_out: str) -> None:
    """I-3 and I-8: data costs the same at both kinds of endpoint, $0.016 for each GB and way."""
    endpoint = serverless() if kind == "serverless" else real_time("ml.m5.xlarge")
    whole = amounts(bill(endpoint, Usage(span_ns=DAY, data_in_bytes=gb_in * GB, data_out_bytes=gb_out * GB), SHEET))
    assert (Decimal(usd_in), Decimal(usd_out)) == (whole["data_in"], whole["data_out"])


def test_infracost_provisioned_allocation() -> None:
    """I-4: 2 instances for 200,000 s, used or not: $4.00."""
    usage = Usage(span_ns=200_000 * SECOND, instance_ns=2 * 200_000 * SECOND)
    assert Decimal("4.00") == amounts(bill(serverless(2, provisioned=2), usage, SHEET))["provisioned_allocation"]


@pytest.mark.parametrize(("seconds", "usd"), [(400_000, "9.32"), (5_256_000, "122.46")])
def test_infracost_provisioned_duration(seconds: int, usd: str) -> None:
    """I-5: $122.46 for 5,256,000 s and $9.32 for 400,000 s of 2 GB.

    Infracost's last commit multiplies by the GB once more, which is twice too much, and its first ones had the prices
    of allocation and duration exchanged.
    """
    usage = Usage(span_ns=60 * DAY, standing_ns=seconds * SECOND)
    assert Decimal(usd) == amounts(bill(serverless(2, provisioned=2), usage, SHEET))["provisioned_duration"]


@pytest.mark.parametrize(("instance_type", "usd"), [("ml.m5.large", "83.95"), ("ml.m5.xlarge", "167.90")])
def test_infracost_instance_hours(instance_type: str, usd: str) -> None:
    """I-6: a month of 730 h."""
    usage = Usage(span_ns=730 * HOUR, instance_ns=730 * HOUR)
    assert Decimal(usd) == cents(bill(real_time(instance_type), usage, SHEET).exact_usd)


def test_infracost_storage() -> None:
    """I-7: 20 GB for 10 of the 30 days of a month are 6.6667 GB-months, $0.93.

    Storage is priced by the month, so its price for 10 days depends on the month's length: 730 h make it $0.92.
    """
    endpoint = real_time("ml.m5.large", volume_size="20GB")
    usage = Usage(span_ns=10 * DAY, instance_ns=10 * DAY)
    line = bill(endpoint, usage, SHEET, month_s=30 * 86400.0).line("storage")
    assert (Fraction(20, 3), Decimal("0.93")) == (line.quantity, cents(line.exact_usd))
    assert Decimal("0.92") == amounts(bill(endpoint, usage, SHEET))["storage"]
