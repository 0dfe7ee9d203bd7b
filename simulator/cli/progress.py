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

    def words(self, state: Progress) -> str:
        """For example "1.2e+09 requests, 9,800,000/s, 3 min left"."""
        elapsed = self._clock() - self._begin
        text = f"{state.requests:,} requests"
        if state.requests == 0 or elapsed <= 0:
            return text
        rate = state.requests / elapsed
        left_s = max(0.0, state.expected - state.requests) / rate
        return f"{text}, {_rounded(rate):,}/s, {_time(left_s)} left"


@contextmanager
def _bar(no_color: bool) -> Iterator[Report]:
    from rich.console import Console
    from rich.progress import BarColumn, TextColumn
    from rich.progress import Progress as Bar

    # None leaves the choice to rich, which knows NO_COLOR.
    console = Console(stderr=True, no_color=True if no_color else None)
    columns = (
        BarColumn(),
        TextColumn("{task.fields[replications]} replications, {task.fields[pace]}"),
    )
    pace = Pace()
    # The bar goes away when it is done: what stays on the screen is the result.
    with Bar(*columns, console=console, transient=True) as bar:
        task = bar.add_task("", total=None, replications="0", pace="starting")

        def report(state: Progress) -> None:
            bar.update(
                task,
                completed=state.requests,
                total=max(state.expected, state.requests, 1),
                replications=f"{state.finished}/{state.replications}",
                pace=pace.words(state),
            )

        yield report


def _log(clock: Callable[[], float] = time.monotonic) -> Report:
    pace = Pace(clock)
    last = clock()

    def report(state: Progress) -> None:
        nonlocal last
        if state.finished < state.replications and clock() - last >= LOG_EVERY_S:
            last = clock()
            click.echo(f"{state.finished} of {state.replications} replications, {pace.words(state)}", err=True)

    return report


def _rounded(rate: float) -> int:
    """To two significant digits: more than that is noise."""
    return int(float(f"{rate:.1e}"))


def _time(seconds: float) -> str:
    minutes, hours = seconds / 60, seconds / 3600
    if minutes < 1.5:
        return f"{seconds:.0f} s"
    return f"{minutes:.0f} min" if minutes < 90 else f"{hours:.1f} h"
