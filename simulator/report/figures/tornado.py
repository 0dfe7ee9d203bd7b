"""What would change the answer: how far each assumption alone moves it, the longest bar on top."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from simulator.report.figures import style

if TYPE_CHECKING:
    from collections.abc import Callable

    from matplotlib.figure import Figure

#: Bars that one figure has at most.
MOST_BARS: Final = 15
_HATCH: Final = "///"


@dataclass(frozen=True)
class TornadoBar:
    """One assumption.

    Parameters
    ----------
    name : str
    low, high : float
        What is shown at its low and at its high value.
    low_text, high_text : str
        These values.
    changes : bool
        Whether it changes the answer somewhere in its range.
    """

    name: str
    low: float
    high: float
    low_text: str
    high_text: str
    changes: bool


@style.drawn
def tornado(
    bars: Sequence[TornadoBar], middle: float, axis: str, finding: str, detail: str, tick: Callable[[float], str]
) -> Figure:
    """Figure of bars around the value in the middle.

    Parameters
    ----------
    bars : sequence of TornadoBar
        The longest first, at least one; those beyond `MOST_BARS` are left out.
    middle : float
        What is shown with every assumption in the middle.
    axis, finding, detail : str
        Label of the axis, headline, and small print.
    tick : callable
        Writes a number at the axis.
    """
    from matplotlib.patches import Patch

    shown = bars[:MOST_BARS]
    figure, (axes,) = style.blank(1.7 + 0.52 * len(shown))
    low_look, high_look = style.look(0), style.look(1)
    for row, bar in enumerate(shown):
        for end, text, look, hatch in (
            (bar.low, bar.low_text, low_look, None),
            (bar.high, bar.high_text, high_look, _HATCH),
        ):
            axes.barh(row, end - middle, left=middle, height=0.58, color=look.colour, edgecolor="white", hatch=hatch)
            outwards = 1 if end > middle or (end == middle and text == bar.high_text) else -1
            axes.annotate(
                style.short(text, 22),
                xy=(end, row),
                xytext=(5 * outwards, 0),
                textcoords="offset points",
                ha="left" if outwards > 0 else "right",
                va="center",
                fontsize=8.5,
                color=style.INK,
                bbox={"facecolor": "white", "edgecolor": "none", "pad": 0.8, "alpha": 0.85},
            )
    names = style.unique([bar.name for bar in shown])
    axes.set_yticks(
        range(len(shown)), [f"{name} ●" if bar.changes else name for name, bar in zip(names, shown, strict=True)]
    )
    axes.tick_params(axis="y", length=0)
    axes.set_ylim(len(shown) - 0.4, -0.6)
    ends = [middle, *(end for bar in shown for end in (bar.low, bar.high))]
    room = 0.22 * (max(ends) - min(ends)) or abs(middle) or 1.0
    axes.set_xlim(min(ends) - room, max(ends) + room)
    axes.axvline(middle, color=style.INK, linewidth=1.0)
    left, right = axes.get_xlim()
    if left < 0 < right:
        axes.axvline(0, color=style.INK, linewidth=1.2, linestyle="--")
    axes.xaxis.set_major_formatter(lambda value, position: tick(value))
    axes.grid(axis="x", color=style.FAINT, linewidth=0.8)
    axes.set_xlabel(axis)
    patches = [
        Patch(facecolor=low_look.colour, edgecolor="white"),
        Patch(facecolor=high_look.colour, edgecolor="white", hatch=_HATCH),
    ]
    style.legend_below(figure, patches, ["at the low value (10 % point)", "at the high value (90 % point)"])
    style.headline(figure, finding, detail)
    return figure
