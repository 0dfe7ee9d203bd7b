"""Stresses of managed APIs: longer requests and responses, and a quota that lets fewer of them through."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from simulator.endpoints import Endpoint, ManagedApi
from simulator.questions.stress.stressing import Stress, changed, rounded
from simulator.scenario.model import Scenario


@dataclass(frozen=True)
class MoreTokens(Stress):
    """Tokens of every request and of its response times a factor; a response ends at `max_tokens` all the same."""

    name, title, axis = "tokens", "more tokens", "tokens over those of the scenario"
    is_of_a_kind = True

    def apply(self, scenario: Scenario, severity: float) -> Scenario:
        """The model's tokens scaled."""
        factor = (scenario.model.tokens_scale or 1.0) * severity
        return changed(scenario, model=scenario.model.model_copy(update={"tokens_scale": factor}))

    def describe(self, scenario: Scenario) -> str:
        """The whole of it."""
        return "every request and its response have so many times the tokens; a response ends at max_tokens"

    def spares(self, scenario: Scenario, endpoint: Endpoint) -> str:
        """Endpoints whose times and costs do not follow from tokens."""
        return "" if isinstance(endpoint, ManagedApi) else "it counts no tokens"


@dataclass(frozen=True)
class SmallerQuota(Stress):
    """Quota of requests and of tokens, or what a model unit lets through, times a factor below 1."""

    name, title, axis = "quota", "smaller quota", "quota over that of the scenario"
    is_of_a_kind = True

    def apply(self, scenario: Scenario, severity: float) -> Scenario:
        """Scaled to whole numbers, 1 at least."""
        endpoints = [
            one.model_copy(update=_smaller(one, severity)) if isinstance(one, ManagedApi) else one
            for one in scenario.endpoints
        ]
        return changed(scenario, endpoints=endpoints)

    def describe(self, scenario: Scenario) -> str:
        """The whole of it."""
        return "quotas, and what model units let through, are so small a part of what they were"

    def spares(self, scenario: Scenario, endpoint: Endpoint) -> str:
        """Endpoints without a quota."""
        if not isinstance(endpoint, ManagedApi):
            return "it has no quota"
        return "" if _smaller(endpoint, 1.0) else "its quota is none"

    def place(self, severity: float) -> float:
        """Smaller is harder."""
        return -math.log(severity)

    def severity_at(self, place: float) -> float:
        """Smaller is harder."""
        return rounded(math.exp(-place))


def _smaller(endpoint: ManagedApi, factor: float) -> dict[str, Any]:
    """Field → its number times a factor, of all that limit what is let through."""
    fields = ("requests_per_minute", "tokens_per_minute", "tokens_per_minute_per_unit")
    given = {name: getattr(endpoint, name) for name in fields}
    return {name: max(1, round(factor * value)) for name, value in given.items() if isinstance(value, int)}
