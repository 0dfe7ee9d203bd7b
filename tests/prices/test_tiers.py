"""Prices that fall with the quantity of a month, prices of functions and containers, and sheets of two providers."""

from __future__ import annotations

import json
import random
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest
from click.testing import CliRunner

from simulator.cli.prices import prices
from simulator.errors import InputError
from simulator.prices import Price, PriceSheet, Status, load_sheet

AWS, GOOGLE = "aws/us-east-1/2026-11", "google/tier-1/2026-11"
X86 = load_sheet(AWS).price("function.duration.x86")
TIERS = [("10", "3"), ("25", "2"), (None, "0.5")]


def row(tiers: Any, **changes: Any) -> dict[str, Any]:
    """A row of a sheet."""
    first = tiers[0][1] if tiers else "3"
    given = [{"price": price} if bound is None else {"up_to": bound, "price": price} for bound, price in tiers]
    return {
        "item": "function.requests",
        "price": first,
        "unit": "request",
        "status": "confirmed",
        "source": "a bill",
        **({"tiers": given} if tiers else {}),
        **changes,
    }


@pytest.mark.parametrize(
    ("quantity", "usd"), [(0, 0), (4, 12), (10, 30), (11, 32), (25, 60), (26, Fraction("60.5")), (125, 110), (-2, -6)]
)
def test_each_part_of_a_quantity_costs_the_price_of_its_tier(quantity: int, usd: Fraction) -> None:
    """10 at 3, the next 15 at 2, the rest at 0.5: below, at and above each bound; a credit has the first price."""
    assert Fraction(usd) == Price.model_validate(row(TIERS)).amount(Fraction(quantity))


def test_tiers_are_those_of_a_month() -> None:
    """40 in half a month make 80 in a month: 30 + 30 + 27.5, half of it for the half month, exactly."""
    price = Price.model_validate(row(TIERS))
    assert Fraction("87.5") == price.amount(Fraction(80))
    assert Fraction("43.75") == price.amount(Fraction(40), Fraction(1, 2))
    third = Fraction(1, 3)
    assert price.amount(Fraction(7)) == 3 * price.amount(Fraction(7) * third, third)


def test_amounts_agree_with_plain_arithmetic() -> None:
    """Unit by unit, for random tiers and whole quantities."""
    dice = random.Random(20261125)
    for _ in range(50):
        bounds = sorted(dice.sample(range(1, 40), dice.randint(1, 4)))
        values = sorted((dice.randint(0, 9) for _ in range(len(bounds) + 1)), reverse=True)
        texts = [str(bound) for bound in bounds]
        price = Price.model_validate(row(list(zip([*texts, None], map(str, values), strict=True))))
        quantity = dice.randint(0, 60)
        expected = sum(values[sum(unit >= bound for bound in bounds)] for unit in range(quantity))
        assert expected == price.amount(Fraction(quantity))


@pytest.mark.parametrize(
    ("tiers", "message"),
    [
        ([(None, "3")], "tiers must be two or more, each but the last with up_to"),
        ([("10", "3"), ("20", "2")], "tiers must be two or more, each but the last with up_to"),
        ([("10", "3"), (None, "2"), (None, "1")], "tiers must be two or more, each but the last with up_to"),
        ([("10", "3"), ("10", "2"), (None, "1")], "the up_to of tiers must be more than 0 and rise from tier to tier"),
        ([("0", "3"), (None, "1")], "the up_to of tiers must be more than 0 and rise from tier to tier"),
        ([("10", "1"), (None, "2")], "the price of tiers must not rise from tier to tier"),
    ],
)
def test_wrong_tiers_are_told_with_their_item(tiers: Any, message: str) -> None:
    """What is wrong, once, with the place in the sheet."""
    with pytest.raises(InputError) as caught:
        load_sheet(sheet_of(row(tiers)))
    assert f"prices  prices[0]: function.requests: {message}" in str(caught.value)


def test_the_price_of_a_row_is_that_of_its_first_tier() -> None:
    """Two numbers for one thing are refused."""
    with pytest.raises(InputError, match=r"function\.requests: price is 4, must be that of the first tier, 3"):
        load_sheet(sheet_of(row(TIERS, price="4")))


def sheet_of(*rows: dict[str, Any]) -> dict[str, Any]:
    """A whole sheet of some rows."""
    return {"id": "mine/here/2026-11", "provider": "mine", "region": "here", "as_of": "2026-11-25", "prices": [*rows]}


def test_a_sheet_without_tiers_is_written_without_them() -> None:
    """Its digest is that of the time before tiers; one with tiers comes back from JSON as it was."""
    plain, tiered = (PriceSheet.model_validate(sheet_of(row(tiers))) for tiers in ([], TIERS))
    assert "tiers" not in plain.model_dump_json(by_alias=True)
    assert tiered == PriceSheet.model_validate_json(tiered.model_dump_json(by_alias=True))
    assert plain.digest != tiered.digest


