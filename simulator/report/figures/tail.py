"""Latency tail: which share of the requests is slower than x, one line an endpoint, logarithmic both ways."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

from simulator.report.figures import style
from simulator.report.numbers import latency, plain

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from matplotlib.figure import Figure

#: Beyond the point that fewer requests than this exceed, a curve is a handful of requests, and is not drawn.
FEWEST_BEYOND: Final = 10
_MINUTE_MS: Final = 60e3
_PERCENTILES: Final = {0.5: "p50", 0.1: "p90", 0.05: "p95", 0.01: "p99", 0.001: "p99.9", 0.0001: "p99.99"}


@dataclass(frozen=True)
class Limit:
    """An objective on a percentile of latency: at most a share `beyond` of the requests is slower than `limit_ms`.

    Parameters
    ----------
    label : str
        As the scenario says it.
    beyond : float
        0.05 for p95.
    limit_ms : float
        [ms]
    """

    label: str
    beyond: float
    limit_ms: float


def survival(edges_ms: NDArray[np.float64], counts: NDArray[np.int64]) -> tuple[NDArray[np.float64], ...]:
    """Share of requests slower than each upper edge of a histogram.

    Parameters
    ----------
    edges_ms : ndarray of float64, shape (bins + 1,)
        Increasing. [ms]
    counts : ndarray of int64, shape (bins,)

    Returns
    -------
    latency_ms, share : ndarrays of float64, shape (k,)
        From the lower edge of the first bin that holds a request (share 1) to the first edge that fewer than
        `FEWEST_BEYOND` requests exceed, where the share is that of `FEWEST_BEYOND`; empty without that many requests.
    """
    total = int(counts.sum())
    if total < FEWEST_BEYOND:
        return np.empty(0), np.empty(0)
    first = int(np.flatnonzero(counts)[0])
    beyond = total - np.concatenate([[0], np.cumsum(counts[first:])])
    end = int(np.argmax(beyond < FEWEST_BEYOND)) + 1
    return edges_ms[first : first + end], np.maximum(beyond[:end], FEWEST_BEYOND) / total


@style.drawn
def latency_tail(
    histograms: Mapping[str, tuple[NDArray[np.float64], NDArray[np.int64]]],
    limits: Sequence[Limit] = (),
    finding: str = "",
) -> Figure:
    """Figure of the latency tails of all endpoints.

    Parameters
    ----------
    histograms : mapping of endpoint to (edges_ms, counts)
        In the order of the scenario; counts of completed requests, all replications together.
    limits : sequence of Limit
        Drawn as corners that a curve must not enter.
    finding : str
        Headline; by default p99 of the best endpoint and of the worst.
    """
    from matplotlib.lines import Line2D

    figure, (axes,) = style.blank(5.2)
    handles, labels, starts, ends, lowest = [], [], [], [], []
    for position, (name, (edges_ms, counts)) in enumerate(
        zip(style.unique(list(histograms)), histograms.values(), strict=True)
    ):
        looks = style.look(position)
        x, y = survival(edges_ms, counts)
        handles.append(Line2D([], [], color=looks.colour, linestyle=looks.line, linewidth=2))
        labels.append(name if len(x) else f"{name} (no data)")
        if len(x):
            axes.plot(x, y, color=looks.colour, linestyle=looks.line, linewidth=2, zorder=3 + position * 0.01)
            starts.append(x[max(int(np.searchsorted(-y, -0.995)) - 1, 0)])
            ends.append(x[-1])
            lowest.append(y[-1])
    if not ends:
        style.no_data(axes)
        style.headline(figure, "Latency tail: no completed requests")
        return figure
    left = min([*starts, *(limit.limit_ms for limit in limits)]) * 0.85
    # Room for the words of an objective that lies right of all curves.
    right = max(
        [end * 1.25 for end in ends] + [one.limit_ms * max(1.25, (one.limit_ms / left) ** 0.11) for one in limits]
    )
    # At least a decade, so that a constant latency stands upright between two ticks.
    widen = max(np.sqrt(10.0 * left / right), 1.0)
    left, right = left / widen, right * widen
    floor = min(min(lowest), *(limit.beyond for limit in limits), 0.01) * 0.6
    axes.set(xscale="log", yscale="log", xlim=(left, right), ylim=(floor, 1.3))
    _percentile_lines(figure, floor)
    for limit in limits:
        axes.fill_between(
            [limit.limit_ms, right], limit.beyond, 1.3, facecolor="none", edgecolor="#BBBBBB", hatch="////", linewidth=0
        )
        axes.plot([limit.limit_ms] * 2, [limit.beyond, 1.3], color=style.INK, linewidth=1.2, zorder=4)
        axes.plot([limit.limit_ms, right], [limit.beyond] * 2, color=style.INK, linewidth=1.2, zorder=4)
        axes.annotate(
            limit.label,
            xy=(right, limit.beyond),
            xytext=(-4, 4),
            textcoords="offset points",
            ha="right",
            fontsize=9,
            color=style.INK,
            bbox={"facecolor": "white", "edgecolor": "none", "pad": 1.5},
            zorder=5,
        )
    _latency_axis(figure)
    axes.set_xlabel("latency of completed requests")
    axes.set_ylabel("share of requests slower than this")
    detail = "all replications together; each line ends where fewer than ten requests are slower"
    style.legend_below(figure, handles, labels)
    style.headline(figure, finding or _finding(histograms), detail + ("; objectives hatched" if limits else ""))
    return figure


def _finding(histograms: Mapping[str, tuple[NDArray[np.float64], NDArray[np.int64]]]) -> str:
    """The p99 of the best endpoint and of the worst."""
    slowest = {}
    for name, (edges_ms, counts) in zip(style.unique(list(histograms)), histograms.values(), strict=True):
        x, y = survival(edges_ms, counts)
        if len(x) and y[-1] <= 0.01:
            reached = int(np.argmax(y <= 0.01))
            slowest[name] = float(np.sqrt(x[max(reached - 1, 0)] * x[reached]))
    if not slowest:
        return "Latency tail"
    texts = {name: latency(plain(value)) for name, value in slowest.items()}
    best, worst = min(slowest, key=slowest.__getitem__), max(slowest, key=slowest.__getitem__)
    if texts[best] == texts[worst]:
        return f"Latency tail: p99 is {texts[worst]}"
    return f"Latency tail: p99 is {texts[best]} ({best}) to {texts[worst]} ({worst})"


def _percentile_lines(figure: Figure, floor: float) -> None:
    axes = figure.axes[0]
    shown = [share for share in _PERCENTILES if share >= floor]
    for share in shown:
        axes.axhline(share, color=style.FAINT, linewidth=0.8, zorder=0)
    names = axes.secondary_yaxis("right")
    names.set_yticks(shown, [_PERCENTILES[share] for share in shown])
    names.minorticks_off()
    names.tick_params(length=0, labelcolor=style.PALE, labelsize=9)
    names.spines["right"].set_visible(False)
    shares = [10.0**-power for power in range(7) if 10.0**-power >= floor]
    axes.set_yticks(shares, [f"{share * 100:.10g} %" for share in shares])
    axes.yaxis.set_minor_formatter(lambda value, position: "")


def _latency_axis(figure: Figure) -> None:
    """Round ticks, each with the unit that suits it."""
    axes = figure.axes[0]
    axes.set_xticks(*style.latency_ticks(*axes.get_xlim()))
    axes.xaxis.set_minor_formatter(lambda value, position: "")
    if axes.get_xlim()[1] >= _MINUTE_MS:
        # Tenths of a power of ten are no round minutes.
        axes.tick_params(axis="x", which="minor", length=0)
    axes.grid(axis="x", color=style.FAINT, linewidth=0.8)
