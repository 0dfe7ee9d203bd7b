"""Pools that launch on demand and whose rows depend on later ones (model.md 3.1, 4.3): an event calendar."""

from simulator.engines.compiled.launching_calendar.calendar import LaunchingCalendar

__all__ = ["LaunchingCalendar"]
