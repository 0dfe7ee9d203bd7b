"""Every kind of distribution of sizes, in bytes."""

from __future__ import annotations

from typing import Annotated

from pydantic import BeforeValidator, Discriminator

from simulator.distributions.composed import Mixture, Part, Shifted
from simulator.distributions.empirical import EmpiricalSize
from simulator.distributions.short import constant_if_text
from simulator.distributions.simple import Constant, Exponential, Uniform
from simulator.distributions.skewed import Gamma, Lognormal, Weibull
from simulator.units import Bytes


class ConstantSize(Constant[Bytes]):
    """One size that never varies."""


class UniformSize(Uniform[Bytes]):
    """Sizes between `low` and `high`, all alike."""


class ExponentialSize(Exponential[Bytes]):
    """Exponential sizes by `mean`."""


class LognormalSize(Lognormal[Bytes]):
    """Lognormal sizes by `mean` and `cv`, or by `p50` and `p99`."""


class GammaSize(Gamma[Bytes]):
    """Gamma sizes by `mean` and `cv`."""


class WeibullSize(Weibull[Bytes]):
    """Weibull sizes by `mean` and `cv`, or by `p50` and `p99`."""


#: Those that are made of no other.
_Simple = ConstantSize | UniformSize | ExponentialSize | LognormalSize | GammaSize | WeibullSize | EmpiricalSize
_SimpleByKind = Annotated[_Simple, Discriminator("kind")]


class ShiftedSize(
    Shifted[
        Bytes,
        Annotated[_SimpleByKind, BeforeValidator(constant_if_text, json_schema_input_type=Bytes | _SimpleByKind)],
    ]
):
    """A constant `offset` plus a distribution."""


_PartByKind = Annotated[_Simple | ShiftedSize, Discriminator("kind")]


class PartOfSizes(
    Part[Annotated[_PartByKind, BeforeValidator(constant_if_text, json_schema_input_type=Bytes | _PartByKind)]]
):
    """One part of a mixture: `weight` and `of`."""


class MixtureSize(Mixture[PartOfSizes]):
    """Each size comes from one of the `parts`, chosen at random."""


_SizeByKind = Annotated[_Simple | ShiftedSize | MixtureSize, Discriminator("kind")]
#: Any distribution of sizes; a plain text such as ``20kB`` is short for a constant.
SizeDistribution = Annotated[_SizeByKind, BeforeValidator(constant_if_text, json_schema_input_type=Bytes | _SizeByKind)]
