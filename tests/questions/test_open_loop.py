"""The open loop beside a closed population: finite source against Erlang C, one rate, what is told, kept and read."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner, Result
from scipy import special

import simulator
from simulator.cli import main
from simulator.demand import draw_demand
from simulator.errors import InputError, StudyError
from simulator.measures.histogram import Histogram
from simulator.measures.intervals import Estimate
from simulator.questions.open_loop import scenarios, why_not, with_open_loop
from simulator.report import machine, text
from simulator.report.figures.drawing import figures
from simulator.report.reading import Reading
from simulator.study.open_loop import OPEN_LOOP, Beside, OpenLoop
from simulator.study.results import Study
from tests.oracles.closed_forms import mmc_latency_tail, mmc_waiting, quantile

#: Requests a second of one place, and the mean think time of a client. [1/s], [s]
MU, THINK_S = 4.0, 0.4
CLIENTS, SERVERS = 8, 4
INSTANCE = {
    "name": "m5",
    "kind": "real_time",
    "instance_type": "ml.m5.xlarge",
    "workers_per_instance": SERVERS,
    "routing": "central_queue",
}
SERVERLESS = {"name": "s", "kind": "serverless", "memory_size": "2048MB", "max_concurrency": 6, "starts": "warm"}
TITLE = "Beside open traffic of the same rate"


def written(**fields: Any) -> dict[str, Any]:
    """Eight clients at four places, all times exponential."""
    return {
        "name": "beside",
        "horizon": "2m",
        "replications": 4,
        "traffic": {"kind": "closed", "clients": CLIENTS, "think_time": {"kind": "exponential", "mean": "400ms"}},
        "model": {"service_time": {"kind": "exponential", "mean": "250ms"}, "startup_time": "1s"},
        "endpoints": [INSTANCE, SERVERLESS],
        **fields,
    }


def clients_study(engine: str = "compiled", **fields: Any) -> Study:
    """The study of the clients alone."""
    return simulator.run(simulator.load_scenario(written(**fields)), engine=engine)


@pytest.fixture(scope="module")
def both() -> Study:
    """A short study with the open loop beside it."""
    return with_open_loop(clients_study())


def chances(clients: int) -> list[float]:
    """How likely so many of the clients wait at once in M/M/c//N (Gross and Harris, finite-source queues)."""
    weights = [
        math.perm(clients, k) / ((MU * THINK_S) ** k * math.factorial(min(k, SERVERS)) * SERVERS ** max(0, k - SERVERS))
        for k in range(clients + 1)
    ]
    return [one / sum(weights) for one in weights]


def closed_tail(t: float) -> float:
    """P(latency > t): a client that sends finds what N - 1 clients would do (Sevcik and Mitrani, J. ACM 28, 1981).

    With k requests to end before a place is free, the wait is Erlang(k, cμ); a service follows.
    """
    total, drain = 0.0, SERVERS * MU
    for found, chance in enumerate(chances(CLIENTS - 1)):
        k = found - SERVERS + 1
        tail = math.exp(-MU * t)
        if k > 0:
            tail *= (drain / (drain - MU)) ** k * float(special.gammainc(k, (drain - MU) * t))
            tail += float(special.gammaincc(k, drain * t))
        total += chance * tail
    return total


def holds(estimate: Estimate, truth: float) -> bool:
    """Whether an interval holds a number."""
    assert estimate.low is not None
    assert estimate.high is not None
    return estimate.low <= truth <= estimate.high


def test_both_sides_are_those_of_the_textbook() -> None:
    """M/M/4//8 and, at its rate, M/M/4: rate, requests in the system, percentiles; intervals at 99.9 %.

    What is 5 % away from the truth is outside. The ratio of the two p99 is that of the formulas.
    """
    found = with_open_loop(
        clients_study(horizon="121m", initial_transient="1m", replications=20, confidence="99.9%", endpoints=[INSTANCE])
    )
    assert found.open_loop is not None
    (one,) = found.open_loop.endpoints
    inside = sum(k * chance for k, chance in enumerate(chances(CLIENTS)))
    lam = one.rate_per_s
    closed = {"rate": (CLIENTS - inside) / THINK_S, "in_system": inside}
    opened = {"rate": lam, "in_system": lam * (mmc_waiting(lam, MU, SERVERS) + 1 / MU)}
    for name, share in (("p50", 0.5), ("p95", 0.95), ("p99", 0.99)):
        closed[name] = 1e3 * quantile(closed_tail, share)
        opened[name] = 1e3 * quantile(lambda t: mmc_latency_tail(t, lam, MU, SERVERS), share)
    for truths, figures_ in ((closed, one.closed), (opened, one.opened)):
        for name, truth in truths.items():
            assert holds(figures_[name], truth), name
            assert not holds(figures_[name], 1.05 * truth), name
            assert not holds(figures_[name], 0.95 * truth), name
    for name in ("p50", "p95", "p99"):
        assert holds(one.shown[name], closed[name] / opened[name])
    assert closed["p99"] < 0.9 * opened["p99"]


