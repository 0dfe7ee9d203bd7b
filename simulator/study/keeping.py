"""The folder of a study while it runs: what was finished before, and a journal for what is to come."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from simulator.errors import StudyError
from simulator.scenario.model import Scenario
from simulator.study.journal import RECORDS, Journal
from simulator.study.manifest import MANIFEST, manifest_of, read_manifest, study_folder, what_differs, write_manifest

Resume = Literal["if_possible", "always", "never"]


@dataclass(frozen=True)
class Found:
    """What is in the folder of a study before it runs.

    Parameters
    ----------
    folder : Path
    replications : int
        That have finished.
    why_not : str or None
        Why they cannot be used; None if they can.
    """

    folder: Path
    replications: int
    why_not: str | None


def what_is_there(scenario: Scenario, engine: str, results: Path) -> Found:
    """What an earlier run has left of a study; parameters as those of `kept`."""
    folder = study_folder(scenario, results)
    try:
        with (folder / RECORDS).open("rb") as file:
            lines = sum(line.endswith(b"\n") for line in file)
    except OSError:
        lines = 0
    return Found(folder, lines, _why_not(folder, manifest_of(scenario, engine, folder)))


@contextmanager
def kept(scenario: Scenario, engine: str, results: Path, resume: Resume) -> Iterator[Journal]:
    """The journal of a study, with the replications that can be used.

    Parameters
    ----------
    scenario : Scenario
        With seed and replications of the study.
    engine : {"compiled", "reference"}
        Which engine.
    results : Path
        Folder of all results.
    resume : {"if_possible", "always", "never"}
        What to do with replications that are there.

    Raises
    ------
    StudyError
        If the folder cannot be written to, if another run is at work in it, or if `resume` is "always" and nothing
        in it can be used.
    """
    folder = study_folder(scenario, results)
    wanted = manifest_of(scenario, engine, folder)
    why_not = _why_not(folder, wanted)
    if resume == "always" and why_not is not None:
        raise StudyError(f"{folder}: cannot be resumed: {why_not}")
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StudyError(f"{folder}: cannot be written: {error.strerror or error}") from error
    with closing(Journal(folder / RECORDS, anew=resume == "never" or why_not is not None)) as journal:
        try:
            write_manifest(folder, wanted)
        except OSError as error:
            raise StudyError(f"{folder}: cannot be written: {error.strerror or error}") from error
        yield journal


def _why_not(folder: Path, wanted: dict[str, object]) -> str | None:
    """Why the replications in a folder cannot be used, None if they can."""
    if not (folder / MANIFEST).exists():
        others = sorted(one.parent.name for one in folder.parent.glob(f"*/{MANIFEST}"))
        hint = f"; there are other studies of a scenario of that name: {', '.join(others)}" if others else ""
        return f"it holds no study{hint}"
    try:
        return what_differs(read_manifest(folder), wanted)
    except StudyError as error:
        return str(error)
