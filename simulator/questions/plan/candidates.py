"""Candidates of a plan: endpoints of a scenario with other values for some of their fields."""

from __future__ import annotations

import copy
import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from simulator.endpoints import BatchTransform, Endpoint, RealTime, Serverless
from simulator.endpoints.platforms import PLATFORMS
from simulator.errors import InputError, Problem, ScenarioError
from simulator.prices import items
from simulator.questions.axis import read_axis
from simulator.questions.plan.memory import ServiceByMemory, law_of
from simulator.questions.rates import check_has_a_rate
from simulator.scenario.finding import holds_assumptions
from simulator.scenario.loading import Source
from simulator.scenario.model import Scenario
from simulator.scenario.overrides import apply_overrides
from simulator.scenario.places import Document, KeyPath, Places, path_text, read_yaml, value_text
from simulator.scenario.plan import BOUNDS, MOST_CANDIDATES, VARIED, Candidates, PlanBlock
from simulator.units import parse_memory

#: Field → what stands before its value in the name of a candidate.
_SHORT: Final = {
    "instance_type": "",
    "initial_instance_count": "x",
    "instance_count": "x",
    "workers_per_instance": "w",
    "max_concurrent_invocations_per_instance": "w",
    "max_concurrent_transforms": "w",
    "model_id": "",
    "model_units": "units",
    "requests_per_minute": "rpm",
    "tokens_per_minute": "tpm",
    "max_tokens": "tokens",
    "memory_size": "",
    "max_concurrency": "c",
    "provisioned_concurrency": "pc",
    "min_capacity": "min",
    "max_capacity": "max",
}
#: Numbers of instances that are tried by default, beginning with the least that carries the mean load.
_COUNTS_BY_DEFAULT: Final = 6


@dataclass(frozen=True)
class Candidate:
    """One configuration.

    Parameters
    ----------
    name : str
    origin : str
        Name of the endpoint that it is made from.
    values : dict of str to int or str
        Fields that candidates may give, as a file would hold them.
    written : dict
        The whole endpoint as a file would hold it.
    pruned : str
        Why it need not be simulated; empty if it has to be.
    """

    name: str
    origin: str
    values: dict[str, Any]
    written: dict[str, Any]
    pruned: str = ""

    def without(self, *fields: str) -> dict[str, Any]:
        """The endpoint as it is written, without its name and some fields."""
        return {key: value for key, value in self.written.items() if key not in {"name", *fields}}


@dataclass(frozen=True)
class Choice:
    """What there is to choose from.

    Parameters
    ----------
    base : Scenario
        As it was given.
    block : PlanBlock
    candidates : tuple of Candidate
        Their names differ.
    document : dict
        The scenario as a file would hold it, overrides applied.
    law : ServiceByMemory
    by_default : tuple of str
        Endpoints whose candidates were made by default rules.
    """

    base: Scenario
    block: PlanBlock
    candidates: tuple[Candidate, ...]
    document: dict[str, Any]
    law: ServiceByMemory
    by_default: tuple[str, ...]

    def scenario(self, source: Source, candidates: Sequence[Candidate], **parts: Any) -> Scenario:
        """The scenario with some candidates for endpoints.

        Parameters
        ----------
        source : Source
            Where the choice was read.
        candidates : sequence of Candidate
        **parts
            Other keys of the scenario; None takes one away.

        Raises
        ------
        ScenarioError
            If a candidate is not possible; each problem names it.
        """
        data = {**copy.deepcopy(self.document), "endpoints": [copy.deepcopy(one.written) for one in candidates]}
        for key in ("plan", "stress", "baseline", "precision"):
            data.pop(key, None)
        data |= parts
        data = {key: value for key, value in data.items() if value is not None}
        try:
            return replace(source, document=Document(data, Places())).scenario({})
        except ScenarioError as error:
            raise ScenarioError([_renamed(one, candidates) for one in error.problems], source.name) from error


def _renamed(problem: Problem, candidates: Sequence[Candidate]) -> Problem:
    """A problem of an endpoint as one of the candidate that it is."""
    for number, one in enumerate(candidates):
        prefix = f"endpoints[{number}]"
        if problem.path == prefix or problem.path.startswith(f"{prefix}."):
            return Problem("plan.candidates", f"{one.name}{problem.path[len(prefix) :]}: {problem.message}")
    return problem


