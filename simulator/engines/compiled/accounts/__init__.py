"""Pools that launch on demand and share the limit of an account (model.md 7.2)."""

from simulator.engines.compiled.accounts.shared_account import SharedAccount

__all__ = ["SharedAccount"]
