"""A scenario: traffic, the model to serve, the endpoints that could serve it, objectives, and how to run."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, Final, Literal, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ModelWrapValidatorHandler,
    PlainSerializer,
    PrivateAttr,
    ValidationInfo,
    WithJsonSchema,
    model_validator,
)
from pydantic_core import PydanticCustomError

from simulator.distributions import Distribution, DurationDistribution, SizeDistribution, TokenDistribution, TokenPairs
from simulator.distributions.tokens import Pairs
from simulator.endpoints import Endpoint, OnDemand, RunLength
from simulator.engines.clients import Population
from simulator.engines.pool import Pool
from simulator.errors import InputError, ScenarioError, SimulatorError
from simulator.prices import DEFAULT_SHEET, PriceSheet, load_sheet
from simulator.scenario.assumptions import Assumption
from simulator.scenario.checks import problems_between_fields
from simulator.scenario.clients import Clients
from simulator.scenario.composed_month import ComposedMonth
from simulator.scenario.finding import TAKEN_OUT, holds_assumptions
from simulator.scenario.fleet import FleetBlock, ModelTable
from simulator.scenario.places import KeyPath
from simulator.scenario.plan import PlanBlock
from simulator.scenario.precision import Precision
from simulator.scenario.stress import StressBlock
from simulator.scenario.uncertain import Uncertain
from simulator.scenario.wording import BETWEEN_FIELDS, nearest
from simulator.traffic import Arrivals, Clock, Closed, Traffic
from simulator.units import HOURS_PER_MONTH, Seconds, Share, to_ns

DEFAULT_SEED: Final = 20261125
DEFAULT_REPLICATIONS: Final = 20
USUAL_MONTH: Final = f"{HOURS_PER_MONTH:g}h"
#: A Monday, so that weekly profiles begin at their beginning (model.md 1).
DEFAULT_START: Final = "2026-11-23T00:00:00+00:00"


def _read_instant(value: Any) -> datetime:
    try:
        instant = value if isinstance(value, datetime) else datetime.fromisoformat(value)
    except (TypeError, ValueError):
        raise ValueError(
            f"{value!r} is not a date and time; write it with its zone, for example {DEFAULT_START}"
        ) from None
    if instant.utcoffset() is None:
        raise ValueError(f"{value!r} has no zone; write it with its zone, for example {DEFAULT_START}")
    return instant


Instant = Annotated[
    datetime,
    BeforeValidator(_read_instant),
    PlainSerializer(datetime.isoformat),
    WithJsonSchema({"type": "string", "format": "date-time", "examples": [DEFAULT_START]}),
]


def _readable_objective(text: str) -> str:
    from simulator.measures.objectives import parse_objective

    parse_objective(text)
    return text


def _replications_by_default(given: dict[str, Any]) -> int:
    """As many as a precision allows; `DEFAULT_REPLICATIONS` where none is asked for."""
    precision = given.get("precision")
    return DEFAULT_REPLICATIONS if precision is None else precision.max_replications


def _month_by_default(given: dict[str, Any]) -> Any:
    """As long as the days of a composed month; `USUAL_MONTH` where none is composed."""
    composed = given.get("composed_month")
    return USUAL_MONTH if composed is None else f"{composed.days}d"


def _one_sheet(value: Any) -> Any:
    if isinstance(value, list) and all(isinstance(one, str) for one in value):
        raise ValueError(f"is a list; several sheets stand under base, {{base: [{', '.join(value)}]}}")
    return value


ObjectiveText = Annotated[str, AfterValidator(_readable_objective)]
WholeNumber = Annotated[int, Field(strict=True)]


class ServedModel(BaseModel):
    """The model that every endpoint serves.

    Parameters
    ----------
    service_time : duration distribution or None
        Time an instance works on a request. None: each endpoint gives its own. [s]
    startup_time : duration distribution or None
        Launch of an instance until it can serve. None: each serverless endpoint gives its own. [s]
    payload_in, payload_out : size distribution
        Request and response size. [B]
    tokens_in, tokens_out : token distribution or None
        Tokens of a request, and of its response unless that ends before. For endpoints priced by the token.
    tokens : TokenPairs or None
        In place of both: measured together. None of the three: the traffic's recording has them.
    tokens_scale : float or None
        Every number of tokens times this, from wherever it comes, to the nearest whole one. More than 0, at most 10⁶.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    service_time: DurationDistribution | None = Field(
        None, description="Time that an instance works on a request. An endpoint may give its own."
    )
    startup_time: DurationDistribution | None = Field(
        None, description="Launch of an instance until it can serve. An endpoint may give its own."
    )
    payload_in: SizeDistribution = Field(default="0B", validate_default=True, description="Size of a request.")
    payload_out: SizeDistribution = Field(default="0B", validate_default=True, description="Size of a response.")
    tokens_in: TokenDistribution | None = Field(None, description="Tokens of a request, for endpoints that count them.")
    tokens_out: TokenDistribution | None = Field(None, description="Tokens of a response, if nothing ends it before.")
    tokens: TokenPairs | None = Field(None, description="Tokens in and out that were measured together, from a file.")
    tokens_scale: Annotated[float, Field(strict=True, gt=0.0, le=1e6, allow_inf_nan=False)] | None = Field(
        None, description="Every number of tokens times this, from wherever it comes."
    )


