"""One list of cases, and what holds for every kind of traffic in it; a new kind adds its lines to the list."""

from __future__ import annotations

import json
import math
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from jsonschema import Draft202012Validator
from numpy.typing import NDArray
from pydantic import TypeAdapter
from scipy import stats

from simulator.errors import InputError
from simulator.streams import Streams
from simulator.traffic import (
    Arrivals,
    Clock,
    Traffic,
    batches,
    burstier,
    bursty,
    clusters,
    counts,
    lognormal_cox,
    points,
    recorded,
)

Made = Callable[[Any], Arrivals]

BURSTY = {"kind": "bursty", "mean_rate": "2.8/s", "burst_factor": 3.5, "burst_share": "20%", "burst_length": "30s"}
POISSON = {"kind": "poisson", "mean_rate": "2/s"}
WIDE = {"kind": "counts", "file": "wide.csv", "row": {"name": "b"}}
STAMPS = {"kind": "recorded", "file": "stamps.csv", "column": "t_ms", "time_unit": "ms"}
FLASH = {"kind": "flash_crowd", "peak_rate": "2/s", "at": "2m", "ramp_up": "2m", "length": "30m", "decay": "30m"}
MORE_BURSTS = {"kind": "burstier", "burst_factor": 4, "burst_share": "10%", "burst_length": "30s"}
HAWKES = {"kind": "hawkes", "mean_rate": "2/s", "branching_ratio": 0.6, "decay": "20s"}
SESSIONS = {
    "kind": "sessions",
    "session_rate": "0.2/s",
    "requests": {"kind": "poisson", "mean": 10},
    "mean_delay": "20s",
}
BATCHES = {"kind": "batches", "mean_rate": "2/s", "size": {"kind": "geometric", "mean": 4}}
COX = {"kind": "lognormal_cox", "mean_rate": "2/s", "cv": 0.5, "correlation_time": "2m"}
GIVEN = {"kind": "given", "values": [0, 1, 5, 40], "weights": [1, 4, 2, 0.2]}
#: name → (as written, horizon [s], whether arrivals differ between replications)
CASES: dict[str, tuple[dict[str, Any], float, bool]] = {
    "poisson": ({"kind": "poisson", "mean_rate": "2/s"}, 9000.0, True),
    "poisson, rare": ({"kind": "poisson", "mean_rate": "3/h"}, 86400.0, True),
    "diurnal": ({"kind": "diurnal", "mean_rate": "6/min", "peak_to_mean": 1.8, "peak_at": "15:00"}, 129600.0, True),
    "diurnal to 0": ({"kind": "diurnal", "mean_rate": "6/min", "peak_to_mean": 2, "peak_at": "3:45"}, 129600.0, True),
    "profile of a day": (
        {"kind": "profile", "period": "day", "mean_rate": "6/min", "shape": [0, 1, 0, 5, 2, 0]},
        129600.0,
        True,
    ),
    "profile of a week": (
        {"kind": "profile", "period": "week", "rates": ["1/min", "0/s", "2/min", "1/min", "1/min", "0/s", "3/min"]},
        900000.0,
        True,
    ),
    "bursty": (BURSTY, 9000.0, True),
    "on/off": ({**BURSTY, "burst_factor": 5}, 9000.0, True),
    "bursty by rates": (
        {
            "kind": "bursty",
            "burst_rate": "10/s",
            "quiet_rate": "1/s",
            "burst_length": "5s",
            "quiet_length": "20s",
        },
        5000.0,
        True,
    ),
    "renewal, cv 3": ({"kind": "renewal", "mean_rate": "2/s", "cv": 3.0}, 9000.0, True),
    "renewal, cv 0.5": ({"kind": "renewal", "mean_rate": "2/s", "cv": 0.5}, 9000.0, True),
    "renewal, cv 0": ({"kind": "renewal", "mean_rate": "2/s", "cv": 0}, 9000.0, True),
    "hawkes": (HAWKES, 9000.0, True),
    "sessions": (SESSIONS, 9000.0, True),
    "sessions, geometric": (
        {**SESSIONS, "requests": {"kind": "geometric", "mean": 3.5}, "mean_delay": "5m"},
        9000.0,
        True,
    ),
    "batches": (BATCHES, 9000.0, True),
    "batches of given sizes": ({**BATCHES, "size": GIVEN}, 9000.0, True),
    "batches, spread": ({**BATCHES, "size": {"kind": "shifted_poisson", "mean": 6}, "spread": "90s"}, 9000.0, True),
    "batches of 7": ({"kind": "batches", "batch_rate": "20/min", "size": 7, "spread": "1s"}, 9000.0, True),
    "lognormal_cox": (COX, 9000.0, True),
    "lognormal_cox of a profile": (
        {
            **{name: value for name, value in COX.items() if name != "mean_rate"},
            "of": {
                "kind": "superposition",
                "parts": [{"kind": "profile", "period": "day", "rates": ["1/s", "2/s", "0/s", "3/s"]}, FLASH],
            },
            "step": "7s",
        },
        9000.0,
        True,
    ),
    "recorded": ({"kind": "recorded", "file": "stamps.csv", "column": "t_ms", "time_unit": "ms"}, 6000.0, False),
    "recorded, twice as fast, repeated": (
        {
            "kind": "recorded",
            "file": "stamps.csv",
            "column": "t_ms",
            "time_unit": "ms",
            "speed": 2,
            "repeat": True,
            "length": "2h",
        },
        10800.0,
        False,
    ),
    "recorded days": (
        {
            "kind": "recorded",
            "file": "dates.csv",
            "column": "t",
            "timezone": "UTC",
            "origin": "2026-11-02",
            "length": "14d",
            "resample": "days",
        },
        20 * 86400.0,
        True,
    ),
    "counts": (WIDE, 9000.0, True),
    "counts, even, repeated": ({**WIDE, "within": "even", "repeat": True, "speed": 3}, 9000.0, False),
    "counts, start": ({**WIDE, "within": "start"}, 9000.0, False),
    "counted days": (
        {"kind": "counts", "file": "fortnight.csv", "start": "start", "count": "count", "resample": "days"},
        20 * 86400.0,
        True,
    ),
    "recorded, thinned": ({**STAMPS, "scale": 0.3}, 6000.0, True),
    "recorded, scaled": ({**STAMPS, "scale": 2.5}, 6000.0, True),
    "recorded, scaled, repeated": ({**STAMPS, "scale": 3, "repeat": True, "speed": 2}, 9000.0, True),
    "recorded days, scaled": (
        {
            "kind": "recorded",
            "file": "dates.csv",
            "column": "t",
            "timezone": "UTC",
            "origin": "2026-11-02",
            "length": "14d",
            "resample": "days",
            "scale": 1.5,
        },
        20 * 86400.0,
        True,
    ),
    "counts, scaled": ({**WIDE, "scale": 0.37}, 9000.0, True),
    "flash crowd": (FLASH, 6000.0, True),
    "flash crowd, sudden": (
        {"kind": "flash_crowd", "peak_rate": "2/s", "at": "5m", "length": "50m"},
        6000.0,
        True,
    ),
    "ramp up": ({"kind": "ramp", "start_rate": "0/s", "end_rate": "2/s", "over": "1h"}, 9000.0, True),
    "ramp down": ({"kind": "ramp", "start_rate": "3/s", "end_rate": "0/s", "over": "1h"}, 9000.0, True),
    "growth": ({"kind": "growth", "start_rate": "1/s", "growth": "8%", "every": "1h"}, 9000.0, True),
    "shrinking": ({"kind": "growth", "start_rate": "1/s", "growth": "-8%", "every": "1h"}, 9000.0, True),
    "periodic": ({"kind": "periodic", "interval": "5m", "offset": "7s", "requests": 3}, 9000.0, False),
    "periodic, a mean": ({"kind": "periodic", "interval": "50s", "requests": 2.37}, 9000.0, True),
    "superposition": (
        {
            "kind": "superposition",
            "parts": [POISSON, FLASH, {"kind": "periodic", "interval": "1m", "requests": 5}, BURSTY],
        },
        6000.0,
        True,
    ),
    "superposition of recordings": (
        {"kind": "superposition", "parts": [STAMPS, {"kind": "superposition", "parts": [WIDE, STAMPS]}]},
        6000.0,
        True,
    ),
    "outage": ({"kind": "outage", "of": BURSTY, "at": "10m", "length": "20m", "release": "5m"}, 9000.0, True),
    "outage, all at once": (
        {"kind": "outage", "of": POISSON, "at": "10m", "length": "20m", "release": "0s"},
        9000.0,
        True,
    ),
    "burstier": ({**MORE_BURSTS, "of": POISSON}, 9000.0, True),
    "burstier, on/off": ({**MORE_BURSTS, "burst_factor": 10, "of": POISSON}, 9000.0, True),
    "burstier sessions": ({**MORE_BURSTS, "of": SESSIONS}, 9000.0, True),
    "burstier twice": (
        {**MORE_BURSTS, "of": {**MORE_BURSTS, "of": {"kind": "superposition", "parts": [POISSON, BURSTY]}}},
        6000.0,
        True,
    ),
}
EACH = pytest.mark.parametrize("name", CASES)
#: Kinds made of unit-rate points or of scaled gaps: more traffic is the same traffic, sooner.
COUPLED = [
    *("poisson", "diurnal", "diurnal to 0", "profile of a day", "bursty", "on/off", "renewal, cv 3"),
    *("flash crowd", "flash crowd, sudden", "ramp up", "ramp down", "growth", "shrinking"),
    *("periodic, a mean", "superposition", "burstier"),
    *("sessions", "sessions, geometric", "batches", "batches of given sizes", "batches, spread", "lognormal_cox"),
]


