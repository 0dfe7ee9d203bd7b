"""A Dask cluster as a `concurrent.futures.Executor`; needs the extra ``cluster``."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any, Final

from simulator.errors import InputError
from simulator.scenario.model import Scenario

#: How long a scheduler may take to answer. [s]
_ANSWER_WITHIN_S: Final = 10
#: Packages on which results depend; of the program itself each task says more (`Task.made_by`).
_MUST_AGREE: Final = ("endpointsim", "numpy", "scipy", "numba")
_ADDRESS: Final = re.compile(r"((tcp|tls|ws|wss|ucx)://)?(\[[0-9a-f:.%]+\]|[\w.-]+):(?P<port>\d+)", re.IGNORECASE)
_FORM: Final = "write its address as tcp://host:port"


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

    found = _ADDRESS.fullmatch(address)
    if found is None or not 0 < int(found["port"]) < 1 << 16:
        raise InputError(f"cluster is {address!r}: that is no address of a Dask scheduler; {_FORM}")
    # A client waits for ever for a server of another kind, and for its own end if it could not begin. So somebody asks
    # beforehand, in a thread because there may be a loop in this one.
    with ThreadPoolExecutor(1) as thread:
        try:
            kind = thread.submit(asyncio.run, _kind_of(address)).result()
        except Exception as error:  # whatever Dask makes of what a server of another kind says
            why = f"nothing within {_ANSWER_WITHIN_S} s" if isinstance(error, TimeoutError | OSError) else str(error)
            raise InputError(f"cluster is {address!r}: no Dask scheduler answers there ({why}); {_FORM}") from error
    if kind != "Scheduler":
        raise InputError(f"cluster is {address!r}: there is a Dask {kind.lower()}, not a scheduler; {_FORM}")
    with Client(address, timeout=_ANSWER_WITHIN_S, set_as_default=False) as client:
        count = sum(client.nthreads().values())
        if count == 0:
            raise InputError(f"cluster is {address!r}: it has no workers; start some with: dask worker {address}")
        difference = _other_version(client.get_versions(packages=_MUST_AGREE))
        if difference:
            raise InputError(f"cluster is {address!r}: {difference}; install the same everywhere")
        # Equal tasks are never sent twice, so no key has to be reckoned from a scenario. It is sent as a task, because
        # Dask makes the result of a task again when the worker that held it dies.
        yield client.get_executor(pure=False), count, lambda scenario: client.submit(_same, scenario, pure=False)


async def _kind_of(address: str) -> str:
    """What Dask calls the server at an address."""
    from distributed.core import rpc
    from distributed.security import Security

    async def ask() -> str:
        keys = Security().get_connection_args("client")
        async with rpc(address, timeout=_ANSWER_WITHIN_S, connection_args=keys) as server:
            return str((await server.identity())["type"])

    return await asyncio.wait_for(ask(), _ANSWER_WITHIN_S)


def _other_version(versions: dict[str, Any]) -> str:
    """Who has what version and which is wanted, "the worker at … has no endpointsim, here is 0.1.0"; empty if none.

    Without the program a worker ends at the first task that it receives, and says nothing about it here.
    """
    wanted = versions["client"]["packages"]
    places = {"the scheduler": versions["scheduler"]}
    places |= {f"the worker at {place}": found for place, found in versions["workers"].items()}
    for place, found in places.items():
        for name in _MUST_AGREE:
            there = found["packages"].get(name)
            if there != wanted[name]:
                return f"{place} has {name if there else 'no'} {there or name}, here is {wanted[name]}"
    return ""


def _same(scenario: Scenario) -> Scenario:
    return scenario
