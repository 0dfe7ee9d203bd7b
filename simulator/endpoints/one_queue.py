"""What kinds have whose requests wait in one queue until a worker is free: time limits, and translation into a pool."""

from __future__ import annotations

from typing import Literal

from pydantic import ValidationInfo

from simulator.endpoints.on_demand import ON_TIMEOUT, OnTimeoutName
from simulator.endpoints.on_instances import is_sagemaker
from simulator.endpoints.platforms import limit_ns
from simulator.engines.pool import Pool, Routing, TimeoutFrom
from simulator.units import duration_text


def allowed_on_sagemaker(
    value: float | Literal["none"], info: ValidationInfo, least: float, most: float
) -> float | Literal["none"]:
    """The time limit, if SageMaker allows it or the instances are not SageMaker's.

    Parameters
    ----------
    value : float or "none"
        A time limit. [s]
    info : ValidationInfo
        Of a field after `instance_type`.
    least, most : float
        What SageMaker allows. [s]

    Raises
    ------
    ValueError
        If it is outside.
    """
    if is_sagemaker(info.data.get("instance_type", "")) and (value == "none" or not least <= value <= most):
        shown = value if value == "none" else duration_text(value)
        raise ValueError(
            f'"{shown}" is not allowed on SageMaker, must be {duration_text(least)} to {duration_text(most)}'
        )
    return value


def in_one_queue(workers: int, invocation_timeout: float | Literal["none"], on_timeout: OnTimeoutName) -> Pool:
    """A pool without an instance yet, whose requests wait without limit for the first worker that is free.

    Parameters
    ----------
    workers : int
        Requests that an instance serves at once. 1 or more.
    invocation_timeout : float or "none"
        From the start of service. [s]
    on_timeout : {"serve_on", "stop"}
        What becomes of a service that takes longer.
    """
    return Pool(
        standing=0,
        launches=False,
        places=workers,
        routing=Routing.CENTRAL_QUEUE,
        timeout_ns=limit_ns(invocation_timeout),
        timeout_from=TimeoutFrom.START,
        on_timeout=ON_TIMEOUT[on_timeout],
        waits_for_capacity=True,
    )
