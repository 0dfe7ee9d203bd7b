"""The rate at which two ways of serving one model cost the same, by closed form."""

from __future__ import annotations

from simulator.questions.breakeven import mean_rate, monthly_by_hand
from simulator.scenario.fleet_models import FleetModel


def break_even(model: FleetModel) -> tuple[float | None, float | None]:
    """Rate of the break-even and places busy on average at it; None where there is no closed form or no crossing."""
    scenario = model.scenario
    rate = mean_rate(scenario)
    if rate <= 0:
        return None, None
    twice = scenario.model_copy(update={"traffic": scenario.traffic.scaled(2.0)})
    lines = {}
    for endpoint in scenario.endpoints:
        if endpoint.name in model.unfit:
            continue
        once_usd, twice_usd = monthly_by_hand(scenario, endpoint), monthly_by_hand(twice, endpoint)
        if once_usd is not None and twice_usd is not None:
            lines[endpoint.name] = (2.0 * once_usd - twice_usd, twice_usd - once_usd)
    if len(lines) < 2:
        return None, None
    idle = min(lines, key=lambda name: lines[name][0])
    # Slopes that differ by rounding alone are equal.
    same = 1e-6 * max(fixed_usd + slope_usd for fixed_usd, slope_usd in lines.values())
    least = min(slope for _, slope in lines.values())
    busy = min((name for name in lines if lines[name][1] <= least + same), key=lambda name: lines[name][0])
    fixed, slope = lines[busy][0] - lines[idle][0], lines[idle][1] - lines[busy][1]
    if not (slope > 0 and fixed > 0):
        return None, None
    even = rate * fixed / slope
    return even, even * scenario.service_time(scenario.endpoint(idle)).mean()
