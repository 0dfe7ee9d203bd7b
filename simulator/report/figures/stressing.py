"""The figures of a scenario under stress: each function of plain values, given what was seen."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from simulator.measures.catalogue import Kind
from simulator.questions.stress.breaking import Outcome
from simulator.report.figures.stress import Field, Line, Panel, stress_map, under_stress
from simulator.report.figures.style import files
from simulator.report.survival import cell_words, survival
from simulator.study.replicate import objectives_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from matplotlib.figure import Figure

    from simulator.measures.objectives import Objective
    from simulator.questions.stress.stressed import Cell, Stressed
    from simulator.questions.stress.stressing import Stress

#: Panels of one figure.
_MOST_PANELS: Final = 6


def figures(result: Stressed) -> Iterator[tuple[str, Figure]]:
    """File name without its ending, and figure: the map, then one a stress that concerns any endpoint."""
    stresses = result.plan.stresses
    fields = {
        name: [
            Field(cell.outcome.value, cell.outcome.value if cell.outcome is Outcome.SPARED else cell_words(cell))
            for cell in result.cells
            if cell.endpoint == name
        ]
        for name in result.plan.endpoints
    }
    yield "stress-map", stress_map(fields, [stress.title for stress in stresses], survival(result).sentences[0])
    for stress in stresses:
        if result.plan.stressed(stress):
            yield f"stress-{stress.name.replace('_', '-')}", _of_stress(result, stress)


def figure_files(result: Stressed) -> Iterator[tuple[str, bytes]]:
    """Name and content of each figure's PNG and SVG."""
    for name, figure in figures(result):
        for suffix, content in files(figure):
            yield f"{name}.{suffix}", content


def _of_stress(result: Stressed, stress: Stress) -> Figure:
    panels = [
        _panel(result, stress, number, objective)
        for number, objective in enumerate(objectives_of(result.plan.scenario)[:_MOST_PANELS])
    ]
    ticks = [(stress.place(severity), stress.text(severity)) for severity in stress.severities]
    title = f"{stress.title[0].upper()}{stress.title[1:]}: {_finding(result, stress)}"
    return under_stress(title, panels, result.plan.endpoints, stress.axis, ticks)


def _finding(result: Stressed, stress: Stress) -> str:
    """Who breaks first, or that nobody does; those that miss an objective without it are counted apart."""
    cells = [result.cell(name, stress.name) for name in result.plan.stressed(stress)]
    broken = [cell for cell in cells if cell.outcome is Outcome.BREAKS]
    before = sum(cell.outcome is Outcome.BROKEN_ALREADY for cell in cells)
    if broken:
        first = min(broken, key=lambda cell: stress.place(_mildest(cell)))
        words = f"{len(broken)} of {len(cells)} endpoints break, first {first.endpoint}: {cell_words(first)}"
    elif before == len(cells):
        return "every endpoint misses an objective without it"
    else:
        hold = all(cell.outcome in (Outcome.HOLDS, Outcome.BROKEN_ALREADY) for cell in cells)
        words = "no objective breaks" if hold else "no objective is known to break"
        words += " that holds without it" if before else ""
    return f"{words}; {before} broken already" if before else words


def _mildest(cell: Cell) -> float:
    """Severity at which its first objective breaks."""
    first = cell.first
    return cell.stress.neutral if first is None or first.at is None else first.at


def _panel(result: Stressed, stress: Stress, number: int, objective: Objective) -> Panel:
    measure = objective.measure
    factor, unit = _scale(objective)

    def scaled(value: float | None) -> float | None:
        return None if value is None else value * factor

    lines = {}
    for name in result.plan.stressed(stress):
        seen = result.at(stress, name)
        estimates = [one.judgements[number].estimate for one in seen.values()]
        found = result.cell(name, stress.name).breaks[number]
        at = found.at if found.outcome is Outcome.BREAKS else None
        lines[name] = Line(
            place=tuple(stress.place(severity) for severity in seen),
            value=tuple(scaled(one.value) for one in estimates),
            low=tuple(scaled(one.value if one.low is None else one.low) for one in estimates),
            high=tuple(scaled(one.value if one.high is None else one.high) for one in estimates),
            breaks_at=None if at is None or stress.is_switch else stress.place(at),
        )
    label = measure.name.replace("_", " ")
    return Panel(objective.text, f"{label} [{unit}]" if unit else label, objective.limit * factor, lines)


def _scale(objective: Objective) -> tuple[float, str]:
    """What values are multiplied by, and the unit they have then."""
    measure = objective.measure
    if measure.kind is Kind.SHARE:
        return 100.0, "%"
    if measure.unit == "ms" and objective.limit >= 1000.0:
        return 1e-3, "s"
    return 1.0, measure.unit
