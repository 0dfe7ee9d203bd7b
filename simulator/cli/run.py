"""``endpointsim run``: the answer to a scenario."""

from __future__ import annotations

from typing import Any

import click

from simulator.cli.answering import answer, answering_options


@click.command()
@click.argument("scenario")
@answering_options
@click.pass_context
def run(ctx: click.Context, /, scenario: str, overrides: dict[str, str], **options: Any) -> None:
    r"""Run a scenario: verdict, costs and latencies with their intervals.

    SCENARIO is a .yaml, .toml or .json file, the name of a shipped scenario, or - for standard input.

    Exit codes: 0 fine; 2 invalid; 3 no endpoint meets all objectives, or the one named by --require does not;
    4 undecided, with --strict; 130 interrupted, what was finished is printed and saved.

    \b
    Examples:
      endpointsim run my-endpoint.yaml
      endpointsim run my-endpoint.yaml -n 100 -j auto --set traffic.mean_rate=4/s
      endpointsim run my-endpoint.yaml --output json --no-results | jq .answer
    """
    from simulator.scenario.loading import load_scenario

    answer(ctx, load_scenario(scenario, overrides), options)
