"""Every kind of stress; a new one is a class and a line here."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from simulator.questions.stress.of_apis import MoreTokens, SmallerQuota
from simulator.questions.stress.of_endpoints import ColdAtPeak, ShorterIdling, SlowerService, SlowerStarts
from simulator.questions.stress.of_traffic import Burst, FlashCrowds, Growth, UpstreamOutage
from simulator.questions.stress.stressing import Stress
from simulator.scenario.stress import Stresses


def stresses_of(block: Stresses) -> tuple[Stress, ...]:
    """The stresses of a block and of the set that it names."""
    return tuple(_stresses(block.whole))


def _stresses(block: Stresses) -> Iterator[Stress]:
    def given(**options: float | None) -> dict[str, Any]:
        return {name: value for name, value in options.items() if value is not None}

    if block.burst is not None:
        options = given(share=block.burst_share, length_s=block.burst_length)
        yield Burst(_ordered(Burst, block.burst), **options)
    if block.growth is not None:
        yield Growth(_ordered(Growth, block.growth))
    if block.flash_crowd is not None:
        yield FlashCrowds(_ordered(FlashCrowds, block.flash_crowd), **given(length_s=block.flash_crowd_length))
    if block.service is not None:
        yield SlowerService(_ordered(SlowerService, block.service))
    if block.cold_start is not None:
        yield SlowerStarts(_ordered(SlowerStarts, block.cold_start))
    if block.idle_timeout is not None:
        yield ShorterIdling(_ordered(ShorterIdling, block.idle_timeout))
    if block.outage is not None:
        yield UpstreamOutage(_ordered(UpstreamOutage, block.outage), **given(release_s=block.outage_release))
    if block.cold_at_peak:
        yield ColdAtPeak((0.0, 1.0))
    if block.tokens is not None:
        yield MoreTokens(_ordered(MoreTokens, block.tokens))
    if block.quota is not None:
        yield SmallerQuota(_ordered(SmallerQuota, block.quota))


def _ordered(kind: type[Stress], severities: tuple[float, ...]) -> tuple[float, ...]:
    """Each once, harder and harder, from the neutral one on."""
    others = {severity for severity in severities if severity != kind.neutral}
    return (kind.neutral, *sorted(others, key=kind(()).place))
