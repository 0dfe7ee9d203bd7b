"""Replay of recorded times and counts: exact instants, zones, order, gaps, speed, repetition, resampled days."""

from __future__ import annotations

import datetime
import hashlib
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from pydantic import TypeAdapter
from scipy import stats

from simulator.errors import InputError
from simulator.streams import Streams
from simulator.traffic import Arrivals, Clock, Traffic
from simulator.traffic.days import whole_days

Made = Callable[[Any], Arrivals]
DAY_NS = 86_400 * 10**9


def read(folder: Path, content: str, **fields: Any) -> Arrivals:
    """Traffic from a file f.csv of this content."""
    (folder / "f.csv").write_text(content, encoding="utf-8")
    value = {"kind": "recorded", "file": "f.csv", "column": "t", **fields}
    if "start" in fields or "row" in fields:
        value |= {"kind": "counts"}
        del value["column"]
    traffic: Arrivals = TypeAdapter(Traffic).validate_python(value, context={"folder": folder})
    return traffic


def arrivals(traffic: Arrivals, clock: Clock, horizon_s: float, replication: int = 0) -> list[int]:
    blocks = traffic.blocks(Streams(31, replication), clock, horizon_s)
    return [int(t) for block in blocks for t in block]


def test_seven_digits_without_a_zone_are_exact(tmp_path: Path, clock: Clock) -> None:
    """Three rows of the shape of the Azure LLM trace: gaps of 52 ms and 100 ns, to the nanosecond; a tie stays."""
    content = (
        "t,ContextTokens\n2023-11-16 18:17:03.9799600,4808\n2023-11-16 18:17:04.0319600,3180\n"
        "2023-11-16 18:17:04.0319600,3\n2023-11-16 18:17:04.0319601,110\n"
    )
    traffic = read(tmp_path, content, timezone="UTC", length="1s")
    assert [0, 52_000_000, 52_000_000, 52_000_100] == arrivals(traffic, clock, 1.0)
    assert hashlib.sha256(content.encode()).hexdigest() == traffic.digest


@pytest.mark.parametrize(
    ("unit", "cells"),
    [
        ("s", ["0.1", "0.3", "1e0"]),
        ("ms", ["100", "300.0", "1000"]),
        ("us", ["100000", "300000", "1000000"]),
        ("ns", ["100000000", "300000000", "1000000000"]),
        ("s", ["1700000000.1", "1700000000.3", "1700000001.0"]),
        ("ns", ["1700000000100000000", "1700000000300000000", "1700000001000000000"]),
    ],
)
def test_numbers_in_each_unit_are_exact(unit: str, cells: list[str], tmp_path: Path, clock: Clock) -> None:
    """0, 200 and 900 ms after the first, also as unix time, where a float64 would be up to 119 ns off."""
    traffic = read(tmp_path, "t\n" + "\n".join(cells) + "\n", time_unit=unit, length="1s")
    assert [0, 200_000_000, 900_000_000] == arrivals(traffic, clock, 1.0)


def test_many_ties_stay_ties(made: Made, clock: Clock) -> None:
    """A grid of 3 s: 900 arrivals at fewer than 900 instants, each as often as in the file."""
    traffic = made({"kind": "recorded", "file": "stamps.csv", "column": "t_ms", "time_unit": "ms", "origin": 0})
    recorded = traffic.arrival_ns  # type: ignore[attr-defined]
    drawn = arrivals(traffic, clock, 7190.0)
    assert Counter(t for t in recorded.tolist() if t < 7190 * 10**9) == Counter(drawn)
    assert len(set(drawn)) < 0.9 * len(drawn)


def test_equal_instants_in_other_zones_are_the_same_traffic(tmp_path: Path, clock: Clock) -> None:
    """UTC, -06:00, a naive clock in Chicago and Z mixed with offsets give the same arrivals."""
    written = [
        (["2026-11-24T12:00:00Z", "2026-11-24T13:30:00.5Z"], {}),
        (["2026-11-24T06:00:00-06:00", "2026-11-24T07:30:00.5-0600"], {}),
        (["2026-11-24 06:00:00", "2026-11-24 07:30:00.500"], {"timezone": "America/Chicago"}),
        (["2026-11-24T12:00:00Z", "2026-11-24T14:30:00.5+01:00"], {}),
    ]
    for times, fields in written:
        traffic = read(tmp_path, "t\n" + "\n".join(times) + "\n", length="2h", **fields)
        assert [0, 5_400_500_000_000] == arrivals(traffic, clock, 7200.0)


