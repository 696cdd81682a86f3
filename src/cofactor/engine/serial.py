"""One block after the other."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

from cofactor.engine.base import Addable
from cofactor.engine.tree import PairwiseSum
from cofactor.kernels import NOBODY

B = TypeVar("B")
S = TypeVar("S")
A = TypeVar("A", bound=Addable)


def nothing() -> None:
    """Prepare nothing."""


class SerialEngine:
    """Runs the blocks in order on the calling thread.

    Parameters
    ----------
    prepare : callable
        Called before blocks are run; kernels that work together need no preparation.
    """

    n_workers = 1
    shares_memory = True
    helpers = NOBODY

    def __init__(self, prepare: Callable[[], None] = nothing) -> None:
        self._prepare = prepare

    def map_reduce(
        self, step: Callable[[B, S], tuple[A, S]], blocks: Sequence[B], states: Sequence[S]
    ) -> tuple[A, list[S]]:
        """See :meth:`cofactor.engine.base.Engine.map_reduce`."""
        self._prepare()
        total: PairwiseSum[A] = PairwiseSum(len(blocks))
        new_states = []
        for leaf, (block, state) in enumerate(zip(blocks, states, strict=True)):
            statistics, new_state = step(block, state)
            total.put(leaf, statistics)
            new_states.append(new_state)
        return total.result(), new_states

    def map(self, function: Callable[[B], S], items: Sequence[B]) -> list[S]:
        """See :meth:`cofactor.engine.base.Engine.map`."""
        self._prepare()
        return [function(item) for item in items]


ALONE = SerialEngine()  # of a block that one worker has to itself
