"""Values that are not known: every form and field, their distributions, and everything that can be wrong in them."""

from __future__ import annotations

import copy
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy import stats

import simulator
from simulator.errors import InputError, ScenarioError
from simulator.scenario.assumptions import Assumption, read_assumption
from simulator.scenario.overrides import parse_path
from simulator.scenario.places import set_at
from simulator.scenario.shapes import CUT

GOOD = """\
name: good
horizon: 1h
traffic: {kind: poisson, mean_rate: 2/s}
model: {service_time: 100ms, startup_time: 4s}
endpoints:
  - {name: serverless, kind: serverless, memory_size: 2048MB, max_concurrency: 5}
  - {name: m5, kind: real_time, instance_type: ml.m5.xlarge}
objectives: ["p99 < 800ms"]
"""
BASE: dict[str, Any] = {
    "name": "good",
    "horizon": "1h",
    "traffic": {"kind": "poisson", "mean_rate": "2/s"},
    "model": {"service_time": "100ms", "startup_time": "4s"},
    "endpoints": [
        {"name": "serverless", "kind": "serverless", "memory_size": "2048MB", "max_concurrency": 5},
        {"name": "m5", "kind": "real_time", "instance_type": "ml.m5.xlarge"},
    ],
}
BURSTY = {"kind": "bursty", "mean_rate": "2/s", "burst_factor": 4.0, "burst_share": "10%", "burst_length": "60s"}


def scenario(values: dict[str, Any], **changed: Any) -> simulator.Scenario:
    """The base scenario with other blocks, and values at paths."""
    data = copy.deepcopy({**BASE, **changed})
    for path, value in values.items():
        set_at(data, parse_path(path), value)
    return simulator.load_scenario(data)


def assumption(given: dict[str, Any], *, is_whole: bool = False) -> Assumption:
    """By itself."""
    return read_assumption(given, ("traffic", "mean_rate"), "traffic.mean_rate", is_whole=is_whole)


@pytest.mark.parametrize(
    ("path", "given", "read", "low", "middle", "high"),
    [
        ("traffic.mean_rate", {"between": ["2/s", "6/s"]}, "traffic.mean_rate", 2.0, 4.0, 6.0),
        ("traffic.mean_rate", {"between": ["1/s", "100/s"], "scale": "log"}, "traffic.mean_rate", 1.0, 10.0, 100.0),
        ("model.startup_time", {"triangular": ["1s", "2s", "3s"]}, "model.startup_time.value", 1.0, 2.0, 3.0),
        ("model.payload_in", {"between": ["10kB", "30kB"]}, "model.payload_in.value", 10_000, 20_000, 30_000),
        ("endpoints[0].max_concurrency", {"between": [3, 7]}, "endpoints[0].max_concurrency", 3, 5, 7),
        ("endpoints[0].max_concurrency", {"triangular": [1, 2, 200]}, "endpoints[0].max_concurrency", 1, 60, 200),
        (
            "endpoints[0].memory_size",
            {"choice": ["2048MB", "4096MB", "1024MB"]},
            "endpoints[0].memory_size",
            1024,
            2048,
            4096,
        ),
        (
            "endpoints[0].idle_timeout",
            {"choice": ["15m", "5m", "10m"]},
            "endpoints[0].idle_timeout.value",
            300.0,
            600.0,
            900.0,
        ),
        (
            "endpoints[0].idle_routing",
            {"choice": ["random", "newest_created"]},
            "endpoints[0].idle_routing",
            "random",
            "random",
            "newest_created",
        ),
        (
            "endpoints[0].billed_time",
            {"choice": ["service", "service_and_startup"], "weights": [1, 3]},
            "endpoints[0].billed_time",
            "service",
            "service_and_startup",
            "service_and_startup",
        ),
        ("endpoints[0].overhead", {"between": ["5ms", "25ms"]}, "endpoints[0].overhead", 0.005, 0.015, 0.025),
        ("endpoints[1].workers_per_instance", {"choice": [1, 2, 4]}, "endpoints[1].workers_per_instance", 1, 2, 4),
        (
            "endpoints[1].instance_type",
            {"choice": ["ml.m5.xlarge", "ml.c5.xlarge"]},
            "endpoints[1].instance_type",
            "ml.m5.xlarge",
            "ml.m5.xlarge",
            "ml.c5.xlarge",
        ),
        ("free_tier", {"choice": [False, True]}, "free_tier", False, False, True),
    ],
)
def test_every_kind_of_field_may_be_uncertain(
    path: str, given: dict[str, Any], read: str, low: Any, middle: Any, high: Any
) -> None:
    """Rates, durations, sizes, counts, memory, texts, switches: lowest, middle and highest value reach the field."""
    uncertain = scenario({path: given})
    (one,) = uncertain.assumed
    assert parse_path(path) == one.path
    values = [one.quantile(0.0), one.middle, one.quantile(1.0)]
    found = [value_at(uncertain.with_values({one.name: value}), read) for value in values]
    assert [low, middle, high] == found
    assert middle == value_at(uncertain, read)


