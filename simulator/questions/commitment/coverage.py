"""What a plan covers: usage of instances for sure, of serverless endpoints only if somebody says so."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from simulator.endpoints import Asynchronous, BatchTransform, Endpoint, OnInstances, Serverless


@dataclass(frozen=True)
class Coverage:
    """Which kinds of usage a plan covers.

    Real-time inference and batch transform are in AWS's own list, as quoted. Asynchronous instances are not named there
    and cost what real-time ones cost. Of serverless endpoints sources of 2026 say both; AWS's list does not name them
    [1]_. Both are *assumptions*.

    Parameters
    ----------
    serverless, asynchronous : bool

    References
    ----------
    .. [1] AWS, SageMaker AI Savings Plans, pricing page, as quoted by third parties in May and June of 2026.
    """

    serverless: bool = False
    asynchronous: bool = True

    def covers(self, endpoint: Endpoint) -> bool:
        """Whether usage of an endpoint is covered."""
        if isinstance(endpoint, Serverless):
            return self.serverless
        return isinstance(endpoint, OnInstances | BatchTransform) and (
            self.asynchronous or not isinstance(endpoint, Asynchronous)
        )

    def why_not(self, endpoint: Endpoint) -> str:
        """For messages: why usage of an endpoint that is not covered is not."""
        if isinstance(endpoint, Serverless):
            return (
                "commitments are for instances by the hour; --serverless takes it that plans cover serverless endpoints"
            )
        if isinstance(endpoint, Asynchronous):
            return "commitments are taken not to cover asynchronous endpoints"
        return "commitments are for instances by the hour"

    def remarks(self) -> tuple[str, ...]:
        """What a reader of an answer must know of it."""
        serverless = (
            "Serverless endpoints are taken to be covered (--serverless): sources disagree, and AWS's list does not "
            "name them. Ask before you commit."
            if self.serverless
            else "Serverless endpoints are not covered: AWS lists usage of instances alone."
        )
        if self.asynchronous:
            return (serverless,)
        return serverless, "Asynchronous endpoints are taken not to be covered (--no-asynchronous)."


#: Instances, asynchronous ones too, and nothing else.
AS_LISTED: Final = Coverage()
