"""Cost against latency: one cross an endpoint, as wide and as tall as its intervals; left and low is better."""

from __future__ import annotations

from typing import TYPE_CHECKING

from simulator.measures.intervals import Estimate
from simulator.report.figures import style
from simulator.report.numbers import dollars, latency, latency_unit, plain, sides

if TYPE_CHECKING:
    from collections.abc import Mapping

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


@style.drawn
def cost_against_latency(
    points: Mapping[str, tuple[Estimate, Estimate]],
    percentile: str = "p99",
    limit_ms: float | None = None,
    limit_usd: float | None = None,
    month: str = "730 h",
) -> Figure:
    """Figure of monthly cost against a percentile of latency.

    Parameters
    ----------
    points : mapping of endpoint to (monthly cost [USD], latency [ms])
        In the order of the scenario, with intervals; an endpoint without a latency is named in the legend alone.
    percentile : str
        What the latency is: ``p99``.
    limit_ms, limit_usd : float or None
        Objectives. [ms], [USD a month]
    month : str
        The month's length in words.
    """
    from matplotlib.lines import Line2D

    figure, (axes,) = style.blank(5.0)
    handles, labels, shown = [], [], []
    for position, (name, (cost, slow)) in enumerate(zip(style.unique(list(points)), points.values(), strict=True)):
        looks = style.look(position)
        handles.append(Line2D([], [], color=looks.colour, marker=looks.marker, linestyle="none", markersize=8))
        if cost.value is None or slow.value is None:
            labels.append(f"{name}: no data")
            continue
        labels.append(f"{name}: ${dollars(cost)}, {latency(slow)}")
        shown.append((cost, slow))
        axes.errorbar(
            cost.value,
            slow.value,
            xerr=_sides(cost),
            yerr=_sides(slow),
            color=looks.colour,
            marker=looks.marker,
            markersize=8,
            markeredgecolor="white",
            markeredgewidth=0.6,
            linewidth=1.4,
            capsize=4,
            zorder=3,
        )
    if not shown:
        style.no_data(axes)
        style.legend_below(figure, handles, labels)
        style.headline(figure, f"Cost against {percentile}: no data")
        return figure
    _scale(axes, "x", [cost for cost, _ in shown], limit_usd)
    _scale(axes, "y", [slow for _, slow in shown], limit_ms)
    _latency_axis(axes)
    axes.xaxis.set_major_formatter(lambda value, position: f"{value:,.10g}")
    if limit_ms is not None:
        axes.axhspan(limit_ms, axes.get_ylim()[1], facecolor="none", edgecolor="#CCCCCC", hatch="////", linewidth=0)
        axes.axhline(limit_ms, color=style.INK, linewidth=1.2)
        _say(axes, f"objective\n{latency(plain(limit_ms))}", (1, limit_ms), (4, 0), ("left", "center"))
    if limit_usd is not None:
        axes.axvspan(
            limit_usd, axes.get_xlim()[1], facecolor="none", edgecolor="#CCCCCC", hatch="\\\\\\\\", linewidth=0
        )
        axes.axvline(limit_usd, color=style.INK, linewidth=1.2)
        _say(axes, f"objective ${limit_usd:,.10g}", (limit_usd, 1), (0, 3), ("center", "bottom"))
    axes.grid(color=style.FAINT, linewidth=0.8)
    axes.set_xlabel(f"cost [USD a month of {month}]")
    axes.set_ylabel(f"{percentile} of one replication, mean")
    detail = "crosses: intervals over replications; left is cheaper, down is faster"
    style.legend_below(figure, handles, labels)
    style.headline(figure, f"Cost against {percentile}", detail)
    return figure


def _latency_axis(axes: Axes) -> None:
    """Ticks that are round in the unit of their words."""
    from matplotlib.ticker import MaxNLocator

    low, high = axes.get_ylim()
    if axes.get_yscale() == "log":
        axes.set_yticks(*style.latency_ticks(low, high))
        if high >= 60e3:
            # Tenths of a power of ten are no round minutes.
            axes.tick_params(axis="y", which="minor", length=0)
        return
    unit, factor = latency_unit(high)
    ticks = [float(tick) for tick in MaxNLocator(nbins=7, steps=[1, 2, 5, 10]).tick_values(low * factor, high * factor)]
    inside = [tick for tick in ticks if low * factor <= tick <= high * factor]
    axes.set_yticks([tick / factor for tick in inside], [f"{tick:,.10g} {unit}" if tick else "0" for tick in inside])


def _say(axes: Axes, words: str, place: tuple[float, float], away: tuple[float, float], at: tuple[str, str]) -> None:
    """Words outside the panel, where they cover nothing."""
    right = at[0] == "left"
    axes.annotate(
        words,
        xy=place,
        xycoords=("axes fraction", "data") if right else ("data", "axes fraction"),
        xytext=away,
        textcoords="offset points",
        ha=at[0],
        va=at[1],
        fontsize=9,
        color=style.INK,
    )


def _sides(estimate: Estimate) -> list[list[float]] | None:
    both = sides(estimate)
    return [[max(both[0], 0.0)], [max(both[1], 0.0)]] if both else None


def _scale(axes: Axes, which: str, values: list[Estimate], limit: float | None) -> None:
    """Logarithmic for values more than a factor of eight apart, else linear, from zero if that costs little room."""
    from matplotlib.ticker import LogLocator, NullFormatter

    ends = [end for value in values for end in (value.value, value.low, value.high) if end is not None]
    ends += [limit] if limit is not None else []
    low, high = min(ends), max(ends)
    axis = axes.xaxis if which == "x" else axes.yaxis
    if low > 0 and high / low > 8:
        (axes.set_xscale if which == "x" else axes.set_yscale)("log")
        (axes.set_xlim if which == "x" else axes.set_ylim)(low / 1.4, high * 1.5)
        axis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0) if high / low < 3e3 else (1.0,), numticks=12))
        axis.set_minor_formatter(NullFormatter())
    else:
        room = max((high - low) * 0.3, abs(high) * 0.05) or 1.0
        bottom = 0.0 if 0 <= low < high * 0.6 else low - room
        (axes.set_xlim if which == "x" else axes.set_ylim)(bottom, high + room)
