"""Pydantic's errors → problems in plain words: where in the file, the value, what is allowed, the nearest key."""

from __future__ import annotations

import difflib
import re
from collections.abc import Collection, Iterable
from typing import Any, Final

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from simulator.errors import Problem
from simulator.scenario.places import KeyPath, Place, Places, path_text, value_text
from simulator.scenario.schema import Outline

#: Custom error type under which `Scenario` reports problems between fields, each with its own path.
BETWEEN_FIELDS: Final = "between_fields"

_EXPECTED: Final[dict[str, str]] = {
    "bool_type": "is not true or false",
    "bool_parsing": "is not true or false",
    "dict_type": "is not a mapping of keys",
    "finite_number": "is not a finite number",
    "float_parsing": "is not a number",
    "float_type": "is not a number",
    "int_from_float": "is not a whole number",
    "int_parsing": "is not a whole number",
    "int_parsing_size": "is too large",
    "int_type": "is not a whole number",
    "list_type": "is not a list",
    "model_attributes_type": "is not a mapping of keys",
    "model_type": "is not a mapping of keys",
    "string_type": "is not text",
    "tuple_type": "is not a list",
}
_LIMITS: Final[dict[str, tuple[str, str]]] = {
    "greater_than": ("must be more than", "gt"),
    "greater_than_equal": ("must be at least", "ge"),
    "less_than": ("must be less than", "lt"),
    "less_than_equal": ("must be at most", "le"),
}
#: Patterns of fields → what they ask for, in words.
_PATTERNS: Final[dict[str, str]] = {
    r"^[A-Za-z][A-Za-z0-9._-]*$": "must begin with a letter and hold only letters, digits, dot, dash, underscore",
    r"^[A-Za-z0-9][A-Za-z0-9._-]*$": (
        "must begin with a letter or digit and hold only letters, digits, dot, dash, underscore"
    ),
}


def nearest(word: str, known: Collection[str]) -> str:
    """A question for the nearest known word, or else all that are known."""
    near = difflib.get_close_matches(word, list(known), 1)
    return f'did you mean "{near[0]}"?' if near else f"known: {', '.join(known)}"


def problems_of(
    error: ValidationError,
    data: Any,
    places: Places,
    outline: Outline,
    overridden: Collection[KeyPath] = (),
) -> list[Problem]:
    """What is wrong, in the order of the file.

    Parameters
    ----------
    error : ValidationError
        From validating `data` as a scenario.
    data : anything
        What the file held.
    places : Places
        Where it stands there.
    outline : Outline
        Which keys and kinds there are.
    overridden : collection of paths
        What was set from outside the file; its problems say so.
    """
    found: dict[tuple[KeyPath, str], Place | None] = {}
    told = [one for detail in error.errors(include_url=False) for one in _told(detail, data, outline)]
    for path, message, at_key in _joined(told):
        if any(path[: len(outside)] == outside for outside in overridden):
            found[path, f"{message} (set from outside the file)"] = None
        else:
            found[path, message] = places.key(path) if at_key else places.value(path)
    problems = [Problem(path_text(path), message, *(place or (None, None))) for (path, message), place in found.items()]
    return sorted(problems, key=lambda p: (p.line or 0, p.column or 0))


def _joined(told: Iterable[tuple[KeyPath, str, bool]]) -> Iterable[tuple[KeyPath, str, bool]]:
    """The types that one value may have, of which pydantic tells each by itself, in one message."""
    joined: dict[tuple[KeyPath, str], tuple[KeyPath, str, bool]] = {}
    for path, message, at_key in told:
        shown, is_not, kind = message.rpartition(" is not ")
        is_type = f"{is_not[1:]}{kind}" in _EXPECTED.values()
        key = (path, f"{shown}{is_not}" if is_type else message)
        before = joined.get(key)
        if before is None:
            joined[key] = (path, message, at_key)
        elif is_type and kind not in before[1].rpartition(" is not ")[2].split(" or "):
            joined[key] = (path, f"{before[1]} or {kind}", at_key)
    return joined.values()


