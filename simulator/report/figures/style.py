"""How every figure looks: one colour, line and marker an endpoint, saved the same way each time."""

from __future__ import annotations

import functools
import io
import itertools
import math
import textwrap
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, ParamSpec

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

#: Colours that people with any colour vision tell apart: M. Okabe and K. Ito, "Color Universal Design" (2008), their
#: yellow, too faint on white, replaced by grey.
COLOURS: Final = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000", "#7F7F7F")
LINES: Final[tuple[Any, ...]] = ("-", (0, (5, 1.5)), (0, (1, 1)), (0, (6, 1.5, 1, 1.5)))
MARKERS: Final = ("o", "s", "^", "D", "v", "P", "X", "*")
INK: Final = "#333333"
PALE: Final = "#595959"
FAINT: Final = "#D9D9D9"
#: Names longer than this are shortened in legends and on axes.
LONGEST_NAME: Final = 34
WIDTH_IN: Final = 8.0
PNG_DPI: Final = 150
_TITLE_CHARACTERS: Final = 82
_DETAIL_CHARACTERS: Final = 110
#: Mean width of a character of the legend.
_CHARACTER_IN: Final = 0.07

Parameters = ParamSpec("Parameters")

# Matplotlib types its settings as a literal of all their names.
_SETTINGS: Final[Any] = {
    "font.size": 10,
    "figure.titleweight": "bold",
    "text.parse_math": False,  # a dollar is a dollar
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": INK,
    "axes.axisbelow": True,
    "hatch.linewidth": 0.8,
    "legend.frameon": False,
    "svg.hashsalt": "endpointsim",  # the same figure is the same file
}


@dataclass(frozen=True)
class Look:
    """How one endpoint is drawn in every figure.

    Parameters
    ----------
    colour : str
        Hexadecimal.
    line : str or tuple
        Matplotlib's line style.
    marker : str
        Matplotlib's marker.
    """

    colour: str
    line: Any
    marker: str


def look(position: int) -> Look:
    """The look of the endpoint at this position in the scenario; 32 positions look different."""
    shift = position // len(COLOURS)
    return Look(
        COLOURS[position % len(COLOURS)],
        LINES[(position + shift) % len(LINES)],
        MARKERS[(position + shift) % len(MARKERS)],
    )


def short(name: str, longest: int = LONGEST_NAME) -> str:
    """A name shortened in its middle, where names that belong together are alike.

    >>> short("serverless-4096mb-c20-pc0-with-a-long-story", 21)
    'serverless…long-story'
    """
    if len(name) <= longest:
        return name
    tail = (longest - 1) // 2
    return f"{name[: longest - 1 - tail]}…{name[len(name) - tail :]}"


def drawn(function: Callable[Parameters, Figure]) -> Callable[Parameters, Figure]:
    """The same figure, drawn with these settings and whatever the reader's own are left alone."""

    @functools.wraps(function)
    def with_settings(*arguments: Parameters.args, **options: Parameters.kwargs) -> Figure:
        import matplotlib as mpl

        with mpl.rc_context(_SETTINGS):
            return function(*arguments, **options)

    return with_settings


