"""All rows as one block, whose work an engine's workers share."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import accumulate, pairwise
from typing import Any, TypeVar

import numpy as np

from cofactor import kernels
from cofactor.data.base import Array, Floats, RowBlock
from cofactor.engine import Engine
from cofactor.engine.tree import pairwise_sum

T = TypeVar("T")

OVER = -1  # on the board of a job that is done


def share(engine: Engine, kernel: Callable[..., None], *task: Any) -> None:
    """Let all workers call a kernel with one board; they return now and then, to hear signals."""
    board = np.zeros(kernels.BOARD_SIZE, dtype=np.int64)
    while board[0] != OVER:
        engine.together(lambda: kernel(board, *task))


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
    """
    if len(block.parts) == 1:
        return function(block, *arrays)
    return np.concatenate(of_parts(block, function, *arrays))


def of_parts(block: RowBlock, function: Callable[..., T], *arrays: Array) -> list[T]:
    """Return a function of every part, as :func:`in_parts` does, one after the other."""
    pieces = list(zip(block.parts, *(split(array, block.parts) for array in arrays), strict=True))
    return block.team.map(lambda piece: function(*piece), pieces)


def weighted_sum(block: RowBlock, values: Floats) -> float:
    """Return ``Σ_n w_n v_n``, added up as it is where parts are blocks of their own."""
    sums, first = [], 0
    for part in block.parts:
        last = first + len(part.weights)
        sums.append(float(part.weights @ values[first:last]))
        first = last
    return pairwise_sum(sums)
