"""What `plan` chooses from: candidates for fields of endpoints, what memory does to service times, how sure to be."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Final, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Discriminator,
    Field,
    Tag,
    WithJsonSchema,
    field_validator,
)

from simulator.scenario.places import KeyPath
from simulator.scenario.wording import nearest
from simulator.units import MemoryMB, Seconds, Share, parse_memory

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from simulator.endpoints import Endpoint

#: Fields of the block `autoscaling` of an endpoint that candidates may give as if they were the endpoint's own.
BOUNDS: Final = ("min_capacity", "max_capacity")
#: Fields of endpoints that candidates may give, by kind of endpoint.
VARIED: Final[dict[str, tuple[str, ...]]] = {
    "serverless": ("memory_size", "max_concurrency", "provisioned_concurrency", *BOUNDS),
    "real_time": ("instance_type", "initial_instance_count", "workers_per_instance", *BOUNDS),
    "asynchronous": (
        *("instance_type", "initial_instance_count", "max_concurrent_invocations_per_instance"),
        *BOUNDS,
    ),
    "batch_transform": ("instance_type", "instance_count", "max_concurrent_transforms"),
    "managed_api": ("model_id", "model_units", "requests_per_minute", "tokens_per_minute", "max_tokens"),
    "multi_model": ("instance_type", "initial_instance_count", "workers_per_instance"),
}
#: Candidates of one plan, before bounds leave any out. Assumption: more are a slip of the pen.
MOST_CANDIDATES: Final = 500
#: Replications that are needed to look at all (`questions.racing.FIRST_LOOK`).
LEAST_REPLICATIONS: Final = 20
DEFAULT_MOST_REPLICATIONS: Final = 400


def _as_list(value: Any) -> Any:
    """One value alone is a list of one; a text may be a range, ``1..8``, or several with commas between."""
    return value if isinstance(value, list | tuple) or value is None else (value,)


def _value(value: Any) -> Any:
    if isinstance(value, bool) or not isinstance(value, int | str) or value == "":
        raise ValueError(f"{value!r} is not a value; write a whole number, or text such as 2048MB or 1..8")
    return value


_Value = Annotated[Any, BeforeValidator(_value), WithJsonSchema({"type": ["integer", "string"]})]
Values = Annotated[tuple[_Value, ...], BeforeValidator(_as_list), Field(min_length=1)]
_ONE_OR_MORE: Final = WithJsonSchema(
    {
        "anyOf": [
            {"type": "integer"},
            {"type": "string"},
            {"type": "array", "items": {"type": ["integer", "string"]}, "minItems": 1},
        ]
    }
)
Varied = Annotated[Values, _ONE_OR_MORE]


class Candidates(BaseModel):
    """Candidates made from one endpoint: every combination of the values given for its fields.

    A field that is not given stays as the endpoint has it; if none is given, there are candidates by default.
    Each is a list of values, or a text with a list or range as ``--vary`` takes them: ``1..8``.

    Parameters
    ----------
    endpoint : str
        Name of an endpoint of the scenario.
    memory_size, max_concurrency, provisioned_concurrency : tuple or None
        For a serverless endpoint.
    instance_type, initial_instance_count, workers_per_instance : tuple or None
        For a real-time endpoint, or a multi-model one.
    max_concurrent_invocations_per_instance : tuple or None
        For an asynchronous endpoint, as are type and number of instances.
    instance_count, max_concurrent_transforms : tuple or None
        For batch transform, as is the type of instances.
    model_id, model_units, requests_per_minute, tokens_per_minute, max_tokens : tuple or None
        For a managed API.
    min_capacity, max_capacity : tuple or None
        For an endpoint with autoscaling, whose bounds they are.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    endpoint: str = Field(description="Name of the endpoint that they are made from.")
    memory_size: Varied | None = Field(None, description="Memory sizes of a serverless endpoint.")
    max_concurrency: Varied | None = Field(None, description="Concurrency limits of a serverless endpoint.")
    provisioned_concurrency: Varied | None = Field(None, description="Instances kept ready of a serverless endpoint.")
    instance_type: Varied | None = Field(None, description="Instance types of a real-time endpoint.")
    initial_instance_count: Varied | None = Field(None, description="Numbers of instances of a real-time endpoint.")
    workers_per_instance: Varied | None = Field(None, description="Workers of each instance of a real-time endpoint.")
    max_concurrent_invocations_per_instance: Varied | None = Field(
        None, description="Requests at once on an instance of an asynchronous endpoint."
    )
    instance_count: Varied | None = Field(None, description="Numbers of instances of a batch transform job.")
    max_concurrent_transforms: Varied | None = Field(
        None, description="Requests at once on an instance of a batch transform job."
    )
    model_id: Varied | None = Field(None, description="Models of a managed API.")
    model_units: Varied | None = Field(None, description="Model units of a managed API.")
    requests_per_minute: Varied | None = Field(None, description="Quotas of requests of a managed API.")
    tokens_per_minute: Varied | None = Field(None, description="Quotas of tokens of a managed API.")
    max_tokens: Varied | None = Field(None, description="Longest responses of a managed API.")
    min_capacity: Varied | None = Field(None, description="Least capacities of autoscaling.")
    max_capacity: Varied | None = Field(None, description="Greatest capacities of autoscaling.")

    @property
    def given(self) -> dict[str, tuple[int | str, ...]]:
        """Field → values, for those that are given."""
        names = dict.fromkeys(name for names in VARIED.values() for name in names)
        return {name: values for name in names if (values := getattr(self, name)) is not None}