@pytest.mark.parametrize(
    ("item", "price"),
    [
        ("function.duration.x86", "0.0000166667 USD/GB-s"),
        ("function.duration.arm", "0.0000133334 USD/GB-s"),
        ("function.provisioned_allocation.x86", "0.0000041667 USD/GB-s"),
        ("function.provisioned_duration.x86", "0.0000097222 USD/GB-s"),
        ("function.requests", "0.0000002 USD/request"),
        ("function.ephemeral_storage", "0.0000000309 USD/GB-s"),
    ],
)
def test_well_known_prices_of_lambda(item: str, price: str) -> None:
    """Prices that AWS's page or list state, exactly; all are confirmed."""
    found = load_sheet(AWS).price(item)
    number, unit = price.split(" USD/")
    assert (Decimal(number), unit, Status.CONFIRMED) == (found.value, found.unit, found.status)


def test_derived_prices_of_lambda_follow_from_two_bills() -> None:
    """Provisioned concurrency on Arm: 30.00 USD for 9,000,000 GB-s and 13.61 for 1,750,000, to the cent."""
    sheet = load_sheet(AWS)
    for item, quantity, usd in (
        ("function.provisioned_allocation.arm", 9_000_000, "30.00"),
        ("function.provisioned_duration.arm", 1_750_000, "13.61"),
    ):
        found = sheet.price(item)
        assert (Decimal(usd), Status.DERIVED) == (round(found.value * quantity, 2), found.status)


def test_well_known_prices_of_containers() -> None:
    """Google Cloud Run, tier 1; the rates of idle instances are not confirmed, so the user gives them."""
    sheet = load_sheet(GOOGLE)
    expected = {
        "container.vcpu": "0.000024 USD/vCPU-s",
        "container.memory": "0.0000025 USD/GiB-s",
        "container.instance_vcpu": "0.000018 USD/vCPU-s",
        "container.instance_memory": "0.000002 USD/GiB-s",
        "container.requests": "0.0000004 USD/request",
    }
    assert expected == {item: sheet.price(item).text() for item in expected}
    for item in ("container.idle_vcpu", "container.idle_memory"):
        with pytest.raises(InputError, match=r"is unconfirmed .* give your own under prices"):
            sheet.price(item)


def test_free_tiers() -> None:
    """400,000 GB-s and 1 million requests a month of functions; 180,000, 360,000 and 2 million of containers."""
    both = load_sheet({"base": [AWS, GOOGLE]})
    expected = {
        "function.duration.arm": "400000",
        "function.requests": "1000000",
        "container.vcpu": "180000",
        "container.memory": "360000",
        "container.requests": "2000000",
    }
    found = {item: both.free_allowance(item) for item in expected}
    assert expected == {item: str(free.quantity) for item, free in found.items() if free is not None}
    for item in ("function.provisioned_duration.x86", "container.instance_vcpu", "container.idle_vcpu"):
        assert both.free_allowance(item) is None


def test_a_scenario_that_compares_providers_names_both_sheets() -> None:
    """Items of both, the user's own price over them; the id tells."""
    both = load_sheet({"base": [AWS, GOOGLE], "container.idle_vcpu": "0.000003 USD/vCPU-s"})
    assert f"{AWS} + {GOOGLE} with 1 custom price" == both.id
    assert X86 == both.price("function.duration.x86")
    assert "0.000024 USD/vCPU-s" == both.price("container.vcpu").text()
    assert (Decimal("0.000003"), Status.CUSTOM) == (
        both.price("container.idle_vcpu").value,
        both.price("container.idle_vcpu").status,
    )
    assert load_sheet({"base": [GOOGLE, GOOGLE]}) == load_sheet(GOOGLE)


def test_a_price_that_another_sheet_has_is_told() -> None:
    """The message says how to take that sheet in."""
    with pytest.raises(InputError) as caught:
        load_sheet(AWS).price("container.vcpu")
    assert f'{GOOGLE} has it: {{"base": ["{AWS}", "{GOOGLE}"]}} under prices; or give your own' in str(caught.value)


def test_sheets_that_do_not_go_together_are_refused(tmp_path: Any) -> None:
    """Two prices for one item, two sizes of a GB, no sheet at all."""
    other = tmp_path / "other.json"
    other.write_text(json.dumps(sheet_of(row([]))), encoding="utf-8")
    with pytest.raises(InputError, match=r"both have prices for function\.requests; name one of them"):
        load_sheet({"base": [AWS, str(other)]})
    item = {"item": "real_time.instance.x", "unit": "h"}
    other.write_text(json.dumps({**sheet_of(row([], **item)), "bytes_per_gb": 2**30}), encoding="utf-8")
    with pytest.raises(InputError, match="differ in bytes_per_gb: 1000000000, 1073741824"):
        load_sheet({"base": [AWS, str(other)]})
    with pytest.raises(InputError, match="base: names no sheet"):
        load_sheet({"base": []})


@pytest.mark.parametrize("given", ["0.20 USD/million", "0.0000002", "0.0000002 USD/request", 2e-7])
def test_a_price_of_requests_may_be_given_by_the_million(given: Any) -> None:
    """As providers print it."""
    assert Decimal("0.0000002") == load_sheet({"function.requests": given}).price("function.requests").value


def test_tiers_are_shown() -> None:
    """`prices show` tells the bounds and the prices beyond them."""
    found = CliRunner().invoke(prices, ["show", AWS, "--item", "function.duration.x86"])
    assert (
        "0.0000166667 USD/GB-s, 0.0000150000 beyond 6,000,000,000 GB-s a month, 0.0000133334 beyond 15,000,000,000 "
        "GB-s a month"
    ) in found.output
