"""Many models: equal to plain studies one by one, closed forms, the best mix by trying all, the account's places."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import cache, partial
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import simulator
from simulator.errors import InputError
from simulator.measures.intervals import student_t
from simulator.measures.objectives import Verdict, parse_objective
from simulator.prices.items import duration_item
from simulator.questions.fleet.fleet import MIX, Fleet, fleet
from simulator.questions.fleet.joint import Occupancy
from simulator.questions.fleet.judged import judged
from simulator.questions.fleet.replication import fleet_record, measured_of
from simulator.questions.fleet.running import run_fleet
from simulator.report import fleet as report
from simulator.report import fleet_table
from simulator.report.figures.fleet import models_by_traffic
from simulator.scenario.fleet_models import models_of
from simulator.scenario.model import Scenario
from simulator.study.replicate import Record

ROOT = Path(__file__).parents[2]
SERVERLESS = {"name": "serverless", "kind": "serverless", "memory_size": "2048MB", "max_concurrency": 20}
INSTANCE = {"name": "instance", "kind": "real_time", "instance_type": "ml.m5.large", "workers_per_instance": 2}


def scenario_of(fleet_block: dict[str, Any], **changed: Any) -> Scenario:
    return simulator.load_scenario(
        {
            "name": "many",
            "horizon": "2h",
            "replications": 4,
            "traffic": {"kind": "poisson", "mean_rate": "2/s"},
            "model": {"service_time": {"kind": "lognormal", "mean": "300ms", "cv": 0.5}, "startup_time": "4s"},
            "endpoints": [SERVERLESS, INSTANCE],
            "objectives": ["failed_fraction < 1%"],
            "fleet": fleet_block,
            **changed,
        }
    )


@cache
def mixed() -> Fleet:
    """Six models of which the busiest is too busy for serverless, some seldom used."""
    block = {"models": 6, "zipf": 2.0, "service_time": {"kind": "uniform", "low": "0.2s", "high": "0.9s"}}
    return fleet(scenario_of(block, traffic={"kind": "poisson", "mean_rate": "4/s"}), run_fleet)


def test_a_fleet_of_one_model_is_the_plain_scenario() -> None:
    """Records, costs, cold shares and the verdict are those of an ordinary study of the model's scenario."""
    found = fleet(scenario_of({"shares": {"only": "100%"}}), run_fleet)
    (model,) = found.models
    study = simulator.run(model.scenario)
    assert scenario_of({"shares": {"only": "100%"}}).traffic == model.scenario.traffic
    for way in ("serverless", "instance"):
        assert [record.measured[way] for record in study.records] == [
            measured_of(record, "only", way) for record in found.records
        ]
        plain = study.sample(way)
        for measure in ("monthly_cost", "cold_start_fraction"):
            assert plain.column(measure) == found.sample("only", way).column(measure)
        assert plain.column("monthly_cost") == found.totals[way].tolist()
        assert study.judgements()[way] == list(found.answers[0].ways[way].judgements)
    peaks = [float(record.measured["serverless"].concurrency_max) for record in study.records]
    means = [record.measured["serverless"].values()["concurrency_mean"] for record in study.records]
    assert peaks == [record.traffic["joint"]["serverless"]["peak"] for record in found.records]
    assert means == pytest.approx([record.traffic["joint"]["serverless"]["mean"] for record in found.records])


def test_both_engines_agree() -> None:
    """The reference engine gives the same replication of the whole fleet, places together included."""
    scenario = scenario_of({"models": 3, "zipf": 1.0}, horizon="5m")
    assert fleet_record(scenario, 1, "compiled") == fleet_record(scenario, 1, "reference")


