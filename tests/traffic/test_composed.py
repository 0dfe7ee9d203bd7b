"""Traffic made of other traffic: superpositions, outages and added bursts, recomputed by other ways."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import stats

from simulator.streams import PURPOSES, Streams
from simulator.traffic import Arrivals, Clock
from simulator.traffic.merging import merged

Made = Callable[[Any], Arrivals]
POISSON = {"kind": "poisson", "mean_rate": "2/s"}
DIURNAL = {"kind": "diurnal", "mean_rate": "2/s", "peak_to_mean": 1.8, "peak_at": "15:00"}
#: Rates 10/s and 1/s, mean stays 30 s and 120 s: dispersion 5.564950 in windows of 1 s.
MMPP = {"kind": "bursty", "burst_rate": "10/s", "quiet_rate": "1/s", "burst_length": "30s", "quiet_length": "120s"}
FLASH = {"kind": "flash_crowd", "peak_rate": "30/s", "at": "2m", "ramp_up": "30s", "length": "3m", "decay": "1m"}
#: The same stretches as those of MMPP, as added bursts.
BURSTS = {"kind": "burstier", "burst_factor": 10 / 2.8, "burst_share": "20%", "burst_length": "30s"}


def together(*parts: Any) -> dict[str, Any]:
    return {"kind": "superposition", "parts": list(parts)}


def drawn(traffic: Arrivals, streams: Streams, clock: Clock, horizon_s: float) -> NDArray[np.int64]:
    return np.concatenate([[], *traffic.blocks(streams, clock, horizon_s)]).astype(np.int64)


@pytest.fixture
def seconds(tmp_path: Path, made: Made) -> Callable[..., Arrivals]:
    """Recorded traffic of these seconds."""

    def recorded(*at_s: float, **fields: Any) -> dict[str, Any]:
        file = tmp_path / f"{'-'.join(map(str, at_s))}.csv"
        file.write_text("t\n" + "".join(f"{t}\n" for t in at_s))
        return {"kind": "recorded", "file": str(file), "column": "t", "time_unit": "s", "origin": 0, **fields}

    return recorded  # type: ignore[return-value]


def test_streams_of_parts_have_keys_of_their_own() -> None:
    """A part's numbers stand between purpose and children; without parts the keys are what they were."""
    streams = Streams(7, 3)
    assert (3, PURPOSES["arrivals"], 1) == streams.sequence("arrivals", 1).spawn_key
    assert (3, PURPOSES["arrivals"], 4, 0, 1) == streams.of_part(4).of_part(0).sequence("arrivals", 1).spawn_key
    assert (7, 3) == (streams.of_part(4).seed, streams.of_part(4).replication)
    # The numbers of purposes are frozen, or every stored result changes.
    assert (0, 1, 4, 12, 13) == tuple(PURPOSES[p] for p in ("arrivals", "modulation", "service", "bootstrap", "bursts"))


def test_superposition_is_all_arrivals_of_its_parts(made: Made, clock: Clock) -> None:
    """Each part drawn by itself from its own streams, then sorted; parts of parts too."""
    nested = together(POISSON, together(MMPP, POISSON), FLASH)
    streams = Streams(5, 2)
    parts = [
        drawn(made(value), part, clock, 2000.0)
        for value, part in (
            (POISSON, streams.of_part(0)),
            (MMPP, streams.of_part(1).of_part(0)),
            (POISSON, streams.of_part(1).of_part(1)),
            (FLASH, streams.of_part(2)),
        )
    ]
    np.testing.assert_array_equal(np.sort(np.concatenate(parts)), drawn(made(nested), streams, clock, 2000.0))
    # Equal parts are not the same requests.
    assert 0 == len(np.intersect1d(parts[0], parts[2]))


