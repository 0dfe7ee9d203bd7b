"""The way from a scenario to an answer that `run` and `compare` share: options, run, output, results, exit code."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from simulator.cli import open_loop
from simulator.cli.errors import INTERRUPTED, NOT_MET, UNDECIDED
from simulator.cli.options import output_option
from simulator.cli.simulating import Simulating, at_most, simulating_options, studies
from simulator.cli.writing import put

if TYPE_CHECKING:
    from simulator.scenario.model import Scenario
    from simulator.study.results import Study

Function = TypeVar("Function", bound=Callable[..., Any])


@dataclass(frozen=True)
class Wishes:
    """What the options say of the answer; each is described where it is declared.

    Parameters
    ----------
    output : str
    out : Path or None
    require : str or None
    strict, verbose : bool
    """

    output: str
    out: Path | None
    require: str | None
    strict: bool
    verbose: bool


_OPTIONS = (
    simulating_options,
    output_option,
    click.option("-o", "out", type=click.Path(path_type=Path, dir_okay=False), help="Write the result to this file."),
    click.option("--require", metavar="ENDPOINT", help="Exit code 3 unless this endpoint meets all objectives."),
    click.option(
        "--no-open-loop", is_flag=True, help="Of closed traffic: without open traffic of the same rate beside it."
    ),
    click.option("--strict", is_flag=True, help="Exit code 4 if it is undecided whether objectives are met."),
    click.option("-v", "--verbose", is_flag=True, help="Also the lines of the bill."),
)


def answering_options(function: Function) -> Function:
    """All options of a run; the function gets the fields of `Simulating` and `Wishes`, `no_open_loop`, `overrides`."""
    for option in reversed(_OPTIONS):
        function = option(function)
    return function


def answer(ctx: click.Context, scenario: Scenario, options: dict[str, Any]) -> None:
    """Run a scenario, print the answer, save the results, and leave with the exit code that says what came out.

    Parameters
    ----------
    ctx : click.Context
    scenario : Scenario
    options : dict
        Those of `answering_options`.
    """
    simulating = Simulating.taken_from(options)
    no_open_loop = options.pop("no_open_loop")
    wishes = Wishes(**{one.name: options.pop(one.name) for one in fields(Wishes)})
    if wishes.require is not None:
        scenario.endpoint(wishes.require)
    (study,) = studies([scenario], simulating)
    found = study if no_open_loop else open_loop.beside(study, simulating)
    study = study if found is None else found
    put(_formatted(study, wishes.output, wishes.verbose), wishes.out, quiet=simulating.quiet)
    if not simulating.no_results:
        folder = _save(study, simulating.results)
        if not simulating.quiet:
            click.echo(f"results in {folder}", err=True)
    if not study.complete:
        from simulator.report.reading import Reading

        kept = "" if simulating.no_results else "; the same command goes on from there"
        count = f"{Reading(study).finished} of {at_most([scenario])}{study.requested}"
        click.echo(f"interrupted: {count} replications are finished{kept}", err=True)
        ctx.exit(INTERRUPTED)
    if found is None:
        kept = "" if simulating.no_results else "; the same command goes on from there"
        click.echo(f"interrupted: open traffic beside the clients is left out{kept}", err=True)
        ctx.exit(INTERRUPTED)
    ctx.exit(exit_code(study, wishes.require, wishes.strict))


def exit_code(study: Study, require: str | None, strict: bool) -> int:
    """0, `NOT_MET`, or `UNDECIDED` if that counts; data that are missing count as not met."""
    from simulator.measures.objectives import Verdict
    from simulator.report.reading import Reading
    from simulator.report.verdict import answer as answer_of

    state = answer_of(Reading(study)).meets(require)
    if state is Verdict.UNDECIDED:
        return UNDECIDED if strict else 0
    return 0 if state is Verdict.MET else NOT_MET


def _formatted(study: Study, output: str, verbose: bool) -> str:
    from simulator.report import machine, text

    if output == "json":
        return machine.as_json(study)
    if output == "csv":
        return machine.as_csv(study)
    if output == "markdown":
        return machine.as_markdown(study, verbose=verbose)
    return text.report(study, verbose=verbose)


def _save(study: Study, results: Path) -> Path:
    from simulator.report.page import figure_files, page

    drawings = dict(figure_files(study))
    folder: Path = study.save(results, {**drawings, "report.html": page(study, drawings).encode()})
    return folder
