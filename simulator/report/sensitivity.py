"""What a sensitivity analysis found, for people and for programs."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Final

from simulator.measures.intervals import Estimate
from simulator.report.figures.style import files
from simulator.report.figures.tornado import TornadoBar, tornado
from simulator.report.numbers import estimate_facts, fixed, plain, share
from simulator.report.reading import in_words, money
from simulator.report.sections import Section, Sentences, Table

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

    from simulator.questions.sensitivity.one_at_a_time import Flip, OneAtATime, Step
    from simulator.questions.sensitivity.outputs import Output
    from simulator.questions.sensitivity.sensitivity import Effect, Finding, Sensitivity

#: Goes up when a key changes its meaning or goes away.
SCHEMA_VERSION: Final = 1
_NOBODY: Final = "no endpoint"


def sections(found: Sensitivity) -> Iterator[Section]:
    """All parts in the order in which they are read: the answer first."""
    yield Sentences("What would change the answer", tuple(answer(found)))
    yield moved_alone(found)
    yield Sentences(f"Scenario {found.scenario.name}", tuple(_setting(found)))
    yield parted(found)
    for measure in dict.fromkeys(one.output.measure.name for one in found.findings):
        yield correlated(found, measure)
    words = [line for one in found.findings if one.output.less is None and (line := _in_words(one))]
    yield Sentences("In words", tuple(words) or ("No assumption shows an effect on a measure.",))
    for one in found.findings:
        if one.indices is not None and one.components.spread and one.output.less is None:
            yield _indices(found, one)


def answer(found: Sensitivity) -> list[str]:
    """Who is cheapest in the middle, and which single assumption would change that, at which value."""
    alone = found.alone
    sentences = [f"With every assumption at its middle value: {_cheapest(found, alone.middle)}."]
    sentences += [_flip(found, flip) for flip in alone.flips]
    if not alone.flips:
        sentences.append("No assumption alone, anywhere in its range, changes that.")
    sentences.append(
        f"Answers are by the means of {found.repeats} realisations of the traffic, the same for every value."
    )
    return sentences


def _what(found: Sensitivity, who: str) -> str:
    return f"{who} is the cheapest endpoint" + (" that meets all objectives" if found.scenario.objectives else "")


def _cheapest(found: Sensitivity, step: Step) -> str:
    name = step.answer.cheapest
    if name is None:
        return "no endpoint meets all objectives"
    return f"{_what(found, name)}, at ${money(plain(step.answer.costs[name]))} a month"


def _flip(found: Sensitivity, flip: Flip) -> str:
    one, name = flip.assumption, flip.after.answer.cheapest
    instead = f"{name} instead" if name is not None else "no endpoint meets all objectives"
    if one.options:
        return f"{one.name} alone changes that if it is {flip.after.words}: {instead}."
    side = "below" if (flip.after.quantile or 0.0) < (flip.before.quantile or 0.0) else "above"
    return f"{one.name} alone changes that {side} about {flip.after.words}: {instead}."


def moved_alone(found: Sensitivity) -> Table:
    """Each assumption at its low and high value, the others in the middle."""
    alone = found.alone
    unit = alone.output.measure.unit
    rows = tuple(
        (
            bar.assumption.name,
            bar.low.words,
            _value(bar.low.output, unit, alone),
            bar.high.words,
            _value(bar.high.output, unit, alone),
            ", ".join(dict.fromkeys(_at(flip) for flip in bar.flips)) or "nowhere",
        )
        for bar in alone.bars
    )
    middle = _value(alone.middle.output, unit, alone)
    remark = (
        f"{alone.output.name}, {middle} in the middle. Low and high: the 10 % and the 90 % point of a range, the "
        "options of least and most. The first change of the answer on either side is looked for in the whole range."
    )
    columns = ("assumption", "low", "then", "high", "then", "answer changes at")
    return Table("Each assumption alone, the others in the middle", columns, rows, remark)


def _at(flip: Flip) -> str:
    return flip.after.words


def _value(value: float, unit: str, alone: OneAtATime) -> str:
    return in_words(plain(None if math.isnan(value) else value), unit, difference=alone.output.less is not None)


def _setting(found: Sensitivity) -> list[str]:
    scenario = found.scenario
    count = found.draws * found.repeats
    lines = [
        f"{found.draws} draws of the assumptions (a Latin hypercube) times {found.repeats} realisations of the "
        f"traffic, the same for every draw: {count} replications; seed {scenario.seed}; intervals at "
        f"{100 * scenario.confidence:g}%",
        *(f"{one.name}: {one.text}" for one in scenario.assumed),
    ]
    if found.points:
        runs = found.points * (len(scenario.assumed) + 2)
        lines.append(f"Sobol' indices from {found.points} points: {runs} more scenarios under the same traffic")
    return lines


def parted(found: Sensitivity) -> Table:
    """Where the spread of each output comes from."""
    rows = tuple(
        (
            one.output.name,
            in_words(one.mean, one.output.measure.unit, difference=one.output.less is not None),
            in_words(plain(one.components.spread), one.output.measure.unit),
            *(
                _share(part) if one.components.spread else "–"
                for part in (one.components.assumptions, one.components.chance, one.components.interaction)
            ),
        )
        for one in found.findings
    )
    remark = (
        "Spread: standard deviation of one replication over assumptions and chance. Shares of its square: from the "
        "assumptions, from the traffic, and from how much more the traffic matters under some assumptions than under "
        "others."
    )
    columns = ("", "mean", "spread", "assumptions", "chance", "both together")
    return Table("Where the spread comes from", columns, rows, remark)


def _share(part: Estimate) -> str:
    if part.value is None or part.low is None or part.high is None:
        return share(part)
    value, low, high = (fixed(100 * one, 0).replace("-", "−") for one in (part.value, part.low, part.high))
    return f"{value} % ({low} to {high})"


def correlated(found: Sensitivity, measure: str) -> Table:
    """Rank correlation of each assumption with one measure of every endpoint."""
    own = [
        one
        for one in found.findings
        if one.output.measure.name == measure and one.output.less is None and one.components.spread
    ]
    heads = [one.output.name.removeprefix(f"{measure} of ") for one in own]
    rows = tuple(
        (assumption.name, *(_correlation(one.effects[place]) for one in own))
        for place, assumption in enumerate(found.scenario.assumed)
    )
    remark = (
        "Spearman's rank correlation with its interval, of the means over the traffic: + rises with the assumption (a "
        "choice of two: with the second), − falls. Without a sign: share of the variance between options."
    )
    return Table(f"What moves {measure}", ("assumption", *heads), rows if own else (), remark if own else "")


def _correlation(effect: Effect) -> str:
    one = effect.correlation
    if one.value is None:
        return "–"
    if one.low is None or one.high is None:
        return f"{100 * one.value:.0f} %"
    return f"{_signed(one.value)} ({_signed(one.low)} to {_signed(one.high)})"


def _signed(value: float) -> str:
    return f"{value:+.2f}".replace("-", "−")


def _in_words(one: Finding) -> str:
    """Which assumptions raise an output, and which lower it; empty if it has no spread."""
    if not one.components.spread:
        return ""
    parts = [_effect(effect) for effect in one.effects if effect.is_shown]
    if not parts:
        return f"{one.output.name}: no assumption shows an effect."
    return f"{one.output.name} is higher with {'; with '.join(parts)}."


def _effect(effect: Effect) -> str:
    one = effect.assumption
    if one.scale is None:
        known = [pair for pair in zip(effect.means, one.options, strict=True) if not math.isnan(pair[0])]
        least, most = (pick(known, key=lambda pair: pair[0])[1] for pick in (min, max))
        return f"{one.name} {one.words(most)} than with {one.words(least)}"
    return f"{'higher' if (effect.correlation.value or 0.0) > 0 else 'lower'} {one.name}"


def _indices(found: Sensitivity, one: Finding) -> Table:
    assert one.indices is not None
    rows = tuple(
        (assumption.name, _share(first), _share(total))
        for assumption, first, total in zip(found.scenario.assumed, one.indices.first, one.indices.total, strict=True)
    )
    return Table(
        f"Sobol' indices of {one.output.name}",
        ("assumption", "alone", "with others"),
        rows,
        "Shares of the variance over the assumptions: what an assumption makes alone, and what would be left if all "
        "the others were known.",
    )


def tornado_figure(found: Sensitivity) -> Figure:
    """The figure of assumptions moved alone."""
    alone = found.alone
    unit = alone.output.measure.unit
    bars = [
        TornadoBar(
            bar.assumption.name,
            _or(bar.low.output, alone.middle.output),
            _or(bar.high.output, alone.middle.output),
            bar.low.words,
            bar.high.words,
            bool(bar.flips),
        )
        for bar in alone.bars
    ]
    names = [flip.assumption.name for flip in alone.flips]
    finding = (
        f"{', '.join(dict.fromkeys(names))} alone would change the answer"
        if names
        else "No assumption alone changes the answer"
    )
    detail = (
        f"{alone.output.name} at the low and high value of each assumption, the others in the middle; ● changes which "
        "endpoint is the cheapest" + (" that meets all objectives" if found.scenario.objectives else "")
    )
    axis = f"{alone.output.name} [{unit}]" + (
        f"\nleft of 0 {alone.output.endpoint} is cheaper" if alone.output.less is not None else ""
    )
    return tornado(bars, alone.middle.output, axis, finding, detail, lambda value: f"{value:,.10g}".replace("-", "−"))


def figure_files(found: Sensitivity) -> Iterator[tuple[str, bytes]]:
    """Name and content of the figure's PNG and SVG."""
    for suffix, content in files(tornado_figure(found)):
        yield f"tornado.{suffix}", content