def test_the_open_traffic_has_the_rate_that_was_sent() -> None:
    """One client, 100 ms of service and of thought: 5/s to a place, 2.5/s where 200 ms of overhead keep it longer.

    The initial transient counts in neither. All else is that of the study.
    """
    study = clients_study(
        horizon="70s",
        initial_transient="10s",
        traffic={"kind": "closed", "clients": 1, "think_time": "100ms", "first_requests": "together"},
        model={"service_time": "100ms", "startup_time": "1s"},
        endpoints=[INSTANCE, SERVERLESS | {"overhead": "200ms"}],
        seed=7,
    )
    asked = scenarios(study)
    assert [("poisson", 5.0), ("poisson", 2.5)] == [(one.traffic.kind, one.traffic.steady_rate) for one in asked]
    assert [["m5"], ["s"]] == [[endpoint.name for endpoint in one.endpoints] for one in asked]
    for one in asked:
        assert (7, 4, 70.0, 10.0) == (one.seed, one.replications, one.horizon, one.initial_transient)
        assert study.scenario.model == one.model
    found = with_open_loop(study).open_loop
    assert found is not None
    assert [5.0, 2.5] == [one.rate_per_s for one in found.endpoints]
    for beside in found.endpoints:
        assert beside.rate_per_s == beside.closed["rate"].value
        assert holds(beside.opened["rate"], beside.rate_per_s)


def test_rows_ask_for_the_same_service_at_other_times() -> None:
    """What the remark says: the n-th requests have equal service times, and arrivals have nothing in common."""
    study = clients_study()
    closed = draw_demand(study.scenario, "m5", 2)
    opened = draw_demand(scenarios(study)[0], "m5", 2)
    n = min(len(closed), len(opened))
    assert n > 1000
    assert np.array_equal(closed.service_ns[:n], opened.service_ns[:n])
    assert not set(closed.arrival_ns.tolist()) & set(opened.arrival_ns.tolist())


def test_engines_give_the_same_open_loop(both: Study) -> None:
    """To the last bit."""
    assert both.open_loop == with_open_loop(clients_study("reference")).open_loop


def test_a_precision_is_kept_to_its_replications() -> None:
    """The open loop has as many replications as were enough."""
    precision = {"measure": "p50", "relative": "50%", "max_replications": 60}
    study = simulator.run(
        simulator.load_scenario(
            {name: part for name, part in written().items() if name != "replications"} | {"precision": precision}
        )
    )
    assert len(study.records) < 60
    assert {(len(study.records), None)} == {(one.replications, one.precision) for one in scenarios(study)}


def made_up(value: float, half: float, unit: float = 1.0) -> Estimate:
    """An estimate from twenty replications."""
    return Estimate(value * unit, (value - half) * unit, (value + half) * unit, 0.95, 20, "mean, t")


def told(study: Study, **opened: Estimate) -> str:
    """The sentences and the table of a study whose open loop has these figures, in one line."""
    none = Estimate(0.0, None, None, 0.95, 20, "none")
    figures_ = {"rate": made_up(14.5, 0.2), "p50": made_up(285, 1), "p95": made_up(522, 1)}
    figures_ |= {"throttled_fraction": none, "in_system": made_up(4.4, 0.1), "utilization": made_up(0.9, 0.01)}
    ours = figures_ | {"p99": made_up(656, 4)}
    theirs = figures_ | {"p99": made_up(1480, 90)} | {k: v for k, v in opened.items() if k != "shown"}
    shown = dict.fromkeys(("p50", "p95", "p99"), opened.get("shown", made_up(44, 3, 0.01)))
    one = Beside("m5", 14.5, ours, theirs, shown, Histogram.of(np.array([1_000_000], np.int64)))
    return " ".join(text.report(replace(study, open_loop=OpenLoop("", (one,)))).split())


