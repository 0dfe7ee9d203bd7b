"""Cost against the measure that binds: one cross a candidate, its state in words and by its marker."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from simulator.report.figures import style
from simulator.report.figures.plane import _latency_axis, _scale, _sides
from simulator.report.numbers import dollars
from simulator.report.plan import state_of
from simulator.report.reading import in_words, limit_in_words

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from simulator.measures.intervals import Estimate
    from simulator.questions.plan.plan import Planned

#: State in words → colour and marker.
_LOOKS: Final = {
    "the plan": ("#009E73", "*"),
    "as cheap": ("#0072B2", "o"),
    "dearer": ("#7F7F7F", "s"),
    "undecided": ("#CC79A7", "D"),
}
#: The same of those that miss an objective, one an objective, over and over.
_MISSES: Final = (("#D55E00", "X"), ("#E69F00", "P"), ("#8C510A", "v"))


def figure_files(found: Planned) -> Iterator[tuple[str, bytes]]:
    """Name and content of the figure's PNG and SVG; none where nothing was simulated."""
    if not found.samples:
        return
    if found.tightened is not None:
        number = [one.text for one in found.objectives].index(found.tightened.objective.text)
    else:
        number = 0
    if not found.objectives:
        return
    objective = found.objectives[number]
    points = [
        (name, state_of(found, name), found.cost(name), found.judgements(name)[number].estimate)
        for name in found.samples
    ]
    unit = objective.measure.unit
    limit = objective.limit if objective.comparison in {"<", "<="} else None
    figure = cost_against(points, objective.measure.name, unit, limit, f"{found.choice.base.month / 3600:g} h")
    for suffix, content in style.files(figure):
        yield f"plan.{suffix}", content


@style.drawn
def cost_against(
    points: Sequence[tuple[str, str, Estimate, Estimate]],
    measure: str,
    unit: str,
    limit: float | None = None,
    month: str = "730 h",
) -> Figure:
    """Figure of monthly cost against a measure.

    Parameters
    ----------
    points : sequence of (name, state, monthly cost [USD], measure [unit])
        With intervals; a state is one of those of a race, or which measure misses its objective.
    measure, unit : str
        What is drawn upwards, and its unit as in the catalogue.
    limit : float or None
        Most that is allowed. [unit]
    month : str
        The month's length in words.
    """
    from matplotlib.lines import Line2D

    figure, (axes,) = style.blank(5.0)
    shown = [one for one in points if one[2].value is not None and one[3].value is not None]
    plan = next((one for one in points if one[1] == "the plan"), None)
    title = (
        "No candidate meets all objectives" if plan is None else f"The plan: {plan[0]} at ${dollars(plan[2])} a month"
    )
    if not shown:
        style.no_data(axes)
        style.headline(figure, title)
        return figure
    states = list(dict.fromkeys(one[1] for one in shown))
    missing = [state for state in states if state not in _LOOKS]
    looks = _LOOKS | {state: _MISSES[place % len(_MISSES)] for place, state in enumerate(missing)}
    for _, state, cost, value in shown:
        colour, marker = looks[state]
        is_plan = state == "the plan"
        axes.errorbar(
            cost.value or 0.0,
            value.value or 0.0,
            xerr=_sides(cost),
            yerr=_sides(value),
            color=colour,
            marker=marker,
            markersize=16 if is_plan else 8,
            markeredgecolor="white",
            markeredgewidth=0.6,
            linewidth=1.4,
            capsize=4,
            zorder=4 if is_plan else 3,
        )
    _scale(axes, "x", [cost for _, _, cost, _ in shown], None)
    _scale(axes, "y", [value for _, _, _, value in shown], limit)
    _with_zero(axes, limit, [value.value or 0.0 for _, _, _, value in shown])
    if unit == "ms" and axes.get_yscale() != "symlog":
        _latency_axis(axes)
    else:
        axes.yaxis.set_major_formatter(lambda value, position: limit_in_words(value, unit) if value > 0 else "0")
    axes.xaxis.set_major_formatter(lambda value, position: f"{value:,.10g}")
    if limit is not None:
        axes.axhline(limit, color=style.INK, linewidth=1.2)
        axes.axhspan(limit, axes.get_ylim()[1], facecolor="none", edgecolor="#CCCCCC", hatch="////", linewidth=0)
    axes.grid(color=style.FAINT, linewidth=0.8)
    axes.set_xlabel(f"cost [USD a month of {month}]")
    axes.set_ylabel(f"{measure} of one replication, mean")
    present = [state for state in looks if state in states]
    handles = [
        Line2D([], [], color=looks[state][0], marker=looks[state][1], linestyle="none", markersize=9)
        for state in present
    ]
    labels = [_label(state, [name for name, at, *_ in shown if at == state]) for state in present]
    style.legend_below(figure, handles, labels)
    detail = "bars: intervals over replications; left is cheaper, down is better"
    if limit is not None:
        detail += f"; hatched: beyond the objective, {limit_in_words(limit, unit)}"
    if plan is not None:
        detail += f"; the plan gives {in_words(plan[3], unit)}"
    style.headline(figure, title, detail)
    return figure


def _with_zero(axes: Axes, limit: float | None, values: Sequence[float]) -> None:
    """Room for what is 0 and, where values go far beyond a limit, a scale of factors above it."""
    most = max(values)
    if min(values) > 0:
        return
    if limit is not None and most > 8 * limit > 0:
        axes.set_yscale("symlog", linthresh=limit)
        axes.set_ylim(-0.3 * limit, 1.8 * most)
    else:
        axes.set_ylim(bottom=-0.06 * axes.get_ylim()[1])


def _label(state: str, names: Sequence[str]) -> str:
    """The state, and who has it: one candidate by name, several by their number."""
    return f"{state}: {style.short(names[0]) if len(names) == 1 else len(names)}"
