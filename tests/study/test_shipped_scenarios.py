"""Every shipped scenario, shortened: both engines give the same rows, and so the same study."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

import simulator

SCENARIOS = sorted((Path(__file__).parent.parent.parent / "scenarios").glob("*.yaml"))
#: Short enough for the reference engine: some thousand requests each.
HORIZONS = {
    "assistant-launch": "20m",
    "autoscaling-flash-crowd": "1h",
    "azure-functions-bursty-day": "6h",
    "azure-llm-code-hour": "20m",
    "chat-embed-diurnal": "1h",
    "closed-load-test": "10m",
    "flash-crowd": "1h",
    "fleet-azure-functions": "1m",
    "fleet-one-for-all": "5m",
    "function-or-container": "20m",
    "growing-document-reader": "3h",
    "managed-or-hosted-llm": "10m",
    "nightly-batch": "3h",
    "plan-chat-embed": "1h",
    "provisioned-office-hours": "10h",
    "quiet-development-endpoint": "7d",
    "steady-high-rate": "16m",
    "uncertain-launch": "1h",
    "user-sessions": "12h",
}


@pytest.mark.parametrize("path", SCENARIOS, ids=lambda path: path.stem)
def test_engines_agree_on_every_column_of_every_request(path: Path) -> None:
    """Each endpoint of each scenario, one row per request."""
    scenario = simulator.load_scenario(path, overrides={"horizon": HORIZONS[path.stem]})
    for endpoint in scenario.endpoints:
        demand = simulator.draw_demand(scenario, endpoint=endpoint.name)
        demand = demand.rows(0, min(len(demand), 4000))
        compiled, reference = (
            simulator.simulate(scenario, endpoint=endpoint.name, demand=demand, engine=engine)
            for engine in ("compiled", "reference")
        )
        assert len(compiled) > 100
        pd.testing.assert_frame_equal(reference, compiled, check_exact=True)


@pytest.mark.parametrize("name", ["azure-llm-code-hour", "quiet-development-endpoint"])
def test_engines_give_the_same_study(name: str) -> None:
    """Measures, costs and intervals are equal to the last bit, whichever engine made them."""
    scenario = simulator.load_scenario(name, overrides={"horizon": "10m" if "hour" in name else "2d"})
    compiled, reference = (
        simulator.run(scenario, replications=2, engine=engine).replications for engine in ("compiled", "reference")
    )
    pd.testing.assert_frame_equal(reference, compiled, check_exact=True)


@pytest.mark.parametrize("name", ["autoscaling-flash-crowd", "nightly-batch", "provisioned-office-hours"])
def test_schedules_go_on_from_day_to_day(name: str) -> None:
    """What the last action of a day leaves is where the first of the next begins: two days are as valid as one."""
    scenario = simulator.load_scenario(name, overrides={"horizon": "2d"})
    assert 172_800.0 == scenario.horizon