def test_a_day_of_a_change_of_clocks_has_23_or_25_hours(tmp_path: Path, clock: Clock) -> None:
    """Midnight to midnight in Berlin: 23 h on 2026-03-29, 25 h on 2026-10-25; such days are not resampled."""
    for date, after, hours in (("2026-03-29", "2026-03-30", 23), ("2026-10-25", "2026-10-26", 25)):
        traffic = read(tmp_path, f"t\n{date} 00:00:00\n{after} 00:00:00\n", timezone="Europe/Berlin", length="26h")
        assert [0, hours * 3600 * 10**9] == arrivals(traffic, clock, 93_600.0)
    start = int(datetime.datetime(2026, 10, 23, 22, tzinfo=datetime.UTC).timestamp()) * 10**9  # Berlin: 24th, 00:00
    days = whole_days(start, 4 * DAY_NS, True, "Europe/Berlin")
    assert [(0, True), (DAY_NS + DAY_NS + 3600 * 10**9, False)] == days


def test_unsorted_times_can_be_sorted(tmp_path: Path, clock: Clock) -> None:
    """Newest first, as CloudWatch gives them, with sort: true."""
    traffic = read(tmp_path, "t\n9\n2\n5\n", time_unit="s", sort=True, length="8s")
    assert [0, 3 * 10**9, 7 * 10**9] == arrivals(traffic, clock, 8.0)


def test_origin_is_time_0(tmp_path: Path, clock: Clock) -> None:
    """With an origin the silence before the first arrival is kept."""
    numbers = read(tmp_path, "t\n5\n9\n", time_unit="s", origin=3)
    assert [2 * 10**9] == arrivals(numbers, clock, 5.0)
    dates = read(tmp_path, "t\n2026-11-24T12:00:05Z\n", origin="2026-11-24T13:00:00+01:00", length="1m")
    assert [5 * 10**9] == arrivals(dates, clock, 60.0)


def test_speed_compresses_time(tmp_path: Path, clock: Clock) -> None:
    """Twice the speed: half the times, rounded half to even, twice the rate, half the length."""
    traffic = read(tmp_path, "t\n0\n3\n8\n60000000000\n", time_unit="ns", speed=2.0)
    assert [0, 2, 4] == arrivals(traffic, clock, 30.0)
    assert 3 == traffic.expected_count(0.0, 30.0, clock)
    with pytest.raises(InputError, match=r"the recording lasts 30s at speed 2, less than the horizon of 30.1s"):
        traffic.blocks(Streams(1, 0), clock, 30.1)


