"""Dated price sheets: what each thing costs, where that was read, and how sure it is."""

from __future__ import annotations

from simulator.prices.loading import DEFAULT_SHEET, list_sheets, load_sheet
from simulator.prices.sheet import FreeAllowance, Price, PriceSheet, Status, Tier

__all__ = ["DEFAULT_SHEET", "FreeAllowance", "Price", "PriceSheet", "Status", "Tier", "list_sheets", "load_sheet"]
