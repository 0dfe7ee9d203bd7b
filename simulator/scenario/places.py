"""Text of a scenario → its data, and the line and column of every key and value in it."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time
from itertools import pairwise
from typing import Any, Final

from ruamel.yaml import YAML
from ruamel.yaml.constructor import SafeConstructor
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from simulator.errors import Problem

#: Where a value stands in a document: keys of mappings and positions in lists.
KeyPath = tuple[str | int, ...]
#: Line and column, both counted from 1.
Place = tuple[int, int]

#: Nodes that one file may hold once its aliases are followed; more is a file built to exhaust memory.
MOST_NODES: Final = 200_000
_MERGE: Final = "tag:yaml.org,2002:merge"


def path_text(path: Sequence[str | int]) -> str:
    """A path as people write it: ``endpoints[0].memory_size``."""
    text = ""
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else part
    return text


def value_text(value: Any, longest: int = 60) -> str:
    """A value as it is quoted in messages: JSON's spelling, cut to `longest` characters."""
    try:
        text = json.dumps(value, ensure_ascii=False, default=str)
    except (TypeError, ValueError, RecursionError):
        text = str(value)
    return text if len(text) <= longest else text[: longest - 1] + "…"


def set_at(data: Any, path: KeyPath, value: Any) -> None:
    """Set a value of a document; mappings on the way are made where there are none."""
    for part, following in pairwise(path):
        if isinstance(data, dict) and not isinstance(data.get(part), dict if isinstance(following, str) else list):
            data[part] = {}
        data = data[part]
    data[path[-1]] = value


@dataclass
class Places:
    """Line and column of the keys and values of one document.

    Parameters
    ----------
    keys : dict of KeyPath to Place
        Where the key of an entry stands (for an entry of a list: its value).
    values : dict of KeyPath to Place
        Where the value stands.
    """

    keys: dict[KeyPath, Place] = field(default_factory=dict)
    values: dict[KeyPath, Place] = field(default_factory=dict)

    def key(self, path: KeyPath) -> Place | None:
        """Place of the key of an entry; where the document has none, of the nearest entry around it."""
        return self._nearest(self.keys, path)

    def value(self, path: KeyPath) -> Place | None:
        """Place of a value; where the document has none, of the key of the nearest entry around it."""
        return self.values.get(path) or self.key(path)

    def _nearest(self, places: dict[KeyPath, Place], path: KeyPath) -> Place | None:
        while path and path not in places:
            path = path[:-1]
        return places.get(path)

    def forget(self, path: KeyPath) -> None:
        """Drop what stands at and below a path, because it no longer comes from the file."""
        for places in (self.keys, self.values):
            for known in [p for p in places if p[: len(path)] == path]:
                del places[known]


@dataclass
class Document:
    """What a text holds, where it stands, and what is wrong with the text itself."""

    data: Any = None
    places: Places = field(default_factory=Places)
    problems: list[Problem] = field(default_factory=list)


class _PlainConstructor(SafeConstructor):
    """Constructs what JSON has; a time stays the text that was written."""


_PlainConstructor.add_constructor("tag:yaml.org,2002:timestamp", SafeConstructor.construct_yaml_str)


def read_yaml(text: str) -> Document:
    """YAML 1.2 with every duplicate key reported."""
    yaml = YAML(typ="safe", pure=True)
    yaml.Constructor = _PlainConstructor
    yaml.allow_duplicate_keys = True  # all of them are reported below, each with its place
    document = Document()
    try:
        node = yaml.compose(text)
        if node is not None:
            _Walk(document).visit(node, ())
            if not document.problems:
                document.data = yaml.constructor.construct_document(node)
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        what = ", ".join(part for part in (error.context, error.problem) if part)
        place = (mark.line + 1, mark.column + 1) if mark is not None else (None, None)
        document.problems.append(Problem("", f"not valid YAML: {what}", *place))
    except (YAMLError, ValueError) as error:
        document.problems.append(Problem("", f"not valid YAML: {' '.join(str(error).split())}"))
    return document


