"""Where the pools of an account are simulated together (model.md 7.2)."""

from simulator.engines.compiled.accounts import SharedAccount

__all__ = ["SharedAccount"]
