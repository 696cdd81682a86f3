"""Cutting data into blocks, and sweeping over them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import pairwise
from typing import Any, Generic, TypeVar

import numpy as np
import scipy.sparse as sp

from cofactor.data.base import Array, Floats, RowBlock
from cofactor.data.dense import DenseRows
from cofactor.data.masked import MaskedRows
from cofactor.data.sparse import SparseRows
from cofactor.engine.base import Addable, Engine

S = TypeVar("S")
T = TypeVar("T")
A = TypeVar("A", bound=Addable)

MIN_BLOCK_ROWS = 256
MIN_BLOCK_ENTRIES = 1 << 17
MAX_BLOCKS = 64


def block_edges(n_rows: int, n_entries: int) -> Array:
    """Return where blocks begin and end: a function of the data's size alone.

    Parameters
    ----------
    n_rows : int
        Number of rows of the whole data.
    n_entries : int
        Number of stored entries of the whole data.

    Returns
    -------
    ndarray of shape (n_blocks + 1,)
        Ascending, from 0 to ``n_rows``: at most 64 blocks, of at least 256 rows and about 131,072
        entries where there are so many.
    """
    filling = -(-MIN_BLOCK_ENTRIES * n_rows // max(n_entries, 1))
    rows = max(MIN_BLOCK_ROWS, filling, -(-n_rows // MAX_BLOCKS))
    return np.append(np.arange(0, max(n_rows, 1), rows), n_rows)


def open_blocks(
    X: Any, sample_weight: Array | None = None, observed: Array | None = None
) -> list[RowBlock]:
    """Cut data into blocks of rows.

    Parameters
    ----------
    X : ndarray or scipy.sparse CSR of shape (n, d)
        Float32 or float64; validated by the caller. Not copied when C-contiguous.
    sample_weight : ndarray of shape (n,), optional
        Weights of the rows; default 1.
    observed : ndarray of shape (n, d), optional
        True where an entry was observed; default everywhere.

    Returns
    -------
    list of RowBlock
        Cut at :func:`block_edges`.
    """
    weights = np.ones(X.shape[0]) if sample_weight is None else np.asarray(sample_weight, float)
    whole = _whole(X, weights, observed)
    return [
        whole.take(slice(*pair)) for pair in pairwise(block_edges(X.shape[0], whole.stored.size))
    ]


def split(array: Array, blocks: Sequence[RowBlock]) -> list[Array]:
    """Cut an array with one entry (or row) per row of the data as the blocks are cut."""
    return np.split(array, np.cumsum([block.n_rows for block in blocks])[:-1])


def open_columns(X: Any, observed: Array | None = None) -> list[RowBlock]:
    """Cut the columns of data into blocks: the blocks of ``Xᵀ``; see :func:`open_blocks`."""
    columns = sp.csr_array(X.T) if sp.issparse(X) else X.T
    return open_blocks(columns, observed=None if observed is None else observed.T)


def mean_row(blocks: Sequence[RowBlock]) -> Floats:
    """Return the weighted mean of all rows, shape (d,)."""
    total = np.sum([block.weighted_total() for block in blocks], axis=0)
    return total / max(sum(block.weights.sum() for block in blocks), np.finfo(float).tiny)


def _whole(X: Any, weights: Floats, observed: Array | None) -> RowBlock:
    if observed is not None:
        values = X.toarray() if sp.issparse(X) else X
        held = np.where(observed, values, values.dtype.type(0))
        return MaskedRows(held, weights, np.asarray(observed, float))
    if sp.issparse(X):
        return SparseRows(sp.csr_array(X), weights)
    return DenseRows(np.ascontiguousarray(X), weights)


@dataclass(frozen=True)
class Rows(Generic[S]):
    """Blocks, the state of their rows, and the engine that runs them.

    Attributes
    ----------
    blocks : sequence of RowBlock
    states : sequence
        Row state of each block; lives beside it.
    engine : Engine
    columns : sequence of RowBlock
        Blocks of the transposed data, where the codes update components by encoding them.
    """

    blocks: Sequence[RowBlock]
    states: Sequence[S]
    engine: Engine
    columns: Sequence[RowBlock] = ()

    def sweep(self, step: Callable[[RowBlock, S], tuple[A, S]]) -> tuple[A, Rows[S]]:
        """Run ``step`` on every block; return the sum of statistics and the rows' new state."""
        statistics, states = self.engine.map_reduce(step, self.blocks, self.states)
        return statistics, replace(self, states=states)

    def gather(self, function: Callable[[RowBlock, S], T]) -> list[T]:
        """Return ``function(block, state)`` of every block, in order, changing nothing."""
        pairs = list(zip(self.blocks, self.states, strict=True))
        return self.engine.map(lambda pair: function(*pair), pairs)

    @cached_property
    def weights(self) -> Floats:
        """Row weights, shape (n,)."""
        return np.concatenate([block.weights for block in self.blocks])
