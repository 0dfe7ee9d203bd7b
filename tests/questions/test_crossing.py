"""Where numbers change sign: by hand on straight lines, with intervals that end, go on, or are nothing."""

from __future__ import annotations

import pytest

from simulator.measures.intervals import Estimate
from simulator.questions.breakeven import erlang_b, months_until, parse_growth
from simulator.questions.crossover.crossing import crossing, flipped, is_decided


def about(value: float | None, half: float | None = 1.0) -> Estimate:
    low, high = (None, None) if value is None or half is None else (value - half, value + half)
    return Estimate(value, low, high, 0.95, 10, "by hand")


def line(*places: float, slope: float = 1.0, at: float = 5.0, half: float | None = 1.0) -> list[tuple[float, Estimate]]:
    """A number that is 0 at a place, known everywhere as well."""
    return [(place, about(slope * (place - at), half)) for place in places]


def test_a_straight_line() -> None:
    """x - 5 with half-width 1: crosses at 5, and holds 0 from 4 to 6, wherever the points are."""
    for places in ((0, 10), (0, 4.5, 5.5, 10), (0, 3, 4.9, 10)):
        found = crossing(line(*places))
        assert found is not None
        assert (5.0, 4.0, 6.0) == pytest.approx((found.at, found.low, found.high))


def test_a_steeper_line_has_a_shorter_interval() -> None:
    """3(x - 5) with half-width 1: from 5 - 1/3 to 5 + 1/3."""
    found = crossing(line(0, 4, 6, 10, slope=3.0))
    assert found is not None
    assert (5 - 1 / 3, 5 + 1 / 3) == pytest.approx((found.low, found.high))


def test_a_number_that_does_not_vary_is_known_exactly() -> None:
    """No half-width, no interval beyond the crossing itself."""
    found = crossing(line(0, 10, half=0.0))
    assert found is not None
    assert (5.0, 5.0, 5.0) == (found.at, found.low, found.high)


def test_an_interval_that_goes_on_has_no_end() -> None:
    """Points that reach to 4.5 only: the lower end is not found."""
    found = crossing(line(4.5, 5.5, 10))
    assert found is not None
    assert found.low is None
    assert 6.0 == pytest.approx(found.high)


def test_one_replication_has_no_interval() -> None:
    """Neither end."""
    found = crossing(line(0, 10, half=None))
    assert found is not None
    assert (None, None) == (found.low, found.high)


def test_only_crossings_upwards_and_from_a_place_on_count() -> None:
    """-, +, -, +: at 1 and 5; from 2 on at 5; a number that falls has none."""
    zigzag = [(place, about(value, 0.1)) for place, value in ((0, -1), (2, 1), (4, -1), (6, 1))]
    first, second = crossing(zigzag), crossing(zigzag, 2)
    assert first is not None
    assert second is not None
    assert (1.0, 5.0) == (first.at, second.at)
    assert crossing([(place, flipped(one)) for place, one in line(0, 10)]) is None


def test_places_without_a_value_are_left_out() -> None:
    """The neighbours are joined across them."""
    found = crossing([(0, about(-5)), (4, about(None)), (10, about(5))])
    assert found is not None
    assert (0, 10, 5.0) == (found.left, found.right, found.at)


def test_zero_counts_as_it_is_told() -> None:
    """-1, 0, 1 at 0, 1, 2: crosses at 1 either way, between other neighbours."""
    three = [(float(place), about(value, 0.0)) for place, value in enumerate((-1, 0, 1))]
    later, sooner = crossing(three), crossing(three, zero_is_positive=True)
    assert later is not None
    assert sooner is not None
    assert ((1.0, 2.0), (0.0, 1.0)) == ((later.left, later.right), (sooner.left, sooner.right))
    assert (1.0, 1.0) == (later.at, sooner.at)


def test_numbers_that_are_alike_are_decided() -> None:
    """An interval that is nothing but 0 needs no more replications, one that holds 0 does."""
    assert is_decided(about(0.0, 0.0))
    assert not is_decided(about(0.0))
    assert not is_decided(about(0.0, None))
    assert is_decided(about(2.0))


@pytest.mark.parametrize(
    ("text", "monthly"),
    [("8%/month", 0.08), ("-5%/month", -0.05), ("100%/year", 2 ** (1 / 12) - 1), ("150%/month", 1.5)],
)
def test_growth_is_read_as_a_share_a_month(text: str, monthly: float) -> None:
    """Twelve months of it make a year."""
    assert monthly == pytest.approx(parse_growth(text))


def test_months_of_growth() -> None:
    """Doubling at 8 % takes log 2/log 1.08 = 9.006 months; shrinking never gets there; at once if it is there."""
    assert 9.0064683 == pytest.approx(months_until(1.0, 2.0, 0.08))
    assert 13.5134073 == pytest.approx(months_until(2.0, 1.0, -0.05))
    assert None is months_until(1.0, 2.0, -0.05)
    assert None is months_until(1.0, 2.0, 0.0)
    assert 0.0 == months_until(2.0, 2.0, 0.08)


def test_erlang_b() -> None:
    """Two erlangs on two places lose 40 %; without places everything is lost."""
    assert 0.4 == pytest.approx(erlang_b(2.0, 2))
    assert 1.0 == erlang_b(2.0, 0)
