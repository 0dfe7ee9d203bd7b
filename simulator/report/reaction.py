"""How endpoints that scale react: from traffic beyond them to capacity that covers it, what is lost, what a tail costs.

One realisation, replication 0, minute by minute, and beside it what scaling did in all replications.
"""

from __future__ import annotations

import datetime
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from simulator.endpoints import OnInstances
from simulator.measures import intervals
from simulator.measures.catalogue import MEASURES
from simulator.report.numbers import estimate_facts, plain, significant
from simulator.report.reading import Reading, in_words
from simulator.report.shortages import LOST, Reactions, Tail, reactions, work_per_instance

if TYPE_CHECKING:
    from simulator.measures.intervals import Estimate
    from simulator.scenario.model import Scenario

#: Columns of the table of one realisation; throttled attempts go last, where clients try again.
COLUMNS: Final = (
    *("endpoint", "times short", "in all", "longest from", "added after", "covered after", "queue gone after"),
    *("throttled", "timed out", "expired", "tail lasts", "its instance-hours", "its cost"),
)
#: Columns of the table over replications.
ALL_COLUMNS: Final = (
    *("endpoint", "scale-outs", "scale-ins", "launched", "instance-hours", "throttled", "timed out", "expired"),
    "late",
)
_COUNTS: Final = ("scale_outs", "scale_ins", "instances_launched", "instance_hours", "throttled", "timed_out")
_NONE: Final = "none"
_OPEN: Final = "not by the end"


@dataclass(frozen=True)
class _Found:
    """What an endpoint did, and what its instances cost by the hour [USD]."""

    name: str
    reactions: Reactions
    hourly: float


def scaled(scenario: Scenario) -> list[Any]:
    """Endpoints on instances whose capacity changes."""
    return [one for one in scenario.endpoints if isinstance(one, OnInstances) and one.autoscaling is not None]


def _found(reading: Reading) -> list[_Found]:
    found = []
    if not scaled(reading.scenario):
        return []
    # The timeline is that of replication 0.
    scenario = reading.scenario.realised(0)
    for endpoint in scaled(scenario):
        frame = reading.study.timeline(endpoint.name)
        if "capacity" not in frame or not len(frame):
            continue
        pool = scenario.pool(endpoint)
        service_s = float(scenario.service_time(endpoint).mean())
        price = float(scenario.price_sheet.price(endpoint.price_items()[0]).value)
        of_it = reactions(frame, service_s, work_per_instance(pool), pool.places)
        found.append(_Found(endpoint.name, of_it, price))
    return found


def stretches(reading: Reading) -> dict[str, tuple[float, float]]:
    """Endpoint → beginning and end of its longest reaction, tail included, in replication 0 [s]."""
    found = {}
    for one in _found(reading):
        longest = one.reactions.longest
        if longest is not None and longest.queue_gone_s is not None:
            end_s = longest.from_s + longest.queue_gone_s
            found[one.name] = longest.from_s, end_s if longest.tail is None else longest.tail.end_s
    return found


def columns(reading: Reading) -> tuple[str, ...]:
    """Heads of the columns of the table of one realisation."""
    return COLUMNS if reading.scenario.clients is None else (*COLUMNS, "throttled attempts")


def rows(reading: Reading) -> tuple[tuple[str, ...], ...]:
    """A row an endpoint whose capacity changes; none without a timeline."""
    more = len(columns(reading)) - len(COLUMNS)
    return tuple(_row(reading, one, more) for one in _found(reading))


def _row(reading: Reading, found: _Found, more: int) -> tuple[str, ...]:
    longest = found.reactions.longest
    if longest is None:
        return (found.name, "0", *["–"] * (len(COLUMNS) - 2 + more))
    clock = reading.scenario.starts_at + datetime.timedelta(seconds=longest.from_s)
    shown = "%H:%M" if reading.scenario.horizon <= 86400 else "%d %b %H:%M"
    attempts = (f"{longest.throttled_attempts or 0:,}",) if more else ()
    return (
        found.name,
        f"{len(found.reactions.found):,}",
        _length(found.reactions.short_s),
        clock.strftime(shown),
        "nothing added" if longest.added_s is None else _length(longest.added_s),
        _OPEN if longest.covered_s is None else _length(longest.covered_s),
        _OPEN if longest.queue_gone_s is None else _length(longest.queue_gone_s),
        *(f"{longest.lost[name]:,}" for name in LOST),
        *_tail_cells(longest.tail, found.hourly),
        *attempts,
    )


def _tail_cells(tail: Tail | None, hourly: float) -> tuple[str, str, str]:
    if tail is None:
        return (_NONE, "–", "–")
    if not tail.is_over and tail.length_s == 0:
        return ("still needed", "–", "–")
    hours = tail.instance_hours
    lasts = f"{_length(tail.length_s)}{'' if tail.is_over else ', cut by the end'}"
    return (lasts, f"{significant(hours)} h", f"${significant(hours * hourly)}")


