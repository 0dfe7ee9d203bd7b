"""What platforms allow: their limits, the defaults these give, and fields whose value may be "none"."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Annotated, Any, Final, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Discriminator,
    Field,
    PlainSerializer,
    Tag,
    ValidationInfo,
    WithJsonSchema,
    field_validator,
)

from simulator.distributions import DurationDistribution
from simulator.engines.pool import Bucket
from simulator.units import FOREVER, Seconds, duration_text, parse_duration, size_text, to_ns

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
    only_throttles : bool
        Whether it turns away all that comes at a limit, and gives each instance one request at once.
    """

    memory_sizes: tuple[int, ...] | None
    most_concurrency: int | None
    startup_limit: float | None
    invocation_timeout: float | None
    most_payload: int | None
    only_throttles: bool = False


PLATFORMS: Final[dict[str, Platform]] = {
    # SageMaker serverless inference. Sizes and concurrency: botocore 1.43, ProductionVariantServerlessConfig.
    # 3 min to load, 60 s to answer, 4 MB each way: developer guide, serverless-endpoints-invoke.
    "sagemaker": Platform(
        memory_sizes=(1024, 2048, 3072, 4096, 5120, 6144),
        most_concurrency=200,
        startup_limit=180.0,
        invocation_timeout=60.0,
        most_payload=4_000_000,
        # Beyond MaxConcurrency a request is refused, not queued: the same guide. One request at once in each
        # execution environment is inferred from its text.
        only_throttles=True,
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


def payload_problems(taker: str, limit: int | None, largest_in: float, largest_out: float) -> list[str]:
    """One sentence for a request and one for a response above the limit of bytes.

    Parameters
    ----------
    taker : str
        Who has the limit: ``a SageMaker serverless endpoint``.
    limit : int or None
        [B]
    largest_in, largest_out : float
        [B]
    """
    if limit is None:
        return []
    return [
        f"{name} reaches {size_text(size)}, {taker} takes at most {size_text(limit)}"
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
        platform = info.data["platform"]
        raise ValueError(f'"{shown}" is not allowed on platform {platform}, must be at most {duration_text(most)}')
    return value


def _read_whole(value: Any) -> Any:
    if value == NONE:
        return value
    if isinstance(value, bool) or not isinstance(value, int):
        raise ValueError(f"{value!r} is not a whole number, or none")
    return value


def _tag(value: Any) -> str:
    return NONE if value == NONE else "given"


class RateLimit(BaseModel):
    """So many at once, and again so many in every period; what is not used is not saved up.

    Parameters
    ----------
    limit : int
        1 or more.
    per : float
        More than 0, and at least 1 ns for each of `limit`. [s]
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    limit: Annotated[int, Field(strict=True, ge=1)] = Field(description="At once, and again in every period.")
    per: Seconds = Field(default="1s", validate_default=True, description="The period.")

    @field_validator("per")
    @classmethod
    def _long_enough(cls, per: float, info: ValidationInfo) -> float:
        if to_ns(per) < info.data.get("limit", 1):
            raise ValueError(f'"{duration_text(per)}" is not allowed, must be at least 1ns for each of limit')
        return per

    def bucket(self) -> Bucket:
        """The bucket of tokens that both engines know; its interval is rounded to whole nanoseconds."""
        return Bucket(self.limit, round(to_ns(self.per) / self.limit))

    @property
    def words(self) -> str:
        """Like ``1000 in 10s``."""
        return f"{self.limit} in {duration_text(self.per)}"


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
    Annotated[DurationDistribution, Tag("given")] | Annotated[Literal["none"], Tag(NONE)],
    Discriminator(_tag),
]
#: A limit on how many in a period, or "none".
RateLimitOrNone = Annotated[
    Annotated[RateLimit, Tag("given")] | Annotated[Literal["none"], Tag(NONE)],
    Discriminator(_tag),
]
#: Names columns, folders and colours.
Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")]


def following(rule: Callable[[Mapping[str, Any]], Any]) -> BeforeValidator:
    """Makes a field whose default is None follow from the fields before it, of which any may be missing."""
    return BeforeValidator(lambda value, info: rule(info.data) if value is None else value)


def at_most(field: str) -> AfterValidator:
    """Keeps a number within the field of that name before it, which may be missing or "none"."""

    def check(value: int, info: ValidationInfo) -> int:
        most = info.data.get(field, NONE)
        if most != NONE and value > most:
            raise ValueError(f"{value} is not allowed, must be at most {field}, which is {most}")
        return value

    return AfterValidator(check)


def without_default(schema: dict[str, Any]) -> None:
    """Take the default out of a schema, which cannot say that it follows from another field."""
    schema.pop("default", None)


def limit_ns(limit: float | Literal["none"]) -> int:
    """A time limit in whole nanoseconds, `FOREVER` for none [ns]."""
    return FOREVER if limit == "none" else to_ns(limit)


def count_of(limit: int | Literal["none"]) -> int:
    """A limit on a number, `FOREVER` for none."""
    return FOREVER if limit == "none" else limit


def bucket_of(limit: RateLimit | Literal["none"]) -> Bucket | None:
    """The bucket of a rate limit, None for none."""
    return None if limit == "none" else limit.bucket()


def none_or_at_least(least: int, value: int | Literal["none"]) -> int | Literal["none"]:
    """The number, if it is large enough.

    Raises
    ------
    ValueError
        If it is less than `least`.
    """
    if value != "none" and value < least:
        raise ValueError(f"{value} is not allowed, must be at least {least}, or none")
    return value


#: Requests that may wait per instance, or "none".
QueueLimit = Annotated[CountOrNone, AfterValidator(partial(none_or_at_least, 0))]
