"""``endpointsim sensitivity``: which uncertain assumption matters, and what would change the answer."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from simulator.cli.errors import NOT_MET, UNDECIDED
from simulator.cli.options import output_option
from simulator.cli.simulating import Runner, Simulating, simulating_options
from simulator.cli.writing import fill, put

if TYPE_CHECKING:
    from simulator.questions.sensitivity.sensitivity import Sensitivity


@click.command()
@click.argument("scenario")
@click.option("--draws", type=click.IntRange(8, 4096), default=64, show_default=True, help="Draws of the assumptions.")
@click.option(
    "--repeats",
    type=click.IntRange(2, 4096),
    default=4,
    show_default=True,
    help="Realisations of the traffic under each draw; they part chance from assumptions.",
)
@click.option(
    "--measure",
    "measures",
    multiple=True,
    metavar="NAME",
    help="A measure to explain, repeatable; monthly_cost and p99 by default.",
)
@click.option("--sobol", is_flag=True, help="Also Sobol' indices: draws times (assumptions + 2) more scenarios.")
@simulating_options
@output_option
@click.option("-o", "out", type=click.Path(path_type=Path, dir_okay=False), help="Write the result to this file.")
@click.option("--strict", is_flag=True, help="Exit code 4 if an assumption alone changes the cheapest endpoint.")
@click.pass_context
def sensitivity(
    ctx: click.Context,
    /,
    scenario: str,
    overrides: dict[str, str],
    draws: int,
    repeats: int,
    measures: tuple[str, ...],
    sobol: bool,
    output: str,
    out: Path | None,
    strict: bool,
    **options: Any,
) -> None:
    r"""Which uncertain assumption of a scenario matters, and which would change the answer.

    SCENARIO has ranges in place of values: `mean_rate: {between: [2/s, 6/s]}`. Every draw of the assumptions meets the
    same traffic, so that what chance does is told apart from what the assumptions do.

    Exit codes: 0 fine; 2 invalid; 3 no endpoint meets all objectives with every assumption in the middle; 4 an
    assumption alone changes the answer, with --strict; 130 interrupted.

    \b
    Examples:
      endpointsim sensitivity uncertain-launch
      endpointsim sensitivity uncertain-launch --measure monthly_cost --measure p99 -j auto
      endpointsim sensitivity my-endpoint.yaml --set traffic.mean_rate='{between: [2/s, 6/s]}' --sobol
    """
    from simulator.questions.sensitivity.sensitivity import plan
    from simulator.scenario.loading import load_scenario
    from simulator.study.run import asked

    simulating = Simulating.taken_from(options)
    if simulating.replications is not None:
        raise click.UsageError("-n does not say what to repeat here; give --draws and --repeats")
    chosen = asked(load_scenario(scenario, overrides), None, simulating.seed)
    wanted = plan(chosen, draws=draws, repeats=repeats, measures=measures, sobol=sobol)
    # So many studies would hide the others of the scenario: they have a folder of their own.
    own = replace(simulating, results=wanted.folder(simulating.results) / "studies")
    found = wanted.run(Runner(own))
    put(_formatted(found, output), out, quiet=simulating.quiet)
    if not simulating.no_results:
        fill(wanted.folder(simulating.results), _files(found), quiet=simulating.quiet)
    ctx.exit(exit_code(found, strict=strict))


def exit_code(found: Sensitivity, *, strict: bool) -> int:
    """0, `NOT_MET`, or `UNDECIDED` if that counts."""
    if found.scenario.objectives and found.alone.middle.answer.cheapest is None:
        return NOT_MET
    return UNDECIDED if strict and found.alone.flips else 0


def _formatted(found: Sensitivity, output: str) -> str:
    from simulator.report import machine, text
    from simulator.report import sensitivity as report

    if output == "json":
        return report.as_json(found)
    if output == "csv":
        return report.as_csv(found)
    if output == "markdown":
        return machine.markdown(f"{found.scenario.name}: sensitivity", report.sections(found))
    return text.written(report.sections(found))


def _files(found: Sensitivity) -> dict[str, str | bytes]:
    """Name and content of every file."""
    from simulator.report import sensitivity as report
    from simulator.report.text import written

    return {
        **dict(report.figure_files(found)),
        "sensitivity.csv": report.as_csv(found),
        "report.txt": written(report.sections(found)),
        "sensitivity.json": report.as_json(found),
    }
