"""Where threads wake up: not on the processor of the thread that wakes them.

A thread that wakes another goes on working. Schedulers may put the other on the same processor
nonetheless, where it waits for milliseconds while another processor is idle.
"""

from __future__ import annotations

import ctypes
import os
from collections.abc import Callable, Iterable
from contextlib import suppress
from functools import cache

_SELF = 0


def wake_elsewhere(threads: Iterable[int]) -> Callable[[], None]:
    """Keep sleeping threads off the caller's processor until they call what is returned.

    Where the system does not tell processors apart, or allows only one, nothing is done.

    Parameters
    ----------
    threads : iterable of int
        Their numbers in the system, :func:`threading.get_native_id`.

    Returns
    -------
    anywhere : callable
        Called by one of the threads, it may run again wherever the caller may.
    """
    here = _here()
    if here is None:
        return _nothing
    allowed = os.sched_getaffinity(_SELF)
    elsewhere = allowed - {here}
    if not elsewhere:
        return _nothing
    for thread in threads:
        _allow(thread, elsewhere)
    return lambda: _allow(_SELF, allowed)


def _nothing() -> None:
    """Leave the calling thread where it is."""


def _allow(thread: int, processors: set[int]) -> None:
    with suppress(OSError):  # the system forbids it, or the thread has ended
        os.sched_setaffinity(thread, processors)


def _here() -> int | None:
    """Return the processor of the calling thread, or None if the system does not tell."""
    ask = _sched_getcpu()
    return None if ask is None else ask()


@cache
def _sched_getcpu() -> Callable[[], int] | None:
    if not hasattr(os, "sched_setaffinity"):
        return None
    return getattr(ctypes.CDLL(None), "sched_getcpu", None)