def test_repetition_goes_on_after_one_mean_gap(tmp_path: Path, clock: Clock) -> None:
    """0, 1, 4 s: mean gap 2 s, so the second time begins at 6 s; with length: 5s at 5 s."""
    traffic = read(tmp_path, "t\n10\n11\n14\n", time_unit="s", repeat=True)
    assert [0, 1, 4, 6, 7, 10, 12] == [t // 10**9 for t in arrivals(traffic, clock, 13.0)]
    traffic = read(tmp_path, "t\n10\n11\n14\n", time_unit="s", repeat=True, length="5s")
    assert [0, 1, 4, 5, 6, 9, 10, 11] == [t // 10**9 for t in arrivals(traffic, clock, 14.0)]
    assert "repeated every 5s" in traffic.describe()


def test_a_horizon_longer_than_the_recording_is_refused(tmp_path: Path, clock: Clock) -> None:
    """The message says how long the recording is and which options there are; the exact length is allowed."""
    traffic = read(tmp_path, "t\n0\n60\n", time_unit="s")
    assert [0] == arrivals(traffic, clock, 60.0)
    with pytest.raises(InputError) as caught:
        traffic.blocks(Streams(1, 0), clock, 61.0)
    assert (
        "traffic: the recording lasts 60s, less than the horizon of 61s; shorten the horizon, or write repeat: true "
        "or resample: days"
    ) == str(caught.value)


DAYS = [
    {
        "kind": "recorded",
        "file": "dates.csv",
        "column": "t",
        "timezone": "UTC",
        "origin": "2026-11-02 00:00",
        "length": "14d",
        "resample": "days",
    },
    {"kind": "counts", "file": "fortnight.csv", "start": "start", "count": "count", "resample": "days"},
]


@pytest.mark.parametrize("value", DAYS, ids=["times", "counts"])
def test_days_are_drawn_from_their_own_sort(value: dict[str, Any], made: Made, clock: Clock) -> None:
    """Recorded day d has d + 1 arrivals at 01:00, so the count tells the day: weekdays come from weekdays.

    Time 0 is Wednesday 06:30, so the first 01:00 is Thursday's. Over 40 replications all ten weekdays and all four
    weekend days turn up about equally often (chi-squared, p > 10⁻⁶).
    """
    traffic = made(value)
    seen: Counter[int] = Counter()
    for replication in range(40):
        drawn = np.array(arrivals(traffic, clock, 28 * 86400.0, replication))
        since_midnight = (drawn + round(clock.day_s * 1e9)) % DAY_NS
        assert since_midnight.min() >= 3600 * 10**9
        assert since_midnight.max() < 3700 * 10**9
        per_day = np.bincount((drawn + round(clock.day_s * 1e9)) // DAY_NS, minlength=29)
        assert 0 == per_day[0]
        for day_of_run in range(1, 29):
            recorded = int(per_day[day_of_run]) - 1
            assert ((2 + day_of_run) % 7 >= 5) == (recorded % 7 >= 5)
            seen[recorded] += 1
    weekdays = [seen[d] for d in range(14) if d % 7 < 5]
    weekend = [seen[d] for d in range(14) if d % 7 >= 5]
    assert (40 * 20, 40 * 8) == (sum(weekdays), sum(weekend))
    assert 1e-6 < stats.chisquare(weekdays).pvalue
    assert 1e-6 < stats.chisquare(weekend).pvalue
    # Weekdays hold 1–5 and 8–12, weekend days 6, 7, 13, 14.
    assert 5 * 6.5 + 2 * 10.0 == pytest.approx(traffic.expected_count(0.0, 7 * 86400.0, clock))
    assert "days drawn anew among 14 recorded ones in each replication, weekdays and weekend days apart" in (
        traffic.describe()
    )


def test_counts_of_periods_off_midnight_keep_their_time_of_day(tmp_path: Path) -> None:
    """Five-minute counts at 00:04, 00:09, …: resampled days begin at 00:04, and those of one Monday stay there."""
    monday = datetime.datetime(2026, 11, 2, 0, 4, tzinfo=datetime.UTC)
    lines = [
        f"{(monday + datetime.timedelta(minutes=5 * k)).isoformat()},{1 if k % 288 == 287 else 0}"
        for k in range(3 * 288)
    ]
    traffic = read(
        tmp_path, "t,n\n" + "\n".join(lines) + "\n", start="t", count="n", period="5m", resample="days", within="start"
    )
    for hour, minute in ((0, 1), (0, 59), (23, 0)):
        clock = Clock(datetime.datetime(2026, 11, 3, hour, minute, tzinfo=datetime.UTC))
        drawn = np.array(arrivals(traffic, clock, 3 * 86400.0))
        assert {(23 * 60 + 59) * 60 * 10**9} == set(((drawn + round(clock.day_s * 1e9)) % DAY_NS).tolist())
        assert 3 == len(drawn)
        assert 3.0 == pytest.approx(traffic.expected_count(0.0, 3 * 86400.0, clock))
    midnight = Clock(datetime.datetime(2026, 11, 3, tzinfo=datetime.UTC))
    assert [23 * 60 + 59, 47 * 60 + 59] == [t // (60 * 10**9) for t in arrivals(traffic, midnight, 2 * 86400.0)]


def test_days_of_numbers_are_24_hours_and_weekends_unknown(tmp_path: Path, clock: Clock) -> None:
    """Two whole days of numbers can be drawn; the note says that weekends are not told apart."""
    traffic = read(tmp_path, "t\n0\n90000\n93600\n", time_unit="s", length="48h", resample="days")
    first_hours = {tuple(t // (3600 * 10**9) for t in arrivals(traffic, clock, 86400.0, r)) for r in range(20)}
    assert {(0,), (1, 2)} == first_hours
    assert "weekends are not told apart" in " ".join(traffic.notes())


@pytest.mark.parametrize("within", ["uniform", "even", "start"])
def test_each_period_has_the_recorded_count(within: str, made: Made, clock: Clock) -> None:
    """Arrivals of a minute stay in it, by each rule, so the counts come back."""
    traffic = made({"kind": "counts", "file": "wide.csv", "row": {"name": "b"}, "within": within})
    recorded = traffic.counts  # type: ignore[attr-defined]
    drawn = np.array(arrivals(traffic, clock, 180 * 60.0))
    np.testing.assert_array_equal(recorded, np.bincount(drawn // (60 * 10**9), minlength=180))
    assert 40 == pytest.approx(recorded.mean(), rel=0.05)


def test_placement_within_the_period(tmp_path: Path, clock: Clock) -> None:
    """Four in a minute: evenly at 7.5, 22.5, 37.5, 52.5 s, at its start all at 0; zero is zero."""
    content = "name,1,2\na,4,0\n"
    even = read(tmp_path, content, row={"name": "a"}, within="even")
    assert [7_500_000_000, 22_500_000_000, 37_500_000_000, 52_500_000_000] == arrivals(even, clock, 120.0)
    start = read(tmp_path, content, row={"name": "a"}, within="start")
    assert [0, 0, 0, 0] == arrivals(start, clock, 120.0)
    assert 4.0 == start.expected_count(0.0, 120.0, clock)


def test_uniform_placement_is_uniform(tmp_path: Path, clock: Clock) -> None:
    """5,000 arrivals of one minute pass a Kolmogorov-Smirnov test (p > 10⁻⁶) and differ between replications."""
    traffic = read(tmp_path, "name,1\na,5000\n", row={"name": "a"})
    first, second = (np.array(arrivals(traffic, clock, 60.0, r)) / 60e9 for r in (0, 1))
    assert 1e-6 < stats.kstest(first, "uniform").pvalue
    assert 5000 == len(second)
    assert not np.array_equal(first, second)


def test_a_long_file_is_the_same_as_a_wide_one(tmp_path: Path, clock: Clock) -> None:
    """3, 0 and 2 in consecutive minutes, written in each of the two forms, newest first in the long one."""
    wide = read(tmp_path, "name,7,8,9\na,3,0,2\n", row={"name": "a"})
    long = read(
        tmp_path,
        "start,count\n2026-11-24T12:02:00Z,2.0\n2026-11-24T12:01:00Z,0.0\n2026-11-24T12:00:00Z,3.0\n",
        start="start",
        count="count",
        sort=True,
    )
    assert arrivals(wide, clock, 180.0) == arrivals(long, clock, 180.0)
    numbers = read(tmp_path, "start,count\n0,3\n60,0\n120,2\n", start="start", count="count", time_unit="s")
    assert arrivals(wide, clock, 180.0) == arrivals(numbers, clock, 180.0)


def test_missing_periods_can_be_zero(tmp_path: Path, clock: Clock) -> None:
    """Two of four minutes are missing: with gaps: zero they count and are told: 2 a minute, not 4."""
    content = "start,count\n0,5\n180,3\n"
    traffic = read(tmp_path, content, start="start", count="count", time_unit="s", gaps="zero")
    assert 8.0 == traffic.expected_count(0.0, 240.0, clock)
    assert 0.0 == traffic.expected_count(60.0, 180.0, clock)
    assert "2 periods missing in f.csv were taken as 0 (gaps: zero)." in traffic.notes()


def test_counts_at_speed_and_repeated(tmp_path: Path, clock: Clock) -> None:
    """Two minutes at speed 2 are one minute long: 3 and 1 in half minutes, over and over."""
    traffic = read(tmp_path, "name,1,2\na,3,1\n", row={"name": "a"}, speed=2, repeat=True)
    drawn = np.array(arrivals(traffic, clock, 150.0))
    assert [3, 1, 3, 1, 3] == np.bincount(drawn // (30 * 10**9)).tolist()
    assert 11.0 == traffic.expected_count(0.0, 150.0, clock)


def test_counts_of_nothing(tmp_path: Path, clock: Clock) -> None:
    """All zero is allowed, gives no request and says so, also repeated without end."""
    traffic = read(tmp_path, "name,1,2\na,0,0\n", row={"name": "a"}, repeat=True)
    assert [] == arrivals(traffic, clock, 3600.0)
    assert "All counts are 0: no request arrives." in traffic.notes()


def test_many_arrivals_come_in_several_blocks(tmp_path: Path, clock: Clock) -> None:
    """200,000 counted arrivals, in order over blocks that overlap no period."""
    traffic = read(tmp_path, "name,1,2,3\na,90000,20000,90000\n", row={"name": "a"})
    blocks: list[NDArray[np.int64]] = list(traffic.blocks(Streams(1, 0), clock, 180.0))
    assert [65_536, 65_536, 65_536, 3_392] == [len(block) for block in blocks]
    assert (np.diff(np.concatenate(blocks)) >= 0).all()
