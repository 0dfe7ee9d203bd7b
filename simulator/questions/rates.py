"""Questions that are asked of a rate, which a closed population has not."""

from __future__ import annotations

from simulator.errors import InputError
from simulator.scenario.model import Scenario
from simulator.traffic import NO_RATE, Closed


def check_has_a_rate(scenario: Scenario, question: str) -> None:
    """Refuse closed traffic where a question is about a rate.

    Raises
    ------
    InputError
        Saying which question, and what may be asked instead.
    """
    if isinstance(scenario.traffic, Closed):
        raise InputError(
            f"traffic: {question} needs traffic with a rate, and {NO_RATE}; run, sweep and sensitivity take closed "
            "traffic"
        )
