"""Cost a month, one bar an endpoint, stacked by line of the bill; what time alone costs is hatched."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from simulator.measures.intervals import Estimate
from simulator.report.figures import style
from simulator.report.numbers import dollars, sides
from simulator.report.reading import line_in_words

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from matplotlib.figure import Figure

#: Tints for the lines of a bill, apart from the endpoints' colours (P. Tol, "Colour schemes" 2021, scheme "light").
_TINTS: Final = (
    *("#77AADD", "#EE8866", "#EEDD88", "#44BB99", "#FFAABB", "#BBCC33", "#99DDFF", "#AAAA00", "#DDDDDD"),
    *("#B9A5D8", "#C8A98A", "#8FB7A5"),
)
_HATCH: Final = "///"


@dataclass(frozen=True)
class CostLine:
    """One line of a bill, a month's mean.

    Parameters
    ----------
    name : str
        As in the bill.
    is_fixed : bool
        True if time alone makes it, False if requests do.
    monthly_usd : float
        [USD a month]
    """

    name: str
    is_fixed: bool
    monthly_usd: float


@style.drawn
def monthly_cost(
    bills: Mapping[str, Sequence[CostLine]],
    totals: Mapping[str, Estimate],
    limit_usd: float | None = None,
    month: str = "730 h",
) -> Figure:
    """Figure of the monthly cost of all endpoints.

    Parameters
    ----------
    bills : mapping of endpoint to lines of its bill
        In the order of the scenario. A credit (free tier) is a negative line, drawn left of zero.
    totals : mapping of endpoint to Estimate
        With interval. [USD a month]
    limit_usd : float or None
        An objective on the monthly cost. [USD a month]
    month : str
        The month's length in words.
    """
    from matplotlib.patches import Patch

    names = list(bills)
    figure, (axes,) = style.blank(1.9 + 0.55 * len(names))
    kinds = list(dict.fromkeys((line.name, line.is_fixed) for lines in bills.values() for line in lines))
    # A colour for each name, so that a line that is fixed here and usage there keeps its colour.
    colours = {
        name: _TINTS[position % len(_TINTS)] for position, name in enumerate(dict.fromkeys(name for name, _ in kinds))
    }
    for row, name in enumerate(names):
        ends = {True: 0.0, False: 0.0}
        for line in sorted(bills[name], key=lambda line: not line.is_fixed):
            if line.monthly_usd == 0:
                continue
            side = line.monthly_usd > 0
            axes.barh(
                row,
                line.monthly_usd,
                left=ends[side],
                height=0.62,
                color=colours[line.name],
                edgecolor="#555555",
                linewidth=0.6,
                hatch=_HATCH if line.is_fixed else None,
            )
            ends[side] += line.monthly_usd
        total = totals[name]
        reach = ends[True]
        if total.value is not None:
            reach = max(reach, total.value, total.high or 0.0)
            both = sides(total)
            if both and max(both) > 0:
                error = [[both[0]], [both[1]]]
                axes.errorbar(total.value, row, xerr=error, color=style.INK, capsize=3, linewidth=1.2)
        axes.annotate(
            f"${dollars(total)}" if total.value is not None else "no data",
            xy=(reach, row),
            xytext=(6, 0),
            textcoords="offset points",
            va="center",
            fontsize=9,
            color=style.INK,
            bbox={"facecolor": "white", "edgecolor": "none", "pad": 1.0, "alpha": 0.85},
        )
        colour = style.look(row)
        axes.plot(
            -0.012, row, transform=axes.get_yaxis_transform(), marker=colour.marker, color=colour.colour, clip_on=False
        )
    axes.set_yticks(range(len(names)), style.unique(names))
    axes.tick_params(axis="y", length=0, pad=12)
    axes.set_ylim(len(names) - 0.4, -0.6)
    left, right = axes.get_xlim()
    widest = max(right, limit_usd or 0.0) or 1.0
    axes.set_xlim(min(left, 0.0), widest * 1.24)
    axes.axvline(0, color=style.INK, linewidth=0.8)
    if limit_usd is not None:
        axes.axvline(limit_usd, color=style.INK, linewidth=1.2, linestyle="--")
        axes.annotate(
            f"objective ${limit_usd:,.10g}",
            xy=(limit_usd, 1),
            xycoords=("data", "axes fraction"),
            xytext=(0, 3),
            textcoords="offset points",
            ha="center",
            fontsize=9,
            color=style.INK,
        )
    axes.xaxis.set_major_formatter(lambda value, position: f"{value:,.10g}".replace("-", "−"))
    axes.grid(axis="x", color=style.FAINT, linewidth=0.8)
    axes.set_xlabel(f"cost [USD a month of {month}]")
    patches = [
        Patch(facecolor=colours[name], edgecolor="#555555", hatch=_HATCH if is_fixed else None)
        for name, is_fixed in kinds
    ]
    words = [f"{line_in_words(name)} ({'fixed' if is_fixed else 'usage'})" for name, is_fixed in kinds]
    style.legend_below(figure, patches, words)
    detail = "means over replications with their intervals; the hatched part is fixed, whatever the traffic"
    style.headline(figure, _finding(totals), detail)
    return figure


def _finding(totals: Mapping[str, Estimate]) -> str:
    names = dict(zip(totals, style.unique(list(totals)), strict=True))
    known = {name: total.value for name, total in totals.items() if total.value is not None}
    if len(known) < 2:
        return "Cost a month by line of the bill"
    least, most = min(known, key=known.__getitem__), max(known, key=known.__getitem__)
    if _may_be_equal(totals[least], totals[most]):
        return "Cost a month by line of the bill"
    low, high = (f"${dollars(totals[name])} ({names[name]})" for name in (least, most))
    return f"A month costs from {low} to {high}"


def _may_be_equal(less: Estimate, more: Estimate) -> bool:
    if less.high is None or more.low is None:
        return less.value == more.value
    return more.low <= less.high