def test_what_one_part_is_changes_nothing_in_the_others(made: Made, clock: Clock) -> None:
    """The arrivals of part 1 are in both, whatever part 0 is."""
    one, other = (drawn(made(together(first, MMPP)), Streams(5, 0), clock, 900.0) for first in (POISSON, FLASH))
    part = drawn(made(MMPP), Streams(5, 0).of_part(1), clock, 900.0)
    assert np.isin(part, one).all()
    assert np.isin(part, other).all()


def test_merging_by_blocks_is_sorting(monkeypatch: pytest.MonkeyPatch) -> None:
    """Sequences of very different lengths with many ties, some empty, in blocks of 5; no block beyond 5 of each."""
    monkeypatch.setattr("simulator.traffic.points.BLOCK", 5)
    generator = np.random.default_rng(4)
    for _ in range(50):
        sequences = [
            np.sort(generator.integers(0, high, size))
            for high, size in zip(generator.integers(1, 60, 4), [0, 3, 40, 200], strict=True)
        ]
        pieces = [np.array_split(sequence, 3) for sequence in sequences]
        blocks = list(merged(pieces))
        np.testing.assert_array_equal(np.sort(np.concatenate(sequences)), np.concatenate(blocks))
        assert max(map(len, blocks)) <= 20


@pytest.mark.parametrize(
    ("parts", "window_s", "expected"),
    [
        # Means 2.8 and 2, by which the dispersions weigh.
        ((MMPP, POISSON), 1.0, (2.8 * 5.564950 + 2.0) / 4.8),
        ((MMPP, POISSON, {"kind": "poisson", "mean_rate": "0/s"}), 1.0, (2.8 * 5.564950 + 2.0) / 4.8),
        ((together(MMPP, MMPP), POISSON), 1.0, (5.6 * 5.564950 + 2.0) / 7.6),
        # Superposing alike sources changes nothing, wherever their weights are known.
        ((MMPP, MMPP), 60.0, 141.5976),
        ((DIURNAL, POISSON, FLASH), 60.0, 1.0),
        # Half of the requests do not vary.
        (({"kind": "periodic", "interval": "1m", "requests": 120}, POISSON), 600.0, 0.5),
        (({"kind": "periodic", "interval": "1m", "requests": 120}, POISSON), 90.0, None),
        (({**MMPP, "burst_rate": "0/s", "quiet_rate": "0/s"}, POISSON), 60.0, 1.0),
        # Before a late first instant there is less of it.
        (({"kind": "periodic", "interval": "1m", "offset": "90s"}, POISSON), 600.0, None),
        # How much the diurnal part weighs depends on where the window stands.
        ((DIURNAL, MMPP), 1.0, None),
        (({"kind": "renewal", "mean_rate": "1/s", "cv": 2.0}, POISSON), 60.0, None),
        (({"kind": "renewal", "mean_rate": "1/s", "cv": 2.0}, POISSON), math.inf, 2.0),
        (({"kind": "poisson", "mean_rate": "0/s"}, MMPP), 1.0, 5.564950),
    ],
)
def test_dispersion_of_superpositions(
    parts: tuple[dict[str, Any], ...], window_s: float, expected: float | None, made: Made
) -> None:
    """Variances add up as counts do; None where a part has no closed form or the weights are not known."""
    found = made(together(*parts)).dispersion(window_s)
    assert found == (None if expected is None else pytest.approx(expected, rel=1e-6))


