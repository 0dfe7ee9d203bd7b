"""Flash crowds, ramps, growth and periodic requests, by hand and point by point."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from simulator.errors import InputError
from simulator.streams import Streams
from simulator.traffic import Arrivals, Clock

Made = Callable[[Any], Arrivals]
#: Rises for 10 s from second 100 on, 3/s for 20 s, falls for 40 s: 15 + 60 + 60 requests.
FLASH = {"kind": "flash_crowd", "peak_rate": "3/s", "at": "100s", "ramp_up": "10s", "length": "20s", "decay": "40s"}
#: 1/s to 5/s in 10 days: 3/s on average.
RAMP = {"kind": "ramp", "start_rate": "1/s", "end_rate": "5/s", "over": "240h"}
GROWTH = {"kind": "growth", "start_rate": "2/s", "growth": "8%", "every": "730h"}
DAY_S = 86_400.0


def arrivals(traffic: Arrivals, clock: Clock, horizon_s: float, replication: int = 0) -> NDArray[np.int64]:
    return np.concatenate([[], *traffic.blocks(Streams(21, replication), clock, horizon_s)]).astype(np.int64)


@pytest.mark.parametrize(
    ("value", "start_s", "stop_s", "expected"),
    [
        (FLASH, 0.0, 100.0, 0.0),
        # 3/10·5²/2 in the first half of the rise.
        (FLASH, 100.0, 105.0, 3.75),
        (FLASH, 105.0, 112.0, 15.0 - 3.75 + 6.0),
        # Half of the fall has three quarters of its 60 requests.
        (FLASH, 130.0, 150.0, 45.0),
        (FLASH, 150.0, 1e9, 15.0),
        (FLASH, 0.0, 1e9, 135.0),
        (RAMP, 0.0, 10 * DAY_S, 3 * 10 * DAY_S),
        (RAMP, 0.0, 5 * DAY_S, 2 * 5 * DAY_S),
        (RAMP, 5 * DAY_S, 20 * DAY_S, 4 * 5 * DAY_S + 5 * 10 * DAY_S),
        # 2/s·730 h·(1.08 − 1)/ln 1.08, and 1.08 times that in the second month.
        (GROWTH, 0.0, 730 * 3600.0, 5463543.5513),
        (GROWTH, 730 * 3600.0, 1460 * 3600.0, 5463543.5513 * 1.08),
        ({**GROWTH, "growth": "0%"}, 0.0, 730 * 3600.0, 5256000.0),
        # Halved every hour, 2/s·3600/ln 2 in all.
        ({**GROWTH, "growth": "-50%", "every": "1h"}, 0.0, 1e6, 7200.0 / math.log(2.0)),
    ],
)
def test_expected_counts_by_hand(
    value: dict[str, Any], start_s: float, stop_s: float, expected: float, made: Made, clock: Clock
) -> None:
    """Areas of triangles, rectangles and exponentials."""
    assert expected == pytest.approx(made(value).expected_count(start_s, stop_s, clock), rel=1e-7)


@pytest.mark.parametrize(
    ("value", "times_s", "rates"),
    [
        (FLASH, [99.9, 100.0, 105.0, 110.0, 129.9, 140.0, 169.0, 170.0], [0.0, 0.0, 1.5, 3.0, 3.0, 2.25, 0.075, 0.0]),
        ({**FLASH, "ramp_up": "0s", "decay": "0s"}, [99.9, 100.0, 119.9, 120.0], [0.0, 3.0, 3.0, 0.0]),
        (RAMP, [0.0, 2.5 * DAY_S, 10 * DAY_S, 1e8], [1.0, 2.0, 5.0, 5.0]),
        (GROWTH, [0.0, 730 * 3600.0, 1460 * 3600.0], [2.0, 2.16, 2.3328]),
    ],
)
def test_rates_by_hand(
    value: dict[str, Any], times_s: list[float], rates: list[float], made: Made, clock: Clock
) -> None:
    """At corners, and between them."""
    np.testing.assert_allclose(rates, made(value).rate(np.array(times_s), clock), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize(
    ("value", "horizon_s"),
    [
        ({**FLASH, "peak_rate": "300/s"}, 1000.0),
        ({**FLASH, "peak_rate": "300/s", "ramp_up": "0s"}, 1000.0),
        ({**FLASH, "peak_rate": "300/s", "length": "0s", "decay": "0s"}, 1000.0),
        ({**RAMP, "over": "1h"}, 5000.0),
        ({**RAMP, "over": "1h", "end_rate": "0/s"}, 5000.0),
        ({**RAMP, "over": "1h", "start_rate": "0/s"}, 5000.0),
        ({**RAMP, "over": "1h", "end_rate": "1.000001/s"}, 5000.0),
        ({**GROWTH, "growth": "900%", "every": "1h"}, 3000.0),
        ({**GROWTH, "growth": "-90%", "every": "1h"}, 36000.0),
        ({**GROWTH, "growth": "1e-9%", "every": "1h"}, 3600.0),
    ],
)
def test_rates_that_change_are_inverted_to_the_nanosecond(
    value: dict[str, Any], horizon_s: float, made: Made, clock: Clock
) -> None:
    """The expected count up to each arrival is its unit-rate point, to the last digits; no point is left out."""
    traffic = made(value)
    drawn_s = arrivals(traffic, clock, horizon_s) / 1e9
    unit = np.cumsum(Streams(21, 0).generator("arrivals").standard_exponential(len(drawn_s) + 1))
    total = traffic.expected_count(0.0, horizon_s, clock)
    assert unit[-2] < total < unit[-1]
    counts = np.array([traffic.expected_count(0.0, float(t), clock) for t in drawn_s])
    # A nanosecond of rounding, and where the rate vanishes half the digits of a root.
    assert (np.abs(unit[:-1] - counts) < 1e-9 * np.maximum(traffic.rate(drawn_s, clock), 1.0) + 1e-10 * counts).all()


def test_nothing_comes_once_a_rate_is_down_to_0(made: Made, clock: Clock) -> None:
    """A century after a ramp to 0, and after a rate that is halved every second: no stray point at the end."""
    for value in ({**RAMP, "over": "1h", "end_rate": "0/s"}, {**GROWTH, "growth": "-50%", "every": "1s"}, FLASH):
        last_s = max(arrivals(made(value), clock, 3e9, r).max(initial=0) / 1e9 for r in range(200))
        assert last_s < 3600.0


def test_periodic_requests_by_hand(made: Made, clock: Clock) -> None:
    """Two every 5 minutes from second 7 on: 7, 7, 307, 307, …; 4 in the first 10 minutes, none in the first 7 s."""
    traffic = made({"kind": "periodic", "interval": "5m", "offset": "7s", "requests": 2})
    np.testing.assert_array_equal(np.repeat([7, 307, 607], 2) * 10**9, arrivals(traffic, clock, 907.0))
    np.testing.assert_array_equal(np.repeat([7, 307, 607, 907], 2) * 10**9, arrivals(traffic, clock, 907.1))
    counted = [traffic.expected_count(*window, clock) for window in ((0.0, 7.0), (0.0, 600.0), (7.0, 307.0))]
    assert [0.0, 4.0, 2.0] == counted
    np.testing.assert_array_equal([2 / 60, 0.0, 2 / 60], traffic.rate(np.array([0.0, 60.0, 350.0]), clock))


def test_periodic_requests_stand_on_the_grid_of_nanoseconds(made: Made, clock: Clock) -> None:
    """Every 0.1 s, which no float64 holds: a million of them, none early, and counted as they are drawn."""
    traffic = made({"kind": "periodic", "interval": "100ms"})
    drawn = arrivals(traffic, clock, 100_000.0)
    np.testing.assert_array_equal(np.arange(1_000_000) * 10**8, drawn)
    edges = np.arange(0, 100) * 0.3
    counts = [traffic.expected_count(0.0, edge, clock) for edge in edges]
    assert [3.0 * k for k in range(100)] == counts


def test_a_mean_of_periodic_requests_is_rounded_from_a_random_phase_on(made: Made, clock: Clock) -> None:
    """2.4 a minute: in every n minutes ⌊2.4 n⌋ or one more, and in the first minute 3 in 40 % of replications."""
    traffic = made({"kind": "periodic", "interval": "1m", "requests": 2.4})
    threes = 0
    for replication in range(400):
        counts = np.bincount(arrivals(traffic, clock, 6000.0, replication) // (60 * 10**9), minlength=100)
        assert {2, 3} == set(counts.tolist())
        totals = np.cumsum(counts)
        assert (np.abs(totals - 2.4 * np.arange(1, 101)) < 1.0).all()
        threes += counts[0] == 3
    assert abs(threes - 160) < 5 * math.sqrt(400 * 0.4 * 0.6)


@pytest.mark.parametrize(
    ("requests", "window_s", "expected"),
    [
        (3, 300.0, 0.0),
        (3, 3000.0, 0.0),
        (3, math.inf, 0.0),
        (3, 60.0, None),
        (3, 450.0, None),
        # 2.4 in an interval: 2 or 3, variance 0.4·0.6; 12 in five of them.
        (2.4, 300.0, 0.1),
        (2.4, 1500.0, 0.0),
    ],
)
def test_dispersion_of_periodic_requests(requests: float, window_s: float, expected: float | None, made: Made) -> None:
    """Known in windows of whole intervals."""
    found = made({"kind": "periodic", "interval": "5m", "requests": requests}).dispersion(window_s)
    assert found == (None if expected is None else pytest.approx(expected, abs=1e-12))


def test_a_rate_that_grows_out_of_bounds(made: Made, clock: Clock) -> None:
    """2/s doubled every hour passes 10⁶/s after 18.93 h; a horizon up to there is fine."""
    traffic = made({"kind": "growth", "start_rate": "2/s", "growth": "100%", "every": "1h"})
    assert [] == traffic.problems(18.9 * 3600.0)
    assert [
        "the rate grows beyond 1e+06/s after 68153.647s, within the horizon of 86400s; write a smaller growth or a "
        "shorter horizon"
    ] == traffic.problems(86400.0)
    tiny = made({"kind": "growth", "start_rate": "1e-320/s", "growth": "100%", "every": "1s"})
    assert 1 == len(tiny.problems(1e9))


@pytest.mark.parametrize("change", [0.08, -0.03, 1e-7, 0.1 + 0.2, 99.99, -0.999])
def test_a_change_reads_back_to_the_same_number(change: float, made: Made) -> None:
    """Through a per cent in decimals, to the last bit."""
    value = {"kind": "growth", "start_rate": "2/s", "growth": "8%", "every": "1h"}
    traffic = made(value).model_copy(update={"growth": change})
    assert change == made(traffic.model_dump(mode="json")).growth  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("value", "factor", "message"),
    [
        (FLASH, 1e6, "traffic scaled by 1e+06: peak_rate is 3e+06/s, at most 1e+06/s"),
        (
            {"kind": "profile", "period": "day", "rates": ["1/s", "3/s"]},
            1e6,
            "traffic scaled by 1e+06: rates is 3e+06/s, at most 1e+06/s",
        ),
        (
            {"kind": "periodic", "interval": "1s", "requests": 3},
            1e6,
            "traffic scaled by 1e+06: requests is 3e+06, at most 1e+06",
        ),
        (
            {"kind": "counts", "file": "wide.csv", "row": {"name": "b"}},
            1e8,
            "traffic scaled by 1e+08: scale is 1e+08, at most 1e+06",
        ),
    ],
)
def test_traffic_cannot_be_scaled_beyond_what_a_file_may_say(
    value: dict[str, Any], factor: float, message: str, made: Made
) -> None:
    """The same limits as for fields, with the field's name."""
    with pytest.raises(InputError) as caught:
        made(value).scaled(factor)
    assert message == str(caught.value)


