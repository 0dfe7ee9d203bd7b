"""Overrides: by position and by name, read as YAML, wrong paths told with what is near."""

from __future__ import annotations

from typing import Any

import pytest

from simulator.errors import Problem
from simulator.scenario.overrides import apply_overrides, parse_assignment, parse_path
from simulator.scenario.places import Document, read_yaml

TEXT = """\
traffic: {kind: poisson, mean_rate: 2/s}
endpoints:
  - {name: serverless-4gb, max_concurrency: 20}
  - {name: m5, workers: 4}
"""


def after(overrides: dict[str, Any]) -> Document:
    document = read_yaml(TEXT)
    apply_overrides(document, overrides)
    return document


def test_values_are_set_by_position_and_by_name() -> None:
    """Both ways lead to the same entry."""
    by_position = after({"endpoints[0].max_concurrency": "40"})
    by_name = after({"endpoints[serverless-4gb].max_concurrency": "40"})
    assert 40 == by_position.data["endpoints"][0]["max_concurrency"]
    assert by_position.data == by_name.data


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("4/s", "4/s"),
        ("40", 40),
        ("true", True),
        ("15:00", "15:00"),
        ("[a, b]", ["a", "b"]),
        ("{kind: x}", {"kind": "x"}),
    ],
)
def test_text_is_read_as_yaml(text: str, value: Any) -> None:
    """The same rules as in a file."""
    assert value == after({"traffic.mean_rate": text}).data["traffic"]["mean_rate"]


def test_values_of_python_are_taken_as_they_are() -> None:
    """A dict, a list or a number needs no text."""
    assert {"kind": "x"} == after({"traffic": {"kind": "x"}}).data["traffic"]


def test_an_entry_that_the_file_leaves_out_can_be_set() -> None:
    """Defaults can be overridden, also inside a block that is not there."""
    document = after({"replications": "3", "model.service_time": "1s"})
    assert 3 == document.data["replications"]
    assert {"service_time": "1s"} == document.data["model"]


def test_what_was_set_has_no_place_in_the_file() -> None:
    """The line of the value that was replaced would mislead."""
    document = after({"traffic.mean_rate": "4/s"})
    assert ("traffic", "mean_rate") not in document.places.values
    assert ("traffic", "kind") in document.places.values


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("endpoints[2].name", "endpoints has 2 entries, numbered from 0; there is no 2"),
        ("endpoints[serverles-4gb].x", 'endpoints has no entry named "serverles-4gb"; did you mean "serverless-4gb"?'),
        ("endpoints[zzz].x", 'endpoints has no entry named "zzz"; there are: serverless-4gb, m5'),
        ("traffic[0].x", "traffic is not a list, it has keys"),
        ("traffic.mean_rate.x", 'traffic.mean_rate is "2/s", it has no parts'),
        ("traffic..x", '"traffic..x" is not a path; write for example traffic.mean_rate or endpoints[0].name'),
    ],
)
def test_a_path_that_leads_nowhere_is_told(path: str, message: str) -> None:
    """With what is there instead."""
    assert [Problem(path, f"{message} (set from outside the file)")] == after({path: "1"}).problems


def test_all_wrong_paths_are_told_at_once() -> None:
    """One message each."""
    assert 2 == len(after({"endpoints[7].x": "1", "traffic[0]": "1"}).problems)


def test_a_value_that_is_not_yaml_is_told() -> None:
    """The value is shown."""
    (problem,) = after({"traffic.mean_rate": "[1"}).problems
    assert problem.message.startswith('"[1" cannot be read: not valid YAML')


def test_paths() -> None:
    """Positions are numbers, names are text."""
    assert ("a", 0, 1, "b") == parse_path("a[0][1].b")
    assert ("endpoints", "serverless-4gb", "x") == parse_path("endpoints[serverless-4gb].x")


@pytest.mark.parametrize("text", ["", ".a", "[0]", "a..b", "a.", "a[", "a[]", "a b", "a[0]b"])
def test_not_paths(text: str) -> None:
    """Each is refused."""
    with pytest.raises(ValueError, match="is not a path"):
        parse_path(text)


def test_assignments() -> None:
    """Only the first ``=`` parts path and value."""
    assert ("objectives[0]", "p99 <= 1s") == parse_assignment("objectives[0] = p99 <= 1s")
    with pytest.raises(ValueError, match="sets nothing"):
        parse_assignment("traffic.mean_rate")


def test_a_precision_from_outside_takes_the_place_of_a_number() -> None:
    """A file gives one of the two; the other one, set from outside, replaces it; both from outside stay both."""
    for one, other in (("replications", "precision"), ("precision", "replications")):
        document = read_yaml(f"{one}: 30")
        apply_overrides(document, {other: "40"})
        assert {other: 40} == document.data
    document = read_yaml("replications: 30")
    apply_overrides(document, {"precision": "40", "replications": "7"})
    assert {"replications": 7, "precision": 40} == document.data
