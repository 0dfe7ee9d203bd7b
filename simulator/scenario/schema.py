"""The JSON Schema of scenario files: published for editors, and read here for the nearest known key."""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any, Final

from simulator.scenario.places import KeyPath

#: Where the published schema stands; `endpointsim schema -o` writes it anew, a test fails if it differs.
PUBLISHED: Final = Path(__file__).with_name("scenario-v1.json")
#: Reference to the definition of an assumption.
ASSUMPTION: Final = "#/$defs/Assumption"
#: The pattern of `units.MemoryMB`.
_WHOLE_MB: Final = r"^[0-9]+\s*MB$"


@cache
def json_schema() -> dict[str, Any]:
    """Schema of a scenario file, JSON Schema 2020-12; not to be changed, it is made once."""
    from simulator.scenario.assumption_schema import with_assumptions
    from simulator.scenario.model import Scenario

    schema = with_assumptions(Scenario.model_json_schema(mode="validation"))
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": "scenario-v1.json",
        "title": "endpointsim scenario",
        **{key: value for key, value in schema.items() if key != "title"},
    }


def schema_text() -> str:
    """The schema as its published file holds it."""
    return json.dumps(json_schema(), indent=1, ensure_ascii=False) + "\n"


@cache
def whole_keys() -> frozenset[str]:
    """Keys whose values are whole numbers wherever they stand, also those with a unit (MB of memory), or blocks."""
    whole: set[str] = set()
    others: set[str] = set()
    schema = json.loads(PUBLISHED.read_text(encoding="utf-8"))
    for part in _parts(schema):
        for key, value in part.get("properties", {}).items():
            branches = (value, *value.get("anyOf", ()))
            if any(one.get("type") == "integer" or one.get("pattern") == _WHOLE_MB for one in branches):
                whole.add(key)
            elif not _is_block(value, schema["$defs"]):
                others.add(key)
    return frozenset(whole - others)


def _is_block(value: dict[str, Any], definitions: dict[str, Any]) -> bool:
    """Whether a key holds a mapping with keys of its own, or nothing; it may be uncertain."""
    named = [one.get("$ref", "").rpartition("/")[2] for one in value.get("anyOf", [value]) if one.get("type") != "null"]
    return all(name == "Assumption" or "properties" in definitions.get(name, {}) for name in named)


def _parts(schema: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield schema
    yield from schema.get("$defs", {}).values()


class Outline:
    """Keys and kinds that the schema knows at each path of a document.

    Parameters
    ----------
    schema : dict
        JSON Schema.
    data : anything
        The document; where a mapping names its kind, only that kind's keys are known there.
    """

    def __init__(self, schema: dict[str, Any], data: Any) -> None:
        self.schema = schema
        self.data = data

    def keys(self, path: KeyPath) -> list[str]:
        """Keys that the mapping at a path may have, in the order of the schema."""
        return list(dict.fromkeys(key for part in self._at(path) for key in part.get("properties", {})))

    def kinds(self, path: KeyPath) -> list[str]:
        """Kinds that the mapping at a path may have."""
        return list(dict.fromkeys(kind for part in self._at(path) for kind in _kinds(part)))

    def _at(self, path: KeyPath) -> list[dict[str, Any]]:
        found = list(self._expanded(self.schema))
        data = self.data
        for part in path:
            if isinstance(data, dict) and isinstance(part, str):
                found = [sub["properties"][part] for sub in found if part in sub.get("properties", {})]
                data = data.get(part)
            elif isinstance(data, list) and isinstance(part, int):
                found = [sub["items"] for sub in found if "items" in sub]
                data = data[part] if part < len(data) else None
            else:
                return []
            found = [concrete for sub in found for concrete in self._expanded(sub)]
            kind = data.get("kind") if isinstance(data, dict) else None
            found = [sub for sub in found if kind in _kinds(sub)] or found
        return found

    def _expanded(self, schema: dict[str, Any]) -> Iterator[dict[str, Any]]:
        """The alternatives of a schema, with references followed; an assumption has keys of its own."""
        if schema.get("$ref") == ASSUMPTION:
            return
        if "$ref" in schema:
            yield from self._expanded(self.schema["$defs"][schema["$ref"].rsplit("/", 1)[-1]])
        elif branches := schema.get("anyOf") or schema.get("oneOf") or schema.get("allOf"):
            for branch in branches:
                yield from self._expanded(branch)
        else:
            yield schema


def _kinds(schema: dict[str, Any]) -> list[str]:
    kind = schema.get("properties", {}).get("kind", {})
    return [kind["const"]] if "const" in kind else list(kind.get("enum", []))
