"""``endpointsim commitment``: which savings plan by the hour is best, and what it risks."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from simulator.cli.errors import INTERRUPTED
from simulator.cli.options import TextType
from simulator.cli.simulating import Simulating, simulating_options, studies
from simulator.cli.writing import put


class Discount(TextType):
    """A share between 0 and 1."""

    name = "SHARE"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """The share."""
        from simulator.units import parse_share

        try:
            share = parse_share(value)
        except ValueError as error:
            self.fail(str(error), param, ctx)
        if not 0.0 < share < 1.0:
            self.fail(f'"{value}" is not allowed, must be more than 0% and less than 100%', param, ctx)
        return share


@click.command()
@click.argument("scenario")
@click.option("--discount", type=Discount(), required=True, help="Of the plan, on on-demand prices: 27%.")
@click.option(
    "--endpoint", "endpoints", multiple=True, metavar="NAME", help="All that are covered by default; repeatable."
)
@click.option(
    "--commit",
    "commitments",
    multiple=True,
    type=click.FloatRange(min=0.0),
    metavar="USD",
    help="Also tell of this commitment, in USD an hour; repeatable.",
)
@click.option(
    "--serverless/--no-serverless",
    default=False,
    show_default=True,
    help="Whether plans cover serverless endpoints: sources disagree, AWS lists instances alone.",
)
@click.option(
    "--asynchronous/--no-asynchronous",
    default=True,
    show_default=True,
    help="Whether plans cover instances of asynchronous endpoints, which AWS's list does not name.",
)
@simulating_options
@click.option(
    "--output",
    type=click.Choice(["table", "json", "csv", "markdown"]),
    default="table",
    show_default=True,
    help="Form.",
)
@click.option("-o", "out", type=click.Path(path_type=Path, dir_okay=False), help="Write the result to this file.")
@click.pass_context
def commitment(ctx: click.Context, /, scenario: str, overrides: dict[str, Any], **options: Any) -> None:
    r"""Say which commitment by the hour (savings plan) is best for what each endpoint uses.

    In each hour usage is covered at a discount up to the commitment; what is not used of it is lost, what is beyond it
    is paid on demand. The best commitment follows from how many instances run in how many hours of the replications.

    \b
    Examples:
      endpointsim commitment steady-high-rate --discount 27%
      endpointsim commitment chat-embed-diurnal --discount 20% --serverless
      endpointsim commitment my-endpoint.yaml --discount 40% --commit 0.5 --endpoint autoscaled --output json
    """
    from simulator.questions.commitment.commitment import Commitments, check, endpoints_of
    from simulator.questions.commitment.coverage import Coverage
    from simulator.report import commitment as report
    from simulator.scenario.loading import load_scenario

    discount, names, further, output, out = (
        options.pop(name) for name in ("discount", "endpoints", "commitments", "output", "out")
    )
    coverage = Coverage(options.pop("serverless"), options.pop("asynchronous"))
    simulating = Simulating.taken_from(options)
    loaded = load_scenario(scenario, overrides)
    wanted = list(names) or endpoints_of(loaded, coverage)
    if not wanted:
        raise click.UsageError(
            f"{loaded.name} has no endpoint whose usage is covered; commitments are for instances by the hour"
        )
    for name in wanted:
        check(loaded, name, coverage)
    (study,) = studies([loaded], simulating)
    answers = [Commitments(study, name, discount, further, coverage) for name in wanted]
    written = {"json": report.as_json, "csv": report.as_csv, "markdown": report.as_markdown, "table": report.as_text}
    put(written[output](answers), out, quiet=simulating.quiet)
    if not study.complete:
        ctx.exit(INTERRUPTED)
