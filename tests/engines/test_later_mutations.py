"""Deliberate faults in lines, retries, batches and scaling are caught, as in `test_mutations`.

The cases are those worked out on paper (`scaling_by_hand`) and the tie-heavy ones on which the two engines are compared
(`test_later_agreement`). A fault is caught if some case comes out otherwise than from the unchanged engine, and has to
leave some other as it was. To break off is not enough.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from itertools import chain, count
from typing import Any, Literal, NamedTuple

import pytest

from simulator.engines import reference
from simulator.engines.tables import Run
from tests.engines import cases, later_cases
from tests.engines.later_cases import Later
from tests.engines.mutating import engine_with
from tests.engines.scaling_by_hand import GOLDEN

pytestmark = pytest.mark.thorough

SEED = 20261125
Kind = Literal["launching", "standing", "scaling"]
LAUNCHING: Kind = "launching"
STANDING: Kind = "standing"
SCALING: Kind = "scaling"


class Fault(NamedTuple):
    """On which pools it shows, what is wrong, the text replaced, and the text put in its place."""

    kind: Kind
    words: str
    old: str
    new: str


RETRY_FROM = "later(ended_ns, retry_delay_ns(self._delays_ns[index - 1], draw))"
FAULTS = [
    # Claims.
    Fault(
        LAUNCHING,
        "a further claim is not occupied",
        "            with_room[0].claims += 1\n            self.occupied += 1\n",
        "            with_room[0].claims += 1\n            self.occupied += 0\n",
    ),
    Fault(LAUNCHING, "one claim more than places", "one.claims < self.pool.places]", "one.claims <= self.pool.places]"),
    Fault(
        LAUNCHING, "one claim ends when an instance is ready", "self.occupied -= instance.claims", "self.occupied -= 1"
    ),
    # The line.
    Fault(
        LAUNCHING,
        "last in line first",
        "        first = next(iter(self.line))\n        self.line.pop(first).succeed(instance)\n",
        "        first = next(reversed(self.line))\n        self.line.pop(first).succeed(instance)\n",
    ),
    Fault(
        LAUNCHING,
        "a release hands over nothing while the instance holds others",
        "        elif self.line:\n",
        "        elif self.line and instance.busy == 0:\n",
    ),
    Fault(
        LAUNCHING,
        "a ready instance takes one from the line",
        "        while self.line and instance.busy < self.pool.places:\n",
        "        if self.line and instance.busy < self.pool.places:\n",
    ),
    Fault(
        LAUNCHING,
        "a ready instance that finds nobody lives for ever",
        "launched_for.number, launched_for.idle_timeout_ns",
        "launched_for.number, FOREVER",
    ),
    Fault(
        LAUNCHING,
        "the queue limit counts the whole line",
        "self.in_line_from_limit >= self.pool.queue_limit",
        "len(self.line) >= self.pool.queue_limit",
    ),
    Fault(
        LAUNCHING,
        "one more than the queue limit",
        "self.in_line_from_limit >= self.pool.queue_limit",
        "self.in_line_from_limit > self.pool.queue_limit",
    ),
    Fault(
        LAUNCHING,
        "who leaves the line keeps a place of the queue limit",
        "        self.in_line_from_limit -= 1\n",
        "        self.in_line_from_limit -= instance is not None\n",
    ),
    Fault(
        LAUNCHING,
        "a failed launch lets nobody in",
        "        self.occupied -= 1\n        self.admit_first()\n",
        "        self.occupied -= 1\n",
    ),
    # Several places.
    Fault(
        LAUNCHING,
        "of shared instances the highest number",
        "kind.shared[min(kind.shared)]",
        "kind.shared[max(kind.shared)]",
    ),
    Fault(LAUNCHING, "idle instances before shared ones", "if kind.shared:", "if kind.shared and not kind.idle:"),
    # Stopped services.
    Fault(
        LAUNCHING,
        "a stopped instance serves on",
        "if was_stopped and not instance.is_standing:",
        "if False:",
    ),
    Fault(
        LAUNCHING,
        "a stopped standing instance is gone",
        "if was_stopped and not instance.is_standing:",
        "if was_stopped:",
    ),
    Fault(
        LAUNCHING,
        "a stopped instance lets nobody in",
        "            instance.gone_ns = self.now\n            self.admit_first()\n",
        "            instance.gone_ns = self.now\n",
    ),
    # Rate limits.
    Fault(
        LAUNCHING,
        "tokens come whole",
        "self._credit_ns + now_ns - self._looked_at_ns",
        "self._credit_ns + (now_ns - self._looked_at_ns) // self._bucket.interval_ns * self._bucket.interval_ns",
    ),
    Fault(LAUNCHING, "tokens are saved beyond the burst", "min(full_ns, self", "max(0, self"),
    Fault(
        LAUNCHING,
        "a bucket begins with one token",
        "bucket.burst * bucket.interval_ns if bucket else 0",
        "bucket.interval_ns if bucket else 0",
    ),
    Fault(
        LAUNCHING,
        "who is turned away at the limit spends no token",
        "if not self.request_rate.spends(self.now):",
        "if self.occupied < self.pool.max_concurrency and not self.request_rate.spends(self.now):",
    ),
    Fault(LAUNCHING, "launches have no rate", "if not self.launch_rate.spends(self.now):", "if False:"),
    # Patience and retries.
    Fault(
        LAUNCHING,
        "patience runs from the first arrival",
        "min(gives_up_ns, later(attempt.at_ns, attempt.request.patience_ns))",
        "min(gives_up_ns, max(self.now, later(attempt.request.arrival_ns, attempt.request.patience_ns)))",
    ),
    Fault(
        LAUNCHING,
        "patience for waiting covers the response",
        "self.pool.patience is not Patience.RESPONSE",
        "self.pool.patience is Patience.NONE",
    ),
    Fault(
        LAUNCHING,
        "the client goes, and the place is free",
        "            release_ns = min(served_ns, max(start_ns, timeout_ns))\n",
        "            release_ns = min(served_ns, max(start_ns, min(timeout_ns, self.client_goes_ns(attempt))))\n",
    ),
    Fault(
        LAUNCHING, "a retry is counted from the attempt", RETRY_FROM, RETRY_FROM.replace("ended_ns", "attempt.at_ns")
    ),
    Fault(LAUNCHING, "the delay of a retry does not grow", "self._delays_ns[index - 1]", "self._delays_ns[0]"),
    Fault(LAUNCHING, "one draw for all retries", "(self.retry_key, number, index)", "(self.retry_key, number, 1)"),
    Fault(
        LAUNCHING, "one attempt too few", "attempt.index == retries.attempts", "attempt.index >= retries.attempts - 1"
    ),
    Fault(
        LAUNCHING,
        "every time-out is tried again",
        "(outcome is Outcome.TIMED_OUT and retries.after_timeout)",
        "outcome is Outcome.TIMED_OUT",
    ),
    Fault(LAUNCHING, "retries after arrivals", "RETRY = 55", "RETRY = 65"),
    Fault(
        STANDING,
        "who expired tries again",
        "outcome is Outcome.THROTTLED or (",
        "outcome in (Outcome.THROTTLED, Outcome.EXPIRED) or (",
    ),
    # Time to live.
    Fault(
        STANDING,
        "the time to live runs from the attempt",
        "later(attempt.request.arrival_ns, self.pool.time_to_live_ns)",
        "later(attempt.at_ns, self.pool.time_to_live_ns)",
    ),
    Fault(
        STANDING, "of two limits at once the patience counts", "gives_up_ns < expires_ns", "gives_up_ns <= expires_ns"
    ),
    Fault(
        STANDING,
        "with serve_on the time to live takes nobody off",
        "            self.answer(attempt, Outcome.EXPIRED, self.now)\n        self.leave(attempt, queue)\n",
        "            self.answer(attempt, Outcome.EXPIRED, self.now)\n            self.leave(attempt, queue)\n",
    ),
    # Stopped workers and shared cores.
    Fault(
        STANDING,
        "a stop at the limit releases before it starts",
        "min(served_ns, max(start_ns, timeout_ns))",
        "min(served_ns, max(start_ns + 1, timeout_ns))",
    ),
    Fault(
        STANDING, "a request does not count itself on the cores", "instance.busy / self", "(instance.busy - 1) / self"
    ),
    Fault(
        STANDING, "cores to spare make it faster", "max(1.0, instance.busy / self.pool.cores)", "(instance.busy / 2)"
    ),
    Fault(STANDING, "stretched times are cut, not rounded", "else round(product)", "else max(1, int(product))"),
    # Batches.
    Fault(
        STANDING,
        "a batch waits for the delay of the newest",
        "        oldest = next(iter(instance.queue))\n",
        "        oldest = next(reversed(instance.queue))\n",
    ),
    Fault(STANDING, "the delay of a batch is never over", "has_waited or len(", "len("),
    Fault(STANDING, "a batch is as long as its shortest", "longest_ns = max(", "longest_ns = min("),
    Fault(
        STANDING,
        "each of a batch makes it longer",
        "self.batching.growth * (len(members) - 1)",
        "self.batching.growth * len(members)",
    ),
    Fault(STANDING, "a batch of one more", "islice(instance.queue, self.batching.most)", "instance.queue"),
    Fault(STANDING, "a batch begins one short", ">= self.batching.most", ">= self.batching.most - 1"),
    Fault(
        STANDING,
        "no batch begins with a request beyond the queue limit",
        " > self.queue_limit() and not self.can_begin(instance)",
        " > self.queue_limit()",
    ),
    Fault(STANDING, "a delay is over after who gives up", "BATCH = 45", "BATCH = 52"),
    # Points.
    Fault(SCALING, "sampled after the releases of its end", "SAMPLE = 5", "SAMPLE = 35"),
    Fault(SCALING, "scaling before instances are ready", "SCALE = 40", "SCALE = 15"),
    Fault(SCALING, "scaling after arrivals", "SCALE = 40", "SCALE = 70"),
    Fault(
        SCALING,
        "published without delay",
        "            published_ns = later(period_ends_ns, delay_ns)\n",
        "            published_ns = period_ends_ns\n",
    ),
    Fault(
        SCALING,
        "published at the horizon too",
        "delay_ns) < self._scaling.horizon_ns:",
        "delay_ns) <= self._scaling.horizon_ns:",
    ),
    Fault(
        SCALING,
        "invocations over the instances at the end",
        "self._per_instance if n > 0",
        "self._attempts / n if n > 0",
    ),
    Fault(SCALING, "a backlog is missing without instances", "held, held / max(1, n)", "held, held / n if n else None"),
    # Target tracking.
    Fault(SCALING, "out after the points of in", "self.is_run(policy.points_out,", "self.is_run(policy.points_in,"),
    Fault(
        SCALING,
        "in after the points of out",
        "self.is_run(self._policy.points_in,",
        "self.is_run(self._policy.points_out,",
    ),
    Fault(SCALING, "out at the target", "value > policy.target", "value >= policy.target"),
    Fault(SCALING, "in below the target", "value < 0.9 * self._policy.target", "value < self._policy.target"),
    Fault(SCALING, "in at 90 %", "value < 0.9 * self._policy.target", "value <= 0.9 * self._policy.target"),
    Fault(SCALING, "in for the last point", "max(point.load for point in last)", "last[-1].load"),
    Fault(
        SCALING,
        "in also after points with nothing in service",
        "is_cooled and all(point.in_service >= 1 for point in last) and",
        "is_cooled and",
    ),
    Fault(SCALING, "a rounding error asks for one more", "self._policy.target - 1e-9", "self._policy.target"),
    Fault(SCALING, "the cooldown of in ends later", "now_ns >= later(changed_ns", "now_ns > later(changed_ns"),
    Fault(
        SCALING,
        "the cooldown of in begins with the change",
        "        self._changed_ns = complete_ns\n",
        "        self._changed_ns = self._endpoint.now\n",
    ),
    # Step scaling.
    Fault(
        SCALING, "a cooldown holds at its end", "now_ns >= self._cooldown.ends_ns", "now_ns > self._cooldown.ends_ns"
    ),
    Fault(SCALING, "steps from capacity in a cooldown", "capacity if cooldown is None else cooldown.base", "capacity"),
    Fault(
        SCALING,
        "a cooldown inside another has a base of its own",
        "base = before if running is None else running.base",
        "base = before",
    ),
    Fault(
        SCALING,
        "more in the cooldown of a scale-in",
        "(cooldown.is_of_scale_out and wanted > capacity)",
        "(wanted > capacity)",
    ),
    Fault(
        SCALING,
        "a step holds its upper bound",
        "is_above_step = step.lower <= beyond < step.upper",
        "is_above_step = step.lower < beyond <= step.upper",
    ),
    Fault(SCALING, "per cent away from zero", "abs(change) * base // 100", "-(-abs(change) * base // 100)"),
    # What is done.
    Fault(SCALING, "the smallest wins", "wanted = max(brought.values())", "wanted = min(brought.values())"),
    Fault(SCALING, "in without asking the others", "if wanted < before and not all(", "if wanted < 0 and not all("),
    Fault(
        SCALING,
        "the lowest number drains",
        "self.in_service.pop()\n        instance.is_draining = True\n        if self.is_central:",
        "self.in_service.pop(0)\n        instance.is_draining = True\n        if self.is_central:",
    ),
    Fault(
        SCALING,
        "a draining instance takes from the central queue",
        "            instance.queue = {}\n",
        "            instance.queue = self.central_queue\n",
    ),
    Fault(
        SCALING,
        "a ready instance leaves the central queue alone",
        "key=lambda one: one.number)\n        self.take_from_queue(instance)\n",
        "key=lambda one: one.number)\n",
    ),
    Fault(
        SCALING,
        "always grows while an instance is starting",
        "self._scaling.grows_while_updating and capacity > self.capacity",
        "capacity > self.capacity",
    ),
    Fault(
        SCALING,
        "bounds out of reach are forgotten",
        "if not self._starting and not is_within and",
        "if self._starting and not is_within and",
    ),
    Fault(
        SCALING, "all launches take the first time", "        self._launches += 1\n", "        self._launches += 0\n"
    ),
    Fault(
        SCALING,
        "scheduled bounds after the points of their instant",
        "self._actions[0].at_ns <= now_ns",
        "self._actions[0].at_ns < now_ns",
    ),
]


@cache
def drawn(kind: Kind) -> tuple[Iterator[Later], list[tuple[Later, Run]]]:
    """Cases still to come, tie-heavy ones, and those that were asked for, with the rows of the unchanged engine."""
    asked: dict[Kind, dict[str, Any]] = {
        LAUNCHING: {"launches": True},
        STANDING: {"launches": False},
        SCALING: {"launches": False, "scales": True},
    }
    by_hand = [golden.later for golden in GOLDEN if kind is SCALING]
    return chain(by_hand, later_cases.seeded(SEED, 1_500, has_ties=True, **asked[kind])), []


def expected_runs(kind: Kind) -> Iterator[tuple[Later, Run]]:
    """The same cases for every fault, each run by the unchanged engine once, and only if it is asked for."""
    to_come, known = drawn(kind)
    for number in count():
        if number == len(known):
            later = next(to_come, None)
            if later is None:
                return
            known.append((later, reference.simulate(later.pool, later.demand, later.launch_times)))
        yield known[number]


def outcome(simulate: Any, later: Later, expected: Run) -> Literal["same", "other", "broke off"]:
    """What an engine makes of a case."""
    try:
        found = simulate(later.pool, later.demand, later.launch_times)
    except Exception:
        return "broke off"
    return "same" if cases.difference(expected, found) is None else "other"


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.words)
def test_fault_is_caught(fault: Fault) -> None:
    """Some case comes out otherwise, some case of at least five requests does not."""
    faulty = engine_with((fault.old, fault.new)).simulate
    is_caught = is_some_case_as_it_was = False
    for later, expected in expected_runs(fault.kind):
        seen = outcome(faulty, later, expected)
        is_caught = is_caught or seen == "other"
        is_some_case_as_it_was = is_some_case_as_it_was or (seen == "same" and len(later.demand) >= 5)
        if is_caught and is_some_case_as_it_was:
            return
    assert is_caught
    assert is_some_case_as_it_was


def test_faults_are_many_and_told_apart() -> None:
    """No two faults have the same words or the same change."""
    assert len(FAULTS) >= 60
    assert len(FAULTS) == len({fault.words for fault in FAULTS}) == len({(f.old, f.new) for f in FAULTS})
