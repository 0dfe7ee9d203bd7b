"""The closed forms give the published values, before anything is held against them."""

from __future__ import annotations

import math

import pytest
from scipy import stats

from tests.oracles import closed_forms as cf
from tests.oracles import sharing

BURSTY = ((10.0, 1.0), (1 / 30, 1 / 120), 1.0)


def _tail(lam: float, servers: int, share: float) -> float:
    return cf.quantile(lambda t: cf.mmc_latency_tail(t, lam, 1.0, servers), share)


GAMMA_ONE = cf.gmc(lambda s: cf.gamma_gap_transform(s, 0.7, 2.0), 1.0, 1)
GAMMA_FOUR = cf.gmc(lambda s: cf.gamma_gap_transform(s, 3.0, 2.0), 1.0, 4)
LIMITED = cf.Mmck(4.0, 1.0, 3, 8)
IDLE = {case: cf.most_recently_idle(*case) for case in [(0.5, 1, 5), (2, 1, 5), (5, 1, 10), (0.1, 1, 10), (10, 1, 1)]}
IDLE_SLOW = cf.most_recently_idle(1, 0.1, 60)
IDLE_LIMITED = cf.most_recently_idle(4, 1, 3, 5)
CHAIN_INSTANT = cf.exponential_idle_timeout(1, 1, math.inf, 0.2, 12)
CHAIN_STARTS = cf.exponential_idle_timeout(1, 1, 0.5, 0.2, 12)
CHAIN_BUSY = cf.exponential_idle_timeout(2, 1, 0.5, 0.1, 4)
CHAIN_QUIET = cf.exponential_idle_timeout(0.2, 1, 0.25, 0.05, 3)
ERLANG_A = cf.erlang_a(5, 1, 4, 0.5)
TO_ZERO = cf.scale_to_zero(0.1, 2.0, 8.0, 5.0, 10.0)
WAVE = (5.0, 0.8, 60.0, 10.0)
WAVE_EXPONENTIAL = {0: "30.0212495", 15: "69.0783014", 30: "69.9787505", 45: "30.9216986"}
WAVE_CONSTANT = {0: "30.9014068", 15: "83.0797337", 30: "69.0985932", 45: "16.9202663"}

