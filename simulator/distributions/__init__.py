"""Distributions of service and startup times, idle timeouts, lifetimes and payload sizes.

A new family is one generic class, and one class and one line in `durations` and in `sizes`.
"""

from __future__ import annotations

from simulator.distributions.distribution import Distribution
from simulator.distributions.durations import DurationDistribution
from simulator.distributions.sampler import Sampler
from simulator.distributions.sizes import SizeDistribution
from simulator.distributions.tokens import TokenDistribution, TokenPairs

__all__ = ["Distribution", "DurationDistribution", "Sampler", "SizeDistribution", "TokenDistribution", "TokenPairs"]
