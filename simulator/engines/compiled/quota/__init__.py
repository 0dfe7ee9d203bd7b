"""Pools that serve whatever a quota lets through, at once."""

from simulator.engines.compiled.quota.pool import QuotaPool

__all__ = ["QuotaPool"]
