"""Traffic: when requests arrive. One file a family; a new one is a class and one line here."""

from __future__ import annotations

from typing import Annotated

from pydantic import Discriminator

from simulator.traffic.arrivals import Arrivals
from simulator.traffic.bursty import Bursty
from simulator.traffic.clock import Clock
from simulator.traffic.counts import Counts
from simulator.traffic.diurnal import Diurnal
from simulator.traffic.drawn import summary_of, summary_of_minutes
from simulator.traffic.poisson import Poisson
from simulator.traffic.profile import Profile
from simulator.traffic.recorded import Recorded
from simulator.traffic.renewal import Renewal

#: Any traffic, told apart by `kind`.
Traffic = Annotated[
    Poisson | Diurnal | Profile | Bursty | Renewal | Recorded | Counts,
    Discriminator("kind"),
]

__all__ = ["Arrivals", "Clock", "Traffic", "summary_of", "summary_of_minutes"]
