"""Which of the uncertain assumptions matters, how much, and against chance."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from simulator.errors import InputError
from simulator.measures.components import Components, components
from simulator.measures.intervals import Estimate, mean
from simulator.measures.ranks import differs, rank_correlation, share_between_groups
from simulator.questions.sensitivity.one_at_a_time import Moving, OneAtATime
from simulator.questions.sensitivity.outputs import Output, Runner, outputs_of, studies_of, table_of
from simulator.questions.sensitivity.pairing import paired
from simulator.questions.sensitivity.sobol import Indices, sobol_indices
from simulator.scenario.assumptions import Assumption
from simulator.scenario.model import Scenario
from simulator.streams import Streams
from simulator.study.manifest import study_digest
from simulator.study.run import run_all

DEFAULT_DRAWS: Final = 64
DEFAULT_REPEATS: Final = 4
#: Fewer draws leave nothing to correlate; more scenarios than this are likelier a mistake.
LEAST_DRAWS: Final = 8
MOST_DRAWS: Final = 4096


@dataclass(frozen=True)
class Effect:
    """What one assumption does to one output.

    Parameters
    ----------
    assumption : Assumption
    correlation : Estimate
        Rank correlation with the mean over the traffic, −1 to 1; of a choice of words among more than two, the share of
        the variance of ranks between its options, 0 to 1.
    means : tuple of float
        Of a choice, the mean at each option in the unit of the output, NaN where it was not drawn; of a range empty.
    is_shown : bool
        Whether it shows an effect: all assumptions together are wrongly said to show one in at most 1 − level of cases
        (Bonferroni).
    """

    assumption: Assumption
    correlation: Estimate
    means: tuple[float, ...] = ()
    is_shown: bool = False


@dataclass(frozen=True)
class Finding:
    """One output under all draws.

    Parameters
    ----------
    output : Output
    mean : Estimate
        Over draws and traffic, its interval that of the mean over draws.
    components : Components
        Which part of its spread comes from where.
    effects : tuple of Effect
        One an assumption, in the order of the scenario.
    indices : Indices or None
        Sobol' indices, if they were asked for; one an assumption.
    """

    output: Output
    mean: Estimate
    components: Components
    effects: tuple[Effect, ...]
    indices: Indices | None = None


@dataclass(frozen=True)
class Sensitivity:
    """Everything about one scenario.

    Parameters
    ----------
    scenario : Scenario
    draws, repeats : int
        Draws of the assumptions, and realisations of the traffic that each of them met.
    findings : tuple of Finding
        One an output.
    alone : OneAtATime
        Each assumption moved alone.
    points : int
        Points of the Sobol' indices, 0 if they were not asked for.
    """

    scenario: Scenario
    draws: int
    repeats: int
    findings: tuple[Finding, ...]
    alone: OneAtATime
    points: int = 0

    def finding(self, measure: str, endpoint: str, less: str | None = None) -> Finding:
        """The finding on a measure of an endpoint, or on its difference from another.

        Raises
        ------
        InputError
            If there is none.
        """
        for one in self.findings:
            if (one.output.measure.name, one.output.endpoint, one.output.less) == (measure, endpoint, less):
                return one
        raise InputError(f"no finding on {measure} of {endpoint}{f' less {less}' if less else ''}")


@dataclass(frozen=True)
class Plan:
    """What is to be simulated.

    Parameters
    ----------
    scenario : Scenario
        With assumptions, and the seed of the traffic.
    draws, repeats : int
    outputs : tuple of Output
    with_sobol : bool
    """

    scenario: Scenario
    draws: int
    repeats: int
    outputs: tuple[Output, ...]
    with_sobol: bool

    @property
    def digest(self) -> str:
        """Name of the results."""
        asked = [
            study_digest(self.scenario),
            self.draws,
            self.repeats,
            self.with_sobol,
            *(o.name for o in self.outputs),
        ]
        return hashlib.sha256(" ".join(map(str, asked)).encode()).hexdigest()[:16]

    def folder(self, results: Path) -> Path:
        """The folder of its own files below the folder of all results."""
        return results / self.scenario.name / f"sensitivity-{self.digest}"

    def run(self, run: Runner) -> Sensitivity:
        """Simulate, and reckon.

        Raises
        ------
        KeyboardInterrupt
            If it was interrupted.
        """
        quantiles = paired(self.scenario.seed, self.draws, [one.name for one in self.scenario.assumed])
        moving = Moving(self.scenario, self.repeats)
        # In one go, so that no worker waits.
        studies = studies_of([*self._at(quantiles), *moving.scenarios()], run)
        values = table_of(islice(studies, self.draws), self.outputs)
        alone = moving.found(list(studies), run)
        inputs = {
            one.name: np.array([one.number(one.quantile(float(quantile))) for quantile in column])
            for one, column in zip(self.scenario.assumed, quantiles.T, strict=True)
        }
        points = 1 << (self.draws - 1).bit_length() if self.with_sobol else 0
        indices = self._indices(points, run) if points else [None] * len(self.outputs)
        level = self.scenario.confidence
        findings = tuple(
            Finding(
                output,
                mean([None if np.isnan(one) else float(one) for one in values[:, place].mean(axis=1)], level),
                components(values[:, place], level, Streams(self.scenario.seed, 0).generator("bootstrap", place)),
                _effects(self.scenario, inputs, values[:, place].mean(axis=1)),
                indices[place],
            )
            for place, output in enumerate(self.outputs)
        )
        return Sensitivity(self.scenario, self.draws, self.repeats, findings, alone, points)

    def _at(self, quantiles: NDArray[np.float64]) -> list[Scenario]:
        """Scenarios with assumptions at quantiles (scenarios, assumptions)."""
        return [
            self.scenario.with_values(
                {
                    one.name: one.quantile(float(quantile))
                    for one, quantile in zip(self.scenario.assumed, row, strict=True)
                }
            ).with_replications(self.repeats)
            for row in quantiles
        ]

    def _indices(self, points: int, run: Runner) -> list[Indices]:
        """Indices of the means over the traffic, which is the same at every point."""

        def function(quantiles: NDArray[np.float64]) -> NDArray[np.float64]:
            means: NDArray[np.float64] = table_of(studies_of(self._at(quantiles.T), run), self.outputs).mean(axis=2).T
            return means

        inputs = len(self.scenario.assumed)
        # Places beyond the outputs: their streams are apart from those of the components.
        generator = Streams(self.scenario.seed, 0).generator("bootstrap", len(self.outputs))
        return sobol_indices(function, inputs, points, self.scenario.confidence, generator)


def plan(
    scenario: Scenario,
    *,
    draws: int = DEFAULT_DRAWS,
    repeats: int = DEFAULT_REPEATS,
    measures: Sequence[str] = (),
    sobol: bool = False,
) -> Plan:
    """What is to be simulated for a scenario; parameters and errors as those of `sensitivity`."""
    if not scenario.assumed:
        raise InputError(
            f"nothing is uncertain in scenario {scenario.name!r}; give a range in place of a value, for example "
            "mean_rate: {between: [2/s, 6/s]}"
        )
    for name, value, least, most in (("draws", draws, LEAST_DRAWS, MOST_DRAWS), ("repeats", repeats, 2, MOST_DRAWS)):
        if not least <= value <= most:
            raise InputError(f"{name} is {value}, must be {least} to {most:,}")
    return Plan(scenario, draws, repeats, outputs_of(scenario, measures), sobol)


def sensitivity(
    scenario: Scenario,
    *,
    draws: int = DEFAULT_DRAWS,
    repeats: int = DEFAULT_REPEATS,
    measures: Sequence[str] = (),
    sobol: bool = False,
    **options: Any,
) -> Sensitivity:
    """Which uncertain assumption matters.

    Every draw of the assumptions meets the same realisations of the traffic. What a measure owes to assumptions and
    what to chance follows from that crossed design; which assumption it is, from rank correlations and, on request,
    Sobol' indices; each assumption moved alone shows what would change the answer.

    Parameters
    ----------
    scenario : Scenario
        With one assumption or more.
    draws : int
        8 to 4,096 draws of the assumptions, a Latin hypercube of hardly correlated columns.
    repeats : int
        2 or more realisations of the traffic under each.
    measures : sequence of str
        Which measures; by default the monthly cost and p99.
    sobol : bool
        Whether to reckon Sobol' indices: ``n·(assumptions + 2)`` more scenarios, n the next power of 2 from `draws` on.
    **options
        As in `simulator.study.run.run_all`.

    Raises
    ------
    InputError
        If nothing is uncertain or an argument is out of range.
    """
    wanted = plan(scenario, draws=draws, repeats=repeats, measures=measures, sobol=sobol)
    return wanted.run(lambda scenarios: run_all(scenarios, **options))


def has_order(one: Assumption) -> bool:
    """Whether its values can be ranked: numbers, or two options."""
    return one.scale is not None or len(one.options) == 2


def _effects(
    scenario: Scenario, inputs: dict[str, NDArray[np.float64]], means: NDArray[np.float64]
) -> tuple[Effect, ...]:
    effects = []
    joint = 1 - (1 - scenario.confidence) / len(scenario.assumed)
    for one in scenario.assumed:
        own = inputs[one.name]
        by_option = tuple(_mean(means[own == one.number(option)]) for option in one.options)
        if has_order(one):
            correlation = rank_correlation(own, means, scenario.confidence)
            strict = rank_correlation(own, means, joint)
            is_shown = strict.low is not None and strict.high is not None and not strict.low <= 0 <= strict.high
        else:
            correlation = share_between_groups(own, means, scenario.confidence)
            is_shown = differs(correlation, len(one.options), joint)
        effects.append(Effect(one, correlation, by_option, is_shown))
    return tuple(effects)


def _mean(values: NDArray[np.float64]) -> float:
    known = values[~np.isnan(values)]
    return float(known.mean()) if len(known) else np.nan
