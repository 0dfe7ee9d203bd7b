"""How far a run is, on standard error: a bar on a terminal, a line now and then in a log."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

import click

#: A log gets a line at most this often. [s]
LOG_EVERY_S: Final = 30.0

#: Takes replications done, all replications, requests simulated.
Report = Callable[[int, int, int], None]


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


@contextmanager
def _bar(no_color: bool) -> Iterator[Report]:
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    # None leaves the choice to rich, which knows NO_COLOR.
    console = Console(stderr=True, no_color=True if no_color else None)
    columns = (
        TextColumn("replications"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[requests]}"),
        TimeRemainingColumn(),
    )
    # The bar goes away when it is done: what stays on the screen is the result.
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task("replications", total=None, requests="")

        def report(done: int, total: int, requests: int) -> None:
            bar.update(task, completed=done, total=total, requests=f"{requests:,} requests")

        yield report


def _log(clock: Callable[[], float] = time.monotonic) -> Report:
    last = clock()

    def report(done: int, total: int, requests: int) -> None:
        nonlocal last
        if done < total and clock() - last >= LOG_EVERY_S:
            last = clock()
            click.echo(f"{done} of {total} replications done, {requests:,} requests", err=True)

    return report