class MeasuredByMemory(BaseModel):
    """Service times measured at several memory sizes.

    Parameters
    ----------
    file : str
        CSV with the columns ``memory_mb`` and ``duration_ms``, any number of rows a size, beside the scenario.
    where : dict of str to str
        Column → value that a row must have to count.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    file: str = Field(min_length=1, description="CSV with columns memory_mb and duration_ms.")
    where: dict[str, str] = Field(default_factory=dict, description="Column and value that a row must have to count.")


def _positive(value: float) -> float:
    if not value > 0:
        raise ValueError("0s is not allowed, must be more than 0")
    return value


def _size(text: Any) -> str:
    return f"{parse_memory(text)}MB"


#: Memory size as text → mean service time there. [s]
Table = Annotated[
    dict[Annotated[str, BeforeValidator(_size)], Annotated[Seconds, AfterValidator(_positive)]], Field(min_length=1)
]


def _tag(value: Any) -> str:
    if isinstance(value, MeasuredByMemory) or (isinstance(value, dict) and "file" in value):
        return "file"
    return "table" if isinstance(value, dict) else "rule"


ByMemory = Annotated[
    Annotated[Literal["unchanged", "proportional"], Tag("rule")]
    | Annotated[MeasuredByMemory, Tag("file")]
    | Annotated[Table, Tag("table")],
    Discriminator(_tag),
]


class PlanBlock(BaseModel):
    """What `endpointsim plan` chooses from, and how sure it has to be; changes nothing else.

    Parameters
    ----------
    candidates : tuple of Candidates
        Empty: some of every endpoint, by default rules.
    confidence : float or None
        Of the whole answer; None: that of the scenario.
    smallest_saving : float
        Smallest difference of cost worth finding, as a share.
    misses_at_most : float
        Share of replications that may miss an objective, where `judged_by` is "replications".
    judged_by : {"replications", "mean"}
        Whether objectives are asked of every replication, or of the mean over them.
    service_time_by_memory : "unchanged", "proportional", dict or MeasuredByMemory
        What memory does to service times: nothing; CPU in proportion to memory up to one core; mean service times
        measured at some sizes, here [s] or in a file.
    model_memory : int or None
        What the model needs; smaller sizes are left out. [MB]
    max_replications : int
        Where to stop.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    candidates: tuple[Candidates, ...] = Field((), description="What to choose from; some of each endpoint by default.")
    confidence: Annotated[Share, Field(gt=0, lt=1)] | None = Field(
        None, description="Of the whole answer; that of the scenario by default."
    )
    smallest_saving: Annotated[Share, Field(gt=0, lt=1)] = Field(
        default="2%", validate_default=True, description="Smallest difference of cost worth finding."
    )
    misses_at_most: Annotated[Share, Field(gt=0, lt=1)] = Field(
        default="5%", validate_default=True, description="Share of replications that may miss an objective."
    )
    judged_by: Literal["replications", "mean"] = Field(
        "replications", description="Whether objectives are asked of every replication, or of the mean."
    )
    service_time_by_memory: ByMemory = Field("unchanged", description="What memory does to service times.")
    model_memory: MemoryMB | None = Field(None, description="What the model needs; smaller sizes are left out.")
    max_replications: Annotated[int, Field(strict=True)] = Field(
        DEFAULT_MOST_REPLICATIONS,
        description=f"Where to stop; at least {LEAST_REPLICATIONS}.",
        json_schema_extra={"minimum": LEAST_REPLICATIONS},
    )

    @field_validator("max_replications")
    @classmethod
    def _enough(cls, most: int) -> int:
        if most < LEAST_REPLICATIONS:
            raise ValueError(f"{most} is not allowed, must be at least {LEAST_REPLICATIONS}")
        return most

    def problems(self, endpoints: Sequence[Endpoint]) -> Iterator[tuple[KeyPath, str]]:
        """Path and message of each thing that does not go with the endpoints of the scenario."""
        kinds = {one.name: one.kind for one in endpoints}
        scaled = {one.name for one in endpoints if getattr(one, "autoscaling", None) is not None}
        for number, one in enumerate(self.candidates):
            where: KeyPath = ("plan", "candidates", number)
            if one.endpoint not in kinds:
                yield (
                    (*where, "endpoint"),
                    f'no endpoint is named "{one.endpoint}", {nearest(one.endpoint, list(kinds))}',
                )
                continue
            kind = kinds[one.endpoint]
            if kind not in VARIED:
                *others, last = (name.replace("_", "-") for name in VARIED)
                known = f"{', '.join(others)} and {last}"
                yield (
                    (*where, "endpoint"),
                    f'"{one.endpoint}" is of kind {kind}; candidates are made from {known} endpoints',
                )
                continue
            for field in one.given:
                if field in BOUNDS and one.endpoint not in scaled:
                    yield (*where, field), f'"{one.endpoint}" has no autoscaling whose bounds candidates could give'
                elif field not in VARIED[kind]:
                    allowed = ", ".join(VARIED[kind])
                    yield (
                        (*where, field),
                        f'"{one.endpoint}" is a {kind.replace("_", "-")} endpoint; its candidates may give {allowed}',
                    )
