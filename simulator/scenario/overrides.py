"""Values set from outside the file: ``traffic.mean_rate=4/s``, ``endpoints[serverless-4gb].max_concurrency=40``."""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping
from typing import Any, Final

from simulator.errors import Problem
from simulator.scenario.places import Document, KeyPath, path_text, read_yaml, value_text

_PART = re.compile(r"\.?([A-Za-z_][A-Za-z0-9_-]*)|\[([^\[\]]+)\]")


def parse_path(text: str) -> KeyPath:
    """Parts of a path; what stands in brackets is a position in a list or the name of an entry.

    Raises
    ------
    ValueError
        If the text is not a path.
    """
    parts: list[str | int] = []
    at = 0
    while at < len(text):
        match = _PART.match(text, at)
        if match is None or (at == 0) == text[at : at + 1].startswith((".", "[")):
            break
        if match[1] is not None:
            parts.append(match[1])
        else:
            parts.append(int(match[2]) if match[2].isdecimal() else match[2])
        at = match.end()
    if not parts or at < len(text):
        raise ValueError(f"{value_text(text)} is not a path; write for example traffic.mean_rate or endpoints[0].name")
    return tuple(parts)


def parse_assignment(text: str) -> tuple[str, str]:
    """Path and value of ``path=value``.

    Raises
    ------
    ValueError
        If there is no ``=`` or no path before it.
    """
    path, equals, value = text.partition("=")
    if not equals or not path.strip():
        raise ValueError(f"{value_text(text)} sets nothing; write path=value, for example traffic.mean_rate=4/s")
    return path.strip(), value.strip()


def apply_overrides(document: Document, overrides: Mapping[str, Any]) -> set[KeyPath]:
    """Set values in a document; what cannot be set is added to its problems.

    Parameters
    ----------
    document : Document
        Changed in place.
    overrides : mapping of str to anything
        Path → value. Text is read as YAML (``40`` is a number, ``{kind: constant, value: 1s}`` a mapping).

    Returns
    -------
    set of KeyPath
        The paths that were set. Whether such keys exist is seen when the document is validated.
    """
    done = set()
    for text, given in overrides.items():
        try:
            path = parse_path(text)
            value = _read(given)
            path = _set(document.data, path, value)
        except ValueError as error:
            document.problems.append(Problem(text, f"{error} (set from outside the file)"))
            continue
        document.places.forget(path)
        done.add(path)
    _let_one_stay(document, done)
    return done


#: Fields of which a scenario may give only one: the one that is set from outside takes the place of the other.
_ALTERNATIVES: Final = ("replications", "precision")


def _let_one_stay(document: Document, done: set[KeyPath]) -> None:
    given = {path[0] for path in done}
    for one, other in (_ALTERNATIVES, _ALTERNATIVES[::-1]):
        if one in given and other not in given and isinstance(document.data, dict):
            document.data.pop(other, None)


def _read(given: Any) -> Any:
    if not isinstance(given, str):
        return given
    document = read_yaml(given)
    if document.problems:
        raise ValueError(f"{value_text(given)} cannot be read: {document.problems[0].message}")
    return document.data


def _set(data: Any, path: KeyPath, value: Any) -> KeyPath:
    """Set one value; gives the path back with positions in place of names."""
    at = data
    found: KeyPath = ()
    for depth, part in enumerate(path):
        last = depth == len(path) - 1
        where = path_text(found) or "the scenario"
        if isinstance(at, list):
            part = _position(at, part, where)
        elif isinstance(at, dict):
            if not isinstance(part, str):
                raise ValueError(f"{where} is not a list, it has keys")
            if not last and at.get(part) is None:
                at[part] = {}
        else:
            raise ValueError(f"{where} is {value_text(at)}, it has no parts")
        found = (*found, part)
        if last:
            at[part] = value
        else:
            at = at[part]
    return found


def _position(entries: list[Any], part: str | int, where: str) -> int:
    if isinstance(part, int):
        if part >= len(entries):
            raise ValueError(f"{where} has {len(entries)} entries, numbered from 0; there is no {part}")
        return part
    names = [entry.get("name") if isinstance(entry, dict) else None for entry in entries]
    if part in names:
        return names.index(part)
    known = [name for name in names if isinstance(name, str)]
    near = difflib.get_close_matches(part, known, 1)
    hint = f'did you mean "{near[0]}"?' if near else f"there are: {', '.join(known) or 'none with a name'}"
    raise ValueError(f'{where} has no entry named "{part}"; {hint}')
