"""Tokens of a managed API: taken of its quota, billed, cut off, and drawn with the arrivals that they belong to."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import simulator
from simulator.engines import reference
from simulator.engines.tables import Demand
from simulator.errors import ScenarioError
from simulator.measures.bill import bill
from simulator.measures.billed_time import usage_of
from simulator.measures.tally import Tally
from simulator.scenario.model import Scenario
from simulator.study.journal import line_of, record_of
from simulator.units import NS_PER_SECOND

S = NS_PER_SECOND
#: Two requests at one second, three a second later, one after half an hour: time, tokens in and out.
ROWS = [(1, 100, 10), (1, 200, 20), (2, 300, 30), (2, 400, 40), (2, 500, 50), (1800, 600, 60)]


def recording(folder: Path) -> str:
    """A file of the rows."""
    file = folder / "requests.csv"
    file.write_text("at,in,out\n" + "".join(f"{at},{a},{b}\n" for at, a, b in ROWS), encoding="utf-8")
    return str(file)


def scenario(
    traffic: dict[str, Any], model: dict[str, Any] | None = None, horizon: str = "1h", **changes: Any
) -> Scenario:
    """An API without a quota, an answer of one second and a tenth for each token; changed."""
    api = {
        "name": "api",
        "kind": "managed_api",
        "model_id": "anthropic.claude-3-haiku",
        "requests_per_minute": "none",
        "tokens_per_minute": "none",
        "max_tokens": 45,
        "service_time": "1s",
        "time_per_output_token": "100ms",
        **changes,
    }
    return Scenario.model_validate(
        {
            "name": "tokens",
            "prices": {"base": ["aws/us-east-1/2026-11", "bedrock/us-east-1/2026-11"]},
            "horizon": horizon,
            "replications": 2,
            "traffic": traffic,
            "model": model or {},
            "endpoints": [{name: value for name, value in api.items() if value is not None}],
        }
    )


def recorded(folder: Path, **changes: Any) -> dict[str, Any]:
    """Traffic of the file."""
    given = {
        "kind": "recorded",
        "file": recording(folder),
        "column": "at",
        "time_unit": "s",
        "origin": 0,
        "length": "1h",
        "tokens_in": "in",
        "tokens_out": "out",
    }
    return {**given, **changes}


def test_a_recorded_request_has_its_own_tokens(tmp_path: Path) -> None:
    """In order of the file; responses end at 45; service is 1 s and 0.1 s a token of what is given out."""
    demand = simulator.draw_demand(scenario(recorded(tmp_path)), endpoint="api")
    assert [a for _, a, _ in ROWS] == demand.tokens_in.tolist()
    assert [10, 20, 30, 40, 45, 45] == demand.tokens_out.tolist()
    assert [2.0, 3.0, 4.0, 5.0, 5.5, 5.5] == (demand.service_ns / S).tolist()


@pytest.mark.parametrize(
    "changes", [{"scale": 3.5}, {"scale": 0.6}, {"repeat": True, "length": "30m1s"}, {"speed": 2.0}]
)
def test_tokens_follow_the_arrivals_they_belong_to(tmp_path: Path, changes: dict[str, Any]) -> None:
    """Scaled, repeated or compressed: whoever arrives between two rows is the earlier row or a copy of it.

    A copy comes before the next row is due; rows that are due together have copies at that instant.
    """
    made = scenario(recorded(tmp_path, **changes), horizon="30m" if "speed" in changes else "1h")
    demand = simulator.draw_demand(made, endpoint="api", replication=1)
    assert len(demand) > 0
    cycle_s = 1801 if "repeat" in changes else 3600
    in_recording_s = demand.arrival_ns / S * changes.get("speed", 1.0) % cycle_s
    due = np.array([at for at, _, _ in ROWS])
    for at_s, tokens in zip(in_recording_s, demand.column("tokens_in"), strict=True):
        latest = due[due <= at_s + 1e-9][-1]
        assert tokens in [a for at, a, _ in ROWS if at == latest]
    pairs = {a: min(b, 45) for _, a, b in ROWS}
    assert [pairs[a] for a in demand.tokens_in.tolist()] == demand.tokens_out.tolist()


def test_times_that_are_put_in_order_take_their_tokens_along(tmp_path: Path) -> None:
    """The file turned round, sorted on reading; of equal times the one that stands first in the file comes first."""
    traffic = recorded(tmp_path, sort=True)
    file = Path(traffic["file"])
    head, *rows = file.read_text(encoding="utf-8").splitlines()
    file.write_text("\n".join([head, *reversed(rows)]) + "\n", encoding="utf-8")
    demand = simulator.draw_demand(scenario(traffic), endpoint="api")
    assert [200, 100, 500, 400, 300, 600] == demand.tokens_in.tolist()


def test_blocks_do_not_matter(tmp_path: Path) -> None:
    """The same tokens whatever the size of a block."""
    from simulator.demand import replication_blocks

    made = scenario(recorded(tmp_path, scale=40.0))
    whole, small = (
        Demand.joined([demands["api"] for demands in replication_blocks(made, 0, block)]) for block in (65_536, 7)
    )
    np.testing.assert_array_equal(whole.tokens_in, small.tokens_in)
    np.testing.assert_array_equal(whole.service_ns, small.service_ns)


def test_pairs_stay_together(tmp_path: Path) -> None:
    """Drawn from a file: every request has both numbers of one row, and all rows come about equally often."""
    model = {"tokens": {"file": recording(tmp_path), "tokens_in": "in", "tokens_out": "out"}}
    made = scenario({"kind": "poisson", "mean_rate": "1/s"}, model, max_tokens=1000)
    demand = simulator.draw_demand(made, endpoint="api")
    np.testing.assert_array_equal(demand.tokens_in, 10 * demand.tokens_out)
    counts = np.unique(demand.tokens_in, return_counts=True)[1]
    assert len(ROWS) == len(counts)
    assert counts.min() > 0.8 * len(demand) / len(ROWS)


def test_traffic_that_mixes_a_recording_draws_its_pairs(tmp_path: Path) -> None:
    """Beside other traffic requests no longer have their own tokens, but those of some row; the notes say so."""
    parts = [recorded(tmp_path), {"kind": "poisson", "mean_rate": "1/s"}]
    made = scenario({"kind": "superposition", "parts": parts}, max_tokens=1000)
    demand = simulator.draw_demand(made, endpoint="api")
    np.testing.assert_array_equal(demand.tokens_in, 10 * demand.tokens_out)
    assert len(ROWS) == len(np.unique(demand.tokens_in))
    assert any(note.startswith("Tokens are drawn") for note in made.notes())
    assert not any(note.startswith("Tokens are drawn") for note in scenario(recorded(tmp_path)).notes())


def test_bursts_leave_each_request_its_tokens(tmp_path: Path) -> None:
    """Made burstier the same requests come in the same order at other times."""
    bursts = {"kind": "burstier", "burst_factor": 3.0, "burst_share": "20%", "burst_length": "2m"}
    demand = simulator.draw_demand(scenario({**bursts, "of": recorded(tmp_path)}), endpoint="api")
    assert [a for _, a, _ in ROWS] == demand.tokens_in.tolist()
    assert [at for at, _, _ in ROWS] != (demand.arrival_ns / S).tolist()


def test_distributions_give_whole_numbers() -> None:
    """Constant in, uniform out: 7 tokens, and numbers from 10 to 20."""
    model = {"tokens_in": 7, "tokens_out": {"kind": "uniform", "low": 10, "high": 20}}
    demand = simulator.draw_demand(scenario({"kind": "poisson", "mean_rate": "1/s"}, model), endpoint="api")
    assert [7] == demand.tokens_in.tolist()
    assert (10, 20) == (int(demand.tokens_out.min()), int(demand.tokens_out.max()))


def test_the_bill_by_hand(tmp_path: Path) -> None:
    """2,100 tokens in at 0.25 USD a million, 10 + 20 + 30 + 40 + 45 + 45 = 190 out at 1.25: 0.0007625 USD.

    Two of six responses end at 45. The minute of the first five takes 1,500 + 145 = 1,645; 2,290 in an hour are 38.17 a
    minute; 2,100 + 6 · 45 = 2,370 are reserved.
    """
    study = simulator.run(scenario(recorded(tmp_path)))
    one = study.records[0].measured["api"]
    assert (2100, 190, 2290, 2370, 1645, 2) == (
        one.usage.tokens_in,
        one.usage.tokens_out,
        one.tokens_used,
        one.tokens_reserved,
        one.tokens_most_in_minute,
        one.cut_off,
    )
    values = one.values()
    assert 2290 / 60 == pytest.approx(values["tokens_per_minute"])
    assert 2 / 6 == values["cut_off_fraction"]
    assert None is values["quota_used"]
    assert (None, None) == (values["utilization"], values["instances_mean"])
    made = study.scenario
    costs = bill(made.endpoint("api"), one.usage, made.price_sheet)
    assert ["input_tokens", "output_tokens"] == [line.name for line in costs.lines]
    assert Fraction(2100, 4_000_000) + Fraction(190 * 5, 4_000_000) == costs.exact_usd
    assert 0.0 == costs.fixed_usd


def test_model_units_cost_by_the_hour_and_tokens_nothing(tmp_path: Path) -> None:
    """Two units at 88 USD for an hour, whatever is asked: 176 USD, all of it fixed."""
    made = scenario(
        recorded(tmp_path),
        model_id="anthropic.claude-3-sonnet",
        model_units=2,
        tokens_per_minute_per_unit=5000,
        requests_per_minute=None,
        tokens_per_minute=None,
    )
    row = simulator.run(made).replications.iloc[0]
    assert (176.0, 0) == (row["cost_usd"], row["throttled"])
    assert 2290 / 60 / 10_000 == pytest.approx(row["quota_used"])


def test_a_quota_throttles_by_what_is_reserved(tmp_path: Path) -> None:
    """1,000 tokens a minute, 45 reserved: the first two take 145 and 245 at 1 s, and 610 are left.

    At 2 s a sixtieth of the quota, 16 tokens, has come: 626 hold the 345 of the third, what is left neither the 445 of
    the fourth nor the 545 of the fifth. Half an hour later the bucket is full again: the sixth is let through.
    """
    study = simulator.run(scenario(recorded(tmp_path), tokens_per_minute=1000))
    row = study.replications.iloc[0]
    assert (4, 2, 2) == (row["completed"], row["throttled"], row["throttled_quota"])


def test_tally_and_plain_reference_agree(tmp_path: Path) -> None:
    """Usage block by block and from the tables, with retries, a timeout and an initial transient."""
    document = scenario(recorded(tmp_path, scale=8.0), tokens_per_minute=1000, invocation_timeout="4s")
    made = Scenario.model_validate(
        {
            **document.model_dump(mode="json", exclude_none=True),
            "clients": {"retries": {"attempts": 4, "base": "5s", "cap": "60s", "after_timeout": True}},
        }
    )
    endpoint = made.endpoint("api")
    pool, demand = made.pool(endpoint), simulator.draw_demand(made, endpoint="api")
    run = reference.simulate(pool, demand)
    window = (2 * S, 3600 * S)
    simulation, tally = reference.Simulation(pool), Tally.of(endpoint, from_ns=2 * S, until_ns=3600 * S, pool=pool)
    for start in range(0, len(demand), 5):
        tally.add(simulation.feed(demand.rows(start, min(start + 5, len(demand)))))
    tally.add(simulation.finish())
    assert len(run.tries) > 0
    expected = usage_of(endpoint, pool, demand, run.requests, run.instances, window, run.tries)
    assert expected.tokens_in > 0
    assert expected == tally.finish().usage


def test_records_are_read_back(tmp_path: Path) -> None:
    """With all that is written of tokens."""
    (record, *_) = simulator.run(scenario(recorded(tmp_path), tokens_per_minute=1000)).records
    assert record.measured == record_of(line_of(record)).measured


@pytest.mark.parametrize(
    ("model", "path", "message"),
    [
        ({}, "model.tokens_in", "missing: api is priced by the token"),
        ({"tokens_in": 5}, "model.tokens_out", "missing, tokens_in is given"),
        ({"tokens_in": 5, "tokens_out": 5, "tokens": {}}, "model.tokens", "is given beside tokens_in"),
    ],
)
def test_tokens_are_told_once(tmp_path: Path, model: dict[str, Any], path: str, message: str) -> None:
    """Neither not at all, nor by halves, nor twice."""
    if "tokens" in model:
        model = {**model, "tokens": {"file": recording(tmp_path), "tokens_in": "in", "tokens_out": "out"}}
    document = {
        "name": "tokens",
        "prices": {"base": ["aws/us-east-1/2026-11", "bedrock/us-east-1/2026-11"]},
        "horizon": "1h",
        "traffic": {"kind": "poisson", "mean_rate": "1/s"},
        "model": model,
        "endpoints": [
            {
                "name": "api",
                "kind": "managed_api",
                "model_id": "amazon.nova-lite",
                "requests_per_minute": "none",
                "tokens_per_minute": "none",
                "max_tokens": 10,
                "service_time": "1s",
                "time_per_output_token": "1ms",
            }
        ],
    }
    with pytest.raises(ScenarioError) as caught:
        simulator.load_scenario(document)
    (problem,) = caught.value.problems
    assert path == problem.path
    assert message in problem.message


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"tokens_out": None}, "tokens_in is given and tokens_out is not"),
        ({"tokens_in": "at "}, "no column"),
    ],
)
def test_columns_of_tokens(tmp_path: Path, changes: dict[str, Any], message: str) -> None:
    """Both or none, and as they are called."""
    traffic = {key: value for key, value in recorded(tmp_path, **changes).items() if value is not None}
    with pytest.raises(ValueError, match=message):
        scenario(traffic)


def test_a_cell_that_is_no_whole_number_is_named(tmp_path: Path) -> None:
    """Line 3 of the file holds 200.5."""
    traffic = recorded(tmp_path)
    file = Path(traffic["file"])
    file.write_text(file.read_text(encoding="utf-8").replace("1,200,", "1,200.5,"), encoding="utf-8")
    with pytest.raises(ValueError, match=r"line 3, column 'in': 200\.5 cannot be used"):
        scenario(traffic)