#: (what, published value as printed, value of the closed form).
PUBLISHED = [
    ("M/M/1 mean waiting time", "4.000000", cf.mmc_waiting(0.8, 1.0, 1)),
    ("M/M/1 latency p99", "23.0258509", _tail(0.8, 1, 0.99)),
    ("M/M/1 latency over 10 s", "0.1353353", cf.mmc_latency_tail(10, 0.8, 1.0, 1)),
    ("M/M/4 waits", "0.5094339623", cf.erlang_c(4, 3)),
    ("M/M/4 mean waiting time", "0.5094339623", cf.mmc_waiting(3, 1, 4)),
    ("M/M/4 latency p50", "1.1562836", _tail(3, 4, 0.5)),
    ("M/M/4 latency p95", "4.1280998", _tail(3, 4, 0.95)),
    ("M/M/4 latency p99", "6.0063082", _tail(3, 4, 0.99)),
    ("M/M/2 waits", "0.6428571429", cf.erlang_c(2, 1.5)),
    ("M/M/2 mean waiting time", "1.2857142857", cf.mmc_waiting(1.5, 1, 2)),
    ("M/M/2 latency p50", "1.688068", _tail(1.5, 2, 0.5)),
    ("M/M/2 latency p99", "9.709503", _tail(1.5, 2, 0.99)),
    ("M/M/10 waits", "0.4091801508", cf.erlang_c(10, 8)),
    ("M/M/10 mean waiting time", "0.2045900754", cf.mmc_waiting(8, 1, 10)),
    ("M/M/10 latency p99", "4.9461113", _tail(8, 10, 0.99)),
    ("M/G/1 mean waiting time, lognormal cv 2", "5.8333333333", cf.mg1_waiting(0.7, 1, 2)),
    ("M/D/1 mean waiting time", "2.000000", cf.mg1_waiting(0.8, 1, 0)),
    ("M/D/1 waits over 2 s", "0.3654801", cf.md1_waiting_tail(2, 0.8, 1)),
    ("M/D/1 waiting p99", "10.3558868", cf.quantile(lambda t: cf.md1_waiting_tail(t, 0.8, 1), 0.99, upper=19)),
    ("gamma/M/1 waits", "0.8711624726", GAMMA_ONE[0]),
    ("gamma/M/1 mean waiting time", "6.7617137", GAMMA_ONE[1]),
    ("gamma/M/1 latency p99", "35.7440125", -math.log(0.01) / (1 - GAMMA_ONE[2])),
    ("gamma/M/4 waits", "0.7274935798", GAMMA_FOUR[0]),
    ("gamma/M/4 mean waiting time", "1.7172942", GAMMA_FOUR[1]),
    ("MMPP/M/6 mean waiting time", "19.2251383", cf.mmpp_mmc(*BURSTY, servers=6)[0]),
    ("MMPP/M/6 waits", "0.7533759", cf.mmpp_mmc(*BURSTY, servers=6)[1]),
    ("M/M/6 at the same mean rate", "0.0235833", cf.mmc_waiting(2.8, 1, 6)),
    ("MMPP/M/∞ mean busy", "2.800000", cf.mmpp_infinite(*BURSTY)[0]),
    ("MMPP/M/∞ variance of busy", "15.2416", cf.mmpp_infinite(*BURSTY)[1]),
    ("M/M/3/8 loss", "0.2795403554", LIMITED.loss()),
    ("M/M/3/8 mean waiting time", "1.0522302346", LIMITED.waiting()),
    ("M/M/3/8 waits", "0.8877837377", LIMITED.waits()),
    ("M/M/3/8 waits over 1 s", "0.4768070", LIMITED.waiting_tail(1)),
    ("M/M/4+D gives up", "0.2144510279", cf.mmc_patience(5, 1, 4, 2)[0]),
    ("M/M/4+D waits", "0.9561639771", cf.mmc_patience(5, 1, 4, 2)[1]),
    ("M/M/4+M gives up", "0.2590255021", ERLANG_A[0]),
    ("M/M/4+M mean waiting time", "0.5180510042", ERLANG_A[1]),
    ("M/M/4+M waits", "0.8209509191", ERLANG_A[2]),
    ("scale to zero, mean latency", "4.4420300437", TO_ZERO[0]),
    ("scale to zero, cold", "0.2485798456", TO_ZERO[1]),
    *((f"M_t/M/∞ at {t} s", text, cf.sinusoidal_infinite(t, *WAVE)) for t, text in WAVE_EXPONENTIAL.items()),
    *((f"M_t/D/∞ at {t} s", text, cf.sinusoidal_infinite(t, *WAVE, "constant")) for t, text in WAVE_CONSTANT.items()),
    ("two instances, shortest queue", "2.9557366", cf.join_shortest_queue(1.6, 1)),
    ("two instances, one queue", "2.7777777778", 1 + cf.mmc_waiting(1.6, 1, 2)),
    ("two instances, random", "5.000000", 1 + cf.mmc_waiting(0.8, 1, 1)),
    ("M/G/10/10 throttled", "0.1216610643", cf.erlang_b(10, 8)),
    ("provisioned concurrency 3, spilled over", "0.2105263158", cf.erlang_b(3, 2)),
    ("one instance, cold", "0.3678794412", math.exp(-0.05 * 20)),
    ("one instance, throttled", "0.2065783115", cf.erlang_b(1, 0.05 * (3 + 6 * math.exp(-1)))),
    ("gamma gaps, cold", "0.1535135958", float(stats.gamma.sf(60, 0.25, scale=120))),
    ("most recently idle (.5, 1, 5), cold", "0.2351618859", IDLE[(0.5, 1, 5)][0]),
    ("most recently idle (.5, 1, 5), idle", "1.1826118803", IDLE[(0.5, 1, 5)][1]),
    ("most recently idle (2, 1, 5), cold", "0.0996998465", IDLE[(2, 1, 5)][0]),
    ("most recently idle (2, 1, 5), idle", "2.5312412822", IDLE[(2, 1, 5)][1]),
    ("most recently idle (5, 1, 10), cold", "0.0285822275", IDLE[(5, 1, 10)][0]),
    ("most recently idle (5, 1, 10), idle", "5.0916193348", IDLE[(5, 1, 10)][1]),
    ("most recently idle (.1, 1, 10), cold", "0.4140545068", IDLE[(0.1, 1, 10)][0]),
    ("most recently idle (.1, 1, 10), idle", "0.6570731276", IDLE[(0.1, 1, 10)][1]),
    ("most recently idle (1, .1, 60), cold", "0.0327552329", IDLE_SLOW[0]),
    ("most recently idle (1, .1, 60), idle", "6.1921596876", IDLE_SLOW[1]),
    ("most recently idle (10, 1, 1), cold", "0.1502112063", IDLE[(10, 1, 1)][0]),
    ("most recently idle (10, 1, 1), idle", "2.9289379940", IDLE[(10, 1, 1)][1]),
    ("at most 5 busy, cold", "0.0284129099", IDLE_LIMITED[0]),
    ("at most 5 busy, throttled", "0.1990668740", cf.erlang_b(5, 4)),
    ("at most 5 busy, idle", "1.6683676015", IDLE_LIMITED[1]),
    ("no instance at all", "0.2465969639", math.exp(-0.2 - 1.2)),
    ("exponential timeout, cold", "0.2539975219", CHAIN_INSTANT.cold),
    ("exponential timeout, idle", "1.2699876086", CHAIN_INSTANT.idle),
    ("with startup, cold", "0.2680215924", CHAIN_STARTS.cold),
    ("with startup, starting", "0.5360422545", CHAIN_STARTS.starting),
    ("with startup, idle", "1.3401056361", CHAIN_STARTS.idle),
    ("busy chain, cold", "0.0886205376", CHAIN_BUSY.cold),
    ("busy chain, throttled", "0.1381164396", CHAIN_BUSY.throttled),
    ("busy chain, starting", "0.3055223378", CHAIN_BUSY.starting),
    ("busy chain, busy", "1.7237671209", CHAIN_BUSY.busy),
    ("busy chain, idle", "1.5276116888", CHAIN_BUSY.idle),
    ("quiet chain, cold", "0.2571289549", CHAIN_QUIET.cold),
    ("quiet chain, throttled", "0.0123429789", CHAIN_QUIET.throttled),
    ("quiet chain, starting", "0.2031641741", CHAIN_QUIET.starting),
    ("quiet chain, busy", "0.1975314043", CHAIN_QUIET.busy),
    ("quiet chain, idle", "1.0158208706", CHAIN_QUIET.idle),
    ("billed in steps of 1 ms", "0.2005004167", cf.rounded_up_exponential(0.2, 0.001)),
    ("billed in steps of 100 ms", "0.2541494083", cf.rounded_up_exponential(0.2, 0.1)),
]


