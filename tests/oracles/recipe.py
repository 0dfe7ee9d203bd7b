"""How an estimate is held against an exact value: neither by luck nor toothless.

A test makes `REPLICATIONS` independent runs. It passes if Student's t accepts the exact value (two sides at `LEVEL`,
fixed seeds), if the standard error is small enough that acceptance means something, if every known wrong answer lies
10 standard errors or more away, and if a truth 5 % wrong would be refused. Flags that are independent from request to
request are held against the exact binomial distribution instead.

Every row runs twice as coarse in the default suite, on a quarter of the requests; the full size is marked slow.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import stats

#: Root of every random number in this folder.
SEED = 20261125
REPLICATIONS = 32
#: Chance that a right engine fails one comparison, before the seeds were fixed.
LEVEL = 1e-4
#: The same for the exact binomial tests, which need no standard error.
BINOMIAL_LEVEL = 1e-6
#: How many standard errors away a known wrong answer has to lie.
KILL = 10.0


@dataclass(frozen=True)
class Size:
    """How large a test is, against the full size of its row."""

    name: str
    requests: float
    error: float


QUICK = Size("quick", requests=0.25, error=2.0)
FULL = Size("full", requests=1.0, error=1.0)

#: Decorator: the test runs in both sizes, the full one only when slow tests are asked for.
both_sizes = pytest.mark.parametrize(
    "size", [pytest.param(QUICK, id=QUICK.name), pytest.param(FULL, id=FULL.name, marks=pytest.mark.slow)]
)


@dataclass(frozen=True)
class Exact:
    """An exact value, how closely it has to be met, and answers that are known to be wrong.

    Parameters
    ----------
    value : float
        What the closed form says.
    error : float
        Greatest relative standard error of the full size; `Size.error` times that in another size.
    wrong : mapping of str to float
        Wrong model → its value.
    """

    value: float
    error: float
    wrong: Mapping[str, float] = field(default_factory=dict)


def generator(row: int, case: int, replication: int) -> np.random.Generator:
    """A stream that no other test shares."""
    return np.random.default_rng(np.random.SeedSequence(SEED, spawn_key=(row, case, replication)))


def replicate(
    one: Callable[[np.random.Generator], Mapping[str, float]], row: int, case: int = 0
) -> dict[str, NDArray[np.float64]]:
    """Estimates of all replications by name, from a function that makes one."""
    rows = [one(generator(row, case, replication)) for replication in range(REPLICATIONS)]
    return {name: np.array([row[name] for row in rows]) for name in rows[0]}


def accepts(estimates: NDArray[np.float64], truth: float) -> bool:
    """Whether Student's t takes `truth` for the mean of the estimates."""
    standard_error = estimates.std(ddof=1) / np.sqrt(len(estimates))
    limit = stats.t.ppf(1 - LEVEL / 2, len(estimates) - 1)
    return bool(abs(estimates.mean() - truth) <= limit * standard_error)


def check(estimates: Mapping[str, NDArray[np.float64]], exact: Mapping[str, Exact], size: Size) -> None:
    """Hold every estimate against its exact value; the message names the first that fails."""
    for name, truth in exact.items():
        values = estimates[name]
        standard_error = values.std(ddof=1) / np.sqrt(len(values))
        found = f"{name}: {values.mean():.6g} ± {standard_error:.2g}, exact {truth.value:.6g}"
        assert accepts(values, truth.value), f"{found}: refused"
        assert standard_error <= size.error * truth.error * abs(truth.value), f"{found}: too noisy to tell"
        for factor in (0.95, 1.05):
            assert not accepts(values, factor * truth.value), f"{found}: would accept {factor} of it"
        for model, value in truth.wrong.items():
            assert abs(value - truth.value) >= KILL * standard_error, f"{found}: cannot refuse {model}, {value:.6g}"


def check_flags(flags: NDArray[np.bool_], share: float, wrong: Mapping[str, float]) -> None:
    """Hold independent flags against the share of them that is true, and refuse the wrong shares."""

    def chance(truth: float) -> float:
        result: Any = stats.binomtest(int(flags.sum()), len(flags), truth)
        return float(result.pvalue)

    found = f"{flags.mean():.6g} of {len(flags)}, exact {share:.6g}"
    assert chance(share) > BINOMIAL_LEVEL, f"{found}: refused"
    for model, value in {"5 % less": 0.95 * share, "5 % more": 1.05 * share, **wrong}.items():
        assert chance(value) < BINOMIAL_LEVEL, f"{found}: cannot refuse {model}, {value:.6g}"
