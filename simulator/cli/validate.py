"""``endpointsim validate``: is this file right, and what does it assume."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import click

from simulator.cli.errors import INVALID
from simulator.cli.options import set_option

if TYPE_CHECKING:
    from simulator.scenario.model import Scenario


@click.command()
@click.argument("files", nargs=-1, required=True, metavar="FILE...")
@set_option
@click.option("-q", "--quiet", is_flag=True, help="Print nothing for a valid file.")
@click.option(
    "--output",
    type=click.Choice(["table", "json"]),
    default="table",
    show_default=True,
    help="json prints the scenario with every default filled in.",
)
@click.pass_context
def validate(ctx: click.Context, files: tuple[str, ...], overrides: dict[str, str], quiet: bool, output: str) -> None:
    r"""Check scenario files; print what each one says and what it assumes.

    FILE is a .yaml, .toml or .json file, the name of a shipped scenario, or - for standard input. All problems of
    all files are reported, each with its line and column, and make the exit code 2.

    \b
    Examples:
      endpointsim validate my-endpoint.yaml
      endpointsim validate my-endpoint.yaml --set traffic.mean_rate=4/s
      endpointsim validate --output json - < my-endpoint.yaml
    """
    from simulator.errors import ScenarioError
    from simulator.scenario.loading import load_scenario

    invalid = False
    for file in files:
        try:
            scenario = load_scenario(file, overrides)
        except ScenarioError as error:
            click.echo(str(error), err=True)
            invalid = True
            continue
        if output == "json":
            click.echo(json.dumps(_facts(file, scenario), indent=1, ensure_ascii=False))
        elif not quiet:
            click.echo(_told(file, scenario))
    if invalid:
        ctx.exit(INVALID)


def _facts(file: str, scenario: Scenario) -> dict[str, Any]:
    return {
        "file": file,
        "valid": True,
        "digest": scenario.digest(),
        "expected_requests": _expected_requests(scenario),
        "notes": scenario.notes(),
        "uncertain": [{"name": one.name, "text": one.text, "middle": one.middle} for one in scenario.assumed],
        "assumptions": scenario.assumptions(),
        "scenario": scenario.resolved(),
    }


def _told(file: str, scenario: Scenario) -> str:
    count = _expected_requests(scenario)
    facts = [
        ("traffic", scenario.traffic.describe()),
        ("requests", "as many as are answered" if count is None else f"{count:,.0f} expected in a replication"),
        ("endpoints", ", ".join(f"{e.name} ({e.kind})" for e in scenario.endpoints)),
        ("objectives", "; ".join(scenario.objectives) or "none"),
        ("prices", scenario.price_sheet.id),
    ]
    lines = [f"{file}: valid", *(f"  {name:<11} {text}" for name, text in facts)]
    lines += [f"  note        {note}" for note in scenario.notes()]
    lines += [f"  uncertain   {one.name}: {one.text}" for one in scenario.assumed]
    assumed: dict[str, list[str]] = {}
    for name, assumptions in scenario.assumptions().items():
        for assumption in assumptions:
            assumed.setdefault(assumption, []).append(name)
    lines += [f"  assumed     {', '.join(names)}: {assumption}" for assumption, names in assumed.items()]
    return "\n".join(lines)


def _expected_requests(scenario: Scenario) -> float | None:
    """None for a closed population: it depends on how fast it is answered."""
    from simulator.traffic import Closed

    if isinstance(scenario.traffic, Closed):
        return None
    return scenario.traffic.expected_count(0.0, scenario.horizon, scenario.clock)
