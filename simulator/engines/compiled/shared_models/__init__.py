"""Pools of standing instances that models share, each loaded where it is used (model.md 7.1)."""

from simulator.engines.compiled.shared_models.shared import SharedModels

__all__ = ["SharedModels"]