def value_at(part: Any, path: str) -> Any:
    """A value inside a scenario."""
    for key in parse_path(path):
        part = part[key] if isinstance(key, int) else getattr(part, key)
    return part


def test_numbers_inside_of_blocks_may_be_uncertain() -> None:
    """Shares and factors of traffic, parameters of a distribution, entries of a list, parts of nested traffic."""
    rates = ["1/h"] * 24
    profile = {"kind": "profile", "period": "day", "rates": [*rates[:9], {"between": ["2/h", "8/h"]}, *rates[10:]]}
    uncertain = scenario(
        {
            "model.service_time": {
                "kind": "lognormal",
                "mean": {"between": ["1ms", "3ms"]},
                "cv": {"choice": [0.5, 1.5]},
            },
            "traffic.parts[0].burst_share": {"between": ["1%", "9%"]},
        },
        traffic={"kind": "superposition", "parts": [{**BURSTY, "burst_factor": {"between": [2, 4]}}, profile]},
    )
    names = [one.name for one in uncertain.assumed]
    assert ["traffic.parts[0].burst_factor", "traffic.parts[0].burst_share", "traffic.parts[1].rates[9]"] == names[:3]
    assert ["model.service_time.cv", "model.service_time.mean"] == names[3:]
    bursty, hourly = uncertain.realised(7).traffic.parts
    drawn = uncertain.drawn(7)
    assert (drawn[names[0]], drawn[names[2]]) == (bursty.burst_factor, f"{hourly.rates[9]!r}/s")
    assert f"{100 * bursty.burst_share!r}%" == drawn[names[1]]
    assert drawn["model.service_time.cv"] == uncertain.realised(7).model.service_time.cv


def test_whole_blocks_may_be_chosen() -> None:
    """One kind of traffic or another, each with its own keys."""
    uncertain = scenario({}, traffic={"choice": [{"kind": "poisson", "mean_rate": "2/s"}, BURSTY], "weights": [3, 1]})
    kinds = [uncertain.realised(number).traffic.kind for number in range(20)]
    assert (15, 5) == (kinds.count("poisson"), kinds.count("bursty"))


def test_single_prices_and_sheets_may_be_uncertain() -> None:
    """A price in an inline sheet, in the item's own unit or with it; other rows stay."""
    item = "serverless.duration.2048MB"
    for given, low in (({"between": ["0.00002 USD/s", "0.00004 USD/s"]}, 2e-5), ({"between": [2e-5, 4e-5]}, 2e-5)):
        uncertain = scenario({}, prices={item: given})
        prices = [float(uncertain.realised(number).price_sheet.price(item).value) for number in range(20)]
        assert [low * (1 + k / 20) <= price <= low * (1 + (k + 1) / 20) for k, price in enumerate(sorted(prices))]
        assert pytest.approx(3e-5) == float(uncertain.price_sheet.price(item).value)
        assert uncertain.price_sheet.price("data.in") == uncertain.realised(3).price_sheet.price("data.in")
    uncertain = scenario({}, prices={"choice": ["aws/us-east-1/2026-11", {"real_time.instance.ml.m5.xlarge": 0.2}]})
    own = {uncertain.realised(number).price_sheet.id for number in range(20)}
    assert {"aws/us-east-1/2026-11", "aws/us-east-1/2026-11 with 1 custom price"} == own


