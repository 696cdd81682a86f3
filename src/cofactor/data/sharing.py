"""All rows as one block, whose work an engine's workers share."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import accumulate, pairwise
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from cofactor import kernels
from cofactor.data.base import Array, Floats, RowBlock
from cofactor.data.cut import cut
from cofactor.engine import Engine
from cofactor.engine.serial import ALONE
from cofactor.engine.tree import pairwise_sum
from cofactor.lazy import lazy

T = TypeVar("T")

OVER = -1  # on the board of a job that is done


class Shareable:
    """Rows in any storage that workers may share: what kernels do not do goes part by part.

    Attributes
    ----------
    team : Engine
        The workers; `ALONE` for a block that one of them has to itself.
    """

    team: Engine

    @property
    def parts(self: Any) -> Sequence[RowBlock]:
        """See :class:`RowBlock`."""
        return [self] if self.team is ALONE else self._blocks

    def shared(self: Any, team: Engine) -> Any:
        """See :class:`RowBlock`."""
        return replace(self, team=team)

    def row_sums(self: Any, function: Callable[[Array], Array]) -> Floats:
        """See :class:`RowBlock`."""
        return in_parts(self, lambda part: part._row_sums(function))

    @lazy
    def even(self: Any) -> bool:
        """See :class:`RowBlock`."""
        return bool((self.weights == 1.0).all())

    @lazy
    def part_starts(self: Any) -> NDArray[np.intp]:
        """See :class:`RowBlock`."""
        return np.cumsum([0, *(part.n_rows for part in self.parts[:-1])])

    @lazy
    def _blocks(self: Any) -> Sequence[RowBlock]:
        return cut(self.shared(ALONE))


def share(engine: Engine, kernel: Callable[..., None], *task: Any) -> None:
    """Call a kernel on all workers until it is done: it returns now and then, to hear signals.

    Parameters
    ----------
    engine : Engine
    kernel : callable
        ``kernel(board, *task)``, with a board, that it marks when it is done.
    *task
        Its other arguments, to which it writes.
    """
    board = kernels.board_for(engine.helpers)
    while board[0] != OVER:
        kernel(board, *task)


def split(array: Array, blocks: Sequence[RowBlock]) -> list[Array]:
    """Cut an array with one entry (or row) per row of the data as the blocks are cut."""
    edges = accumulate((block.n_rows for block in blocks), initial=0)
    return [array[first:last] for first, last in pairwise(edges)]


def in_parts(block: RowBlock, function: Callable[..., Array], *arrays: Array) -> Array:
    """Return a function of rows, found part by part by the workers that share the block.

    Parameters
    ----------
    block : RowBlock
    function : callable
        ``function(part, *rows of arrays)`` returns an entry, or a row, for every row.
    *arrays : ndarray of shape (n, ...)
        What belongs to the rows.

    Returns
    -------
    ndarray of shape (n, ...)
    """
    if len(block.parts) == 1:
        return function(block, *arrays)
    return np.concatenate(of_parts(block, function, *arrays))


def of_parts(block: RowBlock, function: Callable[..., T], *arrays: Array) -> list[T]:
    """Return a function of every part, as :func:`in_parts` does, one after the other."""
    pieces = list(zip(block.parts, *(split(array, block.parts) for array in arrays), strict=True))
    return block.team.map(lambda piece: function(*piece), pieces)


def weighted_sum(block: RowBlock, values: Floats) -> float:
    """Return ``Σ_n w_n v_n`` for values (n,), with the bits of parts as blocks of their own."""
    sums = np.add.reduceat(block.weights * values, block.part_starts)
    return pairwise_sum(sums.tolist())
