"""Every kind of distribution of durations, in seconds."""

from __future__ import annotations

from typing import Annotated

from pydantic import BeforeValidator, Discriminator

from simulator.distributions.composed import Mixture, Part, Shifted
from simulator.distributions.empirical import EmpiricalDuration
from simulator.distributions.short import constant_if_text
from simulator.distributions.simple import Constant, Exponential, Uniform
from simulator.distributions.skewed import Gamma, Lognormal, Weibull
from simulator.units import Seconds


class ConstantDuration(Constant[Seconds]):
    """One duration that never varies."""


class UniformDuration(Uniform[Seconds]):
    """Durations between `low` and `high`, all alike."""


class ExponentialDuration(Exponential[Seconds]):
    """Exponential durations by `mean`."""


class LognormalDuration(Lognormal[Seconds]):
    """Lognormal durations by `mean` and `cv`, or by `p50` and `p99`."""


class GammaDuration(Gamma[Seconds]):
    """Gamma durations by `mean` and `cv`."""


class WeibullDuration(Weibull[Seconds]):
    """Weibull durations by `mean` and `cv`, or by `p50` and `p99`."""


#: Those that are made of no other.
_Simple = (
    ConstantDuration
    | UniformDuration
    | ExponentialDuration
    | LognormalDuration
    | GammaDuration
    | WeibullDuration
    | EmpiricalDuration
)
_SimpleByKind = Annotated[_Simple, Discriminator("kind")]


class ShiftedDuration(
    Shifted[
        Seconds,
        Annotated[_SimpleByKind, BeforeValidator(constant_if_text, json_schema_input_type=Seconds | _SimpleByKind)],
    ]
):
    """A constant `offset` plus a distribution."""


_PartByKind = Annotated[_Simple | ShiftedDuration, Discriminator("kind")]


class PartOfDurations(
    Part[Annotated[_PartByKind, BeforeValidator(constant_if_text, json_schema_input_type=Seconds | _PartByKind)]]
):
    """One part of a mixture: `weight` and `of`."""


class MixtureDuration(Mixture[PartOfDurations]):
    """Each duration comes from one of the `parts`, chosen at random."""


_DurationByKind = Annotated[_Simple | ShiftedDuration | MixtureDuration, Discriminator("kind")]
#: Any distribution of durations; a plain text such as ``250ms`` is short for a constant.
DurationDistribution = Annotated[
    _DurationByKind, BeforeValidator(constant_if_text, json_schema_input_type=Seconds | _DurationByKind)
]
