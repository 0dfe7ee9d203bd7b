"""``endpointsim risk``: how likely a cold start is, and what would change that."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from simulator.cli.errors import INTERRUPTED
from simulator.cli.options import output_option
from simulator.cli.simulating import Runner, Simulating, simulating_options
from simulator.cli.writing import fill, put


@click.command()
@click.argument("scenario")
@click.option("--endpoint", metavar="NAME", help="One that launches instances; the first by default.")
@simulating_options
@output_option
@click.option("-o", "out", type=click.Path(path_type=Path, dir_okay=False), help="Write the result to this file.")
@click.pass_context
def risk(ctx: click.Context, /, scenario: str, overrides: dict[str, Any], **options: Any) -> None:
    r"""Say how likely a request is to meet a cold start, by hour of the day, and what would change that.

    Tried in its place, under the same requests: provisioned concurrency, a longer idle timeout, pings that keep an
    instance warm, and the real-time endpoints of the scenario. The least provisioned concurrency is looked for that
    keeps to an objective on cold_start_fraction, or else leaves a tenth of the cold starts; and the least that meets
    the objectives on times and on lost requests. What is uncertain is drawn for each replication.

    Exit codes: 0 fine; 2 invalid; 130 interrupted.

    \b
    Examples:
      endpointsim risk quiet-development-endpoint
      endpointsim risk my-endpoint.yaml --endpoint serverless-4gb -n 100 -j auto --output json
    """
    from simulator.questions.risk.risk import risk as risk_of
    from simulator.report import risk as report
    from simulator.report.figures.risk import figure_files
    from simulator.scenario.loading import load_scenario
    from simulator.study.run import asked

    endpoint, output, out = (options.pop(name) for name in ("endpoint", "output", "out"))
    simulating = Simulating.taken_from(options)
    loaded = asked(load_scenario(scenario, overrides), simulating.replications, simulating.seed)
    found = risk_of(loaded, Runner(simulating), endpoint)
    forms = {"json": report.as_json, "csv": report.as_csv, "markdown": report.as_markdown, "table": report.as_text}
    if not found.study.records:
        click.echo("interrupted before a replication was finished", err=True)
        ctx.exit(INTERRUPTED)
    text = forms[output](found)
    put(text, out, quiet=simulating.quiet)
    if not simulating.no_results:
        files: dict[str, str | bytes] = dict(figure_files(found, report.headline(found)[0]))
        files |= {"risk.csv": report.as_csv(found), "report.txt": report.as_text(found)}
        files["risk.json"] = report.as_json(found)
        folder = simulating.results / found.scenario.name / f"risk-{found.study.digest()}"
        fill(folder, files, quiet=simulating.quiet)
    if not found.is_complete:
        ctx.exit(INTERRUPTED)