def test_equal_poisson_models_have_the_closed_form() -> None:
    """Cold share exp(−λ(T + S)) of gaps, and the all-warm bill to the request; 10 % off is refused."""
    rate, idle_s, service_s, models, horizon_s = 1 / 300, 400.0, 0.001, 12, 86_400.0
    scenario = scenario_of(
        {"models": models, "zipf": 0.0},
        horizon="1d",
        replications=6,
        traffic={"kind": "poisson", "mean_rate": f"{models * rate:.12g}/s"},
        model={"service_time": "1ms", "startup_time": "0s"},
        endpoints=[{**SERVERLESS, "idle_timeout": "400s"}],
        objectives=[],
    )
    found = fleet(scenario, run_fleet)
    # The first request of each model is cold, and so are those after too long a gap.
    cold = math.exp(-rate * (idle_s + service_s))
    expected = cold + (1 - cold) / (rate * horizon_s)
    share = found.cold_share(MIX)
    assert share.low is not None
    assert share.high is not None
    assert share.low < expected < share.high
    assert not share.low < 1.1 * expected < share.high
    # A request is billed for 1 ms, and a month has 730/24 such days.
    price = float(scenario.price_sheet.price(duration_item(2048)).value)
    requests = [sum(one.requests for one in record.measured.values()) for record in found.records]
    expected_usd = [n * 0.001 * price * 730 / 24 for n in requests]
    assert expected_usd == pytest.approx(found.totals[MIX].tolist(), rel=1e-9)


def test_the_best_mix_is_the_best_of_all() -> None:
    """Of all 2^6 mixes whose ways meet the objectives, none costs less than the mix; cheaper ones break them."""
    found = mixed()
    names = [one.name for one in found.answers]
    met = {(one.name, way.name) for one in found.answers for way in one.ways.values() if way.verdict is Verdict.MET}
    bills = {
        ways: sum(float(found.costs[name, way].mean()) for name, way in zip(names, ways, strict=True))
        for ways in product(("serverless", "instance"), repeat=len(names))
        if all((name, way) in met for name, way in zip(names, ways, strict=True))
    }
    best = min(bills, key=bills.__getitem__)
    assert dict(zip(names, best, strict=True)) == found.mix
    assert bills[best] == pytest.approx(found.totals[MIX].mean())
    assert {"serverless", "instance"} == set(found.mix.values())


def test_totals_are_sums_in_each_replication() -> None:
    """The interval of a total is that of the sums, far narrower than the sum of the intervals of independent models."""
    found = mixed()
    sums = sum(found.costs[one.name, "serverless"] for one in found.answers)
    total = found.total("serverless")
    assert sums.mean() == pytest.approx(total.value)
    assert student_t(0.95, 3) * sums.std(ddof=1) / 2 == pytest.approx(total.half_width)
    widths = [one.ways["serverless"].cost.half_width or 0.0 for one in found.answers]
    assert total.half_width is not None
    assert total.half_width < sum(widths)
    saved = found.totals["instance"] - found.totals[MIX]
    assert saved.mean() == pytest.approx(found.saving("instance").value)


def test_the_interval_of_the_total_covers() -> None:
    """Of 80 fleets with different seeds at 90 %, the expected bill lies in 64 to 79 intervals (99.9 % of binomials)."""
    scenario = scenario_of(
        {"models": 2, "zipf": 1.0},
        horizon="10m",
        confidence="90%",
        model={"service_time": "100ms", "startup_time": "1s"},
        endpoints=[SERVERLESS],
        objectives=[],
    )
    once = fleet(scenario.with_replications(2), run_fleet)
    per_request = once.totals[MIX].sum() / sum(
        one.requests for record in once.records for one in record.measured.values()
    )
    expected, covered = per_request * 2 * 600, 0
    for seed in range(80):
        total = fleet(scenario.model_copy(update={"seed": seed, "replications": 3}), run_fleet).total(MIX)
        assert total.low is not None
        assert total.high is not None
        covered += total.low <= expected <= total.high
    assert 64 <= covered <= 79


def test_removing_a_model_changes_no_other(tmp_path: Path) -> None:
    """Without one row of a file of counts, every other model has the same numbers to the last bit."""
    header, *rows = ["name,1,2,3", "a,5,0,9", "b,2,2,2", "c,0,30,1"]
    blocks = {"by": "name", "service_time": {"kind": "exponential", "mean": "200ms"}}
    records = []
    for number, kept in enumerate((rows, rows[:1] + rows[2:])):
        (tmp_path / f"{number}.csv").write_text("\n".join([header, *kept]) + "\n")
        traffic = {"kind": "counts", "file": str(tmp_path / f"{number}.csv"), "row": "sum"}
        records.append(fleet_record(scenario_of(blocks, horizon="3m", traffic=traffic), 0))
    whole, without = (record.measured for record in records)
    assert {"a", "c"} == {name.split("\t")[0] for name in without}
    assert {name: whole[name] for name in without} == without


