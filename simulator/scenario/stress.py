"""What `stress` puts a scenario to: which stresses, how severe; and the sets of stresses that come with the package."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Annotated, Any, Final, Literal, Self, get_args

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from simulator.scenario.places import read_yaml
from simulator.traffic.bursty import Length, check_bursts
from simulator.units import Seconds, Share

#: Sets in `simulator/data/stress-sets.yaml`.
SetName = Literal["usual", "launch-day", "cold-starts", "upstream-outage"]
DEFAULT_SET: Final[SetName] = "usual"
#: Every kind of stress, in the order of reports.
KINDS: Final = (
    *("burst", "growth", "flash_crowd", "service", "cold_start", "idle_timeout", "outage"),
    *("cold_at_peak", "tokens", "quota"),
)
#: Assumption: bursts of a minute, in all a tenth of the time; a crowd that stays for a quarter of an hour; callers that
#: had to wait come back within a minute.
BURST_SHARE: Final = 0.1
BURST_LENGTH_S: Final = 60.0
FLASH_CROWD_LENGTH_S: Final = 900.0
OUTAGE_RELEASE_S: Final = 60.0
#: Severities of one stress.
_MOST: Final = 20

_Factor = Annotated[float, Field(strict=True, ge=1.0, le=1e4, allow_inf_nan=False)]
_Part = Annotated[float, Field(strict=True, gt=0.0, le=1.0, allow_inf_nan=False)]
_Size = Annotated[float, Field(strict=True, ge=0.0, le=1e6, allow_inf_nan=False)]


def _not_too_many(severities: tuple[float, ...]) -> tuple[float, ...]:
    # Not by limits of the field: of a list in which entries are wrong they would count the others.
    if not 1 <= len(severities) <= _MOST:
        raise ValueError(f"has {len(severities)} entries, must have 1 to {_MOST}")
    return severities


_Listed = (AfterValidator(_not_too_many), Field(json_schema_extra={"minItems": 1, "maxItems": _MOST}))
_Factors = Annotated[tuple[_Factor, ...], *_Listed]
_Parts = Annotated[tuple[_Part, ...], *_Listed]
_Sizes = Annotated[tuple[_Size, ...], *_Listed]
_Lengths = Annotated[tuple[Length, ...], *_Listed]


class Stresses(BaseModel):
    """Stresses, each alone, at severities in any order; one that says nothing is `DEFAULT_SET`.

    What has no value here is as in the set that `set_of` names.

    Parameters
    ----------
    set_of : str or None
        A set that comes with the package.
    burst : tuple of float or None
        Rate in bursts over the mean rate, 1 or more; the mean rate stays.
    burst_share, burst_length : share and duration or None
        Share of the time in bursts and their mean length, by default `BURST_SHARE` and `BURST_LENGTH_S`. [s]
    growth : tuple of float or None
        Factors on the traffic, 1 or more.
    flash_crowd : tuple of float or None
        Requests on top, as multiples of the mean rate, 0 or more.
    flash_crowd_length : duration or None
        How long they come, by default `FLASH_CROWD_LENGTH_S`. [s]
    service, cold_start : tuple of float or None
        Factors on service and startup times, 1 or more.
    idle_timeout : tuple of float or None
        Factors on the idle timeout, more than 0 and at most 1.
    outage : tuple of duration or None
        Lengths of an outage before the endpoint, more than 0. [s]
    outage_release : duration or None
        In which time what was held back comes afterwards, by default `OUTAGE_RELEASE_S`. [s]
    cold_at_peak : bool or None
        Whether everything is also deployed cold at the peak.
    tokens : tuple of float or None
        Factors on the tokens of requests and responses, 1 or more.
    quota : tuple of float or None
        Factors on the quota of managed APIs, more than 0 and at most 1.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    set_of: SetName | None = Field(None, description="A set that comes with the package; other keys replace its own.")
    burst: _Factors | None = Field(None, description="Rate in bursts over the mean rate, which stays as it is.")
    burst_share: Share | None = Field(None, description="Share of the time in bursts; 10% if it is not given.")
    burst_length: Length | None = Field(None, description="Mean length of a burst; 60s if it is not given.")
    growth: _Factors | None = Field(None, description="Factors on the traffic.")
    flash_crowd: _Sizes | None = Field(
        None, description="Requests on top at the busiest time, as multiples of the mean rate."
    )
    flash_crowd_length: Length | None = Field(None, description="How long they come; 15m if it is not given.")
    service: _Factors | None = Field(None, description="Factors on service times.")
    cold_start: _Factors | None = Field(None, description="Factors on startup times.")
    idle_timeout: _Parts | None = Field(None, description="Factors on the idle timeout, at most 1.")
    outage: _Lengths | None = Field(
        None, description="Lengths of an outage before the endpoint that ends at the busiest time."
    )
    outage_release: Seconds | None = Field(
        None, description="In which time what was held back comes after an outage; 60s if it is not given."
    )
    cold_at_peak: Annotated[bool, Field(strict=True)] | None = Field(
        None, description="Whether everything is also deployed cold at the peak."
    )
    tokens: _Factors | None = Field(None, description="Factors on the tokens of requests and responses.")
    quota: _Parts | None = Field(None, description="Factors on the quota of managed APIs, at most 1.")

    @model_validator(mode="after")
    def _possible(self) -> Self:
        whole = self.whole
        for factor in whole.burst or ():
            try:
                check_bursts(factor, BURST_SHARE if whole.burst_share is None else whole.burst_share)
            except ValueError as error:
                raise ValueError(f"burst {factor:g}: {error}") from None
        return self

    @property
    def whole(self) -> Stresses:
        """The same with what the named set says filled in, and no set named."""
        given = {name: value for name in type(self).model_fields if (value := getattr(self, name)) is not None}
        name = given.pop("set_of", None if any(kind in given for kind in KINDS) else DEFAULT_SET)
        if name is None:
            return self
        of_set = shipped_sets()[name].stresses
        filled = {field: value for field in type(self).model_fields if (value := getattr(of_set, field)) is not None}
        return self.model_copy(update={**filled, **given, "set_of": None})


@dataclass(frozen=True)
class NamedSet:
    """A set of stresses that comes with the package.

    Parameters
    ----------
    description : str
        What it asks.
    stresses : Stresses
    """

    description: str
    stresses: Stresses


@cache
def shipped_sets() -> dict[str, NamedSet]:
    """Name → set, in the order of the file."""
    text = files("simulator").joinpath("data/stress-sets.yaml").read_text(encoding="utf-8")
    found = {}
    for name, given in read_yaml(text).data.items():
        severities = {key: value for key, value in given.items() if key != "description"}
        found[name] = NamedSet(given["description"], Stresses.model_validate(severities))
    assert tuple(found) == get_args(SetName), "the schema names the sets of the file"
    return found


def _as_mapping(value: Any) -> Any:
    """The name of a set alone is short for a block that names it."""
    return {"set_of": value} if isinstance(value, str) else value


#: The field of a scenario: a block, or the name of a set.
StressBlock = Annotated[Stresses, BeforeValidator(_as_mapping, json_schema_input_type=SetName | Stresses)]
