"""Rows of which only the nonzero entries are stored."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from functools import reduce
from typing import Any, Self, cast

import numpy as np
import scipy.sparse as sp

from cofactor import kernels
from cofactor.data.aligned import Columns
from cofactor.data.base import GROUP_SIZE, Array, Floats, Labels, RowBlock, RowKernel, RowSelection
from cofactor.data.baseline import Baseline
from cofactor.data.csr import rows_of
from cofactor.data.cut import cut, grams_by_chunks, posterior_chunks
from cofactor.data.listed import Listed
from cofactor.data.losses import Affine, Distances, Gathered, Losses, Posterior
from cofactor.data.sharing import Shareable, share
from cofactor.data.whole import largest_to_look_up, looked_up
from cofactor.engine.base import Engine
from cofactor.engine.serial import ALONE
from cofactor.lazy import lazy

MOST_BRIEF, BRIEF_COLUMNS = 255, 1 << 16  # of entries in 8 bits, with 16 for their column
PART_ENTRIES = 1 << 16  # for which temporary arrays of an entry each are made


@dataclass(frozen=True)
class SparseRows(Shareable):
    """A block of sparse rows; implements :class:`cofactor.data.base.RowBlock`.

    A shift is never subtracted from stored entries: it is folded into the results, which keeps
    zeros unstored and costs digits when ``‖r‖`` is large beside the spread of the data.

    Attributes
    ----------
    matrix : scipy.sparse.csr_array of shape (n, d)
        Float32 or float64, sorted indices without duplicates.
    weights : ndarray of shape (n,)
        Float64 row weights.
    baseline : Baseline
    team : Engine
        Whose workers share kernels of rows.
    """

    matrix: Any
    weights: Floats
    baseline: Baseline = field(default_factory=Baseline, kw_only=True)
    team: Engine = field(default=ALONE, kw_only=True)

    @property
    def n_rows(self) -> int:
        """Number of rows."""
        return int(self.matrix.shape[0])

    @property
    def n_columns(self) -> int:
        """Number of columns."""
        return int(self.matrix.shape[1])

    @property
    def arrays(self) -> tuple[Array, Array, Array]:
        """The CSR arrays ``indptr, indices, data``."""
        return self.matrix.indptr, self.matrix.indices, self.matrix.data

    @property
    def entries(self) -> Any:
        """See :class:`RowBlock`."""
        return self.matrix

    @property
    def stored(self) -> Array:
        """The stored entries, shape (nnz,)."""
        return np.asarray(self.matrix.data)

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
        taken, baseline = rows_of(self.matrix, rows), self.baseline.take(rows)
        return type(self)(taken, self.weights[rows], baseline=baseline)

    def reweighted(self, weights: Floats) -> Self:
        """See :class:`RowBlock`."""
        return replace(self, weights=weights)

    def divided(self, lengths: Floats) -> Self:
        """See :class:`RowBlock`; the places of entries are shared."""
        divided = [part._divided(lengths[rows]) for rows, part in self._parts()]
        return replace(self, matrix=self._like(np.concatenate(divided)))

    def dense(self) -> Floats:
        """See :class:`RowBlock`."""
        return self.matrix.astype(np.float64).toarray()

    def weighted_total(self) -> Floats:
        """See :class:`RowBlock`."""
        return self._double.T @ self.weights

    def squared_norms(self, shift: Floats) -> Floats:
        """See :class:`RowBlock`."""
        norms = np.empty(self.n_rows)
        kernels.squared_norms_csr(*self.arrays, norms)
        if shift.any():
            norms += shift @ shift - 2.0 * (self._double @ shift)
        return norms

    def squared_distances(self, centers: Floats, index: Labels) -> Floats:
        """See :class:`RowBlock`."""
        cross = [part._products(centers, index[rows]) for rows, part in self._parts()]
        norms = np.einsum("cd,cd->c", centers, centers)
        own = np.empty(self.n_rows)
        kernels.squared_norms_csr(*self.arrays, own)
        return np.maximum(own - 2.0 * np.concatenate(cross) + norms[index], 0.0)

    def times(self, columns: Columns) -> Floats:
        """See :class:`RowBlock`."""
        products = np.empty((self.n_rows, columns.matrix.shape[1]))
        kernels.products_csr(*self.arrays, columns.groups(self.matrix.dtype), products)
        return products

    def transpose_times(self, matrix: Floats, shift: Floats) -> Floats:
        """See :class:`RowBlock`."""
        products: Floats = (self._double.T @ matrix).T
        if shift.any():
            products -= np.outer(matrix.sum(axis=0), shift)
        return products

    def gram(self, weight: Floats, shift: Floats) -> Floats:
        """See :class:`RowBlock`."""
        weighted = self._double.multiply(weight[:, None]).tocsr()
        total = np.asarray(weighted.sum(axis=0)).ravel()
        cross = np.outer(shift, total)
        product = (weighted.T @ self._double).toarray()
        return product - cross - cross.T + weight.sum() * np.outer(shift, shift)

    def component_moments(
        self, weight: Floats, shift: Floats, second: int
    ) -> tuple[Floats, Floats, Floats]:
        """See :class:`RowBlock`."""
        sums = self.transpose_times(weight.T, shift)
        return weight.sum(axis=1), sums, self._second_moments(weight, shift, second)

    def losses(self, affine: Affine) -> Floats:
        """See :class:`RowBlock`."""
        return affine.unshifted_offsets - self._double @ affine.transposed

    def top_losses(self, affine: Affine, keep: int) -> tuple[Labels, Floats]:
        """See :class:`RowBlock`."""
        index = np.empty((self.n_rows, keep), dtype=np.int32)
        loss = np.empty((self.n_rows, keep))
        kernels.top_losses_csr(*self.arrays, *affine.lanes(self.matrix.dtype), index, loss)
        return index, loss

    def nearest(self, affine: Affine, engine: Engine) -> tuple[Labels, bool]:
        """See :class:`RowBlock`."""
        best = engine.map(lambda block: block.top_losses(affine, 1), cut(self))
        labels, loss = (np.concatenate(parts)[:, 0] for parts in zip(*best, strict=True))
        return np.ascontiguousarray(labels), bool(np.isfinite(loss).all())

    def lowest(self, losses: Distances, keep: int) -> tuple[Labels, Floats]:
        """See :class:`RowBlock`."""
        loss = losses.of_sparse(self)
        index = np.argsort(loss, axis=1, kind="stable")[:, :keep]
        return index.astype(np.int32), np.take_along_axis(loss, index, axis=1)

    def posterior(self, losses: Losses, weights: Floats) -> Posterior:
        """See :class:`RowBlock`."""
        loss, log_norm = losses.of_sparse(self), np.empty(self.n_rows)
        best = loss.argmin(axis=1).astype(np.int32)
        kernels.soft_assign(loss, log_norm)
        return Posterior(np.ascontiguousarray((loss * weights[:, None]).T), best, -log_norm)

    def moments(self, losses: Losses, weights: Floats, second: int) -> Gathered:
        """See :class:`RowBlock`."""
        parts = [
            self.take(rows)._moments(losses, weights[rows], second)
            for rows in posterior_chunks(self.n_rows, len(losses.offsets))
        ]
        return Gathered(
            np.concatenate([part.best for part in parts]),
            np.concatenate([part.loss for part in parts]),
            reduce(np.add, [part.counts for part in parts]),
            reduce(np.add, [part.sums for part in parts]),
            reduce(np.add, [part.second for part in parts]),
        )

    def lloyd_space(self, n_components: int) -> int:
        """Return how many bytes :meth:`lloyd` works in."""
        return kernels.lloyd_csr_space(*self.arrays, self.n_columns, n_components)

    def lloyd_zeros(self, n_components: int) -> Floats:
        """Return zeros of shape (k, d), views of whole groups of components column by column."""
        groups = np.zeros((self.n_columns, -(-n_components // GROUP_SIZE) * GROUP_SIZE))
        return groups[:, :n_components].T

    def lloyd(self, shift: Floats, labels: Labels, means: Floats, sums: Floats, *task: Any) -> None:
        """Go on with Lloyd's iterations of these rows about the origin: the shift is zero."""
        groups = cast(Floats, means.base), cast(Floats, sums.base)
        kernels.lloyd_csr(*self.arrays, self.weights, labels, *groups, *task)

    def scatter_sums(
        self, index: Labels, weight: Floats, n_components: int, shift: Floats
    ) -> tuple[Floats, Floats]:
        """See :class:`RowBlock`."""
        counts, sums = np.zeros(n_components), np.zeros((n_components, self.n_columns))
        kernels.weighted_sums_csr(*self.arrays, index, weight, counts, sums)
        if shift.any():
            sums -= np.outer(counts, shift)
        return counts, sums

    def scatter_squares(
        self, index: Labels, weight: Floats, n_components: int, shift: Floats
    ) -> Floats:
        """See :class:`RowBlock`."""
        counts, sums = self.scatter_sums(index, weight, n_components, np.zeros(self.n_columns))
        squares = np.zeros((n_components, self.n_columns))
        kernels.weighted_squares_csr(*self.arrays, index, weight, squares)
        return squares - 2.0 * sums * shift + np.outer(counts, shift**2)

    def scatter_grams(
        self, index: Labels, weight: Floats, n_components: int, shift: Floats
    ) -> Floats:
        """See :class:`RowBlock`."""
        return grams_by_chunks(self, index, weight, n_components, shift)

    def scaled_squares(self, factors: Floats) -> Floats:
        """Return ``Σ_l f_cl x_nl²``, shape (n, k), for factors of shape (k, d) or (k, 1)."""
        if factors.shape[1] < self.n_columns:
            return np.outer(self.squared_norms(np.zeros(self.n_columns)), factors)
        products: Floats = self._double.power(2) @ factors.T
        return products

    def reference(self, mean: Floats) -> Floats:
        """See :class:`RowBlock`."""
        return np.zeros_like(mean)

    def as_sparse(self) -> SparseRows:
        """See :class:`RowBlock`."""
        return self

    def sparse_below(self, filled: float) -> Self:
        """See :class:`RowBlock`."""
        return self

    @lazy
    def brief(self) -> RowBlock | None:
        """See :class:`RowBlock`."""
        small = 0 <= self._largest <= MOST_BRIEF and self.n_columns <= BRIEF_COLUMNS
        if not small or self.baseline.offset is not None:
            return None
        return BriefRows(self.matrix, self.weights, baseline=self.baseline, team=self.team)

    def run(self, kernel: RowKernel, *arguments: Any) -> None:
        """See :class:`RowBlock`."""
        share(self.team, kernel.sparse, *self.arrays, *arguments)

    def _row_sums(self, function: Callable[[Array], Array]) -> Floats:
        indptr, _, values = self.arrays
        if self._largest >= 0:
            return looked_up(function, indptr, values, self._largest)
        return np.asarray(
            self._like(function(values.astype(np.float64, copy=False))).sum(axis=1)
        ).ravel()

    @lazy
    def _largest(self) -> int:
        return largest_to_look_up(self.stored)

    def _parts(self) -> Iterator[tuple[slice, Self]]:
        """Yield parts of the rows that temporary arrays may be made for, and where they are."""
        step = max(1, PART_ENTRIES * self.n_rows // max(self.stored.size, 1))
        for start in range(0, max(self.n_rows, 1), step):
            rows = slice(start, start + step)
            yield rows, self.take(rows)

    def _divided(self, lengths: Floats) -> Array:
        """Return stored entries, divided by the length of their row."""
        indptr, _, data = self.arrays
        divided: Array = (data / np.repeat(lengths, np.diff(indptr))).astype(data.dtype)
        return divided

    def _products(self, centers: Floats, index: Labels) -> Floats:
        """Return the product of each row with its center."""
        indptr, indices, data = self.arrays
        owner = np.repeat(index, np.diff(indptr))
        return np.asarray(self._like(data * centers[owner, indices]).sum(axis=1)).ravel()

    @property
    def _double(self) -> Any:
        return self.matrix.astype(np.float64, copy=False)

    def _moments(self, losses: Losses, weights: Floats, second: int) -> Gathered:
        found = self.posterior(losses, weights)
        sums = self.component_moments(found.probability, losses.shift, second)
        return Gathered(found.best, found.loss, *sums)

    def _second_moments(self, weight: Floats, shift: Floats, second: int) -> Floats:
        d = self.n_columns
        kinds = {d * d: self._grams, d: self._squares, 1: self._norms, 0: self._nothing}
        return kinds[second](weight, shift)

    def _nothing(self, weight: Floats, shift: Floats) -> Floats:
        return np.zeros((len(weight), 0))

    def _norms(self, weight: Floats, shift: Floats) -> Floats:
        norms: Floats = weight @ self.squared_norms(shift)[:, None]
        return norms

    def _grams(self, weight: Floats, shift: Floats) -> Floats:
        k, d = len(weight), self.n_columns
        grams = np.zeros((k, d * d))
        kernels.component_moments(self.dense(), shift, weight, np.zeros(k), np.zeros((k, d)), grams)
        return grams

    def _squares(self, weight: Floats, shift: Floats) -> Floats:
        squares = (self._double.power(2).T @ weight.T).T
        sums = self.transpose_times(weight.T, np.zeros_like(shift))
        return squares - 2.0 * sums * shift + np.outer(weight.sum(axis=1), shift**2)

    def _like(self, data: Floats) -> Any:
        indptr, indices, _ = self.arrays
        return sp.csr_array((data, indices, indptr), shape=self.matrix.shape)


@dataclass(frozen=True)
class BriefRows(SparseRows):
    """Sparse rows of small whole numbers, which kernels that know such rows read in few bytes.

    Three an entry instead of eight or more, for kernels that read rows many times.
    """

    def run(self, kernel: RowKernel, *arguments: Any) -> None:
        """See :class:`RowBlock`."""
        share(self.team, kernel.sparse, *self._brief, *arguments)

    @lazy
    def _brief(self) -> tuple[Array, Array, Array]:
        indptr, indices, data = self.arrays
        return indptr.astype(np.int64), indices.astype(np.uint16), data.astype(np.uint8)
