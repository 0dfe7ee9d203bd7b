"""Kinds of endpoint: their fields, their limits, and their translation into a pool.

A new kind is one file and one line in `Endpoint`.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import Discriminator

from simulator.endpoints.real_time import RealTime
from simulator.endpoints.serverless import Serverless

#: Any kind of endpoint.
Endpoint = Annotated[Serverless | RealTime, Discriminator("kind")]

__all__ = ["Endpoint", "RealTime", "Serverless"]
