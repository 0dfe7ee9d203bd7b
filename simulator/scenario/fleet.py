"""A fleet: which models share the traffic of a scenario, and in what each differs from the scenario's model."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Annotated, Final

from pydantic import BaseModel, ConfigDict, Field, PrivateAttr, ValidationInfo, model_validator

from simulator.distributions import DurationDistribution, SizeDistribution
from simulator.distributions.columns import folder_of, read_csv
from simulator.errors import InputError
from simulator.scenario.places import KeyPath
from simulator.scenario.wording import nearest
from simulator.units import Share

if TYPE_CHECKING:
    from pathlib import Path

    from simulator.scenario.model import Scenario
    from simulator.traffic import Arrivals

#: Models of one fleet. Assumption: more are a slip of the pen.
MOST_MODELS: Final = 10_000
#: Shares that are given have to add up to 1 within this.
_SUM: Final = 1e-6
_TIME_UNITS: Final[dict[str, float]] = {"s": 1.0, "ms": 1e-3}
#: What a model may have of its own. Streams go by position: append, never change.
OWN: Final = ("service_time", "startup_time", "memory")


class ModelTable(BaseModel):
    """Means of models from a file, one row a model.

    Parameters
    ----------
    file : str
        CSV file with a header.
    name : str
        Header of the column with the names of the models; rows of others are passed over.
    service_time, startup_time : str or None
        Headers of the columns with mean times, in `time_unit`.
    memory : str or None
        Header of the column with the memory that a model needs [MB].
    time_unit : ``s`` or ``ms``
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    file: str = Field(min_length=1, description="CSV file with a row a model.")
    name: str = Field(description="Column with the names of the models.")
    service_time: str | None = Field(None, description="Column with the mean service time of each model.")
    startup_time: str | None = Field(None, description="Column with the mean startup time of each model.")
    memory: str | None = Field(None, description="Column with the memory that each model needs, in MB.")
    time_unit: Annotated[str, Field(pattern=r"^(s|ms)$")] = Field("ms", description="Unit of the times: s or ms.")

    _digest: str = PrivateAttr()
    _values: dict[str, dict[str, float]] = PrivateAttr()

    @model_validator(mode="after")
    def _read(self, info: ValidationInfo) -> ModelTable:
        if hasattr(self, "_values"):
            return self  # given as it is, for another scenario: it has been read
        content = read_csv(self.file, folder_of(info))
        wanted = {what: header for what in OWN if (header := getattr(self, what)) is not None}
        if not wanted:
            raise ValueError(f"{self.file}: say which column is read: service_time, startup_time or memory")
        names, *columns = content.columns(self.name, *wanted.values())
        twice = next((i for i, name in enumerate(names.texts) if name in names.texts[:i]), None)
        if twice is not None:
            raise names.problem(twice, f"{names.texts[twice]} comes twice; each model must have one row")
        factor = _TIME_UNITS[self.time_unit]
        self._values = {}
        for (what, _), column in zip(wanted.items(), columns, strict=True):
            unit = "MB" if what == "memory" else self.time_unit
            numbers = column.numbers(f"a number of {unit}, 0 or more") * (1.0 if what == "memory" else factor)
            self._values[what] = dict(zip(names.texts, numbers.tolist(), strict=True))
        self._digest = content.digest
        return self

    @property
    def digest(self) -> str:
        """SHA-256 of the file."""
        return self._digest

    @property
    def values(self) -> Mapping[str, Mapping[str, float]]:
        """``service_time``, ``startup_time`` [s] or ``memory`` [MB], where it is read → name of a model → its value."""
        return self._values


