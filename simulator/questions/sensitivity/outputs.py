"""Numbers that a question follows through many scenarios: a measure of an endpoint, or its difference from another."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from simulator.errors import InputError
from simulator.measures.catalogue import Measure, UnknownMeasureError, find
from simulator.scenario.model import Scenario
from simulator.study.results import Study

#: Runs studies of scenarios, in their order.
Runner = Callable[[Sequence[Scenario]], list[Study]]
#: Studies that run at the same time: each holds two files open, and systems allow a process about a thousand.
TOGETHER: Final = 100
#: Followed if no measure is asked for.
_DEFAULT: Final = ("monthly_cost", "p99")


@dataclass(frozen=True)
class Output:
    """One number of each replication.

    Parameters
    ----------
    endpoint : str
    measure : Measure
        In its unit.
    less : str or None
        Endpoint whose measure is taken off, replication by replication.
    """

    endpoint: str
    measure: Measure
    less: str | None = None

    @property
    def name(self) -> str:
        """For people: ``monthly_cost of a less b``."""
        return f"{self.measure.name} of {self.endpoint}" + (f" less {self.less}" if self.less is not None else "")

    def values(self, study: Study) -> list[float]:
        """One a replication, in order of number; NaN where there is none."""
        own = study.sample(self.endpoint).column(self.measure.name)
        if self.less is None:
            return [math.nan if value is None else float(value) for value in own]
        others = study.sample(self.less).column(self.measure.name)
        return [math.nan if a is None or b is None else float(a - b) for a, b in zip(own, others, strict=True)]


def outputs_of(scenario: Scenario, names: Sequence[str] = ()) -> tuple[Output, ...]:
    """Measures of every endpoint, then their differences from the baseline.

    Parameters
    ----------
    scenario : Scenario
    names : sequence of str
        Of measures; by default the monthly cost and p99.

    Raises
    ------
    InputError
        If a measure has no value of its own in each replication, or there is none of that name.
    """
    measures = [_measure(name) for name in dict.fromkeys(names or _DEFAULT)]
    endpoints = [endpoint.name for endpoint in scenario.endpoints]
    own = [Output(endpoint, measure) for measure in measures for endpoint in endpoints]
    differences = [
        Output(endpoint, measure, scenario.baseline)
        for measure in measures
        for endpoint in endpoints
        if endpoint != scenario.baseline
    ]
    return (*own, *differences)


def _measure(name: str) -> Measure:
    try:
        return find(name)
    except UnknownMeasureError as error:
        raise InputError(str(error)) from None


def studies_of(scenarios: Sequence[Scenario], run: Runner) -> Iterator[Study]:
    """Studies of scenarios in their order, some at a time, so that memory does not grow with their number.

    Raises
    ------
    KeyboardInterrupt
        If one of them was interrupted; what had finished is on disk where results are kept.
    """
    for first in range(0, len(scenarios), TOGETHER):
        for study in run(scenarios[first : first + TOGETHER]):
            if not study.complete:
                raise KeyboardInterrupt
            yield study


def table_of(studies: Iterable[Study], outputs: Sequence[Output]) -> NDArray[np.float64]:
    """Values of outputs in every replication of studies, all of which have as many.

    Returns
    -------
    ndarray of float64, shape (studies, outputs, replications)
        NaN where there is no value.
    """
    return np.array([[output.values(study) for output in outputs] for study in studies])