def choice_of(source: Source, overrides: Mapping[str, Any], vary: Sequence[str] = ()) -> Choice:
    """What a scenario and options give to choose from.

    Parameters
    ----------
    source : Source
    overrides : mapping of str to anything
        As in `load_scenario`.
    vary : sequence of str
        ``endpoint.field=values``, in place of what the scenario says of that endpoint.

    Raises
    ------
    ScenarioError, InputError
        If the scenario, its block or the options cannot be used.
    """
    base = source.scenario(overrides)
    check_has_a_rate(base, "a plan")
    document = copy.deepcopy(source.document)
    apply_overrides(document, overrides)
    block = base.plan or PlanBlock()
    entries = _entries(base, block, _varied(vary, base))
    law = law_of(block.service_time_by_memory, base.folder)
    written = {one.get("name"): one for one in document.data["endpoints"]}
    made: list[Candidate] = []
    for entry, where in entries:
        endpoint = base.endpoint(entry.endpoint)
        values: dict[str, list[Any]] = {}
        for field, given in (entry.given or _by_default(base, endpoint, block, law)).items():
            path: KeyPath = (*where, field)
            try:
                values[field] = _values(path_text(path) if where else f"{entry.endpoint}.{field}", field, given)
            except ValueError as error:
                place = (document.places.value(path) if where else None) or (None, None)
                problem = Problem(path_text(path) if where else f"{entry.endpoint}.{field}", str(error), *place)
                raise ScenarioError([problem], source.name) from None
        made += _combined(base, endpoint, written[entry.endpoint], document.data, law, values)
        if len(made) > MOST_CANDIDATES:
            raise InputError(f"more than {MOST_CANDIDATES} candidates; give fewer values")
    by_default = tuple(dict.fromkeys(entry.endpoint for entry, _ in entries if not entry.given))
    return Choice(base, block, _distinct(made), document.data, law, by_default)


def _varied(vary: Sequence[str], base: Scenario) -> list[Candidates]:
    given: dict[str, dict[str, list[str]]] = {}
    for text in vary:
        path, equals, values = text.partition("=")
        name, dot, field = path.strip().removeprefix("endpoints[").rpartition(".")
        name = name.removesuffix("]")
        if not equals or not dot or not values.strip():
            known = [f"{one.name}.{VARIED[one.kind][0]}" for one in base.endpoints if one.kind in VARIED]
            example = f", for example {known[0]}=..." if known else ""
            raise InputError(f"{value_text(text)} varies nothing; write endpoint.field=values{example}")
        allowed = VARIED.get(base.endpoint(name).kind, ())
        if not allowed:
            raise InputError(f"{name} is of kind {base.endpoint(name).kind}, which a plan takes as it is")
        if field in BOUNDS and field in allowed and getattr(base.endpoint(name), "autoscaling", None) is None:
            raise InputError(f"{name} has no autoscaling whose {field} a plan may choose")
        if field not in allowed:
            raise InputError(f'{name} has no "{field}" that a plan may choose; it may choose {", ".join(allowed)}')
        if field in given.setdefault(name, {}):
            raise InputError(f"{path.strip()} is varied twice; give all its values at once")
        given[name][field] = [values.strip()]
    return [Candidates.model_validate({"endpoint": name, **fields}) for name, fields in given.items()]


def _entries(base: Scenario, block: PlanBlock, varied: Sequence[Candidates]) -> list[tuple[Candidates, KeyPath]]:
    """What candidates are made from, each with its place in the scenario; none where it does not stand there."""
    told: list[tuple[Candidates, KeyPath]] = [
        (one, ("plan", "candidates", number)) for number, one in enumerate(block.candidates)
    ]
    told = told or [(Candidates.model_validate({"endpoint": one.name}), ()) for one in base.endpoints]
    names = {one.endpoint for one in varied}
    return [*((one, where) for one, where in told if one.endpoint not in names), *((one, ()) for one in varied)]


def _by_default(
    base: Scenario, endpoint: Endpoint, block: PlanBlock, law: ServiceByMemory
) -> dict[str, tuple[int | str, ...]]:
    """Values to try where nothing is said."""
    load = offered_load(base, endpoint)
    sheet = base.price_sheet

    def is_priced(item: str) -> bool:
        try:
            sheet.price(item)
        except InputError:
            return False
        return True

    if isinstance(endpoint, RealTime):
        least = max(1, math.floor(load / endpoint.workers_per_instance) + 1)
        counts = {*range(least, least + _COUNTS_BY_DEFAULT), max(1, endpoint.initial_instance_count)}
        return {"initial_instance_count": tuple(sorted(counts))}
    if isinstance(endpoint, BatchTransform):
        return {"instance_count": tuple(sorted({*range(1, _COUNTS_BY_DEFAULT + 1), endpoint.instance_count}))}
    if not isinstance(endpoint, Serverless) or endpoint.autoscaling is not None:
        return {}  # one candidate, as it is
    sizes = PLATFORMS[endpoint.platform].memory_sizes or (endpoint.memory_size,)
    floor = block.model_memory or min(one.memory_size for one in base.endpoints if isinstance(one, Serverless))
    chosen = [
        size
        for size in sizes
        if size == endpoint.memory_size or (size >= floor and law.knows(size) and is_priced(items.duration_item(size)))
    ]
    ready = {0, endpoint.provisioned_concurrency}
    if all(is_priced(items.provisioned_allocation_item(size)) for size in chosen):
        ready |= {max(1, math.ceil(load / 2)), max(1, math.ceil(load)), math.ceil(2 * load) + 1}
    most = endpoint.max_concurrency
    return {
        "memory_size": tuple(f"{size}MB" for size in chosen),
        "provisioned_concurrency": tuple(sorted(one for one in ready if most == "none" or one <= most)),
    }


