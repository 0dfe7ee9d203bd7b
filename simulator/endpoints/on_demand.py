"""What all kinds that launch instances on demand have: how instances live and are chosen, and their times."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Final, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationInfo

from simulator.distributions import DurationDistribution
from simulator.endpoints.autoscaling import autoscaling_of
from simulator.endpoints.platforms import NONE, CountOrNone, DurationOrNone, Name, none_or_at_least
from simulator.endpoints.run_length import RunLength
from simulator.engines.clients import Patience
from simulator.engines.pool import AtLimit, OnTimeout, Routing, WaitingRequests
from simulator.engines.scaling import Scaling
from simulator.units import FOREVER, Seconds, to_ns

#: AWS Lambda, 29,746 requests of April to June 2020 (pacslab traces): 4 % cold after 600 to 630 s idle, 75 % after
#: 630 to 660 s, all after that. SageMaker publishes nothing.
DEFAULT_IDLE_TIMEOUT: Final = "640s"

IdleRouting = Literal["most_recently_idle", "least_recently_idle", "random", "newest_created"]
AtLimitName = Literal["throttle", "queue"]
WaitingName = Literal["bound", "first_free"]
OnTimeoutName = Literal["serve_on", "stop"]

IDLE_ROUTINGS: Final[dict[str, Routing]] = {
    "most_recently_idle": Routing.MOST_RECENTLY_IDLE,
    "least_recently_idle": Routing.LEAST_RECENTLY_IDLE,
    "random": Routing.RANDOM_IDLE,
    "newest_created": Routing.NEWEST_CREATED,
}
AT_LIMIT: Final[dict[str, AtLimit]] = {"throttle": AtLimit.THROTTLE, "queue": AtLimit.QUEUE}
WAITING: Final[dict[str, WaitingRequests]] = {"bound": WaitingRequests.BOUND, "first_free": WaitingRequests.FIRST_FREE}
ON_TIMEOUT: Final[dict[str, OnTimeout]] = {"serve_on": OnTimeout.SERVE_ON, "stop": OnTimeout.STOP}


def waiting_by_default(given: Mapping[str, Any]) -> WaitingName:
    """Requests are bound to the instance launched for them, unless instances serve several at once."""
    return "first_free" if given.get("requests_per_instance", 1) > 1 else "bound"


def _needs_a_queue(value: int | Literal["none"], info: ValidationInfo) -> int | Literal["none"]:
    if value != NONE and info.data.get("at_limit", "queue") != "queue":
        raise ValueError(f"{value} is not allowed with at_limit throttle, must be none")
    return none_or_at_least(0, value)


#: Requests that may wait at the limit, after `at_limit`, which has to say that they may.
QueueAtLimit = Annotated[CountOrNone, AfterValidator(_needs_a_queue)]


class OnDemand(BaseModel):
    """An endpoint that launches an instance for a request that finds no idle one (model.md 3).

    Parameters
    ----------
    name : str
        Names columns and figures.
    idle_timeout : duration distribution or "none"
        How long an idle instance lives. [s]
    lifetime : duration distribution or "none"
        Age at which an instance is retired once it is idle. [s]
    idle_routing : {"most_recently_idle", "least_recently_idle", "random", "newest_created"}
        Which idle instance serves.
    starts : {"cold", "warm"}
        Without an on-demand instance, or with one as just deployed.
    overhead : float
        Added to the latency of every completed request. [s]
    service_time, startup_time : duration distribution or None
        In place of the model's. [s]
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    #: The field that says how many instances are kept ready.
    READY: ClassVar[str] = "provisioned_concurrency"
    #: Whether the utilization that scaling watches counts the requests served on demand too.
    COUNTS_SPILLOVER: ClassVar[bool] = True

    name: Name = Field(description="Names columns, figures and the baseline.")
    kind: str
    idle_timeout: DurationOrNone = Field(
        default=DEFAULT_IDLE_TIMEOUT,
        validate_default=True,
        description="How long an idle instance lives. Not published by AWS: vary it.",
    )
    lifetime: DurationOrNone = Field(default=NONE, description="Age at which an idle instance is retired.")
    idle_routing: IdleRouting = Field(
        "most_recently_idle", description="Which idle instance serves. Published by nobody: vary it."
    )
    starts: Literal["cold", "warm"] = Field(
        "cold", description="Without an on-demand instance, or with one, as just deployed."
    )
    overhead: Seconds = Field(
        default="0s", validate_default=True, description="Added to the latency of every completed request."
    )
    service_time: DurationDistribution | None = Field(None, description="In place of the model's.")
    startup_time: DurationDistribution | None = Field(None, description="In place of the model's.")

    @property
    def patience_ns(self) -> int:
        """How long a request waits at most before the platform gives it up, `FOREVER` for ever [ns]."""
        patience: float | Literal["none"] = getattr(self, "patience", NONE)
        return FOREVER if patience == "none" else to_ns(patience)

    @property
    def patience_covers(self) -> Patience:
        """WAITING where the platform gives requests up that have waited too long, else NONE."""
        return Patience.NONE if self.patience_ns == FOREVER else Patience.WAITING

    @property
    def kept_ready(self) -> int:
        """Instances that are ready all the time."""
        return int(getattr(self, self.READY))

    @property
    def may_keep_ready(self) -> bool:
        """Whether an instance is ever kept ready."""
        return self.kept_ready > 0 or autoscaling_of(self) is not None

    def scaling(self, run: RunLength | None) -> Scaling | None:
        """What changes the number of instances kept ready in a run, None if nothing does.

        Raises
        ------
        ValueError
            If something does and the run is not told.
        """
        follows = autoscaling_of(self)
        if follows is None:
            return None
        if run is None:
            raise ValueError(f"{self.name} scales: its pool depends on the run")
        return follows.scaling(run, counts_spillover=self.COUNTS_SPILLOVER)

    @property
    def places(self) -> int:
        """Requests that one instance serves at once."""
        return int(getattr(self, "requests_per_instance", 1))

    def assumptions(self) -> list[str]:
        """What is assumed where nothing is published: the rules, and every such field that has its default value."""
        follows = autoscaling_of(self)
        scaling = [] if follows is None else follows.assumed()
        return [text for applies, text in [*self._assumed(), *scaling] if applies]

    def _assumed(self) -> list[tuple[bool, str]]:
        """Whether each thing is assumed, and the words for it."""
        return list(self._assumed_of_all().values())

    def _assumed_of_all(self) -> dict[str, tuple[bool, str]]:
        """The same for the fields that all kinds have, by field."""
        return {
            "idle_routing": (
                True,
                f"idle_routing {self.idle_routing}: which idle instance serves is published by nobody, and it moves "
                "the cold-start fraction",
            ),
            "lifetime": (
                self.lifetime == NONE,
                "lifetime none (default): instances are retired only when idle; AWS Lambda also retires them by age",
            ),
            "overhead": (
                self.overhead == 0,
                "overhead 0s (default): time outside the container is left out; it is tens of ms on AWS",
            ),
            "starts": (
                self.starts == "cold",
                "starts cold (default): no on-demand instance at time 0; a newly created endpoint starts warm",
            ),
        }


def is_lasting(duration: Any, seconds: float) -> bool:
    """Whether a duration or "none" is constant and so long."""
    return bool(duration != NONE and duration.constant() == seconds)
