"""Rows in a C-contiguous array."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any, Self

import numpy as np
import scipy.sparse as sp

from cofactor import kernels
from cofactor.data.aligned import Columns
from cofactor.data.base import Array, Floats, Labels, RowBlock, RowKernel, RowSelection
from cofactor.data.baseline import Baseline
from cofactor.data.cut import grams_by_chunks
from cofactor.data.gaussians import lowest
from cofactor.data.listed import Listed
from cofactor.data.losses import Affine, Distances, Gathered, Losses, Posterior
from cofactor.data.sharing import Shareable, share
from cofactor.data.sparse import SparseRows
from cofactor.data.whole import largest_to_look_up, looked_up
from cofactor.engine.base import Engine
from cofactor.engine.serial import ALONE
from cofactor.lazy import lazy

FEW = 16  # of so many components, one kept: others are not worth their zeros
PRODUCTS_AT_ONCE = 1 << 33  # of rows and components: a fraction of a second, to be interruptible


@dataclass(frozen=True)
class DenseRows(Shareable):
    """A block of dense rows; implements :class:`cofactor.data.base.RowBlock`.

    Attributes
    ----------
    values : ndarray of shape (n, d)
        C-contiguous float32 or float64.
    weights : ndarray of shape (n,)
        Float64 row weights.
    baseline : Baseline
    team : Engine
        Whose workers share kernels of rows.
    """

    values: Array
    weights: Floats
    baseline: Baseline = field(default_factory=Baseline, kw_only=True)
    team: Engine = field(default=ALONE, kw_only=True)

    @property
    def n_rows(self) -> int:
        """Number of rows."""
        return self.values.shape[0]

    @property
    def n_columns(self) -> int:
        """Number of columns."""
        return self.values.shape[1]

    @property
    def entries(self) -> Array:
        """See :class:`RowBlock`."""
        return self.values

    @property
    def stored(self) -> Array:
        """The entries."""
        return self.values

    @property
    def complete(self) -> bool:
        """True: nothing is missing."""
        return True

    @property
    def plain(self) -> bool:
        """See :class:`RowBlock`."""
        return self.complete and self.baseline.absent

    @property
    def observed(self) -> Floats:
        """See :class:`RowBlock`."""
        return np.ones((1, 1))

    @property
    def listed(self) -> Listed:
        """See :class:`RowBlock`."""
        return Listed.nothing_missing(self.n_rows, self.n_columns)

    def observed_times(self, matrix: Floats) -> Floats:
        """See :class:`RowBlock`."""
        return matrix.sum(axis=0, keepdims=True)

    def offset_sums(self) -> Floats:
        """See :class:`RowBlock`."""
        return self.baseline.offset_sums(None, self.n_rows)

    def row_entries(self) -> Floats:
        """See :class:`RowBlock`."""
        return np.full(self.n_rows, float(self.n_columns))

    def take(self, rows: RowSelection) -> Self:
        """See :class:`RowBlock`."""
        # Several times as fast as indexing by numbers.
        values = self.values[rows] if isinstance(rows, slice) else self.values.take(rows, axis=0)
        return type(self)(values, self.weights[rows], baseline=self.baseline.take(rows))

    def reweighted(self, weights: Floats) -> Self:
        """See :class:`RowBlock`."""
        return replace(self, weights=weights)

    def divided(self, lengths: Floats) -> Self:
        """See :class:`RowBlock`."""
        return replace(self, values=(self.values / lengths[:, None]).astype(self.values.dtype))

    def dense(self) -> Floats:
        """See :class:`RowBlock`."""
        return self.values.astype(np.float64, copy=False)

    def weighted_total(self) -> Floats:
        """See :class:`RowBlock`."""
        return self.weights @ self.dense()

    def squared_norms(self, shift: Floats) -> Floats:
        """See :class:`RowBlock`."""
        out = np.empty(self.n_rows)
        kernels.squared_norms(self.values, self._cast(shift), out)
        return out

    def squared_distances(self, centers: Floats, index: Labels) -> Floats:
        """See :class:`RowBlock`."""
        out = np.empty(self.n_rows)
        kernels.squared_distances(self.values, centers, index, out)
        return out

    def times(self, columns: Columns) -> Floats:
        """See :class:`RowBlock`; sums in the data's precision are of 512 products at most."""
        products = np.empty((self.n_rows, columns.matrix.shape[1]))
        kernels.products(self.values, columns.groups(self.values.dtype), products)
        return products

    def transpose_times(self, matrix: Floats, shift: Floats) -> Floats:
        """See :class:`RowBlock`."""
        return matrix.T @ self._centred(shift)

    def gram(self, weight: Floats, shift: Floats) -> Floats:
        """See :class:`RowBlock`."""
        d = self.n_columns
        return self.component_moments(weight[None, :], shift, d * d)[2].reshape(d, d)

    def component_moments(
        self, weight: Floats, shift: Floats, second: int
    ) -> tuple[Floats, Floats, Floats]:
        """See :class:`RowBlock`."""
        out = self._no_moments(len(weight), second)
        kernels.component_moments(self.values, shift, weight, *out)
        return out

    def losses(self, affine: Affine) -> Floats:
        """See :class:`RowBlock`."""
        return affine.offsets - self._centred(affine.shift) @ affine.components.T

    def top_losses(self, affine: Affine, keep: int) -> tuple[Labels, Floats]:
        """See :class:`RowBlock`."""
        index = np.empty((self.n_rows, keep), dtype=np.int32)
        loss = np.empty((self.n_rows, keep))
        kernels.top_losses(
            self.values,
            self._cast(affine.shift),
            self._cast(affine.components),
            self._cast(affine.offsets),
            index,
            loss,
        )
        return index, loss

    def nearest(self, affine: Affine, engine: Engine) -> tuple[Labels, bool]:
        """See :class:`RowBlock`.

        The threads share the rows piece by piece. Rows in float64 are searched in float32, and
        those whose best two losses rounding might have swapped once more in float64: the labels
        are those of a search in float64.
        """
        labels, astray = np.empty(self.n_rows, dtype=np.int32), np.zeros(1, dtype=np.int64)
        shift, offsets = self._cast(affine.shift), self._cast(affine.offsets)
        components = self._cast(affine.components)
        at_once = max(1, PRODUCTS_AT_ONCE // max(components.size, 1))
        for start in range(0, self.n_rows, at_once):
            rows = slice(start, start + at_once)
            board = kernels.board_for(engine.helpers)
            values, found = self.values[rows], labels[rows]
            kernels.nearest(board, values, shift, components, offsets, found, astray)
        return labels, not astray[0]

    def posterior(self, losses: Losses, weights: Floats) -> Posterior:
        """See :class:`RowBlock`."""
        probability = np.empty((len(losses.offsets), self.n_rows))
        norm, best = np.empty(self.n_rows), np.empty(self.n_rows, dtype=np.int32)
        arguments = *losses.arguments, weights, probability, norm, best
        losses.posterior(self.values, losses.shift, *arguments)
        return Posterior(probability, best, -norm)

    def moments(self, losses: Losses, weights: Floats, second: int) -> Gathered:
        """See :class:`RowBlock`."""
        sums = self._no_moments(len(losses.offsets), second)
        norm, best = np.empty(self.n_rows), np.empty(self.n_rows, dtype=np.int32)
        arguments = *losses.arguments, weights, *sums, norm, best
        losses.moments(self.values, losses.shift, *arguments)
        return Gathered(best, -norm, *sums)

    def lowest(self, losses: Distances, keep: int) -> tuple[Labels, Floats]:
        """See :class:`RowBlock`."""
        return lowest(losses, self.values, keep)

    def lloyd_space(self, n_components: int) -> int:
        """Return how many bytes :meth:`lloyd` works in."""
        return kernels.lloyd_space(self.values, n_components)

    def lloyd_zeros(self, n_components: int) -> Floats:
        """Return zeros of shape (k, d)."""
        return np.zeros((n_components, self.n_columns))

    def lloyd(self, shift: Floats, *task: Any) -> None:
        """Go on with Lloyd's iterations of these rows; see the kernel's specification."""
        kernels.lloyd(self.values, self._cast(shift), self.weights, *task)

    def scatter_sums(
        self, index: Labels, weight: Floats, n_components: int, shift: Floats
    ) -> tuple[Floats, Floats]:
        """See :class:`RowBlock`."""
        counts, sums = np.zeros(n_components), np.zeros((n_components, self.n_columns))
        kernels.weighted_sums(self.values, self._cast(shift), index, weight, counts, sums)
        return counts, sums

    def scatter_squares(
        self, index: Labels, weight: Floats, n_components: int, shift: Floats
    ) -> Floats:
        """See :class:`RowBlock`."""
        squares = np.zeros((n_components, self.n_columns))
        kernels.weighted_squares(self.values, self._cast(shift), index, weight, squares)
        return squares

    def scatter_grams(
        self, index: Labels, weight: Floats, n_components: int, shift: Floats
    ) -> Floats:
        """See :class:`RowBlock`."""
        if index.shape[1] * FEW > n_components:
            return grams_by_chunks(self, index, weight, n_components, shift)
        grams = np.zeros((n_components, self.n_columns, self.n_columns))
        kernels.weighted_grams(self.values, shift, index, weight, grams)
        return grams

    def reference(self, mean: Floats) -> Floats:
        """See :class:`RowBlock`; rounded to what the kernels can subtract."""
        return self._cast(mean).astype(np.float64)

    def as_sparse(self) -> SparseRows:
        """See :class:`RowBlock`."""
        return self._sparse

    def sparse_below(self, filled: float) -> RowBlock:
        """See :class:`RowBlock`."""
        return self._sparse if self._filled < filled else self

    @property
    def brief(self) -> None:
        """See :class:`RowBlock`."""

    def run(self, kernel: RowKernel, *arguments: Any) -> None:
        """See :class:`RowBlock`."""
        share(self.team, kernel.dense, self.values, *arguments)

    def _row_sums(self, function: Callable[[Array], Array]) -> Floats:
        if self._largest < 0:
            return function(self.dense()).sum(axis=1)
        indptr = np.arange(self.n_rows + 1) * self.n_columns
        return looked_up(function, indptr, self.values.ravel(), self._largest)

    @lazy
    def _largest(self) -> int:
        return largest_to_look_up(self.values.ravel())

    @lazy
    def _filled(self) -> float:
        return np.count_nonzero(self.values) / max(self.values.size, 1)

    @lazy
    def _sparse(self) -> SparseRows:
        matrix = sp.csr_array(self.values)
        return SparseRows(matrix, self.weights, baseline=self.baseline, team=self.team)

    def _no_moments(self, n_components: int, second: int) -> tuple[Floats, Floats, Floats]:
        sums = np.zeros((n_components, self.n_columns))
        return np.zeros(n_components), sums, np.zeros((n_components, second))

    def _centred(self, shift: Floats) -> Floats:
        return self.values - shift  # float64, because the shift is

    def _cast(self, array: Floats) -> Array:
        return np.ascontiguousarray(array, dtype=self.values.dtype)
