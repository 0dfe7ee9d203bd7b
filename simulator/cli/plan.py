"""``endpointsim plan``: the cheapest configuration that meets the objectives."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from simulator.cli.answering import Wishes
from simulator.cli.errors import INTERRUPTED, NO_PLAN, UNDECIDED
from simulator.cli.options import output_option
from simulator.cli.simulating import Simulating, simulating_options
from simulator.cli.writing import fill, put

if TYPE_CHECKING:
    from simulator.questions.plan.plan import Planned
    from simulator.questions.plan.robust import Robust
    from simulator.scenario.loading import Source


@click.command()
@click.argument("scenario")
@click.option(
    "--vary",
    multiple=True,
    metavar="ENDPOINT.FIELD=VALUES",
    help="Candidates: a list or range of values for a field of an endpoint, e.g. my-endpoint.memory_size=2048MB,4096MB "
    "or m5-xlarge.initial_instance_count=1..4. In place of what the scenario says of that endpoint.",
)
@click.option("--confidence", metavar="SHARE", help="Of the whole answer: 95%.")
@click.option("--smallest-saving", metavar="SHARE", help="Smallest difference of cost worth finding: 2%.")
@click.option("--misses-at-most", metavar="SHARE", help="Share of replications that may miss an objective: 5%.")
@click.option(
    "--judged-by",
    type=click.Choice(["replications", "mean"]),
    help="Whether objectives are asked of every replication, or of the mean over them.",
)
@click.option("--model-memory", metavar="SIZE", help="What the model needs, e.g. 2048MB; smaller sizes are left out.")
@click.option(
    "--robust",
    metavar="SET",
    help="Also the cheapest whose objectives hold under every stress of a set: usual, launch-day, cold-starts, "
    "upstream-outage, or scenario for those of its stress block. It simulates every candidate at every severity.",
)
@click.option("--no-price-of-objective", is_flag=True, help="Do not find out what a tighter objective would cost.")
@simulating_options
@output_option
@click.option("-o", "out", type=click.Path(path_type=Path, dir_okay=False), help="Write the result to this file.")
@click.option("--strict", is_flag=True, help="Exit code 4 if it is undecided which candidate is the plan.")
@click.option("-v", "--verbose", is_flag=True, help="Also the name of every candidate that was left out.")
@click.pass_context
def plan(ctx: click.Context, /, scenario: str, overrides: dict[str, Any], **options: Any) -> None:
    r"""Find the cheapest configuration that meets the objectives of a scenario.

    Candidates are those of the options, or of the scenario (`plan:`), or some of every endpoint by default rules. They
    are simulated under the same random numbers, with more and more replications, until it is clear which is the
    cheapest that meets all objectives. -n is the number of replications at which to stop in any case.

    Exit codes: 0 fine; 2 invalid; 4 undecided, with --strict; 5 no candidate meets the objectives; 130 interrupted,
    what was found so far is told.

    \b
    Examples:
      endpointsim plan my-endpoint.yaml
      endpointsim plan my-endpoint.yaml -n 200 -j auto --model-memory 2048MB
      endpointsim plan my-endpoint.yaml --robust launch-day
      endpointsim plan my-endpoint.yaml --vary m5-xlarge.initial_instance_count=1..4 --misses-at-most 10%
    """
    from simulator.cli.progress import progress
    from simulator.questions.plan.plan import plan as planned
    from simulator.scenario.loading import read_source

    options["require"] = None
    simulating = Simulating.taken_from(options)
    if simulating.resume == "always":
        raise click.UsageError("a plan keeps no replications, there is nothing to resume")
    wishes = Wishes(**{one.name: options.pop(one.name) for one in fields(Wishes)})
    vary, is_short = options.pop("vary"), options.pop("no_price_of_objective")
    set_of = options.pop("robust")
    source = read_source(scenario)
    if set_of is not None:
        from simulator.questions.plan.robust import stresses_of

        stresses_of(set_of, source.scenario(overrides))
    asked = {f"plan.{name}": value for name, value in options.items() if value is not None}
    with progress(quiet=simulating.quiet, no_color=simulating.no_color) as report:
        found = planned(
            source,
            overrides=overrides | asked,
            vary=vary,
            replications=simulating.replications,
            seed=simulating.seed,
            engine=simulating.engine,
            jobs=simulating.jobs,
            cluster=simulating.cluster,
            progress=report,
            with_price_of_objective=not is_short,
        )
    robust, is_interrupted = None, found.is_interrupted
    if set_of is not None and not is_interrupted:
        robust = _robust(found, source, set_of, simulating)
        is_interrupted = robust is None
    put(_formatted(found, robust, wishes), wishes.out, quiet=simulating.quiet)
    if is_interrupted:
        click.echo("interrupted: what was found so far is told, and nothing is kept", err=True)
        ctx.exit(INTERRUPTED)
    if not simulating.no_results:
        fill(found.folder(simulating.results), _files(found, robust), quiet=simulating.quiet)
    ctx.exit(exit_code(found, strict=wishes.strict))


def exit_code(found: Planned, *, strict: bool) -> int:
    """0, `UNDECIDED` if that counts, or `NO_PLAN`."""
    if strict and not found.is_decided:
        return UNDECIDED
    return NO_PLAN if found.plan is None else 0


def _robust(found: Planned, source: Source, set_of: str, simulating: Simulating) -> Robust | None:
    """What stresses leave; None if it was interrupted."""
    from simulator.cli.progress import progress
    from simulator.questions.plan.robust import robust
    from simulator.questions.running import runner_of

    with progress(quiet=simulating.quiet, no_color=simulating.no_color) as report:
        runner = runner_of(engine=simulating.engine, jobs=simulating.jobs, cluster=simulating.cluster, progress=report)
        try:
            return robust(found, source, set_of, runner)
        except KeyboardInterrupt:
            return None


def _formatted(found: Planned, robust: Robust | None, wishes: Wishes) -> str:
    from simulator.report import plan as report

    if wishes.output == "json":
        return report.as_json(found, robust)
    if wishes.output == "csv":
        return report.as_csv(found)
    if wishes.output == "markdown":
        return report.as_markdown(found, robust, verbose=wishes.verbose)
    return report.as_text(found, robust, verbose=wishes.verbose)


def _files(found: Planned, robust: Robust | None) -> dict[str, str | bytes]:
    """Name and content of every file, the one that says the most last."""
    from simulator.report import plan as report
    from simulator.report.figures.plan import figure_files

    files: dict[str, str | bytes] = dict(figure_files(found))
    files["plan.csv"] = report.as_csv(found)
    files["report.txt"] = report.as_text(found, robust, verbose=True)
    files["plan.json"] = report.as_json(found, robust)
    return files
