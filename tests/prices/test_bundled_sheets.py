"""The bundled sheets: every row has a source and a date, and what is derived follows from its rule."""

from __future__ import annotations

import pickle
from decimal import Decimal

import pytest

from simulator.errors import InputError
from simulator.prices import Price, PriceSheet, Status, list_sheets, load_sheet

SHEET = load_sheet("aws/us-east-1/2026-11")
MEMORY_GB = range(1, 7)
#: EC2, Linux, on demand [USD/h]; and SageMaker's price over it, seen on the confirmed types of the same class.
EC2_AND_RATIO = {
    "ml.m6i.large": ("0.096", "1.20"),
    "ml.m6i.xlarge": ("0.192", "1.20"),
    "ml.m7i.large": ("0.1008", "1.20"),
    "ml.m7i.xlarge": ("0.2016", "1.20"),
    "ml.c6i.large": ("0.085", "1.20"),
    "ml.c6i.xlarge": ("0.17", "1.20"),
    "ml.c7i.large": ("0.08925", "1.20"),
    "ml.c7i.xlarge": ("0.1785", "1.20"),
    "ml.g6.xlarge": ("0.8048", "1.40"),
    "ml.p5.48xlarge": ("55.04", "1.15"),
}
#: Seen as the training rate; hosting lists the same wherever both were seen.
TRAINING = {"ml.p4d.24xlarge": "25.251"}


@pytest.mark.parametrize("sheet", list_sheets(), ids=lambda sheet: sheet.id)
def test_every_row_says_how_sure_it_is_and_where_it_was_read(sheet: PriceSheet) -> None:
    """No row without status, source and date; no date after the sheet's own; nothing custom in a bundled sheet."""
    for row in sheet.prices:
        assert row.status in {Status.CONFIRMED, Status.DERIVED, Status.UNCONFIRMED}, row.item
        assert len(row.source) > 10, row.item
        assert row.seen is not None, row.item
        assert row.seen <= sheet.as_of.isoformat(), row.item
        assert row.value > 0, row.item


@pytest.mark.parametrize("sheet", list_sheets(), ids=lambda sheet: sheet.id)
def test_a_bundled_sheet_is_found_by_the_id_that_it_states(sheet: PriceSheet) -> None:
    """The id in the file is the path of the file, so that a scenario names what it gets."""
    assert sheet == load_sheet(sheet.id)
    assert f"{sheet.provider}/{sheet.region}/{sheet.as_of:%Y-%m}" == sheet.id


@pytest.mark.parametrize(
    ("item", "price"),
    [
        ("serverless.duration.1024MB", "0.00002 USD/s"),
        ("serverless.duration.4096MB", "0.00008 USD/s"),
        ("serverless.provisioned_allocation.2048MB", "0.00001 USD/s"),
        ("serverless.provisioned_duration.2048MB", "0.0000233 USD/s"),
        ("real_time.instance.ml.t2.medium", "0.056 USD/h"),
        ("real_time.instance.ml.m5.xlarge", "0.23 USD/h"),
        ("real_time.instance.ml.c5.xlarge", "0.204 USD/h"),
        ("real_time.instance.ml.g5.xlarge", "1.4084 USD/h"),
        ("real_time.instance.ml.g6e.2xlarge", "2.8026 USD/h"),
        ("real_time.storage", "0.14 USD/GB-month"),
        ("data.in", "0.016 USD/GB"),
        ("data.out", "0.016 USD/GB"),
    ],
)
def test_well_known_prices(item: str, price: str) -> None:
    """Prices that AWS's own examples, code or price list state, exactly; all are confirmed."""
    row = SHEET.price(item)
    number, unit = price.split(" USD/")
    assert (Decimal(number), unit, Status.CONFIRMED) == (row.value, row.unit, row.status)


def test_on_demand_duration_is_linear_in_memory() -> None:
    """0.00002 USD for each GB of configured memory and second, at every size."""
    assert [Decimal("0.00002") * gb for gb in MEMORY_GB] == [serverless("duration", gb).value for gb in MEMORY_GB]


def test_provisioned_prices_follow_lambdas_ratios() -> None:
    """Allocation 0.25 and duration 0.58333 of the on-demand price, to 7 decimals; the confirmed 2 GB row too.

    Lambda: 0.0000041667/0.0000166667 and 0.0000097222/0.0000166667.
    """
    step = Decimal("0.0000001")
    for gb in MEMORY_GB:
        on_demand = serverless("duration", gb).value
        allocation, duration = serverless("provisioned_allocation", gb), serverless("provisioned_duration", gb)
        assert (on_demand * Decimal("0.25")).quantize(step) == allocation.value
        assert (on_demand * Decimal("0.58333")).quantize(step) == duration.value
        expected = Status.CONFIRMED if gb == 2 else Status.DERIVED
        assert (expected, expected) == (allocation.status, duration.status)
    assert Decimal("0.2500") == (Decimal("0.0000041667") / Decimal("0.0000166667")).quantize(Decimal("0.0001"))
    assert Decimal("0.58333") == (Decimal("0.0000097222") / Decimal("0.0000166667")).quantize(Decimal("0.00001"))