def as_csv(found: Sensitivity) -> str:
    """One line an output and assumption."""
    return frame(found).to_csv(index=False, lineterminator="\n")


def frame(found: Sensitivity) -> pd.DataFrame:
    """One row an output and assumption: its correlation, and Sobol' indices if they were asked for."""
    import pandas as pd

    rows = []
    for one in found.findings:
        for place, effect in enumerate(one.effects):
            row: dict[str, Any] = {
                "endpoint": one.output.endpoint,
                "less": one.output.less,
                "measure": one.output.measure.name,
                "assumption": effect.assumption.name,
                **_columns("correlation", effect.correlation),
                "is_shown": effect.is_shown,
            }
            if one.indices is not None:
                row |= _columns("sobol_first", one.indices.first[place])
                row |= _columns("sobol_total", one.indices.total[place])
            rows.append(row)
    return pd.DataFrame(rows)


def _columns(name: str, one: Estimate) -> dict[str, Any]:
    return {name: one.value, f"{name}_low": one.low, f"{name}_high": one.high}


def as_json(found: Sensitivity) -> str:
    """Everything, as JSON; no NaN."""
    return json.dumps(facts(found), indent=1, ensure_ascii=False, allow_nan=False) + "\n"


def facts(found: Sensitivity) -> dict[str, Any]:
    """The same as a dict."""
    alone = found.alone
    return {
        "schema_version": SCHEMA_VERSION,
        "scenario": found.scenario.name,
        "seed": found.scenario.seed,
        "draws": found.draws,
        "repeats": found.repeats,
        "sobol_points": found.points,
        "assumptions": [
            {"name": one.name, "given": dict(one.given), "text": one.text, "middle": one.middle}
            for one in found.scenario.assumed
        ],
        "answer": answer(found),
        "alone": {
            "output": _output_facts(alone.output),
            "middle": _step_facts(alone.middle),
            "bars": [
                {
                    "assumption": bar.assumption.name,
                    "low": _step_facts(bar.low),
                    "high": _step_facts(bar.high),
                    "steps": [_step_facts(step) for step in bar.steps],
                    "changes": [
                        {"before": _step_facts(flip.before), "after": _step_facts(flip.after)} for flip in bar.flips
                    ],
                }
                for bar in alone.bars
            ],
        },
        "findings": [_finding_facts(one) for one in found.findings],
    }


