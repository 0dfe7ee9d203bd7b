"""Textbook answers that the engines are held against.

Rates in 1/s, times in s. `lam` is the arrival rate, `mu` the service rate of one server, ``a = lam / mu`` the
offered load in erlangs.

References
----------
.. [1] L. Kleinrock, "Queueing Systems, Volume 1: Theory", Wiley, 1975 (Erlang B and C, M/M/c/K, G/M/1).
.. [2] L. Takács, "Introduction to the Theory of Queues", Oxford University Press, 1962 (G/M/c).
.. [3] M. F. Neuts, "Matrix-Geometric Solutions in Stochastic Models", Johns Hopkins, 1981 (MMPP/M/c).
.. [4] F. Baccelli and G. Hébuterne, "On queues with impatient customers", Performance '81 (M/M/c+D).
.. [5] A. Gandhi, S. Doroudi, M. Harchol-Balter and A. Scheller-Wolf, "Exact analysis of the M/M/k/setup class
       of Markov chains via recursive renewal reward", SIGMETRICS 2013 (instances that die when idle).
.. [6] J. Keilson, "Markov Chain Models: Rarity and Exponentiality", Springer, 1979 (passage times of birth and
       death processes, the idle spells of most-recently-idle routing).
.. [7] C. Palm, "Research on telephone traffic carried by full availability groups", Tele 1, 1957 (M/M/c+M, called
       Erlang A).
.. [8] P. D. Welch, "On a generalized M/G/1 queuing process in which the first customer of each busy period receives
       exceptional service", Operations Research 12, 1964.
.. [9] S. G. Eick, W. A. Massey and W. Whitt, "The physics of the Mt/G/∞ queue", Operations Research 41, 1993.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from itertools import product

import numpy as np
from numpy.typing import NDArray
from scipy import optimize, special
from scipy.linalg import expm
from scipy.sparse import csc_matrix
from scipy.sparse.linalg import spsolve


def erlang_b(servers: int, load: float) -> float:
    """Share of requests that find all servers of M/G/c/c busy [1]_."""
    blocked = 1.0
    for k in range(1, servers + 1):
        blocked = load * blocked / (k + load * blocked)
    return blocked


def erlang_c(servers: int, load: float) -> float:
    """Share of requests that wait in M/M/c [1]_."""
    blocked = erlang_b(servers, load)
    return servers * blocked / (servers - load * (1 - blocked))


def mmc_waiting(lam: float, mu: float, servers: int) -> float:
    """Mean waiting time in M/M/c, over all requests [1]_."""
    return erlang_c(servers, lam / mu) / (servers * mu - lam)


def mmc_latency_tail(t: float, lam: float, mu: float, servers: int) -> float:
    """P(R > t) in M/M/c first come, first served: R = W + S with P(W > t) = C exp(-(c mu - lam) t) [1]_."""
    waits = erlang_c(servers, lam / mu)
    drain = servers * mu - lam
    if math.isclose(drain, mu, rel_tol=1e-12):
        return (1 - waits + waits * (1 + mu * t)) * math.exp(-mu * t)
    convolved = (drain * math.exp(-mu * t) - mu * math.exp(-drain * t)) / (drain - mu)
    return (1 - waits) * math.exp(-mu * t) + waits * convolved


def quantile(tail: Callable[[float], float], share: float, upper: float = 1e4) -> float:
    """The t at which ``P(X > t) = 1 - share``."""
    return float(optimize.brentq(lambda t: tail(t) - (1 - share), 0.0, upper, xtol=1e-12, rtol=1e-14))


def mg1_waiting(lam: float, mean: float, cv: float) -> float:
    """Mean waiting time in M/G/1 (Pollaczek and Khinchine) [1]_."""
    rho = lam * mean
    return rho * (1 + cv**2) * mean / (2 * (1 - rho))


def md1_waiting_tail(t: float, lam: float, service: float) -> float:
    """P(W > t) in M/D/1 (Erlang, 1909); an alternating sum, good to 9 digits below t = 20 service times."""
    inside = math.fsum(
        (-lam * (t - j * service)) ** j * math.exp(lam * (t - j * service)) / math.factorial(j)
        for j in range(int(t / service) + 1)
    )
    return 1 - (1 - lam * service) * inside


def gamma_gap_transform(s: float, lam: float, cv: float) -> float:
    """Laplace transform of gamma gaps with mean 1/lam: (1 + s cv²/lam)^(-1/cv²)."""
    return float((1 + s * cv**2 / lam) ** (-1 / cv**2))


def gmc(transform: Callable[[float], float], mu: float, servers: int) -> tuple[float, float, float]:
    """(P(W > 0), mean waiting time, sigma) of G/M/c first come, first served [2]_; sigma rules the tail of W."""
    sigma = float(optimize.brentq(lambda x: transform(servers * mu * (1 - x)) - x, 1e-12, 1 - 1e-9, xtol=1e-15))
    product_c, total = 1.0, 1 / (1 - sigma)
    for j in range(1, servers + 1):
        alpha = transform(j * mu)
        product_c *= alpha / (1 - alpha)
        total += (
            math.comb(servers, j)
            / (product_c * (1 - alpha))
            * (servers * (1 - alpha) - j)
            / (servers * (1 - sigma) - j)
        )
    waits = 1 / total / (1 - sigma)
    return waits, waits / (servers * mu * (1 - sigma)), sigma


def mmpp_mmc(rates: tuple[float, float], leaving: tuple[float, float], mu: float, servers: int) -> tuple[float, float]:
    """(mean waiting time, P(W > 0)) of MMPP/M/c by the matrix-geometric method [3]_.

    `rates` are the arrival rates of the two states, `leaving` the rates at which they are left.
    """
    eye, arrive = np.eye(2), np.diag(rates)
    switch = np.array([[-leaving[0], leaving[0]], [leaving[1], -leaving[1]]])
    inverse = np.linalg.inv(switch - arrive - servers * mu * eye)
    ratio = np.zeros((2, 2))
    while True:
        following = -(arrive + servers * mu * ratio @ ratio) @ inverse
        if np.abs(following - ratio).max() < 1e-16:
            break
        ratio = following
    balance = np.zeros((2 * (servers + 1), 2 * (servers + 1)))
    for k in range(servers + 1):
        here = slice(2 * k, 2 * k + 2)
        balance[here, here] = switch - arrive - k * mu * eye + (servers * mu * ratio if k == servers else 0)
        if k < servers:
            balance[here, 2 * k + 2 : 2 * k + 4] = arrive
        if k:
            balance[here, 2 * k - 2 : 2 * k] = k * mu * eye
    geometric = np.linalg.inv(eye - ratio)
    system = balance.T.copy()
    system[0] = 1.0  # one balance equation is redundant; probabilities sum to 1 instead
    system[0, 2 * servers :] = geometric.sum(axis=1)
    at = np.linalg.solve(system, np.eye(len(system))[0])
    top = at[2 * servers :]
    per_state = np.array(rates)
    waiting_flow = top @ geometric @ per_state
    flow = waiting_flow + sum(at[2 * k : 2 * k + 2] @ per_state for k in range(servers))
    queue = (top @ ratio @ geometric @ geometric).sum()
    return float(queue / flow), float(waiting_flow / flow)


def mmpp_infinite(rates: tuple[float, float], leaving: tuple[float, float], mu: float) -> tuple[float, float]:
    """Mean and variance of the number busy in MMPP/M/∞: m/mu and m/mu + V/(mu (mu + k)) [3]_."""
    settle = leaving[0] + leaving[1]
    high = leaving[1] / settle
    mean_rate = high * rates[0] + (1 - high) * rates[1]
    rate_variance = (rates[0] - rates[1]) ** 2 * high * (1 - high)
    return mean_rate / mu, mean_rate / mu + rate_variance / (mu * (mu + settle))


@dataclass(frozen=True)
class Mmck:
    """M/M/c/K, at most `room` requests in the system, those in service counted [1]_."""

    lam: float
    mu: float
    servers: int
    room: int

    @property
    def _shares(self) -> NDArray[np.float64]:
        k = np.arange(self.room)
        steps = self.lam / (self.mu * np.minimum(k + 1, self.servers))
        weights = np.concatenate([[1.0], np.cumprod(steps)])
        return np.asarray(weights / weights.sum())

    def loss(self) -> float:
        """Share of requests turned away."""
        return float(self._shares[-1])

    def waits(self) -> float:
        """Share of accepted requests that wait."""
        return float(self._shares[self.servers : self.room].sum() / (1 - self.loss()))

    def waiting(self) -> float:
        """Mean waiting time of accepted requests, by Little's law."""
        queue = np.maximum(np.arange(self.room + 1) - self.servers, 0) @ self._shares
        return float(queue / (self.lam * (1 - self.loss())))

    def waiting_tail(self, t: float) -> float:
        """P(W > t) of accepted requests: k - c + 1 releases at rate c mu have to come first."""
        shares = self._shares
        return float(
            sum(
                shares[k] * special.pdtr(k - self.servers, self.servers * self.mu * t)
                for k in range(self.servers, self.room)
            )
            / (1 - shares[-1])
        )