def test_one_sentence_says_what_the_clients_do_not_show() -> None:
    """Both percentiles with intervals and units, the rate, and the share that is seen; in words where it is not so."""
    study = clients_study(endpoints=[INSTANCE])
    start = "m5: p99 656 ±4 ms with 8 clients, 1.48 ±0.09 s under open traffic of 14.5/s: "
    assert start + "the closed test shows 44 ±3 % of it." in told(study)
    assert start + "no difference can be told, the closed test shows 99 ±3 % of it." in told(
        study, shown=made_up(99, 3, 0.01)
    )
    assert start + "the closed test shows more, 130 ±4 % of it." in told(study, shown=made_up(130, 4, 0.01))
    single = Estimate(0.44, None, None, 0.95, 1, "one replication: no interval")
    assert start + "the closed test shows 44 % of it (no interval)." in told(study, shown=single)
    nothing = Estimate(None, None, None, 0.95, 0, "no data")
    assert "m5: p99 cannot be set beside that under open traffic of 14.5/s: no data." in told(study, p99=nothing)
    lost = told(study, throttled_fraction=made_up(2, 0.3, 0.01))
    assert "44 ±3 % of it; throttled: none seen with the clients, 2.0 ±0.3 % under open traffic." in lost
    assert "those throttled left out" in lost
    assert "uses 98.0 ±0.4 % of its places" in told(study, utilization=made_up(98, 0.4, 0.01))
    assert "of its places" not in told(study)


def test_the_section_holds_every_figure(both: Study) -> None:
    """Two rows an endpoint, in text and Markdown; JSON has every estimate with its unit, and nothing that is NaN."""
    printed = text.report(both)
    lines = printed[printed.index(TITLE) :].splitlines()
    assert ["endpoint", "rate", "p50", "p95", "p99", "throttled"] == lines[1].split()[:6]
    assert ["m5, 8 clients", "m5, open", "s, 8 clients", "s, open"] == [line[2:].split("  ")[0] for line in lines[2:6]]
    assert "both sides of a replication are taken together" in " ".join(printed.split())
    assert all(len(line) <= text.WIDTH for line in lines)
    assert f"## {TITLE}\n" in machine.as_markdown(both)
    facts = json.loads(machine.as_json(both))["open_loop"]
    assert ["m5", "s"] == [one["endpoint"] for one in facts]
    units = {"rate": "1/s", "p99": "ms", "throttled_fraction": "1", "in_system": "requests"}
    for one in facts:
        for side in ("closed", "open"):
            assert units == {name: one[side][name]["unit"] for name in units}
        assert one["closed"]["rate"]["value"] == one["open_rate_per_s"]
        assert one["closed_over_open"]["p99"]["ci"][0] <= one["closed_over_open"]["p99"]["value"]


def test_figures_show_both_tails(both: Study) -> None:
    """One figure an endpoint, two curves; names of the curves tell the rate."""
    drawn = {name: figure for name, figure in figures(Reading(both)) if name.startswith("open-loop")}
    assert ["open-loop-m5", "open-loop-s"] == list(drawn)
    (legend,) = drawn["open-loop-m5"].legends
    ours, theirs = (label.get_text() for label in legend.get_texts())
    assert ours.startswith("8 clients, 11.")
    assert theirs.startswith("open traffic, ")
    assert 2 == sum(np.size(line.get_xdata()) > 10 for line in drawn["open-loop-m5"].axes[0].lines)


def test_a_saved_study_prints_the_same_again(both: Study, tmp_path: Path) -> None:
    """Read back equal, and its report to the byte; the file is not there without an open loop."""
    folder = both.save(tmp_path)
    again = simulator.load_study(folder)
    assert both == again
    assert text.report(both) == text.report(again)
    assert machine.as_json(both) == machine.as_json(again)
    assert json.loads((folder / "summary.json").read_text())["open_loop"][0]["endpoint"] == "m5"
    replace(both, open_loop=None).save(tmp_path)
    assert not (folder / OPEN_LOOP).exists()
    assert simulator.load_study(folder).open_loop is None
    assert "open_loop" not in json.loads((folder / "summary.json").read_text())


