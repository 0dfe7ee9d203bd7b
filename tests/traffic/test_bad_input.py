"""Wrong traffic and wrong recordings get one message each, with the place, the value and what is allowed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError

from simulator.traffic import Arrivals, Traffic

TRAFFIC: TypeAdapter[Arrivals] = TypeAdapter(Traffic)
BURSTY = {"kind": "bursty", "mean_rate": "2/s", "burst_factor": 5, "burst_share": "10%", "burst_length": "30s"}
FLASH = {"kind": "flash_crowd", "peak_rate": "2/s", "at": "1h", "length": "1m"}
GROWTH = {"kind": "growth", "start_rate": "2/s", "growth": "8%", "every": "730h"}
DIURNAL = {"kind": "diurnal", "mean_rate": "2/s", "peak_to_mean": 1.5, "peak_at": "12:00"}


def refusal(value: Any, folder: Path | None = None) -> tuple[str, str]:
    """Path and message of the only error."""
    with pytest.raises(ValidationError) as caught:
        TRAFFIC.validate_python(value, context={"folder": folder})
    (error,) = caught.value.errors()
    return ".".join(str(part) for part in error["loc"]), error["msg"].removeprefix("Value error, ")


@pytest.mark.parametrize(
    ("value", "path", "message"),
    [
        ({"kind": "poisson", "mean_rate": 2}, "poisson.mean_rate", "2 has no unit; write 2/s or 2/min"),
        ({"kind": "poisson", "mean_rate": "2e6/s"}, "poisson.mean_rate", "2e+06/s is too high; at most 1e+06/s"),
        ({"kind": "poisson"}, "poisson.mean_rate", "Field required"),
        ({**DIURNAL, "peak_to_mean": 2.5}, "diurnal.peak_to_mean", "Input should be less than or equal to 2"),
        ({**DIURNAL, "peak_to_mean": 0.5}, "diurnal.peak_to_mean", "Input should be greater than or equal to 1"),
        (
            {**DIURNAL, "peak_at": 900},
            "diurnal.peak_at",
            '900 is not a time of day; write it in quotes, for example "15:00"',
        ),
        (
            {**DIURNAL, "peak_at": "24:00"},
            "diurnal.peak_at",
            '\'24:00\' is not a time of day; write "00:00" to "23:59"',
        ),
        (
            {"kind": "profile", "period": "day", "mean_rate": "1/s"},
            "profile",
            "profile takes mean_rate and shape, or rates; given: mean_rate",
        ),
        (
            {"kind": "profile", "period": "day", "mean_rate": "1/s", "shape": [0, 0]},
            "profile",
            "shape is 0 in every step; at least one must be more than 0",
        ),
        (
            {"kind": "profile", "period": "day", "mean_rate": "1/s", "shape": [1, -1]},
            "profile.shape.1",
            "Input should be greater than or equal to 0",
        ),
        (
            {"kind": "profile", "period": "day", "mean_rate": "1/s", "shape": [1] * 168},
            "profile",
            "168 steps for a day; 168 hours make period: week",
        ),
        (
            {**BURSTY, "burst_share": "30%"},
            "bursty",
            "burst_factor × burst_share is 5 × 30% = 1.5, must be at most 1 (at 1 nothing arrives between bursts)",
        ),
        (
            {**BURSTY, "burst_share": "0%"},
            "bursty",
            "burst_share is 0%, must be more than 0% and less than 100%",
        ),
        ({**BURSTY, "burst_factor": 0.5}, "bursty.burst_factor", "Input should be greater than or equal to 1"),
        ({**BURSTY, "burst_length": "0s"}, "bursty.burst_length", "0 is not allowed, must be more than 0"),
        (
            {**BURSTY, "quiet_rate": "1/s"},
            "bursty",
            "besides burst_length, bursty takes mean_rate, burst_factor, burst_share, or burst_rate, quiet_rate, "
            "quiet_length; given: burst_factor, burst_share, mean_rate, quiet_rate",
        ),
        (
            {
                "kind": "bursty",
                "burst_rate": "1/s",
                "quiet_rate": "2/s",
                "burst_length": "1s",
                "quiet_length": "1s",
            },
            "bursty",
            "burst_rate is 1/s and quiet_rate is 2/s; burst_rate must not be the lower one",
        ),
        ({"kind": "renewal", "mean_rate": "1/s", "cv": -1}, "renewal.cv", "Input should be greater than or equal to 0"),
        (
            {"kind": "recorded", "file": "f.csv", "column": "t", "timezone": "Mars/Olympus"},
            "recorded.timezone",
            "'Mars/Olympus' is not a known time zone; write for example UTC or Europe/Berlin",
        ),
        (
            {"kind": "recorded", "file": "f.csv", "column": "t", "speed": 0},
            "recorded.speed",
            "Input should be greater than 0",
        ),
        (
            {"kind": "counts", "file": "f.csv"},
            "counts",
            "counts takes row (a wide file), or start and count (a long file)",
        ),
        (
            {"kind": "counts", "file": "f.csv", "row": {"a": "b"}, "start": "t"},
            "counts",
            "counts takes row (a wide file), or start and count (a long file)",
        ),
        (
            {"kind": "counts", "file": "f.csv", "row": {"a": "b"}, "period": "0s"},
            "counts.period",
            "0s is too short, must be at least 1ms",
        ),
        (
            {**FLASH, "length": "0s"},
            "flash_crowd",
            "ramp_up, length and decay are all 0; at least one must be more than 0",
        ),
        ({**FLASH, "peak_rate": "2e6/s"}, "flash_crowd.peak_rate", "2e+06/s is too high; at most 1e+06/s"),
        (
            {"kind": "ramp", "start_rate": "1/s", "end_rate": "2/s", "over": "0s"},
            "ramp.over",
            "0 is not allowed, must be more than 0",
        ),
        ({"kind": "ramp", "start_rate": "1/s", "end_rate": "2/s"}, "ramp.over", "Field required"),
        ({**GROWTH, "growth": 8}, "growth.growth", "8 has no unit; write 8%"),
        ({**GROWTH, "growth": "8"}, "growth.growth", "'8' is not a change; write a per cent, for example 8% or -3%"),
        (
            {**GROWTH, "growth": "1.2.3%"},
            "growth.growth",
            "'1.2.3%' is not a change; write a per cent, for example 8% or -3%",
        ),
        (
            {**GROWTH, "growth": "-100%"},
            "growth.growth",
            "'-100%' is not allowed, must be more than -100% and at most 1e+06%",
        ),
        (
            {**GROWTH, "growth": "1e400%"},
            "growth.growth",
            "'1e400%' is not allowed, must be more than -100% and at most 1e+06%",
        ),
        (
            {**GROWTH, "growth": "1e99999999999999999999%"},
            "growth.growth",
            "'1e99999999999999999999%' is not a change; write a per cent, for example 8% or -3%",
        ),
        ({"kind": "periodic", "interval": "0s"}, "periodic.interval", "0 is not allowed, must be more than 0"),
        ({"kind": "periodic", "interval": "1s", "requests": 0}, "periodic.requests", "Input should be greater than 0"),
        (
            {"kind": "periodic", "interval": "1ms", "requests": 1001},
            "periodic",
            "1001 requests every 0.001s are too many; at most 1e+06 per second",
        ),
        ({"kind": "superposition", "parts": []}, "superposition.parts", "has 0 entries, must have at least 1"),
        (
            {"kind": "superposition", "parts": [{"kind": "poisson", "mean_rate": 2}]},
            "superposition.parts.0.poisson.mean_rate",
            "2 has no unit; write 2/s or 2/min",
        ),
        (
            {
                "kind": "outage",
                "of": {"kind": "poisson", "mean_rate": "2/s"},
                "at": "1h",
                "length": "0s",
                "release": "0s",
            },
            "outage.length",
            "0 is not allowed, must be more than 0",
        ),
        (
            {"kind": "burstier", "of": DIURNAL, "burst_factor": 4, "burst_share": "30%", "burst_length": "1m"},
            "burstier",
            "burst_factor × burst_share is 4 × 30% = 1.2, must be at most 1 (at 1 nothing arrives between bursts)",
        ),
        (
            {"kind": "burstier", "of": DIURNAL, "burst_factor": 4, "burst_share": "0%", "burst_length": "1m"},
            "burstier",
            "burst_share is 0%, must be more than 0% and less than 100%",
        ),
        (
            {"kind": "recorded", "file": "f.csv", "column": "t", "scale": 0},
            "recorded.scale",
            "Input should be greater than 0",
        ),
    ],
)
def test_wrong_fields(value: Any, path: str, message: str) -> None:
    """Each wrong field names itself, its value and what is allowed."""
    assert (path, message) == refusal(value)


@pytest.mark.parametrize(
    ("content", "fields", "message"),
    [
        ("t\n", {"time_unit": "s"}, "f.csv: no row below the header; at least one is needed"),
        ("when\n1\n", {"time_unit": "s"}, "f.csv: no column 't'; columns: when"),
        (
            "t\n3.5\n3.2\n",
            {"time_unit": "s"},
            "f.csv, line 3, column 't': 3.2 is earlier than 3.5 above it; sort the file or write sort: true",
        ),
        (
            "t\n1\n-1\n",
            {"time_unit": "s"},
            "f.csv, line 3, column 't': -1 cannot be used; must be a time in s, 0 or more",
        ),
        (
            "t\n1\nnan\n",
            {"time_unit": "ms"},
            "f.csv, line 3, column 't': nan cannot be used; must be a time in ms, 0 or more",
        ),
        (
            "t\n1\n\n1e400\n",
            {"time_unit": "ms"},
            "f.csv, line 4, column 't': 1e400 ms is more than 146 years; is time_unit right?",
        ),
        (
            "t\n1\nsoon\n",
            {"time_unit": "s"},
            "f.csv, line 3, column 't': 'soon' is not a number; must be a time in s, 0 or more",
        ),
        (
            "a,t\n1,\n",
            {"time_unit": "s"},
            "f.csv, line 2, column 't': an empty cell is not a number; must be a time in s, 0 or more",
        ),
        ("t\n1\n", {}, "f.csv, line 2, column 't': 1 is a number; say in which unit, time_unit: s, ms, us or ns"),
        (
            "t\n1700000000000\n1700000001000\n",
            {"time_unit": "s"},
            "f.csv, line 2, column 't': 1700000000000 s is more than 146 years; is time_unit right?",
        ),
        (
            "t\n1700000000\n1700003600\n",
            {"time_unit": "ms"},
            "f.csv, column 't': 1700000000 is a date of this century in s, not in ms; is time_unit right? If so, "
            "write origin: 0",
        ),
        (
            "t\n1700000000123\n1700003600123\n",
            {"time_unit": "us"},
            "f.csv, column 't': 1700000000123 is a date of this century in ms, not in us; is time_unit right? If so, "
            "write origin: 0",
        ),
        (
            "t\n2026-11-24 12:00:00\n",
            {},
            "f.csv, line 2, column 't': 2026-11-24 12:00:00 has no zone; say where the clock stood, for example "
            "timezone: UTC",
        ),
        (
            "t\n2026-11-24T12:00:00Z\n2026-11-24T12:00:00\n",
            {},
            "f.csv, line 3, column 't': 2026-11-24T12:00:00 has no zone, the rows before do",
        ),
        (
            "t\n2026-11-24T12:00:00\n2026-11-24T12:00:00Z\n",
            {"timezone": "UTC"},
            "f.csv, line 3, column 't': 2026-11-24T12:00:00Z has a zone, the rows before do not",
        ),
        (
            "t\n2026-11-24T12:00:00Z\n",
            {"time_unit": "s"},
            "f.csv, line 2, column 't': 2026-11-24T12:00:00Z is a date, time_unit is for numbers; leave it out",
        ),
        (
            "t\n2026-11-24T12:00:00Z\n2026-13-24T12:00:00Z\n",
            {},
            "f.csv, line 3, column 't': 2026-13-24T12:00:00Z is not a time of the calendar",
        ),
        (
            "t\n24.11.2026 12:00\n",
            {},
            "f.csv, line 2, column 't': '24.11.2026 12:00' is not a time; write 2026-11-24T12:00:00Z, or a number "
            "with time_unit",
        ),
        (
            "t\n2026-11-24T12:00:00.0000000001Z\n",
            {},
            "f.csv, line 2, column 't': '2026-11-24T12:00:00.0000000001Z' is not a time; write 2026-11-24T12:00:00Z, "
            "or a number with time_unit",
        ),
        (
            "t\n2026-11-24T12:00:00Z\n1026-11-24T12:00:00Z\n",
            {},
            "f.csv, line 3, column 't': 1026-11-24T12:00:00Z: the year must be 1970 to 2200",
        ),
        (
            "t\n2026-03-29 01:30:00\n2026-03-29 02:30:00\n",
            {"timezone": "Europe/Berlin"},
            "f.csv, line 3, column 't': 2026-03-29 02:30:00: at a change of clocks Europe/Berlin showed this time "
            "never or twice",
        ),
        (
            "t\n2026-10-25 02:30:00\n",
            {"timezone": "Europe/Berlin"},
            "f.csv, line 2, column 't': 2026-10-25 02:30:00: at a change of clocks Europe/Berlin showed this time "
            "never or twice",
        ),
        (
            "t\n5\n9\n",
            {"time_unit": "s", "origin": 7},
            "f.csv, line 2, column 't': 5 is before the origin, 7",
        ),
        (
            "t\n5\n9\n",
            {"time_unit": "s", "origin": "soon"},
            "origin: 'soon' is not a number; must be a time in s, 0 or more",
        ),
        (
            "t\n5\n9\n",
            {"time_unit": "s", "length": "4s"},
            "length is 4s, must be more than the time of the last arrival, 4 s after the start",
        ),
        (
            "t\n5\n5\n",
            {"time_unit": "s", "repeat": True},
            "repeat needs a length, since all arrivals of the recording are at its start",
        ),
        (
            "t\n5\n172804\n",
            {"time_unit": "s", "resample": "days"},
            "resample: days needs at least 2 whole days, the recording has 1 (from its start on, in 172799s)",
        ),
        (
            "t\n2026-11-23T00:00:01Z\n2026-11-25T23:59:59Z\n",
            {"resample": "days", "speed": 2},
            "resample: days goes neither with repeat nor with speed (a compressed day is no day)",
        ),
    ],
)
def test_wrong_recorded_times(content: str, fields: dict[str, Any], message: str, tmp_path: Path) -> None:
    """Each wrong recording is refused with file, line, value and what is allowed; nothing is repaired silently."""
    (tmp_path / "f.csv").write_text(content, encoding="utf-8")
    assert ("recorded", message) == refusal({"kind": "recorded", "file": "f.csv", "column": "t", **fields}, tmp_path)


WIDE: dict[str, Any] = {"row": {"name": "a"}}
LONG: dict[str, Any] = {"start": "t", "count": "n", "time_unit": "s"}


@pytest.mark.parametrize(
    ("content", "fields", "message"),
    [
        ("name,1\nb,3\n", WIDE, "f.csv: no row has name: a"),
        ("name,1\nalpha,3\n", {"row": {"name": "alfa"}}, "f.csv: no row has name: alfa; did you mean alpha?"),
        ("name,1\na,3\na,4\n", WIDE, "f.csv: 2 rows have name: a (lines 2, 3); row must pick one"),
        ("nome,1\na,3\n", WIDE, "f.csv: no column 'name'; did you mean 'nome'? Columns: nome, 1"),
        (
            "name,x\na,3\n",
            WIDE,
            "f.csv: no column is called by a number; the counts must be in columns 1, 2, 3, …",
        ),
        ("name,1,3\na,3,4\n", WIDE, "f.csv: column '3' stands where 2 should; must be without a gap"),
        (
            "name,1,2\na,3,2.5\n",
            WIDE,
            "f.csv, line 2, column '2': 2.5 cannot be used; must be a count, a whole number 0 or more, at most 1e8",
        ),
        (
            "name,1,2\na,3,\n",
            WIDE,
            "f.csv, line 2, column '2': an empty cell is not a number; must be a count, a whole number 0 or more",
        ),
        (
            "name,1,2\na,3,-1\n",
            WIDE,
            "f.csv, line 2, column '2': -1 cannot be used; must be a count, a whole number 0 or more",
        ),
        (
            "name,1\na,3\n",
            {**WIDE, "gaps": "zero"},
            "time_unit, sort and gaps are for a long file (start and count), not for one with row",
        ),
        (
            "t,n\n0,1\n60,2\n240,1\n",
            LONG,
            "f.csv, line 4, column 't': 2 periods of 60s are missing, the first before 240; write gaps: zero if "
            "nothing arrived in them",
        ),
        (
            "t,n\n0,1\n61,2\n",
            LONG,
            "f.csv, line 3, column 't': 61 is 61s after 0, which is no multiple of period (60s)",
        ),
        ("t,n\n0,1\n0,2\n", LONG, "f.csv, line 3, column 't': 0 comes twice; each period must have one count"),
        (
            "t,n\n60,1\n0,2\n",
            LONG,
            "f.csv, line 3, column 't': 0 is earlier than 60 above it; sort the file or write sort: true",
        ),
        (
            "t,n\n0,many\n",
            LONG,
            "f.csv, line 2, column 'n': 'many' is not a number; must be a count, a whole number 0 or more",
        ),
        (
            "name,1,2\na,3,4\n",
            {**WIDE, "resample": "days"},
            "resample: days needs at least 2 whole days, the recording has 0 (from its start on, in 120s)",
        ),
        (
            "t,n\n" + "".join(f"{k * 50000},1\n" for k in range(9)),
            {**LONG, "period": "50000s", "resample": "days"},
            "resample: days needs periods that begin at the same times each day; with period 50000s they do not",
        ),
    ],
)
def test_wrong_counts(content: str, fields: dict[str, Any], message: str, tmp_path: Path) -> None:
    """The same for counts: gaps, grids, order, whole numbers, and the row that is meant."""
    (tmp_path / "f.csv").write_text(content, encoding="utf-8")
    assert ("counts", message) == refusal({"kind": "counts", "file": "f.csv", **fields}, tmp_path)


def test_a_doubtful_unit_can_be_confirmed(tmp_path: Path) -> None:
    """With origin: 0 the numbers are taken as they are; a recording that counts from near 0 is not doubted."""
    (tmp_path / "f.csv").write_text("t\n1700000000\n1700003600\n", encoding="utf-8")
    value = {"kind": "recorded", "file": "f.csv", "column": "t", "time_unit": "ms"}
    confirmed = TRAFFIC.validate_python({**value, "origin": 0}, context={"folder": tmp_path})
    assert 1_700_000_000_000_000 == confirmed.arrival_ns[0]  # type: ignore[attr-defined]
    # 1.5 s after the start, in ns, of a recording of an hour.
    (tmp_path / "f.csv").write_text("t\n1500000000\n3600000000000\n", encoding="utf-8")
    TRAFFIC.validate_python({**value, "time_unit": "ns"}, context={"folder": tmp_path})
