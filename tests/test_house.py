"""The shape of the package: one direction of imports, short modules, telling names, nothing heavy at import."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "simulator"

#: room → rooms it may import. What is not listed may import nothing of ours.
MAY_IMPORT: dict[str, set[str]] = {
    "errors": set(),
    "units": set(),
    "streams": set(),
    "files": set(),
    "compiling": set(),
    "engines": {"units", "errors", "compiling"},
    "distributions": {"units", "errors", "streams"},
    "traffic": {"units", "errors", "streams", "distributions"},
    "prices": {"units", "errors"},
    "endpoints": {"units", "errors", "engines", "prices", "distributions"},
    "scenario": {
        "units",
        "errors",
        "streams",
        "engines",
        "distributions",
        "traffic",
        "prices",
        "endpoints",
        "measures",
    },
    "demand": {"units", "errors", "streams", "engines", "distributions", "traffic", "endpoints", "scenario"},
    "measures": {"units", "errors", "compiling", "engines", "prices", "endpoints", "distributions"},
    "study": {
        *("units", "errors", "streams", "engines", "distributions", "traffic", "prices", "endpoints"),
        *("scenario", "demand", "measures", "files"),
    },
    "questions": {
        *("units", "errors", "streams", "engines", "traffic", "prices", "endpoints"),
        *("scenario", "demand", "measures", "study"),
    },
    "report": {
        *("units", "errors", "engines", "traffic", "prices", "endpoints", "scenario", "measures", "study", "questions"),
    },
    "cli": {
        *("units", "errors", "streams", "engines", "distributions", "traffic", "prices", "endpoints"),
        *("scenario", "demand", "measures", "study", "questions", "report", "files"),
    },
    "__main__": {"cli"},
    "__init__": {"demand", "engines", "errors", "scenario", "study"},
}
FORBIDDEN_NAMES = {"utils", "core", "common", "base", "helpers", "misc", "tools"}
MODULES = sorted(PACKAGE.rglob("*.py"))


def room_of(path: Path) -> str:
    """The room that a module stands in: its folder below the package, or its own name."""
    first = path.relative_to(PACKAGE).parts[0]
    return first.removesuffix(".py")


def imports_of(path: Path) -> set[str]:
    """Rooms that a module imports, anywhere in it, also lazily; imports for type checking do not count."""
    rooms = set()
    tree = ast.parse(path.read_text(encoding="utf-8"))
    skipped = {
        id(inner)
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test)
        for statement in node.body
        for inner in ast.walk(statement)
    }
    for node in ast.walk(tree):
        if id(node) in skipped:
            continue
        if isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
            names = (
                [f"{node.module}.{alias.name}" for alias in node.names] if node.module == "simulator" else [node.module]
            )
        elif isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        else:
            continue
        rooms |= {name.split(".")[1] for name in names if name.startswith("simulator.")}
    return rooms


def test_every_room_is_in_the_table() -> None:
    """A new room has to say what it may import."""
    assert {room_of(path) for path in MODULES} <= set(MAY_IMPORT)


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_imports_go_one_way(path: Path) -> None:
    """Each module imports only from rooms before its own."""
    room = room_of(path)
    assert imports_of(path) - {room, "__version__"} <= MAY_IMPORT[room]


def test_the_table_has_no_cycle() -> None:
    """No room can reach itself."""

    def reaches(start: str, seen: set[str]) -> set[str]:
        for room in MAY_IMPORT.get(start, set()) - seen:
            seen.add(room)
            reaches(room, seen)
        return seen

    assert [] == [room for room in MAY_IMPORT if room in reaches(room, set())]


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_modules_are_short_and_named_by_what_they_know(path: Path) -> None:
    """No module above 500 lines, none called utils or the like."""
    assert len(path.read_text(encoding="utf-8").splitlines()) <= 500
    assert path.stem not in FORBIDDEN_NAMES


def test_importing_the_package_costs_nothing() -> None:
    """`import simulator` brings none of the heavy libraries."""
    heavy = "numpy scipy pandas matplotlib numba simpy pydantic"
    code = f"import simulator, sys; print([m for m in {heavy.split()!r} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "[]" == done.stdout.strip()


def test_every_public_name_can_be_imported() -> None:
    """Each name of the public interface leads to something."""
    import simulator

    assert [] == [name for name in simulator.__all__ if getattr(simulator, name, None) is None]