class Scenario(BaseModel):
    """One question: this traffic, this model, these endpoints.

    Made from a file by `load_scenario`, or from a dict of the same shape by `model_validate`; the fields are
    those of the published schema. Durations are seconds, rates 1/s, sizes bytes, shares numbers from 0 to 1.
    Where `precision` is given, `replications` is the most that it allows. Where values are uncertain (`assumed`), the
    fields hold their middle values, and `realised` gives those of a replication.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", ignored_types=(cached_property,))

    schema_version: Literal[1] = Field(1, description="Version of this file format.")
    name: str = Field(
        pattern=r"^[A-Za-z][A-Za-z0-9._-]*$",
        description="Names the results folder: letters, digits, dot, dash, underscore.",
    )
    description: str = Field("", description="The question that the scenario asks.")
    prices: Annotated[str | dict[str, Any], BeforeValidator(_one_sheet)] = Field(
        DEFAULT_SHEET, description="A bundled price sheet, the path of a file, or a sheet written here."
    )
    horizon: Annotated[Seconds, Field(gt=0)] = Field(description="Simulated time of one replication.")
    precision: Precision | None = Field(
        None, description="How narrow an interval must be, in place of a number of replications."
    )
    replications: Annotated[WholeNumber, Field(ge=1)] = Field(
        default_factory=_replications_by_default,
        description="Realisations of the traffic.",
        json_schema_extra={"default": DEFAULT_REPLICATIONS},
    )
    seed: Annotated[WholeNumber, Field(ge=0)] = Field(DEFAULT_SEED, description="Root of all random numbers.")
    confidence: Annotated[Share, Field(gt=0, lt=1)] = Field(
        default="95%", validate_default=True, description="Level of every interval."
    )
    starts_at: Instant = Field(
        default=DEFAULT_START, validate_default=True, description="Clock time and zone of the start of the run."
    )
    initial_transient: Seconds = Field(
        default="0s", validate_default=True, description="First part of a run, left out of every measure and of costs."
    )
    composed_month: ComposedMonth | None = Field(
        None, description="Replications are independent days, of which months are composed."
    )
    month: Annotated[Seconds, Field(gt=0)] = Field(
        default_factory=_month_by_default,
        validate_default=True,
        description='Length of the month of "per month" figures; that of composed_month where it is given.',
        json_schema_extra={"default": USUAL_MONTH},
    )
    free_tier: Annotated[bool, Field(strict=True)] = Field(
        False, description="Whether the free tier of the price sheet still applies."
    )
    traffic: Traffic
    model: ServedModel = Field(default_factory=ServedModel)
    clients: Clients | None = Field(None, description="What clients do that are turned away or have waited too long.")
    endpoints: Annotated[list[Endpoint], Field(min_length=1)] = Field(description="What could serve the model.")
    objectives: list[ObjectiveText] = Field(default_factory=list, description='For example "p99 < 800ms".')
    baseline: str = Field(
        default_factory=lambda given: given["endpoints"][0].name if given.get("endpoints") else "",
        description="Endpoint that the others are compared with; the first by default.",
    )
    stress: StressBlock | None = Field(None, description="What `endpointsim stress` puts it to; changes nothing else.")
    plan: PlanBlock | None = Field(None, description="What `endpointsim plan` chooses from; changes nothing else.")

    fleet: FleetBlock | None = Field(
        None, description="Models that share the traffic, for `endpointsim fleet`; changes nothing else."
    )

    _folder: Path = PrivateAttr(default_factory=Path.cwd)
    _price_sheet: PriceSheet = PrivateAttr()
    _uncertain: Uncertain | None = PrivateAttr(None)

    @model_validator(mode="wrap")
    @classmethod
    def _with_assumptions(cls, data: Any, handler: ModelWrapValidatorHandler[Self], info: ValidationInfo) -> Self:
        """Assumptions are taken out by the loader, which also checks their ends."""
        context = info.context or {}
        if TAKEN_OUT in context or not isinstance(data, dict) or not holds_assumptions(data):
            return handler(data)
        from simulator.scenario.loading import load_scenario
        from simulator.scenario.overrides import parse_path

        try:
            loaded = load_scenario(data, folder=context.get("folder"))
        except ScenarioError as error:
            problems = [(parse_path(one.path) if one.path else (), one.message) for one in error.problems]
            raise between_fields(problems) from error
        assert isinstance(loaded, cls)
        return loaded

    @model_validator(mode="after")
    def _check_between_fields(self, info: ValidationInfo) -> Self:
        folder = Path((info.context or {}).get("folder") or Path.cwd())
        problems: list[tuple[KeyPath, str]] = []
        sheet: PriceSheet | None = (info.context or {}).get("sheet")
        try:
            sheet = sheet or load_sheet(self.prices, folder)
        except ScenarioError as error:
            problems += [(("prices",), problem.text(None)) for problem in error.problems]
        except (SimulatorError, ValueError) as error:
            problems.append((("prices",), str(error)))
        problems += problems_between_fields(self, sheet)
        if self.fleet is not None:
            problems += self.fleet.problems(self, folder)
        if problems or sheet is None:
            raise between_fields(problems)
        self._folder = folder
        self._price_sheet = sheet
        return self

    @cached_property
    def clock(self) -> Clock:
        """Clock time of time 0, for daily patterns."""
        return Clock(starts_at=self.starts_at)

    @property
    def price_sheet(self) -> PriceSheet:
        """The sheet that `prices` names, read when the scenario was."""
        return self._price_sheet

    @property
    def folder(self) -> Path:
        """The folder against which the scenario's file names are resolved."""
        return self._folder

    def endpoint(self, name: str) -> Endpoint:
        """The endpoint of that name.

        Raises
        ------
        InputError
            If there is none.
        """
        for endpoint in self.endpoints:
            if endpoint.name == name:
                return endpoint
        raise InputError(
            f"scenario {self.name!r} has no endpoint {name!r}, {nearest(name, [e.name for e in self.endpoints])}"
        )

    def service_time(self, endpoint: Endpoint) -> DurationDistribution:
        """Service time on an endpoint: its own if it gives one, else the model's."""
        own = endpoint.service_time if endpoint.service_time is not None else self.model.service_time
        assert own is not None, "checked when the scenario was read"
        return own

    def startup_time(self, endpoint: Endpoint) -> DurationDistribution | None:
        """Startup time on an endpoint: its own if it gives one, else the model's; None where nothing is launched."""
        if not isinstance(endpoint, OnDemand):
            return None
        own = endpoint.startup_time if endpoint.startup_time is not None else self.model.startup_time
        assert own is not None, "checked when the scenario was read"
        return own

    def token_source(self) -> tuple[TokenDistribution, TokenDistribution] | Pairs | Literal["traffic"] | None:
        """Where tokens come from: two distributions, pairs to draw from, or each request of the traffic has its own.

        Of traffic that mixes or moves the requests of a recording their pairs are drawn from; None: from nowhere.
        """
        model = self.model
        if model.tokens_in is not None and model.tokens_out is not None:
            return model.tokens_in, model.tokens_out
        if model.tokens is not None:
            return model.tokens.pairs
        return "traffic" if self.traffic.tokens is not None else _pairs_inside(self.traffic)

    @property
    def run_length(self) -> RunLength:
        """Horizon and clock, as far as pools depend on them."""
        return RunLength(to_ns(self.horizon), self.clock.week_s)

    def pool(self, endpoint: Endpoint) -> Pool:
        """The pool that both engines simulate for an endpoint: its own, over this horizon, with these clients."""
        own = endpoint.pool(self.run_length)
        if isinstance(self.traffic, Closed):
            own = replace(own, population=Population(to_ns(self.horizon), to_ns(endpoint.overhead)))
        return own if self.clients is None else self.clients.joined(own)

    def notes(self) -> list[str]:
        """What a reader of the results must know about what went in; one sentence each."""
        from simulator.scenario.remarks import remarks_on

        return remarks_on(self)

    @property
    def assumed(self) -> tuple[Assumption, ...]:
        """What is uncertain in it: traffic, model, endpoints, prices, clients, and by name in each."""
        return self._uncertain.assumptions if self._uncertain is not None else ()

    def assumptions(self) -> dict[str, list[str]]:
        """Endpoint → what is assumed where nothing is published, but for what is uncertain."""
        uncertain = {(one.path[1], str(one.path[2])) for one in self.assumed if one.path[0] == "endpoints"}
        return {
            endpoint.name: [
                text for text in endpoint.assumptions() if (position, text.partition(" ")[0]) not in uncertain
            ]
            for position, endpoint in enumerate(self.endpoints)
        }

    def drawn(self, replication: int) -> dict[str, Any]:
        """The values of its assumptions in one replication, by their names, as a file would hold them.

        Raises
        ------
        InputError
            If the study has no such replication.
        """
        if self._uncertain is None:
            return {}
        values = self._uncertain.values(self.seed, self.replications, replication)
        return {one.name: values[one.path] for one in self.assumed}

    def realised(self, replication: int) -> Scenario:
        """The scenario of one replication: the values of its assumptions drawn, by a Latin hypercube over the study.

        They depend on seed and number of replications alone. Without assumptions it is the scenario itself; where
        months are composed of days, its traffic is that of one day.

        Raises
        ------
        InputError
            If the study has no such replication, or what is uncertain was changed after the scenario was read.
        ScenarioError
            If values that were drawn together do not go together.
        """
        scenario = self if self._uncertain is None else self._uncertain.realised(self, replication)
        if scenario.composed_month is None:
            return scenario
        factor = scenario.composed_month.factor(self.seed, replication)
        traffic = scenario.traffic if factor == 1.0 else scenario.traffic.scaled(factor)
        return scenario.with_parts({"traffic": traffic, "composed_month": None}, scenario.price_sheet)

    def with_values(self, values: Mapping[str, Any]) -> Scenario:
        """The scenario with values for assumptions by their names, middle ones for the others, and nothing uncertain.

        Parameters
        ----------
        values : mapping of str to anything
            As a file would hold them; `Assumption.quantile` gives such values.

        Raises
        ------
        InputError
            If there is no such assumption.
        ScenarioError
            If the values do not go together.
        """
        if self._uncertain is None and not values:
            return self
        known = {one.name: one.path for one in self.assumed}
        unknown = [name for name in values if name not in known]
        if unknown or self._uncertain is None:
            raise InputError(f"no assumption {unknown[0]!r}, {nearest(unknown[0], known)}")
        return self._uncertain.at(self, {known[name]: value for name, value in values.items()})

    def with_parts(self, parts: Mapping[str, Any], sheet: PriceSheet) -> Scenario:
        """A copy with other parts and prices, which have been checked together, and without assumptions."""
        copy = self.model_copy(update=dict(parts))
        copy._price_sheet = sheet
        copy._uncertain = None
        return copy

    def with_replications(self, number: int) -> Scenario:
        """The same with a fixed number of replications, in place of a precision if it asks for one."""
        return self.model_copy(update={"replications": number, "precision": None})

    def resolved(self) -> dict[str, Any]:
        """The scenario with every default filled in, ready for JSON; read in the same folder it gives an equal one."""
        # Where a precision is asked for, `replications` repeats its most; a file must not give both.
        repeated = {"replications"} if self.precision is not None else None
        facts = self.model_dump(mode="json", exclude_none=True, exclude=repeated)
        return facts if self._uncertain is None else self._uncertain.as_written(facts)

    def read_digests(self) -> list[str]:
        """SHA-256 of each data file that it has read, and of its price sheet."""
        return [*_file_digests(self), self._price_sheet.digest]

    def digest(self) -> str:
        """SHA-256 of all that the scenario says: itself, its data files and its price sheet."""
        others = () if self._uncertain is None else self._uncertain.digests
        parts = [json.dumps(self.resolved(), sort_keys=True), *self.read_digests(), *others]
        return hashlib.sha256("\n".join(parts).encode()).hexdigest()

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Scenario) and self.digest() == other.digest()

    def __hash__(self) -> int:
        return hash(self.digest())


def between_fields(problems: list[tuple[KeyPath, str]]) -> PydanticCustomError:
    """The error of a scenario whose fields are right one by one; each problem has its own path."""
    text = "; ".join(message for _, message in problems)
    return PydanticCustomError(BETWEEN_FIELDS, "{text}", {"text": text, "problems": problems})


def _pairs_inside(traffic: Arrivals) -> Pairs | None:
    """Pairs of the first recording with tokens that traffic is made of, in order; None if there is none."""
    if traffic.tokens is not None:
        return traffic.tokens.ordered()
    return next((found for one in traffic.inside if (found := _pairs_inside(one)) is not None), None)


def _file_digests(part: object) -> list[str]:
    """Digests of the data files read by a model and everything in it, in the order of its fields."""
    if isinstance(part, list | tuple):
        return [digest for entry in part for digest in _file_digests(entry)]
    if not isinstance(part, BaseModel):
        return []
    if isinstance(part, Arrivals | Distribution | ModelTable | TokenPairs):
        return [part.digest] if part.digest is not None else []
    return [digest for name in type(part).model_fields for digest in _file_digests(getattr(part, name))]
