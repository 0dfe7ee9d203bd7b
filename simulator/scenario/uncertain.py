"""What is uncertain in a scenario: found in its document, checked at its ends, and drawn for each replication.

Values are drawn by a Latin hypercube [1]_: the n replications of a study have one value of each assumption in each n-th
of its distribution, in an order of its own. A mean over replications then varies less than with independent draws (what
is additive in the assumptions hardly at all [2]_), so intervals that take the replications as independent are rather
too wide than too narrow.

References
----------
.. [1] M. D. McKay, R. J. Beckman, W. J. Conover, "A comparison of three methods for selecting values of input variables
   in the analysis of output from a computer code", Technometrics 21 (1979).
.. [2] M. Stein, "Large sample properties of simulations using Latin hypercube sampling", Technometrics 29 (1987).
"""

from __future__ import annotations

import copy
import hashlib
import itertools
from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ValidationError

from simulator.errors import InputError, ScenarioError
from simulator.scenario.finding import TAKEN_OUT
from simulator.scenario.places import KeyPath, Places, set_at
from simulator.scenario.schema import Outline, json_schema
from simulator.scenario.wording import problems_of
from simulator.streams import Streams

if TYPE_CHECKING:
    from simulator.prices import PriceSheet
    from simulator.scenario.assumptions import Assumption
    from simulator.scenario.model import Scenario

#: Combinations of ends that are tried when a scenario is read, at most; others are tried when they are drawn.
_MOST_CORNERS: Final = 64
#: Replications whose parts are kept once they are made.
_KEPT: Final = 10_000

Values = Mapping[KeyPath, Any]


class Uncertain:
    """The assumptions of a scenario and the document that they stand in.

    Parameters
    ----------
    data : dict
        The document, each assumption in it replaced by its middle value.
    assumptions : tuple of Assumption
        At least one.
    folder : Path
        Of the scenario's files.
    """

    def __init__(self, data: dict[str, Any], assumptions: tuple[Assumption, ...], folder: Path) -> None:
        self.assumptions = assumptions
        self._data = copy.deepcopy(data)
        self._folder = folder
        self._places = tuple(dict.fromkeys(str(one.path[0]) for one in assumptions))
        self._middle: dict[str, Any] = {}
        self._sheet: PriceSheet | None = None
        #: Digests of what only some values read: files and price sheets.
        self.digests: tuple[str, ...] = ()
        #: Fields whose defaults follow from an assumption; written out, they would no longer do so.
        self._dependent: frozenset[KeyPath] = frozenset()
        self._kept: dict[tuple[int, int, int], tuple[dict[str, Any], PriceSheet]] = {}

    def __getstate__(self) -> dict[str, Any]:
        """Everything but what can be made again."""
        return {**self.__dict__, "_kept": {}}

    def begin(self, middle: Scenario) -> None:
        """Take over the scenario with the middle values, whose parts need not be read again."""
        self._middle = {key: getattr(middle, key) for key in type(middle).model_fields}
        self._sheet = middle.price_sheet

    def take_over(self, middle: Scenario, variants: Mapping[KeyPath, list[Scenario]]) -> None:
        """Take over what was validated at the ends.

        Parameters
        ----------
        middle : Scenario
            With the middle values.
        variants : mapping of path to list of Scenario
            Assumption → the scenarios at its ends, the others in the middle.
        """
        own = set(middle.read_digests())
        self.digests = tuple(
            dict.fromkeys(
                digest
                for scenarios in variants.values()
                for one in scenarios
                for digest in one.read_digests()
                if digest not in own
            )
        )
        facts = middle.resolved()
        self._dependent = frozenset(
            self._left_out(path)
            for assumed, scenarios in variants.items()
            for one in scenarios
            for path in _differences(facts, one.resolved(), ())
            if path[: len(assumed)] != assumed
        )

    def _left_out(self, path: KeyPath) -> KeyPath:
        """As much of the path of a default as the document lacks: a default may be a mapping, all of which follows."""
        at: Any = self._data
        for length, part in enumerate(path, start=1):
            if not (part in at if isinstance(at, dict) else isinstance(at, list) and isinstance(part, int)):
                return path[:length]
            at = at[part]
        return path

    def as_written(self, facts: dict[str, Any]) -> dict[str, Any]:
        """A resolved scenario with its assumptions as they were written, and without what follows from them."""
        written = copy.deepcopy(facts)
        for path in self._dependent:
            _remove(written, path)
        for one in self.assumptions:
            set_at(written, one.path, copy.deepcopy(dict(one.given)))
        return written

    def values(self, seed: int, replications: int, number: int) -> dict[KeyPath, Any]:
        """The values of one replication.

        Raises
        ------
        InputError
            If the study has no replication of that number.
        """
        if not 0 <= number < replications:
            raise InputError(f"no replication {number}: assumptions are drawn for {replications}, numbered from 0")
        return {one.path: one.quantile(float(strata(seed, replications, one.name)[number])) for one in self.assumptions}

    def realised(self, scenario: Scenario, number: int) -> Scenario:
        """The scenario of one replication.

        Parameters
        ----------
        scenario : Scenario
            The one that these assumptions belong to, or a copy of it with another seed or number of replications.
        number : int
            Of the replication.

        Raises
        ------
        InputError
            If there is no such replication, or if what is uncertain was changed beside its assumptions.
        ScenarioError
            If the values that were drawn do not go together.
        """
        self._check_unchanged(scenario)
        return scenario.with_parts(*self._parts(scenario.seed, scenario.replications, number))

    def at(self, scenario: Scenario, values: Values) -> Scenario:
        """A copy of the scenario with these values; assumptions without one have their middle value.

        Raises
        ------
        InputError
            If what is uncertain was changed beside its assumptions.
        ScenarioError
            If the values do not go together.
        """
        self._check_unchanged(scenario)
        return scenario.with_parts(*self._parts_at(values, "where"))

    def validated(self, values: Values) -> Scenario:
        """The scenario of the document with these values, checked like any other.

        Raises
        ------
        pydantic.ValidationError
            If it is wrong.
        """
        from simulator.scenario.model import Scenario

        is_priced = any(path[0] == "prices" for path in values)
        context = {"folder": self._folder, "sheet": None if is_priced else self._sheet, TAKEN_OUT: True}
        return Scenario.model_validate(self.data(values, is_spared=True), context=context)

    def data(self, values: Values, *, is_spared: bool = False) -> dict[str, Any]:
        """The document with these values.

        Parameters
        ----------
        values : mapping of path to value
        is_spared : bool
            Whether what they leave alone is given as it was validated, so that it is not read again.
        """
        if not is_spared or not self._middle:
            changed = copy.deepcopy(self._data)
            for path, value in values.items():
                set_at(changed, path, copy.deepcopy(value))
            return changed
        return {key: _spared(part, self._middle.get(key), (key,), values) for key, part in self._data.items()}

    def corners(self) -> Iterator[dict[KeyPath, Any]]:
        """Combinations of ends of two assumptions or more; none if there are too many."""
        ends = [[value for _, value in one.extremes] for one in self.assumptions]
        if len(ends) > 1 and np.prod([len(values) for values in ends], dtype=float) <= _MOST_CORNERS:
            for values in itertools.product(*ends):
                yield dict(zip((one.path for one in self.assumptions), values, strict=True))

    def words(self, values: Values) -> str:
        """Values with their names, in words."""
        known = {one.path: one for one in self.assumptions}
        return ", ".join(f"{known[path].name} is {known[path].words(value)}" for path, value in values.items())

    def _check_unchanged(self, scenario: Scenario) -> None:
        for place in self._places:
            own = getattr(scenario, place)
            if own is not self._middle[place] and own != self._middle[place]:
                raise InputError(f"{place} was changed, and its assumptions would undo that; change the scenario file")

    def _parts(self, seed: int, replications: int, number: int) -> tuple[dict[str, Any], PriceSheet]:
        """What is uncertain as it is in one replication, and the prices."""
        key = (seed, replications, number)
        if key not in self._kept:
            if len(self._kept) >= _KEPT:
                self._kept.clear()
            self._kept[key] = self._parts_at(self.values(*key), f"in replication {number}, where")
        return self._kept[key]

    def _parts_at(self, values: Values, where: str) -> tuple[dict[str, Any], PriceSheet]:
        try:
            variant = self.validated(values)
        except ValidationError as error:
            data = self.data(values)
            problems = problems_of(error, data, Places(), Outline(json_schema(), data))
            aside = f" ({where} {self.words(values)})"
            raise ScenarioError([replace(one, message=one.message + aside) for one in problems]) from error
        return {place: getattr(variant, place) for place in self._places}, variant.price_sheet


