"""What an earlier run has left: what is gone on from, what is refused, what is replaced."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from simulator.scenario.loading import load_scenario
from simulator.study.journal import RECORDS
from simulator.study.manifest import RESULTS_VERSION
from simulator.study.results import Study
from simulator.study.run import Progress, run
from simulator.study.store import load_study
from tests.study.commanding import Counted, file, study_folder
from tests.study.scenarios import BASE, scenario

pytestmark = pytest.mark.thorough


def partly(folder: Path, count: int = 4) -> Path:
    """Leave the first replications of the small study as an interrupted run does; gives back its folder."""
    file(folder, **BASE)

    def stop(state: Progress) -> None:
        if state.finished == count:
            raise KeyboardInterrupt

    study = run(scenario(), results=folder / "results", progress=stop)
    assert count == len(study.records)
    return study_folder(folder)


def changed(folder: Path, change: Callable[[dict[str, Any]], None]) -> None:
    """Change the manifest in a folder."""
    path = folder / "manifest.json"
    facts = json.loads(path.read_text())
    change(facts)
    path.write_text(json.dumps(facts))


def damaged(folder: Path) -> None:
    """Change a byte in the second line."""
    lines = (folder / RECORDS).read_bytes().splitlines(keepends=True)
    lines[1] = lines[1].replace(b":", b";", 1)
    (folder / RECORDS).write_bytes(b"".join(lines))


SPOILT: dict[str, tuple[Callable[[Path], None], str]] = {
    "results version": (
        lambda folder: changed(folder, lambda facts: facts.update(results_version=1)),
        f"results of version 1, this program reads version {RESULTS_VERSION}; run it again",
    ),
    "program version": (
        lambda folder: changed(folder, lambda facts: facts["versions"].update(endpointsim="0.0.1")),
        "it was simulated with endpointsim 0.0.1, here is ",
    ),
    "program": (
        lambda folder: changed(folder, lambda facts: facts["versions"].update(program="0" * 16)),
        "the program has been changed since",
    ),
    "arithmetic": (
        lambda folder: changed(folder, lambda facts: facts["versions"].update(numpy="1.0")),
        "it was simulated with numpy 1.0, here is ",
    ),
    "engine": (
        lambda folder: changed(folder, lambda facts: facts.update(engine="reference")),
        "it was simulated by the reference engine, not by the compiled one",
    ),
    "scenario": (
        lambda folder: changed(folder, lambda facts: facts.update(scenario_digest="0" * 64)),
        "it is of another scenario",
    ),
    "manifest": (
        lambda folder: (folder / "manifest.json").write_text("{") and None,
        "manifest.json: is damaged",
    ),
    "line": (damaged, "line 2 of records.jsonl: it is not what was written"),
}


@pytest.mark.usefixtures("without_figures")
@pytest.mark.parametrize(("spoil", "why"), SPOILT.values(), ids=SPOILT)
def test_what_cannot_be_used_is_refused_or_replaced(
    tmp_path: Path, counted: Counted, small: Study, spoil: Callable[[Path], None], why: str
) -> None:
    """Refused with --resume, and left as it is; replaced otherwise, with a word; the result is the same."""
    folder = partly(tmp_path)
    spoil(folder)
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    result, calls = counted("--resume")
    assert (2, "", []) == (result.exit_code, result.stdout, calls)
    assert result.stderr.startswith(f"Error: {folder}: cannot be resumed: ")
    assert why in result.stderr
    assert 1 == result.stderr.count("\n")
    assert before == {path.name: path.read_bytes() for path in folder.iterdir()}
    result, calls = counted()
    assert 0 == calls[0].finished
    assert result.stderr.startswith(f"what is in {folder} cannot be used (")
    assert f"{why}" in result.stderr.splitlines()[0]
    assert result.stderr.splitlines()[0].endswith(") and is replaced")
    assert small.results_digest() == load_study(folder).results_digest()


@pytest.mark.usefixtures("without_figures")
def test_a_torn_line_is_dropped(tmp_path: Path, counted: Counted, small: Study) -> None:
    """The replication that was being written when the run ended is simulated, the others are not."""
    folder = partly(tmp_path)
    content = (folder / RECORDS).read_bytes()
    (folder / RECORDS).write_bytes(content[:-10])
    assert small.records[:3] == load_study(folder).records
    result, calls = counted("--resume")
    assert f"3 of 6 replications are in {folder} already; --fresh simulates them again" in result.stderr
    assert 3 == calls[0].finished
    assert small == load_study(folder)


@pytest.mark.usefixtures("without_figures")
def test_fresh_simulates_everything_again(tmp_path: Path, counted: Counted, small: Study) -> None:
    """Without a word about what was there."""
    folder = partly(tmp_path)
    result, calls = counted("--fresh")
    assert (0, 0) == (calls[0].finished, calls[0].before)
    assert 2 * sum(record.requests for record in small.records) == calls[-1].requests
    assert f"results in {folder}\n" == result.stderr
    assert small == load_study(folder)


def test_a_complete_study_is_not_simulated_again(tmp_path: Path, counted: Counted) -> None:
    """The same command a second time: same answer, same files, no request."""
    file(tmp_path, **BASE)
    first, _ = counted()
    folder = study_folder(tmp_path)
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    second, calls = counted()
    assert (first.exit_code, first.stdout) == (second.exit_code, second.stdout)
    assert [] == calls
    assert before == {path.name: path.read_bytes() for path in folder.iterdir()}


@pytest.mark.usefixtures("without_figures")
def test_resume_needs_something_to_go_on_from(tmp_path: Path, counted: Counted) -> None:
    """Nothing there: exit code 2, the folder and other studies of that name are named, and nothing is made."""
    file(tmp_path, **BASE)
    result, _ = counted("--resume")
    assert (2, "") == (result.exit_code, result.stdout)
    assert f"Error: {tmp_path / 'results' / 'small'}" in result.stderr
    assert result.stderr.endswith(": cannot be resumed: it holds no study\n")
    assert not (tmp_path / "results").exists()
    folder = partly(tmp_path)
    result, _ = counted("--resume", "--seed", "7")
    assert 2 == result.exit_code
    assert "it holds no study; there are other studies of a scenario of that name: " + folder.name in result.stderr
    assert [folder] == list(folder.parent.iterdir())
    result, _ = counted("--resume", "--no-results")
    assert (2, "") == (result.exit_code, result.stdout)
    assert "--resume and --no-results do not go together" in result.stderr


@pytest.mark.usefixtures("without_figures")
def test_another_data_file_is_another_study(tmp_path: Path, counted: Counted) -> None:
    """Changed in place: what was simulated with the one before is not used, and can no longer be read."""
    recorded = {"kind": "recorded", "file": "stamps.csv", "column": "t", "time_unit": "s"}
    (tmp_path / "stamps.csv").write_text("t\n" + "".join(f"{second}\n" for second in range(600)))
    file(tmp_path, **{**BASE, "traffic": recorded, "horizon": "9m"})
    result, _ = counted()
    assert result.exit_code in {0, 3}, result.stderr
    folder = study_folder(tmp_path)
    (tmp_path / "stamps.csv").write_text("t\n" + "".join(f"{second}\n" for second in range(599)))
    result, _ = counted("--resume")
    assert 2 == result.exit_code
    assert f"there are other studies of a scenario of that name: {folder.name}" in result.stderr
    result, calls = counted()
    assert 0 == calls[0].finished
    assert 2 == len(list(folder.parent.iterdir()))


@pytest.mark.usefixtures("without_figures")
def test_more_replications_are_another_study(tmp_path: Path, counted: Counted, small: Study) -> None:
    """Under another name, from the beginning; the first of them are the same, and the smaller study stays."""
    folder = partly(tmp_path, 4)
    _, calls = counted("-n", "8")
    assert (0, 8) == (calls[0].finished, calls[0].replications)
    (larger,) = [path for path in folder.parent.iterdir() if path != folder]
    assert small.records == load_study(larger).records[:6]
    assert 4 == len(load_study(folder).records)


@pytest.mark.parametrize("count", [23, *(pytest.param(count, marks=pytest.mark.slow) for count in (7, 20))])
def test_a_precision_is_reached_at_the_same_replication(tmp_path: Path, count: int) -> None:
    """Interrupted before the first look, at it, and after: the study stops where it would have, and is the same."""
    precision = {"measure": "requests", "absolute": 5, "max_replications": 200}
    base = {key: value for key, value in BASE.items() if key != "replications"}
    asked = load_scenario({**base, "horizon": "2m", "precision": precision})
    expected = run(asked)
    assert 23 < len(expected.records) < 200

    def stop(state: Progress) -> None:
        if state.finished == count:
            raise KeyboardInterrupt

    part = run(asked, results=tmp_path, progress=stop)
    assert (count, False) == (len(part.records), part.complete)
    calls: list[Progress] = []
    study = run(asked, results=tmp_path, progress=calls.append, jobs=2, resume="always")
    assert (count, True) == (calls[0].finished, calls[0].is_most)
    assert expected == study