def test_models_of_one_share_do_not_share_their_numbers() -> None:
    """Two models of equal popularity have traffic of their own."""
    found = fleet_record(scenario_of({"models": 2, "zipf": 0.0}), 0)
    first, second = (measured_of(found, name, "instance") for name in ("model-1", "model-2"))
    assert first.requests != second.requests


def test_cold_starts_of_recorded_functions_are_those_counted_by_hand(tmp_path: Path) -> None:
    """One call a minute where a function was called: cold if the gap is at least 10 min, for each of 60 functions."""
    lines = (ROOT / "scenarios/data/azure_functions_2019_8h/invocations.csv").read_text().splitlines()
    table = [line.split(",") for line in lines[:61]]
    clipped = [row[:2] + [str(min(int(cell), 1)) for cell in row[2:]] for row in table[1:]]
    (tmp_path / "one.csv").write_text("\n".join(",".join(row) for row in [table[0], *clipped]) + "\n")
    scenario = scenario_of(
        {"by": "HashFunction"},
        horizon="8h",
        replications=1,
        traffic={"kind": "counts", "file": str(tmp_path / "one.csv"), "row": "sum", "within": "start"},
        model={"service_time": "1ms", "startup_time": "0s"},
        # The gap begins with the response, a millisecond after the call.
        endpoints=[{**SERVERLESS, "idle_timeout": "599s"}],
        objectives=[],
    )
    record = fleet_record(scenario, 0)
    for row in clipped:
        minutes = np.flatnonzero(np.array(row[2:], np.int64))
        cold = 1 + int((np.diff(minutes) >= 10).sum())
        found = measured_of(record, row[0], "serverless")
        assert (len(minutes), cold) == (found.completed, found.cold_starts)


