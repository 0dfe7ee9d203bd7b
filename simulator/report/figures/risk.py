"""Share of cold requests by hour of the day, with the band of its interval, and below it the requests."""

from __future__ import annotations

from typing import TYPE_CHECKING

from simulator.report.figures import style

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from matplotlib.figure import Figure

    from simulator.questions.risk.risk import Hour, Risk


def figure_files(risk: Risk, finding: str) -> Iterator[tuple[str, bytes]]:
    """Name and content of the figure's PNG and SVG."""
    for suffix, content in style.files(cold_by_hour(risk.hours, finding)):
        yield f"cold-by-hour.{suffix}", content


@style.drawn
def cold_by_hour(hours: Sequence[Hour], finding: str) -> Figure:
    """Figure of hours.

    Parameters
    ----------
    hours : sequence of Hour
        24 of them.
    finding : str
        The answer in one sentence.
    """
    figure, (above, below) = style.blank(4.6, 2, (3, 1))
    look = style.look(0)
    known = [one for one in hours if one.share.value is not None]
    if known:
        places = [one.hour + 0.5 for one in known]
        values = [100 * (one.share.value or 0.0) for one in known]
        banded = [one for one in known if one.share.low is not None and one.share.high is not None]
        above.vlines(
            [one.hour + 0.5 for one in banded],
            [100 * (one.share.low or 0.0) for one in banded],
            [100 * (one.share.high or 0.0) for one in banded],
            color=look.colour,
            alpha=0.35,
            linewidth=8,
        )
        above.plot(places, values, color=look.colour, marker=look.marker, linestyle="none")
        above.set_ylim(bottom=0)
        above.set_ylabel("cold requests [%]")
    else:
        style.no_data(above)
    below.bar([one.hour + 0.5 for one in hours], [one.completed for one in hours], width=0.8, color=style.FAINT)
    below.set_ylabel("requests")
    below.set_xlabel("hour of the day")
    below.set_xlim(0, 24)
    below.set_xticks(range(0, 25, 3), [f"{hour:02d}:00" for hour in range(0, 25, 3)])
    below.yaxis.set_major_formatter(lambda value, position: f"{value:,.10g}")
    detail = "Point: over all replications; bar: its interval. Grey: completed requests in that hour."
    style.headline(figure, finding, detail)
    return figure
