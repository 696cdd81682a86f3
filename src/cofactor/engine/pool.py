"""Threads that outlive a fit: starting them takes longer than many a call."""

from __future__ import annotations

import os
import threading
import weakref
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

from cofactor.kernels import dismiss, hire
from cofactor.lazy import lazy


class Pool(ThreadPoolExecutor):
    """A pool that knows its threads.

    Attributes
    ----------
    threads : list of int
        Their numbers in the system, as soon as they have started.
    """

    def __init__(self, n_threads: int) -> None:
        self.threads: list[int] = []
        self._n_helpers = n_threads - 1
        super().__init__(n_threads, thread_name_prefix="cofactor", initializer=self._count)

    @lazy
    def helpers(self) -> int:
        """Native threads that help the caller with kernels: one fewer."""
        helpers = hire(self._n_helpers)
        weakref.finalize(self, dismiss, helpers)
        return helpers

    def _count(self) -> None:
        self.threads.append(threading.get_native_id())


_resting: dict[int, Pool] = {}  # by number of threads; at most one


@contextmanager
def pool_of(n_threads: int) -> Iterator[Pool]:
    """Lend a pool that nobody else uses meanwhile.

    The last pool given back is kept for the next caller that wants as many threads. Children made
    by ``fork``, which threads do not survive, begin without one.

    Parameters
    ----------
    n_threads : int
        At least 1.
    """
    pool = _resting.pop(n_threads, None) or Pool(n_threads)
    try:
        yield pool
    except BaseException:  # some calls may go on
        pool.shutdown()
        raise
    _resting.clear()  # threads of a pool that nobody holds come to an end
    _resting[n_threads] = pool


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_resting.clear)