def mmc_patience(lam: float, mu: float, servers: int, patience: float) -> tuple[float, float]:
    """(share that gives up, share that waits at all) in M/M/c with one constant patience on waiting [4]_."""
    load, drift = lam / mu, lam - servers * mu
    if math.isclose(drift, 0.0, abs_tol=1e-12):
        weight = patience + 1 / (servers * mu)
    else:
        grown = math.exp(drift * patience)
        weight = (grown - 1) / drift + grown / (servers * mu)
    terms = [load**j / math.factorial(j) for j in range(servers)]
    empty = math.fsum(terms) / terms[-1]
    return (1 + drift * weight) / (empty + lam * weight), lam * weight / (empty + lam * weight)


def mmc_patience_for_response(lam: float, mu: float, servers: int, patience: float) -> float:
    """Share that is not answered within a constant patience where a started service goes on for nobody [4]_.

    Servers do not see that a client goes in service, so the virtual wait v is that of M/M/c+D: its density for
    0 < v < patience is f0 exp((lam - c mu) v). Whoever waits v is late if the service takes more than patience - v.
    """
    gives_up, waits = mmc_patience(lam, mu, servers, patience)
    drift = lam - servers * mu
    weight = patience if math.isclose(drift, 0.0, abs_tol=1e-12) else math.expm1(drift * patience) / drift
    grown = weight + math.exp(drift * patience) / (servers * mu)
    f0 = waits / grown
    growth = drift + mu
    late = patience if math.isclose(growth, 0.0, abs_tol=1e-12) else math.expm1(growth * patience) / growth
    return gives_up + math.exp(-mu * patience) * ((1 - waits) + f0 * late)


