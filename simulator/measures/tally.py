"""The tally: one pass over the requests of one endpoint, block by block, in memory that does not grow with them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from simulator.endpoints import Endpoint
from simulator.engines.pool import Pool, Routing
from simulator.engines.tables import NONE, Demand, Outcome, Reason, Requests, Settled
from simulator.measures import added, kernels
from simulator.measures.attempt_tally import AttemptTally
from simulator.measures.billed_time import LEAST_BILLED_NS, Billing, billing_of
from simulator.measures.clients import ClientTally
from simulator.measures.histogram import BINS, Histogram
from simulator.measures.instance_time import InstanceTally, InstanceTime, Peak, total
from simulator.measures.jobs import JobTally
from simulator.measures.measured import Measured
from simulator.measures.percentiles import LEVELS, Level, rank
from simulator.measures.scaled_tally import ScaledTally, is_plain_but_for_scaling
from simulator.measures.sweeps import gather
from simulator.measures.tokens import TokenTally
from simulator.measures.usage import Usage
from simulator.units import to_ns

#: Up to so many completed requests percentiles are exact; beyond, they come from the histogram (0.4 %).
KEPT: Final = 2_000_000


class BrokenIdentityError(RuntimeError):
    """An identity that holds in every run does not: a fault in an engine or in the tally, never of the user."""


class Tally:
    """Accumulates everything about one endpoint in one replication that needs to see single requests.

    Parameters
    ----------
    pool : Pool
        The pool that was simulated.
    from_ns, until_ns : int
        The measured part: initial transient and horizon. [ns]
    overhead_ns : int
        Added to the latency of every completed request. [ns]
    granularity_ns : int
        Billed time of a request is rounded up to it; 0 where requests are not billed by time. [ns]
    billed_overhead_ns : int
        Added to the service time that is billed, before it is rounded up. [ns]
    bills_startup : bool
        Whether the startup is billed with a cold request, or of every instance where these are billed.
    bills_instances : bool
        Whether not requests are billed by time but instances that have requests in service.
    limits_ns : sequence of int
        Limits on latency below which requests are counted. [ns]
    levels : sequence of Level
        Percentiles to report.
    keep : int
        Completed requests up to which percentiles are exact.
    shares_a_limit : bool
        Whether requests are also turned away at a limit that other pools share, while places of this one are free.
    """

    def __init__(
        self,
        pool: Pool,
        *,
        from_ns: int,
        until_ns: int,
        overhead_ns: int = 0,
        granularity_ns: int = 1_000_000,
        billed_overhead_ns: int = 0,
        bills_startup: bool = False,
        bills_instances: bool = False,
        limits_ns: Sequence[int] = (),
        levels: Sequence[Level] = LEVELS,
        keep: int = KEPT,
        shares_a_limit: bool = False,
    ) -> None:
        self._pool = pool
        self._shares_a_limit = shares_a_limit
        self._from_ns, self._until_ns = from_ns, until_ns
        self._levels = tuple(sorted(set(levels)))
        billing = Billing(granularity_ns, billed_overhead_ns, bills_startup, bills_instances)
        self._billing = billing
        # One pass over the requests is all that a plain pool needs; of others it finds what is the same for all.
        self._attempts = (
            None if pool.is_plain and not bills_instances else AttemptTally(pool, billing, from_ns, until_ns)
        )
        self._rules = (
            added.Rules(
                pool.standing, from_ns, until_ns, overhead_ns, granularity_ns, billed_overhead_ns, bills_startup
            )
            if self._attempts is None
            else added.Rules(
                pool.standing if pool.launches and not pool.scaling else 0, from_ns, until_ns, overhead_ns, 0, 0, False
            )
        )
        limits = np.array(sorted(set(limits_ns)), np.int64)
        union_of = pool.standing if pool.places > 1 and self._attempts is None else 0
        self._sums = added.empty_sums(limits, keep, union_of)
        self._instances_change = is_plain_but_for_scaling(pool, billing)
        if self._instances_change:
            self._attempts = ScaledTally(pool, billing, from_ns, until_ns, self._sums)
        self._room = added.empty_stretch()
        self._data_in = self._data_out = 0
        self._any = False
        self._concurrency: Peak | None = Peak(from_ns, until_ns) if self._attempts is None else None
        self._client_gone = Peak(from_ns, until_ns)
        self._clients = None if pool.population is None else ClientTally(pool.population, from_ns, until_ns)
        self._jobs = None if pool.jobs is None else JobTally(pool.jobs, from_ns, until_ns)
        self._tokens = None if pool.quota is None else TokenTally(pool.quota, from_ns, until_ns)
        self._instances = InstanceTally(
            from_ns,
            until_ns,
            least_ns=0 if pool.launches else LEAST_BILLED_NS,
            granularity_ns=granularity_ns if bills_instances else 1,
        )

    @classmethod
    def of(
        cls,
        endpoint: Endpoint,
        *,
        from_ns: int,
        until_ns: int,
        limits_ns: Sequence[int] = (),
        levels: Sequence[Level] = LEVELS,
        pool: Pool | None = None,
        shares_a_limit: bool = False,
    ) -> Tally:
        """Tally of an endpoint by its own rules of latency and billing; parameters as those of the class.

        The pool is needed where it depends on the scenario: where the endpoint scales, or clients try again.
        """
        billing = billing_of(endpoint)
        return cls(
            pool if pool is not None else endpoint.pool(),
            from_ns=from_ns,
            until_ns=until_ns,
            overhead_ns=to_ns(endpoint.overhead),
            granularity_ns=billing.granularity_ns,
            billed_overhead_ns=billing.billed_overhead_ns,
            bills_startup=billing.bills_startup,
            bills_instances=billing.of_instances,
            limits_ns=limits_ns,
            levels=levels,
            shares_a_limit=shares_a_limit,
        )

    def add(self, settled: Settled) -> None:
        """Add what an engine has settled: requests in order of arrival, and instances."""
        self._instances.add(settled)
        demand, requests, sums = settled.demand, settled.requests, self._sums
        first = 0
        if len(demand) and demand.arrival_ns[0] < self._from_ns:
            first = int(np.searchsorted(demand.arrival_ns, self._from_ns))
        if self._attempts is not None:
            self._attempts.add(settled, first)
        if self._clients is not None:
            self._clients.add(settled)
        if self._tokens is not None:
            self._tokens.add(settled, first)
        if self._jobs is not None:
            self._jobs.add(settled, first)
        if len(demand) == 0:
            return
        self._any = True
        if self._instances_change and self._pool.places > 1:
            sums = self._sums = added.with_room_for(sums, requests.instance)
        before = sums.counts.copy()
        kernels.tally_block(self._rules, added.rows_of(demand, requests), first, sums, self._room)
        more = sums.counts - before
        self._add_bytes(demand, requests, first, more)
        if 0 < len(sums.kept_ns) < sums.counts[added.COMPLETED]:
            self._sums = sums._replace(kept_ns=np.empty(0, np.int64))
        if self._attempts is None:
            self._add_peaks(demand.arrival_ns, requests, client_gone=more[added.CLIENT_GONE_ALL] > 0)

    def _add_bytes(self, demand: Demand, requests: Requests, first: int, more: NDArray[np.int64]) -> None:
        """Add the request bytes of the rows served and the response bytes of those completed, from `first` on."""
        sizes_in, sizes_out = demand.payload_in_bytes, demand.payload_out_bytes
        if len(sizes_in) == 1:
            self._data_in += int(sizes_in[0]) * int(more[added.SERVED])
        else:
            self._data_in += total(sizes_in[first:][requests.start_ns[first:] != NONE])
        if len(sizes_out) == 1:
            self._data_out += int(sizes_out[0]) * int(more[added.COMPLETED])
        else:
            self._data_out += total(sizes_out[first:][requests.outcome[first:] == Outcome.COMPLETED])

    def _add_peaks(self, arrival_ns: NDArray[np.int64], requests: Requests, *, client_gone: bool) -> None:
        """Look for the most places occupied at once, unless it is known without looking.

        It is when the pool was seen full, and where a launch was seen since the start of the run: an instance is
        launched only when none is idle, so the most places occupied is the most instances there.
        """
        settled_ns = int(arrival_ns[-1])
        if client_gone:
            served = np.flatnonzero((requests.outcome == Outcome.TIMED_OUT) & (requests.start_ns != NONE))
            gone = np.maximum(requests.start_ns[served], requests.response_ns[served])
            self._client_gone.add(gone, requests.release_ns[served], settled_ns)
        if self._concurrency is None or self._seen_full() or self._peak_is_instances():
            self._concurrency = None
            return
        placed = np.flatnonzero(requests.instance != NONE)
        start_ns = np.where(requests.is_cold[placed], arrival_ns[placed], requests.start_ns[placed])
        self._concurrency.add(start_ns, requests.release_ns[placed], settled_ns)
        if self._concurrency.most >= self._ceiling():
            self._concurrency = None

    def _ceiling(self) -> int:
        """Most places that can be occupied at once."""
        return self._pool.max_concurrency if self._pool.launches else self._pool.standing * self._pool.places

    def _seen_full(self) -> bool:
        """Whether a measured request found every place occupied."""
        counts = self._sums.counts
        if self._pool.launches:
            return not self._shares_a_limit and bool(counts[added.THROTTLED + Reason.CONCURRENCY])
        if self._pool.routing is not Routing.CENTRAL_QUEUE:
            return False
        return bool(counts[added.WAITED] or counts[added.THROTTLED + Reason.QUEUE_FULL])

    def _peak_is_instances(self) -> bool:
        return self._pool.launches and self._from_ns == 0 and bool(self._sums.counts[added.COLD_ALL])

    def _concurrency_max(self, instances_max: int) -> int:
        if self._concurrency is not None:
            return self._concurrency.finish()
        if self._pool.launches and not self._seen_full() and self._peak_is_instances():
            return instances_max
        return self._ceiling()

    def finish(self) -> Measured:
        """What was measured, everything settled added.

        Raises
        ------
        BrokenIdentityError
            If requests were lost, or requests and instances disagree about the time that they spent together.
        """
        counts = self._sums.counts.tolist()
        low, carries = self._sums.low.tolist(), self._sums.carries.tolist()
        sums = [(carry << 64) + one for one, carry in zip(low, carries, strict=True)]
        pool, span_ns = self._pool, self._until_ns - self._from_ns
        there_from_start = pool.standing + (1 if pool.starts_warm and self._any else 0)
        time = self._instances.finish(there_from_start)
        completed = counts[added.COMPLETED]
        places_ns = pool.standing * pool.places * span_ns if not pool.launches else time.there_ns
        busy_ns = sums[added.BUSY] if len(self._sums.busy_until_ns) else sums[added.IN_SERVICE]
        if self._attempts is None:
            self._check(counts, self._claims(counts, sums, time, busy_ns))
        exact = completed <= len(self._sums.kept_ns)
        measured = Measured(
            span_ns=span_ns,
            requests=counts[added.REQUESTS],
            completed=completed,
            timed_out=counts[added.TIMED_OUT],
            expired=counts[added.EXPIRED],
            throttled=tuple(counts[added.THROTTLED :]),
            cold_starts=counts[added.COLD_COMPLETED],
            failed_launches=counts[added.FAILED_LAUNCHES],
            spillover=counts[added.SPILLOVER],
            latency_ns=sums[added.LATENCY] + completed * self._rules.overhead_ns,
            waiting_ns=sums[added.WAITING],
            penalty_ns=sums[added.PENALTY],
            least_ns=int(self._sums.extremes_ns[0]) if completed else None,
            greatest_ns=int(self._sums.extremes_ns[1]) if completed else None,
            percentiles_ns=self._percentiles(completed, exact),
            exact=exact,
            histogram=Histogram.from_dense(self._sums.histogram),
            below=tuple(zip(self._sums.limits_ns.tolist(), self._sums.below.tolist(), strict=True)),
            in_service_ns=sums[added.IN_SERVICE],
            starting_ns=time.starting_ns,
            client_gone_ns=sums[added.CLIENT_GONE],
            places_ns=places_ns,
            busy_ns=busy_ns,
            there_ns=time.there_ns,
            concurrency_max=self._concurrency_max(time.most),
            client_gone_max=self._client_gone.finish(),
            instances_max=time.most,
            usage=Usage(
                span_ns=span_ns,
                requests=counts[added.REQUESTS],
                served=counts[added.SERVED],
                completed=completed,
                on_demand_ns=sums[added.BILLED_ON_DEMAND],
                standing_ns=sums[added.BILLED_STANDING],
                instance_ns=pool.standing * span_ns,
                data_in_bytes=self._data_in,
                data_out_bytes=self._data_out,
            ),
        )
        if self._attempts is not None:
            measured = self._with_attempts(measured, self._attempts, time)
        if self._clients is not None:
            measured = replace(measured, clients_waiting_ns=self._clients.waiting_ns)
        if self._jobs is not None:
            measured = _with_jobs(measured, self._jobs, time.launched_inside)
        return measured if self._tokens is None else _with_tokens(measured, self._tokens)

    def _with_attempts(self, measured: Measured, attempts: AttemptTally, time: InstanceTime) -> Measured:
        """The same with what depends on attempts, places and instances."""
        found, pool, billing, span_ns = attempts.finish(), self._pool, self._billing, measured.span_ns
        self._check(self._sums.counts.tolist(), attempts.claims(time))
        standing_ns = pool.standing * span_ns
        scales = pool.scaling is not None
        # What is kept ready follows its load too.
        provisioned = pool.launches and scales
        kept_ns = found.capacity_ns if provisioned else standing_ns
        by_scaling_ns = time.starting_ns - found.starting_ns if provisioned else 0
        usage = replace(
            measured.usage,
            served=measured.usage.served + found.served_tries,
            on_demand_ns=found.on_demand_ns,
            standing_ns=found.standing_ns,
            instance_ns=kept_ns if pool.launches else time.billed_ns,
            data_in_bytes=measured.usage.data_in_bytes + found.data_in_bytes,
        )
        if billing.of_instances:
            active_launched_ns = found.active_ns - found.active_standing_ns
            usage = replace(
                usage,
                instance_ns=time.billed_ns,
                active_ns=found.active_ns + (time.starting_ns if billing.bills_startup else 0),
                idle_standing_ns=standing_ns - found.active_standing_ns,
                idle_on_demand_ns=max(0, time.there_ns - standing_ns - time.starting_ns - active_launched_ns),
                standing_there_ns=standing_ns,
            )
        return replace(
            measured,
            spillover=found.spillover if provisioned else measured.spillover,
            failed_launches=measured.failed_launches + found.failed_tries,
            penalty_ns=found.penalty_ns,
            in_service_ns=found.occupied_ns,
            client_gone_ns=found.client_gone_ns,
            places_ns=pool.places * (time.there_ns - (by_scaling_ns if pool.launches else time.starting_ns)),
            busy_ns=found.busy_ns,
            concurrency_max=attempts.occupied_max(time.most),
            client_gone_max=attempts.client_gone_max(),
            usage=usage,
            tries=found.tries,
            throttled_tries=found.throttled_tries,
            retried=found.retried,
            scales=scales,
            starting_for_requests_ns=found.starting_ns if provisioned else 0,
            launched=time.launched_inside if scales or pool.launches else None,
            scale_outs=found.scale_outs if scales else None,
            scale_ins=found.scale_ins if scales else None,
        )

    def _percentiles(self, completed: int, exact: bool) -> tuple[tuple[Level, int], ...]:
        levels = [level for level in self._levels if level.enough(completed)] if completed else []
        if not levels:
            return ()
        sums = self._sums
        if exact:
            values = select(sums.kept_ns[:completed], sums.histogram, [rank(v.share, completed) for v in levels])
        else:
            histogram = Histogram.from_dense(sums.histogram)
            # The middle of the first or last bin may lie outside what was seen.
            least, greatest = sums.extremes_ns.tolist()
            values = [min(max(histogram.quantile_ns(level.share), least), greatest) for level in levels]
        return tuple(zip(levels, values, strict=True))

    @staticmethod
    def _claims(counts: list[int], sums: list[int], time: InstanceTime, busy_ns: int) -> dict[str, tuple[int, int]]:
        """Little's law between requests and instances of a plain pool, to the nanosecond."""
        return {
            "a served request occupies its place for its service time": (0, counts[added.MISSERVED]),
            "an instance was launched for each cold request": (counts[added.COLD_ALL], time.launched),
            "launches fail on both sides": (counts[added.FAILED_ALL], time.failed),
            "Little's law: time of starting instances is time of cold requests": (
                sums[added.STARTUP],
                time.startup_ns,
            ),
            "instances are there while they start or serve": (0, max(0, busy_ns + time.starting_ns - time.there_ns)),
        }

    def _check(self, counts: list[int], claims: dict[str, tuple[int, int]]) -> None:
        """Conservation of requests, and what else has to hold in every run."""
        ended = counts[added.COMPLETED] + counts[added.TIMED_OUT] + counts[added.EXPIRED]
        ended += sum(counts[added.THROTTLED :])
        of_all = {
            "every request ends in exactly one way": (counts[added.REQUESTS], ended),
            "every latency is in the histogram": (counts[added.COMPLETED], int(self._sums.histogram.sum())),
        }
        for claim, (expected, found) in {**of_all, **claims}.items():
            if expected != found:
                raise BrokenIdentityError(f"{claim}: {expected} is not {found}")