@pytest.mark.parametrize(
    ("value", "line"),
    [
        (
            FLASH,
            "flash crowd of 3/s from 100s on (rises for 10s, stays for 20s, falls for 40s), 135 requests expected",
        ),
        (RAMP, "ramp from 1/s to 5/s over 864000s, then constant"),
        (GROWTH, "growing exponentially from 2/s by 8% every 2628000s"),
        ({**GROWTH, "growth": "-3%"}, "shrinking exponentially from 2/s by 3% every 2628000s"),
        ({"kind": "periodic", "interval": "5m"}, "periodic, 1 request every 300s"),
        (
            {"kind": "periodic", "interval": "5m", "offset": "7s", "requests": 2.5},
            "periodic, 2.5 requests on average every 300s, the first at 7s",
        ),
    ],
)
def test_one_line_for_reports(value: dict[str, Any], line: str, made: Made) -> None:
    """Kind, rates and times in words."""
    assert line == made(value).describe()


@pytest.mark.parametrize(
    ("value", "horizon_s", "remarks"),
    [
        (FLASH, 200.0, []),
        (FLASH, 150.0, ["The flash crowd at 100s is still there at the end of the run."]),
        (FLASH, 100.0, ["The flash crowd at 100s begins after the end of the run: it is never seen."]),
        (RAMP, 10 * DAY_S, []),
        (RAMP, 5 * DAY_S, ["The run ends before the ramp of 864000s does, at a rate of 3/s."]),
        (
            {"kind": "periodic", "interval": "5m", "offset": "60s"},
            60.0,
            ["Periodic requests begin at 60s, after the end of the run."],
        ),
    ],
)
def test_what_lies_beyond_the_horizon_is_told(
    value: dict[str, Any], horizon_s: float, remarks: list[str], made: Made
) -> None:
    """A crowd that nobody sees would otherwise be missed in silence."""
    assert remarks == made(value).remarks(horizon_s)
