"""The open loop beside a closed population, as `run` and `compare` put it to a study."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import click

from simulator.cli.simulating import Simulating, simulated

if TYPE_CHECKING:
    from simulator.study.results import Study


def beside(study: Study, simulating: Simulating) -> Study | None:
    """The study with the open loop beside it; as it is where there is none; None if that was interrupted.

    Why there is none is said on standard error, unless the traffic is open or the study was interrupted, which is
    plain to see.
    """
    from simulator.questions import open_loop
    from simulator.traffic import Closed

    if not isinstance(study.scenario.traffic, Closed) or not study.complete:
        return study
    reason = open_loop.why_not(study)
    if reason:
        if not simulating.quiet:
            click.echo(f"no open traffic is simulated beside the clients: {reason}", err=True)
        return study
    # What `--resume` insists on was there: it was the study of the clients.
    if simulating.resume == "always":
        simulating = replace(simulating, resume="if_possible")
    try:
        return open_loop.beside(study, lambda scenarios: simulated(scenarios, simulating, tells=False))
    except KeyboardInterrupt:
        return None
