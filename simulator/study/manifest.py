"""``manifest.json``: which study a folder holds, and what made it."""

from __future__ import annotations

import hashlib
import json
import os
import platform
from collections.abc import Mapping
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

from simulator import __version__
from simulator.errors import StudyError
from simulator.scenario.model import Scenario

#: Goes up when the same scenario and seed give other results, or when the files change their form.
RESULTS_VERSION: Final = 3
MANIFEST: Final = "manifest.json"
#: Packages whose arithmetic goes into results; another version may change the last bit.
_ARITHMETIC: Final = ("numpy", "scipy", "numba")


def study_digest(scenario: Scenario) -> str:
    """Name of the results: a digest of scenario, data files, prices, seed and version of results."""
    text = f"{RESULTS_VERSION} {scenario.seed} {scenario.digest()}"
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def study_folder(scenario: Scenario, results: Path) -> Path:
    """The folder of a study below the folder of all results."""
    return results / scenario.name / study_digest(scenario)


@cache
def _program_digest() -> str:
    """Digest of the program's own modules: another program may give other results under the same version."""
    package = Path(__file__).parent.parent
    digest = hashlib.sha256()
    for path in sorted(package.rglob("*.py")):
        digest.update(path.relative_to(package).as_posix().encode())
        digest.update(path.read_bytes())
    return digest.hexdigest()[:16]


@cache
def made_by() -> dict[str, str]:
    """Version of each thing that the last bit of a result depends on."""
    packages = {package: version(package) for package in _ARITHMETIC}
    return {"endpointsim": __version__, "program": _program_digest(), **packages}


def manifest_of(scenario: Scenario, engine: str, folder: Path) -> dict[str, Any]:
    """What a study is, before anything has been simulated."""
    try:
        # Relative, so that a project can be moved as a whole.
        data_folder = os.path.relpath(scenario.folder.resolve(), folder.resolve())
    except ValueError:
        data_folder = str(scenario.folder.resolve())
    return {
        "results_version": RESULTS_VERSION,
        "digest": study_digest(scenario),
        "scenario_digest": scenario.digest(),
        "seed": scenario.seed,
        "engine": engine,
        "requested": scenario.replications,
        "prices": {"id": scenario.price_sheet.id, "digest": scenario.price_sheet.digest},
        "versions": {
            **made_by(),
            "python": platform.python_version(),
            "pandas": version("pandas"),
        },
        "folder": data_folder.replace(os.sep, "/"),
        "scenario": scenario.resolved(),
    }


def manifest_text(facts: dict[str, Any]) -> bytes:
    """Content of the file."""
    return (json.dumps(facts, indent=1, ensure_ascii=False) + "\n").encode()


def read_manifest(folder: Path) -> dict[str, Any]:
    """The manifest of a folder.

    Raises
    ------
    StudyError
        If there is none, or if it is damaged or of another version of results.
    """
    path = folder / MANIFEST
    try:
        facts = json.loads(path.read_bytes())
        found = facts["results_version"]
    except FileNotFoundError:
        inside = sorted(one.parent.name for one in folder.glob(f"*/{MANIFEST}"))
        hint = f"; folders in it are: {', '.join(inside)}" if inside else ""
        raise StudyError(f"{folder}: holds no study ({MANIFEST} is missing){hint}") from None
    except OSError as error:
        raise StudyError(f"{path}: cannot be read: {error.strerror or error}") from error
    except (ValueError, KeyError, TypeError) as error:
        raise StudyError(f"{path}: is damaged ({error})") from error
    if found != RESULTS_VERSION:
        raise StudyError(
            f"{folder}: results of version {found}, this program reads version {RESULTS_VERSION}; run it again"
        )
    assert isinstance(facts, dict)
    return facts


def what_differs(found: dict[str, Any], wanted: dict[str, Any]) -> str | None:
    """Why the replications of one study cannot be used in another, None if they can.

    Parameters
    ----------
    found, wanted : dict
        Manifests of one version of results.
    """
    if found.get("digest") != wanted["digest"] or found.get("scenario_digest") != wanted["scenario_digest"]:
        return "it is of another scenario"
    if found.get("engine") != wanted["engine"]:
        return f"it was simulated by the {found.get('engine')} engine, not by the {wanted['engine']} one"
    versions = found.get("versions", {})
    if versions.get("program") != wanted["versions"]["program"] and versions.get("endpointsim") == __version__:
        return "the program has been changed since"
    difference = other_version(versions)
    return f"it was simulated with {difference}" if difference else None


def other_version(theirs: Mapping[str, Any]) -> str:
    """The first version that is not that of this process, as "numpy 2.3.1, here is 2.4.6"; empty if there is none."""
    for name, here in made_by().items():
        if theirs.get(name) != here:
            return f"{name} {theirs.get(name)}, here is {here}"
    return ""