def arrivals(traffic: Arrivals, clock: Clock, horizon_s: float, seed: int = 1, replication: int = 0) -> NDArray[Any]:
    blocks = list(traffic.blocks(Streams(seed, replication), clock, horizon_s))
    return np.concatenate(blocks) if blocks else np.empty(0, np.int64)


@EACH
def test_arrivals_are_in_order_within_the_horizon(name: str, made: Made, clock: Clock) -> None:
    """Whole nanoseconds in [0, horizon), never decreasing, in blocks of which none is empty."""
    value, horizon_s, _ = CASES[name]
    blocks = list(made(value).blocks(Streams(3, 1), clock, horizon_s))
    assert all(len(block) and block.dtype == np.int64 for block in blocks)
    drawn = np.concatenate(blocks)
    assert 0 <= drawn[0]
    assert drawn[-1] < horizon_s * 1e9
    assert (np.diff(drawn) >= 0).all()


@EACH
def test_arrivals_do_not_depend_on_the_size_of_blocks(
    name: str, made: Made, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same arrivals to the nanosecond with pieces of 7 points, blocks of 11 and 3 pairs of stays at a time."""
    value, horizon_s, _ = CASES[name]
    horizon_s /= 3.0
    expected = arrivals(made(value), clock, horizon_s)
    monkeypatch.setattr(points, "PIECE", 7)
    monkeypatch.setattr(points, "BLOCK", 11)
    monkeypatch.setattr(recorded, "BLOCK", 11)
    monkeypatch.setattr(counts, "BLOCK", 50)
    monkeypatch.setattr(counts, "_PERIODS", 5)
    monkeypatch.setattr(bursty, "_STAYS", 6)
    monkeypatch.setattr(burstier, "_STRETCHES", 6)
    monkeypatch.setattr(clusters, "REQUESTS", 9)
    monkeypatch.setattr(batches, "REQUESTS", 9)
    monkeypatch.setattr(lognormal_cox, "_EDGES", 3)
    np.testing.assert_array_equal(expected, arrivals(made(value), clock, horizon_s))


# Bursts that `burstier` adds are made to fit the horizon, so that no request is lost: with another they are elsewhere.
@pytest.mark.parametrize("name", [name for name in CASES if "burstier" not in name])
def test_a_longer_horizon_only_adds_to_the_end(name: str, made: Made, clock: Clock) -> None:
    """Arrivals of a third of the horizon are the beginning of those of the whole."""
    value, horizon_s, _ = CASES[name]
    whole = arrivals(made(value), clock, horizon_s)
    short = arrivals(made(value), clock, horizon_s / 3.0)
    np.testing.assert_array_equal(whole[whole < round(horizon_s / 3.0 * 1e9)], short)


@EACH
def test_expected_count_is_the_integral_of_the_rate(name: str, made: Made, clock: Clock) -> None:
    """Over the horizon, and over an inner stretch of minutes."""
    value, horizon_s, _ = CASES[name]
    traffic = made(value)
    for start_s, stop_s in ((0.0, horizon_s), (600.0, horizon_s - 1200.0)):
        middles = np.arange(start_s + 30.0, stop_s, 60.0)
        integral = float(traffic.rate(middles, clock).sum()) * 60.0
        # The last minute of the horizon may be cut.
        assert traffic.expected_count(start_s, start_s + 60.0 * len(middles), clock) == pytest.approx(
            integral, rel=1e-6, abs=1e-9
        )


@EACH
def test_mean_count_over_replications_is_the_expected_count(name: str, made: Made, clock: Clock) -> None:
    """In a window at the start and in one later (Student's t over 64 replications, p = 10⁻⁴); replays are exact."""
    value, horizon_s, random = CASES[name]
    traffic = made(value)
    runs = [arrivals(traffic, clock, horizon_s, seed=11, replication=r) for r in range(64 if random else 2)]
    for share_from, share_to in ((0.0, 0.1), (0.25, 1.0)):
        window = [math.floor(share * horizon_s / 60.0) * 60.0 for share in (share_from, share_to)]
        drawn = np.array([np.diff(np.searchsorted(run, np.array(window) * 1e9))[0] for run in runs], dtype=float)
        expected = traffic.expected_count(window[0], window[1], clock)
        error = drawn.std(ddof=1) / math.sqrt(len(drawn))
        if error == 0.0:
            assert expected == pytest.approx(drawn[0], abs=1e-6)
        else:
            assert abs(drawn.mean() - expected) < stats.t.isf(0.5e-4, len(drawn) - 1) * error
            assert error < 0.15 * expected


@EACH
def test_replications_differ_only_where_traffic_is_random(name: str, made: Made, clock: Clock) -> None:
    """Random kinds give other arrivals in every replication; a plain replay gives the same and says so."""
    value, horizon_s, random = CASES[name]
    traffic = made(value)
    first, second = (arrivals(traffic, clock, horizon_s, replication=r) for r in (0, 1))
    assert random == (not np.array_equal(first, second))
    if value["kind"] in ("recorded", "counts"):
        note = " ".join(traffic.notes())
        assert ("every replication" in note) != ("resample" in value)


@EACH
def test_what_is_written_reads_back(name: str, made: Made, folder: Path) -> None:
    """Written to JSON and read again it is equal, also after a journey to another process."""
    traffic = made(CASES[name][0])
    written = TypeAdapter(Traffic).dump_json(traffic)
    again = made(json.loads(written))
    assert traffic == again
    assert traffic == pickle.loads(pickle.dumps(traffic))
    assert traffic.digest == again.digest


@EACH
def test_the_json_schema_accepts_what_the_model_accepts(name: str) -> None:
    """An editor that knows the schema does not underline valid traffic."""
    schema = TypeAdapter(Traffic).json_schema()
    assert [] == list(Draft202012Validator(schema).iter_errors(CASES[name][0]))


@EACH
def test_scaled_traffic_has_every_expected_count_times_the_factor(name: str, made: Made, clock: Clock) -> None:
    """Over the horizon and inner stretches, and in the rate; also written and read again."""
    # One below and one above 1, for recordings.
    factor = 0.3 if len(name) % 2 else 1.7
    value, horizon_s, _ = CASES[name]
    traffic = made(value)
    scaled = made(json.loads(TypeAdapter(Traffic).dump_json(traffic.scaled(factor))))
    assert traffic.scaled(factor) == scaled
    # Copies of a recorded arrival come up to the time of the next one: at most `scale` of them are elsewhere.
    off = factor * value.get("scale", 1.0) * (2 if "recorded" in name or "recordings" in name else 0)
    for start_s, stop_s in ((0.0, horizon_s), (0.0, 600.0), (1234.5, 0.9 * horizon_s)):
        expected = factor * traffic.expected_count(start_s, stop_s, clock)
        assert expected == pytest.approx(scaled.expected_count(start_s, stop_s, clock), rel=1e-12, abs=off + 1e-9)
    assert factor * traffic.mean_rate_over(horizon_s, clock) == pytest.approx(
        scaled.mean_rate_over(horizon_s, clock), rel=1e-12, abs=off / horizon_s
    )
    middles = np.arange(30.0, horizon_s, 600.0)
    np.testing.assert_allclose(
        factor * traffic.rate(middles, clock), scaled.rate(middles, clock), rtol=1e-12, atol=off / 60.0
    )


@pytest.mark.parametrize("factor", [0.0, -1.0, math.nan, math.inf])
def test_factors_that_cannot_be(factor: float, made: Made) -> None:
    """Nothing can be scaled to nothing, or by less."""
    for value, _, _ in CASES.values():
        with pytest.raises(InputError, match=f"^traffic cannot be scaled by {factor:g}, must be more than 0$"):
            made(value).scaled(factor)


@pytest.mark.parametrize("name", COUPLED)
def test_more_traffic_is_the_same_traffic_sooner(name: str, made: Made, clock: Clock) -> None:
    """Scaled by 1.1 the n-th request never comes later, in any single replication (coupling)."""
    value, horizon_s, _ = CASES[name]
    traffic = made(value)
    low = arrivals(traffic, clock, horizon_s)
    high = arrivals(traffic.scaled(1.1), clock, horizon_s)
    assert 1.1 == pytest.approx(len(high) / len(low), rel=0.15)
    # One nanosecond a gap for the rounding.
    assert (high[: len(low)] - low <= np.arange(len(low)) + 1).all()


@pytest.mark.parametrize(
    "name", [name for name in CASES if CASES[name][2] and not {"days", "periodic,"} & set(name.split())]
)
def test_seeds_do_not_overlap(name: str, made: Made, clock: Clock) -> None:
    """No replication of seed 1 equals any of seed 2 (with seed + replication 58 of 60 would)."""
    value, horizon_s, _ = CASES[name]
    traffic = made(value)
    drawn = {seed: {arrivals(traffic, clock, horizon_s / 10, seed, r).tobytes() for r in range(60)} for seed in (1, 2)}
    assert set() == drawn[1] & drawn[2]


@pytest.mark.parametrize(
    "name",
    [
        *("poisson", "diurnal", "diurnal to 0", "profile of a day", "profile of a week"),
        *("flash crowd", "ramp up", "ramp down", "growth", "shrinking"),
    ],
)
def test_gaps_in_expected_count_are_exponential(name: str, made: Made, clock: Clock) -> None:
    """Time rescaled by the cumulative rate leaves a Poisson process of rate 1 (Kolmogorov-Smirnov, p > 10⁻⁶)."""
    value, horizon_s, _ = CASES[name]
    traffic = made(value)
    drawn_s = arrivals(traffic, clock, horizon_s, seed=5) / 1e9
    gaps = np.diff([traffic.expected_count(0.0, float(t), clock) for t in drawn_s])
    assert 1e-6 < stats.kstest(gaps, "expon").pvalue
    # A truth 15 % off is refused.
    assert stats.kstest(gaps * 1.15, "expon").pvalue < 1e-6


@pytest.mark.parametrize(
    "value",
    [
        {"kind": "poisson", "mean_rate": "0/s"},
        {"kind": "diurnal", "mean_rate": "0/s", "peak_to_mean": 1.5, "peak_at": "12:00"},
        {"kind": "profile", "mean_rate": "0/s", "period": "day", "shape": [1, 2]},
        {"kind": "bursty", "mean_rate": "0/s", "burst_factor": 2, "burst_share": "10%", "burst_length": "10s"},
        {"kind": "renewal", "mean_rate": "0/s", "cv": 2.0},
        {**HAWKES, "mean_rate": "0/s"},
        {**SESSIONS, "session_rate": "0/s"},
        {**BATCHES, "mean_rate": "0/s"},
        {**COX, "mean_rate": "0/s"},
        {**FLASH, "peak_rate": "0/s"},
        {"kind": "ramp", "start_rate": "0/s", "end_rate": "0/s", "over": "1h"},
        {"kind": "growth", "start_rate": "0/s", "growth": "8%", "every": "1h"},
        {"kind": "superposition", "parts": [{"kind": "poisson", "mean_rate": "0/s"}]},
    ],
    ids=lambda value: value["kind"],
)
def test_a_rate_of_zero_gives_no_request_and_says_so(value: dict[str, Any], made: Made, clock: Clock) -> None:
    """No block at all, an expected count of 0, and a note."""
    traffic = made(value)
    assert [] == list(traffic.blocks(Streams(1, 0), clock, 1e6))
    assert 0.0 == traffic.expected_count(0.0, 1e6, clock)
    assert ["The mean rate is 0: no request arrives."] == traffic.notes()
    assert "0/h" in traffic.describe()


@pytest.mark.parametrize(
    ("horizon_s", "message"),
    [
        (0.0, "traffic: the horizon is 0 s, must be more than 0"),
        (-1.0, "traffic: the horizon is -1 s, must be more than 0"),
        (math.inf, "traffic: the horizon is inf s, must be more than 0"),
        (math.nan, "traffic: the horizon is nan s, must be more than 0"),
        (1e10, "traffic: the horizon is 1e+10 s, must be at most a century (3.15576e+09 s)"),
    ],
)
def test_horizons_that_cannot_be(horizon_s: float, message: str, made: Made, clock: Clock) -> None:
    """An error at the call, not at the first block."""
    with pytest.raises(InputError) as caught:
        made({"kind": "poisson", "mean_rate": "1/s"}).blocks(Streams(1, 0), clock, horizon_s)
    assert message == str(caught.value)


@pytest.mark.parametrize("name", ["poisson, rare", "bursty", "renewal, cv 3", "profile of a day", "diurnal"])
def test_rare_traffic_over_a_century(name: str, made: Made, clock: Clock) -> None:
    """Gaps far longer than the horizon neither overflow nor end up in it: about 3 arrivals in 90 years."""
    value = {**CASES[name][0], "mean_rate": "1e-9/s"}
    if name == "bursty":
        value["burst_length"] = "8760h"
    total = sum(len(arrivals(made(value), clock, 90 * 365.25 * 86400.0, seed=2, replication=r)) for r in range(100))
    cv = 3.0 if name == "renewal, cv 3" else 2.0
    assert abs(total - 284.0) < 5 * cv * math.sqrt(284.0)
    assert 0 == len(arrivals(made({**value, "mean_rate": "1e-30/s"}), clock, 3600.0))


AGES = "23000000000h"


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ({**FLASH, "at": AGES}, 0.0),
        ({**FLASH, "at": "0s", "ramp_up": "0s", "length": AGES}, 7200.0),
        ({"kind": "ramp", "start_rate": "2/s", "end_rate": "0/s", "over": AGES}, 7200.0),
        ({"kind": "growth", "start_rate": "2/s", "growth": "8%", "every": AGES}, 7200.0),
        ({"kind": "periodic", "interval": AGES, "offset": "1h"}, 0.0),
        ({"kind": "periodic", "interval": AGES, "offset": "59m", "requests": 2.5}, 2.5),
        ({"kind": "periodic", "interval": "1s", "offset": AGES, "requests": 1e6}, 0.0),
        ({"kind": "outage", "of": POISSON, "at": AGES, "length": AGES, "release": "1h"}, 7200.0),
        ({"kind": "outage", "of": POISSON, "at": "0s", "length": AGES, "release": "0s"}, 0.0),
        ({"kind": "outage", "of": POISSON, "at": "0s", "length": "1m", "release": AGES}, 7080.0),
        ({**MORE_BURSTS, "of": POISSON, "burst_length": AGES}, 7200.0),
        ({**HAWKES, "decay": AGES, "branching_ratio": 0.001}, 7200.0),
        ({**SESSIONS, "session_rate": "1e-9/s", "mean_delay": "8760000h"}, 0.0),
        ({**BATCHES, "mean_rate": "1e-9/s", "spread": "8760000h"}, 0.0),
        ({**COX, "correlation_time": AGES, "cv": 0.001}, 7200.0),
    ],
)
def test_times_of_ages(value: dict[str, Any], expected: float, made: Made, clock: Clock) -> None:
    """Durations of millions of years, far beyond int64, in runs of an hour: what is expected within it comes."""
    traffic = made(value)
    assert expected == pytest.approx(traffic.expected_count(0.0, 3600.0, clock), abs=1e-3)
    drawn = arrivals(traffic, clock, 3600.0)
    assert len(drawn) == pytest.approx(expected, abs=5.0 * math.sqrt(expected))
    assert (np.diff(drawn) >= 0).all()
    assert 0 <= drawn.min(initial=0)
