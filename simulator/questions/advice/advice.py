"""What a study's numbers advise: each piece of advice only where its interval decides it, with those numbers.

Nothing is said where replications leave it open, where fewer than two of them finished, or where a rule needs
something that the scenario does not tell: no field holds the memory that a model needs, so memory is judged only
where a smaller size was simulated beside a larger one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final

from simulator.endpoints import Endpoint
from simulator.questions.advice import on_instances as instances
from simulator.questions.advice import on_serverless as serverless
from simulator.questions.advice.findings import Advice, Findings
from simulator.study.results import Study

#: In the order in which an endpoint's advice is read.
_RULES: Final[tuple[Callable[[Findings, Endpoint], Iterator[Advice]], ...]] = (
    instances.overloaded,
    instances.underused,
    instances.idle,
    serverless.outgrown,
    serverless.needless_provisioned,
    serverless.idle_provisioned,
    serverless.large_memory,
    serverless.limit,
)


def advise(study: Study) -> list[Advice]:
    """Advice by endpoint, in the order of the scenario."""
    if len(study.records) < 2:
        return []
    facts = Findings(study)
    return [advice for endpoint in facts.endpoints for rule in _RULES for advice in rule(facts, endpoint)]
