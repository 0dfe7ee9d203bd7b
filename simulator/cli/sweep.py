"""``endpointsim sweep``: what changes along some values of a scenario."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from simulator.cli.errors import INTERRUPTED
from simulator.cli.options import output_option
from simulator.cli.simulating import Runner, Simulating, simulating_options
from simulator.cli.writing import fill, put

if TYPE_CHECKING:
    from simulator.questions.sweep import Sweep


@click.command()
@click.argument("scenario")
@click.option(
    "--vary",
    multiple=True,
    required=True,
    metavar="PATH=VALUES",
    help="A list, traffic.mean_rate=1/s,2/s,4/s, or a range, traffic.mean_rate=1/s..64/s:13:log; repeatable.",
)
@click.option("--zip", "in_pairs", is_flag=True, help="Values of all --vary together in place of all combinations.")
@click.option(
    "--measure",
    "measures",
    multiple=True,
    metavar="NAME",
    help="What is told: p99, monthly_cost, …; repeatable. By default these two and what objectives limit.",
)
@simulating_options
@output_option
@click.option(
    "-o",
    "out",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Write the result to this file; one that ends in .parquet gets the long table.",
)
@click.pass_context
def sweep(ctx: click.Context, /, scenario: str, overrides: dict[str, Any], **options: Any) -> None:
    r"""Vary values of a scenario along lists or ranges: every endpoint at every point, the same random numbers.

    Bounds of a range are included; it has nine values unless it says how many, spaced evenly unless it says `:log`.

    Exit codes: 0 fine; 2 invalid; 130 interrupted, the same command goes on.

    \b
    Examples:
      endpointsim sweep my-endpoint.yaml --vary traffic.mean_rate=0.5/s..32/s:7:log
      endpointsim sweep my-endpoint.yaml --vary 'endpoints[0].memory_size=2048MB,4096MB,6144MB' --measure monthly_cost
      endpointsim sweep my-endpoint.yaml --vary traffic.mean_rate=1/s,4/s --vary horizon=1h,1d --output csv -o long.csv
    """
    from simulator.questions.sweep import planned

    simulating = Simulating.taken_from(options)
    plan = planned(
        scenario,
        options["vary"],
        in_pairs=options["in_pairs"],
        measures=options["measures"],
        overrides=overrides,
        replications=simulating.replications,
        seed=simulating.seed,
    )
    result = plan.run(Runner(simulating))
    out: Path | None = options["out"]
    is_parquet = out is not None and out.suffix == ".parquet"
    content = _parquet(result) if is_parquet else _formatted(result, options["output"])
    put(content, out, quiet=simulating.quiet)
    if not simulating.no_results:
        fill(plan.folder(simulating.results), _files(result), quiet=simulating.quiet)
    if not result.complete:
        kept = "" if simulating.no_results else "; the same command goes on from what is finished"
        click.echo(f"interrupted{kept}", err=True)
        ctx.exit(INTERRUPTED)


def _formatted(result: Sweep, output: str) -> str:
    from simulator.report import sweep as report

    if output == "json":
        return report.as_json(result)
    if output == "csv":
        return report.as_csv(result)
    if output == "markdown":
        return report.as_markdown(result)
    return report.as_text(result)


def _parquet(result: Sweep) -> bytes:
    """The long table; pandas needs an engine for it.

    Raises
    ------
    InputError
        If there is none.
    """
    import io

    from simulator.errors import InputError

    content = io.BytesIO()
    try:
        result.table().to_parquet(content, index=False)
    except ImportError as error:
        raise InputError("Parquet needs pyarrow; install it with: pip install 'endpointsim[parquet]'") from error
    return content.getvalue()


def _files(result: Sweep) -> dict[str, str | bytes]:
    """Name and content of every file, those that say the most last."""
    from simulator.report import sweep as report
    from simulator.report.figures.sweep import figure_files

    files: dict[str, str | bytes] = dict(figure_files(result))
    files["sweep.csv"] = report.as_csv(result)
    files["report.txt"] = report.as_text(result)
    files["sweep.json"] = report.as_json(result)
    return files
