"""A Dask cluster as a `concurrent.futures.Executor`; needs the extra ``cluster``."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import Executor
from contextlib import contextmanager
from typing import Any, Final

from simulator.errors import InputError
from simulator.scenario.model import Scenario

#: How long a scheduler may take to answer. [s]
_ANSWER_WITHIN_S: Final = 10


@contextmanager
def dask_executor(address: str) -> Iterator[tuple[Executor, int, Callable[[Scenario], Any]]]:
    """The executor of a cluster, how many tasks it runs at once, and a function that sends it a scenario once.

    Scheduler and workers need the same endpointsim and NumPy as this process, nothing else: no file is read there. A
    worker that dies is Dask's business: its tasks run elsewhere.

    Parameters
    ----------
    address : str
        Of the scheduler, for example ``tcp://10.0.0.1:8786``.

    Raises
    ------
    InputError
        If Dask is not installed, if no scheduler answers, or if it has no workers.
    """
    try:
        from distributed import Client
    except ImportError as error:
        raise InputError("cluster: needs Dask; install it with: pip install 'endpointsim[cluster]'") from error

    try:
        client = Client(address, timeout=_ANSWER_WITHIN_S, set_as_default=False)
    except (OSError, ValueError, TypeError) as error:
        raise InputError(
            f"cluster is {address!r}: no Dask scheduler answers there ({str(error) or type(error).__name__}); "
            "write its address as tcp://host:port"
        ) from error
    with client:
        count = sum(client.nthreads().values())
        if count == 0:
            raise InputError(f"cluster is {address!r}: it has no workers; start some with: dask worker {address}")
        # Equal tasks are never sent twice, so no key has to be reckoned from a scenario. It is sent as a task, because
        # Dask makes the result of a task again when the worker that held it dies.
        yield client.get_executor(pure=False), count, lambda scenario: client.submit(_same, scenario, pure=False)


def _same(scenario: Scenario) -> Scenario:
    return scenario
