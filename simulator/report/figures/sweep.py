"""Measures along the values of a sweep: a panel a measure, a line an endpoint with the band of its intervals."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from simulator.measures.catalogue import MEASURES, Kind, Measure
from simulator.measures.objectives import Verdict
from simulator.report.figures import style

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from simulator.questions.axis import Axis
    from simulator.questions.point import Point
    from simulator.questions.sweep import Sweep

#: Panels of one figure, and figures of one sweep: one for each combination of the other axes.
_MOST_PANELS: Final = 6
MOST_FIGURES: Final = 12
#: Ticks with the words of values that are not numbers, or numbers few enough to name each.
_MOST_TICKS: Final = 9
#: Greatest over least value from which an axis goes by factors.
_FAR_APART: Final = 8.0
_COST: Final = MEASURES["monthly_cost"]


@dataclass(frozen=True)
class Curve:
    """One measure of one endpoint.

    Parameters
    ----------
    value, low, high : ndarray of float64, shape (points,)
        Mean over replications and its interval; NaN where there is none.
    is_met : ndarray of bool, shape (points,)
        Whether all objectives are met there.
    """

    value: Any
    low: Any
    high: Any
    is_met: Any


def figures(result: Sweep) -> Iterator[tuple[str, Figure]]:
    """File name without its ending, and figure: one for each combination of the axes besides the one drawn along."""
    along = _drawn_along(result)
    groups: dict[tuple[str, ...], list[Point]] = {}
    for point in result.points:
        rest = tuple(value for number, value in enumerate(point.values) if number != along)
        groups.setdefault(rest, []).append(point)
    for number, (rest, points) in enumerate(list(groups.items())[:MOST_FIGURES]):
        others = [axis for place, axis in enumerate(result.plan.axes) if place != along]
        where = ", ".join(f"{axis.path} {value}" for axis, value in zip(others, rest, strict=True))
        name = "sweep" if len(groups) == 1 else f"sweep-{number + 1}"
        yield name, _figure(result, points, along, where)


def figure_files(result: Sweep) -> Iterator[tuple[str, bytes]]:
    """Name and content of each figure's PNG and SVG."""
    for name, figure in figures(result):
        for suffix, content in style.files(figure):
            yield f"{name}.{suffix}", content


def _drawn_along(result: Sweep) -> int:
    """The axis of numbers with the most values; the one with the most values if there is none of numbers."""
    axes = result.plan.axes
    return max(range(len(axes)), key=lambda number: (axes[number].numbers is not None, len(axes[number].texts)))


@style.drawn
def _figure(result: Sweep, points: Sequence[Point], along: int, where: str) -> Figure:
    from matplotlib.lines import Line2D

    axis = result.plan.axes[along]
    points = sorted(points, key=lambda point: axis.texts.index(point.values[along]))
    if axis.numbers is not None:
        points = sorted(points, key=lambda point: _place(axis, point.values[along]))
    places = [_place(axis, point.values[along]) for point in points]
    measures = result.plan.measures[:_MOST_PANELS]
    figure, all_axes = style.blank(1.1 + 2.0 * len(measures), len(measures))
    for axes, measure in zip(all_axes, measures, strict=True):
        factor, unit = _scale(measure, points, result.endpoints)
        for number, endpoint in enumerate(result.endpoints):
            _draw(axes, places, _curve(points, endpoint, measure, factor), style.look(number))
        label = measure.name.replace("_", " ")
        axes.set_ylabel(f"{label} [{unit}]" if unit and unit != "1" else label, fontsize=9)
        axes.grid(color=style.FAINT, linewidth=0.8)
        _range(axes)
    _ticks(all_axes[-1], axis, places, points, along)
    looks = [style.look(number) for number in range(len(result.endpoints))]
    handles: list[Any] = [
        Line2D([], [], color=one.colour, linestyle=one.line, marker=one.marker, linewidth=1.6) for one in looks
    ]
    labels = style.unique(list(result.endpoints))
    if any(point.judgements[endpoint] for point in points for endpoint in result.endpoints):
        handles.append(Line2D([], [], color=style.INK, linestyle="", marker="o", markerfacecolor="white"))
        labels.append("open: not known to meet all objectives")
    style.legend_below(figure, handles, labels)
    detail = "means over replications with their intervals" + (f"; {where}" if where else "")
    style.headline(figure, _finding(points, along, axis), detail)
    return figure


