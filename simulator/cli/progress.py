"""How far a run is, on standard error: a bar on a terminal, a line now and then in a log."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

import click

if TYPE_CHECKING:
    from simulator.study.run import Progress, Report

#: A log gets a line at most this often. [s]
LOG_EVERY_S: Final = 30.0
#: Columns from which on there is room for all words.
_WIDE: Final = 100


@contextmanager
def progress(*, quiet: bool, no_color: bool = False) -> Iterator[Report | None]:
    """A function to call as replications finish; None where nobody wants to know.

    Parameters
    ----------
    quiet : bool
        Nothing is written.
    no_color : bool
        The bar has no colour; the environment variable ``NO_COLOR`` does the same.
    """
    if quiet:
        yield None
    elif sys.stderr.isatty():
        with _bar(no_color) as report:
            yield report
    else:
        yield _log()


class Pace:
    """Requests a second since the beginning, and the time that is left at that pace.

    Parameters
    ----------
    clock : callable
        Seconds.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._begin = clock()

    def words(self, state: Progress, *, short: bool = False) -> str:
        """For example "1.2 billion requests, 9.8 million/s, 3 min left"; without the first of them if short."""
        elapsed_s = self._clock() - self._begin
        total = f"{many(state.requests)} request{'s' if state.requests != 1 else ''}"
        if state.requests == 0 or elapsed_s <= 0:
            return total
        rate = _rounded(state.requests / elapsed_s)
        left_s = max(0.0, state.expected - state.requests) / rate
        left = f"{'at most ' if state.is_most else ''}{_time(left_s)} left"
        return f"{many(rate)} requests/s, {left}" if short else f"{total}, {many(rate)}/s, {left}"


@contextmanager
def _bar(no_color: bool) -> Iterator[Report]:
    from rich.console import Console
    from rich.progress import BarColumn, TextColumn
    from rich.progress import Progress as Bar
    from rich.table import Column

    # None leaves the choice to rich, which knows NO_COLOR.
    console = Console(stderr=True, no_color=True if no_color else None)
    columns = (
        # What room the words leave, so that they stay in one line.
        BarColumn(bar_width=None, table_column=Column(ratio=1)),
        TextColumn("{task.description}", table_column=Column(no_wrap=True, overflow="ellipsis")),
    )
    pace = Pace()
    # The bar goes away when it is done: what stays on the screen is the result.
    with Bar(*columns, console=console, transient=True, expand=True, refresh_per_second=4) as bar:
        task = bar.add_task("starting", total=None)

        def report(state: Progress) -> None:
            words = pace.words(state, short=console.width < _WIDE)
            bar.update(
                task,
                # Replications that were there before count as what they took.
                completed=state.before + state.requests,
                total=max(state.before + max(state.expected, state.requests), 1.0),
                description=f"{state.finished}/{state.replications} replications, {words}",
            )

        yield report


def _log(clock: Callable[[], float] = time.monotonic) -> Report:
    pace = Pace(clock)
    last = clock()

    def report(state: Progress) -> None:
        nonlocal last
        if state.finished < state.replications and clock() - last >= LOG_EVERY_S:
            last = clock()
            most = f"{'at most ' if state.is_most else ''}{state.replications}"
            click.echo(f"{state.finished} of {most} replications, {pace.words(state)}", err=True)

    return report


def many(number: float) -> str:
    """A number as it is read: from a million on with two or three digits and a word."""
    for name, unit in (("trillion", 1e12), ("billion", 1e9), ("million", 1e6)):
        if number >= 0.9995 * unit:
            return f"{_rounded(number / unit):,.{1 if number < 9.95 * unit else 0}f} {name}"
    return f"{number:,.0f}"


def _rounded(number: float) -> float:
    """To three significant digits from a hundred on, to two below: more than that is noise."""
    return float(f"{number:.{2 if number >= 99.5 else 1}e}")


def _time(seconds: float) -> str:
    minutes, hours = seconds / 60, seconds / 3600
    if minutes < 1.5:
        return f"{seconds:.0f} s"
    return f"{minutes:.0f} min" if minutes < 90 else f"{hours:.1f} h"