@pytest.mark.parametrize(
    ("given", "known"),
    [
        ({"between": ["2/s", "6/s"]}, stats.uniform(2, 4)),
        ({"between": ["2/s", "6/s"], "scale": "log"}, stats.loguniform(2, 6)),
        ({"triangular": ["1/s", "2/s", "6/s"]}, stats.triang(0.2, 1, 5)),
        ({"triangular": ["1/s", "1/s", "6/s"]}, stats.triang(0.0, 1, 5)),
        ({"triangular": ["1/s", "6/s", "6/s"]}, stats.triang(1.0, 1, 5)),
    ],
)
def test_quantiles_are_those_of_the_distribution(given: dict[str, Any], known: Any) -> None:
    """Against SciPy's, from end to end."""
    for quantile in (0.0, 0.01, 0.1, 0.2, 0.5, 0.9, 0.999, 1.0):
        one = assumption(given)
        assert pytest.approx(float(known.ppf(quantile)), rel=1e-12) == one.number(one.quantile(quantile))


@pytest.mark.parametrize(
    ("given", "median", "sigma"),
    [
        ({"lognormal": {"median": "2/s", "p90": "5/s"}}, 2.0, math.log(2.5) / stats.norm.ppf(0.9)),
        ({"lognormal": {"mean": "2/s", "cv": 1}}, 2.0 / math.sqrt(2.0), math.sqrt(math.log(2.0))),
    ],
)
def test_a_lognormal_assumption_is_cut_at_one_in_a_thousand(given: dict[str, Any], median: float, sigma: float) -> None:
    """Its quantiles are those of the lognormal distribution between its 0.1 % and 99.9 % points."""
    whole = stats.lognorm(sigma, scale=median)
    for quantile in (0.0, 0.25, 0.5, 0.9, 1.0):
        one = assumption(given)
        value = one.number(one.quantile(quantile))
        assert pytest.approx(float(whole.ppf(CUT + (1 - 2 * CUT) * quantile)), rel=1e-9) == value
    assert pytest.approx(median, rel=1e-9) == one.number(one.middle)


def test_whole_numbers_are_alike() -> None:
    """Of 2 to 6 each has a fifth; on a logarithmic scale and in a triangle the nearest whole number is taken."""
    one = assumption({"between": [2, 6]}, is_whole=True)
    drawn = [one.quantile((k + 0.5) / 100) for k in range(100)]
    assert {2: 20, 3: 20, 4: 20, 5: 20, 6: 20} == {value: drawn.count(value) for value in drawn}
    assert all(isinstance(value, int) for value in drawn)
    assert 10 == assumption({"between": [1, 100], "scale": "log"}, is_whole=True).middle


def test_weights_say_how_often() -> None:
    """Numbers by size, each as often as its weight says; words in the order in which they are written."""
    one = assumption({"choice": ["8/s", "2/s", "4/s"], "weights": [1, 2, 1]})
    assert ["2/s", "2/s", "4/s", "8/s"] == [one.quantile((k + 0.5) / 4) for k in range(4)]
    assert "2/s (50%), 4/s (25%) or 8/s (25%)" == one.text
    words = assumption({"choice": ["b", "a"]})
    assert ("b", "a", "b") == (words.quantile(0.0), words.quantile(1.0), words.middle)
    assert "b or a, equally likely" == words.text


