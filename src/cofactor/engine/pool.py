"""Threads that outlive a fit: starting them takes longer than many a call."""

from __future__ import annotations

import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

_resting: dict[int, ThreadPoolExecutor] = {}  # by number of threads; at most one


@contextmanager
def pool_of(n_threads: int) -> Iterator[ThreadPoolExecutor]:
    """Lend a pool that nobody else uses meanwhile.

    The last pool given back is kept for the next caller that wants as many threads. Children made
    by ``fork``, which threads do not survive, begin without one.

    Parameters
    ----------
    n_threads : int
        At least 1.
    """
    pool = _resting.pop(n_threads, None) or ThreadPoolExecutor(
        n_threads, thread_name_prefix="cofactor"
    )
    try:
        yield pool
    except BaseException:  # some calls may go on
        pool.shutdown()
        raise
    _resting.clear()  # threads of a pool that nobody holds come to an end
    _resting[n_threads] = pool


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_resting.clear)
