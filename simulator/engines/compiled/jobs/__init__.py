"""Jobs that serve together what has come since the one before (model.md 4.7)."""

from simulator.engines.compiled.jobs.job_pool import JobPool

__all__ = ["JobPool"]