@pytest.mark.parametrize(
    ("given", "text"),
    [
        ("{between: [2/s, 6/s]}", "uniform from 2/s to 6/s"),
        ("{between: [2/s, 6/s], scale: log}", "uniform on a logarithmic scale from 2/s to 6/s"),
        ("{lognormal: {median: 2/s, p90: 5/s}}", "lognormal with median 2/s, one in ten above 5/s"),
        ("{lognormal: {mean: 2/s, cv: 0.3}}", "lognormal with mean 2/s and coefficient of variation 0.3"),
        ("{triangular: [1/s, 2/s, 6/s]}", "triangular from 1/s over 2/s, the likeliest, to 6/s"),
        ("{choice: [1/s, 2/s, 4/s]}", "1/s, 2/s or 4/s, equally likely"),
    ],
)
def test_each_form_is_told_in_words(given: str, text: str) -> None:
    """As reports list it; overrides may give one, and take one away."""
    uncertain = simulator.load_scenario(GOOD, {"traffic.mean_rate": given})
    assert [("traffic.mean_rate", text)] == [(one.name, one.text) for one in uncertain.assumed]
    fixed = simulator.load_scenario(uncertain.resolved(), {"traffic.mean_rate": "2/s"})
    assert fixed == simulator.load_scenario(GOOD)


