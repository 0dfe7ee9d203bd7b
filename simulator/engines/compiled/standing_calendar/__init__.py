"""Pools of standing instances beyond the plain rules: scaling, retries, patience, batches, in an event calendar."""

from simulator.engines.compiled.standing_calendar.calendar import StandingCalendar

__all__ = ["StandingCalendar"]
