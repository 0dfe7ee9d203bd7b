"""The commands, with a study made by hand in place of a run where only what is said about it counts."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

import simulator.cli.simulating
import simulator.scenario.loading
import simulator.study.run
from simulator.study.run import Progress
from tests.report.hand_made import HandMade, made


@pytest.fixture
def answered(monkeypatch: pytest.MonkeyPatch) -> Callable[..., list[dict[str, Any]]]:
    """Make every run end with a study of these values; returns the list of what runs are asked for."""

    def end_with(*args: Any, interrupted: bool = False, **changed: Any) -> list[dict[str, Any]]:
        asked: list[dict[str, Any]] = []
        study: HandMade = made(*args, **changed)
        study.complete = not interrupted

        def endpoint(name: str) -> Any:
            from simulator.errors import InputError

            found = [one for one in study.scenario.endpoints if one.name == name]
            if not found:
                raise InputError(f"no endpoint {name!r}")
            return found[0]

        study.scenario.endpoint = endpoint

        def load(source: Any, overrides: Any = None) -> Any:
            asked.append({"source": source, "overrides": overrides})
            return study.scenario

        def run(scenarios: Any, progress: Any = None, **options: Any) -> list[HandMade]:
            asked.append(options)
            if progress is not None:
                progress(Progress(4, 4, 1000, 1000.0))
            return [study]

        def with_changes(scenario: Any, replications: int | None, seed: int | None) -> Any:
            asked.append({"replications": replications, "seed": seed})
            return scenario

        monkeypatch.setattr(simulator.scenario.loading, "load_scenario", load)
        monkeypatch.setattr(simulator.study.run, "run_all", run)
        monkeypatch.setattr(simulator.study.run, "asked", with_changes)
        monkeypatch.setattr(simulator.cli.simulating, "_tell_what_is_there", lambda *_: None)
        return asked

    return end_with
