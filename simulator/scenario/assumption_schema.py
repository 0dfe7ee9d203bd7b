"""What editors are told of assumptions: one may stand wherever a value may be uncertain."""

from __future__ import annotations

from typing import Any, Final

from simulator.scenario.finding import PLACES
from simulator.scenario.schema import ASSUMPTION

_NUMBER: Final[dict[str, Any]] = {"type": ["string", "number"]}
#: Keys that name things.
_NAMES: Final = frozenset({"kind"})
_ENDPOINTS: Final = frozenset(
    {"Serverless", "RealTime", "Asynchronous", "BatchTransform", "Function", "Container", "ManagedApi", "MultiModel"}
)
#: What stays outside when a value becomes one of several that are allowed.
_ABOUT: Final = ("title", "description", "default")


def with_assumptions(schema: dict[str, Any]) -> dict[str, Any]:
    """The schema of scenarios with an assumption allowed beside every value that may be uncertain.

    Coarse: an editor cannot tell whether a range goes with its field; the program does.
    """
    simulated = _reachable(schema, [schema["properties"][key] for key in PLACES])
    definitions = {
        name: _open(one, _NAMES | {"name"} if name in _ENDPOINTS else _NAMES) if name in simulated else one
        for name, one in schema["$defs"].items()
    }
    definitions["Assumption"] = _definition()
    properties = {
        key: _either(value) if key in PLACES and key != "endpoints" else value
        for key, value in schema["properties"].items()
    }
    return {**schema, "$defs": definitions, "properties": properties}


def _reachable(schema: dict[str, Any], parts: list[Any]) -> set[str]:
    """Names of the definitions that parts of the schema are made of."""
    found: set[str] = set()
    left = list(parts)
    while left:
        part = left.pop()
        if isinstance(part, dict):
            left += part.values()
            name = str(part.get("$ref", "")).rpartition("/")[2]
            if name and name not in found:
                found.add(name)
                left.append(schema["$defs"][name])
        elif isinstance(part, list):
            left += part
    return found


def _open(definition: dict[str, Any], certain: frozenset[str]) -> dict[str, Any]:
    properties = {
        key: value if key in certain else _either(value) for key, value in definition.get("properties", {}).items()
    }
    return {**definition, "properties": properties} if properties else definition


def _either(value: dict[str, Any]) -> dict[str, Any]:
    """A value, entries of a list each by itself, or an assumption."""
    about: dict[str, Any] = {key: value[key] for key in _ABOUT if key in value}
    bare = {key: part for key, part in value.items() if key not in about}
    # Keywords beside an anyOf would hold for the assumption too.
    branches = bare["anyOf"] if set(bare) == {"anyOf"} else [bare]
    return {"anyOf": [*map(_entries, branches), {"$ref": ASSUMPTION}], **about}


def _entries(branch: dict[str, Any]) -> dict[str, Any]:
    items = branch.get("items")
    # What has properties of its own is opened where it is defined.
    is_number = isinstance(items, dict) and not {"$ref", "oneOf", "discriminator"} & set(items)
    return {**branch, "items": _either(branch["items"])} if is_number else branch


def _definition() -> dict[str, Any]:
    def form(key: str, value: dict[str, Any], **beside: dict[str, Any]) -> dict[str, Any]:
        return {
            "type": "object",
            "properties": {key: value, **beside},
            "required": [key],
            "additionalProperties": False,
        }

    def numbers(count: int) -> dict[str, Any]:
        return {"type": "array", "items": _NUMBER, "minItems": count, "maxItems": count}

    def pair(*keys: str) -> dict[str, Any]:
        return {
            "type": "object",
            "properties": dict.fromkeys(keys, _NUMBER),
            "required": list(keys),
            "additionalProperties": False,
        }

    weight = {"type": "array", "items": {"type": "number", "exclusiveMinimum": 0}, "minItems": 2}
    return {
        "title": "Assumption",
        "description": "A value that is not known: each replication draws it anew.",
        "anyOf": [
            form("between", numbers(2), scale={"enum": ["linear", "log"]}),
            form("triangular", numbers(3)),
            form("lognormal", {"anyOf": [pair("median", "p90"), pair("mean", "cv")]}),
            form("choice", {"type": "array", "minItems": 2}, weights=weight),
        ],
    }
