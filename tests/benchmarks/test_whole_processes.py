"""Whole processes: time of commands, peak memory of a replication, and a study on two processes against one."""

from __future__ import annotations

import json
import math
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.benchmarks.timing import best_of
from tests.benchmarks.workloads import Workload, autoscaling, on_demand, retrying, without_rival

pytestmark = [pytest.mark.benchmark, pytest.mark.timeout(600)]

REPLICATIONS, RATE, HOURS = 8, 2, 6
COMPARE = (
    *("compare", "--rate", f"{RATE}/s", "--service", "250ms", "--cold-start", "4s"),
    *("--serverless", "4096MB:20", "--real-time", "ml.m5.xlarge:1:4"),
    *("-n", str(REPLICATIONS), "--horizon", f"{HOURS}h", "--no-results"),
)
#: Prints requests, and the peak resident size of its process, after one replication of a scenario [kB on Linux].
PEAK = """
import json, resource, sys
from simulator.scenario.loading import load_scenario
from simulator.study.replicate import Task, replicate
(record,) = replicate(Task(load_scenario(json.load(sys.stdin)), (1,), "compiled"))
print(record.requests, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""
SIZES = (10**7, 10**8, 10**9)
LATER_SIZES = (10**6, 10**7)
#: Prints how long a study takes on a number of processes, their start included [s], and its requests.
STUDY = """
import json, sys, time
from simulator.scenario.loading import load_scenario
from simulator.study.run import run
if __name__ == "__main__":
    scenario = load_scenario(json.load(sys.stdin))
    begin = time.perf_counter()
    study = run(scenario, {replications}, jobs={jobs})
    print(time.perf_counter() - begin, sum(record.requests for record in study.records))
"""
STUDY_REPLICATIONS, STUDY_REQUESTS, STUDY_REPEATS = 40, 17 * 10**6, 2


@pytest.fixture(scope="module")
def lines() -> Iterator[list[str]]:
    """Printed when all is measured."""
    lines = ["| whole process | figure | bar |", "|---|--:|---|"]
    yield lines
    print("\n\n" + "\n".join(lines))


def python(*arguments: str, given: str = "") -> str:
    """What a new interpreter wrote to standard output."""
    run = subprocess.run(
        [sys.executable, *arguments], input=given, capture_output=True, check=True, text=True, encoding="utf-8"
    )
    return run.stdout


#: How the titles of the workloads begin that came last.
NEWEST = ("provisioned", "managed", "batch transform")


def verdict(reached: bool) -> str:
    """As in the tables."""
    return "reached" if reached else "MISSED"


def test_commands(lines: list[str]) -> None:
    """`compare` simulates what was asked for, `--help` nothing."""
    found = json.loads(python("-m", "simulator", *COMPARE, "--output", "json"))
    assert {"requested": REPLICATIONS, "finished": REPLICATIONS} == found["replications"]
    expected = RATE * HOURS * 3600
    means = [row["measures"]["requests"]["value"] for row in found["endpoints"]]
    assert len(means) == 2
    assert all(abs(mean - expected) < 6 * math.sqrt(expected / REPLICATIONS) for mean in means)

    took = best_of(
        {
            "--help": lambda: len(python("-m", "simulator", "--help")),
            "compare": lambda: len(python("-m", "simulator", *COMPARE)),
        }
    )
    for name, bar_s in (("--help", 0.1), ("compare", 2.0)):
        time_s = took[name][1]
        lines.append(f"| `endpointsim {name}` | {time_s:.2f} s | < {bar_s} s, {verdict(time_s < bar_s)} |")


def test_two_processes_against_one(lines: list[str], tmp_path: Path) -> None:
    """A study of many replications simulates the same requests, whatever it runs on."""
    scenario = json.dumps(on_demand(8).scenario(STUDY_REQUESTS).resolved())
    expected = STUDY_REPLICATIONS * STUDY_REQUESTS
    times_s: dict[int, list[float]] = {1: [], 2: []}
    processed = set()
    for jobs in (1, 2) * STUDY_REPEATS:
        # A file: worker processes begin by importing it.
        script = tmp_path / f"study_{jobs}.py"
        script.write_text(STUDY.format(replications=STUDY_REPLICATIONS, jobs=jobs), encoding="utf-8")
        time_s, requests = python(str(script), given=scenario).split()
        times_s[jobs].append(float(time_s))
        processed.add(int(requests))
    assert 1 == len(processed)
    assert abs(processed.pop() - expected) < 6 * math.sqrt(expected)
    ratio = min(times_s[1]) / min(times_s[2])
    for jobs in (1, 2):
        lines.append(f"| {expected:,} requests, {jobs} process{'es' * (jobs > 1)} | {min(times_s[jobs]):.1f} s | |")
    lines.append(f"| two processes against one | {ratio:.2f} × | ≥ 1.8 ×, {verdict(ratio >= 1.8)} |")


def assert_memory_stays(lines: list[str], workload: Workload, sizes: tuple[int, ...]) -> None:
    """One replication of each size, each in a process of its own; the peak of the largest is that of the smallest."""
    peaks_kb = {}
    for requests in sizes:
        scenario = json.dumps(workload.scenario(requests).resolved())
        processed, peaks_kb[requests] = map(int, python("-c", PEAK, given=scenario).split())
        assert abs(processed - requests) < 6 * math.sqrt(requests)
        peak = f"{peaks_kb[requests] / 1000:,.0f} MB"
        lines.append(f"| {workload.title}: peak memory, {requests:,} requests | {peak} | |")
    ratio = max(peaks_kb.values()) / peaks_kb[sizes[0]]
    lines.append(f"| {sizes[-1]:,} against {sizes[0]:,} requests | {ratio:.2f} × | ≤ 1.2 ×, {verdict(ratio <= 1.2)} |")
    assert ratio <= 1.2


def test_memory_does_not_grow_with_requests(lines: list[str]) -> None:
    """Ten and a hundred times the requests take the same peak memory."""
    assert_memory_stays(lines, on_demand(8), SIZES)


LATER = [retrying(), autoscaling(), *(one for one in without_rival() if one.title.startswith(NEWEST))]


@pytest.mark.parametrize("workload", LATER, ids=lambda workload: workload.title)
def test_memory_does_not_grow_where_rows_are_held_back(lines: list[str], workload: Workload) -> None:
    """Clients that try again, capacity that follows, quotas, jobs: ten times the requests take the same peak memory."""
    assert_memory_stays(lines, workload, LATER_SIZES)
