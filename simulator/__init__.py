"""endpointsim: which way of serving a model, at what cost, with which latency, and how sure.

The names below are all of the public interface; each is imported when it is first used, so that importing
`simulator` costs nothing.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

_HOME = {
    "Demand": "simulator.engines.tables",
    "InputError": "simulator.errors",
    "Scenario": "simulator.scenario.model",
    "ScenarioError": "simulator.errors",
    "SimulatorError": "simulator.errors",
    "Study": "simulator.study.results",
    "StudyError": "simulator.errors",
    "draw_demand": "simulator.demand",
    "load_scenario": "simulator.scenario.loading",
    "load_study": "simulator.study.store",
    "run": "simulator.study.run",
    "simulate": "simulator.study.one",
}

__all__ = ["__version__", *_HOME]

if TYPE_CHECKING:
    from simulator.demand import draw_demand as draw_demand
    from simulator.engines.tables import Demand as Demand
    from simulator.errors import InputError as InputError
    from simulator.errors import ScenarioError as ScenarioError
    from simulator.errors import SimulatorError as SimulatorError
    from simulator.errors import StudyError as StudyError
    from simulator.scenario.loading import load_scenario as load_scenario
    from simulator.scenario.model import Scenario as Scenario
    from simulator.study.one import simulate as simulate
    from simulator.study.results import Study as Study
    from simulator.study.run import run as run
    from simulator.study.store import load_study as load_study


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'simulator' has no attribute {name!r}")
    return getattr(importlib.import_module(_HOME[name]), name)


def __dir__() -> list[str]:
    return sorted(__all__)
