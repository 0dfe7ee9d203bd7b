"""Running a study: what a record depends on, and what happens when it is interrupted."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

import pytest

from simulator.errors import InputError
from simulator.study import replicate as replicating
from simulator.study.replicate import Task
from simulator.study.run import Progress, run
from tests.study.scenarios import BASE, scenario


def test_both_engines_give_the_same_records() -> None:
    """Every count, sum, percentile, histogram and series, of both endpoints."""
    compiled, reference = run(scenario(), 2), run(scenario(), 2, engine="reference")
    assert compiled.records == reference.records
    assert "reference" == reference.engine


def test_a_record_does_not_depend_on_its_company() -> None:
    """Replication 4 is the same alone, in a batch, and in a study of more replications."""
    alone = replicating.replicate(Task(scenario(), (4,), "compiled"))[0]
    assert alone == replicating.replicate(Task(scenario(), (3, 4), "compiled"))[1]
    assert alone == run(scenario(), 8).records[4]


def test_case_c43_seeds_do_not_overlap() -> None:
    """Base seeds 1 and 2 have no replication in common, and no two replications of one seed are equal."""
    counts = [
        (record.requests, measured.latency_ns)
        for seed in (1, 2)
        for record in run(scenario(), 40, seed=seed).records
        for measured in [record.measured["instance"]]
    ]
    assert 80 == len(set(counts))


def test_every_endpoint_meets_the_same_traffic() -> None:
    """Requests that arrived are equal on both endpoints in each replication, and are those of the traffic."""
    for record in run(scenario()).records:
        arrived = {measured.requests for measured in record.measured.values()}
        assert {record.requests} == arrived


def test_the_initial_transient_is_left_out() -> None:
    """Half of the horizon left out: about half of the requests, and costs of half the time exactly."""
    whole, half = run(scenario(), 2), run(scenario(initial_transient="10m"), 2)
    for one, other in zip(whole.records, half.records, strict=True):
        assert one.requests == other.requests
        measured = other.measured["instance"]
        assert 600 * 10**9 == measured.span_ns == measured.usage.instance_ns == measured.there_ns
        assert one.requests / 2 == pytest.approx(measured.requests, rel=0.1)


def test_progress_counts_up_to_all() -> None:
    """Called once a replication in process; the last call names all replications and all requests."""
    calls: list[Progress] = []
    study = run(scenario(), progress=calls.append)
    assert [0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 6] == [call.finished for call in calls]
    assert {6} == {call.replications for call in calls}
    assert 2 * sum(record.requests for record in study.records) == calls[-1].requests
    assert 6 * 2 * 2 * 1200 == calls[-1].expected


def test_an_interrupted_study_keeps_what_finished() -> None:
    """Interrupted after three of six replications: those three, equal to the first three, and not complete."""

    def stop(state: Progress) -> None:
        if state.finished == 3:
            raise KeyboardInterrupt

    study = run(scenario(), progress=stop)
    assert run(scenario()).records[:3] == study.records
    assert not study.complete
    assert any("3 of 6" in note for note in study.notes())


@pytest.mark.parametrize("times", [1, 2])
def test_an_interrupt_waits_for_the_end_of_a_block(monkeypatch: pytest.MonkeyPatch, times: int) -> None:
    """The first one, for others may swallow it where it comes; the second, from somebody impatient, does not."""
    real = replicating._Endpoint.feed
    fed = 0

    def interrupted(endpoint: Any, demand: Any) -> None:
        nonlocal fed
        for _ in range(times):
            signal.raise_signal(signal.SIGINT)
        real(endpoint, demand)
        fed += 1

    calls: list[Progress] = []
    monkeypatch.setattr(replicating._Endpoint, "feed", interrupted)
    with pytest.raises(KeyboardInterrupt):
        run(scenario(endpoints=BASE["endpoints"][1:]), progress=calls.append)
    assert (2 - times, []) == (fed, calls)
    assert signal.default_int_handler is signal.getsignal(signal.SIGINT)


def test_interrupted_before_anything_finished_there_is_no_study(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing to keep: the interrupt goes on to the caller."""

    def interrupted(task: Task, tell: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("simulator.study.executors.replicate", interrupted)
    with pytest.raises(KeyboardInterrupt):
        run(scenario())


@pytest.mark.skipif(sys.platform == "win32", reason="signals of process groups are POSIX")
def test_control_c_ends_a_study_quietly(tmp_path: Path) -> None:
    """A script on two processes that gets SIGINT, with its workers, prints a partial study and no traceback."""
    script = tmp_path / "script.py"
    script.write_text(
        textwrap.dedent(
            """
            import json, os, signal, sys

            def stop(state):
                if state.finished:
                    os.killpg(os.getpgid(0), signal.SIGINT)

            if __name__ == "__main__":
                import simulator

                scenario = simulator.load_scenario(json.loads(sys.argv[1]))
                study = simulator.run(scenario, 40, jobs=2, progress=stop)
                print(len(study.records), study.complete)
            """
        )
    )
    done = subprocess.run(
        [sys.executable, str(script), json.dumps(BASE)],
        capture_output=True,
        text=True,
        timeout=120,
        start_new_session=True,
    )
    assert ("", 0) == (done.stderr, done.returncode)
    count, complete = done.stdout.split()
    assert 1 <= int(count) < 40
    assert "False" == complete


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"replications": 0}, "replications is 0"),
        ({"replications": True}, "replications is True"),
        ({"seed": -1}, "seed is -1"),
        ({"engine": "magic"}, "engines: compiled, reference"),
        ({"jobs": 0}, "jobs is 0"),
        ({"jobs": "many"}, '"auto"'),
    ],
)
def test_arguments_out_of_range_are_refused(given: dict[str, Any], message: str) -> None:
    """The message names the argument and what is allowed."""
    with pytest.raises(InputError, match=r".") as caught:
        run(scenario(), **given)
    assert message in str(caught.value)


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="reads Linux's /proc")
def test_case_c46_memory_stays_flat_over_a_thousand_runs() -> None:
    """Time-outs of 100 ms, exponential service of 100 ms, use 2: resident memory after 1,000 runs is that after 100."""
    crowded = scenario(
        horizon="30s",
        traffic={"kind": "poisson", "mean_rate": "20/s"},
        model={"service_time": {"kind": "exponential", "mean": "100ms"}},
        endpoints=[
            {
                "name": "crowded",
                "kind": "real_time",
                "instance_type": "ml.m5.xlarge",
                "invocation_timeout": "100ms",
            }
        ],
        objectives=[],
        baseline="crowded",
    )

    def resident() -> int:
        return int(Path("/proc/self/statm").read_text().split()[1])

    def again(times: int) -> int:
        for number in range(times):
            (record,) = replicating.replicate(Task(crowded, (number,), "compiled"))
            measured = record.measured["crowded"]
            assert measured.requests == measured.completed + measured.throttled_in_all + measured.timed_out
        return resident()

    assert again(100) == pytest.approx(again(1000), rel=0.1)
