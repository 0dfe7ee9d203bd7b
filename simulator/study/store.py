"""The folder of a study: files written whole or not at all, and read back to an equal study.

``manifest.json`` says what the folder holds, ``records.jsonl`` has a line of whole numbers for each replication that
finished (`study.journal`). These two are read back, and ``open-loop.json`` beside a closed population; the other files
are made from them for people and other programs.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from simulator.errors import ScenarioError, StudyError
from simulator.files import write_whole
from simulator.scenario.loading import load_scenario
from simulator.study.folder import cannot_be_written, held
from simulator.study.journal import RECORDS, count_records, lines_of, read_records
from simulator.study.manifest import MANIFEST, manifest_of, manifest_text, read_manifest, study_folder
from simulator.study.open_loop import OPEN_LOOP, read_open_loop
from simulator.study.results import Study

if TYPE_CHECKING:
    import pandas as pd

    from simulator.study.precision import PrecisionState

#: Version of ``summary.json``: goes up when a key changes its meaning or goes away.
SUMMARY_VERSION: Final = 1


def save_study(study: Study, results: Path, also: Mapping[str, bytes] | None = None) -> Path:
    """Write the folder ``<results>/<scenario>/<digest>``; files of an earlier run of the same study are replaced.

    Parameters
    ----------
    study : Study
    results : Path
        Folder of all results.
    also : mapping of str to bytes, optional
        More files for the folder: their names and contents.

    Returns
    -------
    Path
        The folder.

    Raises
    ------
    StudyError
        If it cannot be written, or if a run of the same study is at work there.
    """
    folder = study_folder(study.scenario, results)
    state = {
        "finished": [record.number for record in study.records],
        "complete": study.complete,
        "results_digest": study.results_digest(),
    }
    files = {
        RECORDS: lines_of(study.records),
        "replications.csv": _csv(study.replications),
        "bill.csv": _csv(study.bill_lines()),
        "timeline.csv": _csv(_timelines(study)),
        **({"assumptions.csv": _csv(study.assumptions_drawn())} if study.scenario.assumed else {}),
        "summary.json": _json(summary_facts(study)),
        **({} if study.open_loop is None else {OPEN_LOOP: study.open_loop.content()}),
        **(also or {}),
        # Last, because it names the replications that the others are made from.
        MANIFEST: manifest_text({**manifest_of(study.scenario, study.engine, folder), **state}),
    }
    with held(folder):
        if study.open_loop is None:
            with suppress(OSError):  # what stays behind stands beside other results, and is passed over
                (folder / OPEN_LOOP).unlink()
        for name, content in files.items():
            path = folder / name
            try:
                # Journals of one process are in order already; to write them again would need as much room again.
                if name != RECORDS or not path.exists() or path.read_bytes() != content:
                    write_whole(path, content)
            except OSError as error:
                raise cannot_be_written(path, error, count_records(folder / RECORDS)[0]) from error
    return folder


def load_study(path: str | os.PathLike[str]) -> Study:
    """The study in a folder that `run` or `Study.save` made; of one that is still running, what has finished.

    Raises
    ------
    StudyError
        If the folder holds no study, is damaged, is of another version of results, or if its scenario, data files or
        prices are no longer what they were.
    """
    folder = Path(path)
    manifest = read_manifest(folder)
    try:
        scenario = load_scenario(manifest["scenario"], folder=folder / manifest["folder"])
        engine, digest, finished = manifest["engine"], manifest["scenario_digest"], manifest.get("finished")
        found = read_records(folder / RECORDS)
    except ScenarioError as error:
        raise StudyError(f"{folder}: its scenario cannot be read any more:\n{error}") from error
    except OSError as error:
        raise StudyError(f"{folder / RECORDS}: cannot be read: {error.strerror or error}") from error
    except (KeyError, TypeError, ValueError) as error:
        raise StudyError(f"{folder}: is damaged ({error})") from error
    if scenario.digest() != digest:
        raise StudyError(f"{folder}: the scenario's data files or prices have changed since; run it again")
    if found.damage:
        raise StudyError(f"{folder}: is damaged ({found.damage})")
    records = found.records
    if finished is not None and finished != sorted(records):
        raise StudyError(f"{folder}: is damaged (records and manifest do not go together)")
    study = Study(scenario, engine, tuple(records[number] for number in sorted(records)))
    if not (folder / OPEN_LOOP).exists():
        return study
    return replace(study, open_loop=read_open_loop(folder / OPEN_LOOP, study.results_digest()))


def summary_facts(study: Study) -> dict[str, Any]:
    """``summary.json``: every estimate as {"value", "ci", "level", "n", "method", "unit"}; null is no data."""

    def estimates(frame: pd.DataFrame, keys: tuple[str, ...], value: str, unit: str | None) -> list[dict[str, Any]]:
        return [
            {
                **{key: row[key] for key in keys},
                "value": row[value],
                "ci": None if row["ci_low"] is None else [row["ci_low"], row["ci_high"]],
                **{key: row[key] for key in ("level", "n", "method")},
                "unit": unit or row["unit"],
            }
            for row in _rows(frame)
        ]

    return {
        "schema_version": SUMMARY_VERSION,
        "scenario": study.scenario.name,
        "digest": study.digest(),
        "seed": study.seed,
        "complete": study.complete,
        "results_digest": study.results_digest(),
        "precision": None if study.precision is None else _precision_facts(study.precision),
        "measures": estimates(study.summary(), ("endpoint", "measure"), "value", None),
        "pooled": estimates(study.pooled(), ("endpoint", "percentile"), "value_ms", "ms"),
        "differences": estimates(
            study.differences(), ("endpoint", "baseline", "measure", "verdict", "decided"), "value", None
        ),
        "objectives": _rows(study.objectives()),
        "traffic": _rows(study.traffic()),
        "assumptions": study.assumptions(),
        "prices": study.price_remarks(),
        "notes": study.notes(),
        **({} if study.open_loop is None else {"open_loop": study.open_loop.facts()}),
    }


def _precision_facts(state: PrecisionState) -> dict[str, Any]:
    return {
        **state.precision.model_dump(exclude_none=True),
        "met": state.met,
        "replications": state.replications,
        "decided_by": state.endpoint,
        "half_width": state.half_width,
        "target": state.target,
        "replications_needed": state.needed,
    }


def _rows(frame: pd.DataFrame) -> list[dict[str, Any]]:
    """Rows of a frame as plain Python values; NA as None."""
    import pandas as pd

    def plain(cell: Any) -> Any:
        return None if cell is pd.NA else cell.item() if isinstance(cell, np.generic) else cell

    return [{str(key): plain(cell) for key, cell in row.items()} for row in frame.to_dict("records")]


def _timelines(study: Study) -> pd.DataFrame:
    import pandas as pd

    frames = []
    for endpoint in study.scenario.endpoints:
        frame = study.timeline(endpoint.name)
        frame.insert(0, "endpoint", endpoint.name)
        frames.append(frame)
    return pd.concat(frames, ignore_index=True)


def _csv(frame: pd.DataFrame) -> bytes:
    text: str = frame.to_csv(index=False, lineterminator="\n")
    return text.encode()


def _json(value: Any) -> bytes:
    return (json.dumps(value, indent=1, ensure_ascii=False, allow_nan=False) + "\n").encode()
