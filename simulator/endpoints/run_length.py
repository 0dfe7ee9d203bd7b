"""How long a run is and what the clock says at its beginning, as far as endpoints have to know it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class RunLength:
    """A run in which capacity may follow load and schedules.

    Parameters
    ----------
    horizon_ns : int
        More than 0. [ns]
    week_s : float
        Seconds since Monday 00:00, by the clock of the scenario's zone, at time 0. [s]
    """

    horizon_ns: int
    week_s: float = 0.0
