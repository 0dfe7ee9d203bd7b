"""What is compared along the axis of a crossover: a line an endpoint, the answer highlighted, bands at the changes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from simulator.measures.objectives import Verdict
from simulator.questions.breakeven import mean_rate
from simulator.report.changes import who
from simulator.report.crossover import answer, outlook, question
from simulator.report.figures import style
from simulator.report.numbers import significant

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from simulator.questions.crossover.flips import Crossover
    from simulator.questions.crossover.line import Spot
    from simulator.questions.crossover.stretches import Stretch

#: Greatest over least value from which the vertical axis goes by factors.
_FAR_APART: Final = 8.0
#: Ends of an axis of factors between which 2 and 5 times powers of ten have room for their numbers too.
_FEW_DECADES: Final = 3e3
_DASHES: Final = (0, (3, 2))
#: Labels of changes nearer to each other than this part of the width stand in different rows.
_APART: Final = 0.13
_MOST_ROWS: Final = 3
#: Longer answers are in the report alone.
_LONGEST_FINDING: Final = 170


@dataclass(frozen=True)
class Curve:
    """What is compared, for one endpoint.

    Parameters
    ----------
    value, low, high : ndarray of float64, shape (points,)
        Mean over replications and its interval; NaN where there is none.
    is_eligible : ndarray of bool, shape (points,)
        Whether it is known to meet all objectives there.
    """

    value: NDArray[np.float64]
    low: NDArray[np.float64]
    high: NDArray[np.float64]
    is_eligible: NDArray[np.bool_]


def figure_files(result: Crossover) -> Iterator[tuple[str, bytes]]:
    """Name and content of the figure's PNG and SVG."""
    for suffix, content in style.files(figure(result)):
        yield f"crossover.{suffix}", content


@style.drawn
def figure(result: Crossover) -> Figure:
    """The figure of a crossover."""
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    spots = result.line.spots
    places: NDArray[np.float64] = np.array([spot.place for spot in spots])
    drawn, (axes,) = style.blank(5.2)
    curves = [_curve(spots, name, result) for name in result.endpoints]
    for number, (name, curve) in enumerate(zip(result.endpoints, curves, strict=True)):
        _draw(axes, places, curve, style.look(number), [one for one in result.stretches if one.winner == name])
    _scales(axes, result, curves)
    for change in result.changes:
        low = places[0] if change.low is None else change.low
        high = places[-1] if change.high is None else change.high
        axes.axvspan(low, high, color=style.FAINT, alpha=0.6, linewidth=0, zorder=0)
        axes.axvline(change.at, color=style.INK, linewidth=0.8, linestyle=(0, (1, 1)), zorder=1)
    _labels(axes, result)
    _nobody(axes, result)
    _present(axes, result)
    measure = result.line.measure
    month = f" of {result.scenario.month / 3600:g} h" if measure.name.startswith("monthly") else ""
    unit = f"USD a month{month}" if month else measure.unit
    axes.set_ylabel(f"{measure.name.replace('_', ' ')} [{unit}]")
    path = "mean rate of the traffic" if result.line.axis.path == "traffic" else result.line.axis.path
    axes.set_xlabel(f"{path} [{result.line.axis.unit}]" if result.line.axis.unit else path)
    axes.grid(color=style.FAINT, linewidth=0.6, zorder=0)
    handles: list[Any] = [
        Line2D([], [], color=style.look(number).colour, linewidth=1.6) for number in range(len(result.endpoints))
    ]
    labels = style.unique(list(result.endpoints))
    handles += [Line2D([], [], color=style.PALE, linewidth=6, alpha=0.35), Patch(color=style.FAINT, alpha=0.6)]
    labels += ["cheapest eligible", "interval of a change"]
    if not all(curve.is_eligible.all() for curve in curves):
        handles.append(Line2D([], [], color=style.PALE, linewidth=1.2, linestyle=_DASHES))
        labels.append("dashed: not known to meet all objectives")
    style.legend_below(drawn, handles, labels)
    finding = answer(result)
    if len(finding) > _LONGEST_FINDING:
        finding = f"{question(result)} changes {len(result.changes)} times"
    detail = " ".join(["Means over replications with their intervals.", *outlook(result)])
    style.headline(drawn, finding, detail)
    return drawn


def _curve(spots: Sequence[Spot], endpoint: str, result: Crossover) -> Curve:
    estimates = [spot.point.estimate(endpoint, result.line.measure) for spot in spots]

    def column(values: Sequence[float | None]) -> NDArray[np.float64]:
        return np.array([np.nan if value is None else value for value in values], np.float64)

    return Curve(
        column([one.value for one in estimates]),
        column([one.value if one.low is None else one.low for one in estimates]),
        column([one.value if one.high is None else one.high for one in estimates]),
        np.array([spot.point.verdict(endpoint) is Verdict.MET for spot in spots], np.bool_),
    )


