"""``endpointsim fleet``: many models, and which of them belong where."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from simulator.cli.errors import INTERRUPTED, NOT_MET, UNDECIDED
from simulator.cli.options import output_option
from simulator.cli.simulating import Simulating, simulating_options
from simulator.cli.writing import fill, put

if TYPE_CHECKING:
    from simulator.questions.fleet.fleet import Fleet


@click.command()
@click.argument("scenario")
@simulating_options
@output_option
@click.option("-o", "out", type=click.Path(path_type=Path, dir_okay=False), help="Write the result to this file.")
@click.option("--strict", is_flag=True, help="Exit code 4 if it is undecided where a model belongs.")
@click.pass_context
def fleet(ctx: click.Context, /, scenario: str, overrides: dict[str, Any], **options: Any) -> None:
    r"""Serve many models, each on every endpoint of a scenario by itself, and say which belong where.

    The scenario's block `fleet:` parts its traffic among models: by Zipf's law, by shares, or by a column of the
    traffic's file. Each model has an endpoint of its own; serverless ones share the concurrency of the account. The
    best mix serves each model by its cheapest endpoint that meets all objectives, which hold for every model.

    Exit codes: 0 fine; 2 invalid; 3 a model meets the objectives nowhere; 4 undecided with --strict; 130 interrupted.

    \b
    Examples:
      endpointsim fleet fleet-azure-functions
      endpointsim fleet fleet-azure-functions --set 'objectives=[cold_start_fraction < 20%]'
      endpointsim fleet my-endpoint.yaml --set fleet.models=200 --set fleet.zipf=1.1 --output csv
    """
    from simulator.cli.progress import progress
    from simulator.questions.fleet.fleet import fleet as fleet_of
    from simulator.questions.fleet.running import fleet_folder, run_fleet
    from simulator.report import fleet as report
    from simulator.report.figures.fleet import figure_files
    from simulator.report.fleet_answer import headline
    from simulator.scenario.loading import load_scenario
    from simulator.study.run import asked

    output, out, strict = (options.pop(name) for name in ("output", "out", "strict"))
    simulating = Simulating.taken_from(options)
    loaded = asked(load_scenario(scenario, overrides), simulating.replications, simulating.seed)
    try:
        with progress(quiet=simulating.quiet, no_color=simulating.no_color) as tell:
            found = fleet_of(
                loaded,
                partial(
                    run_fleet,
                    engine=simulating.engine,
                    jobs=simulating.jobs,
                    cluster=simulating.cluster,
                    progress=tell,
                    results=None if simulating.no_results else simulating.results,
                    resume=simulating.resume,
                ),
            )
    except KeyboardInterrupt:
        click.echo("interrupted before a replication was finished", err=True)
        ctx.exit(INTERRUPTED)
    forms = {"json": report.as_json, "csv": report.as_csv, "markdown": report.as_markdown, "table": report.as_text}
    put(forms[output](found), out, quiet=simulating.quiet)
    if not simulating.no_results:
        files: dict[str, str | bytes] = dict(figure_files(found, headline(found)[0]))
        files |= {"fleet.csv": report.as_csv(found), "report.txt": report.as_text(found)}
        files["fleet.json"] = report.as_json(found)
        fill(fleet_folder(found.scenario, simulating.results), files, quiet=simulating.quiet)
    if not found.is_complete:
        kept = "" if simulating.no_results else "; the same command goes on from what is finished"
        click.echo(f"interrupted{kept}", err=True)
        ctx.exit(INTERRUPTED)
    ctx.exit(exit_code(found, strict=strict))


def exit_code(found: Fleet, *, strict: bool) -> int:
    """3 if a model fits nowhere or misses an objective everywhere; 4 if the place of one is undecided and `strict`."""
    if found.nowhere or found.missed:
        return NOT_MET
    return UNDECIDED if strict and found.undecided else 0
