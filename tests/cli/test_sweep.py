"""``sweep``: what it prints, writes and keeps."""

from __future__ import annotations

import csv
import io
import json
import sys
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from simulator.cli import main

SMALL = """\
name: small
horizon: 20m
replications: 2
traffic: {kind: poisson, mean_rate: 2/s}
model: {service_time: 250ms, startup_time: 2s}
endpoints:
  - {name: serverless, kind: serverless, memory_size: 2048MB, max_concurrency: 5}
  - {name: m5, kind: real_time, instance_type: ml.m5.xlarge, workers_per_instance: 4}
"""
VARY = ("--vary", "traffic.mean_rate=1/s,2/s")


@pytest.fixture
def scenario(tmp_path: Path) -> Path:
    """A file, because a sweep reads its scenario once for all points."""
    path = tmp_path / "small.yaml"
    path.write_text(SMALL)
    return path


def invoked(scenario: Path, *arguments: str) -> Result:
    return CliRunner().invoke(main, ["sweep", str(scenario), *arguments])


def test_files_of_a_sweep(scenario: Path, tmp_path: Path) -> None:
    """The table, the report, JSON and figures; the same command again simulates nothing and says the same."""
    results = tmp_path / "results"
    first = invoked(scenario, *VARY, "--results", str(results))
    assert 0 == first.exit_code, first.output
    (folder,) = (results / "small").glob("sweep-*")
    names = {"sweep.csv", "sweep.json", "sweep.png", "sweep.svg", "report.txt"}
    assert names == {path.name for path in folder.iterdir()}
    assert 3 == len(list((results / "small").iterdir()))  # and the studies of both points
    assert first.stdout == (folder / "report.txt").read_text(encoding="utf-8")
    again = invoked(scenario, *VARY, "--results", str(results), "--resume")
    assert first.stdout == again.stdout
    assert "4 of 4 replications are in 2 folders" in again.stderr


def test_forms_of_the_result(scenario: Path, tmp_path: Path) -> None:
    """CSV with a row a point, endpoint and measure; JSON; Markdown; a file in place of standard output."""
    rows = list(csv.DictReader(io.StringIO(invoked(scenario, *VARY, "--no-results", "-q", "--output", "csv").stdout)))
    assert 2 * 2 * 2 == len(rows)
    assert {"serverless", "m5"} == {row["endpoint"] for row in rows}
    facts: dict[str, Any] = json.loads(invoked(scenario, *VARY, "--no-results", "-q", "--output", "json").stdout)
    assert ["1/s", "2/s"] == [point["values"]["traffic.mean_rate"] for point in facts["points"]]
    out = tmp_path / "out.md"
    written = invoked(scenario, *VARY, "--no-results", "-q", "--output", "markdown", "-o", str(out))
    assert ("", "") == (written.stdout, written.stderr)
    assert out.read_text(encoding="utf-8").startswith("# small: sweep")


def test_parquet_needs_pyarrow(scenario: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without it one message that names the extra, exit code 2, no file."""
    for name in ("pyarrow", "fastparquet"):
        monkeypatch.setitem(sys.modules, name, None)
    out = tmp_path / "long.parquet"
    result = invoked(scenario, *VARY, "--no-results", "-q", "-o", str(out))
    assert 2 == result.exit_code
    assert "endpointsim[parquet]" in result.stderr
    assert not out.exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((), "Missing option '--vary'"),
        (("--vary", "traffic.mean_rate=fast,slow"), "fast"),
        (("--vary", "traffic.no_such=1,2"), "no_such"),
        (("--vary", "horizon"), "varies nothing"),
        ((*VARY, "--measure", "speed"), "speed"),
        ((*VARY, "--no-results", "--resume"), "do not go together"),
    ],
)
def test_bad_input_is_told_plainly(scenario: Path, arguments: tuple[str, ...], message: str) -> None:
    """Exit code 2, nothing on standard output, no traceback."""
    result = invoked(scenario, *arguments)
    assert (2, "") == (result.exit_code, result.stdout)
    assert message in result.stderr
    assert "Traceback" not in result.stderr
