"""What can be put in the place of a serverless endpoint: the scenario with other values for some of its fields.

The endpoint keeps its name. What is uncertain of it is drawn by name, so that every variant meets the same values in
the same replication, beside the same requests.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from pydantic import ValidationError

from simulator.endpoints import Container, Function, RealTime, Serverless, autoscaling_of
from simulator.scenario.assumptions import Assumption
from simulator.scenario.finding import holds_assumptions
from simulator.scenario.model import Scenario
from simulator.scenario.quantities import read_number
from simulator.units import duration_text

#: An endpoint whose requests may be cold.
Launching = Serverless | Function | Container
#: Pings come once in this part of the idle timeout. Assumption: as near as whole seconds keep below it.
PING_PART: Final = 0.9
#: Forms of assumptions whose numbers are all durations if one is.
_OF_NUMBERS: Final = ("between", "triangular", "choice")


@dataclass(frozen=True)
class Pings:
    """The endpoint without and with requests that keep an instance warm.

    Parameters
    ----------
    words, note : str
        What they are, and what a reader must know of them; nothing if there is nothing.
    without, among : Scenario
        The users' requests are the same in both.
    """

    words: str
    note: str
    without: Scenario
    among: Scenario


class Instead:
    """Variants of a scenario that differ in one endpoint that launches instances.

    Parameters
    ----------
    scenario : Scenario
    endpoint : Serverless, Function or Container
        One of its endpoints.
    """

    def __init__(self, scenario: Scenario, endpoint: Launching) -> None:
        self._scenario, self._endpoint = scenario, endpoint
        left_out = {"stress", "plan", "precision"}
        self._facts = {key: value for key, value in scenario.resolved().items() if key not in left_out}
        self._facts |= {"replications": scenario.replications, "baseline": endpoint.name}
        self._written = {one["name"]: one for one in self._facts["endpoints"]}

    def now(self) -> Scenario:
        """The endpoint as it is, beside the real-time endpoints of the scenario."""
        others = [self._written[one.name] for one in self._scenario.endpoints if isinstance(one, RealTime)]
        return self._scenario_of(endpoints=[self._written[self._endpoint.name], *others])

    @property
    def first_ready(self) -> int:
        """The least number of instances kept ready that is worth trying: more than now, or any that stays."""
        return 1 if autoscaling_of(self._endpoint) is not None else self._endpoint.kept_ready + 1

    def ready(self, count: int) -> Scenario:
        """With so many instances kept ready, all the time."""
        changes: dict[str, Any] = {self._endpoint.READY: count}
        if autoscaling_of(self._endpoint) is not None:
            changes["autoscaling"] = None
        return self._with(**changes)

    def why_not_ready(self) -> str:
        """Why no instance can be kept ready, such as a price that is not there; empty if one can."""
        try:
            self.ready(self.first_ready)
        except ValidationError as error:
            return f"{self._endpoint.READY} was not tried: {error.errors()[0]['msg']}"
        return ""

    def longer(self, factor: float) -> Scenario | None:
        """With so many times its idle timeout; None where instances live for ever, or an uncertain one has no scale."""
        if self._endpoint.idle_timeout == "none":
            return None
        written = self._written[self._endpoint.name].get("idle_timeout")
        if not holds_assumptions({"of": written}):
            return self._with(idle_timeout=self._endpoint.idle_timeout.scaled(factor).model_dump(mode="json"))
        uncertain = self._uncertain_timeout
        if uncertain is None or uncertain.scale is None:
            return None
        return self._with(idle_timeout=_scaled(uncertain.given, factor))

    def pings(self) -> Pings | None:
        """Requests that come a little sooner than idle instances go; None where nothing says how soon that is."""
        if self._endpoint.may_keep_ready or self._endpoint.idle_timeout == "none":
            return None
        uncertain = self._uncertain_timeout
        timeout_s = self._endpoint.idle_timeout.constant()
        if uncertain is not None:
            timeout_s = None if uncertain.scale is None else uncertain.number(uncertain.quantile(0.0))
        elif holds_assumptions({"of": self._written[self._endpoint.name].get("idle_timeout")}):
            timeout_s = None
        if timeout_s is None or PING_PART * timeout_s < 1.0:
            return None
        interval = f"{int(PING_PART * timeout_s)}s"
        note = "" if uncertain is None else f"{interval} is less than the shortest idle timeout that is assumed; "
        traffic = self._facts["traffic"]
        # The parts of a superposition have streams of their own: so what is compared is one too.
        without, among = (
            self._with(traffic={"kind": "superposition", "parts": parts})
            for parts in ([traffic], [traffic, {"kind": "periodic", "interval": interval}])
        )
        return Pings(f"one request every {interval}", note, without, among)

    @property
    def _uncertain_timeout(self) -> Assumption | None:
        name = f"endpoints[{self._endpoint.name}].idle_timeout"
        return next((one for one in self._scenario.assumed if one.name == name), None)

    def _with(self, traffic: dict[str, Any] | None = None, **changes: Any) -> Scenario:
        parts = {} if traffic is None else {"traffic": traffic}
        return self._scenario_of(endpoints=[{**self._written[self._endpoint.name], **changes}], **parts)

    def _scenario_of(self, **parts: Any) -> Scenario:
        return Scenario.model_validate({**self._facts, **parts}, context={"folder": self._scenario.folder})


def _scaled(given: Any, factor: float) -> dict[str, Any]:
    """An assumption on a duration with every duration in it times a factor."""
    scaled: dict[str, Any] = dict(given)
    for form in _OF_NUMBERS:
        if form in scaled:
            scaled[form] = [_longer(one, factor) for one in scaled[form]]
    if "lognormal" in scaled:
        scaled["lognormal"] = {
            key: value if key == "cv" else _longer(value, factor) for key, value in scaled["lognormal"].items()
        }
    return scaled


def _longer(written: Any, factor: float) -> str:
    return duration_text(factor * read_number(written)[0])