def test_derived_instance_prices_follow_from_ec2() -> None:
    """EC2 times the ratio of the class, to the digits given; no derived instance type without a rule here."""
    derived = {r.item.removeprefix("real_time.instance."): r.value for r in SHEET.prices if is_derived_instance(r)}
    assert EC2_AND_RATIO.keys() | TRAINING.keys() == derived.keys()
    for name, (ec2, ratio) in EC2_AND_RATIO.items():
        assert (Decimal(ec2) * Decimal(ratio)).quantize(derived[name]) == derived[name], name
    for name, rate in TRAINING.items():
        assert Decimal(rate) == derived[name]


def test_confirmed_instance_prices_follow_the_same_rule() -> None:
    """The ratio 1.20 holds on a confirmed general-purpose and a compute type, 1.40 and 1.25 on GPU types.

    EC2: m5.xlarge 0.192, c5.xlarge 0.17, g4dn.xlarge 0.526, g5.2xlarge 1.212 USD/h. A rule that fails where it can be
    checked is no rule.
    """
    ec2 = {"m5.xlarge": ("0.192", "1.20"), "c5.xlarge": ("0.17", "1.20"), "g4dn.xlarge": ("0.526", "1.40")}
    for size, (rate, ratio) in {**ec2, "g5.2xlarge": ("1.212", "1.25")}.items():
        row = SHEET.price(f"real_time.instance.ml.{size}")
        assert Status.CONFIRMED == row.status
        assert (Decimal(rate) * Decimal(ratio)).quantize(row.value) == row.value, size


def test_an_unconfirmed_price_is_refused_with_its_reason() -> None:
    """The message names the doubt and the way out."""
    with pytest.raises(InputError) as caught:
        SHEET.price("real_time.instance.ml.t3.medium")
    assert (
        "the price of real_time.instance.ml.t3.medium, 0.05 USD/h, is unconfirmed (rate of notebook instances; the "
        'hosting rate was not found); give your own under prices, for example {"real_time.instance.ml.t3.medium": '
        '"0.1 USD/h"}'
    ) == str(caught.value)


def test_a_missing_price_names_the_nearest() -> None:
    """A slip in a type is found at a glance."""
    with pytest.raises(InputError, match=r"no price for real_time\.instance\.ml\.m5\.xlarg in .*2026-11") as caught:
        SHEET.price("real_time.instance.ml.m5.xlarg")
    assert "nearest: real_time.instance.ml.m5.xlarge, " in str(caught.value)


def test_the_free_tier_is_in_seconds_and_for_two_instance_types() -> None:
    """150,000 s of on-demand duration whatever the memory, 125 h of ml.m4.xlarge and ml.m5.xlarge, nothing else."""
    for gb in MEMORY_GB:
        free = SHEET.free_allowance(f"serverless.duration.{1024 * gb}MB")
        assert free is not None
        assert (Decimal(150_000), "s") == (free.quantity, free.unit)
        assert SHEET.free_allowance(f"serverless.provisioned_duration.{1024 * gb}MB") is None
    for name in ("ml.m4.xlarge", "ml.m5.xlarge"):
        free = SHEET.free_allowance(f"real_time.instance.{name}")
        assert free is not None
        assert (Decimal(125), "h") == (free.quantity, free.unit)
    assert SHEET.free_allowance("real_time.instance.ml.m5.2xlarge") is None
    assert SHEET.free_allowance("data.in") is None


def test_rows_are_chosen_by_a_part_of_their_item() -> None:
    """`prices show` lists all rows, or those that contain a word."""
    assert 80 == len(SHEET.rows())
    assert ["ml.inf2.xlarge", "ml.inf2.8xlarge", "ml.inf2.24xlarge", "ml.inf2.48xlarge"] == [
        row.item.removeprefix("real_time.instance.") for row in SHEET.rows("inf2")
    ]


def test_a_sheet_survives_being_sent_to_another_process() -> None:
    """Equal after pickling, also once a price was looked up."""
    SHEET.price("data.in")
    sent = pickle.loads(pickle.dumps(SHEET))
    assert (SHEET, SHEET.digest, SHEET.price("data.in")) == (sent, sent.digest, sent.price("data.in"))


def serverless(family: str, gb: int) -> Price:
    """Row of a serverless family at a memory size."""
    return SHEET.price(f"serverless.{family}.{1024 * gb}MB")


def is_derived_instance(row: Price) -> bool:
    """Whether a row is the derived price of an instance type."""
    return row.status is Status.DERIVED and row.item.startswith("real_time.instance.")
