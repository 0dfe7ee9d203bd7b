"""Kinds of endpoint: their fields, their limits, and their translation into a pool.

A new kind is one file and one line in `Endpoint`.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import Discriminator

from simulator.endpoints.asynchronous import Asynchronous
from simulator.endpoints.autoscaling import autoscaling_of
from simulator.endpoints.batch_transform import BatchTransform
from simulator.endpoints.container import Container
from simulator.endpoints.function import Function
from simulator.endpoints.managed_api import ManagedApi
from simulator.endpoints.multi_model import MultiModel
from simulator.endpoints.on_demand import OnDemand
from simulator.endpoints.on_instances import OnInstances
from simulator.endpoints.real_time import RealTime
from simulator.endpoints.run_length import RunLength
from simulator.endpoints.serverless import Serverless

#: Any kind of endpoint.
Endpoint = Annotated[
    Serverless | RealTime | Asynchronous | BatchTransform | Function | Container | ManagedApi | MultiModel,
    Discriminator("kind"),
]

__all__ = [
    "Asynchronous",
    "BatchTransform",
    "Container",
    "Endpoint",
    "Function",
    "ManagedApi",
    "MultiModel",
    "OnDemand",
    "OnInstances",
    "RealTime",
    "RunLength",
    "Serverless",
    "autoscaling_of",
]