@pytest.mark.parametrize(("published", "reached"), [row[1:] for row in PUBLISHED], ids=[row[0] for row in PUBLISHED])
def test_published_value(published: str, reached: float) -> None:
    """Each closed form agrees with the value published for it, within one unit of its last digit."""
    assert float(published) == pytest.approx(reached, rel=0, abs=10.0 ** -len(published.split(".")[1]))


@pytest.mark.parametrize("most", [1, 2, 4, 8])
def test_batches_leave_behind_what_the_roots_say(most: int) -> None:
    """The chain of M/D[1,b]/1 at load 0.6 agrees with the roots of its equation, for b = 1 with M/D/1."""
    found = sharing.batches(0.6 * most, lambda k: 1.0, most)
    assert sharing.constant_batches_left_behind(0.6 * most, most) == pytest.approx(found.left_behind, rel=1e-9)
    if most == 1:
        assert cf.mg1_waiting(0.6, 1, 0) == pytest.approx(found.waiting, rel=1e-9)
        assert 1.0 == pytest.approx(found.size)


def test_batches_that_are_always_full() -> None:
    """With `least` = `most` a batch is always full; the first of 3 waits for two gaps at least, the last for none."""
    found = sharing.batches(0.001, lambda k: 1.0, 3, least=3)
    assert 3.0 == pytest.approx(found.size)
    assert (2 + 1 + 0) / 3 / 0.001 == pytest.approx(found.waiting, rel=1e-4)


def test_patience_for_the_response_without_waiting() -> None:
    """With servers enough nobody waits: late is who takes longer than the patience, e^(-2)."""
    assert math.exp(-2) == pytest.approx(cf.mmc_patience_for_response(0.01, 1, 9, 2.0), rel=1e-9)