def erlang_a(lam: float, mu: float, servers: int, leaving: float) -> tuple[float, float, float]:
    """(share that gives up, mean waiting time of all, share that waits) of M/M/c+M [7]_.

    Each waiting request leaves at the rate `leaving`; a chain of birth and death, cut where its shares are below 1e-18.
    """
    k = np.arange(int(servers + 60 * (1 + lam / leaving)))
    deaths = np.minimum(k + 1, servers) * mu + np.maximum(k + 1 - servers, 0) * leaving
    log_shares = np.concatenate([[0.0], np.cumsum(math.log(lam) - np.log(deaths))])
    shares = np.exp(log_shares - special.logsumexp(log_shares))
    number = np.arange(len(shares))
    waiting = float(np.maximum(number - servers, 0) @ shares) / lam
    return leaving * waiting, waiting, float(shares[number >= servers].sum())


def scale_to_zero(
    lam: float, mean: float, second_moment: float, startup: float, idle_timeout: float
) -> tuple[float, float]:
    """(mean latency, cold share) of M/G/1 whose server goes when idle for `idle_timeout` and takes `startup` to come.

    A queue whose first request of a busy period has an exceptional service, that of others plus the startup with
    chance exp(-lam T) [8]_. `mean` and `second_moment` are those of a service.
    """
    off = math.exp(-lam * idle_timeout)
    rho = lam * mean
    first_mean = mean + off * startup
    first_second = second_moment + off * (2 * mean * startup + startup**2)
    begins = 1 + lam * (first_mean - mean)
    waiting = lam * second_moment / (2 * (1 - rho)) + lam * (first_second - second_moment) / (2 * begins)
    empty = (1 - rho) / begins
    return waiting + mean + empty * (first_mean - mean), empty * off


def sinusoidal_infinite(
    t: float, lam: float, swing: float, period: float, mean: float, law: str = "exponential"
) -> float:
    """Mean number busy at t in M_t/G/∞ from the infinite past, arrivals at lam (1 + swing sin(2 pi t / period)) [9]_.

    The law of service is `exponential` or `constant`.
    """
    gamma, mu = 2 * math.pi / period, 1 / mean
    if law == "exponential":
        wave = (mu * math.sin(gamma * t) - gamma * math.cos(gamma * t)) / (mu**2 + gamma**2)
    else:
        wave = (math.cos(gamma * (t - mean)) - math.cos(gamma * t)) / gamma
    return lam * mean + lam * swing * wave


def join_shortest_queue(lam: float, mu: float, most: int = 80) -> float:
    """Mean latency with two single-worker instances, an arrival joining the one with fewer requests, ties at random.

    The chain of (fewer, more) requests, cut where the longer queue holds `most`; at load 0.8 the cut is below 1e-12.
    """
    states = [(low, high) for high in range(most + 1) for low in range(high + 1)]
    number = {state: i for i, state in enumerate(states)}
    rows, columns, flows = [], [], []

    def flow(start: tuple[int, int], to: tuple[int, int], rate: float) -> None:
        rows.extend([number[to], number[start]])
        columns.extend([number[start], number[start]])
        flows.extend([rate, -rate])

    for low, high in states:
        joined = (low, high + 1) if low == high else (low + 1, high)
        if max(joined) <= most:
            flow((low, high), (min(joined), max(joined)), lam)
        for left in ((low - 1, high), (low, high - 1)):
            if min(left) >= 0:
                flow((low, high), (min(left), max(left)), mu)
    shares = _stationary(rows, columns, flows, len(states))
    return float(shares @ np.array([low + high for low, high in states]) / lam)


