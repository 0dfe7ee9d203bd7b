"""A managed API that is priced by the token: on demand within a quota, or with throughput that is paid by the hour."""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationInfo, field_validator

from simulator.distributions import DurationDistribution
from simulator.distributions.tokens import MOST_TOKENS
from simulator.endpoints.platforms import NONE, CountOrNone, Name, TimeLimit, count_of, limit_ns
from simulator.endpoints.run_length import RunLength
from simulator.engines.pool import Pool, Routing, TimeoutFrom
from simulator.engines.served_otherwise import Quota
from simulator.prices import items
from simulator.units import Seconds, duration_text

#: Quota that a token of the response takes: 1 for most models, 5 for Claude 3.7 and later (Amazon Bedrock, how tokens
#: are counted, as quoted by a third party).
DEFAULT_BURNDOWN: Final = 1
#: What is more is a slip of the pen. [s]
_SLOWEST_TOKEN: Final = 60.0
Commitment = Literal["none", "1_month", "6_months"]


def _possible(value: int | Literal["none"]) -> int | Literal["none"]:
    if value != NONE and not 1 <= int(value) <= MOST_TOKENS:
        raise ValueError(f"{value} is not allowed, must be 1 to {MOST_TOKENS:,}, or none")
    return value


def _not_too_slow(seconds: float) -> float:
    if seconds > _SLOWEST_TOKEN:
        raise ValueError(f'"{duration_text(seconds)}" is not allowed, must be at most {duration_text(_SLOWEST_TOKEN)}')
    return seconds


PerMinute = Annotated[CountOrNone, AfterValidator(_possible)]
_Positive = Annotated[int, Field(strict=True, ge=1, le=MOST_TOKENS)]