def test_drawn_superpositions_have_that_dispersion(made: Made, clock: Clock) -> None:
    """3.66 in windows of 1 s, by Student's t over 64 replications (p = 10⁻⁴); Poisson traffic is refused."""
    expected, found = (2.8 * 5.564950 + 2.0) / 4.8, []
    for replication in range(64):
        times_ns = drawn(made(together(MMPP, POISSON)), Streams(21, replication), clock, 20_000.0)
        counts = np.bincount(times_ns // 10**9, minlength=20_000)
        found.append(((counts - 4.8) ** 2).mean() / 4.8)
    error = np.std(found, ddof=1) / 8.0
    assert abs(np.mean(found) - expected) < stats.t.isf(0.5e-4, 63) * error
    assert error < 0.03 * expected


def test_outage_by_hand(seconds: Callable[..., Any], made: Made, clock: Clock) -> None:
    """Seconds 2 to 4 are held back: 2, 3 and 3.5 come at 4, 4.5 and 4.75, among 4 and 4.5 that come then anyway."""
    inner = seconds(0, 1, 2, 3, 3.5, 4, 4.5, 5, length="10s")
    value = {"kind": "outage", "of": inner, "at": "2s", "length": "2s", "release": "1s"}
    expected_s = [0, 1, 4, 4, 4.5, 4.5, 4.75, 5]
    np.testing.assert_array_equal(np.array(expected_s) * 1e9, drawn(made(value), Streams(1, 0), clock, 10.0))
    at_once = [0, 1, 4, 4, 4, 4, 4.5, 5]
    sudden = {**value, "release": "0s"}
    np.testing.assert_array_equal(np.array(at_once) * 1e9, drawn(made(sudden), Streams(1, 0), clock, 10.0))
    # Released over longer than they were held back: every 2 s of it bring 1 s of requests.
    slow = {**value, "release": "4s"}
    np.testing.assert_array_equal(
        np.array([0, 1, 4, 4, 4.5, 5, 6, 7]) * 1e9, drawn(made(slow), Streams(1, 0), clock, 10.0)
    )
    # Of what would come after the end of the run nothing is seen.
    np.testing.assert_array_equal(np.array([0, 1, 4, 4, 4.5, 5]) * 1e9, drawn(made(slow), Streams(1, 0), clock, 5.5))
    np.testing.assert_array_equal(np.array([0, 1]) * 1e9, drawn(made(value), Streams(1, 0), clock, 4.0))


@pytest.mark.parametrize(
    ("start_s", "stop_s", "release", "expected"),
    [
        (0.0, 600.0, "1m", 1200.0),
        (600.0, 1200.0, "1m", 0.0),
        (500.0, 1200.0, "1m", 200.0),
        # In half a minute half of the 1200 held back, and 60 in their own right.
        (1200.0, 1230.0, "1m", 660.0),
        (1100.0, 1260.0, "1m", 1320.0),
        (1260.0, 1300.0, "1m", 80.0),
        (0.0, 3600.0, "1m", 7200.0),
        (1199.0, 1200.0, "0s", 0.0),
        (1200.0, 1201.0, "0s", 1202.0),
        (1201.0, 1202.0, "0s", 2.0),
    ],
)
def test_expected_counts_of_an_outage(
    start_s: float, stop_s: float, release: str, expected: float, made: Made, clock: Clock
) -> None:
    """2/s, held back for 10 minutes from minute 10 on."""
    traffic = made({"kind": "outage", "of": POISSON, "at": "10m", "length": "10m", "release": release})
    assert expected == pytest.approx(traffic.expected_count(start_s, stop_s, clock), rel=1e-12)


def test_rates_after_an_outage(made: Made, clock: Clock) -> None:
    """A ramp from 0/s to 6/s in 10 minutes, minutes 2 to 6 of it released in one: four times as fast, on top."""
    ramp = {"kind": "ramp", "start_rate": "0/s", "end_rate": "6/s", "over": "10m"}
    traffic = made({"kind": "outage", "of": ramp, "at": "2m", "length": "4m", "release": "1m"})
    rates = traffic.rate(np.array([0.0, 60.0, 120.0, 359.0, 360.0, 390.0, 420.0]), clock)
    np.testing.assert_allclose([0.0, 0.6, 0.0, 0.0, 3.6 + 4 * 1.2, 3.9 + 4 * 2.4, 4.2], rates)
    assert traffic.expected_count(360.0, 420.0, clock) == pytest.approx(3.9 * 60 + 2.4 * 240)


def test_an_outage_keeps_the_requests_of_its_traffic(made: Made, clock: Clock) -> None:
    """All arrive, those outside at their own time, in each replication; also of an outage within another's release."""
    outage = {"kind": "outage", "at": "10m", "length": "10m", "release": "2m"}
    twice = {"kind": "outage", "of": {**outage, "of": MMPP}, "at": "21m", "length": "30s", "release": "10s"}
    for replication in range(5):
        streams = Streams(9, replication)
        plain, once, both = (drawn(made(v), streams, clock, 3600.0) for v in (MMPP, {**outage, "of": MMPP}, twice))
        assert len(plain) == len(once) == len(both)
        outside = plain[(plain < 600 * 10**9) | (plain >= 1200 * 10**9)]
        assert np.isin(outside, once).all()
        assert 0 == ((once >= 600 * 10**9) & (once < 1200 * 10**9)).sum()
        assert 0 == ((both >= 1260 * 10**9) & (both < 1290 * 10**9)).sum()
        np.testing.assert_array_equal(once[once >= 1300 * 10**9], both[both >= 1300 * 10**9])


def test_burst_factor_1_changes_nothing_to_the_last_bit(made: Made, clock: Clock) -> None:
    """Nor does it draw anything."""
    plain, same = (
        drawn(made(v), Streams(1, 0), clock, 5000.0) for v in (MMPP, {**BURSTS, "burst_factor": 1, "of": MMPP})
    )
    np.testing.assert_array_equal(plain, same)


def test_bursts_move_requests_and_keep_their_number(made: Made, clock: Clock) -> None:
    """As many as without bursts in every replication, in order, however short the run."""
    for horizon_s in (0.5, 20.0, 5000.0):
        for replication in range(40):
            streams = Streams(4, replication)
            plain, moved = (drawn(made(v), streams, clock, horizon_s) for v in (MMPP, {**BURSTS, "of": MMPP}))
            assert len(plain) == len(moved)
            assert (np.diff(moved) >= 0).all()


def test_a_request_of_the_last_nanosecond_stays_in_the_run(tmp_path: Path, made: Made, clock: Clock) -> None:
    """In a burst its new time, 0.28 ns before the end, would round to the horizon itself."""
    file = tmp_path / "last.csv"
    file.write_text("t\n999999998\n999999999\n")
    last = {"kind": "recorded", "file": str(file), "column": "t", "time_unit": "ns", "origin": 0, "length": "1s"}
    traffic = made({**BURSTS, "burst_length": "10ms", "of": last})
    lasts_ns = [drawn(traffic, Streams(4, replication), clock, 1.0).tolist()[1] for replication in range(40)]
    assert 999_999_999 == max(lasts_ns)


def operational_s(streams: Streams, layer: int, horizon_s: float, at_s: NDArray[np.float64]) -> NDArray[np.float64]:
    """M of BURSTS at times, by loops over stretches: heights 1/0.28 and 1/2.8, stays of 30 s and 120 s."""
    placed, stays = (streams.generator("bursts", layer, child) for child in (0, 1))
    in_burst, turn_s = placed.random() < 0.2, placed.random() * horizon_s
    edges, raw = [0.0], [0.0]
    while edges[-1] < horizon_s:
        length_s, height = (30.0, 10 / 2.8) if in_burst else (120.0, 1 / 2.8)
        ends_s = min(edges[-1] + stays.standard_exponential() * length_s, horizon_s)
        raw.append(raw[-1] + height * (ends_s - edges[-1]))
        edges.append(ends_s)
        in_burst = not in_burst

    def until(t_s: float) -> float:
        return float(np.interp(t_s, edges, raw))

    # On a ring: from the turn to the end, then from the beginning on.
    moved = [
        until(t + turn_s) - until(turn_s)
        if t + turn_s <= horizon_s
        else raw[-1] - until(turn_s) + until(t + turn_s - horizon_s)
        for t in at_s
    ]
    return np.array(moved) * (horizon_s / raw[-1])


@pytest.mark.parametrize("horizon_s", [10.0, 100.0, 1500.0])
def test_requests_stand_where_operational_time_is_their_old_time(horizon_s: float, made: Made, clock: Clock) -> None:
    """M of each moved arrival, integrated in another way, is the arrival before; also of bursts within bursts."""
    for replication in range(4):
        streams = Streams(8, replication)
        plain, once, twice = (
            drawn(made(v), streams, clock, horizon_s)
            for v in (MMPP, {**BURSTS, "of": MMPP}, {**BURSTS, "of": {**BURSTS, "of": MMPP}})
        )
        np.testing.assert_allclose(operational_s(streams, 0, horizon_s, once / 1e9), plain / 1e9, rtol=0, atol=5e-9)
        np.testing.assert_allclose(operational_s(streams, 1, horizon_s, twice / 1e9), once / 1e9, rtol=0, atol=5e-9)


def test_made_burstier_poisson_traffic_is_bursty_traffic(made: Made, clock: Clock) -> None:
    """Its dispersion is that of the two-state process, but for what fitting the bursts to the horizon takes (2 %)."""
    traffic = made({**BURSTS, "of": {"kind": "poisson", "mean_rate": "2.8/s"}})
    for window_s, expected in ((1, 5.564950), (60, 141.5976)):
        found = []
        for replication in range(48):
            times_ns = drawn(traffic, Streams(3, replication), clock, 42_000.0)
            counts = np.bincount(times_ns // (window_s * 10**9), minlength=42_000 // window_s)
            found.append(((counts - 2.8 * window_s) ** 2).mean() / (2.8 * window_s))
        error = np.std(found, ddof=1) / math.sqrt(len(found))
        assert abs(np.mean(found) - expected) < stats.t.isf(0.5e-4, 47) * error + 0.02 * expected
        assert error < 0.03 * expected


@pytest.mark.parametrize("horizon_s", [40.0])
def test_a_constant_rate_stays_constant(horizon_s: float, made: Made, clock: Clock) -> None:
    """In each tenth of runs not much longer than a burst, over 3,000 replications (p = 10⁻⁴ for all ten)."""
    traffic = made({**BURSTS, "burst_factor": 5, "of": {"kind": "renewal", "mean_rate": "1/s", "cv": 0}})
    tenths = np.zeros((3000, 10))
    for replication in range(3000):
        times_ns = drawn(traffic, Streams(6, replication), clock, horizon_s)
        tenths[replication] = np.bincount((times_ns / (horizon_s * 1e8)).astype(int), minlength=10)
    error = tenths.std(axis=0, ddof=1) / math.sqrt(3000)
    expected = traffic.expected_count(0.0, horizon_s / 10.0, clock)
    assert (np.abs(tenths.mean(axis=0) - expected) < stats.norm.isf(0.5e-5) * error).all()
    assert (error < 0.05 * expected).all()


def test_patterns_of_the_clock_wander_as_far_as_is_said(made: Made, clock: Clock) -> None:
    """Standard deviation of M(t) − t in the middle of a day, over 300 replications (chi square, p = 10⁻⁴)."""
    traffic = made({**BURSTS, "of": DIURNAL})
    # A tick every ten seconds shows where M is.
    ticks = made({**BURSTS, "of": {"kind": "periodic", "interval": "10s"}})
    middle_ns = 43_200 * 10**9
    off_s = [10.0 * np.searchsorted(drawn(ticks, Streams(2, r), clock, 86_400.0), middle_ns) for r in range(300)]
    expected_s = traffic.wandering_s(86400.0)  # type: ignore[attr-defined]
    ratio = np.var(off_s, ddof=1) / expected_s**2
    assert stats.chi2.ppf(0.5e-4, 299) / 299 < ratio < stats.chi2.isf(0.5e-4, 299) / 299
    assert [
        "Traffic made burstier moves patterns of the clock: in the middle of the run by 1300s (standard deviation "
        "over replications)."
    ] == traffic.remarks(86400.0)
    assert [] == made({**BURSTS, "of": POISSON}).remarks(86400.0)


def test_too_many_bursts_are_refused(made: Made) -> None:
    """They would have to be in memory together."""
    traffic = made({**BURSTS, "burst_length": "100us", "of": POISSON})
    assert [] == traffic.problems(600.0)
    assert [
        "burst_length 0.0001s makes about 5.3e+09 bursts in a horizon of 2628000s, at most 2e+06; write longer bursts"
    ] == traffic.problems(2_628_000.0)


@pytest.mark.parametrize(
    ("value", "line"),
    [
        (
            together(POISSON, {"kind": "periodic", "interval": "5m"}),
            "superposition of 2: (Poisson, 2/s); (periodic, 1 request every 300s)",
        ),
        (
            {"kind": "outage", "of": POISSON, "at": "6h", "length": "10m", "release": "1m"},
            "Poisson, 2/s; held back from 21600s to 22200s, released over 60s",
        ),
        (
            {"kind": "outage", "of": POISSON, "at": "6h", "length": "10m", "release": "0s"},
            "Poisson, 2/s; held back from 21600s to 22200s, released at once",
        ),
        (
            {"kind": "burstier", "of": POISSON, "burst_factor": 4, "burst_share": "5%", "burst_length": "1m"},
            "Poisson, 2/s; made burstier: 4 times the rate in 5% of the time, in bursts of 60s on average",
        ),
    ],
)
def test_one_line_for_reports(value: dict[str, Any], line: str, made: Made) -> None:
    """The traffic inside, and what is done to it."""
    assert line == made(value).describe()


def test_notes_and_remarks_of_what_is_inside_are_told(made: Made) -> None:
    """Each once; that nothing arrives only if it is so of all parts."""
    counted = {"kind": "counts", "file": "wide.csv", "row": {"name": "b"}}
    silent = {"kind": "poisson", "mean_rate": "0/s"}
    inner = made(counted).notes()
    assert inner == made(together(counted, together(counted, POISSON), silent)).notes()
    assert ["The mean rate is 0: no request arrives."] == made(together(silent, silent)).notes()
    late = {"kind": "outage", "of": FLASH, "at": "10m", "length": "10m", "release": "1m"}
    never_seen = "The flash crowd at 120s begins after the end of the run: it is never seen."
    assert [never_seen, "The outage at 600s begins after the end of the run: it is never seen."] == made(
        together(POISSON, late)
    ).remarks(60.0)
    assert ["The outage at 600s lasts to the end of the run: requests held back never come."] == made(late).remarks(
        900.0
    )
    assert ["The run ends while requests held back until 1200s are still being released."] == made(late).remarks(1230.0)
    assert [] == made(late).remarks(1260.0)


def test_recordings_inside_are_held_against_the_horizon(made: Made) -> None:
    """With the place inside."""
    short = {"kind": "counts", "file": "wide.csv", "row": {"name": "b"}}
    outage = {"kind": "outage", "of": short, "at": "10m", "length": "10m", "release": "1m"}
    traffic = made(together(POISSON, {**BURSTS, "of": outage}))
    assert [] == traffic.problems(10_800.0)
    (problem,) = traffic.problems(10_801.0)
    assert problem.startswith("parts[1]: of: of: the recording lasts 10800s, less than the horizon of 10801s")
    assert ["the horizon is 0 s, must be more than 0"] == traffic.problems(0.0)


def test_digests_of_the_files_inside(made: Made) -> None:
    """Those of all files, in the order of the parts; None if there is no file."""
    counted = {"kind": "counts", "file": "wide.csv", "row": {"name": "b"}}
    stamps = {"kind": "recorded", "file": "stamps.csv", "column": "t_ms", "time_unit": "ms"}
    one, other = made(counted).digest, made(stamps).digest
    outage = {"kind": "outage", "of": stamps, "at": "10m", "length": "10m", "release": "1m"}
    assert f"{one}+{other}" == made(together(counted, POISSON, {**BURSTS, "of": outage})).digest
    assert made(together(POISSON)).digest is None