@pytest.mark.parametrize("most", [1 << 20, 64])
def test_places_together_are_counted_like_by_hand(most: int) -> None:
    """Peak, mean, time and requests above a limit by a count at every instant; on a grid where memory is short."""
    rng = np.random.default_rng(20261125)
    begin = rng.integers(0, 400, 300)
    end = begin + rng.integers(0, 30, 300)
    occupancy = Occupancy(most)
    for part in np.array_split(np.arange(300), 7):
        occupancy.add(begin[part], end[part])
    found = occupancy.measured(50, 350, 10)
    step = found.grid_ns
    assert (step > 1) == (most < 600)
    held = begin < end
    # What a grid sees: intervals whose ends are put off to its next instant.
    b, e = (-(-times[held] // step) * step for times in (begin, end))
    count = [int(((b <= t) & (t < e)).sum()) for t in range(50, 350)]
    assert (max(count), sum(n > 10 for n in count) / 300) == (found.peak, found.over_time)
    assert sum(count) / 300 == pytest.approx(found.mean)
    over = sum(max(0, min(int((b == t).sum()), count[t - 50] - 10)) for t in range(50, 350))
    assert over == found.over


def test_an_account_limit_that_binds_is_told() -> None:
    """With a limit of 2 the peak is above it, the mix is looked at by itself, and the report says what it does."""
    found = fleet(scenario_of({"models": 3, "zipf": 0.0, "account_concurrency": 2}, horizon="20m"), run_fleet)
    assert found.may_bind
    alone, mix = found.places["serverless"], found.places[MIX]
    assert 2 == alone.limit
    assert alone.peak == mix.peak if set(found.mix.values()) == {"serverless"} else mix.highest <= alone.highest
    assert (alone.over.value or 0.0) > 0
    assert "Simulated together under the limit" in report.as_text(found)
    limited = {**SERVERLESS, "platform": "generic", "request_rate": {"limit": 100}}
    block = {"models": 3, "zipf": 0.0, "account_concurrency": 2}
    rated = fleet(scenario_of(block, horizon="20m", endpoints=[limited, INSTANCE]), run_fleet)
    assert "is not simulated: results are too good there" in report.as_text(rated)
    free = fleet(scenario_of({"models": 3, "zipf": 0.0}, horizon="20m"), run_fleet)
    assert {"serverless"} == set(free.places)
    assert 1000 == free.places["serverless"].limit
    assert "is not simulated" not in report.as_text(free)


def test_too_many_serverless_endpoints_are_told() -> None:
    """Above 50 on serverless the quota of a Region is named; with 50 it is not."""
    for models, told in ((51, 51), (50, None)):
        scenario = scenario_of({"models": models, "zipf": 0.0}, horizon="1m", replications=2, objectives=[])
        found = fleet(scenario, run_fleet)
        assert told == found.too_many("serverless")
        assert (told is not None) == (
            "an account may have 50 in a Region" in report.as_text(found).replace("\n    ", " ")
        )


def test_the_break_even_is_where_costs_meet() -> None:
    """At the rate of the break-even a serverless endpoint that is always warm costs what an instance costs."""
    found = mixed()
    one = found.answers[0]
    assert one.break_even is not None
    assert one.break_even_busy is not None
    assert one.break_even * one.model.scenario.model.service_time.mean() == pytest.approx(one.break_even_busy)
    costs = {way.name: way.cost.value for way in one.ways.values()}
    assert one.rate / one.break_even == pytest.approx(costs["serverless"] / costs["instance"], rel=0.02)


def test_a_rarely_used_model_is_judged_by_all_its_requests() -> None:
    """With too few requests for a p99.9 in a replication the share within the limit decides, not "no data"."""
    scenario = scenario_of(
        {"shares": {"busy": "99.5%", "rare": "0.5%"}}, horizon="1h", objectives=["p99.9 < 3s"], replications=6
    )
    found = fleet(scenario, run_fleet)
    rare = next(one for one in found.answers if one.name == "rare")
    objective = parse_objective("p99.9 < 3s")
    assert Verdict.NO_DATA is found.sample("rare", "instance").judgement(objective).verdict
    assert (Verdict.MET, Verdict.NOT_MET) == (rare.ways["instance"].verdict, rare.ways["serverless"].verdict)
    assert "instance" == rare.choice
    above = parse_objective("p99.9 >= 3s")
    assert Verdict.NOT_MET is judged(found.sample("rare", "instance"), above).verdict


def test_a_model_without_requests_misses_nothing(tmp_path: Path) -> None:
    """It belongs where idleness costs nothing."""
    (tmp_path / "c.csv").write_text("name,1\na,0\nb,60\n")
    traffic = {"kind": "counts", "file": str(tmp_path / "c.csv"), "row": "sum"}
    found = fleet(scenario_of({"by": "name"}, horizon="1m", traffic=traffic, objectives=["p99 < 9s"]), run_fleet)
    idle = found.answers[-1]
    assert ("a", 0.0, "serverless", True) == (idle.name, idle.rate, idle.choice, idle.is_decided)
    assert Verdict.MET is idle.verdict


def test_what_fits_nowhere_is_in_no_bill(tmp_path: Path) -> None:
    """A model that takes longer than a limit is told with the reason, and the others are summed up without it."""
    (tmp_path / "m.csv").write_text("name,mean_s\na,0.1\nb,75\n")
    block = {
        "shares": {"a": "50%", "b": "50%"},
        "table": {"file": str(tmp_path / "m.csv"), "name": "name", "service_time": "mean_s", "time_unit": "s"},
    }
    found = fleet(scenario_of(block, horizon="5m"), run_fleet)
    assert ["b"] == [one.name for one in found.nowhere]
    assert {"a": "serverless"} == found.mix
    assert "exceeds invocation_timeout" in report.as_text(found)
    assert found.costs["a", "serverless"].tolist() == found.totals[MIX].tolist()
    rows = fleet_table.table(found)
    assert 4 == len(rows)
    assert rows[rows["model"] == "b"]["monthly_cost_usd"].isna().all()


def test_uncertain_values_are_those_of_each_replication() -> None:
    """Shares stay, the whole traffic is drawn anew in each replication; costs follow the endpoints of each."""
    scenario = scenario_of(
        {"models": 2, "zipf": 1.0},
        horizon="10m",
        traffic={"kind": "poisson", "mean_rate": {"between": ["1/s", "30/s"], "scale": "log"}},
    )
    found = fleet(scenario, run_fleet)
    for record in found.records:
        expected = [one.requests for one in models_of(scenario, record.number)]
        seen = [measured_of(record, name, "instance").requests for name in ("model-1", "model-2")]
        assert expected == pytest.approx(seen, rel=0.25)
    rates = [record.traffic["requests"] for record in found.records]
    assert max(rates) > 3 * min(rates)


def interrupted_after(count: int) -> Callable[..., Any]:
    """A progress report that interrupts once so many replications are there."""

    def report_progress(state: Any) -> None:
        if state.finished >= count:
            raise KeyboardInterrupt

    return report_progress


def test_an_interrupt_keeps_whole_replications_and_is_gone_on_from(tmp_path: Path) -> None:
    """What was finished is of every model; the same run goes on from it to the same records."""
    scenario = scenario_of({"models": 3, "zipf": 1.0}, horizon="5m")
    part = fleet(scenario, partial(run_fleet, results=tmp_path, progress=interrupted_after(2)))
    assert (2, False) == (len(part.records), part.is_complete)
    assert "Interrupted: 2 of 4" in report.as_text(part)
    numbers: list[int] = []

    def watched(*args: Any, **options: Any) -> tuple[Record, ...]:
        return run_fleet(*args, **options, results=tmp_path, progress=lambda state: numbers.append(state.finished))

    whole = fleet(scenario, watched)
    assert 2 == min(numbers)
    assert run_fleet(scenario) == whole.records


def test_an_interrupt_of_the_mix_leaves_the_rest() -> None:
    """What is known of all models stays; that something is left out is told."""
    scenario = scenario_of({"models": 2, "zipf": 0.0, "account_concurrency": 1}, horizon="2m")

    def run(scenario: Scenario, only: Any = None) -> tuple[Record, ...]:
        if only is not None:
            raise KeyboardInterrupt
        return run_fleet(scenario)

    found = fleet(scenario, run)
    assert (4, False, {"serverless"}) == (len(found.records), found.is_complete, set(found.places))


@pytest.mark.slow
def test_processes_change_nothing() -> None:
    """Two processes give the records of one."""
    scenario = scenario_of({"models": 3, "zipf": 1.0}, horizon="5m")
    assert run_fleet(scenario) == run_fleet(scenario, jobs=2)


def test_the_report_tells_the_same_in_all_forms() -> None:
    """Text, JSON and the table have the same mix and costs; the figure is drawn with a model a point."""
    found = mixed()
    facts, table = fleet_table.facts(found), fleet_table.table(found)
    chosen = table[table["is_choice"]]
    assert found.mix == dict(zip(chosen["model"], chosen["way"], strict=True))
    assert found.mix == {one["model"]: one["choice"] for one in facts["models"]}
    assert chosen["monthly_cost_usd"].sum() == pytest.approx(facts["totals"][MIX]["monthly_cost"]["value"])
    assert report.as_text(found).startswith("Best mix\n  ")
    assert max(map(len, report.as_text(found).splitlines())) <= 100
    figure = models_by_traffic(found, "finding")
    points = [len(one.get_offsets()) for one in figure.axes[0].collections]
    assert 2 * len(found.answers) == sum(points)


def test_a_scenario_without_a_fleet_is_refused() -> None:
    """The message says which block it needs."""
    scenario = simulator.load_scenario("steady-high-rate")
    with pytest.raises(InputError, match="has no fleet; it needs a block fleet"):
        fleet(scenario, run_fleet)


def test_a_doubtful_model_is_undecided() -> None:
    """With one replication there is no interval, and nothing is sure."""
    found = fleet(scenario_of({"models": 2, "zipf": 0.0}, horizon="2m").with_replications(1), run_fleet)
    assert ["model-1", "model-2"] == sorted(one.name for one in found.undecided)
    assert "Undecided for 2 models" in report.as_text(found)
