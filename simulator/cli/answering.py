"""The way from a scenario to an answer that `run` and `compare` share: options, run, output, results, exit code."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeVar

import click

from simulator.cli.errors import INTERRUPTED, NOT_MET, UNDECIDED
from simulator.cli.options import TextType, output_option, set_option

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
class Wishes:
    """What the options of a run say; each is described where it is declared.

    Parameters
    ----------
    seed, replications : int or None
        None: as the scenario says.
    jobs : int
    cluster : str or None
    resume : {"if_possible", "always", "never"}
    engine, output : str
    out : Path or None
    results : Path
    no_results : bool
    require : str or None
    strict, quiet, verbose, no_color : bool
    """

    seed: int | None
    replications: int | None
    jobs: int | Literal["auto"]
    cluster: str | None
    resume: Literal["if_possible", "always", "never"]
    engine: str
    output: str
    out: Path | None
    results: Path
    no_results: bool
    require: str | None
    strict: bool
    quiet: bool
    verbose: bool
    no_color: bool


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
    output_option,
    click.option("-o", "out", type=click.Path(path_type=Path, dir_okay=False), help="Write the result to this file."),
    click.option(
        "--results",
        type=click.Path(path_type=Path, file_okay=False),
        default="results",
        show_default=True,
        help="Folder for tables, figures and report.html of each run.",
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
    click.option("--require", metavar="ENDPOINT", help="Exit code 3 unless this endpoint meets all objectives."),
    click.option("--strict", is_flag=True, help="Exit code 4 if it is undecided whether objectives are met."),
    click.option("-q", "--quiet", is_flag=True, help="Nothing but the result: no progress, no path of results."),
    click.option("-v", "--verbose", is_flag=True, help="Also the lines of the bill."),
    click.option("--no-color", is_flag=True, help="No colour in the progress bar (as NO_COLOR does)."),
)


def answering_options(function: Function) -> Function:
    """All options of a run; the function gets the fields of `Wishes`, and `overrides`."""
    for option in reversed(_OPTIONS):
        function = option(function)
    return function


def answer(ctx: click.Context, scenario: Scenario, wishes: Wishes) -> None:
    """Run a scenario, print the answer, save the results, and leave with the exit code that says what came out."""
    from simulator.cli.progress import progress
    from simulator.study.run import asked, run

    scenario = asked(scenario, wishes.replications, wishes.seed)
    if wishes.require is not None:
        scenario.endpoint(wishes.require)
    if wishes.no_results and wishes.resume == "always":
        raise click.UsageError("--resume and --no-results do not go together: replications are kept in the results")
    if not wishes.no_results and not wishes.quiet:
        _tell_what_is_there(scenario, wishes)
    with progress(quiet=wishes.quiet, no_color=wishes.no_color) as report:
        study = run(
            scenario,
            engine=wishes.engine,
            jobs=wishes.jobs,
            cluster=wishes.cluster,
            progress=report,
            results=None if wishes.no_results else wishes.results,
            resume=wishes.resume,
        )
    _print(study, wishes)
    if not wishes.no_results:
        folder = _save(study, wishes.results)
        if not wishes.quiet:
            click.echo(f"results in {folder}", err=True)
    if not study.complete:
        from simulator.report.reading import Reading

        kept = "" if wishes.no_results else "; the same command goes on from there"
        click.echo(f"interrupted: {Reading(study).finished} of {study.requested} replications are finished{kept}", err=True)
        ctx.exit(INTERRUPTED)
    ctx.exit(exit_code(study, wishes.require, wishes.strict))


def _tell_what_is_there(scenario: Scenario, wishes: Wishes) -> None:
    """Say which replications need not be simulated, or why some that are there have to be."""
    from simulator.study.keeping import what_is_there

    found = what_is_there(scenario, wishes.engine, wishes.results)
    if found.replications == 0 or wishes.resume == "never":
        return
    if found.why_not is None:
        count = f"{found.replications} of {scenario.replications} replications"
        click.echo(f"{count} are in {found.folder} already; --fresh simulates them again", err=True)
    elif wishes.resume != "always":
        click.echo(f"what is in {found.folder} cannot be used ({found.why_not}) and is replaced", err=True)


def exit_code(study: Study, require: str | None, strict: bool) -> int:
    """0, `NOT_MET`, or `UNDECIDED` if that counts; data that are missing count as not met."""
    from simulator.measures.objectives import Verdict
    from simulator.report.reading import Reading
    from simulator.report.verdict import answer as answer_of

    state = answer_of(Reading(study)).meets(require)
    if state is Verdict.UNDECIDED:
        return UNDECIDED if strict else 0
    return 0 if state is Verdict.MET else NOT_MET


def _print(study: Study, wishes: Wishes) -> None:
    from simulator.cli.writing import write_whole

    text = _formatted(study, wishes.output, wishes.verbose)
    if wishes.out is None:
        click.echo(_for_stream(text), nl=False)
        sys.stdout.flush()
    else:
        write_whole(wishes.out, text)
        if not wishes.quiet:
            click.echo(f"wrote {wishes.out}", err=True)


def _formatted(study: Study, output: str, verbose: bool) -> str:
    from simulator.report import machine, text

    if output == "json":
        return machine.as_json(study)
    if output == "csv":
        return machine.as_csv(study)
    if output == "markdown":
        return machine.as_markdown(study, verbose=verbose)
    return text.report(study, verbose=verbose)


def _for_stream(text: str) -> str:
    """The text, in ASCII if standard output can hold no more."""
    from simulator.report.numbers import plain_ascii

    try:
        text.encode(sys.stdout.encoding or "ascii")
    except (UnicodeEncodeError, LookupError):
        return plain_ascii(text)
    return text


def _save(study: Study, results: Path) -> Path:
    from simulator.cli.writing import write_whole
    from simulator.report.page import figure_files, page

    folder: Path = study.save(results)
    drawings = dict(figure_files(study))
    for name, content in drawings.items():
        write_whole(folder / name, content)
    write_whole(folder / "report.html", page(study, drawings))
    return folder