class FleetBlock(BaseModel):
    """Models that share the traffic of a scenario; each way of serving them is one of its endpoints, for every model.

    Either `models` and `zipf`, or `shares`, or `by`. The service and startup times of the scenario are those of a
    typical model: those of each model are stretched to its own mean.

    Parameters
    ----------
    models : int or None
        How many, called ``model-1``, ``model-2``, … from the most popular on.
    zipf : float or None
        The k-th of them has a share of the traffic in proportion to k^−zipf [1]_; 0: all alike.
    shares : dict of str to float or None
        Name → share of the traffic; they add up to 100 %.
    by : str or None
        Column of the traffic's file that says to which model a row belongs: each model has traffic of its own.
    service_time, startup_time : duration distribution or None
        Mean service and startup time of a model, drawn once for each model. [s]
    memory : size distribution or None
        Memory that a model needs, drawn once for each model; a serverless endpoint gets the smallest size that holds
        it, if that is more than its own. [B]
    table : ModelTable or None
        The same from a file; what it has goes before what is drawn.
    account_concurrency : int or None
        Most requests at once over all on-demand endpoints of the account. By default that of the platform.

    References
    ----------
    .. [1] L. Breslau et al., "Web caching and Zipf-like distributions", INFOCOM 1999.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    models: Annotated[int, Field(strict=True, ge=1, le=MOST_MODELS)] | None = Field(
        None, description="How many models, with zipf."
    )
    zipf: Annotated[float, Field(strict=True, ge=0.0, le=10.0, allow_inf_nan=False)] | None = Field(
        None, description="The k-th model has a share of the traffic in proportion to k to the power of minus this."
    )
    shares: Annotated[dict[str, Share], Field(min_length=1, max_length=MOST_MODELS)] | None = Field(
        None, description="Name of each model and its share of the traffic; together 100%."
    )
    by: str | None = Field(None, description="Column of the traffic's file that names the model of each row.")
    service_time: DurationDistribution | None = Field(
        None, description="Mean service time of a model, drawn once for each."
    )
    startup_time: DurationDistribution | None = Field(
        None, description="Mean startup time of a model, drawn once for each."
    )
    memory: SizeDistribution | None = Field(None, description="Memory that a model needs, drawn once for each.")
    table: ModelTable | None = Field(None, description="Means of each model from a file.")
    account_concurrency: Annotated[int, Field(strict=True, ge=1)] | None = Field(
        None,
        description="Most requests at once over all on-demand endpoints of the account; by default the platform's.",
    )

    @model_validator(mode="after")
    def _one_of(self) -> FleetBlock:
        ways = [self.models is not None or self.zipf is not None, self.shares is not None, self.by is not None]
        if sum(ways) != 1 or (self.models is None) != (self.zipf is None):
            raise ValueError("a fleet takes models with zipf, or shares, or by; one of these")
        if self.shares is not None:
            if not all(self.shares.values()):
                raise ValueError("a share is 0%; each must be more than 0, leave out what has no traffic")
            total = sum(self.shares.values())
            if abs(total - 1.0) > _SUM:
                raise ValueError(f"the shares add up to {100 * total:.6g}%, must be 100%")
        return self

    def popularity(self) -> dict[str, float]:
        """Name → share of the traffic, where models have shares of it; empty where each has its own."""
        if self.shares is not None:
            return dict(self.shares)
        if self.models is None or self.zipf is None:
            return {}
        weights = [rank**-self.zipf for rank in range(1, self.models + 1)]
        total = sum(weights)
        return {f"model-{rank}": weight / total for rank, weight in enumerate(weights, 1)}

    def traffic_of(self, traffic: Arrivals, folder: Path) -> dict[str, Arrivals]:
        """Name → traffic of each model, the busiest first where they have shares, else in the order of the file.

        Raises
        ------
        ValueError, InputError
            If the traffic cannot be parted.
        """
        if self.by is not None:
            parts = dict(traffic.parts_by(self.by, folder))
            if len(parts) > MOST_MODELS:
                raise ValueError(f"column {self.by!r} names {len(parts):,} models, at most {MOST_MODELS:,}")
            return parts
        return {name: traffic if share == 1.0 else traffic.scaled(share) for name, share in self.popularity().items()}

    def problems(self, scenario: Scenario, folder: Path) -> Iterator[tuple[KeyPath, str]]:
        """What does not go with the rest of a scenario, whose data files are in a folder."""
        where = ("fleet",)
        for what in ("service_time", "startup_time"):
            given = getattr(self, what) is not None or (self.table is not None and what in self.table.values)
            own = getattr(scenario.model, what)
            if given and (own is None or own.mean() == 0.0):
                yield (*where, what), f"there must be a model.{what} of more than 0 that is stretched to it"
        has_memory = self.memory is not None or (self.table is not None and "memory" in self.table.values)
        for endpoint in scenario.endpoints:
            if endpoint.kind == "multi_model" and not has_memory:
                problem = f"missing; {endpoint.name} loads models, and has to know the memory of each"
                yield (*where, "memory"), problem
                break
        if scenario.free_tier:
            yield ("free_tier",), "true is not allowed with a fleet: it is given to an account, not to each endpoint"
        try:
            names = self.traffic_of(scenario.traffic, folder)
        except (ValueError, InputError) as error:
            yield (*where, "by" if self.by is not None else "shares" if self.shares else "models"), str(error)
            return
        for what, values in ({} if self.table is None else self.table.values).items():
            missing = [name for name in names if name not in values]
            if missing:
                yield (
                    (*where, "table", "name"),
                    f"{len(missing)} of {len(names)} models have no row with their {what}, the first is "
                    f"{missing[0]}; {nearest(missing[0], list(values)[:20])}",
                )
                return
