"""Endpoints under stress: a map of what breaks where, and for each stress what objectives limit against severity."""

from __future__ import annotations

import textwrap
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from simulator.report.figures import style

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

#: Look of a field by what became of the endpoint: fill, hatch, ink. Words say the same.
LOOKS: Final[dict[str, tuple[str, str, str]]] = {
    "holds": ("#D3E3F2", "", style.INK),
    "undecided": ("#FFFFFF", "....", style.INK),
    "breaks": ("#F4B183", "", "#000000"),
    "broken already": ("#D55E00", "", "#FFFFFF"),
    "no data": ("#FFFFFF", "", style.PALE),
    "not finished": ("#FFFFFF", "xx", style.INK),
    "does not apply": ("#F2F2F2", "", style.PALE),
}
_FIELD_IN: Final = 0.62
_FIELD_CHARACTERS: Final = 14
#: A panel ends at so many times the limit, so that the limit can be seen.
_MOST_LIMITS: Final = 4.0


@dataclass(frozen=True)
class Field:
    """One endpoint under one stress.

    Parameters
    ----------
    outcome : str
        A key of `LOOKS`.
    words : str
        What stands in the field.
    """

    outcome: str
    words: str


@style.drawn
def stress_map(fields: Mapping[str, Sequence[Field]], stresses: Sequence[str], finding: str) -> Figure:
    """Figure of what breaks: a row an endpoint, a column a stress.

    Parameters
    ----------
    fields : mapping of endpoint to Field
        As many as stresses, in their order.
    stresses : sequence of str
    finding : str
        The answer in one sentence.
    """
    from matplotlib.patches import Patch, Rectangle

    figure, (axes,) = style.blank(1.1 + _FIELD_IN * len(fields))
    for row, own in enumerate(fields.values()):
        for column, field in enumerate(own):
            fill, hatch, ink = LOOKS[field.outcome]
            edge = "#BBBBBB" if hatch else "white"
            axes.add_patch(Rectangle((column, row), 1, 1, facecolor=fill, edgecolor=edge, hatch=hatch, linewidth=1.5))
            axes.text(
                *(column + 0.5, row + 0.5, _in_field(field.words)),
                ha="center",
                va="center",
                fontsize=7,
                color=ink,
                bbox={"facecolor": fill, "edgecolor": "none", "pad": 1.0} if hatch else None,
            )
    axes.set_xlim(0, max(len(stresses), 1))
    axes.set_ylim(len(fields), 0)
    axes.set_xticks(np.arange(len(stresses)) + 0.5, [textwrap.fill(name, _FIELD_CHARACTERS) for name in stresses])
    axes.set_yticks(np.arange(len(fields)) + 0.5, style.unique(list(fields)))
    axes.xaxis.tick_top()
    axes.tick_params(length=0, labelsize=8.5)
    for spine in axes.spines.values():
        spine.set_visible(False)
    shown = [name for name in LOOKS if any(field.outcome == name for own in fields.values() for field in own)]
    patches = [Patch(facecolor=LOOKS[name][0], edgecolor="#999999", hatch=LOOKS[name][1]) for name in shown]
    style.legend_below(figure, patches, shown)
    style.headline(figure, finding, "the objective that breaks first, and at which severity")
    return figure


def _in_field(words: str) -> str:
    """Words in lines that fit: the objective, its severity and the interval each begin one."""
    lines = words.replace(" at ", "\nat ").replace(" (", "\n(").split("\n")
    wrapped = [textwrap.fill(line, _FIELD_CHARACTERS) if not line.startswith("(") else line for line in lines]
    return "\n".join(wrapped)


@dataclass(frozen=True)
class Line:
    """What an objective limits, of one endpoint under one stress.

    Parameters
    ----------
    place : tuple of float
        Where the severities stand, increasing.
    value, low, high : tuple of float or None
        Mean over replications and its interval, in the unit of the panel; None where there is none.
    breaks_at : float or None
        Where it breaks.
    """

    place: tuple[float, ...]
    value: tuple[float | None, ...]
    low: tuple[float | None, ...]
    high: tuple[float | None, ...]
    breaks_at: float | None = None


@dataclass(frozen=True)
class Panel:
    """What one objective limits, of all endpoints.

    Parameters
    ----------
    objective : str
        As written.
    label : str
        Of the axis, with its unit.
    limit : float
        In that unit.
    lines : mapping of endpoint to Line
        Those that the stress spares are left out.
    """

    objective: str
    label: str
    limit: float
    lines: Mapping[str, Line]


