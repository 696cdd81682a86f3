"""Opening data, and sweeping over their blocks."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Generic, TypeVar

import numpy as np
import scipy.sparse as sp

from cofactor.data.aligned import transposed
from cofactor.data.base import Array, Floats, RowBlock
from cofactor.data.baseline import Baseline
from cofactor.data.cut import cut, cut_evenly
from cofactor.data.dense import DenseRows
from cofactor.data.mask import DenseMask, Mask, as_mask
from cofactor.data.masked import MaskedRows, MaskedSparseRows
from cofactor.data.sparse import SparseRows
from cofactor.engine.base import Addable, Engine
from cofactor.engine.serial import ALONE
from cofactor.lazy import lazy

S = TypeVar("S")
T = TypeVar("T")
A = TypeVar("A", bound=Addable)


def open_rows(
    X: Any,
    sample_weight: Array | None = None,
    observed: Any = None,
    baseline: Baseline | None = None,
) -> RowBlock:
    """Open data as one block of all their rows.

    Parameters
    ----------
    X : ndarray or scipy.sparse CSR of shape (n, d)
        Float32 or float64; validated by the caller. Not copied when C-contiguous.
    sample_weight : ndarray of shape (n,), optional
        Weights of the rows; default 1.
    observed : ndarray of bool, sparse matrix or Mask of shape (n, d), optional
        Where an entry was observed; default everywhere. See :func:`as_mask`.
    baseline : Baseline, optional
        Exposures and offsets; default none.
    """
    weights = np.ones(X.shape[0]) if sample_weight is None else np.asarray(sample_weight, float)
    beside = Baseline() if baseline is None else baseline
    if observed is not None:
        return _masked(X, weights, as_mask(observed), beside)
    if sp.issparse(X):
        return SparseRows(sp.csr_array(X), weights, baseline=beside)
    return DenseRows(np.ascontiguousarray(X), weights, baseline=beside)


def _masked(X: Any, weights: Floats, mask: Mask, baseline: Baseline) -> RowBlock:
    """Open data without the entries that were not observed."""
    if sp.issparse(X):
        return MaskedSparseRows(mask.kept(sp.csr_array(X)), weights, mask, baseline=baseline)
    whole = DenseMask(mask.dense())
    held = np.ascontiguousarray(np.where(whole.values > 0, X, X.dtype.type(0)))
    return MaskedRows(held, weights, whole, baseline=baseline)


def open_blocks(
    X: Any,
    sample_weight: Array | None = None,
    observed: Any = None,
    baseline: Baseline | None = None,
) -> list[RowBlock]:
    """Open data in blocks of rows, as :func:`cut` cuts them; see :func:`open_rows`."""
    return cut(open_rows(X, sample_weight, observed, baseline))


def open_transposed(X: Any, observed: Any = None, baseline: Baseline | None = None) -> RowBlock:
    """Open the columns of data as rows: ``Xᵀ``; see :func:`open_rows`."""
    return open_rows(
        sp.csr_array(X.T) if sp.issparse(X) else transposed(X),
        observed=None if observed is None else as_mask(observed).transposed,
        baseline=None if baseline is None else baseline.transposed,
    )


def open_columns(X: Any, observed: Any = None, baseline: Baseline | None = None) -> list[RowBlock]:
    """Cut the columns of data into even blocks: of ``Xᵀ``; see :func:`cut_evenly`."""
    return cut_evenly(open_transposed(X, observed, baseline))


def stacked(parts: Sequence[Array]) -> Array:
    """Return rows below each other; one array as it is."""
    return parts[0] if len(parts) == 1 else np.vstack(parts)


def mean_row(blocks: Sequence[RowBlock], engine: Engine = ALONE) -> Floats:
    """Return the weighted mean of all rows, shape (d,)."""
    total = np.sum(engine.map(lambda block: block.weighted_total(), blocks), axis=0)
    mean: Floats = total / max(sum(block.weights.sum() for block in blocks), np.finfo(float).tiny)
    return mean


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
    column_states : sequence
        What belongs to each block of columns; empty: nothing.
    """

    blocks: Sequence[RowBlock]
    states: Sequence[S]
    engine: Engine
    columns: Sequence[RowBlock] = ()
    column_states: Sequence[Any] = ()

    def sweep(self, step: Callable[[RowBlock, S], tuple[A, S]]) -> tuple[A, Rows[S]]:
        """Run ``step`` on every block; return the sum of statistics and the rows' new state."""
        statistics, states = self.engine.map_reduce(step, self.blocks, self.states)
        return statistics, replace(self, states=states)

    def gather(self, function: Callable[[RowBlock, S], T]) -> list[T]:
        """Return ``function(block, state)`` of every block, in order, changing nothing."""
        pairs = list(zip(self.blocks, self.states, strict=True))
        return self.engine.map(lambda pair: function(*pair), pairs)

    def exposed(self, codes: Sequence[Floats]) -> Floats:
        """Return the codes of all blocks, one array, times the exposures of their rows."""
        pairs = zip(self.blocks, codes, strict=True)
        return stacked([block.baseline.exposed(part) for block, part in pairs])

    @lazy
    def weights(self) -> Floats:
        """Row weights, shape (n,)."""
        return np.concatenate([block.weights for block in self.blocks])

    @property
    def uneven_weights(self) -> Floats | None:
        """Row weights, or None if all are 1."""
        return None if all(block.even for block in self.blocks) else self.weights