def _told(detail: ErrorDetails, data: Any, outline: Outline) -> Iterable[tuple[KeyPath, str, bool]]:
    """Path, message, and whether it is about the key rather than its value."""
    kind, context = detail["type"], detail.get("ctx", {})
    path, value, rest = _locate(detail["loc"], data)
    if kind == BETWEEN_FIELDS:
        yield from ((tuple(where), message, False) for where, message in context["problems"])
    elif kind == "default_factory_not_called":
        return  # a default that needs another field, which is wrong and says so itself
    elif kind == "missing":
        yield (*path, str(rest[-1])) if rest else path, "missing", True
    elif kind == "extra_forbidden":
        yield path, f"unknown key, {nearest(str(path[-1]), outline.keys(path[:-1]))}", True
    elif kind == "invalid_key":
        # The document's places know each key as it is written.
        yield (*path[:-1], str(path[-1])) if path else path, "a key must be text", True
    elif kind == "union_tag_not_found":
        yield (*path, "kind"), f"missing, one of: {', '.join(outline.kinds(path))}", True
    elif kind == "union_tag_invalid":
        kinds = _quoted(context["expected_tags"])
        near = difflib.get_close_matches(str(context["tag"]), kinds, 1)
        hint = f'; did you mean "{near[0]}"?' if near else ""
        yield (*path, "kind"), f"unknown kind {value_text(context['tag'])}, one of: {', '.join(kinds)}{hint}", False
    elif kind == "value_error" and (unsaid := _not_given(value, rest, outline.keys(path))):
        # Its default does not do here.
        yield (*path, unsaid[0]), str(context["error"]), True
    else:
        yield path, _about_value(kind, context, value, detail["msg"]), False


def _not_given(at: Any, rest: tuple[str | int, ...], keys: Collection[str]) -> list[str]:
    """The field of a mapping that an error is about, where the mapping does not have it."""
    return [str(part) for part in rest if str(part) in keys] if isinstance(at, dict) else []


def _about_value(kind: str, context: dict[str, Any], value: Any, message: str) -> str:
    shown = value_text(value)
    if kind in _EXPECTED:
        return f"{shown} {_EXPECTED[kind]}"
    if kind in _LIMITS:
        words, key = _LIMITS[kind]
        limit = context[key]
        return (
            f"{shown} is not allowed, {words} {limit:g}"
            if isinstance(limit, float)
            else (f"{shown} is not allowed, {words} {limit}")
        )
    if kind in {"literal_error", "enum"}:
        known = _quoted(context["expected"]) or [str(context["expected"])]
        if len(known) == 1:
            return f"{shown} is not allowed, must be {known[0]}"
        near = difflib.get_close_matches(str(value), known, 1)
        return f"{shown} is not one of {', '.join(known)}" + (f'; did you mean "{near[0]}"?' if near else "")
    if kind == "string_pattern_mismatch":
        return f"{shown} is not allowed, {_PATTERNS.get(context['pattern'], 'must match ' + context['pattern'])}"
    if kind == "too_short":
        return f"has {context['actual_length']} entries, must have at least {context['min_length']}"
    if kind == "too_long":
        return f"has {context['actual_length']} entries, must have at most {context['max_length']}"
    if kind == "value_error":
        return str(context["error"])
    return f"{shown}: {message[:1].lower()}{message[1:]}"


def _locate(loc: tuple[str | int, ...], data: Any) -> tuple[KeyPath, Any, tuple[str | int, ...]]:
    """The path in the document, the value there, and what of pydantic's location lies beyond it.

    Pydantic's location also holds the kinds of the unions it went through; the document does not.
    """
    path: KeyPath = ()
    at = data
    beyond: tuple[str | int, ...] = ()
    for part in loc:
        if isinstance(at, dict) and part in at and part == at.get("kind") and not beyond:
            # A kind that is called like one of its keys (growth): the first mention is the kind.
            beyond = (part,)
            continue
        inside = (isinstance(at, dict) and part in at) or (
            isinstance(at, list) and isinstance(part, int) and part < len(at)
        )
        if inside:
            path, at, beyond = (*path, part), at[part], ()
        else:
            beyond = (*beyond, part)
    return path, at, beyond


def _quoted(text: str) -> list[str]:
    return re.findall(r"'([^']*)'", text)