def messages(text: str, folder: Path) -> list[str]:
    """What is told about a file of this text."""
    file = folder / "scenario.yaml"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(ScenarioError) as caught:
        simulator.load_scenario(file)
    return [line.removeprefix(f"{file}:") for line in str(caught.value).splitlines()[:-1]]


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        (
            "2/s",
            "{between: [2/s, 6/s], scal: log}",
            '3:59  traffic.mean_rate.scal: unknown key, did you mean "scale"?',
        ),
        (
            "2/s",
            "{between: [2/s, 6/s], scale: lin}",
            '3:66  traffic.mean_rate.scale: "lin" is not one of linear, log',
        ),
        (
            "2/s",
            "{between: [2/s, 6/s], choice: [2/s, 6/s]}",
            "3:37  traffic.mean_rate: give one of between, lognormal, triangular, choice; here are between and choice",
        ),
        (
            "2/s",
            "{between: 2/s}",
            '3:47  traffic.mean_rate.between: "2/s" is not the lowest and the highest value; write for example '
            "[2/s, 6/s]",
        ),
        (
            "2/s",
            "{between: [6/s, 2/s]}",
            "3:47  traffic.mean_rate.between: from 6/s to 2/s; the first value must be less than the second",
        ),
        (
            "2/s",
            "{between: [2/s, 6s]}",
            "3:53  traffic.mean_rate.between[1]: 6s (a duration) does not go with 2/s (a rate)",
        ),
        (
            "2/s",
            "{between: [2/s, fast]}",
            "3:53  traffic.mean_rate.between[1]: 'fast' is not a number; write for example 2/s, 250ms, 20kB, 0.1% or 3",
        ),
        (
            "2/s",
            "{between: [0/s, 6/s], scale: log}",
            "3:48  traffic.mean_rate.between[0]: 0/s is not allowed with scale: log, must be above 0",
        ),
        (
            "2/s",
            "{triangular: [2/s, 6/s]}",
            '3:50  traffic.mean_rate.triangular: ["2/s", "6/s"] is not the lowest, the likeliest and the highest '
            "value; "
            "write for example [1s, 2s, 6s]",
        ),
        (
            "2/s",
            "{triangular: [2/s, 1/s, 6/s]}",
            "3:50  traffic.mean_rate.triangular: 2/s, 1/s, 6/s; must be the lowest, the likeliest and the highest "
            "value, "
            "in this order",
        ),
        (
            "2/s",
            "{lognormal: {median: 2/s}}",
            "3:49  traffic.mean_rate.lognormal: takes median and p90, or mean and cv; given: median",
        ),
        (
            "2/s",
            "{lognormal: {median: 2/s, p90: 1/s}}",
            "3:68  traffic.mean_rate.lognormal.p90: 1/s is not more than the median, 2/s",
        ),
        (
            "2/s",
            "{lognormal: {mean: 2/s, cv: 30%}}",
            '3:65  traffic.mean_rate.lognormal.cv: "30%" is not allowed, must be a number, more than 0 and at most 100',
        ),
        (
            "2/s",
            "{lognormal: {mean: 0/s, cv: 1}}",
            "3:56  traffic.mean_rate.lognormal.mean: 0/s is not allowed, must be more than 0",
        ),
        (
            "2/s",
            "{choice: [2/s]}",
            '3:46  traffic.mean_rate.choice: ["2/s"] is no choice; write at least two values, for example [5m, 10m]',
        ),
        (
            "2/s",
            "{choice: [2/s, 2/s]}",
            '3:52  traffic.mean_rate.choice[1]: "2/s" stands twice; give it more weight instead',
        ),
        (
            "2/s",
            "{choice: [2/s, 3/s], weights: [1]}",
            "3:67  traffic.mean_rate.weights: [1] is not a weight above 0 for each of the 2 values",
        ),
        (
            "2/s",
            "{choice: [2/s, {between: [3/s, 4/s]}]}",
            "3:52  traffic.mean_rate.choice[1]: holds an assumption; an assumption cannot hold another",
        ),
        ("2/s", "{choice: [2/s, null]}", "3:52  traffic.mean_rate.choice[1]: nothing is no value to choose"),
        (
            "2/s",
            "{between: [2s, 6s]}",
            "3:37  traffic.mean_rate: '2s' is not a rate; write for example 10/s, 600/min or 2e6/month (per s, min, "
            "h, d, "
            "week, month) (at 2s, its lowest value)",
        ),
        (
            "2/s",
            "{between: [2, 6]}",
            "3:37  traffic.mean_rate: 2.0 has no unit; write 2/s or 2/min (at 2, its lowest value)",
        ),
        (
            "2/s",
            "{between: [2/s, 2e6/s], scale: log}",
            "3:37  traffic.mean_rate: 2e+06/s is too high; at most 1e+06/s (at 2e+06/s, its highest value)",
        ),
        (
            "2/s",
            "{choice: [2/s, 2e6/s, fast]}",
            "3:37  traffic.mean_rate: 2e+06/s is too high; at most 1e+06/s (at 2e6/s, one of its choices)\n"
            "3:37  traffic.mean_rate: 'fast' is not a rate; write for example 10/s, 600/min or 2e6/month (per s, "
            "min, h, "
            "d, week, month) (at fast, one of its choices)",
        ),
        (
            "max_concurrency: 5",
            "max_concurrency: {between: [2.5, 6]}",
            "6:91  endpoints[0].max_concurrency.between[0]: 2.5 is not a whole number",
        ),
        (
            "max_concurrency: 5",
            "max_concurrency: {between: [5, 500]}",
            "6:80  endpoints[0].max_concurrency: 500 is not allowed on platform sagemaker, must be 1 to 200 (at "
            "500, its "
            "highest value)",
        ),
        (
            "max_concurrency: 5",
            "max_concurrency: {between: [2, 9]}, provisioned_concurrency: 4",
            "6:124  endpoints[0].provisioned_concurrency: 4 is not allowed, must be at most max_concurrency, which "
            "is 2 "
            "(where endpoints[serverless].max_concurrency is 2, its lowest value)",
        ),
        (
            "max_concurrency: 5",
            "max_concurrency: {between: [4, 9]}, provisioned_concurrency: {between: [2, 5]}",
            "6:124  endpoints[0].provisioned_concurrency: 5 is not allowed, must be at most max_concurrency, which "
            "is 4 "
            "(where endpoints[serverless].max_concurrency is 4, endpoints[serverless].provisioned_concurrency is 5)",
        ),
        (
            "2048MB",
            "{between: [1024MB, 6144MB]}",
            '6:55  endpoints[0].memory_size: "3584MB" is not a memory size of platform sagemaker; sizes: 1024MB, '
            "2048MB, "
            "3072MB, 4096MB, 5120MB, 6144MB (at 3584MB, its middle value)",
        ),
        (
            "service_time: 100ms",
            "service_time: {between: [100ms, 90s]}",
            "4:23  model.service_time: service time 90s is longer than the invocation_timeout of serverless, 60s "
            "(at 90s, "
            "its highest value)\n"
            "4:23  model.service_time: service time 90s is longer than the invocation_timeout of m5, 60s (at 90s, its "
            "highest value)",
        ),
        (
            "ml.m5.xlarge",
            "{choice: [ml.m5.xlarge, ml.m5.xlage]}",
            "7:48  endpoints[1].instance_type: no price for real_time.instance.ml.m5.xlage in aws/us-east-1/2026-11; "
            "nearest: real_time.instance.ml.m5.xlarge, real_time.instance.ml.m5.4xlarge, "
            "real_time.instance.ml.m5.2xlarge; give your own under prices, for example "
            '{"real_time.instance.ml.m5.xlage": "0.1 USD/h"} (at ml.m5.xlage, one of its choices)',
        ),
        (
            "horizon: 1h",
            "horizon: {between: [1h, 2h]}",
            "2:10  horizon: must be one value; it says how the study is run or judged, and only what is simulated "
            "may be "
            "uncertain",
        ),
        (
            "kind: poisson",
            "kind: {choice: [poisson, bursty]}",
            "3:17  traffic.kind: must be one value; choose between whole blocks, each with its own kind",
        ),
        (
            "name: m5",
            "name: {choice: [a, b]}",
            "7:12  endpoints[1].name: must be one value; every replication has the same endpoints, and only what is in "
            "them may be uncertain",
        ),
    ],
)
def test_one_thing_wrong_is_told_once_with_place_and_value(tmp_path: Path, old: str, new: str, expected: str) -> None:
    """Unknown keys, wrong order, units that do not go together or with the field, ends in what is not allowed."""
    assert old in GOOD
    assert expected.splitlines() == messages(GOOD.replace(old, new, 1), tmp_path)


