"""One replication over clock time: traffic, instances by state, who waits, and what went badly, minute by minute."""

from __future__ import annotations

import datetime
from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from simulator.report.figures import style

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

#: More points than this across the page would be thinner than a line.
_MOST_POINTS: Final = 720
_STATES: Final = (("busy", "#0072B2"), ("starting", "#E69F00"), ("idle", "#D3E3F2"))
_TROUBLES: Final[tuple[tuple[str, str, Any], ...]] = (
    ("cold starts", "#E69F00", "-"),
    ("throttled", "#D55E00", (0, (4, 1))),
    ("timed out", "#000000", (0, (1, 1))),
    ("expired", "#CC79A7", (0, (6, 1, 1, 1))),
    ("throttled attempts", "#56B4E9", (0, (2, 1))),
)
#: Rare events are counted over longer steps than the rest, so that they can be told apart.
_TROUBLE_STEPS: Final = 144


@dataclass(frozen=True)
class Timeline:
    """Series of one endpoint in one replication, one value a period.

    Parameters
    ----------
    starts_at : datetime
        Clock time of the first period's start, with a zone.
    lengths_s : ndarray of float64, shape (n,)
        Lengths of the periods; all alike but the last, which the horizon may cut. [s]
    arrivals : ndarray of int64, shape (n,)
        Requests that arrived in each period.
    busy, starting, idle : ndarray of float64, shape (n,), or None
        Instances by state, the mean over the period; None where the state is not recorded.
    cold_starts, throttled, timed_out, expired : ndarray of int64, shape (n,), or None
        Requests in each period.
    throttled_attempts : ndarray of int64, shape (n,), or None
        Attempts turned away in each period; drawn where they are not the throttled requests.
    in_service : ndarray of float64, shape (n,), or None
        Requests in service, the mean over the period; drawn in place of instances where there are none.
    capacity, waiting : ndarray of float64, shape (n,), or None
        Instances that scaling wants, and requests that wait, the mean over the period; drawn where they are there, the
        waiting requests in a panel of their own.
    expected_rate : ndarray of float64, shape (n,), or None
        Expected arrival rate. [1/s]
    """

    starts_at: datetime.datetime
    lengths_s: NDArray[np.float64]
    arrivals: NDArray[np.int64]
    busy: NDArray[np.float64] | None = None
    starting: NDArray[np.float64] | None = None
    idle: NDArray[np.float64] | None = None
    cold_starts: NDArray[np.int64] | None = None
    throttled: NDArray[np.int64] | None = None
    timed_out: NDArray[np.int64] | None = None
    expired: NDArray[np.int64] | None = None
    throttled_attempts: NDArray[np.int64] | None = None
    in_service: NDArray[np.float64] | None = None
    capacity: NDArray[np.float64] | None = None
    waiting: NDArray[np.float64] | None = None
    expected_rate: NDArray[np.float64] | None = None


def around(series: Timeline, begin_s: float, end_s: float) -> Timeline:
    """The periods from a beginning to an end, and a quarter of that time, ten periods at least, on both sides [s]."""
    starts_s = np.cumsum(series.lengths_s) - series.lengths_s
    margin_s = max((end_s - begin_s) / 4, 10 * float(series.lengths_s[0]))
    kept = (starts_s >= begin_s - margin_s) & (starts_s < end_s + margin_s)
    changed: dict[str, Any] = {
        one.name: values[kept]
        for one in fields(series)
        if one.name != "starts_at" and (values := getattr(series, one.name)) is not None
    }
    since = datetime.timedelta(seconds=float(starts_s[kept][0]))
    return replace(series, starts_at=series.starts_at + since, **changed)


