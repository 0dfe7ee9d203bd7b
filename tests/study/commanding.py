"""The command that runs a study, told to work in one folder, and what it leaves there."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from click.testing import Result

from simulator.study.journal import RECORDS, count_records
from simulator.study.results import Study
from simulator.study.run import Progress
from tests.study.scenarios import BASE

#: 1.2 million requests on each of two endpoints in each of 12 replications: about a quarter of a second each.
LONG: dict[str, Any] = {
    **BASE,
    "name": "long",
    "replications": 12,
    "traffic": {"kind": "poisson", "mean_rate": "1000/s"},
}
#: Runs the command in this process; what it said, and all that was told of its progress.
Counted = Callable[..., tuple[Result, list[Progress]]]


def file(folder: Path, **changes: Any) -> None:
    """Write the scenario that `arguments` names."""
    (folder / "scenario.json").write_text(json.dumps({**LONG, **changes}))


def arguments(folder: Path, *options: str) -> list[str]:
    """Of the command that runs the scenario in a folder."""
    return ["run", str(folder / "scenario.json"), "--results", str(folder / "results"), *options]


def study_folder(folder: Path) -> Path:
    """The only folder of a study."""
    (path,) = (folder / "results").glob("*/*")
    assert path.is_dir()
    return path


def kept(folder: Path) -> int:
    """Replications of the only study that are on disk."""
    return sum(count_records(path)[0] for path in (folder / "results").glob(f"*/*/{RECORDS}"))


def check_counts(calls: list[Progress], before: Study, after: Study) -> None:
    """No replication that was on disk was simulated again: the requests of the others were, to the last one."""
    there = {record.number for record in before.records}
    missing = [record for record in after.records if record.number not in there]
    if not missing:
        assert [] == calls
        return
    assert len(there) == calls[0].finished
    assert sum(len(record.measured) * record.requests for record in missing) == calls[-1].requests
    assert sum(len(record.measured) * record.requests for record in before.records) == calls[0].before
