"""What managed APIs made of tokens: how much of the quota they used, and what the quota or max_tokens cost."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from simulator.endpoints import ManagedApi
from simulator.measures.intervals import Estimate
from simulator.report.numbers import significant, with_interval
from simulator.report.reading import Reading

if TYPE_CHECKING:
    from collections.abc import Iterator

COLUMNS: Final = (
    *("endpoint", "tokens a minute", "busiest minute", "reserved a minute", "quota a minute", "used of it"),
    *("throttled at it", "cut off"),
)
#: A quota is told to be held by max_tokens if what is reserved is so many times what is used.
_MUCH_RESERVED: Final = 1.5


def apis(reading: Reading) -> list[ManagedApi]:
    """Endpoints that are priced by the token."""
    return [one for one in reading.scenario.endpoints if isinstance(one, ManagedApi)]


def rows(reading: Reading) -> tuple[tuple[str, ...], ...]:
    """One row an API."""
    return tuple(
        (
            one.name,
            *(
                _count(reading.estimate(one.name, name))
                for name in ("tokens_per_minute", "tokens_per_minute_max", "tokens_reserved_per_minute")
            ),
            _quota(one),
            reading.text(one.name, "quota_used") if _has_tokens(one) else "-",
            _throttled(reading, one.name),
            reading.text(one.name, "cut_off_fraction"),
        )
        for one in apis(reading)
    )


def remark() -> str:
    """What the columns mean."""
    return (
        "Tokens as the quota counts them, a token of a response as often as burndown says; reserved: with max_tokens, "
        "until the response is there. Cut off: responses of the completed requests that end at max_tokens."
    )


def warnings(reading: Reading) -> Iterator[str]:
    """Where max_tokens, and not what is used, makes the quota throttle."""
    for one in apis(reading):
        used, reserved, throttled = (
            reading.estimate(one.name, name).value
            for name in ("tokens_per_minute", "tokens_reserved_per_minute", "throttled_quota")
        )
        if used and reserved and throttled and reserved > _MUCH_RESERVED * used:
            yield (
                f"{one.name}: requests reserve {significant(reserved / used)} times the tokens that they use, with "
                f"max_tokens {one.max_tokens}, and the quota throttles by what is reserved: a lower max_tokens lets "
                "more through."
            )


def _has_tokens(endpoint: ManagedApi) -> bool:
    return endpoint.model_units > 0 or endpoint.tokens_per_minute != "none"


def _quota(endpoint: ManagedApi) -> str:
    words = []
    if _has_tokens(endpoint):
        words.append(f"{endpoint.quota.tokens_per_minute:,} tokens")
    if endpoint.requests_per_minute not in {"none", None}:
        plural = "s" if endpoint.requests_per_minute != 1 else ""
        words.append(f"{endpoint.requests_per_minute:,} request{plural}")
    return ", ".join(words) or "none"


def _throttled(reading: Reading, name: str) -> str:
    """Throttled at the quota, of the requests that arrived."""
    count, arrived = (reading.estimate(name, measure).value for measure in ("throttled_quota", "requests"))
    if not arrived or count is None:
        return "no data"
    return f"{significant(100 * count / arrived)} %" if count else "none seen"


def _count(estimate: Estimate) -> str:
    if estimate.value is None:
        return "no data"
    return f"{estimate.value:,.0f}" if estimate.value >= 1000 else with_interval(estimate)
