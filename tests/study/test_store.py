"""The folder of a study: read back equal, written whole, refused when it is not what it says."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from simulator.errors import StudyError
from simulator.files import write_whole
from simulator.study.folder import held
from simulator.study.manifest import RESULTS_VERSION
from simulator.study.results import Study
from simulator.study.run import run
from simulator.study.store import load_study
from tests.study.scenarios import scenario

FILES = {
    *("manifest.json", "records.jsonl", "replications.csv", "bill.csv", "timeline.csv"),
    "summary.json",
}


@pytest.fixture(scope="module")
def study() -> Study:
    """Three replications of the small scenario."""
    return run(scenario(), 3)


def test_a_study_is_read_back_equal(study: Study, tmp_path: Path) -> None:
    """Same records, scenario and engine; and every frame that follows from them."""
    folder = study.save(tmp_path)
    assert tmp_path / "small" / study.digest() == folder
    assert FILES == {path.name for path in folder.iterdir()}
    again = load_study(folder)
    assert study == again
    assert study.summary().equals(again.summary())
    assert study.timeline("on-demand").equals(again.timeline("on-demand"))


def test_saving_twice_writes_the_same_bytes(study: Study, tmp_path: Path) -> None:
    """Nothing in the files depends on when they are written, or on the number of processes."""
    first, second = study.save(tmp_path / "a"), run(scenario(), 3, jobs=2).save(tmp_path / "b")
    for name in FILES:
        assert (first / name).read_bytes() == (second / name).read_bytes(), name
    assert first == study.save(tmp_path / "a")


def test_the_folder_is_named_by_what_was_asked(study: Study) -> None:
    """Another seed, number of replications or scenario is another folder; another engine is the same one."""
    digests = [
        study.digest(),
        run(scenario(), 3, seed=5).digest(),
        run(scenario(), 2).digest(),
        run(scenario(horizon="19m"), 3).digest(),
    ]
    assert 4 == len(set(digests))
    assert study.digest() == Study(study.scenario, "reference", study.records).digest()


def test_summary_json_is_for_programs(study: Study, tmp_path: Path) -> None:
    """Versioned; each estimate with value, ci, level, n, method and unit; null for no data, and no NaN."""
    text = (study.save(tmp_path) / "summary.json").read_text()
    assert "NaN" not in text
    facts = json.loads(text)
    assert 1 == facts["schema_version"]
    for part in ("measures", "pooled", "differences"):
        for estimate in facts[part]:
            assert {"value", "ci", "level", "n", "method", "unit", "endpoint"} <= set(estimate)
            assert estimate["ci"] is None or estimate["ci"][0] <= estimate["value"] <= estimate["ci"][1]
    p999 = next(one for one in facts["measures"] if one["measure"] == "p99.9")
    assert (None, None, 0) == (p999["value"], p999["ci"], p999["n"])
    assert "10,000" in p999["method"]


def test_csv_files_hold_the_frames(study: Study, tmp_path: Path) -> None:
    """Empty cells for no data; numbers to the last digit."""
    folder = study.save(tmp_path)
    frame = pd.read_csv(folder / "replications.csv", dtype={"latency_p95_ms": str})
    assert study.replications["latency_p95_ms"].tolist() == [float(text) for text in frame["latency_p95_ms"]]
    assert frame["latency_p999_ms"].isna().all()
    timeline = pd.read_csv(folder / "timeline.csv")
    assert ["on-demand"] * 20 + ["instance"] * 20 == timeline["endpoint"].tolist()


def test_an_interrupted_study_is_kept_too(study: Study, tmp_path: Path) -> None:
    """Two of three replications: read back, not complete."""
    part = Study(study.scenario, study.engine, study.records[:2])
    again = load_study(part.save(tmp_path))
    assert part == again
    assert not again.complete


def _change(folder: Path, **changes: Any) -> None:
    path = folder / "manifest.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))


def test_other_versions_are_refused(study: Study, tmp_path: Path) -> None:
    """The message names both versions."""
    folder = study.save(tmp_path)
    _change(folder, results_version=99)
    with pytest.raises(StudyError, match=f"version 99, this program reads version {RESULTS_VERSION}"):
        load_study(folder)


def test_changed_inputs_are_refused(study: Study, tmp_path: Path) -> None:
    """A scenario, data file or price sheet that is no longer what it was does not pass for the old one."""
    folder = study.save(tmp_path)
    _change(folder, scenario_digest="0" * 64)
    with pytest.raises(StudyError, match="changed since"):
        load_study(folder)


def test_folders_without_a_study_are_refused(study: Study, tmp_path: Path) -> None:
    """Nothing there, or the folder above: the message names what is in it."""
    with pytest.raises(StudyError, match="holds no study"):
        load_study(tmp_path / "nothing")
    folder = study.save(tmp_path)
    with pytest.raises(StudyError, match=f"folders in it are: {folder.name}"):
        load_study(folder.parent)


@pytest.mark.parametrize("name", ["records.jsonl", "manifest.json"])
def test_damaged_folders_are_refused(study: Study, tmp_path: Path, name: str) -> None:
    """A file cut in half is an error of this folder, not a traceback or a shorter study."""
    folder = study.save(tmp_path)
    content = (folder / name).read_bytes()
    (folder / name).write_bytes(content[: len(content) // 2])
    with pytest.raises(StudyError, match="damaged"):
        load_study(folder)


def test_missing_records_are_noticed(study: Study, tmp_path: Path) -> None:
    """Records of fewer replications than the manifest names."""
    folder = study.save(tmp_path)
    lines = (folder / "records.jsonl").read_bytes().splitlines(keepends=True)
    (folder / "records.jsonl").write_bytes(b"".join(lines[:2]))
    with pytest.raises(StudyError, match="do not go together"):
        load_study(folder)


def test_files_are_written_whole_or_not_at_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A write that fails half-way leaves the old file, and nothing beside it."""
    path = tmp_path / "file"
    write_whole(path, b"old")

    def fail(descriptor: int) -> None:
        raise OSError("disk full")

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(OSError, match="disk full"):
        write_whole(path, b"new and longer")
    assert b"old" == path.read_bytes()
    assert [path] == list(tmp_path.iterdir())


def test_what_cannot_be_written_is_reported(study: Study, tmp_path: Path) -> None:
    """A file where the folder should be: an error with its name."""
    (tmp_path / "small").write_text("in the way")
    with pytest.raises(StudyError, match="cannot be written"):
        study.save(tmp_path)


def test_a_study_is_not_saved_over_a_run_at_work(study: Study, tmp_path: Path) -> None:
    """Refused, and the files are as they were; what had been written as it should be is not written again."""
    folder = study.save(tmp_path)
    before = {path.name: (path.stat().st_ino, path.read_bytes()) for path in folder.iterdir()}
    with held(folder), pytest.raises(StudyError, match="another run of the same study is at work there"):
        study.save(tmp_path)
    assert before == {path.name: (path.stat().st_ino, path.read_bytes()) for path in folder.iterdir()}
    study.save(tmp_path, {"more.txt": b"more"})
    assert before["records.jsonl"] == ((folder / "records.jsonl").stat().st_ino, before["records.jsonl"][1])
    assert b"more" == (folder / "more.txt").read_bytes()
