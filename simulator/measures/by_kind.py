"""What was measured of endpoints that are not plain: the same, with what their attempts, jobs or tokens say."""

from __future__ import annotations

from dataclasses import replace

from simulator.engines.pool import Pool
from simulator.measures.attempt_tally import Found
from simulator.measures.billed_time import Billing
from simulator.measures.instance_time import InstanceTime
from simulator.measures.jobs import JobUse
from simulator.measures.measured import Measured
from simulator.measures.tokens import TokenUse


def with_attempts(measured: Measured, found: Found, time: InstanceTime, pool: Pool, billing: Billing) -> Measured:
    """The same with what depends on attempts, places and instances.

    Parameters
    ----------
    measured : Measured
        What was found of requests.
    found : Found
        What was found of attempts.
    time : InstanceTime
        What was found of instances.
    pool : Pool
        The pool that was simulated.
    billing : Billing
        How its time is billed.
    """
    standing_ns = pool.standing * measured.span_ns
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


def with_jobs(measured: Measured, found: JobUse, launched: int) -> Measured:
    """The same of an endpoint that has jobs, whose instances start for nobody."""
    return replace(
        measured,
        scales=True,
        launched=launched,
        jobs=found.jobs,
        job_ns=found.length_ns,
        longest_job_ns=found.longest_ns,
        late=found.late,
    )


def with_tokens(measured: Measured, found: TokenUse) -> Measured:
    """The same of a managed API: its tokens, and no place that could be used."""
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
