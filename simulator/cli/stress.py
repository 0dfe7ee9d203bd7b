"""``endpointsim stress``: whether the answer survives."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from simulator.cli.answering import Wishes
from simulator.cli.errors import INTERRUPTED, NOT_MET, UNDECIDED
from simulator.cli.options import TextType, output_option
from simulator.cli.simulating import Runner, Simulating, simulating_options
from simulator.cli.writing import fill, put

if TYPE_CHECKING:
    from simulator.questions.stress.stressed import Stressed


class Factors(TextType):
    """Numbers between commas: ``1,2,4,8``; the scenario checks their range."""

    name = "x,x,…"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> list[float]:
        """The numbers."""
        if isinstance(value, list):
            return value
        try:
            return [float(part) for part in str(value).split(",")]
        except ValueError:
            self.fail(f'"{value}" is not a list of numbers; write for example 1,2,4,8', param, ctx)


class Severities(TextType):
    """Values between commas and, after a colon, a duration that goes with all of them.

    Parameters
    ----------
    of_numbers : bool
        Whether the values are numbers, or else durations.
    example : str
        For messages.
    """

    name = "values[:duration]"

    def __init__(self, *, of_numbers: bool, example: str) -> None:
        self._of_numbers = of_numbers
        self._example = example

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[list[Any], str | None]:
        """The values, and the duration if there is one."""
        if isinstance(value, tuple):
            return value
        listed, colon, length = str(value).partition(":")
        parts: list[Any] = [part.strip() for part in listed.split(",")]
        try:
            parts = [float(part) for part in parts] if self._of_numbers else parts
        except ValueError:
            parts = [""]
        if not all(part != "" for part in parts) or (colon and not length):
            self.fail(f'"{value}" cannot be read; write for example {self._example}', param, ctx)
        return parts, length.strip() or None


@click.command()
@click.argument("scenario")
@click.option(
    "--set-of",
    metavar="NAME",
    help="A set of stresses: usual, launch-day, cold-starts, upstream-outage. Other options replace its own.",
)
@click.option("--burst", type=Factors(), help="The same mean traffic in bursts of so many times its rate: 1,2,4,8.")
@click.option("--growth", type=Factors(), help="So many times the traffic: 1,1.5,2,3.")
@click.option(
    "--flash-crowd",
    type=Severities(of_numbers=True, example="5,10,20:15m"),
    help="So many times the mean rate on top at the busiest time, and for how long: 5,10,20:15m.",
)
@click.option("--service", type=Factors(), help="So many times the service time: 1,1.25,1.5,2.")
@click.option("--cold-start", type=Factors(), help="So many times the startup time: 1,2,4.")
@click.option("--idle-timeout", type=Factors(), help="So small a part of the idle timeout: 1,0.5,0.25,0.1.")
@click.option(
    "--outage",
    type=Severities(of_numbers=False, example="5m,15m,30m or 5m,15m,30m:2m"),
    help="An outage before the endpoint that ends at the busiest time, and in which time what it held back comes: "
    "5m,15m,30m or 5m,15m,30m:2m.",
)
@click.option("--cold-at-peak", is_flag=True, help="Everything deployed cold at the peak.")
@click.option("--tokens", type=Factors(), help="So many times the tokens of managed APIs: 1,1.5,2,3.")
@click.option("--quota", type=Factors(), help="So small a part of the quota of managed APIs: 1,0.75,0.5,0.25.")
@click.option("--no-refining", is_flag=True, help="Only these severities: look for no break points between them.")
@simulating_options
@output_option
@click.option("-o", "out", type=click.Path(path_type=Path, dir_okay=False), help="Write the result to this file.")
@click.option("--require", metavar="ENDPOINT", help="Exit code 3 if an objective of this endpoint breaks.")
@click.option("--strict", is_flag=True, help="Exit code 4 if it is undecided whether an objective breaks.")
@click.option("-v", "--verbose", is_flag=True, help="Also what objectives limit, at every severity.")
@click.pass_context
def stress(ctx: click.Context, /, scenario: str, overrides: dict[str, Any], **options: Any) -> None:
    r"""Put a scenario to stresses: which objective of which endpoint breaks, and at which severity.

    Everything but the stress stays as it is, the random numbers too. The stresses are those of the options, or else
    those of the scenario (`stress:`), or else the set `usual`.

    Exit codes: 0 fine; 2 invalid; 3 an objective breaks for every endpoint, or for the one named by --require;
    4 undecided for any endpoint, or for that one, with --strict; 130 interrupted.

    \b
    Examples:
      endpointsim stress my-endpoint.yaml
      endpointsim stress my-endpoint.yaml --set-of launch-day -n 40 -j auto
      endpointsim stress my-endpoint.yaml --burst 1,2,4,8 --flash-crowd 5,10,20:15m --require m5-xlarge
    """
    from simulator.questions.stress.planned import planned
    from simulator.questions.stress.stress import stress as put_to
    from simulator.scenario.loading import load_scenario

    asked = _block(options)
    simulating = Simulating.taken_from(options)
    wishes = Wishes(**{one.name: options.pop(one.name) for one in fields(Wishes)})
    loaded = load_scenario(scenario, ({"stress": asked} if asked else {}) | overrides)
    if wishes.require is not None:
        loaded.endpoint(wishes.require)
    plan = planned(
        loaded, refine=not options["no_refining"], replications=simulating.replications, seed=simulating.seed
    )
    result = put_to(plan, Runner(simulating))
    put(_formatted(result, wishes), wishes.out, quiet=simulating.quiet)
    if not simulating.no_results:
        fill(plan.folder(simulating.results), _files(result), quiet=simulating.quiet)
    if not result.complete:
        kept = "" if simulating.no_results else "; the same command goes on from what is finished"
        click.echo(f"interrupted{kept}", err=True)
        ctx.exit(INTERRUPTED)
    ctx.exit(exit_code(result, wishes.require, strict=wishes.strict))


def _block(options: dict[str, Any]) -> dict[str, Any]:
    """The `stress` block that the options say, which are taken out; empty if they say nothing."""
    block: dict[str, Any] = {"set_of": options.pop("set_of"), "cold_at_peak": options.pop("cold_at_peak") or None}
    for name in ("burst", "growth", "service", "cold_start", "idle_timeout", "tokens", "quota"):
        block[name] = options.pop(name)
    for name, length in (("flash_crowd", "flash_crowd_length"), ("outage", "outage_release")):
        block[name], block[length] = options.pop(name) or (None, None)
    return {name: value for name, value in block.items() if value is not None}


def exit_code(result: Stressed, require: str | None, *, strict: bool) -> int:
    """0, `NOT_MET` or `UNDECIDED`; data that are missing count as not met.

    Parameters
    ----------
    result : Stressed
    require : str or None
        The endpoint that counts; None: it is enough if one does not break, and all must be decided.
    strict : bool
        Whether what is undecided counts.
    """
    from simulator.measures.objectives import Verdict

    verdicts = result.verdicts
    counting = [verdicts[require]] if require is not None else list(verdicts.values())
    if all(verdict in (Verdict.NOT_MET, Verdict.NO_DATA) for verdict in counting):
        return NOT_MET
    return UNDECIDED if strict and Verdict.UNDECIDED in counting else 0


def _formatted(result: Stressed, wishes: Wishes) -> str:
    from simulator.report import stress as report

    if wishes.output == "json":
        return report.as_json(result)
    if wishes.output == "csv":
        return report.as_csv(result)
    if wishes.output == "markdown":
        return report.as_markdown(result, verbose=wishes.verbose)
    return report.as_text(result, verbose=wishes.verbose)


def _files(result: Stressed) -> dict[str, str | bytes]:
    """Name and content of every file, those that say the most last."""
    from simulator.report import stress as report
    from simulator.report.figures.stressing import figure_files

    files: dict[str, str | bytes] = dict(figure_files(result))
    files["breaks.csv"] = result.breaks().to_csv(index=False, lineterminator="\n")
    files["stress.csv"] = report.as_csv(result)
    files["report.txt"] = report.as_text(result, verbose=True)
    files["stress.json"] = report.as_json(result)
    return files