def offered_load(scenario: Scenario, endpoint: Endpoint) -> float:
    """Requests in service on average if none had to wait: mean rate times mean service time [1]."""
    return scenario.traffic.mean_rate_over(scenario.horizon, scenario.clock) * scenario.service_time(endpoint).mean()


def _combined(
    base: Scenario,
    endpoint: Endpoint,
    written: dict[str, Any],
    document: dict[str, Any],
    law: ServiceByMemory,
    lists: Mapping[str, Sequence[Any]],
) -> list[Candidate]:
    """Every combination of the values, with service times as the memory makes them."""
    made = []
    for combined in itertools.product(*lists.values()):
        changed = dict(zip(lists, combined, strict=True))
        whole = _rewritten(written, changed)
        values = _values_of(endpoint, changed)
        pruned = ""
        if isinstance(endpoint, Serverless):
            if "memory_size" in changed:
                values["memory_size"] = parse_memory(changed["memory_size"])
            factor = law.factor(values["memory_size"], endpoint.memory_size, base.service_time(endpoint).mean())
            if factor != 1.0:
                times = [written.get("service_time"), (document.get("model") or {}).get("service_time")]
                if holds_assumptions({"of": times}):
                    raise InputError(
                        f"plan.service_time_by_memory: the service time of {endpoint.name} is uncertain; give one "
                        "distribution, or service times that do not change with memory"
                    )
                whole["service_time"] = base.service_time(endpoint).scaled(factor).model_dump(mode="json")
            ready, most = values["provisioned_concurrency"], values["max_concurrency"]
            if isinstance(ready, int) and isinstance(most, int) and ready > most:
                pruned = f"provisioned_concurrency {ready} is more than max_concurrency {most}, which is not possible"
        name = _name(endpoint, values, changed)
        made.append(Candidate(name, endpoint.name, values, {**whole, "name": name}, pruned))
    return made


def _values(path: str, field: str, given: Sequence[int | str]) -> list[Any]:
    """Values of a list whose texts may be lists or ranges themselves.

    Raises
    ------
    ValueError
        Saying what cannot be read.
    """
    found: list[Any] = []
    for one in given:
        texts: tuple[str, ...] = (str(one),)
        if isinstance(one, str):
            try:
                texts = read_axis(path, one).texts
            except InputError as error:
                raise ValueError(str(error).removeprefix(f"{path}: ")) from None
        for text in texts:
            value = read_yaml(text).data
            if field == "memory_size":
                parse_memory(value)
            found.append(value)
    return list(dict.fromkeys(found))


def _rewritten(written: Mapping[str, Any], changed: Mapping[str, Any]) -> dict[str, Any]:
    """An endpoint as a file would hold it with other values; bounds stand in its block of autoscaling."""
    whole = {
        **copy.deepcopy(dict(written)),
        **{field: value for field, value in changed.items() if field not in BOUNDS},
    }
    bounds = {field: value for field, value in changed.items() if field in BOUNDS}
    if bounds:
        whole["autoscaling"] = {**whole["autoscaling"], **bounds}
    return whole


def _values_of(endpoint: Endpoint, changed: Mapping[str, Any]) -> dict[str, Any]:
    """Fields that candidates may give: of the first kinds all of them, of others, and bounds, those that are given."""
    of_all = [
        field
        for field in VARIED.get(endpoint.kind, ())
        if field in changed or (isinstance(endpoint, Serverless | RealTime) and field not in BOUNDS)
    ]
    return {field: changed.get(field, getattr(endpoint, field, None)) for field in of_all}


def _name(endpoint: Endpoint, values: Mapping[str, Any], changed: Mapping[str, Any]) -> str:
    """By all that may vary; of later kinds, and with other bounds, the endpoint's own name and what differs."""
    has_bounds = any(field in changed for field in BOUNDS)
    if isinstance(endpoint, Serverless) and not has_bounds:
        parts = (values["memory_size"], values["max_concurrency"], values["provisioned_concurrency"])
        return "serverless-{}mb-c{}-pc{}".format(*parts)
    if isinstance(endpoint, RealTime) and not has_bounds:
        kind = str(values["instance_type"]).removeprefix("ml.").replace(".", "-")
        return f"{kind}-x{values['initial_instance_count']}-w{values['workers_per_instance']}"
    differs = [
        f"-{_SHORT[field]}{str(value).removeprefix('ml.').replace(':', '-')}" for field, value in changed.items()
    ]
    return f"{endpoint.name}{''.join(differs)}"


def _distinct(made: Sequence[Candidate]) -> tuple[Candidate, ...]:
    """Candidates that differ in more than their names, under names that differ."""
    kept: list[Candidate] = []
    for one in made:
        if not any(one.values == other.values and _same(one, other) for other in kept):
            kept.append(one)
    names = [one.name for one in kept]
    named = []
    for one in kept:
        name = one.name if names.count(one.name) == 1 else f"{one.origin}-{one.name}"
        named.append(replace(one, name=name, written={**one.written, "name": name}))
    return tuple(named)


def _same(one: Candidate, other: Candidate) -> bool:
    return one.without(*one.values) == other.without(*one.values)
