"""The folder of a study while it runs: what was finished before, and a journal for what is to come."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from simulator.errors import StudyError
from simulator.files import write_whole
from simulator.scenario.model import Scenario
from simulator.study.folder import cannot_be_written, held
from simulator.study.journal import RECORDS, Journal, Kept, count_records, read_records
from simulator.study.manifest import MANIFEST, manifest_of, manifest_text, read_manifest, study_folder, what_differs

Resume = Literal["if_possible", "always", "never"]


@dataclass(frozen=True)
class Found:
    """What is in the folder of a study before it runs.

    Parameters
    ----------
    folder : Path
        It need not be there.
    replications : int
        That have finished.
    why_not : str
        Why they cannot be used; empty if they can.
    """

    folder: Path
    replications: int
    why_not: str


def what_is_there(scenario: Scenario, engine: str, results: Path) -> Found:
    """What an earlier run has left of a study; parameters as those of `kept`."""
    folder = study_folder(scenario, results)
    try:
        count, damage = count_records(folder / RECORDS)
    except OSError as error:
        return Found(folder, 0, _unreadable(error))
    return Found(folder, count, _why_not(folder, manifest_of(scenario, engine, folder)) or damage)


@contextmanager
def kept(
    scenario: Scenario, engine: str, results: Path, resume: Resume, folder: Path | None = None
) -> Iterator[Journal]:
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
    folder : Path, optional
        Of the study, where its records are not those of `replicate` alone.

    Raises
    ------
    StudyError
        If the folder cannot be written to, if another run is at work in it, or if `resume` is "always" and nothing
        in it can be used.
    """
    folder = study_folder(scenario, results) if folder is None else folder
    wanted = manifest_of(scenario, engine, folder)
    if resume == "always" and not (folder / MANIFEST).exists():
        raise _not_to_be_resumed(folder, _why_not(folder, wanted))
    with held(folder):
        # Looked at under the lock: another run may have ended a moment ago.
        why_not, usable = _usable(folder, wanted)
        if resume == "always" and why_not:
            raise _not_to_be_resumed(folder, why_not)
        with closing(Journal(folder / RECORDS, Kept({}, 0) if resume == "never" else usable)) as journal:
            try:
                # After what cannot be used is gone, so that it never passes for what this program made.
                write_whole(folder / MANIFEST, manifest_text(wanted))
            except OSError as error:
                raise cannot_be_written(folder / MANIFEST, error, len(journal.records)) from error
            yield journal


def _usable(folder: Path, wanted: dict[str, Any]) -> tuple[str, Kept]:
    """Why the replications in a folder cannot be used, empty if they can, and those that can."""
    nothing = Kept({}, 0)
    why_not = _why_not(folder, wanted)
    if why_not:
        return why_not, nothing
    try:
        found = read_records(folder / RECORDS)
    except OSError as error:
        return _unreadable(error), nothing
    return found.damage, nothing if found.damage else found


def _why_not(folder: Path, wanted: dict[str, Any]) -> str:
    if not (folder / MANIFEST).exists():
        others = sorted(one.parent.name for one in folder.parent.glob(f"*/{MANIFEST}"))
        hint = f"; there are other studies of a scenario of that name: {', '.join(others)}" if others else ""
        return f"it holds no study{hint}"
    try:
        return what_differs(read_manifest(folder), wanted) or ""
    except StudyError as error:
        return str(error).removeprefix(f"{folder}: ")


def _unreadable(error: OSError) -> str:
    return f"{RECORDS} cannot be read: {error.strerror or error}"


def _not_to_be_resumed(folder: Path, why_not: str) -> StudyError:
    return StudyError(f"{folder}: cannot be resumed: {why_not}")