def _with_jobs(measured: Measured, jobs: JobTally, launched: int) -> Measured:
    """The same of an endpoint that has jobs, whose instances start for nobody."""
    found = jobs.finish()
    return replace(
        measured,
        scales=True,
        launched=launched,
        jobs=found.jobs,
        job_ns=found.length_ns,
        longest_job_ns=found.longest_ns,
        late=found.late,
    )


def _with_tokens(measured: Measured, tokens: TokenTally) -> Measured:
    """The same of a managed API: its tokens, and no place that could be used."""
    found = tokens.finish()
    return replace(
        measured,
        places_ns=0,
        usage=replace(measured.usage, instance_ns=0, tokens_in=found.tokens_in, tokens_out=found.tokens_out),
        is_api=True,
        tokens_used=found.used,
        tokens_reserved=found.reserved,
        tokens_most_in_minute=found.most_in_minute,
        tokens_quota=found.quota,
        cut_off=found.cut_off,
    )


def select(values: NDArray[np.int64], counts: NDArray[np.int64], ranks: Sequence[int]) -> list[int]:
    """The values of some ranks, exactly, from the bins in which they lie.

    Parameters
    ----------
    values : ndarray of int64, shape (n,)
        1 or more, in any order.
    counts : ndarray of int64, shape (BINS,)
        Their histogram.
    ranks : sequence of int
        From 1 to n.
    """
    upto = np.cumsum(counts)
    bins = np.searchsorted(upto, np.asarray(ranks))
    wanted = np.unique(bins)
    slot_of_bin = np.full(BINS, -1, np.int64)
    slot_of_bin[wanted] = np.arange(len(wanted))
    ends = np.cumsum(counts[wanted])
    gathered = np.empty(ends[-1], np.int64)
    gather(values, slot_of_bin, gathered, ends - counts[wanted])
    found = []
    for one, index in zip(ranks, bins, strict=True):
        slot = int(slot_of_bin[index])
        inside = gathered[ends[slot] - counts[index] : ends[slot]]
        place = one - int(upto[index] - counts[index]) - 1
        found.append(int(np.partition(inside, place)[place]))
    return found