@style.drawn
def under_stress(
    title: str,
    panels: Sequence[Panel],
    endpoints: Sequence[str],
    axis: str,
    ticks: Sequence[tuple[float, str]],
) -> Figure:
    """Figure of one stress: a panel an objective, a line an endpoint with the band of its intervals.

    Parameters
    ----------
    title : str
    panels : sequence of Panel
        At least one.
    endpoints : sequence of str
        All of the scenario, so that each keeps its look.
    axis : str
        Label of the severities.
    ticks : sequence of (place, words)
    """
    from matplotlib.lines import Line2D

    figure, all_axes = style.blank(1.1 + 1.9 * len(panels), len(panels))
    names = dict(zip(endpoints, style.unique(list(endpoints)), strict=True))
    drawn: dict[str, Any] = {}
    above: dict[str, None] = {}
    for axes, panel in zip(all_axes, panels, strict=True):
        for name, line in panel.lines.items():
            looks = style.look(list(endpoints).index(name))
            value, low, high = (_numbers(one) for one in (line.value, line.low, line.high))
            axes.fill_between(line.place, low, high, color=looks.colour, alpha=0.18, linewidth=0)
            axes.plot(line.place, value, color=looks.colour, linestyle=looks.line, linewidth=1.6)
            if line.breaks_at is not None:
                axes.plot(
                    *(line.breaks_at, panel.limit),
                    marker=looks.marker,
                    color=looks.colour,
                    markeredgecolor="white",
                    markersize=8,
                    clip_on=False,
                    zorder=5,
                )
            drawn[name] = Line2D([], [], color=looks.colour, linestyle=looks.line, marker=looks.marker, linewidth=1.6)
        _limited(axes, panel)
        above |= dict.fromkeys(_above(panel, axes.get_ylim()[1]))
        axes.set_ylabel(panel.label, fontsize=9)
        axes.grid(color=style.FAINT, linewidth=0.8)
    last = all_axes[-1]
    last.set_xticks([place for place, _ in ticks], [words for _, words in ticks])
    last.minorticks_off()
    last.set_xlabel(axis)
    places = [place for place, _ in ticks]
    room = 0.03 * (max(places) - min(places) or 1.0)
    last.set_xlim(min(places) - room, max(places) + room)
    shown = [name for name in endpoints if name in drawn]
    style.legend_below(figure, [drawn[name] for name in shown], [names[name] for name in shown])
    detail = "means over replications with their intervals; a mark where a limit is reached"
    if above:
        detail += f"; above the frame: {', '.join(names[name] for name in above)}"
    style.headline(figure, title, detail)
    return figure


def _above(panel: Panel, top: float) -> list[str]:
    """Endpoints whose whole line lies above a panel."""
    known = {name: [value for value in line.value if value is not None] for name, line in panel.lines.items()}
    return [name for name, values in known.items() if values and min(values) > top]


def _numbers(values: Sequence[float | None]) -> Any:
    return np.array([np.nan if value is None else value for value in values], np.float64)


def _limited(axes: Axes, panel: Panel) -> None:
    """The limit as a line, and a range in which it can be told from what is far beyond it."""
    values = [end for line in panel.lines.values() for ends in (line.value, line.low, line.high) for end in ends]
    known = [end for end in values if end is not None] or [0.0]
    most = max([panel.limit, *known])
    top = min(most * 1.08, panel.limit * _MOST_LIMITS) if panel.limit > 0 else most * 1.08
    least = min([panel.limit, *known])
    bottom = 0.0 if least < 0.5 * top else least - 0.15 * (top - least)
    axes.set_ylim(bottom, top or 1.0)
    axes.axhline(panel.limit, color=style.INK, linewidth=1.2, linestyle="--")
    axes.annotate(
        panel.objective,
        # On the side of the mild severities: on the other lines go through the limit.
        xy=(0, panel.limit),
        xycoords=("axes fraction", "data"),
        xytext=(4, 3),
        textcoords="offset points",
        ha="left",
        fontsize=8.5,
        color=style.INK,
        bbox={"facecolor": "white", "edgecolor": "none", "pad": 0.8, "alpha": 0.8},
    )
