"""Prices of the user: single ones laid over a bundled sheet, whole sheets, and every mistake in them."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from simulator.errors import InputError
from simulator.prices import Status, list_sheets, load_sheet

M5 = "real_time.instance.ml.m5.xlarge"


def refusal(reference: Any) -> str:
    """Message of the refusal."""
    with pytest.raises(InputError) as caught:
        load_sheet(reference)
    return str(caught.value)


@pytest.mark.parametrize("price", [0.25, "0.25", "0.25 USD/h", "0.25USD/h", "2.5e-1", Decimal("0.25")])
def test_a_price_is_a_number_or_text_with_the_unit_of_the_item(price: Any) -> None:
    """All of these are exactly a quarter of a dollar for an hour, with status custom."""
    row = load_sheet({M5: price}).price(M5)
    assert (Decimal("0.25"), "h", Status.CUSTOM) == (row.value, row.unit, row.status)


def test_a_number_in_a_file_is_the_decimal_that_was_written() -> None:
    """0.1 is one tenth, not the binary fraction next to it."""
    assert Decimal("0.1") == load_sheet({"data.in": 0.1}).price("data.in").value
    assert Decimal("0.000023") == load_sheet({"data.in": 2.3e-5}).price("data.in").value


def test_given_prices_are_laid_over_the_newest_sheet() -> None:
    """What is not given stays; what the sheet lacks is added; the id says how many were given."""
    newest = list_sheets()[0]
    given = load_sheet({M5: 0.25, "serverless.duration.1536MB": "0.00003 USD/s"})
    assert f"{newest.id} with 2 custom prices" == given.id
    assert newest.price("data.in") == given.price("data.in")
    assert len(newest.prices) + 1 == len(given.prices)
    assert newest.digest != given.digest
    assert newest.free_tier == given.free_tier


def test_the_sheet_underneath_can_be_named() -> None:
    """`base` keeps a scenario on one sheet when a newer one comes."""
    oldest = list_sheets()[-1].id
    assert f"{oldest} with 1 custom price" == load_sheet({"base": oldest, M5: 0.25}).id
    assert oldest == load_sheet({"base": oldest}).id


def test_an_unconfirmed_price_can_be_replaced() -> None:
    """What the bundled sheet refuses is used once the user gives it."""
    item = "real_time.instance.ml.t3.medium"
    assert Decimal("0.06") == load_sheet({item: "0.06"}).price(item).value


def test_prices_that_are_not_confirmed_are_told() -> None:
    """One sentence each for derived and custom prices among those used, none for confirmed ones."""
    sheet = load_sheet({M5: 0.25})
    used = [M5, "serverless.provisioned_allocation.4096MB", "data.in", M5]
    assert [
        f"price of {M5}, 0.25 USD/h, is custom: given by the user",
        "price of serverless.provisioned_allocation.4096MB, 0.0000200 USD/s, is derived: on-demand duration of "
        "4096MB x 0.25, the ratio of the confirmed 2048MB prices and of AWS Lambda's",
    ] == sheet.remarks(used)


@pytest.mark.parametrize(
    "price", [True, None, -1, "-0.25", "0.25 USD/s", "0.25 EUR/h", "a lot", "nan", float("inf"), []]
)
def test_a_wrong_price_is_refused_with_what_is_allowed(price: Any) -> None:
    """Wrong sign, unit, currency or type: the message shows the value and two right ways."""
    assert (f'{M5}: {price!r} is not a price; write USD per h, 0 or more, for example 0.25 or "0.25 USD/h"') == refusal(
        {M5: price}
    )


def test_all_wrong_prices_are_told_at_once() -> None:
    """One message for both mistakes."""
    message = refusal({"serverless.second": 1, "data.in": "x"})
    assert '"serverless.second" is not an item that can be priced; items: serverless.duration.<size>, ' in message
    assert "data.in: 'x' is not a price; write USD per GB" in message


def test_an_unknown_sheet_names_the_nearest() -> None:
    """By id, and by path."""
    assert 'no price sheet "aws/us-east-1/2026-12"; did you mean "aws/us-east-1/2026-11"?' == refusal(
        "aws/us-east-1/2026-12"
    )
    bundled = sorted(sheet.id for sheet in list_sheets())
    assert f'no price sheet "x"; bundled: {", ".join(bundled)}' == refusal("x")
    assert "nowhere/sheet.json: no such price sheet" == refusal(Path("nowhere/sheet.json"))


@pytest.fixture
def sheet() -> dict[str, Any]:
    """A small whole sheet, as a file holds it."""
    row = {"item": "data.in", "price": "0.02", "unit": "GB", "status": "confirmed", "source": "a bill", "seen": "2026"}
    return {
        "id": "mine/here/2026-11",
        "provider": "mine",
        "region": "here",
        "as_of": "2026-11-25",
        "bytes_per_gb": 2**30,
        "prices": [row],
    }


def test_a_whole_sheet_is_read_from_a_file_or_a_mapping(sheet: dict[str, Any], tmp_path: Path) -> None:
    """Both give the same sheet, in which nothing comes from a bundled one."""
    file = tmp_path / "mine.json"
    file.write_text(json.dumps(sheet), encoding="utf-8")
    read = load_sheet(file)
    assert read == load_sheet(sheet) == load_sheet(str(file))
    assert (2**30, 1, Decimal("0.02")) == (read.bytes_per_gb, len(read.prices), read.price("data.in").value)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"price": 0.02}, 'prices  prices[0].price: 0.02 is not text; write it as "0.02", so that it stays exact'),
        ({"price": "cheap"}, 'prices  prices[0].price: "cheap" is not a decimal number'),
        ({"price": "-1"}, "prices  prices[0].price: input should be greater than or equal to 0"),
        ({"unit": "h"}, 'prices  prices[0]: data.in is priced per GB, not per "h"'),
        ({"status": "sure"}, "prices[0].status: input should be 'confirmed', 'derived', 'custom' or 'unconfirmed'"),
        ({"source": ""}, "prices  prices[0].source: String should have at least 1 character"),
        ({"seen": "yesterday"}, "prices  prices[0].seen: String should match pattern"),
        ({"note": "x"}, "prices  prices[0].note: extra inputs are not permitted"),
    ],
)
def test_a_wrong_row_is_told_with_its_place(sheet: dict[str, Any], change: dict[str, Any], message: str) -> None:
    """Row and field are named, and what is allowed."""
    sheet["prices"][0].update(change)
    assert message in refusal(sheet)


def test_an_item_may_stand_once(sheet: dict[str, Any]) -> None:
    """Two prices for one thing are refused."""
    sheet["prices"] *= 2
    assert "prices  more than one price for data.in" == refusal(sheet)


def test_a_file_that_is_no_sheet_is_told_with_its_name(tmp_path: Path) -> None:
    """Wrong JSON with line and column, wrong encoding with the byte."""
    file = tmp_path / "mine.json"
    file.write_text("{\n oops", encoding="utf-8")
    assert f"{file}:2:2  not valid JSON: Expecting property name enclosed in double quotes" == refusal(file)
    file.write_bytes(b'{"id": "\xff"}')
    assert f"{file}: not UTF-8 text (byte 8)" == refusal(file)
