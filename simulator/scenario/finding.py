"""Finding the assumptions of a document, and taking them out of it."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping
from typing import Any, Final

from simulator.scenario.assumptions import Assumption, WrongAssumptionError, is_assumption, read_assumption
from simulator.scenario.places import KeyPath, path_text, set_at
from simulator.scenario.schema import whole_keys

#: What may be uncertain. Everything else says how the study is run or judged, and has to be the same in all of it.
PLACES: Final = ("traffic", "model", "endpoints", "prices", "free_tier", "clients")
#: Key of the context of validation that says: what is still there of assumptions is wrong, and told already.
TAKEN_OUT: Final = "assumptions_are_taken_out"


def take_out(data: dict[str, Any]) -> tuple[tuple[Assumption, ...], list[tuple[KeyPath, WrongAssumptionError]]]:
    """Assumptions of a document by block and name, and those that are wrong.

    Each is replaced in the document by its middle value; what is wrong stays as it is.

    Parameters
    ----------
    data : dict
        Changed in place.
    """
    found: list[Assumption] = []
    wrong: list[tuple[KeyPath, WrongAssumptionError]] = []
    for path, given in list(_mappings(data, ())):
        if refusal := _refusal(path):
            wrong.append((path, WrongAssumptionError((), refusal)))
            continue
        key = next(part for part in reversed(path) if isinstance(part, str))
        try:
            found.append(read_assumption(given, path, _name(data, path), is_whole=key in whole_keys()))
        except WrongAssumptionError as error:
            wrong.append((path, error))
    for one in found:
        set_at(data, one.path, copy.deepcopy(one.middle))
    return tuple(sorted(found, key=_order)), wrong


def holds_assumptions(data: Any) -> bool:
    """Whether there is any in a document."""
    return next(_mappings(data, ()), None) is not None


def _order(one: Assumption) -> tuple[Any, ...]:
    """By block, then by name, so that what is written out and read back has the same order."""
    path = one.path[1:]
    return PLACES.index(str(one.path[0])), [(part, "") if isinstance(part, int) else (-1, part) for part in path]


def _mappings(data: Any, path: KeyPath) -> Iterator[tuple[KeyPath, Mapping[str, Any]]]:
    """Mappings that are assumptions, with their paths; `row` of counts names columns, which may be called anything."""
    if isinstance(data, Mapping):
        if path and path[-1] != "row" and is_assumption(data):
            yield path, data
            return
        for key, part in data.items():
            yield from _mappings(part, (*path, key))
    elif isinstance(data, list | tuple):
        for number, part in enumerate(data):
            yield from _mappings(part, (*path, number))


def _refusal(path: KeyPath) -> str:
    """Why what stands here must be one value; empty if it need not be."""
    if path[0] not in PLACES:
        return "must be one value; it says how the study is run or judged, and only what is simulated may be uncertain"
    if path[-1] == "kind":
        return "must be one value; choose between whole blocks, each with its own kind"
    if path[0] == "endpoints" and (len(path) < 3 or path[2:] == ("name",)):
        return "must be one value; every replication has the same endpoints, and only what is in them may be uncertain"
    return ""


def _name(data: dict[str, Any], path: KeyPath) -> str:
    """The path with the endpoint's name in place of its number."""
    if path[0] == "endpoints" and isinstance(path[1], int):
        one = data["endpoints"][path[1]]
        name = one.get("name") if isinstance(one, Mapping) else None
        if isinstance(name, str):
            return f"endpoints[{name}].{path_text(path[2:])}"
    return path_text(path)