def read_json(text: str) -> Document:
    """JSON with every duplicate key reported."""
    document = Document()
    try:
        document.data = json.loads(text)
    except json.JSONDecodeError as error:
        document.problems.append(Problem("", f"not valid JSON: {error.msg}", error.lineno, error.colno))
        return document
    # JSON is YAML but for tabs, which it allows between tokens only: a space each keeps the columns.
    walked = Document()
    try:
        node = YAML(typ="safe", pure=True).compose(text.replace("\t", " "))
        _Walk(walked).visit(node, ())
    except YAMLError:  # valid JSON that YAML cannot place: messages go without line and column
        return document
    document.places, document.problems = walked.places, walked.problems
    return document


def read_toml(text: str) -> Document:
    """TOML; messages carry a place only for what is not TOML at all."""
    try:
        return Document(_without_dates(tomllib.loads(text)))
    except tomllib.TOMLDecodeError as error:
        found = re.search(r"\s*\(at line (\d+), column (\d+)\)$", str(error))
        message = str(error)[: found.start()] if found else str(error)
        line, column = (int(found[1]), int(found[2])) if found else (None, None)
        return Document(problems=[Problem("", f"not valid TOML: {message}", line, column)])


#: How a file is read, by the end of its name; everything else is YAML.
READERS: Final[dict[str, Callable[[str], Document]]] = {".json": read_json, ".toml": read_toml}


def _without_dates(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_dates(part) for key, part in value.items()}
    if isinstance(value, list):
        return [_without_dates(part) for part in value]
    return value.isoformat() if isinstance(value, datetime | date | time) else value


class _Walk:
    """Notes the place of every key and value, and every key that stands twice."""

    def __init__(self, document: Document) -> None:
        self.places = document.places
        self.problems = document.problems
        self.inside: set[int] = set()
        self.seen = 0

    def visit(self, node: Node, path: KeyPath, key_place: Place | None = None) -> None:
        place = _place(node)
        self.places.values[path] = place
        self.places.keys[path] = key_place or place
        self.seen += 1
        if id(node) in self.inside or self.seen > MOST_NODES:
            what = "refers to itself" if id(node) in self.inside else f"holds more than {MOST_NODES} values"
            if not any(problem.message == what for problem in self.problems):
                self.problems.append(Problem(path_text(path), what, *place))
            return
        self.inside.add(id(node))
        if isinstance(node, MappingNode):
            self._visit_mapping(node, path)
        elif isinstance(node, SequenceNode):
            for position, item in enumerate(node.value):
                self.visit(item, (*path, position))
        self.inside.remove(id(node))

    def _visit_mapping(self, node: MappingNode, path: KeyPath) -> None:
        first: dict[str, Place] = {}
        # What is merged in (`<<`) comes first: the mapping's own keys take precedence over it.
        for key_node, value_node in node.value:
            if key_node.tag == _MERGE:
                self._visit_merged(value_node, path)
        for key_node, value_node in node.value:
            if isinstance(key_node, ScalarNode) and key_node.tag != _MERGE:
                key, place = key_node.value, _place(key_node)
                if key in first:
                    message = f"stands twice, first in line {first[key][0]}"
                    self.problems.append(Problem(path_text((*path, key)), message, *place))
                    continue
                first[key] = place
                self.visit(value_node, (*path, key), place)

    def _visit_merged(self, node: Node, path: KeyPath) -> None:
        for source in node.value if isinstance(node, SequenceNode) else [node]:
            if isinstance(source, MappingNode):
                for key_node, value_node in source.value:
                    if isinstance(key_node, ScalarNode):
                        self.visit(value_node, (*path, key_node.value), _place(key_node))


def _place(node: Node) -> Place:
    return node.start_mark.line + 1, node.start_mark.column + 1
