"""The compiled engine: each row settled at its own arrival, in Numba kernels named like the rules of the model."""

from simulator.engines.compiled.simulation import Simulation, simulate

__all__ = ["Simulation", "simulate"]