def test_other_mistakes_are_told_beside_it(tmp_path: Path) -> None:
    """An assumption that is wrong hides nothing else, and is not told a second time as a wrong value."""
    text = GOOD.replace("2/s", "{between: [6/s, 2/s]}").replace("800ms", "800").replace("2048MB", "3000MB")
    assert ["3:47  traffic.mean_rate.between", "6:55  endpoints[0].memory_size", "8:14  objectives[0]"] == [
        line.split(": ")[0] for line in messages(text, tmp_path)
    ]


def test_mistakes_in_overrides_say_where_they_come_from() -> None:
    """An assumption given by --set has no line."""
    with pytest.raises(ScenarioError) as caught:
        simulator.load_scenario(GOOD, {"traffic.mean_rate": "{between: [6/s, 2/s]}"})
    assert (
        "traffic.mean_rate.between: from 6/s to 2/s; the first value must be less than the second (set from outside "
        "the "
        "file)\n1 error"
    ) == str(caught.value)


def test_validating_a_dict_knows_assumptions() -> None:
    """`Scenario.model_validate` gives what `load_scenario` gives, and refuses what it refuses."""
    data = {**BASE, "traffic": {"kind": "poisson", "mean_rate": {"between": ["2/s", "6/s"]}}}
    assert simulator.load_scenario(data) == simulator.Scenario.model_validate(data)
    data["traffic"]["mean_rate"] = {"between": ["6/s", "2/s"]}
    with pytest.raises(ValueError, match="the first value must be less than the second"):
        simulator.Scenario.model_validate(data)


