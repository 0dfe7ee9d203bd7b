"""``endpointsim compare``: endpoints for traffic given by options alone."""

from __future__ import annotations

from inspect import signature
from typing import Any, Final

import click

from simulator.cli.answering import answer, answering_options
from simulator.cli.errors import Refused
from simulator.cli.options import TextType

#: Share of time in bursts, and their mean length, of ``--burst``.
BURST_SHARE: Final = "10%"
BURST_LENGTH: Final = "60s"


class ServerlessText(TextType):
    """``MEMORY:CONCURRENCY`` or ``MEMORY:CONCURRENCY:PROVISIONED``."""

    name = "memory:concurrency[:provisioned]"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> dict[str, Any]:
        """The block of a scenario; the values are checked there."""
        if isinstance(value, dict):
            return value
        memory, *counts = str(value).split(":")
        if not memory or len(counts) not in (1, 2) or not all(count.isdecimal() for count in counts):
            self.fail(f'"{value}" is not memory:concurrency[:provisioned]; write for example 4096MB:20', param, ctx)
        block = {
            "name": f"serverless-{memory.lower()}-c{counts[0]}",
            "kind": "serverless",
            "memory_size": memory,
            "max_concurrency": int(counts[0]),
        }
        if len(counts) == 2:
            block |= {"name": f"{block['name']}-pc{counts[1]}", "provisioned_concurrency": int(counts[1])}
        return block


class RealTimeText(TextType):
    """``TYPE``, ``TYPE:INSTANCES`` or ``TYPE:INSTANCES:WORKERS``."""

    name = "type[:instances[:workers]]"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> dict[str, Any]:
        """The block of a scenario; the values are checked there."""
        if isinstance(value, dict):
            return value
        instance_type, *counts = str(value).split(":")
        if not instance_type or len(counts) > 2 or not all(count.isdecimal() for count in counts):
            self.fail(f'"{value}" is not type[:instances[:workers]]; write for example ml.m5.xlarge:1:4', param, ctx)
        instances, workers = (int(count) for count in [*counts, "1", "1"][:2])
        return {
            "name": f"{instance_type.removeprefix('ml.').replace('.', '-')}-x{instances}-w{workers}",
            "kind": "real_time",
            "instance_type": instance_type,
            "initial_instance_count": instances,
            "workers_per_instance": workers,
        }


@click.command()
@click.option("--rate", required=True, metavar="RATE", help="Mean arrival rate: 2/s, 600/min, 2e6/month.")
@click.option(
    "--burst",
    type=float,
    metavar="FACTOR",
    help=f"Rate in bursts over the mean rate ({BURST_SHARE} of the "
    f"time, {BURST_LENGTH} long on average); without it, Poisson.",
)
@click.option("--service", required=True, metavar="TIME", help="Mean service time: 250ms.")
@click.option(
    "--service-cv",
    type=click.FloatRange(min=0),
    default=0.0,
    help="Its coefficient of variation (lognormal); 0, the default, is constant.",
)
@click.option("--cold-start", metavar="TIME", help="Mean startup time of an instance; serverless needs it.")
@click.option(
    "--cold-start-cv",
    type=click.FloatRange(min=0),
    default=0.0,
    help="Its coefficient of variation (lognormal); 0, the default, is constant.",
)
@click.option("--serverless", type=ServerlessText(), multiple=True, help="A serverless endpoint; repeatable.")
@click.option("--real-time", type=RealTimeText(), multiple=True, help="A real-time endpoint; repeatable.")
@click.option("--idle-timeout", metavar="TIME", help="How long an idle serverless instance lives.")
@click.option("--objective", "objectives", multiple=True, metavar="TEXT", help="For example 'p95<500ms'; repeatable.")
@click.option("--horizon", default="1d", show_default=True, metavar="TIME", help="Simulated time of a replication.")
@answering_options
@click.pass_context
def compare(ctx: click.Context, /, overrides: dict[str, str], **options: Any) -> None:
    r"""Compare endpoints for traffic given by options alone.

    The same answer as `run` gives to the scenario file that says the same; -v and the results folder show what the
    options leave at their defaults. Exit codes are those of `run`.

    \b
    Examples:
      endpointsim compare --rate 2/s --service 250ms --service-cv 0.1 --cold-start 4s \
        --serverless 4096MB:20 --real-time ml.m5.xlarge:1:4 --objective 'p95<500ms'
      endpointsim compare --rate 30/min --burst 8 --service 400ms --cold-start 6s \
        --serverless 2048MB:10 --serverless 2048MB:10:2 --objective 'throttled_fraction<0.1%'
    """
    from simulator.scenario.loading import load_scenario

    own = {name: options.pop(name) for name in signature(scenario_of).parameters}
    answer(ctx, load_scenario(scenario_of(**own), overrides), options)


def scenario_of(
    *,
    rate: str,
    burst: float | None,
    service: str,
    service_cv: float,
    cold_start: str | None,
    cold_start_cv: float,
    serverless: tuple[dict[str, Any], ...],
    real_time: tuple[dict[str, Any], ...],
    idle_timeout: str | None,
    objectives: tuple[str, ...],
    horizon: str,
) -> dict[str, Any]:
    """The scenario that the options say, as a file would; values are checked when it is loaded.

    Raises
    ------
    Refused
        If there is no endpoint, a serverless one without a cold start, or two alike.
    """
    endpoints = [*({**block} for block in serverless), *({**block} for block in real_time)]
    if not endpoints:
        raise Refused("no endpoint to compare; give --serverless 4096MB:20 or --real-time ml.m5.xlarge:1:4")
    if serverless and cold_start is None:
        raise Refused("--serverless needs --cold-start, the time until a new instance can serve, for example 4s")
    names = [block["name"] for block in endpoints]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise Refused(f"{twice} is given twice")
    if idle_timeout is not None:
        for block in endpoints[: len(serverless)]:
            block["idle_timeout"] = idle_timeout
    model = {"service_time": _duration(service, service_cv)}
    if cold_start is not None:
        model["startup_time"] = _duration(cold_start, cold_start_cv)
    return {
        "schema_version": 1,
        "name": "compare",
        "horizon": horizon,
        "traffic": _traffic(rate, burst),
        "model": model,
        "endpoints": endpoints,
        "objectives": list(objectives),
    }


def _duration(mean: str, cv: float) -> str | dict[str, Any]:
    return {"kind": "lognormal", "mean": mean, "cv": cv} if cv > 0 else mean


def _traffic(rate: str, burst: float | None) -> dict[str, Any]:
    if burst is None:
        return {"kind": "poisson", "mean_rate": rate}
    return {
        "kind": "bursty",
        "mean_rate": rate,
        "burst_factor": burst,
        "burst_share": BURST_SHARE,
        "burst_length": BURST_LENGTH,
    }
