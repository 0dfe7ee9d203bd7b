"""Messages about values of the wrong type, names, versions and keys: plain words, at the place of the mistake."""

from __future__ import annotations

from pathlib import Path

import pytest

from simulator.errors import ScenarioError
from simulator.scenario.loading import load_scenario

GOOD = """\
name: good
horizon: 1h
traffic: {kind: poisson, mean_rate: 2/s}
model: {service_time: 100ms}
endpoints:
  - {name: m5, kind: real_time, instance_type: ml.m5.xlarge}
"""


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        # One value of one field: the types that it could have are one message, not one each.
        ("name: good\n", "name: good\nprices: 7\n", "2:9  prices: 7 is not text or a mapping of keys"),
        ("name: good\n", "name: good\nschema_version: 2\n", "2:17  schema_version: 2 is not allowed, must be 1"),
        (
            "name: good",
            "name: a b",
            '1:7  name: "a b" is not allowed, must begin with a letter and hold only letters, digits, dot, dash, '
            "underscore",
        ),
        (
            "name: m5",
            "name: -m5",
            '6:12  endpoints[0].name: "-m5" is not allowed, must begin with a letter or digit and hold only letters, '
            "digits, dot, dash, underscore",
        ),
        ("horizon: 1h\n", "horizon: 1h\n1: 2\n", "3:1  1: a key must be text"),
        # The traffic is right; what asks too much of it is the horizon.
        (
            "horizon: 1h",
            "horizon: 40000d",
            "2:10  horizon: 3.456e+09 s, must be at most a century (3.15576e+09 s)",
        ),
        (
            "mean_rate: 2/s",
            "mean_rate: -2/s",
            "3:37  traffic.mean_rate: '-2/s' is not a rate; write for example 10/s, 600/min or 2e6/month (per s, min, "
            "h, d, week, month)",
        ),
        ("mean_rate: 2/s", "mean_rate: 1e9/s", "3:37  traffic.mean_rate: 1e+09/s is too high; at most 1e+06/s"),
        ("{kind: poisson, mean_rate: 2/s}", "null", "3:10  traffic: null is not a mapping of keys"),
        (
            "{kind: poisson, mean_rate: 2/s}",
            "{kind: profile, period: day, rates: []}",
            "3:46  traffic.rates: has 0 entries, must have at least 1",
        ),
        (
            "{kind: poisson, mean_rate: 2/s}",
            "{kind: profile, period: day, mean_rate: 2/s, shape: [0, 0]}",
            "3:10  traffic: shape is 0 in every step; at least one must be more than 0",
        ),
        (
            "service_time: 100ms",
            "service_time: -1s",
            "4:23  model.service_time: '-1s' is negative; a duration is 0s or more",
        ),
        (
            "name: good\n",
            "name: good\nprices: [aws/us-east-1/2026-11, bedrock/us-east-1/2026-11]\n",
            "2:9  prices: is a list; several sheets stand under base, {base: [aws/us-east-1/2026-11, "
            "bedrock/us-east-1/2026-11]}",
        ),
        # A field that is not there, and whose default does not do: it is named, and stands where it should.
        (
            "{name: m5, kind: real_time, instance_type: ml.m5.xlarge}",
            "{name: api, kind: managed_api, model_id: m, model_units: 1, max_tokens: 9, time_per_output_token: 1ms}",
            "6:5  endpoints[0].tokens_per_minute_per_unit: missing: what a model unit lets through depends on the "
            "model; ask the provider",
        ),
        (
            "{name: m5, kind: real_time, instance_type: ml.m5.xlarge}",
            "{name: api, kind: managed_api, model_id: m, tokens_per_minute: none, max_tokens: 9, "
            "time_per_output_token: 1ms}",
            "6:5  endpoints[0].requests_per_minute: missing: quotas are those of an account and a Region; give a "
            "number, or none for no quota",
        ),
    ],
)
def test_one_clear_message(tmp_path: Path, old: str, new: str, expected: str) -> None:
    """Exactly one, with line, column, path, the value and what is allowed instead."""
    assert old in GOOD
    file = tmp_path / "s.yaml"
    file.write_text(GOOD.replace(old, new, 1), encoding="utf-8")
    with pytest.raises(ScenarioError) as caught:
        load_scenario(file)
    assert f"{file}:{expected}\n1 error" == str(caught.value)


def test_no_endpoint_at_all_is_one_message(tmp_path: Path) -> None:
    """The baseline, by default the first endpoint, adds none of its own."""
    file = tmp_path / "s.yaml"
    file.write_text(GOOD.partition("endpoints:")[0] + "endpoints: []\n", encoding="utf-8")
    with pytest.raises(ScenarioError) as caught:
        load_scenario(file)
    assert f"{file}:5:12  endpoints: has 0 entries, must have at least 1\n1 error" == str(caught.value)


def test_a_file_name_near_no_shipped_scenario_lists_them(tmp_path: Path) -> None:
    """The list follows at once."""
    with pytest.raises(ScenarioError) as caught:
        load_scenario(tmp_path / "zzz.yaml")
    assert "zzz.yaml  no such file; shipped scenarios: assistant-launch, " in str(caught.value)
