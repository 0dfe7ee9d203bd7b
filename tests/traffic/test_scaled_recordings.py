"""Recordings that are scaled: how many copies there are of what was recorded, and where they are."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from pydantic import TypeAdapter, ValidationError
from scipy import stats

from simulator.errors import InputError
from simulator.streams import Streams
from simulator.traffic import Arrivals, Clock, Traffic


def arrivals(traffic: Arrivals, clock: Clock, horizon_s: float, replication: int = 0) -> NDArray[np.int64]:
    return np.concatenate([[], *traffic.blocks(Streams(31, replication), clock, horizon_s)]).astype(np.int64)


def scaled_recording(tmp_path: Path, lines: str, **fields: Any) -> Arrivals:
    (tmp_path / "f.csv").write_text("t\n" + lines)
    value = {"kind": "recorded", "file": "f.csv", "column": "t", "time_unit": "s", "origin": 0, **fields}
    traffic: Arrivals = TypeAdapter(Traffic).validate_python(value, context={"folder": tmp_path})
    return traffic


def test_copies_of_a_recorded_arrival_come_before_the_next_one(tmp_path: Path, clock: Clock) -> None:
    """Three times each: at its time, and twice in [0, 10), [10, 30) and, up to the end, [30, 40)."""
    traffic = scaled_recording(tmp_path, "0\n10\n30\n", length="40s", scale=3)
    for replication in range(50):
        drawn_s = arrivals(traffic, clock, 40.0, replication) / 1e9
        assert {0.0, 10.0, 30.0} <= set(drawn_s)
        np.testing.assert_array_equal([3, 3, 3], np.histogram(drawn_s, [0, 10, 30, 40])[0])
    counted = [traffic.expected_count(0.0, until_s, clock) for until_s in (5.0, 10.0, 20.0, 40.0)]
    assert counted == pytest.approx([2.0, 3.0, 5.0, 9.0])


def test_ties_stay_ties_when_scaled(tmp_path: Path, clock: Clock) -> None:
    """Three at 0, twice each: five at 0, since only the last one has time before the next."""
    traffic = scaled_recording(tmp_path, "0\n0\n0\n10\n", length="20s", scale=2)
    assert 5 == (arrivals(traffic, clock, 20.0) == 0).sum()


def test_copies_fill_the_time_up_to_the_next_repetition(tmp_path: Path, clock: Clock) -> None:
    """Arrivals at 0 and 10 s repeat after 20 s, a mean gap beyond the last: its 999 copies come in [10, 20)."""
    traffic = scaled_recording(tmp_path, "0\n10\n", repeat=True, scale=1000)
    assert 499.5 == pytest.approx(traffic.expected_count(35.0, 40.0, clock))
    drawn_s = arrivals(traffic, clock, 60.0) / 1e9
    np.testing.assert_array_equal(np.full(6, 1000), np.histogram(drawn_s, np.arange(0, 61, 10))[0])
    assert abs(((drawn_s >= 35) & (drawn_s < 40)).sum() - 499.5) < 5 * np.sqrt(999 / 4)


def test_copies_of_the_day_before_come_in_a_drawn_day_too(tmp_path: Path, clock: Clock) -> None:
    """One arrival at noon of each of two days, 1,001 times: the second day's morning has 500, the first's none."""
    traffic = scaled_recording(tmp_path, "43200\n129600\n", length="48h", resample="days", scale=1001)
    assert 250.0 == pytest.approx(traffic.expected_count(0.0, 43_200.0, clock))
    mornings = {len(arrivals(traffic, clock, 43_200.0, replication)) > 400 for replication in range(20)}
    assert {False, True} == mornings


def test_whether_a_copy_comes_says_nothing_about_its_place(tmp_path: Path, clock: Clock) -> None:
    """Scaled by 1.5 half of the replications have a copy of the one arrival, uniformly in its 10 s."""
    traffic = scaled_recording(tmp_path, "0\n", length="10s", scale=1.5)
    copies_s = np.concatenate([arrivals(traffic, clock, 10.0, replication)[1:] / 1e9 for replication in range(400)])
    assert abs(len(copies_s) - 200) < 50
    assert stats.kstest(copies_s / 10.0, "uniform").pvalue > 1e-6
    # A place in the first half would be seen.
    assert stats.kstest(copies_s / 20.0, "uniform").pvalue < 1e-6


def test_counts_are_scaled_to_whole_requests_near_the_mean(folder: Path, clock: Clock) -> None:
    """Each minute's count times 0.37, rounded up or down; the same rule as for the whole day."""
    value = {"kind": "counts", "file": "wide.csv", "row": {"name": "b"}, "scale": 0.37}
    traffic: Any = TypeAdapter(Traffic).validate_python(value, context={"folder": folder})
    found = np.bincount(arrivals(traffic, clock, 10_800.0) // (60 * 10**9), minlength=180)
    assert (np.abs(found - 0.37 * traffic.counts) < 1.0).all()
    assert "scaled and rounded to whole requests anew" in traffic.notes()[0]
    assert traffic.describe().endswith("all counts scaled by 0.37")


def test_scales_that_are_too_large_for_a_recording(tmp_path: Path) -> None:
    """A period may have 10⁸ requests at most: 200 can be scaled by 5·10⁵."""
    (tmp_path / "f.csv").write_text("name,1,2\na,3,200\n")
    value = {"kind": "counts", "file": "f.csv", "row": {"name": "a"}, "scale": 600_000}
    with pytest.raises(ValidationError, match="scale is 600000, must be at most 500000 for this recording"):
        TypeAdapter(Traffic).validate_python(value, context={"folder": tmp_path})
    traffic = TypeAdapter(Traffic).validate_python({**value, "scale": 400_000}, context={"folder": tmp_path})
    with pytest.raises(InputError, match=r"^traffic scaled by 2: scale is 800000, at most 500000$"):
        traffic.scaled(2.0)