@lru_cache(maxsize=256)
def strata(seed: int, replications: int, name: str) -> NDArray[np.float64]:
    """Quantiles of one assumption, one in each stratum [k/n, (k + 1)/n), in random order.

    They depend on seed, number of replications and the assumption's own name alone: another assumption beside it, or
    another process, changes nothing.

    Returns
    -------
    ndarray of float64, shape (replications,)
        By number of replication, 0 to 1.
    """
    child = int.from_bytes(hashlib.sha256(name.encode()).digest()[:4])
    generator = Streams(seed, 0).generator("assumptions", child)
    quantiles: NDArray[np.float64] = (
        generator.permutation(replications) + generator.random(replications)
    ) / replications
    quantiles.flags.writeable = False
    return quantiles


def _remove(data: Any, path: KeyPath) -> None:
    for part in path[:-1]:
        if not (part in data if isinstance(data, dict) else isinstance(part, int) and part < len(data)):
            return
        data = data[part]
    if isinstance(data, dict):
        data.pop(path[-1], None)


def _differences(first: Any, second: Any, path: KeyPath) -> Iterator[KeyPath]:
    """Paths at which two JSON values differ."""
    if isinstance(first, dict) and isinstance(second, dict):
        for key in [*first, *(key for key in second if key not in first)]:
            if key not in first or key not in second:
                yield (*path, key)
            else:
                yield from _differences(first[key], second[key], (*path, key))
    elif isinstance(first, list) and isinstance(second, list) and len(first) == len(second):
        for number, (one, other) in enumerate(zip(first, second, strict=True)):
            yield from _differences(one, other, (*path, number))
    elif first != second:
        yield path


def _spared(data: Any, validated: Any, path: KeyPath, values: Values) -> Any:
    """A part of the document, models in place of what no value changes."""
    if path in values:
        return copy.deepcopy(values[path])
    if not any(other[: len(path)] == path for other in values):
        models = validated if isinstance(validated, list | tuple) else (validated,)
        return validated if models and all(isinstance(one, BaseModel) for one in models) else data
    if isinstance(data, Mapping):
        return {key: _spared(part, getattr(validated, key, None), (*path, key), values) for key, part in data.items()}
    parts = validated if isinstance(validated, list | tuple) else [None] * len(data)
    return [
        _spared(part, parts[number] if number < len(parts) else None, (*path, number), values)
        for number, part in enumerate(data)
    ]
