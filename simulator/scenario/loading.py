"""A scenario from a file, standard input, text or a dict, with every problem and its place told at once."""

from __future__ import annotations

import copy
import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from pydantic import ValidationError

from simulator.errors import Problem, ScenarioError
from simulator.scenario.checks import problems_of_endpoints
from simulator.scenario.ends import with_assumptions
from simulator.scenario.finding import TAKEN_OUT, take_out
from simulator.scenario.model import Scenario
from simulator.scenario.overrides import apply_overrides
from simulator.scenario.places import READERS, Document, KeyPath, Places, path_text, read_yaml, value_text
from simulator.scenario.schema import Outline, json_schema
from simulator.scenario.wording import nearest, problems_of

_STDIN: Final = "-"


def load_scenario(
    source: str | os.PathLike[str] | Mapping[str, Any],
    overrides: Mapping[str, Any] | None = None,
    *,
    folder: str | os.PathLike[str] | None = None,
) -> Scenario:
    """A checked scenario.

    Parameters
    ----------
    source : str, path or mapping
        The path of a ``.yaml``, ``.toml`` or ``.json`` file; the name of a shipped scenario; ``-`` for YAML or
        JSON on standard input; YAML text (of two lines or more); or a mapping of the same shape as a file.
    overrides : mapping of str to anything, optional
        Path → value, as ``--set`` takes them: ``{"traffic.mean_rate": "4/s"}``.
    folder : path, optional
        Where the scenario's data files and price sheet are looked for; by default the folder of the file, or the
        working directory where there is no file.

    Raises
    ------
    ScenarioError
        If anything is wrong: all problems, each with its path and, for a file, its line and column.
    """
    return read_source(source, folder).scenario(overrides or {})


@dataclass(frozen=True)
class Source:
    """What a scenario is made from, read once: standard input can be read no second time.

    Parameters
    ----------
    document : Document
        Its text.
    name : str or None
        What it is called in messages.
    folder : Path
        Where its data files and price sheet are looked for.
    """

    document: Document
    name: str | None
    folder: Path

    def scenario(self, overrides: Mapping[str, Any]) -> Scenario:
        """The checked scenario with these overrides, as in `load_scenario`."""
        return _checked(copy.deepcopy(self.document), self.name, overrides, self.folder)

    def versions(self, versions: Mapping[str, Mapping[str, Any]]) -> list[Scenario]:
        """Checked scenarios that differ in a few values.

        Parameters
        ----------
        versions : mapping of str to mapping
            Name of each version → its overrides, as in `load_scenario`.

        Returns
        -------
        list of Scenario
            In the order of the versions.

        Raises
        ------
        ScenarioError
            If anything is wrong in any version: what is wrong in all of them is told once, everything else with the
            name of its version.
        """
        scenarios: list[Scenario] = []
        wrong: dict[Problem, list[str]] = {}
        for version, overrides in versions.items():
            try:
                scenarios.append(self.scenario(overrides))
            except ScenarioError as error:
                for problem in error.problems:
                    wrong.setdefault(problem, []).append(version)
        problems: list[Problem] = []
        for problem, found in wrong.items():
            if len(found) == len(versions):
                problems.append(problem)
            else:
                problems += [replace(problem, message=f"{problem.message} (at {one})") for one in found]
        if problems:
            raise ScenarioError(problems, self.name)
        return scenarios


def read_source(
    source: str | os.PathLike[str] | Mapping[str, Any], folder: str | os.PathLike[str] | None = None
) -> Source:
    """The source of scenarios; parameters and errors as those of `load_scenario`, what is in it is not checked yet."""
    document, name, home = _read(source)
    return Source(document, name, Path(folder) if folder is not None else home)


def _checked(document: Document, name: str | None, overrides: Mapping[str, Any], folder: Path) -> Scenario:
    """The scenario of a document, which is changed by the overrides."""
    if document.problems:
        raise ScenarioError(document.problems, name)
    if not isinstance(document.data, dict):
        what = "is empty" if document.data is None else f"holds {value_text(document.data)}"
        raise ScenarioError([Problem("", f"{what}; a scenario has keys: name, horizon, traffic, endpoints")], name)
    overridden = apply_overrides(document, overrides)
    context = {"folder": folder, TAKEN_OUT: True}
    assumptions, wrong = take_out(document.data)
    scenario = None
    try:
        scenario = Scenario.model_validate(document.data, context=context)
    except ValidationError as error:
        _tell(document, error, context, overridden)
    if assumptions or wrong:
        scenario = with_assumptions(scenario, document, assumptions, wrong, folder, overridden)
    if document.problems or scenario is None:
        raise ScenarioError(document.problems, name)
    return scenario


def _tell(document: Document, error: ValidationError, context: dict[str, Any], overridden: set[KeyPath]) -> None:
    """Add to a document all that is wrong in it, in the order of the file."""
    outline = Outline(json_schema(), document.data)
    found = problems_of(error, document.data, document.places, outline, overridden)
    wrong = {problem.path.partition(".")[0].partition("[")[0] for problem in found}
    told = {problem.path for problem in found}
    for path, message in problems_of_endpoints(document.data, context["folder"]):
        if path_text(path) not in told:
            found.append(Problem(path_text(path), message, *(document.places.value(path) or (None, None))))
    # Fields are held against each other only where each is right: look again without those that may be left out.
    # Without the model every endpoint would seem to lack its times.
    if "model" not in wrong:
        rest = {key: value for key, value in document.data.items() if key not in wrong}
        try:
            Scenario.model_validate(rest, context=context)
        except ValidationError as behind:
            known = {problem.path for problem in found}
            for problem in problems_of(behind, document.data, document.places, outline, overridden):
                if problem.path not in known | wrong:
                    found.append(problem)
    document.problems += found
    document.problems.sort(key=lambda problem: (problem.line or 0, problem.column or 0))


def shipped_scenarios() -> dict[str, Path]:
    """Name → file of the scenarios that come with the package."""
    package = Path(__file__).parent.parent
    # Inside the package when it is installed; beside it in a working copy.
    folder = next((f for f in (package / "scenarios", package.parent / "scenarios") if f.is_dir()), None)
    return {file.stem: file for file in sorted(folder.glob("*.yaml"))} if folder else {}


def _read(source: str | os.PathLike[str] | Mapping[str, Any]) -> tuple[Document, str | None, Path]:
    """The document, the name it has in messages, and its folder."""
    if isinstance(source, Mapping):
        return Document(copy.deepcopy(dict(source)), Places()), None, Path.cwd()
    if isinstance(source, str) and "\n" in source:
        return read_yaml(source), None, Path.cwd()
    if source == _STDIN:
        return read_yaml(_decoded(sys.stdin.buffer.read(), "<stdin>")), "<stdin>", Path.cwd()
    path = _file(source)
    try:
        text = _decoded(path.read_bytes(), str(source))
    except OSError as error:
        raise ScenarioError([Problem("", f"cannot be read: {error.strerror or error}")], str(source)) from error
    return READERS.get(path.suffix.lower(), read_yaml)(text), str(source), path.parent


def _file(source: str | os.PathLike[str]) -> Path:
    path, shipped = Path(source), shipped_scenarios()
    if path.exists():
        return path
    if str(source) in shipped:
        return shipped[str(source)]
    near = nearest(path.stem, shipped).removeprefix("known: ")
    hint = f"; shipped scenarios: {near}" if shipped else ""
    raise ScenarioError([Problem("", f"no such file{hint}")], str(source))


def _decoded(content: bytes, name: str) -> str:
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        raise ScenarioError([Problem("", f"not UTF-8 text (byte {error.start})", line)], name) from error
