"""``endpointsim doctor``: is this installation complete and fast."""

from __future__ import annotations

import platform
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any, Final

import click

_PACKAGES: Final = ("numpy", "scipy", "pandas", "numba", "simpy", "pydantic", "ruamel.yaml", "click", "matplotlib")
_IDLE_ROUTINGS: Final = ("most_recently_idle", "least_recently_idle", "random", "newest_created")
_ROUTINGS: Final = ("random", "least_outstanding_requests", "central_queue")


@dataclass(frozen=True)
class Finding:
    """One thing looked at.

    Parameters
    ----------
    name : str
    fine : bool
        False makes the exit code 1.
    text : str
        What was found.
    """

    name: str
    fine: bool
    text: str


@click.command()
@click.option("--warm", is_flag=True, help="Compile every kernel now, so that no run has to wait for it.")
@click.pass_context
def doctor(ctx: click.Context, warm: bool) -> None:
    r"""Check the installation: versions, compiler, its cache, data files, and a small run.

    Exit code 0 if all is fine, 1 if something is not.

    \b
    Examples:
      endpointsim doctor
      endpointsim doctor --warm
    """
    fine = True
    for check in (_versions, _compiler, _cache, _sheets, _scenarios, lambda: _small_run(warm)):
        for finding in _found(check):
            click.echo(f"{'ok ' if finding.fine else 'BAD'}  {finding.name:<10} {finding.text}")
            fine = fine and finding.fine
    ctx.exit(0 if fine else 1)


def _found(check: Callable[[], Iterator[Finding]]) -> Iterator[Finding]:
    """Findings of a check; one that fails is a finding too, the others go on."""
    try:
        yield from check()
    except Exception as error:  # whatever is broken here is what the user wants to be told
        name = getattr(check, "__name__", "run").strip("_<>").replace("lambda", "run")
        yield Finding(name, False, f"{type(error).__name__}: {error}")


def _versions() -> Iterator[Finding]:
    from simulator import __version__

    yield Finding("version", True, f"endpointsim {__version__}, Python {platform.python_version()}, {sys.platform}")
    versions = []
    for package in _PACKAGES:
        try:
            versions.append(f"{package} {metadata.version(package)}")
        except metadata.PackageNotFoundError:
            yield Finding("packages", False, f"{package} is not installed")
    yield Finding("packages", True, ", ".join(versions))


def _compiler() -> Iterator[Finding]:
    on = not _numba_config().DISABLE_JIT
    yield Finding("compiler", on, "Numba compiles" if on else "NUMBA_DISABLE_JIT is set: the engine will crawl")


def _cache() -> Iterator[Finding]:
    package = Path(__file__).parent.parent
    chosen = _numba_config().CACHE_DIR
    folder = Path(chosen) if chosen else package / "engines" / "compiled"
    where = "NUMBA_CACHE_DIR" if chosen else "beside the package"
    if _writable(folder):
        yield Finding("cache", True, f"compiled kernels are kept ({where}: {folder})")
    else:
        # Numba then keeps them in the user's own cache folder, if it can.
        hint = "if runs start slowly, set NUMBA_CACHE_DIR to a folder that can be written to"
        yield Finding("cache", True, f"{folder} cannot be written to; {hint}")


def _numba_config() -> Any:
    import numba

    return numba.config


def _writable(folder: Path) -> bool:
    with suppress(OSError):
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            return True
    return False


def _sheets() -> Iterator[Finding]:
    from simulator.prices import list_sheets

    ids = [sheet.id for sheet in list_sheets()]
    yield Finding("prices", bool(ids), ", ".join(ids) or "no bundled price sheet was found")


def _scenarios() -> Iterator[Finding]:
    from simulator.scenario.loading import load_scenario, shipped_scenarios

    names = shipped_scenarios()
    for file in names.values():
        load_scenario(file)
    yield Finding("scenarios", bool(names), ", ".join(names) or "no shipped scenario was found")


def _small_run(warm: bool) -> Iterator[Finding]:
    from simulator.scenario.loading import load_scenario
    from simulator.study.run import run

    scenario = load_scenario(_small_scenario(warm))
    seconds = []
    for _ in range(2):
        begin = time.perf_counter()
        study = run(scenario)
        seconds.append(time.perf_counter() - begin)
    text = f"{len(scenario.endpoints)} endpoints: {seconds[0]:.2f} s at first, {seconds[1]:.2f} s then"
    # At this load nothing has to wait long or is turned away: every request completes.
    complete = study.complete and bool((study.replications["requests"] == study.replications["completed"]).all())
    yield Finding("run", complete, text if complete else f"{text}; requests were lost")


def _small_scenario(warm: bool) -> dict[str, Any]:
    """A minute of light traffic; with `warm` on every rule that has a kernel of its own."""
    idle_routings = _IDLE_ROUTINGS if warm else _IDLE_ROUTINGS[:1]
    routings = _ROUTINGS if warm else _ROUTINGS[:1]
    drawn = {"kind": "lognormal", "mean": "20s", "cv": 0.3}
    serverless = [
        {
            "name": f"serverless-{number}-{timeout}",
            "kind": "serverless",
            "memory_size": "2048MB",
            "max_concurrency": 100,
            "idle_routing": routing,
            "idle_timeout": drawn if timeout == "drawn" else "20s",
            "lifetime": drawn if timeout == "drawn" else "none",
        }
        for number, routing in enumerate(idle_routings)
        for timeout in (("constant", "drawn") if warm else ("constant",))
    ]
    real_time = [
        {
            "name": f"real-time-{number}",
            "kind": "real_time",
            "instance_type": "ml.m5.xlarge",
            "initial_instance_count": 2,
            "workers_per_instance": 4,
            "routing": routing,
        }
        for number, routing in enumerate(routings)
    ]
    return {
        "name": "doctor",
        "horizon": "1m",
        "replications": 2,
        "traffic": {"kind": "poisson", "mean_rate": "5/s"},
        "model": {"service_time": {"kind": "lognormal", "mean": "100ms", "cv": 0.3}, "startup_time": "2s"},
        "endpoints": [*serverless, *real_time],
    }
