"""The folder of a study: files written whole or not at all, and read back to an equal study.

``manifest.json`` is written last, so that a folder without it is not a study. ``records.json`` and
``histograms.npz`` hold whole numbers and are what is read back; the other files are made from them for people and
other programs.
"""

from __future__ import annotations

import io
import json
import os
import platform
import zipfile
from dataclasses import asdict, fields
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from simulator.errors import ScenarioError, StudyError
from simulator.files import write_whole
from simulator.measures.histogram import Histogram
from simulator.measures.measured import Measured
from simulator.measures.percentiles import Level
from simulator.measures.timeline import Timeline
from simulator.measures.usage import Usage
from simulator.scenario.loading import load_scenario
from simulator.study.replicate import Record
from simulator.study.results import RESULTS_VERSION, Study

if TYPE_CHECKING:
    import pandas as pd

#: Version of ``summary.json``: goes up when a key changes its meaning or goes away.
SUMMARY_VERSION: Final = 1
_SERIES: Final = tuple(f.name for f in fields(Timeline) if f.name not in {"period_ns", "horizon_ns"})
_PACKAGES: Final = ("numpy", "scipy", "pandas", "numba")


def save_study(study: Study, results: Path) -> Path:
    """Write the folder ``<results>/<scenario>/<digest>``; files of an earlier run of the same study are replaced.

    Returns
    -------
    Path
        The folder.

    Raises
    ------
    StudyError
        If it cannot be written.
    """
    folder = results / study.scenario.name / study.digest()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        write_whole(folder / "records.json", _json([_record_facts(record) for record in study.records]))
        write_whole(folder / "histograms.npz", _arrays(study))
        write_whole(folder / "replications.csv", _csv(study.replications))
        write_whole(folder / "bill.csv", _csv(study.bill_lines()))
        write_whole(folder / "timeline.csv", _csv(_timelines(study)))
        write_whole(folder / "summary.json", _json(summary_facts(study)))
        write_whole(folder / "manifest.json", _json(_manifest(study, folder)))
    except OSError as error:
        raise StudyError(f"{folder}: cannot be written: {error.strerror or error}") from error
    return folder


def load_study(path: str | os.PathLike[str]) -> Study:
    """The study in a folder that `Study.save` made.

    Raises
    ------
    StudyError
        If the folder holds no study, is damaged, is of another version of results, or if its scenario, data files or
        prices are no longer what they were.
    """
    folder = Path(path)
    manifest = _read(folder / "manifest.json", folder)
    version = manifest.get("results_version")
    if version != RESULTS_VERSION:
        raise StudyError(
            f"{folder}: results of version {version}, this program reads version {RESULTS_VERSION}; run it again"
        )
    try:
        scenario = load_scenario(manifest["scenario"], folder=folder / manifest["folder"])
        facts = _read(folder / "records.json", folder)
        with np.load(io.BytesIO((folder / "histograms.npz").read_bytes())) as arrays:
            records = tuple(_record(fact, arrays) for fact in facts)
        study = Study(scenario, manifest["engine"], records)
        digests, numbers = manifest["scenario_digest"], manifest["finished"]
    except ScenarioError as error:
        raise StudyError(f"{folder}: its scenario cannot be read any more:\n{error}") from error
    except (KeyError, TypeError, ValueError, OSError, zipfile.BadZipFile) as error:
        raise StudyError(f"{folder}: is damaged ({error})") from error
    if scenario.digest() != digests:
        raise StudyError(f"{folder}: the scenario's data files or prices have changed since; run it again")
    if [record.number for record in records] != numbers:
        raise StudyError(f"{folder}: is damaged (records and manifest do not go together)")
    return study


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
    }


def _rows(frame: pd.DataFrame) -> list[dict[str, Any]]:
    """Rows of a frame as plain Python values; NA as None."""
    import pandas as pd

    def plain(cell: Any) -> Any:
        return None if cell is pd.NA else cell.item() if isinstance(cell, np.generic) else cell

    return [{str(key): plain(cell) for key, cell in row.items()} for row in frame.to_dict("records")]