def test_a_column_of_a_file_may_be_called_choice(tmp_path: Path) -> None:
    """Keys of `row` are the file's, not ours."""
    (tmp_path / "counts.csv").write_text("choice,1,2\na,60,60\n", encoding="utf-8")
    traffic = "{kind: counts, file: counts.csv, row: {choice: a}, scale: {between: [1, 2]}}"
    (tmp_path / "s.yaml").write_text(
        GOOD.replace("{kind: poisson, mean_rate: 2/s}", traffic).replace("1h", "2m"), encoding="utf-8"
    )
    assert ["traffic.scale"] == [one.name for one in simulator.load_scenario(tmp_path / "s.yaml").assumed]


def test_values_that_do_not_exist_are_refused() -> None:
    """A replication beyond the study, an assumption that is none, parts that were changed after reading."""
    uncertain = scenario({"traffic.mean_rate": {"between": ["2/s", "6/s"]}})
    with pytest.raises(InputError, match=r"^no replication 20: assumptions are drawn for 20, numbered from 0$"):
        uncertain.realised(20)
    with pytest.raises(InputError, match=r'^no assumption .traffic.mean_rat., did you mean "traffic.mean_rate"\?$'):
        uncertain.with_values({"traffic.mean_rat": "3/s"})
    changed = uncertain.model_copy(update={"traffic": uncertain.traffic.scaled(2.0)})
    with pytest.raises(InputError, match=r"^traffic was changed, and its assumptions would undo that"):
        changed.realised(0)


def test_what_does_not_go_together_in_one_draw_is_told_with_the_draw() -> None:
    """Too many assumptions to try all combinations of ends: the replication that draws a wrong one is named."""
    many = {f"endpoints[0].{key}": {"between": ["1s", "2s"]} for key in ("idle_timeout", "lifetime", "overhead")}
    many |= {f"model.{key}": {"between": ["1ms", "2ms"]} for key in ("service_time", "startup_time")}
    uncertain = scenario(
        {
            **many,
            "endpoints[0].max_concurrency": {"between": [4, 10]},
            "endpoints[0].provisioned_concurrency": {"between": [1, 7]},
        }
    )
    with pytest.raises(ScenarioError) as caught:
        [uncertain.realised(number) for number in range(20)]
    told = caught.value.problems[0].message
    assert "is not allowed, must be at most max_concurrency, which is" in told
    assert "(in replication " in told
    assert "endpoints[serverless].provisioned_concurrency is " in told


def test_defaults_that_follow_from_an_assumption_follow_it() -> None:
    """The platform's limits are those of the platform drawn, also after reading back."""
    uncertain = scenario({"endpoints[0].platform": {"choice": ["sagemaker", "generic"]}})
    again = simulator.load_scenario(uncertain.resolved())
    assert "invocation_timeout" not in uncertain.resolved()["endpoints"][0]
    for one in (uncertain, again):
        limits = {one.realised(n).endpoints[0].platform: one.realised(n).endpoints[0].startup_limit for n in range(20)}
        assert {"sagemaker": 180.0, "generic": "none"} == limits
    assert uncertain == again


def test_files_that_only_some_values_read_count_in_the_digest(tmp_path: Path) -> None:
    """A changed recording behind the second option is another scenario."""
    for name in "ab":
        (tmp_path / f"{name}.csv").write_text("t\n0\n5\n", encoding="utf-8")
    data = {
        **BASE,
        "horizon": "4s",
        "traffic": {"kind": "recorded", "file": {"choice": ["a.csv", "b.csv"]}, "column": "t", "time_unit": "s"},
    }
    digests = [simulator.load_scenario(data, folder=tmp_path).digest()]
    (tmp_path / "b.csv").write_text("t\n0\n6\n", encoding="utf-8")
    digests.append(simulator.load_scenario(data, folder=tmp_path).digest())
    assert digests[0] != digests[1]


