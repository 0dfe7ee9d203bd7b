"""How provisioned concurrency that follows its load moved, and what went on demand all the same."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from simulator.endpoints import OnDemand, autoscaling_of
from simulator.measures import intervals
from simulator.report.numbers import estimate_facts
from simulator.report.reading import Reading, in_words

if TYPE_CHECKING:
    from simulator.measures.intervals import Estimate
    from simulator.measures.measured import Measured
    from simulator.scenario.model import Scenario

#: Figure → head of its column and unit.
_FIGURES: Final = {
    "scale_outs": ("scale-outs", "changes"),
    "scale_ins": ("scale-ins", "changes"),
    "provisioned_mean": ("mean provisioned", "instances"),
    "used_share": ("used", "1"),
    "spillover": ("spillover", "requests"),
    "spillover_fraction": ("spillover of all", "1"),
}
COLUMNS: Final = ("endpoint", *(head for head, _ in _FIGURES.values()))


def scaled(scenario: Scenario) -> list[OnDemand]:
    """Endpoints whose provisioned concurrency changes."""
    return [one for one in scenario.endpoints if isinstance(one, OnDemand) and autoscaling_of(one) is not None]


def rows(reading: Reading) -> tuple[tuple[str, ...], ...]:
    """A row an endpoint whose provisioned concurrency changes: means over replications, and their intervals."""
    return tuple(
        (name, *("none" if one.value == 0 else in_words(one, _unit(key)) for key, one in found.items()))
        for name, found in _everywhere(reading).items()
    )


def _unit(key: str) -> str:
    """As it is written behind a number; heads of columns say the others."""
    unit = _FIGURES[key][1]
    return unit if unit == "1" else ""


def remark(reading: Reading) -> str:
    """What the words of the table mean."""
    return (
        f"Of a replication, mean over {reading.finished}: changes; provisioned instances, time average, those being "
        "allocated included; their billed duration as a share of that; requests served on demand while there was "
        "provisioned concurrency, and their share of all requests."
    )


def _everywhere(reading: Reading) -> dict[str, dict[str, Estimate]]:
    """Endpoint → means over replications."""
    level = reading.scenario.confidence
    everywhere = {}
    for endpoint in scaled(reading.scenario):
        measured = [_values(one) for one in reading.study.sample(endpoint.name).measured]
        everywhere[endpoint.name] = {key: intervals.mean([one[key] for one in measured], level) for key in _FIGURES}
    return everywhere


def _values(one: Measured) -> dict[str, float | None]:
    """What a replication showed."""
    provisioned_ns = one.usage.instance_ns
    return {
        "scale_outs": one.scale_outs,
        "scale_ins": one.scale_ins,
        "provisioned_mean": provisioned_ns / one.span_ns,
        "used_share": one.usage.standing_ns / provisioned_ns if provisioned_ns else None,
        "spillover": one.spillover,
        "spillover_fraction": one.spillover / one.requests if one.requests else None,
    }


def facts(reading: Reading) -> list[dict[str, Any]]:
    """The same as JSON carries it."""
    return [
        {"endpoint": name, **{key: estimate_facts(one, _FIGURES[key][1]) for key, one in found.items()}}
        for name, found in _everywhere(reading).items()
    ]