def _manifest(study: Study, folder: Path) -> dict[str, Any]:
    from importlib.metadata import version

    from simulator import __version__

    try:
        # Relative, so that a project can be moved as a whole.
        data_folder = os.path.relpath(study.scenario.folder.resolve(), folder.resolve())
    except ValueError:
        data_folder = str(study.scenario.folder.resolve())
    return {
        "results_version": RESULTS_VERSION,
        "digest": study.digest(),
        "scenario_digest": study.scenario.digest(),
        "seed": study.seed,
        "engine": study.engine,
        "requested": study.requested,
        "finished": [record.number for record in study.records],
        "complete": study.complete,
        "prices": {"id": study.scenario.price_sheet.id, "digest": study.scenario.price_sheet.digest},
        "versions": {
            "endpointsim": __version__,
            "python": platform.python_version(),
            **{package: version(package) for package in _PACKAGES},
        },
        "folder": data_folder.replace(os.sep, "/"),
        "scenario": study.scenario.resolved(),
    }


def _record_facts(record: Record) -> dict[str, Any]:
    return {
        "number": record.number,
        "traffic": record.traffic,
        "timelines": {name: [one.period_ns, one.horizon_ns] for name, one in record.timelines.items()},
        "measured": {name: _measured_facts(one) for name, one in record.measured.items()},
    }


def _measured_facts(measured: Measured) -> dict[str, Any]:
    facts = {f.name: getattr(measured, f.name) for f in fields(Measured) if f.name != "histogram"}
    facts["percentiles_ns"] = [[str(level.share), value] for level, value in measured.percentiles_ns]
    facts["usage"] = asdict(measured.usage)
    return facts


def _record(facts: dict[str, Any], arrays: Any) -> Record:
    number = facts["number"]
    measured = {
        name: Measured(
            **{
                **one,
                "throttled": tuple(one["throttled"]),
                "percentiles_ns": tuple((Level(Fraction(share)), value) for share, value in one["percentiles_ns"]),
                "below": tuple((limit, count) for limit, count in one["below"]),
                "histogram": Histogram(*(arrays[f"{number}/{name}/{part}"] for part in ("bins", "counts"))),
                "usage": Usage(**one["usage"]),
            }
        )
        for name, one in facts["measured"].items()
    }
    timelines = {
        name: Timeline(period_ns, horizon_ns, *(arrays[f"{number}/{name}/{series}"] for series in _SERIES))
        for name, (period_ns, horizon_ns) in facts["timelines"].items()
    }
    return Record(number, facts["traffic"], measured, timelines)


def _arrays(study: Study) -> bytes:
    """Histograms of every record, and timelines, as a compressed archive of int64 arrays."""
    arrays: dict[str, NDArray[np.int64]] = {}
    for record in study.records:
        for name, measured in record.measured.items():
            arrays[f"{record.number}/{name}/bins"] = measured.histogram.bins
            arrays[f"{record.number}/{name}/counts"] = measured.histogram.counts
        for name, timeline in record.timelines.items():
            arrays |= {f"{record.number}/{name}/{series}": getattr(timeline, series) for series in _SERIES}
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **arrays)  # type: ignore[arg-type]
    return buffer.getvalue()


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


def _read(path: Path, folder: Path) -> Any:
    try:
        return json.loads(path.read_bytes())
    except FileNotFoundError:
        inside = sorted(one.parent.name for one in folder.glob("*/manifest.json"))
        hint = f"; folders in it are: {', '.join(inside)}" if inside else ""
        raise StudyError(f"{folder}: holds no study ({path.name} is missing){hint}") from None
    except OSError as error:
        raise StudyError(f"{path}: cannot be read: {error.strerror or error}") from error
    except ValueError as error:
        raise StudyError(f"{path}: is damaged ({error})") from error