def test_scenarios_without_assumptions_are_as_they_were() -> None:
    """`realised` gives the scenario itself; nothing is drawn."""
    plain = simulator.load_scenario(GOOD)
    assert plain is plain.realised(3)
    assert () == plain.assumed
    assert {} == plain.drawn(3)
    assert plain is plain.with_values({})


@pytest.mark.parametrize("replications", [1, 2, 20, 64])
def test_a_latin_hypercube_has_one_value_in_each_stratum(replications: int) -> None:
    """Of every assumption, in orders of their own."""
    uncertain = scenario(
        {"traffic.mean_rate": {"between": ["0/s", "1/s"]}, "model.startup_time": {"between": ["0s", "1s"]}},
        replications=replications,
    )
    rates = np.array([uncertain.realised(n).traffic.mean_rate for n in range(replications)])
    times = np.array([uncertain.realised(n).model.startup_time.value for n in range(replications)])
    for values in (rates, times):
        assert list(range(replications)) == sorted(np.floor(values * replications).astype(int).tolist())
    if replications > 2:
        assert rates.argsort().tolist() != times.argsort().tolist()


def test_draws_depend_on_seed_replications_and_the_assumption_alone() -> None:
    """Not on other assumptions, nor on what else is in the scenario; two scenarios of one seed draw alike."""
    rate = {"traffic.mean_rate": {"between": ["2/s", "6/s"]}}
    first = scenario(rate)
    more = scenario({**rate, "model.startup_time": {"between": ["1s", "2s"]}}, horizon="2h")
    assert [first.drawn(n)["traffic.mean_rate"] for n in range(20)] == [
        more.drawn(n)["traffic.mean_rate"] for n in range(20)
    ]
    assert first.drawn(0) != first.with_replications(21).drawn(0)
    assert first.drawn(0) != scenario(rate, seed=1).drawn(0)
    assert first.realised(4).realised(5) is not None
    assert first.realised(4).realised(5).traffic == first.realised(4).traffic


def test_a_realised_scenario_is_one_that_a_file_could_hold() -> None:
    """Written out and read back it is equal, and equal to the same values set by hand."""
    uncertain = scenario(
        {"traffic.mean_rate": {"between": ["2/s", "6/s"]}, "model.startup_time": {"choice": ["1s", "2s"]}}
    )
    realised = uncertain.realised(11)
    assert realised == simulator.load_scenario(realised.resolved())
    assert realised == simulator.load_scenario(uncertain.resolved(), uncertain.drawn(11))


def test_files_that_no_assumption_concerns_are_read_once(tmp_path: Path) -> None:
    """Realising a scenario leaves them alone: gone from the disk, they are not missed; with another scale they are."""
    (tmp_path / "counts.csv").write_text("f,1,2\na,60,60\n", encoding="utf-8")
    (tmp_path / "times.csv").write_text("ms\n20\n30\n", encoding="utf-8")
    counts = {"kind": "counts", "file": "counts.csv", "row": {"f": "a"}}
    data = {
        **BASE,
        "horizon": "2m",
        "traffic": {"kind": "superposition", "parts": [counts, {"kind": "poisson", "mean_rate": "1/s"}]},
        "model": {
            "service_time": {"kind": "empirical", "file": "times.csv", "column": "ms", "unit": "ms"},
            "startup_time": {"between": ["1s", "2s"]},
        },
    }
    uncertain = simulator.load_scenario(data, folder=tmp_path)
    scaled = simulator.load_scenario(data, {"traffic.parts[0].scale": "{between: [1, 2]}"}, folder=tmp_path)
    assert 1.0 < (scaled.realised(0).traffic.parts[0].scale or 0.0) < 2.0
    for file in ("counts.csv", "times.csv"):
        (tmp_path / file).unlink()
    assert [60, 60] == uncertain.realised(1).traffic.parts[0].counts.tolist()
    with pytest.raises(ScenarioError, match=r"counts.csv: no such file .* \(in replication 1, where "):
        scaled.realised(1)
