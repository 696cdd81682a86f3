"""Blocks side by side on a pool of threads."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from threading import Lock
from typing import TypeVar

from cofactor.engine.base import Addable, Engine
from cofactor.engine.blas import BlasHold
from cofactor.engine.placement import wake_elsewhere
from cofactor.engine.pool import Pool, pool_of
from cofactor.engine.serial import SerialEngine
from cofactor.engine.tree import PairwiseSum
from cofactor.errors import InputError

B = TypeVar("B")
S = TypeVar("S")
A = TypeVar("A", bound=Addable)


class ThreadEngine:
    """Runs the blocks on a pool of threads; same bits as :class:`SerialEngine`.

    Parameters
    ----------
    pool : Pool
        The other threads, which nobody else uses.
    n_workers : int
        How many threads work, the calling one among them.
    """

    shares_memory = True

    def __init__(self, pool: Pool, n_workers: int) -> None:
        self._pool = pool
        self.n_workers = n_workers

    @property
    def helpers(self) -> int:
        """See :class:`cofactor.engine.base.Engine`."""
        return self._pool.helpers

    def together(self, function: Callable[[], None]) -> None:
        """Call ``function`` once on every worker at the same time; the calls share the work.

        The calling thread takes part. It must be right however few of the calls begin before the
        others have ended.
        """
        anywhere = wake_elsewhere(self._pool.threads)

        def join() -> None:
            anywhere()
            function()

        others = [self._pool.submit(join) for _ in range(self.n_workers - 1)]
        function()
        for other in others:
            if not other.cancel():  # it began
                other.result()

    def map_reduce(
        self, step: Callable[[B, S], tuple[A, S]], blocks: Sequence[B], states: Sequence[S]
    ) -> tuple[A, list[S]]:
        """See :meth:`cofactor.engine.base.Engine.map_reduce`."""
        total: PairwiseSum[A] = PairwiseSum(len(blocks))
        new_states: list[S] = list(states)
        one_at_a_time = Lock()

        def take_step(leaf: int) -> None:
            statistics, new_states[leaf] = step(blocks[leaf], states[leaf])
            with one_at_a_time:
                total.put(leaf, statistics)

        self._share(take_step, len(blocks))
        return total.result(), new_states

    def map(self, function: Callable[[B], S], items: Sequence[B]) -> list[S]:
        """See :meth:`cofactor.engine.base.Engine.map`."""
        results: dict[int, S] = {}

        def apply(place: int) -> None:
            results[place] = function(items[place])

        self._share(apply, len(items))
        return [results[place] for place in range(len(items))]

    def _share(self, work: Callable[[int], None], count: int) -> None:
        """Call ``work(0)`` to ``work(count − 1)``: whoever is free takes the next.

        Threads are woken once, not for every piece: that takes as long as many a piece does. Nobody
        is woken for a single one, which may share its own work.
        """
        if count == 1:
            work(0)
            return
        pieces = deque(range(count))

        def take_some() -> None:
            try:
                while (piece := _taken(pieces)) is not None:
                    work(piece)
            except BaseException:
                pieces.clear()  # nobody need go on
                raise

        self.together(take_some)


def _taken(pieces: deque[int]) -> int | None:
    """Take a piece, or None if none is left: another thread may take the last one meanwhile."""
    try:
        return pieces.popleft()
    except IndexError:
        return None


@contextmanager
def engine_for(n_threads: int | None, n_blocks: int) -> Iterator[Engine]:
    """Open the engine for a fit, with BLAS held to one thread.

    BLAS's own threads would go on spinning for a tenth of a second after every product that they
    shared, on processors that kernels need. A single block is too small for them to be called;
    BLAS is held only once it is run, which spares small fits the time.

    Parameters
    ----------
    n_threads : int or None
        Number of threads, at least 1; None: as many as the process may use.
    n_blocks : int
        Number of blocks; more threads than blocks are never started.

    Raises
    ------
    InputError
        If ``n_threads`` is below 1.
    """
    n_workers = min(resolve_threads(n_threads), n_blocks)
    with BlasHold() as hold_blas:
        if n_blocks > 1:
            hold_blas()
        if n_workers == 1:
            yield SerialEngine(hold_blas)
        else:
            with pool_of(n_workers) as pool:
                yield ThreadEngine(pool, n_workers)


def resolve_threads(n_threads: int | None) -> int:
    """Return the number of threads meant: None is every core the process may use.

    Raises
    ------
    InputError
        If ``n_threads`` is below 1.
    """
    if n_threads is None:
        return _usable_cores()
    if n_threads < 1:
        raise InputError(f"n_threads is {n_threads}; expected None or an integer of at least 1.")
    return n_threads


def _usable_cores() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