def _length(seconds: float) -> str:
    return "0 min" if seconds == 0 else f"{significant(seconds / 60)} min"


def remark(reading: Reading) -> str:
    """What the words of the table mean."""
    found = _found(reading)
    step_s = found[0].reactions.period_s if found else 60.0
    step = "a minute" if step_s == 60 else f"{significant(step_s / 60)} min"
    whole = ", the initial transient included" if reading.scenario.initial_transient else ""
    return (
        f"One realisation, in steps of {step}{whole}. Short: arrivals × mean service time need more instances than are "
        "in service, or requests wait and none is. Longest: until its queue is gone (no more wait than are served at "
        "once); lost are requests that arrived until then. Tail: from when the instances of before would do again "
        "until no more are there; instance-hours beyond them, at the price of the instance."
    )


def all_rows(reading: Reading) -> tuple[tuple[str, ...], ...]:
    """What scaling did in a replication: the mean over all of them, and its interval."""
    return tuple(
        (name, *(_NONE if found[key].value == 0 else in_words(found[key], "") for key in _ALL))
        for name, found in _everywhere(reading).items()
    )


def all_remark(reading: Reading) -> str:
    """Which requests are late."""
    limit = _loosest_ms(reading)
    late = "no objective limits latency" if limit is None else f"completed, but beyond {in_words(plain(limit), 'ms')}"
    return f"Counts and instance-hours of a replication, mean over {reading.finished}. Late: {late}."


_ALL: Final = (*_COUNTS, "expired", "late")


def _everywhere(reading: Reading) -> dict[str, dict[str, Estimate]]:
    """Endpoint → means over replications."""
    changing = scaled(reading.scenario)
    if not changing:
        return {}
    rows = reading.replications
    span_s = float(reading.scenario.horizon) - float(reading.scenario.initial_transient)
    level = reading.scenario.confidence
    everywhere = {}
    for endpoint in changing:
        own = rows[rows["endpoint"] == endpoint.name]
        columns = {name: [_or_none(one) for one in own[MEASURES[name].column]] for name in _ALL if name in MEASURES}
        columns["instance_hours"] = [
            None if (one := _or_none(value)) is None else one / 3600 for value in own[MEASURES["instance_time"].column]
        ]
        # Goodput leaves out what is late, so that the rest of the completed is.
        completed, goodput = (own[MEASURES[name].column].to_numpy(np.float64) for name in ("completed", "goodput"))
        columns["late"] = [float(one) for one in np.rint(completed - goodput * span_s)]
        if _loosest_ms(reading) is None:
            columns["late"] = [None] * len(own)
        everywhere[endpoint.name] = {name: intervals.mean(columns[name], level) for name in _ALL}
    return everywhere


def _or_none(value: Any) -> float | None:
    import pandas as pd

    return None if pd.isna(value) else float(value)


def _loosest_ms(reading: Reading) -> float | None:
    from simulator.study.replicate import objectives_of

    # The limits that are counted in a replication, of which goodput takes the loosest (`study.replicate`).
    limits = [one.limit for one in objectives_of(reading.scenario) if one.threshold_ns is not None]
    return max(limits, default=None)


def facts(reading: Reading) -> list[dict[str, Any]]:
    """The same as JSON carries it, every reaction of replication 0."""
    units = {"instances_launched": "instances", "instance_hours": "h", "scale_outs": "changes", "scale_ins": "changes"}
    one_run = {one.name: one for one in _found(reading)}
    return [
        {
            "endpoint": name,
            "replication": 0,
            **_facts_of(one_run.get(name)),
            "all_replications": {key: estimate_facts(one, units.get(key, "requests")) for key, one in found.items()},
        }
        for name, found in _everywhere(reading).items()
    ]


def _facts_of(found: _Found | None) -> dict[str, Any]:
    if found is None:
        return {"period_s": None, "short_s": None, "short": None}
    return {
        "period_s": found.reactions.period_s,
        "short_s": found.reactions.short_s,
        "short": [
            {
                "from_s": one.from_s,
                "added_after_s": one.added_s,
                "covered_after_s": one.covered_s,
                "queue_gone_after_s": one.queue_gone_s,
                "missing_instance_hours": one.missing_h,
                **one.lost,
                "throttled_attempts": one.throttled_attempts,
                "tail": None
                if one.tail is None
                else {
                    "length_s": one.tail.length_s,
                    "instance_hours": one.tail.instance_hours,
                    "cost_usd": one.tail.instance_hours * found.hourly,
                    "is_over": one.tail.is_over,
                },
            }
            for one in found.reactions.found
        ],
    }
