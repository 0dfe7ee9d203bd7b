"""Every kind of distribution of numbers of tokens, and pairs of them that were measured together."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar, Final

import numpy as np
from numpy.typing import NDArray
from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Discriminator,
    Field,
    PrivateAttr,
    ValidationInfo,
    model_validator,
)

from simulator.distributions.columns import CsvFile, folder_of, read_csv
from simulator.distributions.composed import Mixture, Part, Shifted
from simulator.distributions.empirical import Empirical
from simulator.distributions.short import constant_if_text
from simulator.distributions.simple import Constant, Exponential, Uniform
from simulator.distributions.skewed import Gamma, Lognormal, Weibull

#: Most tokens of a request; what an engine takes as a quota in a minute.
MOST_TOKENS: Final = 10**8
#: Parameters need not be whole; draws are, to the nearest number, half to even.
Tokens = Annotated[float, Field(strict=True, ge=0.0, le=MOST_TOKENS, allow_inf_nan=False)]


class ConstantTokens(Constant[Tokens]):
    """One number that never varies."""


class UniformTokens(Uniform[Tokens]):
    """Numbers between `low` and `high`, all alike."""


class ExponentialTokens(Exponential[Tokens]):
    """Exponential numbers by `mean`."""


class LognormalTokens(Lognormal[Tokens]):
    """Lognormal numbers by `mean` and `cv`, or by `p50` and `p99`."""


class GammaTokens(Gamma[Tokens]):
    """Gamma numbers by `mean` and `cv`."""


class WeibullTokens(Weibull[Tokens]):
    """Weibull numbers by `mean` and `cv`, or by `p50` and `p99`."""


class EmpiricalTokens(Empirical):
    """Measured numbers.

    Parameters
    ----------
    file, column : str
        CSV file, and header of the column.
    values : list of numbers
        Instead of a file.
    scale : float or none
        Every value is multiplied by this factor: more than 0, at most 10⁶.
    """

    factors: ClassVar[dict[str, float]] = {"tokens": 1.0}
    what: ClassVar[str] = "number"

    values: Annotated[tuple[Tokens, ...], Field(min_length=1)] | None = None

    @model_validator(mode="after")
    def _load(self, info: ValidationInfo) -> EmpiricalTokens:
        if not hasattr(self, "_sample"):
            self._read(folder_of(info), None if self.file is None else "tokens", self.values)
        return self


#: Those that are made of no other.
_Simple = (
    ConstantTokens | UniformTokens | ExponentialTokens | LognormalTokens | GammaTokens | WeibullTokens | EmpiricalTokens
)
_SimpleByKind = Annotated[_Simple, Discriminator("kind")]


class ShiftedTokens(
    Shifted[
        Tokens,
        Annotated[_SimpleByKind, BeforeValidator(constant_if_text, json_schema_input_type=float | _SimpleByKind)],
    ]
):
    """A constant `offset` plus a distribution."""


_PartByKind = Annotated[_Simple | ShiftedTokens, Discriminator("kind")]


class PartOfTokens(
    Part[Annotated[_PartByKind, BeforeValidator(constant_if_text, json_schema_input_type=float | _PartByKind)]]
):
    """One part of a mixture: `weight` and `of`."""


class MixtureTokens(Mixture[PartOfTokens]):
    """Each number comes from one of the `parts`, chosen at random."""


_ByKind = Annotated[_Simple | ShiftedTokens | MixtureTokens, Discriminator("kind")]
#: Any distribution of numbers of tokens; a plain number is short for a constant.
TokenDistribution = Annotated[_ByKind, BeforeValidator(constant_if_text, json_schema_input_type=float | _ByKind)]


@dataclass(frozen=True, eq=False)
class Pairs:
    """Tokens in and out that were measured together, whole numbers; equal if read from the same content alike."""

    tokens_in: NDArray[np.int64]
    tokens_out: NDArray[np.int64]
    digest: str

    def __len__(self) -> int:
        return len(self.tokens_in)

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, Pairs)
            and self.digest == other.digest
            and np.array_equal(self.tokens_in, other.tokens_in)
            and np.array_equal(self.tokens_out, other.tokens_out)
        )

    def __hash__(self) -> int:
        return hash((self.digest, len(self)))

    def ordered(self) -> Pairs:
        """In order of tokens out, then of tokens in: a larger draw never gives a shorter response (coupling)."""
        return self.rows(np.lexsort((self.tokens_in, self.tokens_out)))

    def rows(self, wanted: NDArray[np.int64] | list[int]) -> Pairs:
        """Some of them, in the order given."""
        return Pairs(self.tokens_in[wanted], self.tokens_out[wanted], self.digest)


def read_pairs(content: CsvFile, tokens_in: str, tokens_out: str) -> Pairs:
    """The pairs of two columns of a file, in its order.

    Raises
    ------
    ValueError
        Naming the first cell that is no whole number from 0 to `MOST_TOKENS`.
    """
    columns = []
    for column in content.columns(tokens_in, tokens_out):
        allowed = f"a whole number of tokens, 0 to {MOST_TOKENS:,}"
        numbers = column.numbers(allowed)
        bad = np.flatnonzero((numbers != np.rint(numbers)) | (numbers > MOST_TOKENS))
        if len(bad):
            raise column.problem(int(bad[0]), f"{column.texts[bad[0]]} cannot be used; must be {allowed}")
        columns.append(numbers.astype(np.int64))
    return Pairs(columns[0], columns[1], content.digest)


class TokenPairs(BaseModel):
    """Tokens in and out of requests that were measured together: each request gets those of a row drawn at random.

    Parameters
    ----------
    file : str
        CSV file with a header.
    tokens_in, tokens_out : str
        Headers of the columns.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    file: str = Field(description="CSV file with a header.")
    tokens_in: str = Field(description="Header of the column of tokens of requests.")
    tokens_out: str = Field(description="Header of the column of tokens of responses.")

    _pairs: Pairs = PrivateAttr()

    @model_validator(mode="after")
    def _load(self, info: ValidationInfo) -> TokenPairs:
        if not hasattr(self, "_pairs"):
            self._pairs = read_pairs(read_csv(self.file, folder_of(info)), self.tokens_in, self.tokens_out).ordered()
        return self

    @property
    def pairs(self) -> Pairs:
        """All of them, in order of tokens out, then of tokens in."""
        return self._pairs

    @property
    def digest(self) -> str:
        """SHA-256 of the file."""
        return self._pairs.digest