def blank(height_in: float, rows: int = 1, ratios: Sequence[float] | None = None) -> tuple[Figure, list[Axes]]:
    """An empty figure with so many panels below one another, apart from any window or global state."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(WIDTH_IN, height_in), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots(rows, 1, sharex=True, squeeze=False, height_ratios=ratios)
    return figure, list(axes[:, 0])


def headline(figure: Figure, finding: str, detail: str = "") -> None:
    """A bold finding above the panels and, in small print below it, what is drawn; call it last.

    Parameters
    ----------
    figure : Figure
        Its height is final.
    finding, detail : str
        Lines too long for the page are wrapped.
    """
    from matplotlib.layout_engine import ConstrainedLayoutEngine

    lines, small = textwrap.wrap(finding, _TITLE_CHARACTERS), textwrap.wrap(detail, _DETAIL_CHARACTERS)
    height_in = float(figure.get_figheight())
    edge_in, title_in, small_in = 0.06, len(lines) * 11 * 1.32 / 72, len(small) * 9 * 1.32 / 72
    for text, size, weight, colour, above_in in (
        (lines, 11, "bold", INK, edge_in),
        (small, 9, "normal", PALE, edge_in + title_in),
    ):
        figure.text(
            *(0.01, 1 - above_in / height_in, "\n".join(text)),
            ha="left",
            va="top",
            fontsize=size,
            fontweight=weight,
            color=colour,
            in_layout=False,
        )
    # The layout makes no room for text that has been put in its place, so the panels get what lies below it.
    layout = figure.get_layout_engine()
    assert isinstance(layout, ConstrainedLayoutEngine)
    layout.set(rect=(0, 0, 1, 1 - (edge_in + title_in + small_in + 0.06) / height_in))


def legend_below(figure: Figure, handles: list[Any], labels: list[str]) -> None:
    """A legend outside the panels, where it cannot cover data; the figure grows by what it needs."""
    longest = max((len(label) for label in labels), default=0)
    columns = max(1, min(len(labels), int((WIDTH_IN - 0.2) / (longest * _CHARACTER_IN + 0.75))))
    rows = -(-len(labels) // columns)
    figure.set_figheight(float(figure.get_figheight()) + 0.19 * rows)
    figure.legend(handles, labels, loc="outside lower left", ncols=columns, frameon=False, fontsize=9, handlelength=3)


def files(figure: Figure) -> Iterator[tuple[str, bytes]]:
    """The figure as PNG and as SVG: suffix and content, the same bytes for the same figure."""
    import matplotlib as mpl

    with mpl.rc_context(_SETTINGS):
        for suffix, metadata in (("png", {"Software": None}), ("svg", {"Date": None, "Creator": None})):
            content = io.BytesIO()
            figure.savefig(content, format=suffix, dpi=PNG_DPI, metadata=metadata)
            yield suffix, content.getvalue()


def latency_ticks(low_ms: float, high_ms: float) -> tuple[list[float], list[str]]:
    """Ticks of a logarithmic axis of latencies: places [ms] within both ends, and their words.

    1, 2 and 5 of each power of ten below a minute, then round minutes and hours; over more than about three decades
    fewer of them.
    """
    many = high_ms / low_ms < 3e3
    steps = (1, 2, 5) if many else (1,)
    powers = range(math.floor(math.log10(low_ms)), 5)
    # 50 s would stand too close to a minute.
    below_ms = 60e3 if high_ms < 60e3 else 50e3
    values = [step * 10.0**power for power in powers for step in steps if step * 10.0**power < below_ms]
    minutes = (1, 2, 5, 10, 20) if many else (1, 10)
    hours = (1, 2, 5) if many else (1,)
    values += [60e3 * count for count in minutes] + [3600e3 * step * 10**power for power in range(6) for step in hours]
    shown = [value for value in values if low_ms <= value <= high_ms]
    return shown, [latency_tick(value) for value in shown]


def latency_tick(value_ms: float) -> str:
    """A round latency with the unit in which it is round: ``500 ms``, ``2 s``, ``10 min``, ``1 h``.

    >>> latency_tick(0.0), latency_tick(0.2), latency_tick(2000.0), latency_tick(90e3), latency_tick(5400e3)
    ('0', '200 µs', '2 s', '1.5 min', '1.5 h')
    """
    if value_ms == 0:
        return "0"
    for bound_ms, unit, size_ms in ((1.0, "µs", 1e-3), (1e3, "ms", 1.0), (60e3, "s", 1e3), (3600e3, "min", 60e3)):
        if value_ms < bound_ms:
            return f"{value_ms / size_ms:,.10g} {unit}"
    return f"{value_ms / 3600e3:,.10g} h"


def no_data(axes: Axes) -> None:
    """Words in place of a curve that does not exist."""
    axes.text(0.5, 0.5, "no data", transform=axes.transAxes, ha="center", va="center", fontsize=12, color=PALE)
    axes.set_axis_off()


def unique(names: Sequence[str]) -> list[str]:
    """Names short enough for a legend that still tell the endpoints apart.

    >>> unique(["serverless-4096mb-c20-pc0-of-the-first-region", "serverless-4096mb-c20-pc1-of-the-first-region"])
    ['serverles…0-pc0-of-…st-region', 'serverles…0-pc1-of-…st-region']
    """
    shortened = [short(name) for name in names]
    alike = [name for name in names if shortened.count(short(name)) > 1]
    if alike:
        head = _shared(alike)
        tail = min(_shared([name[::-1] for name in alike]), min(map(len, alike)) - head)
        shortened = [
            _around(name, max(head - 4, 0), max(tail - 4, 0)) if name in alike else kept
            for name, kept in zip(names, shortened, strict=True)
        ]
    counts = {name: itertools.count(1) for name in shortened if shortened.count(name) > 1}
    return [f"{name} ({next(counts[name])})" if name in counts else name for name in shortened]


def _shared(names: Sequence[str]) -> int:
    """How many characters all names begin with."""
    return next(
        (i for i, letters in enumerate(zip(*names, strict=False)) if len(set(letters)) > 1), min(map(len, names))
    )


def _around(name: str, head: int, tail: int) -> str:
    """A name with the parts that all names share cut down to nine characters each."""
    front = name[:head] if head <= 10 else f"{name[:9]}…"
    back = name[len(name) - tail :] if tail <= 10 else f"…{name[len(name) - 9 :]}"
    return short(front + name[head : len(name) - tail] + back)
