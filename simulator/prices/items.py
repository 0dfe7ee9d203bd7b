"""Names of what can be charged for, and the unit in which each is priced."""

from __future__ import annotations

from typing import Final, Literal

Unit = Literal["s", "h", "GB-month", "GB", "GB-s", "GiB-s", "vCPU-s", "request", "ktoken"]

#: Family of items → unit of the price. An item is a family, or a family with a size: ``serverless.duration.2048MB``,
#: ``real_time.instance.ml.m5.xlarge``, ``function.duration.arm``. Families and units of SageMaker and AWS Lambda are
#: those of AWS's price list (usage types ServerlessInf, ProvisionedConcurrency:Usage, ProvisionedConcurrency:Mem, Host,
#: Host:VolumeUsage.gp2, Hst:Data-Bytes; Lambda-GB-Second, Lambda-Provisioned-Concurrency, Request), those of containers
#: are Google Cloud Run's. A ktoken is 1,000 tokens; items of managed APIs end in the id of a model, of model units
#: in the commitment after it.
UNITS: Final[dict[str, Unit]] = {
    "serverless.duration": "s",
    "serverless.provisioned_allocation": "s",
    "serverless.provisioned_duration": "s",
    "real_time.instance": "h",
    "real_time.storage": "GB-month",
    "data.in": "GB",
    "data.out": "GB",
    "function.duration": "GB-s",
    "function.provisioned_allocation": "GB-s",
    "function.provisioned_duration": "GB-s",
    "function.requests": "request",
    "function.ephemeral_storage": "GB-s",
    "container.vcpu": "vCPU-s",
    "container.memory": "GiB-s",
    "container.idle_vcpu": "vCPU-s",
    "container.idle_memory": "GiB-s",
    "container.instance_vcpu": "vCPU-s",
    "container.instance_memory": "GiB-s",
    "container.requests": "request",
    "managed_api.tokens_in": "ktoken",
    "managed_api.tokens_out": "ktoken",
    "managed_api.model_unit": "h",
}
#: Families whose items have a size.
SIZED: Final = frozenset(name for name in UNITS if name.startswith(("serverless.", "managed_api."))) | {
    "real_time.instance",
    "function.duration",
    "function.provisioned_allocation",
    "function.provisioned_duration",
}

STORAGE: Final = "real_time.storage"
DATA_IN: Final = "data.in"
DATA_OUT: Final = "data.out"
FUNCTION_REQUESTS: Final = "function.requests"
EPHEMERAL_STORAGE: Final = "function.ephemeral_storage"
CONTAINER_VCPU: Final = "container.vcpu"
CONTAINER_MEMORY: Final = "container.memory"
CONTAINER_IDLE_VCPU: Final = "container.idle_vcpu"
CONTAINER_IDLE_MEMORY: Final = "container.idle_memory"
CONTAINER_INSTANCE_VCPU: Final = "container.instance_vcpu"
CONTAINER_INSTANCE_MEMORY: Final = "container.instance_memory"
CONTAINER_REQUESTS: Final = "container.requests"


def duration_item(memory_size: int) -> str:
    """Item of a second of on-demand service on a memory size [MB]."""
    return f"serverless.duration.{memory_size}MB"


def provisioned_allocation_item(memory_size: int) -> str:
    """Item of a second for which one provisioned instance of a memory size [MB] is enabled."""
    return f"serverless.provisioned_allocation.{memory_size}MB"


def provisioned_duration_item(memory_size: int) -> str:
    """Item of a second of service on a provisioned instance of a memory size [MB]."""
    return f"serverless.provisioned_duration.{memory_size}MB"


def function_item(what: str, architecture: str) -> str:
    """Item of a GB-second of a function: ``duration`` or so, on an architecture."""
    return f"function.{what}.{architecture}"


def tokens_in_item(model_id: str) -> str:
    """Item of 1,000 tokens of requests to a model."""
    return f"managed_api.tokens_in.{model_id}"


def tokens_out_item(model_id: str) -> str:
    """Item of 1,000 tokens of responses of a model."""
    return f"managed_api.tokens_out.{model_id}"


def model_unit_item(model_id: str, commitment: str) -> str:
    """Item of an hour of one model unit: ``none``, ``1_month`` or ``6_months`` committed to."""
    return f"managed_api.model_unit.{model_id}.{commitment}"


def instance_item(instance_type: str) -> str:
    """Item of an hour of one instance of a type."""
    return f"real_time.instance.{instance_type}"


def family_of(item: str) -> str:
    """Family of an item.

    Raises
    ------
    ValueError
        If no family has this item; the message names the families.
    """
    for family in UNITS:
        if (item == family and family not in SIZED) or (item.startswith(f"{family}.") and family in SIZED):
            return family
    shapes = ", ".join(f"{family}.<size>" if family in SIZED else family for family in UNITS)
    raise ValueError(f'"{item}" is not an item that can be priced; items: {shapes}')
