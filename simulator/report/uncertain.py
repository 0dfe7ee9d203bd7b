"""What is uncertain in a scenario, and what that leaves open: the range of single replications."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np

from simulator.measures import intervals
from simulator.measures.catalogue import find
from simulator.report.numbers import plain, share
from simulator.report.reading import in_words
from simulator.study.replicate import objectives_of

if TYPE_CHECKING:
    from simulator.report.reading import Reading

#: Measures whose range is told, and heads of their columns.
RANGED: Final = {"monthly_cost": "a month", "p95": "p95", "p99": "p99"}
#: Ends of the range: nine in ten replications lie between them.
ENDS: Final = (0.05, 0.95)
#: Replications from which ends of a range can be told: one beyond each.
LEAST: Final = 20


def lines(reading: Reading) -> list[str]:
    """Each uncertain assumption with its distribution, and what follows for the intervals."""
    assumed = reading.scenario.assumed
    return [
        *(f"{one.name}: {one.text}" for one in assumed),
        "Each replication draws its own values (a Latin hypercube over the study), so intervals and the shares of "
        "replications that miss an objective cover both chance and these assumptions; `endpointsim sensitivity` tells "
        "them apart.",
        "An interval is that of a mean over them; how far single replications lie apart is told by their range. Where "
        "other parts name a value, it is the middle one.",
    ]


def ranges(reading: Reading) -> dict[str, dict[str, tuple[float, float] | None]]:
    """Endpoint → measure → 5 % and 95 % points over replications [unit of the measure]; None if they are too few."""
    found: dict[str, dict[str, tuple[float, float] | None]] = {}
    for name in reading.endpoints:
        sample = reading.study.sample(name)
        found[name] = {}
        for measure in RANGED:
            values = [value for value in sample.column(measure) if value is not None]
            ends = np.quantile(values, ENDS) if len(values) >= LEAST else None
            found[name][measure] = None if ends is None else (float(ends[0]), float(ends[1]))
    return found


def cheapest_shares(reading: Reading) -> dict[str, intervals.Estimate]:
    """Endpoint → share of replications in which it is the cheapest that keeps to all objectives, with its interval.

    Endpoints that cost alike in a replication share it with the first of them in the order of the scenario.
    """
    objectives = objectives_of(reading.scenario)
    names = reading.endpoints
    costs = {name: reading.study.sample(name).column("monthly_cost") for name in names}
    kept = {name: [reading.study.sample(name).held(one) for one in objectives] for name in names}
    counts = dict.fromkeys(names, 0)
    for place in range(reading.finished):
        eligible = [
            (cost, name)
            for name in names
            if (cost := costs[name][place]) is not None and all(one[place] for one in kept[name])
        ]
        if eligible:
            counts[min(eligible, key=lambda one: one[0])[1]] += 1
    level = reading.scenario.confidence
    return {name: intervals.proportion(count, reading.finished, level) for name, count in counts.items()}


def columns() -> tuple[str, ...]:
    """Heads of the table of ranges."""
    return ("endpoint", *RANGED.values(), "cheapest")


def rows(reading: Reading) -> tuple[tuple[str, ...], ...]:
    """Rows of the table of ranges."""
    shares = cheapest_shares(reading)
    found = ranges(reading)
    return tuple(
        (name, *(_range(ends, measure) for measure, ends in found[name].items()), share(shares[name]))
        for name in reading.endpoints
    )


def remark(reading: Reading) -> str:
    """What the columns are."""
    what = "that keeps to all objectives in it" if reading.scenario.objectives else "in it"
    text = (
        f"Nine in ten of {reading.finished} replications lie in the range: assumptions and chance together. Cheapest: "
        f"share of replications in which the endpoint is the cheapest one {what}."
    )
    if not reading.study.sample(reading.endpoints[0]).is_a_month:
        text += " Costs are multiplied up to a month; those of whole months would lie closer together by chance."
    return text


def facts(reading: Reading) -> dict[str, Any]:
    """The same for programs."""
    shares = cheapest_shares(reading)
    return {
        "assumptions": [
            {"name": one.name, "given": dict(one.given), "text": one.text, "middle": one.middle}
            for one in reading.scenario.assumed
        ],
        "endpoints": [
            {
                "name": name,
                "ranges": {measure: None if ends is None else list(ends) for measure, ends in found.items()},
                "cheapest": {
                    "value": shares[name].value,
                    "ci": None if shares[name].low is None else [shares[name].low, shares[name].high],
                },
            }
            for name, found in ranges(reading).items()
        ],
    }


def _range(ends: tuple[float, float] | None, measure: str) -> str:
    if ends is None:
        return "too few"
    unit = find(measure).unit
    low, high = (in_words(plain(end), unit) for end in ends)
    return low if low == high else f"{low} to {high}"
