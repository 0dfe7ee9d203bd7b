"""How narrow an interval must be: replications are added until it is, in place of a number of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Final, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationInfo,
    WithJsonSchema,
    field_validator,
    model_validator,
)

from simulator.endpoints import BatchTransform, Endpoint, ManagedApi, MultiModel, OnDemand
from simulator.endpoints.on_instances import OnInstances
from simulator.units import Share

if TYPE_CHECKING:
    from simulator.scenario.model import Scenario

#: Replications at which the interval is looked at first. Assumption of the rule in `simulator.study.precision`: fewer
#: make a spread that is too small by chance likely, and with it an interval that is taken for narrow.
FIRST_LOOK: Final = 20
#: What endpoints that launch no instances have none of.
OF_SERVERLESS: Final = frozenset(
    {"cold_starts", "cold_start_fraction", "cold_start_penalty", "failed_launches", "spillover"}
)
#: What there is no number of but of jobs, of tokens, or of instances.
_OF_JOBS: Final = frozenset({"jobs", "job_length", "job_length_max", "late_fraction"})
_OF_TOKENS: Final = frozenset(
    {"tokens_per_minute", "tokens_per_minute_max", "tokens_reserved_per_minute", "quota_used", "cut_off_fraction"}
)
_OF_INSTANCES: Final = frozenset({"utilization"})


def _measure_name(text: str) -> str:
    from simulator.measures.catalogue import find

    return find(text).name


def _as_text(value: Any) -> Any:
    """A plain number, as counts are written, as text; text as it is."""
    return f"{value:.15g}" if isinstance(value, int | float) and not isinstance(value, bool) else value


class Precision(BaseModel):
    """The measure whose interval must be narrow enough, and how narrow.

    Parameters
    ----------
    measure : str
        By its name in the catalogue: ``p99``, ``monthly_cost``.
    endpoint : str or None
        Of which endpoint; None: of every one.
    difference : bool
        Whether the interval is that of the difference from the baseline, paired over replications.
    relative : float or None
        Largest error as a share of the true value, above 0.
    absolute : str or None
        Largest error in the measure's unit, as limits of objectives are written: ``5ms``, ``10USD``, ``0.1%``.
    max_replications : int
        Where to stop if it is not narrow enough by then.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    measure: Annotated[str, AfterValidator(_measure_name)] = Field(
        description='Whose interval: "p99", "monthly_cost".', examples=["p99", "monthly_cost"]
    )
    endpoint: str | None = Field(None, description="Of which endpoint; every one if it is not given.")
    difference: Annotated[bool, Field(strict=True)] = Field(
        False, description="Whether the interval is that of the paired difference from the baseline."
    )
    relative: Annotated[Share, Field(gt=0)] | None = Field(
        None, description="Largest error as a share of the value. This or absolute."
    )
    absolute: (
        Annotated[
            str,
            BeforeValidator(_as_text),
            WithJsonSchema({"type": ["string", "number"], "examples": ["5ms", "10USD", "0.1%", 100]}),
        ]
        | None
    ) = Field(None, description="Largest error in the unit of the measure. This or relative.")
    max_replications: Annotated[int, Field(strict=True)] = Field(
        description=f"Where to stop if the interval is not narrow enough by then; at least {FIRST_LOOK}.",
        json_schema_extra={"minimum": FIRST_LOOK},
    )

    @field_validator("relative")
    @classmethod
    def _no_relative_difference(cls, relative: float | None, info: ValidationInfo) -> float | None:
        if relative is not None and info.data.get("difference"):
            raise ValueError("a difference may be 0, and no error is a share of 0; give absolute instead")
        return relative

    @field_validator("absolute")
    @classmethod
    def _readable_absolute(cls, absolute: str | None, info: ValidationInfo) -> str | None:
        if absolute is not None and "measure" in info.data and _in_unit(info.data["measure"], absolute) <= 0:
            raise ValueError(f"{absolute!r} is not allowed, must be more than 0")
        return absolute

    @field_validator("max_replications")
    @classmethod
    def _enough_replications(cls, most: int) -> int:
        if most < FIRST_LOOK:
            raise ValueError(
                f"{most} is not allowed, must be at least {FIRST_LOOK}: from fewer replications nobody can tell how "
                "wide the interval is"
            )
        return most

    @model_validator(mode="after")
    def _one_target(self) -> Self:
        if (self.relative is None) == (self.absolute is None):
            which = "neither of them" if self.relative is None else "both"
            raise ValueError(f"give relative or absolute, here is {which}")
        return self

    @property
    def absolute_in_unit(self) -> float | None:
        """Largest error in the unit of the measure; None where a relative one is asked for."""
        return None if self.absolute is None else _in_unit(self.measure, self.absolute)

    def endpoints(self, scenario: Scenario) -> list[str]:
        """Names of the endpoints whose intervals must be narrow enough.

        Without the baseline where differences from it are asked for, and without those that cannot have what is
        measured: an endpoint on instances has no cold starts, and would never show that it has none.
        """
        having = {endpoint.name: _has(endpoint, self.measure) for endpoint in scenario.endpoints}
        names = [self.endpoint] if self.endpoint is not None else list(having)
        if self.difference:
            names = [name for name in names if name != scenario.baseline]
            if self.measure in OF_SERVERLESS and having[scenario.baseline]:
                return names  # those without have 0 of it, which differs from that of the baseline
            if self.measure not in OF_SERVERLESS and not having[scenario.baseline]:
                return []
        return [name for name in names if having[name]]

    @property
    def of_whom(self) -> str:
        """Which endpoints have what is measured, in words."""
        return next(words for measures, words, _ in _OF_KINDS if self.measure in measures)


#: Measures, the endpoints that alone have them, and what these are.
_OF_KINDS: Final[tuple[tuple[frozenset[str], str, tuple[type[Any], ...]], ...]] = (
    (OF_SERVERLESS, "on-demand endpoints", (OnDemand, MultiModel)),
    (_OF_JOBS, "batch transform endpoints", (BatchTransform,)),
    (_OF_TOKENS, "managed APIs", (ManagedApi,)),
    (_OF_INSTANCES, "endpoints with instances of their own", (OnDemand, OnInstances, BatchTransform)),
)


def _has(endpoint: Endpoint, measure: str) -> bool:
    return all(isinstance(endpoint, kinds) for measures, _, kinds in _OF_KINDS if measure in measures)


def _in_unit(name: str, text: str) -> float:
    """An amount of a measure in its unit."""
    from simulator.measures.catalogue import Kind, find
    from simulator.measures.objectives import parse_limit

    measure = find(name)
    try:
        amount = parse_limit(measure, text)
    except ValueError as error:
        raise ValueError(f"error of {name}: {error}") from None
    return amount * 1e3 if measure.kind is Kind.DURATION and measure.unit == "ms" else amount