def test_figures_beside_other_results_are_passed_over_and_damaged_ones_refused(both: Study, tmp_path: Path) -> None:
    """A killed run leaves the file of the one before; a file cut in half is an error of the folder."""
    folder = both.save(tmp_path)
    assert both.open_loop is not None
    content = (folder / OPEN_LOOP).read_bytes()
    (folder / OPEN_LOOP).write_bytes(replace(both.open_loop, beside="0" * 64).content())
    assert simulator.load_study(folder).open_loop is None
    (folder / OPEN_LOOP).write_bytes(content[: len(content) // 2])
    with pytest.raises(StudyError, match=r"open-loop\.json: is damaged"):
        simulator.load_study(folder)


def test_what_has_no_open_loop_is_refused_with_the_reason() -> None:
    """Open traffic, something uncertain, a study that is not complete."""
    open_ = clients_study(traffic={"kind": "poisson", "mean_rate": "2/s"}, horizon="20s")
    with pytest.raises(InputError, match="beside: no open loop: its traffic is open already"):
        with_open_loop(open_)
    traffic = written()["traffic"] | {"clients": {"between": [4, 8]}}
    assert "each replication has a rate of its own" in why_not(clients_study(traffic=traffic, horizon="20s"))
    whole = clients_study(horizon="20s")
    assert "not complete" in why_not(replace(whole, records=whole.records[:2]))
    assert "" == why_not(whole)


Invoked = Callable[..., Result]


@pytest.fixture
def invoked(tmp_path: Path) -> Invoked:
    """`run` of the scenario with some fields changed."""

    def run(*options: str, **fields: Any) -> Result:
        path = tmp_path / "beside.json"
        path.write_text(json.dumps(written(horizon="30s", **fields)))
        return CliRunner().invoke(main, ["run", str(path), "--results", str(tmp_path / "results"), *options])

    return run


def test_run_tells_it_and_can_leave_it_out(invoked: Invoked, tmp_path: Path) -> None:
    """All that is taken away by the flag is the two parts of the report, the figures and the file."""
    with_it, without = invoked("--no-results"), invoked("--no-results", "--no-open-loop")
    assert (0, 0) == (with_it.exit_code, without.exit_code), with_it.output
    parts = with_it.stdout.split("\n\n")
    first = next(number for number, part in enumerate(parts) if part.startswith(TITLE))
    assert without.stdout == "\n\n".join([*parts[:first], *parts[first + 2 :]])
    assert 0 == invoked("-q").exit_code
    (saved,) = (tmp_path / "results").glob("beside/*/report.html")
    assert TITLE in saved.read_text()
    assert {OPEN_LOOP, "open-loop-m5.png", "open-loop-s.svg"} <= {path.name for path in saved.parent.iterdir()}


def test_other_traffic_is_answered_as_before(invoked: Invoked, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing more is simulated, said or written, with the flag or without."""

    def never(*_: Any) -> None:
        raise AssertionError("an open loop of open traffic")

    monkeypatch.setattr("simulator.questions.open_loop.beside", never)
    traffic = {"kind": "poisson", "mean_rate": "2/s"}
    for output in ("table", "json", "csv", "markdown"):
        one, other = (
            invoked("--no-results", "--output", output, *flag, traffic=traffic) for flag in ((), ("--no-open-loop",))
        )
        assert (0, one.stdout, one.stderr) == (other.exit_code, other.stdout, other.stderr)
        assert TITLE not in one.stdout
        assert "open_loop" not in one.stdout
    assert 0 == invoked("-q", traffic=traffic).exit_code
    assert [] == list((tmp_path / "results").glob("*/*/open-loop*"))


def test_an_interrupt_of_the_open_loop_keeps_the_clients(
    invoked: Invoked, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Printed and saved without it, 130, how to go on; the same command then has it."""
    import simulator.study.run as running

    run_all, calls = running.run_all, []

    def interrupted(asked: Any, **options: Any) -> list[Study]:
        calls.append([one.traffic.kind for one in asked])
        if len(calls) == 2:
            raise KeyboardInterrupt
        return run_all(asked, **options)

    monkeypatch.setattr(running, "run_all", interrupted)
    result = invoked(endpoints=[INSTANCE])
    assert (130, [["closed"], ["poisson"]]) == (result.exit_code, calls)
    assert TITLE not in result.stdout
    assert "m5: Little's law" in result.stdout
    how = "interrupted: open traffic beside the clients is left out; the same command goes on from there"
    assert how == result.stderr.splitlines()[-1]
    (folder,) = {path.parent for path in (tmp_path / "results").glob("beside/*/summary.json")}
    study = simulator.load_study(folder)
    assert (True, None) == (study.complete, study.open_loop)
    again = invoked("--resume", endpoints=[INSTANCE])
    assert 0 == again.exit_code, again.output
    assert TITLE in again.stdout
    assert with_open_loop(study) == simulator.load_study(folder)


def test_what_is_uncertain_is_run_without_it_and_the_reason_said(invoked: Invoked) -> None:
    """On standard error, and not if only the result is wanted."""
    traffic = written()["traffic"] | {"clients": {"between": [4, 8]}}
    loud, quiet = (invoked("--no-results", *flag, traffic=traffic) for flag in ((), ("-q",)))
    assert (0, loud.stdout, "") == (quiet.exit_code, quiet.stdout, quiet.stderr)
    said = "no open traffic is simulated beside the clients: something is uncertain, and each replication has a rate"
    assert said in loud.stderr
    assert TITLE not in loud.stdout


def test_compare_tells_it_too() -> None:
    """Closed traffic by `--set`."""
    traffic = "traffic={kind: closed, clients: 3, think_time: 200ms}"
    options = ["--rate", "1/s", "--service", "100ms", "--real-time", "ml.m5.xlarge:1:2", "--horizon", "1m"]
    done = CliRunner().invoke(main, ["compare", *options, "--set", traffic, "--no-results"])
    assert 0 == done.exit_code, done.output
    assert TITLE in done.stdout
    assert "m5-xlarge-x1-w2, 3 clients" in done.stdout
