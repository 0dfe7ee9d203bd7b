"""Numbers as readers see them: digits that the interval supports, units that suit the size."""

from __future__ import annotations

import pytest

from simulator.measures.intervals import Estimate
from simulator.report.numbers import decimals_for, latency, plain, plain_ascii, share, signed, with_interval
from simulator.report.reading import in_words, limit_in_words


def found(value: float | None, low: float | None = None, high: float | None = None) -> Estimate:
    return Estimate(value, low, high, 0.95, 20, "mean, t")


@pytest.mark.parametrize(
    ("text", "estimate"),
    [
        ("446 ±3", found(446.2, 443.2, 449.2)),
        ("446.2 ±1.3", found(446.2, 444.9, 447.5)),
        ("446 +9/−2", found(446.0, 444.0, 455.0)),
        ("12,300 ±400", found(12345.0, 11945.0, 12745.0)),
        ("5", found(5.0, 5.0, 5.0)),
        ("446", found(446.2)),
        ("no data", found(None)),
    ],
)
def test_no_more_digits_than_the_interval_supports(text: str, estimate: Estimate) -> None:
    """One significant digit of the half-width, two if the first is a 1."""
    assert text == with_interval(estimate)


def test_rounding_up_to_ten_moves_the_decimal_place() -> None:
    """0.97 is shown as 1.0, two digits because the first is a 1; 0.996 as 1."""
    assert (1, 0) == (decimals_for(0.97), decimals_for(0.996))


@pytest.mark.parametrize(
    ("text", "value"), [("0.25 ms", 0.25), ("0.5 µs", 5e-4), ("446 ms", 446.0), ("4.48 s", 4480.0), ("5 min", 3e5)]
)
def test_latencies_have_the_unit_that_suits_them(text: str, value: float) -> None:
    """Milliseconds also below one, down to a thousandth of it."""
    assert text == latency(plain(value))


def test_shares_are_per_cents() -> None:
    """With the space before the sign."""
    assert "1.06 ±0.13 %" == share(found(0.0106, 0.0093, 0.0119))


@pytest.mark.parametrize(
    ("text", "estimate", "unit"),
    [
        ("−$62.0 ±1.3", found(-62.0, -63.3, -60.7), "USD"),
        ("+$0.0119 ±0.0002", found(0.0119, 0.0117, 0.0121), "USD"),
        ("−53 ±12 ms", found(-53.0, -65.0, -41.0), "ms"),
        ("+1.1 ±0.2 points", found(0.011, 0.009, 0.013), "1"),
        ("0", found(0.0, 0.0, 0.0), "USD"),
        ("no data", found(None), "ms"),
    ],
)
def test_differences_carry_their_sign(text: str, estimate: Estimate, unit: str) -> None:
    """Shares differ by percentage points."""
    assert text == in_words(estimate, unit, difference=True)


@pytest.mark.parametrize(
    ("text", "limit", "unit"), [("$250", 250.0, "USD"), ("0.1 %", 0.001, "1"), ("500 ms", 500.0, "ms")]
)
def test_limits_carry_their_unit(text: str, limit: float, unit: str) -> None:
    """As objectives are written."""
    assert text == limit_in_words(limit, unit)


def test_a_minus_is_a_minus() -> None:
    """Not a hyphen."""
    assert "−3 ±1" == signed("-3 ±1")


def test_ascii_keeps_the_meaning() -> None:
    """Each sign has its stand-in, none becomes a question mark."""
    assert "446 +-1 us, -3 x lambda T <= 2 ... |" == plain_ascii("446 ±1 µs, −3 × λT ≤ 2 … ·")
