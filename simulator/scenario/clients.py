"""What clients do when they are turned away or have waited long enough (model.md 4.3)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationInfo, field_validator

from simulator.endpoints import Endpoint, OnDemand
from simulator.endpoints.platforms import NONE, DurationOrNone, TimeLimit, limit_ns
from simulator.engines.clients import Patience, Retries
from simulator.engines.pool import Pool
from simulator.units import Seconds, duration_text, to_ns

if TYPE_CHECKING:
    from simulator.scenario.places import KeyPath

#: The standard mode of AWS's SDKs: 3 attempts in all, the delay doubles from 1 s to 20 s and is multiplied by a
#: uniform draw (botocore 1.43, retries/standard.py).
DEFAULT_ATTEMPTS: Final = 3
DEFAULT_BASE: Final = "1s"
DEFAULT_CAP: Final = "20s"
DEFAULT_MULTIPLIER: Final = 2.0

_COVERS: Final[dict[str, Patience]] = {"waiting": Patience.WAITING, "response": Patience.RESPONSE}


class RetriesBlock(BaseModel):
    """How often, and how much later, a client tries again.

    Parameters
    ----------
    attempts : int
        Of a request, in all. 2 or more.
    base, cap : float
        Delay after the first attempt, more than 0, and the greatest delay, at least the base or "none". [s]
    multiplier : float
        Of the delay, from each attempt to the next. 1 or more.
    jitter : bool
        Whether a uniform draw in [0, 1) multiplies the delay.
    after_timeout : bool
        Whether a request that timed out is tried again too; one that was throttled is, one that expired is not.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    attempts: Annotated[int, Field(strict=True, ge=2)] = Field(DEFAULT_ATTEMPTS, description="Of a request, in all.")
    base: Seconds = Field(default=DEFAULT_BASE, validate_default=True, description="Delay after the first attempt.")
    cap: TimeLimit = Field(default=DEFAULT_CAP, validate_default=True, description="Greatest delay.")
    multiplier: Annotated[float, Field(strict=True, ge=1.0, allow_inf_nan=False)] = Field(
        DEFAULT_MULTIPLIER, description="Of the delay, from each attempt to the next."
    )
    jitter: Annotated[bool, Field(strict=True)] = Field(
        True, description="Whether a random share of the delay is taken."
    )
    after_timeout: Annotated[bool, Field(strict=True)] = Field(
        False, description="Whether a request that timed out is tried again too."
    )

    @field_validator("base")
    @classmethod
    def _some_time(cls, value: float) -> float:
        if value <= 0:
            raise ValueError('"0s" is not allowed, must be more than 0')
        return value

    @field_validator("cap")
    @classmethod
    def _at_least_the_base(cls, value: float | Literal["none"], info: ValidationInfo) -> float | Literal["none"]:
        base = info.data.get("base", 0.0)
        if value != "none" and value < base:
            most, least = duration_text(value), duration_text(base)
            raise ValueError(f'"{most}" is not allowed, must be at least base, which is {least}, or none')
        return value

    def retries(self) -> Retries:
        """What both engines know of it."""
        return Retries(
            attempts=self.attempts,
            base_ns=to_ns(self.base),
            cap_ns=limit_ns(self.cap),
            multiplier=self.multiplier,
            jitter=self.jitter,
            after_timeout=self.after_timeout,
        )


class Clients(BaseModel):
    """What the clients of all endpoints do.

    Parameters
    ----------
    retries : RetriesBlock or None
        None: every request is made once.
    patience : duration distribution or "none"
        How long a client waits in each attempt. [s]
    patience_covers : {"waiting", "response"}
        Whether it is over once a place takes the request, or runs until the response.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    retries: RetriesBlock | None = Field(None, description="How often, and how much later, a client tries again.")
    patience: DurationOrNone = Field(default=NONE, description="How long a client waits in each attempt.")
    patience_covers: Literal["waiting", "response"] = Field(
        "waiting", description="Whether patience is over once a place takes the request, or runs until the response."
    )

    def joined(self, pool: Pool) -> Pool:
        """The pool of an endpoint with these clients."""
        retries = None if self.retries is None else self.retries.retries()
        covers = pool.patience if self.patience == NONE else _COVERS[self.patience_covers]
        return replace(pool, retries=retries, patience=covers)

    def problems(self, endpoint: Endpoint, where: KeyPath) -> Iterator[tuple[KeyPath, str]]:
        """What does not go with an endpoint: one limit covers waiting alone, another the response."""
        if not isinstance(endpoint, OnDemand) or self.patience == NONE or self.patience_covers == "waiting":
            return
        if endpoint.patience_covers is Patience.WAITING:
            yield (
                (*where, "patience"),
                f"{duration_text(endpoint.patience_ns / 1e9)} of waiting is not simulated beside clients.patience that "
                "covers the response; give patience: none here, or clients.patience_covers: waiting",
            )