def _stationary(rows: list[int], columns: list[int], flows: list[float], n: int) -> NDArray[np.float64]:
    """Shares of time that solve the balance equations given as (row, column, rate), duplicates adding up."""
    matrix = csc_matrix((flows, (rows, columns)), shape=(n, n)).tolil()
    matrix[0] = 1.0  # one balance equation is redundant; the shares sum to 1 instead
    return np.asarray(spsolve(matrix.tocsc(), np.eye(1, n)[0]))


def most_recently_idle(
    lam: float, mu: float, idle_timeout: float, max_concurrency: int | None = None
) -> tuple[float, float]:
    """(cold share of served requests, mean idle instances) for exponential service, no startup, constant timeout.

    Idle instances form a stack. Level k of it is idle for a passage time of the number busy from k to k + 1
    [6]_, and a request that finds k busy is cold if that passage outlasts the idle timeout.
    """
    load = lam / mu
    levels = int(load + 12 * math.sqrt(load) + 30) if max_concurrency is None else max_concurrency
    k = np.arange(levels + 1)
    log_shares = k * math.log(load) - special.gammaln(k + 1)
    shares = np.exp(log_shares - (load if max_concurrency is None else special.logsumexp(log_shares)))
    served = 1.0 if max_concurrency is None else 1 - shares[-1]
    cold = idle = 0.0
    for busy in range(levels + 1 if max_concurrency is None else levels):
        if shares[busy] < 1e-18:
            continue
        j = np.arange(busy + 1)
        generator = np.diag(-(lam + mu * j)) + np.diag([lam] * busy, 1) + np.diag(mu * j[1:], -1)
        outlasts = expm(generator * idle_timeout) @ np.ones(busy + 1)
        cold += shares[busy] * outlasts[busy]
        idle += lam * shares[busy] * np.linalg.solve(generator, outlasts - 1)[busy]
    return cold / served, idle


@dataclass(frozen=True)
class Shares:
    """Steady state of an on-demand pool: shares of requests, mean numbers of instances."""

    cold: float
    throttled: float
    starting: float
    busy: float
    idle: float


def exponential_idle_timeout(
    lam: float, mu: float, startup_rate: float, expiry_rate: float, max_concurrency: int
) -> Shares:
    """Steady state with exponential service, startup and idle timeout, whatever the idle routing [5]_.

    The Markov chain of (starting, busy, idle) instances. Memoryless idle times make it irrelevant which idle
    instance serves, so every idle routing must agree with it. `startup_rate` infinite is no startup time.
    `cold` is the share of served requests.
    """
    instant = math.isinf(startup_rate)
    limit = max_concurrency
    states = [
        (starting, busy, idle)
        for starting, busy, idle in product(range(1 if instant else limit + 1), range(limit + 1), range(limit + 1))
        if starting + busy + idle <= limit
    ]
    number = {state: i for i, state in enumerate(states)}
    rows, columns, flows = [], [], []
    for starting, busy, idle in states:
        moves = [
            ((starting - 1, busy + 1, idle), starting * startup_rate if starting else 0.0),
            ((starting, busy - 1, idle + 1), busy * mu),
            ((starting, busy, idle - 1), idle * expiry_rate),
        ]
        if idle:
            moves.append(((starting, busy + 1, idle - 1), lam))
        elif starting + busy < limit:
            moves.append(((starting, busy + 1, 0) if instant else (starting + 1, busy, 0), lam))
        for to, rate in moves:
            if rate > 0:
                here = number[(starting, busy, idle)]
                rows.extend([number[to], here])
                columns.extend([here, here])
                flows.extend([rate, -rate])
    shares = _stationary(rows, columns, flows, len(states))
    counts = np.array(states)
    full = counts[:, 0] + counts[:, 1] == limit
    throttled = float(shares[full].sum())
    cold = float(shares[(counts[:, 2] == 0) & ~full].sum())
    means = shares @ counts
    return Shares(cold / (1 - throttled), throttled, float(means[0]), float(means[1]), float(means[2]))


def rounded_up_exponential(mean: float, step: float) -> float:
    """Mean of an exponential time rounded up to whole steps: step / (1 - exp(-step/mean)), a geometric series."""
    return step / -math.expm1(-step / mean)
