"""What platforms allow: their limits, the defaults these give, and fields whose value may be "none"."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, Final, Literal

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Discriminator,
    Field,
    PlainSerializer,
    Tag,
    ValidationInfo,
    WithJsonSchema,
)

from simulator.distributions import DurationDistribution
from simulator.units import duration_text, parse_duration, size_text

NONE: Final = "none"
PlatformName = Literal["sagemaker", "generic"]


@dataclass(frozen=True)
class Platform:
    """Limits of serverless endpoints on one platform; None where it sets none.

    Parameters
    ----------
    memory_sizes : tuple of int or None
        Memory sizes there are. [MB]
    most_concurrency : int or None
        Most that `max_concurrency` and `provisioned_concurrency` may be.
    startup_limit, invocation_timeout : float or None
        Most that they may be, and their default. [s]
    most_payload : int or None
        Largest request, and largest response. [B]
    """

    memory_sizes: tuple[int, ...] | None
    most_concurrency: int | None
    startup_limit: float | None
    invocation_timeout: float | None
    most_payload: int | None


PLATFORMS: Final[dict[str, Platform]] = {
    # SageMaker serverless inference. Sizes and concurrency: botocore 1.43, ProductionVariantServerlessConfig.
    # 3 min to load, 60 s to answer, 4 MB each way: developer guide, serverless-endpoints-invoke.
    "sagemaker": Platform(
        memory_sizes=(1024, 2048, 3072, 4096, 5120, 6144),
        most_concurrency=200,
        startup_limit=180.0,
        invocation_timeout=60.0,
        most_payload=4_000_000,
    ),
    "generic": Platform(
        memory_sizes=None,
        most_concurrency=None,
        startup_limit=None,
        invocation_timeout=None,
        most_payload=None,
    ),
}
#: Largest request and response of a SageMaker real-time endpoint [B]: its documentation of 2025 and later. The API
#: model still says 6 MB.
REAL_TIME_PAYLOAD: Final = 25_000_000
#: A SageMaker container has to answer within this [s]; streamed responses may take longer.
REAL_TIME_TIMEOUT: Final = 60.0


def payload_problems(kind: str, limit: int | None, largest_in: float, largest_out: float) -> list[str]:
    """One sentence for a request and one for a response above the limit of bytes."""
    if limit is None:
        return []
    return [
        f"{name} reaches {size_text(size)}, a SageMaker {kind} endpoint takes at most {size_text(limit)}"
        for name, size in (("payload_in", largest_in), ("payload_out", largest_out))
        if size > limit
    ]


def platform_of(info: ValidationInfo) -> Platform | None:
    """Limits of the platform given before the field that is validated; None if it is not valid itself."""
    return PLATFORMS.get(info.data.get("platform", ""))


def _read_time_limit(value: Any) -> Any:
    if value == NONE:
        return value
    seconds = parse_duration(value)
    if seconds == 0:
        raise ValueError('"0s" is not allowed, must be more than 0, or none')
    return seconds


def _of_platform(value: Any, info: ValidationInfo) -> Any:
    """The platform's own limit where none is given."""
    if value is not None:
        return value
    limit: float | None = getattr(platform_of(info), str(info.field_name), None)
    return NONE if limit is None else duration_text(limit)


def _within_platform(value: float | Literal["none"], info: ValidationInfo) -> float | Literal["none"]:
    most: float | None = getattr(platform_of(info), str(info.field_name), None)
    if most is not None and (value == "none" or value > most):
        shown = NONE if value == "none" else duration_text(value)
        raise ValueError(f'"{shown}" is not allowed on platform sagemaker, must be at most {duration_text(most)}')
    return value


def _read_whole(value: Any) -> Any:
    if value == NONE:
        return value
    if isinstance(value, bool) or not isinstance(value, int):
        raise ValueError(f"{value!r} is not a whole number, or none")
    return value


def _tag(value: Any) -> str:
    return NONE if value == NONE else "distribution"


_DURATION_SCHEMA: Final = {"type": "string", "pattern": r"^([0-9.]+(us|µs|ms|s|m|h|d|w))+$|^none$"}

#: Seconds, more than 0, or "none".
TimeLimit = Annotated[
    float | Literal["none"],
    BeforeValidator(_read_time_limit),
    PlainSerializer(lambda limit: limit if limit == NONE else duration_text(limit)),
    WithJsonSchema({**_DURATION_SCHEMA, "examples": ["60s", "none"]}),
]
#: The same, within the platform's limit of this name, which it is by default. For fields after `platform`.
PlatformTimeLimit = Annotated[TimeLimit, BeforeValidator(_of_platform), AfterValidator(_within_platform)]
#: A whole number or "none".
CountOrNone = Annotated[
    int | Literal["none"],
    BeforeValidator(_read_whole),
    WithJsonSchema({"anyOf": [{"type": "integer", "minimum": 0}, {"const": "none", "type": "string"}]}),
]
#: A distribution of durations or "none".
DurationOrNone = Annotated[
    Annotated[DurationDistribution, Tag("distribution")] | Annotated[Literal["none"], Tag(NONE)],
    Discriminator(_tag),
]
#: Names columns, folders and colours.
Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")]
