"""Traffic: when requests arrive. One file a family; a new one is a class and one line here."""

from __future__ import annotations

from typing import Annotated

from pydantic import Discriminator

from simulator.traffic.arrivals import Arrivals
from simulator.traffic.batches import Batches
from simulator.traffic.burstier import Burstier
from simulator.traffic.bursty import Bursty
from simulator.traffic.clock import Clock
from simulator.traffic.closed import NO_RATE, Closed
from simulator.traffic.counts import Counts
from simulator.traffic.diurnal import Diurnal
from simulator.traffic.drawn import MinuteTally, summary_of
from simulator.traffic.flash_crowd import FlashCrowd
from simulator.traffic.growth import Growth
from simulator.traffic.hawkes import Hawkes
from simulator.traffic.lognormal_cox import LognormalCox
from simulator.traffic.outage import Outage
from simulator.traffic.periodic import Periodic
from simulator.traffic.poisson import Poisson
from simulator.traffic.profile import Profile
from simulator.traffic.ramp import Ramp
from simulator.traffic.recorded import Recorded
from simulator.traffic.renewal import Renewal
from simulator.traffic.sessions import Sessions
from simulator.traffic.superposition import Superposition

#: Any traffic, told apart by `kind`.
Traffic = Annotated[
    Poisson
    | Diurnal
    | Profile
    | Bursty
    | Renewal
    | Hawkes
    | Sessions
    | Batches
    | LognormalCox
    | Recorded
    | Counts
    | FlashCrowd
    | Ramp
    | Growth
    | Periodic
    | Superposition
    | Outage
    | Burstier
    | Closed,
    Discriminator("kind"),
]
# Kinds that hold other traffic know all of it only here.
for _kind in (Superposition, Outage, Burstier, LognormalCox):
    _kind.model_rebuild(_types_namespace={"Traffic": Traffic})

__all__ = ["NO_RATE", "Arrivals", "Clock", "Closed", "MinuteTally", "Traffic", "summary_of"]
