"""Copies of the reference engine in which a rule is misread: text of its source is replaced by other text."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Sequence
from functools import cache
from importlib.abc import InspectLoader, MetaPathFinder
from importlib.machinery import ModuleSpec
from importlib.util import spec_from_loader
from pathlib import Path
from types import CodeType, ModuleType
from typing import NamedTuple

from simulator.engines import reference

#: Text, and what stands in its place.
Change = tuple[str, str]


class Fault(NamedTuple):
    """What is wrong, in words; the text replaced and the text put in its place, and further such pairs."""

    words: str
    old: str
    new: str
    also: tuple[Change, ...] = ()

    @property
    def changes(self) -> tuple[Change, ...]:
        """All that is replaced."""
        return ((self.old, self.new), *self.also)


_PACKAGE = reference.__name__
_COPY = "faulty_reference"
_FOLDER = Path(reference.__file__).parent
SOURCES = {
    f"{_PACKAGE}.{path.stem}".removesuffix(".__init__"): path.read_text(encoding="utf-8")
    for path in sorted(_FOLDER.glob("*.py"))
}


@cache
def _code(name: str, source: str) -> CodeType:
    """Compiled once for all copies in which it is the same."""
    return compile(source, f"<{name}>", "exec")


class _Sources(MetaPathFinder, InspectLoader):
    """Finds and loads the modules of a copy."""

    def __init__(self, sources: dict[str, str]) -> None:
        self._sources = sources

    def find_spec(
        self, fullname: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Of a module of the copy."""
        return spec_from_loader(fullname, self) if fullname in self._sources else None

    def is_package(self, fullname: str) -> bool:
        """The copy itself is."""
        return fullname == _COPY

    def get_source(self, fullname: str) -> str:
        """Its text."""
        return self._sources[fullname]

    def get_code(self, fullname: str) -> CodeType:
        """Its text, compiled."""
        return _code(fullname, self._sources[fullname])


def engine_with(*changes: Change) -> ModuleType:
    """The reference engine with some changes, as a package of its own; its module `account` is there, too.

    Each text that is replaced has to occur once in the whole engine, so that it is known what is changed.
    """
    for old, _ in changes:
        assert 1 == sum(source.count(old) for source in SOURCES.values()), f"{old!r} must occur once"
    changed = {}
    for name, source in SOURCES.items():
        for number, (old, _) in enumerate(changes):  # first all out, so that nothing put in is replaced again
            source = source.replace(old, f"\0{number}\0")
        for number, (_, new) in enumerate(changes):
            source = source.replace(f"\0{number}\0", new)
        changed[name.replace(_PACKAGE, _COPY)] = source.replace(_PACKAGE, _COPY)
    finder = _Sources(changed)
    sys.meta_path.insert(0, finder)
    try:
        engine = importlib.import_module(_COPY)
        importlib.import_module(f"{_COPY}.account")
    finally:
        sys.meta_path.remove(finder)
        for name in changed:
            sys.modules.pop(name, None)
    return engine
