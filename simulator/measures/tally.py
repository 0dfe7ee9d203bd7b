"""The tally: one pass over the requests of one endpoint, block by block, in memory that does not grow with them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from simulator.endpoints import Endpoint
from simulator.engines.pool import Pool
from simulator.engines.tables import NONE, Demand, Outcome, Requests, Settled
from simulator.measures import added, kernels
from simulator.measures.attempt_tally import AttemptTally
from simulator.measures.billed_time import LEAST_BILLED_NS, Billing, billing_of
from simulator.measures.by_kind import with_attempts, with_jobs, with_tokens
from simulator.measures.clients import ClientTally
from simulator.measures.histogram import Histogram
from simulator.measures.identities import check, plain_claims
from simulator.measures.instance_time import InstanceTally, InstanceTime, total
from simulator.measures.jobs import JobTally
from simulator.measures.latency_percentiles import latency_percentiles
from simulator.measures.measured import Measured
from simulator.measures.percentiles import LEVELS, Level
from simulator.measures.plain_peaks import PlainPeaks
from simulator.measures.scaled_tally import ScaledTally, is_plain_but_for_scaling
from simulator.measures.tokens import TokenTally
from simulator.measures.usage import Usage
from simulator.units import to_ns

#: Up to so many completed requests percentiles are exact; beyond, they come from the histogram (0.4 %).
KEPT: Final = 2_000_000


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
        self._peaks: AttemptTally | PlainPeaks = (
            PlainPeaks(pool, from_ns, until_ns, self._sums.counts, shares_a_limit=shares_a_limit)
            if self._attempts is None
            else self._attempts
        )
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
        if isinstance(self._peaks, PlainPeaks):
            self._peaks.add(demand.arrival_ns, requests, client_gone=more[added.CLIENT_GONE_ALL] > 0)

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

    def finish(self) -> Measured:
        """What was measured, everything settled added.

        Raises
        ------
        BrokenIdentityError
            If requests were lost, or requests and instances disagree about the time that they spent together.
        """
        counts, sums = self._sums.counts.tolist(), added.whole_sums(self._sums)
        pool = self._pool
        time = self._instances.finish(pool.standing + (1 if pool.starts_warm and self._any else 0))
        busy_ns = sums[added.BUSY] if len(self._sums.busy_until_ns) else sums[added.IN_SERVICE]
        found = None if self._attempts is None else self._attempts.finish()
        claims = plain_claims(counts, sums, time, busy_ns) if self._attempts is None else self._attempts.claims(time)
        check(counts, int(self._sums.histogram.sum()), claims)
        measured = self._of_requests(counts, sums, time, busy_ns)
        if found is not None:
            measured = with_attempts(measured, found, time, pool, self._billing)
        if self._clients is not None:
            measured = replace(measured, clients_waiting_ns=self._clients.waiting_ns)
        if self._jobs is not None:
            measured = with_jobs(measured, self._jobs.finish(), time.launched_inside)
        return measured if self._tokens is None else with_tokens(measured, self._tokens.finish())

    def _of_requests(self, counts: list[int], sums: list[int], time: InstanceTime, busy_ns: int) -> Measured:
        """What the pass over the requests has found, and instances as far as they are plain."""
        pool, span_ns, completed = self._pool, self._until_ns - self._from_ns, counts[added.COMPLETED]
        exact = completed <= len(self._sums.kept_ns)
        return Measured(
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
            percentiles_ns=latency_percentiles(self._sums, completed, self._levels, exact=exact),
            exact=exact,
            histogram=Histogram.from_dense(self._sums.histogram),
            below=tuple(zip(self._sums.limits_ns.tolist(), self._sums.below.tolist(), strict=True)),
            in_service_ns=sums[added.IN_SERVICE],
            starting_ns=time.starting_ns,
            client_gone_ns=sums[added.CLIENT_GONE],
            places_ns=time.there_ns if pool.launches else pool.standing * pool.places * span_ns,
            busy_ns=busy_ns,
            there_ns=time.there_ns,
            concurrency_max=self._peaks.occupied_max(time.most),
            client_gone_max=self._peaks.client_gone_max(),
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
