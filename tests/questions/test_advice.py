"""Advice: each rule speaks in a case made for it, is silent in its counterpart, and its figures are hand arithmetic."""

from __future__ import annotations

import json
from typing import Any

import pytest

import simulator
from simulator.questions.advice.advice import advise
from simulator.questions.advice.findings import Advice
from simulator.report import machine, text
from simulator.report.advice import sentence
from simulator.study.results import Study

HOURS = 730.0
#: USD: 4096 MB a second on demand; 2048 MB a second on demand, provisioned, and of service when provisioned;
#: an ml.m5.xlarge an hour. Price sheet of November 2026.
PRICE_4GB, PRICE_2GB, ALLOCATION, STANDING, INSTANCE = 0.00008, 0.00004, 0.00001, 0.0000233, 0.23
POISSON = {"kind": "poisson", "mean_rate": "2/s"}


def serverless(name: str = "serverless", **fields: Any) -> dict[str, Any]:
    """An on-demand endpoint of 4 GB."""
    return {"name": name, "kind": "serverless", "memory_size": "4096MB", "max_concurrency": 20, **fields}


def instances(name: str = "instances", **fields: Any) -> dict[str, Any]:
    """One ml.m5.xlarge of four workers."""
    return {"name": name, "kind": "real_time", "instance_type": "ml.m5.xlarge", "workers_per_instance": 4, **fields}


def study(endpoints: list[dict[str, Any]], traffic: Any = None, service: str = "250ms", **fields: Any) -> Study:
    """Four replications of an hour, unless told otherwise."""
    return simulator.run(
        simulator.load_scenario(
            {
                "name": "case",
                "horizon": "1h",
                "replications": 4,
                "traffic": traffic or POISSON,
                "model": {"service_time": service, "startup_time": "1s"},
                "endpoints": endpoints,
                **fields,
            }
        )
    )


def said(found: Study) -> dict[tuple[str, str], Advice]:
    """Advice by rule and endpoint."""
    return {(one.rule, one.endpoint): one for one in advise(found)}


def value(advice: Advice, figure: str) -> float:
    """A figure's number."""
    found = advice.figures[figure].estimate.value
    assert found is not None
    return found


def test_instances_below_the_break_even_utilization() -> None:
    """At 2/s of 250 ms 4 workers are 12.5 % in use; u* = 0.23/3600 x 0.25 / (4 x 0.25 x 0.00008) = 19.97 %."""
    advice = said(study([serverless(), instances()]))["underused_instances", "instances"]
    break_even = value(advice, "break_even_utilization")
    assert INSTANCE / 3600 * 0.25 / (4 * 0.25 * PRICE_4GB) == pytest.approx(break_even, rel=1e-4)
    assert 0.125 == pytest.approx(value(advice, "utilization"), rel=0.05)
    saved = INSTANCE * HOURS - value(advice, "utilization") * 4 * PRICE_4GB * HOURS * 3600
    assert saved == pytest.approx(value(advice, "saving"), rel=1e-3)
    assert sentence(advice).startswith("instances: its workers are in use 12.")


def test_instances_above_it_have_been_outgrown_to() -> None:
    """At 4/s they are 25 % in use: serverless is the dearer one, from 0.23/3600 / (0.25 x 0.00008) = 3.194/s on."""
    found = said(study([serverless(), instances()], {"kind": "poisson", "mean_rate": "4/s"}))
    assert {("outgrown_serverless", "serverless")} == found.keys()
    advice = found["outgrown_serverless", "serverless"]
    assert INSTANCE / 3600 / (0.25 * PRICE_4GB) == pytest.approx(value(advice, "break_even_rate"))
    extra = value(advice, "rate") * 0.25 * PRICE_4GB * HOURS * 3600 - INSTANCE * HOURS
    assert extra == pytest.approx(value(advice, "extra"), rel=1e-3)


def test_a_closed_population_has_not_outgrown_an_endpoint() -> None:
    """Clients send as fast as they are answered: what one costs more is told, and no rate at which that would end."""
    clients = {"kind": "closed", "clients": 8, "think_time": "250ms"}
    advice = said(study([serverless(), instances()], clients))["outgrown_serverless", "serverless"]
    assert {"extra", "monthly_cost", "other_cost"} == set(advice.figures)
    assert "Traffic" not in sentence(advice)


