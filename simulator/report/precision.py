"""Whether the precision that a scenario asks for was reached: in a sentence, and for programs."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from simulator.measures.catalogue import find
from simulator.report.numbers import PLAIN_DIGITS, latency, plain, significant
from simulator.study.precision import reported

if TYPE_CHECKING:
    from simulator.scenario.precision import Precision
    from simulator.study.precision import PrecisionState


def is_unresolved(state: PrecisionState) -> bool:
    """Whether the most replications that are allowed were too few."""
    return not state.met and state.replications >= state.precision.max_replications


def sentence(state: PrecisionState) -> str:
    """What was found, the width that was asked for, and the one that was reached.

    Where the rule is met, what is claimed is what was asked for (`study.precision`).
    """
    precision, count = state.precision, state.replications
    most, asked = precision.max_replications, _asked(precision)
    if state.met:
        begins = f"Stopped at {count:,} of at most" if count < most else "Within"
        text = (
            f"{begins} {most:,} replications: {_what(precision)} is known to {asked}, as asked ({_reached_by(state)})."
        )
        if state.is_skewed:
            text += (
                " Its replications are skewed: an interval found by stopping holds the truth less often than "
                f"{100 * state.estimate.level:g}% says; rely on {asked}."
            )
        return text
    begins = f"Not resolved to {asked} within" if is_unresolved(state) else f"Not resolved to {asked} after"
    allowed = "" if is_unresolved(state) else f" (at most {most:,})"
    text = f"{begins} {count:,} replications{allowed}: {_what(precision, state.endpoint)}"
    if state.reason:
        return f"{text}: {state.reason}."
    if state.estimate.is_none_seen:
        text += f": {state.estimate.method}"
    elif state.is_narrow:
        text += f" is known to {_width(state)} at this look, and must be so at one more"
    else:
        text += f" is known to {_width(state)}" if _width(state) else " is not known to within its own size"
    return f"{text}; about {state.needed:,} would do." if state.needed else f"{text}."


def facts(state: PrecisionState) -> dict[str, Any]:
    """The same as JSON carries it; the interval is the one that may be claimed."""
    precision, claimed = state.precision, reported(state)
    return {
        "measure": precision.measure,
        "endpoint": precision.endpoint,
        "difference": precision.difference,
        "relative": precision.relative,
        "absolute": precision.absolute_in_unit,
        "unit": find(precision.measure).unit,
        "max_replications": precision.max_replications,
        "met": state.met,
        "replications": state.replications,
        "widest": state.endpoint,
        "value": claimed.value,
        "ci": None if claimed.low is None or claimed.high is None else [claimed.low, claimed.high],
        "level": claimed.level,
        "half_width": state.half_width,
        "target": state.target,
        "replications_needed": state.needed,
        "skewed": state.is_skewed,
        "reason": state.reason,
        "sentence": sentence(state),
    }


def _what(precision: Precision, endpoint: str | None = None) -> str:
    """What is known or not, of the endpoint that was asked for or of one that holds it up."""
    name = endpoint or precision.endpoint or "every endpoint"
    if precision.difference:
        return f"{precision.measure} of {name} less the baseline's"
    return f"{precision.measure} of {name}"


def _asked(precision: Precision) -> str:
    if precision.relative is not None:
        return f"±{significant(100 * precision.relative, 6)} %"
    assert precision.absolute_in_unit is not None, "one of the two is given"
    return f"±{_amount(precision, precision.absolute_in_unit)}"


def _reached_by(state: PrecisionState) -> str:
    """Width of the interval that was reached; whose it is where it is that of every endpoint."""
    whose = "" if state.precision.endpoint else f"widest is {state.endpoint}: "
    if state.half_width == 0:
        return f"{whose}every replication gave the same"
    if state.estimate.is_none_seen:
        return f"{whose}{state.estimate.method}"
    return f"{whose or 'its interval: '}{_width(state)}"


def _width(state: PrecisionState) -> str:
    """Half-width as the target is written, rounded up: ``±1.83 %``; empty where it is wider than the value."""
    if state.precision.relative is not None:
        return "" if state.relative is None else f"±{significant(_up(100 * state.relative))} %"
    assert state.half_width is not None, "else there is a reason"
    return f"±{_amount(state.precision, _up(state.half_width))}"


def _up(value: float) -> float:
    """To three significant digits, never down: what was reached must not look better than it is."""
    if value == 0:
        return 0.0
    step = 10.0 ** (math.floor(math.log10(value)) - PLAIN_DIGITS + 1)
    return math.ceil(value / step - 1e-9) * step


def _amount(precision: Precision, value: float) -> str:
    """An error in the unit of the measure, as people write it; shares differ by percentage points."""
    match unit := find(precision.measure).unit:
        case "ms":
            return latency(plain(value))
        case "s":
            return latency(plain(1e3 * value))
        case "USD":
            return f"${significant(value)}"
        case "1":
            return f"{significant(100 * value)} points"
        case _:
            return f"{significant(value)} {unit}"
