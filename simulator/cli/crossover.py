"""``endpointsim crossover``: where the answer flips."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from simulator.cli.errors import INTERRUPTED, NOT_MET, UNDECIDED
from simulator.cli.options import TextType, output_option
from simulator.cli.simulating import Runner, Simulating, simulating_options
from simulator.cli.writing import fill, put

if TYPE_CHECKING:
    from simulator.questions.crossover.flips import Crossover


class Part(TextType):
    """A per cent, ``1%``."""

    name = "share"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """As a number from 0 to 1."""
        from simulator.units import parse_share

        if isinstance(value, float):
            return value
        try:
            return parse_share(value)
        except ValueError as error:
            self.fail(str(error), param, ctx)


@click.command()
@click.argument("scenario")
@click.option(
    "--over",
    metavar="PATH=RANGE",
    help="What is varied, traffic.mean_rate=0.1/s..50/s; by default a hundredth of the traffic to 100 times it.",
)
@click.option(
    "--measure",
    default="monthly_cost",
    show_default=True,
    metavar="NAME",
    help="What is compared: a cost, a latency or a share of requests lost.",
)
@click.option("--growth", metavar="RATE", help="Of the traffic, 8%/month: tells when each change is reached.")
@click.option(
    "--tolerance",
    type=Part(),
    default="1%",
    show_default=True,
    help="How far apart the two points around a change may lie.",
)
@simulating_options
@output_option
@click.option("-o", "out", type=click.Path(path_type=Path, dir_okay=False), help="Write the result to this file.")
@click.option("--strict", is_flag=True, help="Exit code 4 if a change or who is eligible is undecided.")
@click.pass_context
def crossover(ctx: click.Context, /, scenario: str, overrides: dict[str, Any], **options: Any) -> None:
    r"""Find where the cheapest endpoint that meets all objectives changes, as traffic or another value grows.

    A grid of eight points a decade is simulated, then the surroundings of each change, with all replications. An
    endpoint that misses an objective is not eligible, however cheap; one that is undecided is told as not known.

    Exit codes: 0 fine; 2 invalid; 3 no endpoint is eligible anywhere; 4 undecided, with --strict; 130 interrupted, the
    same command goes on.

    \b
    Examples:
      endpointsim crossover my-endpoint.yaml --growth 8%/month
      endpointsim crossover my-endpoint.yaml --over traffic.mean_rate=0.1/s..50/s -n 40 -j auto
      endpointsim crossover my-endpoint.yaml --over 'endpoints[0].provisioned_concurrency=0..8'
      endpointsim crossover my-endpoint.yaml --over 'endpoints[0].memory_size=1024MB..6144MB' --measure cost_per_1000
    """
    from simulator.questions.crossover.crossover import planned
    from simulator.report import crossover as report

    simulating = Simulating.taken_from(options)
    plan = planned(
        scenario,
        options["over"],
        measure=options["measure"],
        growth=options["growth"],
        tolerance=options["tolerance"],
        overrides=overrides,
        replications=simulating.replications,
        seed=simulating.seed,
    )
    try:
        # The points have their seed and replications already; those of the grid may have fewer of them.
        result = plan.run(Runner(replace(simulating, replications=None, seed=None)))
    except KeyboardInterrupt:
        kept = "" if simulating.no_results else "; the same command goes on from what is finished"
        click.echo(f"interrupted{kept}", err=True)
        ctx.exit(INTERRUPTED)
    formats = {"json": report.as_json, "csv": report.as_csv, "markdown": report.as_markdown, "table": report.as_text}
    put(formats[options["output"]](result), options["out"], quiet=simulating.quiet)
    if not simulating.no_results:
        fill(plan.folder(simulating.results), _files(result), quiet=simulating.quiet)
    ctx.exit(exit_code(result, strict=options["strict"]))


def exit_code(result: Crossover, *, strict: bool) -> int:
    """0; `NOT_MET` if nobody is eligible anywhere, for sure; `UNDECIDED` if that counts."""
    if not result.is_anyone_eligible and not any(one.unsure for one in result.stretches):
        return NOT_MET
    return UNDECIDED if strict and not result.is_decided else 0


def _files(result: Crossover) -> dict[str, str | bytes]:
    """Name and content of every file, those that say the most last."""
    from simulator.report import crossover as report
    from simulator.report.figures.crossover import figure_files

    files: dict[str, str | bytes] = dict(figure_files(result))
    files["points.csv"] = report.points_csv(result)
    files["changes.csv"] = report.as_csv(result)
    files["report.txt"] = report.as_text(result)
    files["crossover.json"] = report.as_json(result)
    return files