def _finding_facts(one: Finding) -> dict[str, Any]:
    parts, unit = one.components, one.output.measure.unit
    return {
        **_output_facts(one.output),
        "mean": estimate_facts(one.mean, unit),
        "spread": parts.spread,
        "assumptions": estimate_facts(parts.assumptions, "1"),
        "chance": estimate_facts(parts.chance, "1"),
        "interaction": estimate_facts(parts.interaction, "1"),
        "effects": [
            {
                "assumption": effect.assumption.name,
                "correlation": estimate_facts(effect.correlation, "1"),
                "is_shown": effect.is_shown,
                "options": [
                    {"option": option, "mean": _number(mean)}
                    for option, mean in zip(effect.assumption.options, effect.means, strict=True)
                ],
                "sobol_first": None if one.indices is None else estimate_facts(one.indices.first[place], "1"),
                "sobol_total": None if one.indices is None else estimate_facts(one.indices.total[place], "1"),
            }
            for place, effect in enumerate(one.effects)
        ],
    }


def _output_facts(output: Output) -> dict[str, Any]:
    return {
        "endpoint": output.endpoint,
        "less": output.less,
        "measure": output.measure.name,
        "unit": output.measure.unit,
    }


def _step_facts(step: Step) -> dict[str, Any]:
    return {
        "value": step.value,
        "quantile": step.quantile,
        "output": _number(step.output),
        "cheapest": step.answer.cheapest,
        "eligible": list(step.answer.eligible),
        "monthly_cost": dict(step.answer.costs),
    }


def _or(value: float, other: float) -> float:
    return other if math.isnan(value) else value


def _number(value: float) -> float | None:
    return None if math.isnan(value) else value