def _finding(points: Sequence[Point], along: int, axis: Axis) -> str:
    """Who is the cheapest at the first value, and where that changes."""
    found = [(point.values[along], point.cheapest(_COST)) for point in points]
    changes = [(value, name) for (_, before), (value, name) in pairwise(found) if name != before]
    nobody = "no endpoint known to meet all objectives"
    first = f"{found[0][1] or nobody} from {found[0][0]}"
    then = "".join(f", {name or nobody} from {value}" for value, name in changes)
    return f"Cheapest along {axis.path}: {first}{then}"


def _place(axis: Axis, text: str) -> float:
    return float(axis.texts.index(text)) if axis.numbers is None else axis.numbers[axis.texts.index(text)]


def _curve(points: Sequence[Point], endpoint: str, measure: Measure, factor: float) -> Curve:
    estimates = [point.estimate(endpoint, measure) for point in points]

    def column(values: Sequence[float | None]) -> Any:
        return np.array([np.nan if value is None else value * factor for value in values], np.float64)

    return Curve(
        column([one.value for one in estimates]),
        column([one.value if one.low is None else one.low for one in estimates]),
        column([one.value if one.high is None else one.high for one in estimates]),
        np.array(
            [not point.judgements[endpoint] or point.verdict(endpoint) is Verdict.MET for point in points], np.bool_
        ),
    )


def _draw(axes: Axes, places: Sequence[float], curve: Curve, look: style.Look) -> None:
    axes.fill_between(places, curve.low, curve.high, color=look.colour, alpha=0.18, linewidth=0)
    axes.plot(places, curve.value, color=look.colour, linestyle=look.line, linewidth=1.6)
    for is_met, fill in ((True, look.colour), (False, "white")):
        value = np.where(curve.is_met == is_met, curve.value, np.nan)
        axes.plot(
            *(places, value),
            linestyle="",
            marker=look.marker,
            markersize=5.5,
            color=look.colour,
            markerfacecolor=fill,
        )


def _scale(measure: Measure, points: Sequence[Point], endpoints: Sequence[str]) -> tuple[float, str]:
    """What values are multiplied by, and the unit they have then."""
    if measure.kind is Kind.SHARE:
        return 100.0, "%"
    if measure.unit == "ms":
        values = [point.estimate(endpoint, measure).value or 0.0 for point in points for endpoint in endpoints]
        if max(values) >= 2000.0:
            return 1e-3, "s"
    return 1.0, measure.unit


def _range(axes: Axes) -> None:
    """From 0 up, or by factors where values lie further apart than could be told from each other."""
    from matplotlib.ticker import FuncFormatter, NullFormatter

    values = np.concatenate([np.asarray(line.get_ydata(), np.float64) for line in axes.get_lines()])
    known = values[np.isfinite(values)]
    if len(known) and known.min() > 0 and known.max() > _FAR_APART * known.min():
        axes.set_yscale("log")
        axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,g}"))
        axes.yaxis.set_minor_formatter(NullFormatter())
    else:
        axes.set_ylim(bottom=0)


def _ticks(axes: Axes, axis: Axis, places: Sequence[float], points: Sequence[Point], along: int) -> None:
    unit = f" [{axis.unit}]" if axis.numbers is not None and axis.unit else ""
    axes.set_xlabel(f"{axis.path}{unit}")
    if axis.is_log:
        axes.set_xscale("log")
    if axis.numbers is None or len(places) <= _MOST_TICKS:
        axes.set_xticks(list(places), [_short(axis, point.values[along]) for point in points])
        axes.minorticks_off()


def _short(axis: Axis, text: str) -> str:
    """The value without its unit, which stands at the axis."""
    if axis.numbers is None:
        return style.short(text, 14)
    return f"{axis.numbers[axis.texts.index(text)]:.4g}"
