"""Does the model predict the cold starts that somebody recorded? AWS Lambda under known traffic, replayed.

The recording gives send times, times until the answer and cold flags, of 28 h each [1]_. A replay takes the send
times as they are; each request occupies its instance for the time its client waited. That time holds the startup,
so startup is 0, and it holds the way there and back, so an instance is taken to be busy a little too long. Nothing is
fitted to these cold flags but the idle timeout, 640 s, which was read off the idle gaps of the same recording.

References
----------
.. [1] N. Mahmoudi and H. Khazaei, "Performance Modeling of Serverless Computing Platforms", IEEE Transactions on
   Cloud Computing, 2020; data of github.com/pacslab/serverless-performance-modeling (MIT).
"""

from __future__ import annotations

import csv
import gzip
from dataclasses import dataclass
from importlib.resources import files
from typing import Final

import numpy as np
from numpy.typing import NDArray

from simulator.engines.compiled import simulate
from simulator.engines.pool import IDLE_ROUTINGS, Pool, Routing
from simulator.engines.tables import Demand
from simulator.units import FOREVER, NS_PER_SECOND, array_to_ns

#: Longest idle gap still warm 633 s, shortest cold 646 s in the sparse experiments.
IDLE_TIMEOUT_S: Final = 640
#: Lifetimes tried: none, and about 2 h, as others measured on AWS Lambda.
LIFETIMES_S: Final = (None, 7200)
#: Random idle routing has an answer for each stream of draws; so many are averaged.
RANDOM_REPLAYS: Final = 20
_SEED: Final = 20261125
_FILE: Final = "data/measurements/lambda_poisson_2020.csv.gz"


@dataclass(frozen=True, eq=False)
class Recording:
    """One experiment, n requests in order of sending.

    Parameters
    ----------
    name : str
        When it started.
    sent_ns, busy_ns : ndarray of int64, shape (n,)
        When the client sent it, and until when it waited from there. [ns]
    is_cold : ndarray of bool, shape (n,)
        As the instance reported it.
    """

    name: str
    sent_ns: NDArray[np.int64]
    busy_ns: NDArray[np.int64]
    is_cold: NDArray[np.bool_]

    @property
    def rate_per_min(self) -> float:
        """Requests a minute."""
        return float((len(self.sent_ns) - 1) / (self.sent_ns[-1] / (60 * NS_PER_SECOND)))


@dataclass(frozen=True)
class Rule:
    """What nobody publishes: which idle instance serves, and how old an instance may become.

    Parameters
    ----------
    routing : Routing
        One of `IDLE_ROUTINGS`.
    lifetime_s : int or None
        None for no limit. [s]
    """

    routing: Routing
    lifetime_s: int | None


@dataclass(frozen=True)
class Prediction:
    """Cold starts of one recording by one rule, in the mean over replays.

    Parameters
    ----------
    cold : float
        Requests predicted to be cold.
    right : float
        Of them, those that were.
    """

    cold: float
    right: float


#: Every idle routing, without and with a lifetime.
RULES: Final = tuple(Rule(routing, lifetime_s) for lifetime_s in LIFETIMES_S for routing in sorted(IDLE_ROUTINGS))


def recordings() -> list[Recording]:
    """The bundled experiments, the sparsest first."""
    with (
        files("simulator").joinpath(_FILE).open("rb") as packed,
        gzip.open(packed, "rt", encoding="ascii") as text,
    ):
        rows = list(csv.DictReader(text))
    by_name: dict[str, list[dict[str, str]]] = {}
    for row in rows:
        by_name.setdefault(row["experiment"], []).append(row)
    found = [
        Recording(
            name,
            array_to_ns(np.array([float(row["t_s"]) for row in part])),
            array_to_ns(np.array([float(row["client_ms"]) for row in part]) / 1e3, 1),
            np.array([row["is_cold"] == "1" for row in part]),
        )
        for name, part in by_name.items()
    ]
    return sorted(found, key=lambda recording: recording.rate_per_min)


def replay(recording: Recording, rule: Rule, replication: int = 0) -> NDArray[np.bool_]:
    """Predicted cold flags of a recording.

    One instance is there at the start, because the first request of every recording was warm; its age then is not
    known and taken as 0.

    Parameters
    ----------
    recording : Recording
        n requests.
    rule : Rule
        What is supposed.
    replication : int
        Which stream of draws random idle routing uses.

    Returns
    -------
    ndarray of bool, shape (n,)
        In order of sending.
    """
    draws = np.random.default_rng(np.random.SeedSequence(_SEED, spawn_key=(replication,)))
    is_random = rule.routing is Routing.RANDOM_IDLE
    demand = Demand.from_arrays(
        arrival_ns=recording.sent_ns,
        service_ns=recording.busy_ns,
        idle_timeout_ns=IDLE_TIMEOUT_S * NS_PER_SECOND,
        lifetime_ns=FOREVER if rule.lifetime_s is None else rule.lifetime_s * NS_PER_SECOND,
        routing=draws.random(len(recording.sent_ns)) if is_random else 0.0,
    )
    pool = Pool(standing=0, launches=True, routing=rule.routing, starts_warm=True)
    return simulate(pool, demand).requests.is_cold


def predict(recording: Recording, rule: Rule) -> Prediction:
    """Predicted cold starts of a recording, and how many of them were cold."""
    replays = range(RANDOM_REPLAYS if rule.routing is Routing.RANDOM_IDLE else 1)
    flags = np.array([replay(recording, rule, number) for number in replays])
    return Prediction(float(flags.sum(axis=1).mean()), float((flags & recording.is_cold).sum(axis=1).mean()))


def table() -> str:
    """Predicted against observed cold starts as a Markdown table: one row an experiment, one column a rule.

    A cell holds the predicted number and, in brackets, how many of those requests were cold indeed.
    """
    found = recordings()
    head = ["requests/min", "requests", "observed", *(_heading(rule) for rule in RULES)]
    rows, totals = [], [Prediction(0.0, 0.0)] * len(RULES)
    for recording in found:
        predictions = [predict(recording, rule) for rule in RULES]
        totals = [Prediction(a.cold + b.cold, a.right + b.right) for a, b in zip(totals, predictions, strict=True)]
        facts = [f"{recording.rate_per_min:.3f}", f"{len(recording.is_cold):,}", str(int(recording.is_cold.sum()))]
        rows.append([*facts, *map(_cell, predictions)])
    requests = sum(len(recording.is_cold) for recording in found)
    observed = sum(int(recording.is_cold.sum()) for recording in found)
    rows.append(["all", f"{requests:,}", str(observed), *map(_cell, totals)])
    return "".join(f"| {' | '.join(row)} |\n" for row in [head, ["---:" for _ in head], *rows])


def _heading(rule: Rule) -> str:
    lifetime = "no lifetime" if rule.lifetime_s is None else f"{rule.lifetime_s // 3600} h"
    return f"{rule.routing.name.lower().removesuffix('_idle').replace('_', ' ')}, {lifetime}"


def _cell(prediction: Prediction) -> str:
    return f"{prediction.cold:.0f} ({prediction.right:.0f})"
