"""Reading text: every value keeps its place, every duplicate key is told, times stay text."""

from __future__ import annotations

import pytest

from simulator.errors import Problem
from simulator.scenario.places import MOST_NODES, path_text, read_json, read_toml, read_yaml, value_text

YAML_TEXT = """\
# a comment
name: x
traffic:
  mean_rate: 2/s
endpoints:
  - {name: a, memory_size: 4096MB}
  - name: b
    parts: [1, {c: 2}]
"""


def test_yaml_keeps_places_of_keys_and_values() -> None:
    """Block and flow style alike: line and column of the key and of the value, counted from 1."""
    places = read_yaml(YAML_TEXT).places
    assert (2, 1) == places.key(("name",))
    assert (2, 7) == places.value(("name",))
    assert (4, 3) == places.key(("traffic", "mean_rate"))
    assert (4, 14) == places.value(("traffic", "mean_rate"))
    assert (6, 15) == places.key(("endpoints", 0, "memory_size"))
    assert (6, 28) == places.value(("endpoints", 0, "memory_size"))
    assert (7, 5) == places.value(("endpoints", 1))
    assert (8, 20) == places.value(("endpoints", 1, "parts", 1, "c"))


def test_a_path_that_is_not_there_has_the_place_of_what_is_around_it() -> None:
    """A missing key is told where its mapping stands."""
    places = read_yaml(YAML_TEXT).places
    assert (3, 1) == places.key(("traffic", "kind"))
    assert (7, 5) == places.value(("endpoints", 1, "memory_size"))


def test_yaml_1_2_reads_what_people_mean() -> None:
    """``15:00`` is not 900, ``no`` is not false, ``010`` is not 8, a time stays as written."""
    data = read_yaml("a: 15:00\nb: no\nc: 010\nd: 1e6\ne: 2026-11-23T00:00:00+02:00\nf: 2026-11-23\n").data
    assert {"a": "15:00", "b": "no", "c": 10, "d": 1e6, "e": "2026-11-23T00:00:00+02:00", "f": "2026-11-23"} == data


def test_every_duplicate_key_is_told() -> None:
    """Not the first alone, and with the line of the one before."""
    assert [
        Problem("a", "stands twice, first in line 1", 2, 1),
        Problem("b.c", "stands twice, first in line 3", 3, 11),
    ] == read_yaml("a: 1\na: 2\nb: {c: 1, c: 2}\n").problems


def test_merged_keys_may_be_overridden() -> None:
    """``<<`` brings keys in; one that the mapping has itself is no duplicate and keeps its own place."""
    document = read_yaml("base: &b {x: 1, y: 2}\nt:\n  <<: *b\n  x: 3\n")
    assert [] == document.problems
    assert {"x": 3, "y": 2} == document.data["t"]
    assert (4, 6) == document.places.value(("t", "x"))
    assert (1, 20) == document.places.value(("t", "y"))


@pytest.mark.parametrize(
    ("text", "message", "line", "column"),
    [
        ("a: [1\nb: 2", "while parsing a flow sequence, expected ',' or ']', but got ':'", 2, 2),
        ("a: 1\n---\nb: 2", "expected a single document in the stream, but found another document", 2, 1),
        ("a: !!python/x 1", "could not determine a constructor for the tag 'tag:yaml.org,2002:python/x'", 1, 4),
        ("a:\n\tb: 1", "while scanning for the next token, found character '\\t' that cannot start any token", 2, 1),
    ],
)
def test_broken_yaml_is_one_message_with_its_place(text: str, message: str, line: int, column: int) -> None:
    """What is not YAML is told with line and column; nothing is constructed from a foreign tag."""
    assert [Problem("", f"not valid YAML: {message}", line, column)] == read_yaml(text).problems


def test_an_alias_may_not_contain_itself() -> None:
    """It is told, not followed for ever."""
    assert [Problem("a[0]", "refers to itself", 1, 4)] == read_yaml("a: &x [*x]").problems


def test_control_characters_are_refused() -> None:
    """A binary file is an error, not a crash."""
    (problem,) = read_yaml("a: \x01").problems
    assert problem.message.startswith("not valid YAML: unacceptable character #x0001")


def test_aliases_cannot_exhaust_memory() -> None:
    """Nested aliases that stand for 10⁹ values are refused."""
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 10)}]" for i in range(1, 9)]
    assert f"holds more than {MOST_NODES} values" in {p.message for p in read_yaml("\n".join(lines)).problems}


def test_json_has_places_and_duplicates_too() -> None:
    """JSON with tabs and surrogate pairs: data as JSON means it, places as in YAML."""
    document = read_json('{"a":\t1,\n "b": "\\ud83d\\ude00", "a": 2}')
    assert {"a": 2, "b": "😀"} == document.data
    assert (1, 7) == document.places.value(("a",))
    assert [Problem("a", "stands twice, first in line 1", 2, 23)] == document.problems
    assert [Problem("", "not valid JSON: Expecting value", 2, 1)] == read_json('{"a":\n}').problems


def test_toml_is_read_and_its_errors_have_places() -> None:
    """A TOML time becomes the text that YAML would give."""
    assert {"a": "2026-01-01T00:00:00+00:00"} == read_toml("a = 2026-01-01T00:00:00Z").data
    assert [Problem("", "not valid TOML: Invalid value", 1, 5)] == read_toml("a = \nb = 1").problems


def test_paths_and_values_as_text() -> None:
    """As people write them; long values are cut."""
    assert "endpoints[0].memory_size" == path_text(("endpoints", 0, "memory_size"))
    assert '{"kind": "x"}' == value_text({"kind": "x"})
    assert 60 == len(value_text("y" * 200))