def test_near_the_break_even_nothing_is_said() -> None:
    """At 3.194/s the interval of the difference holds 0, whichever side the mean is on."""
    found = said(study([serverless(), instances()], {"kind": "poisson", "mean_rate": f"{0.23 / 3600 / 2e-5}/s"}))
    assert {} == found


def test_one_replication_advises_nothing() -> None:
    """There is no interval that could decide anything."""
    assert [] == advise(study([serverless(), instances()], replications=1))


def test_an_endpoint_that_misses_objectives_is_named_as_such() -> None:
    """Serverless is cheaper, but the advice must not hide that its cold starts break the limit."""
    traffic = {"kind": "poisson", "mean_rate": "2/h"}
    advice = said(study([serverless(), instances()], traffic, horizon="2d", objectives=["p95 < 1s"]))
    assert ("p95 < 1s",) == advice["underused_instances", "instances"].missed
    assert "which is not shown to meet p95 < 1s, is cheaper" in sentence(advice["underused_instances", "instances"])


def test_idle_instances() -> None:
    """One request each 3 h: two hours of three are empty, and it costs 0.23 x 730 = 167.9 USD; with 6/h none is."""
    endpoint = [instances()]
    rare = {"kind": "periodic", "interval": "3h"}
    advice = said(study(endpoint, rare, horizon="30h"))["idle_instances", "instances"]
    assert 20 / 30 == pytest.approx(value(advice, "empty_hours_share"))
    assert 1 - 0.25 / 10800 == pytest.approx(value(advice, "idle_share"))
    assert INSTANCE * HOURS == pytest.approx(value(advice, "monthly_cost"))
    often = {"kind": "periodic", "interval": "10m"}
    assert {} == said(study(endpoint, often, horizon="30h"))
    assert {} == said(study(endpoint, rare, horizon="12h")), "half a day does not tell of hours"


def test_overloaded_instances() -> None:
    """20/s x 250 ms = 5 erlangs on 4 workers need a second instance; 12/s are 3 erlangs."""
    at_20, at_12 = ({"kind": "poisson", "mean_rate": f"{rate}/s"} for rate in (20, 12))
    advice = said(study([instances()], at_20))["overloaded_instances", "instances"]
    assert 5.0 == pytest.approx(value(advice, "offered_load"), rel=0.02)
    assert (4, 1) == (value(advice, "workers"), value(advice, "instances_more"))
    assert "in the run its 4 workers are offered" in sentence(advice)
    assert {} == said(study([instances()], at_12))


def test_overloaded_in_the_busiest_hour() -> None:
    """10/s x 1.9 in the hour of the peak: 4.6 erlangs on 4 workers, though 2.5 on the mean."""
    peak = {"kind": "profile", "period": "day", "rates": [*["7/s"] * 12, "19/s", *["10/s"] * 11]}
    advice = said(study([instances()], peak, horizon="13h", replications=2))["overloaded_instances", "instances"]
    assert 19 * 0.25 == pytest.approx(value(advice, "offered_load"))
    assert "the busiest hour" == advice.other


def test_needless_and_idle_provisioned_concurrency() -> None:
    """The twin without it meets the objective; with a limit that only it meets it is idle, not needless."""
    endpoints = [
        serverless("bare", memory_size="2048MB"),
        serverless("provisioned", memory_size="2048MB", provisioned_concurrency=2),
    ]
    fine = said(study(endpoints, objectives=["p95 < 1s"]))
    advice = fine["needless_provisioned", "provisioned"]
    assert "bare" == advice.other
    assert 2 * ALLOCATION * HOURS * 3600 > value(advice, "extra") > 0
    assert ("idle_provisioned", "provisioned") not in fine
    # The second of the start falls among the requests of every replication.
    strict = said(study(endpoints, objectives=["cold_start_fraction < 0.02%"]))
    assert ("needless_provisioned", "provisioned") not in strict
    idle = strict["idle_provisioned", "provisioned"]
    assert ALLOCATION / (PRICE_2GB - STANDING) == pytest.approx(value(idle, "break_even_share"))
    assert 0.2 < value(idle, "used_share") < 0.25