def _draw(
    axes: Axes, places: NDArray[np.float64], curve: Curve, look: style.Look, stretches: Sequence[Stretch]
) -> None:
    axes.fill_between(places, curve.low, curve.high, color=look.colour, alpha=0.18, linewidth=0, zorder=2)
    for is_eligible, line in ((True, "-"), (False, _DASHES)):
        value = _where(curve.value, curve.is_eligible == is_eligible)
        axes.plot(places, value, color=look.colour, linestyle=line, linewidth=1.6, zorder=4)
    for one in stretches:
        inside = places[(places > one.low) & (places < one.high)]
        reach = np.array([one.low, *inside, one.high])
        value = np.interp(reach, places, curve.value)
        axes.plot(reach, value, color=look.colour, linewidth=7, alpha=0.35, solid_capstyle="butt", zorder=3)


def _where(values: NDArray[np.float64], chosen: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Values at the chosen points and at the point after each run of them, so that no gap is left between two lines."""
    reach = chosen.copy()
    reach[1:] |= chosen[:-1]
    return np.where(reach, values, np.nan)


def _scales(axes: Axes, result: Crossover, curves: Sequence[Curve]) -> None:
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

    values = np.concatenate([curve.value for curve in curves])
    known = values[np.isfinite(values)]
    positive = known[known > 0]
    plain = FuncFormatter(lambda value, _: significant(value, 3))
    if len(positive) and positive.max() > _FAR_APART * positive.min():
        # What costs nothing has no place on such an axis; its line ends where it begins to cost.
        axes.set_yscale("log", nonpositive="mask")
        axes.set_ylim(positive.min() / 1.5, positive.max() * 1.5)
        axes.yaxis.set_major_formatter(plain)
        axes.yaxis.set_minor_formatter(NullFormatter())
    elif len(known):
        axes.set_ylim(0, max(float(known.max()) * 1.08, 1e-9))
    places = [spot.place for spot in result.line.spots]
    if result.line.axis.is_log and places[0] > 0:
        axes.set_xscale("log")
        if places[-1] < _FEW_DECADES * places[0]:
            axes.xaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0), numticks=12))
        axes.xaxis.set_major_formatter(plain)
        axes.xaxis.set_minor_formatter(NullFormatter())
    axes.set_xlim(places[0], places[-1])


def _nobody(axes: Axes, result: Crossover) -> None:
    """Words where there is no answer, in the middle of each such part that is wide enough for them."""
    for one in result.stretches:
        if one.winner is not None and not one.unsure:
            continue
        start, stop = _share(axes, one.low), _share(axes, one.high)
        if stop - start >= _APART:
            axes.text(
                *((start + stop) / 2, 0.985, who(one)),
                transform=axes.transAxes,
                ha="center",
                va="top",
                fontsize=9,
                color=style.PALE,
                style="italic",
            )


def _present(axes: Axes, result: Crossover) -> None:
    """A mark at the foot of the panel where the traffic is at present."""
    if result.base is None or result.line.axis.unit != "/s" or not result.is_rate:
        return
    rate = mean_rate(result.base)
    spots = result.line.spots
    place = float(np.interp(rate, [result.rate_at(spot.place) for spot in spots], [spot.place for spot in spots]))
    if result.first_rate <= rate <= result.last_rate:
        axes.annotate(
            "now",
            xy=(place, 0),
            xycoords=("data", "axes fraction"),
            xytext=(0, 16),
            textcoords="offset points",
            ha="center",
            fontsize=9,
            color=style.INK,
            arrowprops={"arrowstyle": "-|>", "color": style.INK},
        )


def _share(axes: Axes, place: float) -> float:
    """How far along the width of the panel a place is, from 0 to 1."""
    low, high = axes.get_xlim()
    if axes.get_xscale() == "log":
        return float(np.log(place / low) / np.log(high / low))
    return (place - low) / (high - low)


def _labels(axes: Axes, result: Crossover) -> None:
    """Where the changes are, above the panel, in rows so that none covers another."""
    rows = [-1.0] * _MOST_ROWS
    for change in result.changes:
        place = change.at
        share = _share(axes, place)
        row = next((number for number, last in enumerate(rows) if share - last >= _APART), 0)
        rows[row] = share
        axes.annotate(
            f"{significant(place, 3)}{result.line.axis.unit}",
            xy=(place, 1),
            xycoords=("data", "axes fraction"),
            xytext=(0, 3 + 12 * row),
            textcoords="offset points",
            ha="left" if share < 0.05 else "right" if share > 0.95 else "center",
            fontsize=9,
            color=style.INK,
        )
