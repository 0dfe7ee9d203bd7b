"""What every command that simulates has in common: where and how to run, what is kept, how far it is."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeVar

import click

from simulator.cli.errors import INTERRUPTED
from simulator.cli.options import TextType, set_option

if TYPE_CHECKING:
    from simulator.scenario.model import Scenario
    from simulator.study.results import Study

Function = TypeVar("Function", bound=Callable[..., Any])


class Jobs(TextType):
    """A number of processes, or ``auto`` for as many as this process may use processors."""

    name = "N|auto"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int | Literal["auto"]:
        """The number."""
        if value == "auto":
            return "auto"
        try:
            count = int(value)
        except ValueError:
            count = 0
        if count < 1:
            self.fail(f'"{value}" is not a number of processes; write 1 or more, or auto', param, ctx)
        return count


@dataclass(frozen=True)
class Simulating:
    """What the shared options say; each is described where it is declared.

    Parameters
    ----------
    seed, replications : int or None
        None: as the scenario says.
    jobs : int or "auto"
    cluster : str or None
    engine : str
    results : Path
    no_results : bool
    resume : {"if_possible", "always", "never"}
    quiet, no_color : bool
    """

    seed: int | None
    replications: int | None
    jobs: int | Literal["auto"]
    cluster: str | None
    engine: str
    results: Path
    no_results: bool
    resume: Literal["if_possible", "always", "never"]
    quiet: bool
    no_color: bool

    @classmethod
    def taken_from(cls, options: dict[str, Any]) -> Simulating:
        """Its own among the options of a command, which keeps the others.

        Raises
        ------
        click.UsageError
            If options do not go together.
        """
        taken = cls(**{one.name: options.pop(one.name) for one in fields(cls)})
        if taken.no_results and taken.resume == "always":
            raise click.UsageError("--resume and --no-results do not go together: replications are kept in the results")
        return taken


_OPTIONS = (
    click.option("--seed", type=click.IntRange(min=0), help="Root of all random numbers; the scenario's by default."),
    click.option("-n", "--replications", type=click.IntRange(min=1), help="Realisations of the traffic."),
    click.option("-j", "--jobs", type=Jobs(), default="1", show_default=True, help="Processes."),
    click.option("--cluster", metavar="ADDRESS", help="Run on the Dask cluster of this scheduler, tcp://host:port."),
    click.option(
        "--engine",
        type=click.Choice(["compiled", "reference"]),
        default="compiled",
        show_default=True,
        help="The reference engine is slow, and gives the same numbers.",
    ),
    set_option,
    click.option(
        "--results",
        type=click.Path(path_type=Path, file_okay=False),
        default="results",
        show_default=True,
        help="Folder in which finished replications, tables, figures and pages are kept.",
    ),
    click.option("--no-results", is_flag=True, help="Save nothing, and use nothing that was saved."),
    click.option(
        "--resume",
        "resume",
        flag_value="always",
        default="if_possible",
        help="Go on with an interrupted run of the same study; exit code 2 if there is none.",
    ),
    click.option("--fresh", "resume", flag_value="never", help="Simulate again what an earlier run has left."),
    click.option("-q", "--quiet", is_flag=True, help="Nothing but the result: no progress, no path of results."),
    click.option("--no-color", is_flag=True, help="No colour in the progress bar (as NO_COLOR does)."),
)


def simulating_options(function: Function) -> Function:
    """Options of a command that simulates; the function gets the fields of `Simulating`, and `overrides`."""
    for option in reversed(_OPTIONS):
        function = option(function)
    return function


def studies(scenarios: Sequence[Scenario], simulating: Simulating, *, tells: bool = True) -> list[Study]:
    """Studies of some scenarios, as the options say, with progress on standard error.

    Parameters
    ----------
    scenarios : sequence of Scenario
    simulating : Simulating
    tells : bool
        Whether to say what is there already.
    """
    try:
        return simulated(scenarios, simulating, tells=tells)
    except KeyboardInterrupt:
        click.echo("interrupted before a replication was finished", err=True)
        raise click.exceptions.Exit(INTERRUPTED) from None


def simulated(scenarios: Sequence[Scenario], simulating: Simulating, *, tells: bool = True) -> list[Study]:
    """The same as `studies`.

    Raises
    ------
    KeyboardInterrupt
        If it was interrupted before any replication had finished.
    """
    from simulator.cli.progress import progress
    from simulator.study.run import asked, run_all

    scenarios = [asked(one, simulating.replications, simulating.seed) for one in scenarios]
    if tells and not simulating.no_results and not simulating.quiet:
        _tell_what_is_there(scenarios, simulating)
    with progress(quiet=simulating.quiet, no_color=simulating.no_color) as report:
        return run_all(
            scenarios,
            engine=simulating.engine,
            jobs=simulating.jobs,
            cluster=simulating.cluster,
            progress=report,
            results=None if simulating.no_results else simulating.results,
            resume=simulating.resume,
        )


def at_most(scenarios: Sequence[Scenario]) -> str:
    """What stands before a number of replications that depends on what is found, because a precision is asked for."""
    return "at most " if any(one.precision is not None for one in scenarios) else ""


class Runner:
    """Runs studies as the options say, for questions that ask for several studies, perhaps in several rounds.

    `--resume` needs something to go on from in the first round; not every study need have begun.

    Parameters
    ----------
    simulating : Simulating
    """

    def __init__(self, simulating: Simulating) -> None:
        self._simulating = simulating
        self._is_first = True

    def __call__(self, scenarios: Sequence[Scenario]) -> list[Study]:
        """The studies, in the order of the scenarios.

        Raises
        ------
        StudyError
            If there is nothing to resume and `--resume` asks for it.
        """
        if self._is_first and self._simulating.resume == "always":
            self._simulating = replace(self._simulating, resume="if_possible")
            _check_begun(scenarios, self._simulating)
        found = studies(scenarios, self._simulating, tells=self._is_first)
        self._is_first = False
        return found


def _check_begun(scenarios: Sequence[Scenario], simulating: Simulating) -> None:
    from simulator.errors import StudyError
    from simulator.study.keeping import what_is_there
    from simulator.study.run import asked

    chosen = [asked(one, simulating.replications, simulating.seed) for one in scenarios]
    finds = [what_is_there(one, simulating.engine, simulating.results) for one in chosen]
    if not any(find.replications and not find.why_not for find in finds):
        raise StudyError(f"{simulating.results}: holds nothing of this question to go on from")


def _tell_what_is_there(scenarios: Sequence[Scenario], simulating: Simulating) -> None:
    """Say which replications need not be simulated, or why some that are there have to be."""
    from simulator.study.keeping import what_is_there

    if simulating.resume == "never":
        return
    finds = [what_is_there(one, simulating.engine, simulating.results) for one in dict.fromkeys(scenarios)]
    usable = [find for find in finds if not find.why_not and find.replications]
    spoilt = [find for find in finds if find.why_not and find.replications]
    if usable:
        count = sum(find.replications for find in usable)
        most = sum(one.replications for one in dict.fromkeys(scenarios))
        where = usable[0].folder if len(usable) == 1 else f"{len(usable)} folders of {usable[0].folder.parent}"
        asked = f"{at_most(scenarios)}{most}"
        click.echo(f"{count} of {asked} replications are in {where} already; --fresh simulates them again", err=True)
    if spoilt and simulating.resume != "always":
        for why in dict.fromkeys(find.why_not for find in spoilt):
            folders = [find.folder for find in spoilt if find.why_not == why]
            where = folders[0] if len(folders) == 1 else f"{len(folders)} folders of {folders[0].parent}"
            click.echo(f"what is in {where} cannot be used ({why}) and is replaced", err=True)
