"""``endpointsim init``: a commented scenario to start from."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import click

from simulator.cli.errors import Refused

STARTER: Final = """\
# yaml-language-server: $schema={schema}
# Question: serverless or a real-time instance for this model and this traffic?
# Every number below is a placeholder: put in your own, and say where it comes from.
#
#   endpointsim validate {file}      is it right, and what does it assume?
#   endpointsim run {file}           verdict, costs and latencies with their intervals
#
# Durations are written 250ms, 1.5s, 2h30m, 1d; rates 10/s, 600/min, 2e6/month (a month is 730 h); sizes 20kB;
# memory 4096MB; shares 0.1%. A number without its unit is an error.
schema_version: 1
name: {name}
description: Serverless or a real-time instance?
prices: aws/us-east-1/2026-11        # `endpointsim prices list` shows the sheets
horizon: 1d                          # simulated time of one replication
replications: 20                     # more make the intervals narrower; or, in place of a number:
# precision: {{measure: p99, relative: 2%, max_replications: 400}}
seed: 20261125                       # the same seed gives the same answer

traffic:
  kind: diurnal                      # poisson, diurnal, profile, bursty, renewal, recorded, counts, flash_crowd, ramp,
                                     # growth, periodic, superposition, outage, burstier, hawkes, sessions, batches,
                                     # lognormal_cox
  mean_rate: 2/s
  peak_to_mean: 1.8                  # at most 2 for this kind
  peak_at: "15:00"                   # in the zone of starts_at (UTC by default)

model:
  service_time: {{kind: lognormal, mean: 250ms, cv: 0.4}}     # time that an instance works on a request
  startup_time: {{kind: lognormal, p50: 4s, p99: 7s}}         # launch of an instance until it can serve
  payload_in: 20kB
  payload_out: 4kB

endpoints:
  - name: serverless-4gb
    kind: serverless
    memory_size: 4096MB
    max_concurrency: 20              # requests beyond it are throttled, not queued
    idle_timeout: 10m                # not published by AWS: vary it
  - name: m5-xlarge
    kind: real_time
    instance_type: ml.m5.xlarge
    initial_instance_count: 1
    workers_per_instance: 4
    # Other hardware, other speed: give this endpoint its own service_time if you have measured it.
    # service_time: {{kind: lognormal, mean: 180ms, cv: 0.4}}

objectives:                          # met, not met or undecided; they decide the exit code of `run`
  - p95 < 500ms
  - throttled_fraction < 0.1%
  - monthly_cost < 250USD
baseline: m5-xlarge                  # the others are compared with it
"""


@click.command()
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False), default="scenario.yaml")
@click.option("--force", is_flag=True, help="Replace the file if it exists.")
def init(file: Path, force: bool) -> None:
    r"""Write a commented scenario to start from (scenario.yaml by default).

    A file that exists is left alone, unless --force is given.

    \b
    Example:
      endpointsim init my-endpoint.yaml
    """
    from simulator.cli.writing import write_whole
    from simulator.scenario.schema import PUBLISHED

    if file.suffix.lower() not in {".yaml", ".yml"}:
        raise Refused(f"{file}: the scenario is YAML; end the name in .yaml")
    if file.exists() and not force:
        raise Refused(f"{file} exists; give another name, or --force to replace it")
    write_whole(file, STARTER.format(schema=PUBLISHED.as_uri(), file=file, name=_scenario_name(file.stem)))
    click.echo(f"wrote {file}; next: endpointsim run {file}")


def _scenario_name(stem: str) -> str:
    """The file's name with what a scenario's name cannot hold replaced."""
    kept = "".join(c if c.isascii() and (c.isalnum() or c in "._-") else "-" for c in stem)
    return kept if kept[:1].isalpha() else f"scenario-{kept}".rstrip("-")
