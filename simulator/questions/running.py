"""How a question gets its studies run."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from simulator.scenario.model import Scenario
from simulator.study.results import Study
from simulator.study.run import run_all

#: Studies of scenarios, in their order.
Runner = Callable[[Sequence[Scenario]], list[Study]]


def runner_of(**options: Any) -> Runner:
    """A runner with the options of `simulator.study.run.run_all`.

    What has to be resumed is what the first call asks for; studies that an interrupted run never came to are begun.
    """

    def run(scenarios: Sequence[Scenario]) -> list[Study]:
        studies = run_all(scenarios, **options)
        if options.get("resume") == "always":
            options["resume"] = "if_possible"
        return studies

    return run