@style.drawn
def timeline(endpoint: str, series: Timeline, capacity: float | None = None) -> Figure:
    """Figure of one replication of one endpoint.

    Parameters
    ----------
    endpoint : str
    series : Timeline
        Long ones are drawn with several periods together: sums of requests, means of instances.
    capacity : float or None
        Most instances (or places) there can be, drawn as a line if it is near.
    """
    if series.waiting is None:
        figure, panels = style.blank(7.2, 3, ratios=(1.0, 1.3, 1.0))
    else:
        figure, panels = style.blank(8.6, 4, ratios=(1.0, 1.3, 0.8, 1.0))
    rate, instances, *others, troubles = panels
    count = len(series.arrivals)
    if not count:
        for axes in panels:
            style.no_data(axes)
        style.headline(figure, f"One replication of {endpoint}")
        return figure
    together = -(-count // _MOST_POINTS)
    when = _edges(series, together)
    drawn = _sums(series.arrivals, together) / _sums(series.lengths_s, together)
    rate.stairs(drawn, when, baseline=None, color=style.look(0).colour, linewidth=1.1, label="drawn")
    if series.expected_rate is not None:
        rate.stairs(
            _means(series.expected_rate, together),
            when,
            baseline=None,
            color=style.INK,
            linewidth=1.4,
            linestyle="--",
            label="expected",
        )
        _legend(rate)
    rate.set_ylim(0, max(float(drawn.max()), 1e-9) * 1.12)
    rate.set_ylabel("arrivals [1/s]")

    if series.in_service is None:
        _stack(instances, series, when, together, capacity)
    else:
        values = _means(series.in_service, together)
        instances.stairs(values, when, fill=True, color=_STATES[0][1], linewidth=0)
        instances.set_ylim(0, max(float(values.max()), 1e-9) * 1.15)
        instances.set_ylabel("requests in service")
    if series.waiting is not None:
        waiting = _means(series.waiting, together)
        others[0].stairs(waiting, when, baseline=None, color=style.look(0).colour, linewidth=1.1)
        others[0].set_ylim(0, max(float(waiting.max()), 1e-9) * 1.12)
        others[0].set_ylabel("waiting requests")
        others[0].yaxis.set_major_formatter(_thousands)
    _troubles(troubles, series, -(-count // _TROUBLE_STEPS))
    _clock_axis(troubles, series.starts_at)
    for axes in panels:
        axes.set_xlim(when[0], when[-1])
        axes.grid(axis="y", color=style.FAINT, linewidth=0.8)
    shown = "instances" if series.in_service is None else "requests in service"
    style.headline(
        figure, f"One replication of {endpoint}", f"rates and {shown} in steps of {_words(series, together)}"
    )
    return figure


def _stack(axes: Axes, series: Timeline, when: NDArray[np.float64], together: int, capacity: float | None) -> None:
    floor: NDArray[np.float64] = np.zeros(len(when) - 1)
    for name, colour in _STATES:
        values = getattr(series, name)
        if values is not None:
            top = floor + _means(values, together)
            axes.stairs(top, when, baseline=floor, fill=True, color=colour, linewidth=0, label=name)
            floor = top
    axes.set_ylabel("instances")
    highest = float(floor.max())
    if series.capacity is not None:
        wanted = _means(series.capacity, together)
        axes.stairs(wanted, when, baseline=None, color=style.INK, linewidth=1.2, label="capacity")
        highest = max(highest, float(wanted.max()))
    if capacity is not None and capacity <= highest * 2:
        axes.axhline(capacity, color=style.INK, linewidth=1.2, linestyle="--", label=f"most: {capacity:g}")
        highest = max(highest, capacity)
    axes.set_ylim(0, max(highest, 1e-9) * 1.15)
    _legend(axes)


def _troubles(axes: Axes, series: Timeline, together: int) -> None:
    from matplotlib.ticker import MaxNLocator

    when = _edges(series, together)
    highest = 0.0
    absent = []
    repeated = False
    for name, colour, line in _TROUBLES:
        values = getattr(series, name.replace(" ", "_"))
        repeats = name == "throttled attempts" and series.throttled is not None
        if values is None or (repeats and np.array_equal(values, np.asarray(series.throttled))):
            continue
        sums = _sums(values, together)
        if not sums.any():
            absent.append(name)
            continue
        label = f"{name}: {int(sums.sum()):,}"
        axes.stairs(sums, when, baseline=None, color=colour, linestyle=line, linewidth=1.5, label=label)
        highest = max(highest, float(sums.max()))
        repeated = repeated or name == "throttled attempts"
    # Attempts of the same request count each.
    counted = "attempts" if repeated else "requests"
    axes.set_ylabel(f"{counted} in {_words(series, together)}")
    axes.set_ylim(0, highest * 1.15 or 1.0)
    if highest > 0:
        axes.yaxis.set_major_locator(MaxNLocator(nbins=5, integer=True))
        axes.yaxis.set_major_formatter(_thousands)
        _legend(axes)
    else:
        axes.set_yticks([0])
    if absent:
        axes.annotate(
            ", ".join(f"no {name}" if name == "cold starts" else f"none {name}" for name in absent),
            xy=(0, 1),
            xycoords="axes fraction",
            xytext=(0, 4),
            textcoords="offset points",
            fontsize=9,
            color=style.PALE,
        )


def _thousands(value: float, position: float) -> str:
    return f"{value:,.10g}"


def _legend(axes: Axes) -> None:
    axes.legend(
        loc="lower right",
        bbox_to_anchor=(1.0, 1.0),
        ncols=5,
        fontsize=9,
        borderaxespad=0.1,
        frameon=False,
        handlelength=1.6,
        columnspacing=1.2,
    )


def _edges(series: Timeline, together: int) -> NDArray[np.float64]:
    """Edges of the steps as Matplotlib's day numbers; the last step may be short."""
    from matplotlib.dates import date2num

    start = float(date2num(series.starts_at))  # type: ignore[no-untyped-call]
    ends_s = np.cumsum(_sums(series.lengths_s, together))
    edges: NDArray[np.float64] = start + np.append(0.0, ends_s) / 86400.0
    return edges


def _clock_axis(axes: Axes, starts_at: datetime.datetime) -> None:
    from matplotlib.dates import AutoDateLocator, ConciseDateFormatter

    locator = AutoDateLocator(tz=starts_at.tzinfo, minticks=4, maxticks=9)  # type: ignore[no-untyped-call]
    axes.xaxis.set_major_locator(locator)
    written = ConciseDateFormatter(locator, tz=starts_at.tzinfo)  # type: ignore[no-untyped-call]
    axes.xaxis.set_major_formatter(written)
    axes.set_xlabel(f"clock time [{starts_at.tzname() or starts_at.tzinfo}]")


def _sums(values: NDArray[np.int64] | NDArray[np.float64], together: int) -> NDArray[np.float64]:
    return np.add.reduceat(np.asarray(values, dtype=np.float64), np.arange(0, len(values), together))


def _means(values: NDArray[np.float64], together: int) -> NDArray[np.float64]:
    return _sums(values, together) / _sums(np.ones(len(values)), together)


def _words(series: Timeline, together: int) -> str:
    """Length of a step in words; the first is as long as any."""
    length_s = float(series.lengths_s[:together].sum())
    if length_s % 3600 == 0:
        return "an hour" if length_s == 3600 else f"{length_s / 3600:g} h"
    if length_s % 60 == 0:
        return "a minute" if length_s == 60 else f"{length_s / 60:g} min"
    return f"{length_s:g} s"
