"""What each kind of stress does to a scenario: everything else, and every random number, stays."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

import simulator
from simulator.errors import InputError
from simulator.questions.stress.busiest import busiest_start, follows_clock
from simulator.questions.stress.of_endpoints import ColdAtPeak, ShorterIdling, SlowerService, SlowerStarts
from simulator.questions.stress.of_traffic import Burst, FlashCrowds, Growth, UpstreamOutage
from simulator.questions.stress.planned import planned
from simulator.questions.stress.stress import stress as put_to
from simulator.questions.stress.stresses import stresses_of
from simulator.questions.stress.stressing import Stress, time_in_words
from simulator.report import stress as report
from simulator.scenario.loading import load_scenario
from simulator.scenario.model import Scenario
from simulator.scenario.stress import Stresses
from simulator.streams import Streams
from simulator.study.run import run
from simulator.traffic import Clock
from tests.study.scenarios import BASE, scenario

DIURNAL = {"kind": "diurnal", "mean_rate": "1/s", "peak_to_mean": 1.8, "peak_at": "15:00"}
HOURS = {"kind": "profile", "period": "day", "rates": ["10/h"] * 9 + ["1/s"] * 3 + ["10/h"] * 12}
BURSTS = {"burst_factor": 4, "burst_share": "10%", "burst_length": "1m"}
CROWD = {"kind": "flash_crowd", "peak_rate": "3/s", "at": "10m", "length": "2m"}
POISSON = {"kind": "poisson", "mean_rate": "2/s"}
RAMP = {"kind": "ramp", "start_rate": "1/s", "end_rate": "2/s", "over": "10m"}


def arrivals_s(one: Scenario, replication: int = 0) -> np.ndarray[Any, np.dtype[np.float64]]:
    """Arrivals of a replication [s]."""
    blocks = list(one.traffic.blocks(Streams(one.seed, replication), one.clock, one.horizon))
    return np.concatenate(blocks) / 1e9 if blocks else np.empty(0)


@pytest.mark.parametrize(
    "stress",
    [Burst((1.0,)), Growth((1.0,)), SlowerService((1.0,)), SlowerStarts((1.0,)), ShorterIdling((1.0,))],
    ids=lambda stress: stress.name,
)
def test_a_factor_of_1_changes_nothing_to_the_last_bit(stress: Stress) -> None:
    """Not only is the scenario itself taken for it: what is made with a factor of 1 gives the same study."""
    plain = run(scenario(), replications=2)
    made = stress.apply(scenario(), 1.0)
    assert (made == scenario()) == (stress.name != "burst")
    assert plain.results_digest() == run(made, replications=2).results_digest()
    assert planned(scenario(), Stresses()).at(stress, 1.0, ["instance"]) == scenario()


@pytest.mark.parametrize(
    "stress", [UpstreamOutage((0.0, 60.0)), ColdAtPeak((0.0, 1.0))], ids=lambda stress: stress.name
)
def test_without_an_outage_or_a_deployment_it_is_the_scenario(stress: Stress) -> None:
    """The neutral severity is the scenario itself."""
    assert scenario() == stress.apply(scenario(), 0.0)


def test_bursts_lose_and_gain_no_request() -> None:
    """As many in every replication, at other times; service times by request are the same."""
    plain, burst = scenario(), Burst((1.0, 8.0)).apply(scenario(), 8.0)
    for replication in range(3):
        before, after = arrivals_s(plain, replication), arrivals_s(burst, replication)
        assert len(before) == len(after)
        assert not np.array_equal(before, after)
    services = [simulator.simulate(one, endpoint="instance")["service_ms"] for one in (plain, burst)]
    both = services[0].notna() & services[1].notna()
    assert both.sum() > 1000
    pd.testing.assert_series_equal(services[0][both], services[1][both])


def test_growth_brings_the_same_requests_sooner() -> None:
    """Of a Poisson process: twice the rate brings the same points in half the time, and as many again."""
    before, after = arrivals_s(scenario()), arrivals_s(Growth((1.0, 2.0)).apply(scenario(), 2.0))
    np.testing.assert_allclose(before / 2, after[: len(before)], atol=1e-8)
    assert 2.0 == pytest.approx(len(after) / len(before), rel=0.05)


def test_longer_service_is_more_traffic_by_another_clock() -> None:
    """Three times the service time in three times the horizon throttles what three times the traffic does, exactly."""
    changes: dict[str, Any] = {
        "traffic": {"kind": "poisson", "mean_rate": "1/s"},
        "model": {"service_time": {"kind": "exponential", "mean": "1s"}, "startup_time": "0s"},
        "endpoints": [{"name": "s", "kind": "serverless", "memory_size": "1024MB", "max_concurrency": 3,
                       "idle_timeout": "none", "platform": "generic"}],
        "objectives": [],
        "baseline": "s",
    }  # fmt: skip
    more = run(Growth((1.0, 3.0)).apply(scenario(**changes), 3.0))
    longer = run(SlowerService((1.0, 3.0)).apply(scenario(**changes, horizon="60m"), 3.0))
    columns = ["requests", "throttled", "throttled_fraction"]
    assert more.replications["throttled_fraction"].min() > 0.2
    pd.testing.assert_frame_equal(more.replications[columns], longer.replications[columns])


def test_a_flash_crowd_comes_at_the_busiest_time_beside_the_same_requests() -> None:
    """Without its requests the traffic is that of a crowd of nobody; as many come as the size says."""
    stress = FlashCrowds((0.0, 10.0), length_s=600.0)
    base = scenario(traffic=DIURNAL, horizon="1d")
    nobody, crowd = (arrivals_s(stress.apply(base, severity)) for severity in (0.0, 10.0))
    own = np.isin(crowd, nobody)
    assert len(nobody) == own.sum()
    others = crowd[~own]
    assert 6000.0 == pytest.approx(len(others), abs=4.5 * 6000**0.5)
    # ten minutes around the peak
    assert 14.9 * 3600 <= others.min() <= others.max() <= 15.1 * 3600
    assert 15.0 * 3600 == pytest.approx((others.min() + others.max()) / 2, abs=61)


def test_a_longer_outage_holds_back_what_a_shorter_one_does() -> None:
    """Both end at the busiest time, nothing is lost, and only what was due in the outage comes later."""
    stress = UpstreamOutage((0.0, 300.0, 900.0), release_s=30.0)
    base = scenario(traffic=DIURNAL, horizon="1d")
    plain, short, long = (arrivals_s(stress.apply(base, severity)) for severity in (0.0, 300.0, 900.0))
    assert len(plain) == len(short) == len(long)
    moved = [set(plain) - set(later) for later in (short, long)]
    assert moved[0] < moved[1]
    for later, length_s in zip(moved, (300.0, 900.0), strict=True):
        assert 15 * 3600 - length_s <= min(later) <= max(later) <= 15 * 3600
    # once it is over it comes in half a minute
    assert 0 == ((long >= 15 * 3600 - 900) & (long < 15 * 3600)).sum()
    assert len(moved[1]) < ((long >= 15 * 3600) & (long < 15 * 3600 + 30)).sum()


def test_times_are_scaled_where_they_are_given() -> None:
    """Those of the model and those of an endpoint; idle timeouts only where instances are retired."""
    given = {
        "endpoints": [
            {**BASE["endpoints"][0], "service_time": "1s", "startup_time": "3s"},
            {**BASE["endpoints"][0], "name": "for-ever", "idle_timeout": "none"},
            BASE["endpoints"][1],
        ]
    }
    base = scenario(**given)
    slow = SlowerService((1.0, 2.0)).apply(base, 2.0)
    assert [2.0, 0.5, 0.5] == [slow.service_time(one).mean() for one in slow.endpoints]
    late = SlowerStarts((1.0, 2.0)).apply(base, 2.0)
    assert [6.0, 8.0] == [late.startup_time(one).mean() for one in late.endpoints[:2]]  # type: ignore[union-attr]
    short = ShorterIdling((1.0, 0.1)).apply(base, 0.1)
    assert (
        [3.0, None]
        == [
            None if one.idle_timeout == "none" else one.idle_timeout.mean()  # type: ignore[union-attr]
            for one in short.endpoints[:2]
        ]
    )
    assert base.endpoints[2] == slow.endpoints[2] == late.endpoints[2] == short.endpoints[2]
    assert "none: instances live for ever" in ShorterIdling((1.0,)).spares(base, base.endpoints[1])
    assert "it retires no instances" == ShorterIdling((1.0,)).spares(base, base.endpoints[2])
    assert "it launches no instances" == SlowerStarts((1.0,)).spares(base, base.endpoints[2])


@pytest.mark.parametrize(
    ("traffic", "starts_at", "peak"),
    [(DIURNAL, "2026-11-23T08:00:00+01:00", "15:00"), (HOURS, "2026-11-23T00:00:00+00:00", "10:30")],
    ids=["diurnal", "profile"],
)
def test_a_cold_deployment_begins_at_the_peak(traffic: dict[str, Any], starts_at: str, peak: str) -> None:
    """Traffic by the clock goes on as it would have; the beginning is measured, and starts without an instance."""
    warm = {**BASE["endpoints"][0], "starts": "warm"}
    base = scenario(
        traffic=traffic,
        horizon="1d",
        starts_at=starts_at,
        initial_transient="1h",
        endpoints=[warm, BASE["endpoints"][1]],
    )
    assert base.clock.starts_at == base.starts_at  # kept from here on, and not by the copy
    stress = ColdAtPeak((0.0, 1.0))
    moved = stress.apply(base, 1.0)
    assert peak == moved.starts_at.strftime("%H:%M") == moved.clock.starts_at.strftime("%H:%M")
    assert (0.0, "cold") == (moved.initial_transient, moved.endpoints[0].starts)  # type: ignore[union-attr]
    highest = base.traffic.rate(np.arange(0.0, 86400.0, 60.0), base.clock).max()
    assert highest == pytest.approx(moved.traffic.rate(np.array([1.0]), moved.clock)[0], rel=1e-6)
    assert "" == stress.spares(base, base.endpoints[0])
    assert "its instances are in service from the start" == stress.spares(base, base.endpoints[1])


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"traffic": POISSON}, "the run begins cold, and its expected rate has no peak"),
        ({"traffic": POISSON, "initial_transient": "1m"}, ""),
        (
            {"traffic": DIURNAL, "horizon": "4h", "starts_at": "2026-11-23T15:00:00+00:00"},
            "the run begins cold at its peak",
        ),
        (
            {"traffic": {**POISSON, "kind": "bursty", **BURSTS}},
            "the run begins cold, and its expected rate has no peak; bursts come at random times, and it is not "
            "made to begin in one",
        ),
        ({"traffic": {"kind": "superposition", "parts": [DIURNAL, POISSON]}, "horizon": "1d"}, ""),
    ],
)
def test_where_a_cold_deployment_at_the_peak_does_not_apply(changes: dict[str, Any], reason: str) -> None:
    """It is said why."""
    base = scenario(**changes)
    assert reason == ColdAtPeak((0.0, 1.0)).spares(base, base.endpoints[0])


@pytest.mark.parametrize(
    "traffic",
    [RAMP, {"kind": "superposition", "parts": [DIURNAL, CROWD]}],
    ids=lambda traffic: traffic["kind"],
)
def test_traffic_that_cannot_begin_at_its_peak_is_refused(traffic: dict[str, Any]) -> None:
    """Asked for by its name: one message. In a set: left out, which the report says, and nobody is said to hold it."""
    reason = f"traffic of kind {traffic['kind']} does not go by the clock: the run cannot begin at its peak"
    base = scenario(traffic=traffic)
    with pytest.raises(InputError, match=f"^stress cold_at_peak: {reason}$"):
        planned(base, Stresses(cold_at_peak=True))
    plan = planned(base, Stresses(set_of="cold-starts"), refine=False)
    assert ["cold_start", "idle_timeout"] == [one.name for one in plan.stresses]
    assert [("cold_at_peak", reason)] == [(one.name, why) for one, why in plan.left_out]
    result = put_to(plan, lambda scenarios: [run(one, replications=2) for one in scenarios])
    text = " ".join(report.as_text(result).split())
    assert "all stresses that were tried" in text
    assert "Not tried: cold_at_peak, which cannot be put on this traffic (see Stresses)." in text
    assert f"cold_at_peak (cold at the peak) is left out: {reason}." in text
    assert [{"name": "cold_at_peak", "reason": reason}] == report.facts(result)["left_out"]


def test_traffic_that_cannot_begin_at_its_peak_matters_to_nobody_who_starts_nothing() -> None:
    """Instances alone: the stress does not apply, and nothing is refused."""
    base = scenario(traffic=RAMP, endpoints=[BASE["endpoints"][1]], baseline="instance")
    assert ["cold_at_peak"] == [one.name for one in planned(base, Stresses(cold_at_peak=True)).stresses]


def test_other_kinds_that_launch_are_stressed_as_serverless_ones_are() -> None:
    """A function starts and retires instances: slower starts, shorter idling and a cold deployment apply to it."""
    function = {"name": "function", "kind": "function", "memory_size": "1024MB", "idle_timeout": "10m"}
    base = scenario(traffic=DIURNAL, horizon="1d", endpoints=[{**function, "starts": "warm"}], baseline="function")
    for stress in (SlowerStarts((1.0,)), ShorterIdling((1.0,)), ColdAtPeak((0.0,))):
        assert "" == stress.spares(base, base.endpoints[0])
    shorter = ShorterIdling((1.0, 0.5)).apply(base, 0.5).endpoints[0]
    assert 300.0 == shorter.idle_timeout.mean()  # type: ignore[union-attr]
    assert "cold" == ColdAtPeak((0.0, 1.0)).apply(base, 1.0).endpoints[0].starts  # type: ignore[union-attr]


def test_a_cold_deployment_says_that_it_sees_another_part_of_the_day() -> None:
    """Four hours from the peak on have more requests than four in the morning; a whole day has as many."""
    stress = ColdAtPeak((0.0, 1.0))
    part = scenario(traffic=DIURNAL, horizon="4h", starts_at="2026-11-23T11:30:00+00:00")
    assert "at the peak (15:00), where the run begins" in stress.describe(part)
    assert "% fewer requests in so long a run" in stress.describe(part)
    assert "requests" not in stress.describe(scenario(traffic=DIURNAL, horizon="1d"))


@pytest.mark.parametrize(
    ("stress", "changes", "message"),
    [
        (
            {"flash_crowd": [2], "flash_crowd_length": "30m"},
            {},
            "stress flash_crowd: 30 min do not fit into the measured part of the run, 20 min; write a shorter "
            "flash_crowd_length",
        ),
        (
            {"outage": ["5m", "20m"]},
            {},
            "stress outage: 20 min and the 1 min in which what was held back comes do not fit into the horizon of 20 "
            "min; write shorter ones",
        ),
        (
            {"growth": [1, 1000]},
            {"traffic": {"kind": "poisson", "mean_rate": "5000/s"}},
            "stress growth at 1000×: traffic scaled by 1000: mean_rate is 5e+06/s, at most 1e+06/s",
        ),
        (
            {"burst": [2], "burst_length": "1us"},
            {},
            "stress burst at 2×: traffic: burst_length 0.000001s makes about 1.2e+08 bursts in a horizon of 1200s, at "
            "most 2e+06; write longer bursts",
        ),
    ],
)
def test_what_cannot_be_done_is_told_before_anything_runs(
    stress: dict[str, Any], changes: dict[str, Any], message: str
) -> None:
    """One message, naming the stress."""
    plan = planned(scenario(**changes, stress=stress))
    with pytest.raises(InputError) as caught:
        put_to(plan, lambda scenarios: pytest.fail("nothing may run"))
    assert message == str(caught.value)


def test_severities_come_in_order_each_once_from_the_neutral_one_on() -> None:
    """However they are written."""
    given = {"burst": [8, 2, 1, 2], "idle_timeout": [0.1, 0.5], "flash_crowd": [5], "outage": ["1m", "30s"]}
    asked = Stresses.model_validate({**given, "cold_at_peak": True})
    found = {stress.name: stress.severities for stress in stresses_of(asked)}
    assert {
        "burst": (1.0, 2.0, 8.0),
        "flash_crowd": (0.0, 5.0),
        "idle_timeout": (1.0, 0.5, 0.1),
        "outage": (0.0, 30.0, 60.0),
        "cold_at_peak": (0.0, 1.0),
    } == found
    assert () == stresses_of(Stresses(growth=(1.0,), cold_at_peak=False))[1:]


def test_the_busiest_window() -> None:
    """The peak of a sinusoid, the middle of the busiest hours and of a steady run, and no earlier than allowed."""
    base = scenario(traffic=DIURNAL, horizon="1d")

    def start_h(traffic: dict[str, Any], length_s: float, from_s: float = 0.0, until_s: float = 86400.0) -> float:
        one = scenario(traffic=traffic)
        return busiest_start(one.traffic, one.clock, length_s, from_s, until_s) / 3600

    assert 14.5 == pytest.approx(start_h(DIURNAL, 3600.0), abs=1 / 60)
    assert 20.0 == start_h(DIURNAL, 3600.0, from_s=20 * 3600.0)
    assert 10.0 == pytest.approx(start_h(HOURS, 3600.0), abs=1 / 60)
    assert 11.5 == pytest.approx(start_h(POISSON, 3600.0), abs=1 / 60)
    assert 3.0 == start_h(POISSON, 3600.0, from_s=3 * 3600.0, until_s=3.5 * 3600)
    later = Clock(starts_at=base.starts_at.replace(hour=6))
    assert follows_clock(base.traffic, base.clock, later, 6 * 3600.0, base.horizon)
    assert not follows_clock(base.traffic, base.clock, later, 5 * 3600.0, base.horizon)


@pytest.mark.parametrize(
    ("seconds", "words"), [(0.0, "none"), (45.0, "45 s"), (60.0, "1 min"), (193.0, "3.22 min"), (9000.0, "2.5 h")]
)
def test_lengths_of_time_in_words(seconds: float, words: str) -> None:
    """In the unit of which there are two at least, or exactly one."""
    assert words == time_in_words(seconds)


def test_uncertain_values_are_taken_at_their_middle() -> None:
    """And the report says so."""
    uncertain = load_scenario({**BASE, "traffic": {"kind": "poisson", "mean_rate": {"between": ["1/s", "3/s"]}}})
    plan = planned(uncertain, Stresses(growth=(2.0,)))
    assert scenario() == plan.scenario
    assert ("Uncertain values are at their middle: traffic.mean_rate.",) == plan.notes