class ManagedApi(BaseModel):
    """A managed API priced by the token, as Amazon Bedrock (model.md 4.6).

    It serves at once whatever its quota lets through. A request takes the time to the first token, and
    `time_per_output_token` for each token of its response.

    Parameters
    ----------
    name : str
        Names columns and figures.
    model_id : str
        As in the price sheet: ``anthropic.claude-3-haiku``.
    model_units : int
        Of provisioned throughput; 0: on demand.
    commitment : {"none", "1_month", "6_months"}
        For which model units are paid.
    tokens_per_minute_per_unit : int or None
        What a model unit lets through, needed where there are any.
    requests_per_minute, tokens_per_minute : int or "none"
        Quota; on demand both have to be given. With model units that of tokens follows from them.
    max_tokens : int
        A response ends at it; so many tokens of the quota are reserved while a request is served.
    burndown : int
        Tokens of the quota that one token of a response takes. 1 or more.
    time_per_output_token : float
        At most a minute. [s]
    service_time : duration distribution or None
        Time to the first token, in place of the model's service time. [s]
    invocation_timeout : float or "none"
        From the start of service. [s]
    overhead : float
        Added to the latency of every completed request. [s]
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: Name = Field(description="Names columns, figures and the baseline.")
    kind: Literal["managed_api"] = "managed_api"
    model_id: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._:-]*$")] = Field(
        description="As in the price sheet, for example anthropic.claude-3-haiku."
    )
    model_units: Annotated[int, Field(strict=True, ge=0, le=1000)] = Field(
        0, description="Units of provisioned throughput, paid by the hour; 0 for on demand, paid by the token."
    )
    commitment: Commitment = Field("none", description="Time for which model units are paid at least.")
    tokens_per_minute_per_unit: _Positive | None = Field(
        None, validate_default=True, description="Tokens that a model unit lets through in a minute."
    )
    requests_per_minute: PerMinute | None = Field(
        default=None, validate_default=True, description="Quota of the account: requests; a number or none."
    )
    tokens_per_minute: PerMinute | None = Field(
        default=None,
        validate_default=True,
        description="Quota of the account: tokens; a number or none. Not with model units.",
    )
    max_tokens: _Positive = Field(
        description="A response ends at it; the quota has so many reserved while a request is served."
    )
    burndown: Annotated[int, Field(strict=True, ge=1, le=1000)] = Field(
        DEFAULT_BURNDOWN, description="Tokens of the quota that one token of a response takes; 5 for some models."
    )
    time_per_output_token: Annotated[Seconds, AfterValidator(_not_too_slow)] = Field(
        description="Each token of a response takes so long."
    )
    service_time: DurationDistribution | None = Field(
        None, description="Time to the first token, in place of the model's service time."
    )
    invocation_timeout: TimeLimit = Field(default=NONE, description="From the start of service.")
    overhead: Seconds = Field(
        default="0s", validate_default=True, description="Added to the latency of every completed request."
    )

    @field_validator("commitment")
    @classmethod
    def _of_units(cls, value: Commitment, info: ValidationInfo) -> Commitment:
        if value != NONE and not info.data.get("model_units", 1):
            raise ValueError(f"{value} is not allowed on demand: only model_units are committed to")
        return value

    @field_validator("tokens_per_minute_per_unit")
    @classmethod
    def _with_units(cls, value: int | None, info: ValidationInfo) -> int | None:
        units = info.data.get("model_units")
        if units and value is None:
            raise ValueError("missing: what a model unit lets through depends on the model; ask the provider")
        if units == 0 and value is not None:
            raise ValueError(f"{value} is not allowed without model_units")
        if units and value is not None and units * value > MOST_TOKENS:
            raise ValueError(
                f"{units} units of {value} are more than {MOST_TOKENS:,} tokens a minute, the most there is"
            )
        return value

    @field_validator("requests_per_minute", "tokens_per_minute")
    @classmethod
    def _is_told(cls, value: Any, info: ValidationInfo) -> Any:
        units = info.data.get("model_units")
        if units == 0 and value is None:
            raise ValueError(
                "missing: quotas are those of an account and a Region; give a number, or none for no quota"
            )
        if units and value is not None and info.field_name == "tokens_per_minute":
            raise ValueError(f"{value} is not allowed with model_units: they times tokens_per_minute_per_unit are it")
        return value

    @field_validator("max_tokens")
    @classmethod
    def _can_be_reserved(cls, value: int, info: ValidationInfo) -> int:
        units, of_unit = info.data.get("model_units"), info.data.get("tokens_per_minute_per_unit")
        quota = units * of_unit if units and of_unit else info.data.get("tokens_per_minute")
        if isinstance(quota, int) and value > quota:
            raise ValueError(f"{value} is more than the quota of {quota} tokens a minute: every request is throttled")
        return value

    @property
    def startup_time(self) -> None:
        """None: no request causes a launch."""
        return

    @property
    def quota(self) -> Quota:
        """What it lets through."""
        tokens = self.tokens_per_minute or "none"
        if self.model_units:
            tokens = self.model_units * (self.tokens_per_minute_per_unit or 1)
        return Quota(
            requests_per_minute=count_of(self.requests_per_minute or "none"),
            tokens_per_minute=count_of(tokens),
            max_tokens=self.max_tokens,
            burndown=self.burndown,
        )

    def pool(self, run: RunLength | None = None) -> Pool:
        """The pool that both engines simulate; it does not depend on the run."""
        return Pool(
            standing=1,
            launches=False,
            routing=Routing.CENTRAL_QUEUE,
            timeout_ns=limit_ns(self.invocation_timeout),
            timeout_from=TimeoutFrom.START,
            quota=self.quota,
        )

    def price_items(self) -> tuple[str, ...]:
        """Items of a price sheet that its bill needs."""
        if self.model_units:
            return (items.model_unit_item(self.model_id, self.commitment),)
        return items.tokens_in_item(self.model_id), items.tokens_out_item(self.model_id)

    def check_payload(self, largest_in: float, largest_out: float) -> list[str]:
        """None: what limits a request is its tokens."""
        return []

    def assumptions(self) -> list[str]:
        """What is assumed where nothing is published: the rules, and every such field that has its default value."""
        return [text for applies, text in self._assumed() if applies]

    def _assumed(self) -> list[tuple[bool, str]]:
        has_quota = self.quota.requests_per_minute != count_of("none") or self.quota.tokens_per_minute != count_of(
            "none"
        )
        return [
            (
                has_quota,
                "the quota flows in evenly and a minute of it can be used at once; how a provider counts minutes is "
                "not published",
            ),
            (
                has_quota,
                "tokens of a request and max_tokens are reserved while it is served, and settled at its end (quoted by "
                "a third party from Amazon Bedrock's documentation)",
            ),
            (
                self.burndown == DEFAULT_BURNDOWN,
                "burndown 1 (default): newer models take 5 and more tokens of the quota for one of a response",
            ),
            (
                bool(self.model_units),
                "a model unit lets through one number of tokens a minute, in and out together; providers give one for "
                "each, under agreements of their own",
            ),
            (
                self.commitment != NONE,
                "commitment: hours of the measured part are billed; the rest of the term is paid all the same",
            ),
            (
                True,
                "time to the first token and time per output token do not depend on the load or on the length of the "
                "request: an API's own queues are not published",
            ),
            (
                not self.model_units,
                "a request that times out is billed for all its tokens; caching of prompts, batch inference and tiers "
                "of service are left out",
            ),
            (
                self.invocation_timeout == NONE,
                "invocation_timeout none (default): clients wait for a response however long it takes",
            ),
            (
                self.overhead == 0,
                "overhead 0s (default): time outside the model is left out; it is tens of ms on AWS",
            ),
        ]
