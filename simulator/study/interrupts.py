"""Interrupts from the keyboard, put off where they would leave something half done, or would be lost."""

from __future__ import annotations

import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager


@contextmanager
def put_off() -> Iterator[None]:
    """Let an interrupt wait until this is over; processes that are started meanwhile begin deaf to interrupts.

    In another thread than the main one nothing is done: Python interrupts the main thread alone.
    """
    before = signal.getsignal(signal.SIGINT)
    if before is None or threading.current_thread() is not threading.main_thread():
        yield
        return
    came = False

    def remember(*_: object) -> None:
        nonlocal came
        came = True

    signal.signal(signal.SIGINT, remember)
    try:
        # The handler stays in this process, what is blocked goes over to those that it starts. Blocking alone would
        # not do: the system hands the signal to any other thread, and Python then interrupts this one.
        if sys.platform == "win32":
            yield
        else:
            blocked = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
            try:
                yield
            finally:
                signal.pthread_sigmask(signal.SIG_SETMASK, blocked)
    finally:
        signal.signal(signal.SIGINT, before)
        if came:
            signal.raise_signal(signal.SIGINT)


@contextmanager
def remembered() -> Iterator[Callable[[], None]]:
    """Let the first interrupt wait for a call of the function that this gives; the second comes at once.

    An interrupt that comes at any moment may be lost: callbacks from C cannot pass it on, and Numba loads every
    compiled kernel through some. A run that was interrupted then went on to its end.

    In another thread than the main one, or where somebody else looks after interrupts, nothing is done.
    """
    if (
        signal.getsignal(signal.SIGINT) is not signal.default_int_handler
        or threading.current_thread() is not threading.main_thread()
    ):
        yield lambda: None
        return
    came = False

    def remember(*_: object) -> None:
        nonlocal came
        if came:
            raise KeyboardInterrupt
        came = True

    def check() -> None:
        if came:
            raise KeyboardInterrupt

    signal.signal(signal.SIGINT, remember)
    try:
        yield check
    finally:
        signal.signal(signal.SIGINT, signal.default_int_handler)