def test_provisioned_concurrency_in_use_pays_for_itself() -> None:
    """8 erlangs on one provisioned instance use it 89 % (Erlang B): above 59.9 % nothing is said."""
    busy = serverless("busy", memory_size="2048MB", provisioned_concurrency=1, max_concurrency=50)
    assert {} == said(study([busy], {"kind": "poisson", "mean_rate": "32/s"}))


def test_provisioned_concurrency_never_needed() -> None:
    """One request a minute needs one instance of the three; two cost 2 x 0.00001 x 730 h = 52.56 USD a month."""
    endpoint = serverless(memory_size="2048MB", provisioned_concurrency=3)
    advice = said(study([endpoint], {"kind": "periodic", "interval": "1m"}))["oversized_provisioned", "serverless"]
    assert (1, 3) == (value(advice, "most_needed"), value(advice, "provisioned"))
    assert 2 * ALLOCATION * HOURS * 3600 == pytest.approx(value(advice, "saving"))
    assert "None of 4 replications needed more: at most 53 % of them would." in sentence(advice)


def test_provisioned_concurrency_that_erases_the_saving() -> None:
    """At 2/s on demand costs about 105 USD, the instance 168; eight provisioned instances make it dearer than that."""
    endpoints = [serverless(provisioned_concurrency=8), instances()]
    advice = said(study(endpoints))["provisioned_erases_saving", "serverless"]
    assert "instances" == advice.other
    assert 2 * 0.25 * PRICE_4GB * HOURS * 3600 == pytest.approx(value(advice, "on_demand_alone"), rel=0.05)
    assert 8 * 0.00002 * HOURS * 3600 == pytest.approx(value(advice, "allocation"))
    few = said(study([serverless(provisioned_concurrency=1), instances()]))
    assert ("provisioned_erases_saving", "serverless") not in few


def test_memory_beyond_need() -> None:
    """6 GB cost half as much again as 4 GB that meet the objective; without an objective nobody knows the need."""
    endpoints = [serverless("small"), serverless("large", memory_size="6144MB")]
    advice = said(study(endpoints, objectives=["p95 < 1s"]))["large_memory", "large"]
    assert ("small", 4096.0, 6144.0) == (
        advice.other,
        value(advice, "smaller_memory_size"),
        value(advice, "memory_size"),
    )
    assert {} == said(study(endpoints))
    slow = [serverless("small", service_time="2s"), serverless("large", memory_size="6144MB")]
    assert ("large_memory", "large") not in said(study(slow, objectives=["p95 < 1s"]))


def test_limits_of_concurrency() -> None:
    """0.5 erlangs: one place throttles a third (Erlang B 0.5/1.5), 200 places are far beyond need, 20 are not."""
    low = said(study([serverless(max_concurrency=1)]))["low_limit", "serverless"]
    assert 1 / 3 == pytest.approx(value(low, "throttled_fraction"), rel=0.03)
    high = said(study([serverless(max_concurrency=200)]))["high_limit", "serverless"]
    assert 2 <= value(high, "most_needed") <= 10
    assert {} == said(study([serverless(max_concurrency=20)]))


def test_a_limit_that_an_objective_allows_is_not_called_low() -> None:
    """A third throttled keeps to a limit of 40 %."""
    endpoint = [serverless(max_concurrency=1)]
    assert {} == said(study(endpoint, objectives=["throttled_fraction < 40%"]))


def test_uncertain_endpoints_are_left_alone() -> None:
    """An endpoint whose limit differs from one replication to the next is many endpoints."""
    varied = serverless(max_concurrency={"choice": [1, 2]})
    assert [] == advise(study([varied]))


def test_reports_end_with_it() -> None:
    """Text ends with the sentences; JSON has rule, figures and the same sentence."""
    found = study([serverless(), instances()])
    (advice,) = advise(found)
    assert "Advice" in text.report(found).splitlines()
    assert " ".join(text.report(found).split()).endswith(sentence(advice))
    (facts,) = json.loads(machine.as_json(found))["advice"]
    assert (sentence(advice), "underused_instances", "serverless") == (facts["sentence"], facts["rule"], facts["other"])
    assert value(advice, "saving") == facts["figures"]["saving"]["value"]
    assert sentence(advice).split(":")[0] in machine.as_markdown(found).split("## Advice")[1]
