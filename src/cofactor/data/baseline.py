"""What the mean of rows is beside codes and components: ``a_nl = e_n (ZW)_nl + o_nl``."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Protocol, Self

import numpy as np
import scipy.sparse as sp

from cofactor.data.base import Array, Floats, RowSelection
from cofactor.data.csr import rows_of
from cofactor.data.listed import Listed
from cofactor.data.mask import Mask
from cofactor.kernels import sampled_products


class Offset(Protocol):
    """Known parts ``o_nl ≥ 0`` of the means of (n, d) entries."""

    @property
    def shape(self) -> tuple[int, int]:
        """The number of rows and columns."""
        ...

    @property
    def transposed(self) -> Offset:
        """The offset of the transposed data."""
        ...

    def take(self, rows: RowSelection) -> Self:
        """Return the offset of the selected rows."""
        ...

    def dense(self) -> Floats:
        """Return all of them, shape (n, d); ask small blocks only."""
        ...

    def at(self, matrix: Any) -> Floats:
        """Return those of the stored entries of a CSR matrix, shape (nnz,)."""
        ...

    def row_sums(self, mask: Mask | None) -> Floats:
        """Return ``Σ_l o_nl`` over the observed entries, shape (n,); no mask: over all."""
        ...

    def times(self, matrix: Floats) -> Floats:
        """Return ``O B`` for ``B`` of shape (d, p), shape (n, p)."""
        ...

    def dot(self, entries: Any) -> Floats:
        """Return ``Σ_l o_nl x_nl`` for an array or a CSR matrix X of shape (n, d), shape (n,)."""
        ...

    def row_squares(self) -> Floats:
        """Return ``Σ_l o_nl²``, shape (n,)."""
        ...


@dataclass(frozen=True)
class FactoredOffset:
    """``o = UV``, such as a batch's indicator times its profile; ``U = 1`` for one row for all.

    Attributes
    ----------
    left : ndarray of shape (n, r)
    right : ndarray of shape (r, d)
    """

    left: Floats
    right: Floats

    @property
    def shape(self) -> tuple[int, int]:
        """See :class:`Offset`."""
        return len(self.left), self.right.shape[1]

    @property
    def transposed(self) -> FactoredOffset:
        """See :class:`Offset`."""
        return FactoredOffset(np.ascontiguousarray(self.right.T), np.ascontiguousarray(self.left.T))

    def take(self, rows: RowSelection) -> Self:
        """See :class:`Offset`."""
        return type(self)(self.left[rows], self.right)

    def dense(self) -> Floats:
        """See :class:`Offset`."""
        return self.left @ self.right

    def at(self, matrix: Any) -> Floats:
        """See :class:`Offset`."""
        found, columns = np.empty(matrix.nnz), np.ascontiguousarray(self.right.T)
        left = np.ascontiguousarray(self.left)
        sampled_products(matrix.indptr, matrix.indices, left, columns, found)
        return found

    def row_sums(self, mask: Mask | None) -> Floats:
        """See :class:`Offset`."""
        sums = self.right.sum(axis=1) if mask is None else mask.times(self.right.T)
        return np.asarray((self.left * sums).sum(axis=1))

    def times(self, matrix: Floats) -> Floats:
        """See :class:`Offset`."""
        return self.left @ (self.right @ matrix)

    def dot(self, entries: Any) -> Floats:
        """See :class:`Offset`."""
        return np.einsum("nr,nr->n", self.left, entries @ self.right.T)

    def row_squares(self) -> Floats:
        """See :class:`Offset`."""
        return np.einsum("nr,nr->n", self.left @ (self.right @ self.right.T), self.left)


@dataclass(frozen=True)
class DenseOffset:
    """An offset of its own for every entry.

    Attributes
    ----------
    values : ndarray of shape (n, d)
    """

    values: Array

    @property
    def shape(self) -> tuple[int, int]:
        """See :class:`Offset`."""
        return self.values.shape

    @property
    def transposed(self) -> DenseOffset:
        """See :class:`Offset`."""
        return DenseOffset(np.ascontiguousarray(self.values.T))

    def take(self, rows: RowSelection) -> Self:
        """See :class:`Offset`."""
        return type(self)(self.values[rows])

    def dense(self) -> Floats:
        """See :class:`Offset`."""
        return self.values.astype(np.float64, copy=False)

    def at(self, matrix: Any) -> Floats:
        """See :class:`Offset`."""
        owner = np.repeat(np.arange(len(self.values)), np.diff(matrix.indptr))
        return np.asarray(self.values[owner, matrix.indices], dtype=np.float64)

    def row_sums(self, mask: Mask | None) -> Floats:
        """See :class:`Offset`."""
        if mask is None:
            return self.values.sum(axis=1, dtype=np.float64)
        return np.asarray((self.values * mask.dense()).sum(axis=1))

    def times(self, matrix: Floats) -> Floats:
        """See :class:`Offset`."""
        return self.values @ matrix

    def dot(self, entries: Any) -> Floats:
        """See :class:`Offset`."""
        if sp.issparse(entries):
            return SparseOffset(entries).dot(self.values)
        return np.einsum("nd,nd->n", self.values, entries, dtype=np.float64)

    def row_squares(self) -> Floats:
        """See :class:`Offset`."""
        return np.einsum("nd,nd->n", self.values, self.values, dtype=np.float64)


@dataclass(frozen=True)
class SparseOffset:
    """An offset that most entries do not have.

    Attributes
    ----------
    matrix : scipy.sparse.csr_array of shape (n, d)
        Canonical.
    """

    matrix: Any

    @property
    def shape(self) -> tuple[int, int]:
        """See :class:`Offset`."""
        n, d = self.matrix.shape
        return int(n), int(d)

    @property
    def transposed(self) -> SparseOffset:
        """See :class:`Offset`."""
        return SparseOffset(sp.csr_array(self.matrix.T))

    def take(self, rows: RowSelection) -> Self:
        """See :class:`Offset`."""
        return type(self)(rows_of(self.matrix, rows))

    def dense(self) -> Floats:
        """See :class:`Offset`."""
        return np.asarray(self.matrix.toarray(), dtype=np.float64)

    def at(self, matrix: Any) -> Floats:
        """See :class:`Offset`."""
        if not matrix.nnz:  # of which SciPy would make a matrix
            return np.zeros(0)
        owner = np.repeat(np.arange(matrix.shape[0]), np.diff(matrix.indptr))
        return np.asarray(self.matrix[owner, matrix.indices], dtype=np.float64).reshape(matrix.nnz)

    def row_sums(self, mask: Mask | None) -> Floats:
        """See :class:`Offset`."""
        kept = self.matrix if mask is None else mask.kept(self.matrix)
        return np.asarray(kept.sum(axis=1), dtype=np.float64).ravel()

    def times(self, matrix: Floats) -> Floats:
        """See :class:`Offset`."""
        return np.asarray(self.matrix @ matrix)

    def dot(self, entries: Any) -> Floats:
        """See :class:`Offset`."""
        return np.asarray(self.matrix.multiply(entries).sum(axis=1), dtype=np.float64).ravel()

    def row_squares(self) -> Floats:
        """See :class:`Offset`."""
        return self.dot(self.matrix)


@dataclass(frozen=True)
class Baseline:
    """Exposures and offsets of rows: their mean is ``a_nl = e_n (ZW)_nl + o_nl``.

    Attributes
    ----------
    exposures : ndarray of shape (n,), optional
        ``e``, above 0: what a row was exposed to; None for 1.
    offset : Offset, optional
        None for 0.
    """

    exposures: Floats | None = None
    offset: Offset | None = None
    _at: dict[Any, Array] = field(default_factory=dict, repr=False, compare=False)

    @property
    def absent(self) -> bool:
        """Whether all exposures are 1 and all offsets 0."""
        return self.exposures is None and self.offset is None

    @property
    def transposed(self) -> Baseline:
        """What goes with the columns, where the other factor has the exposures in it."""
        return Baseline(None, None if self.offset is None else self.offset.transposed)

    def take(self, rows: RowSelection) -> Baseline:
        """Return the baseline of the selected rows."""
        return Baseline(
            None if self.exposures is None else self.exposures[rows],
            None if self.offset is None else self.offset.take(rows),
        )

    def exposed(self, values: Floats) -> Floats:
        """Return values of rows (n, p) or of all rows alike (1, p), times the exposures."""
        return values if self.exposures is None else values * self.exposures[:, None]

    def unexposed(self, values: Floats) -> Floats:
        """Return one value of each row, shape (n,), per unit of its exposure."""
        return values if self.exposures is None else values / self.exposures

    def mean(self, products: Floats) -> Floats:
        """Return ``e (ZW) + o`` for ``ZW`` of shape (n, d)."""
        exposed = self.exposed(products)
        return exposed if self.offset is None else exposed + self.offset.dense()

    def per_exposure(self, matrix: Any) -> Array:
        """Return ``o_nl / e_n`` of the stored entries of a CSR matrix, in its precision.

        Found once for each precision; no offset: of shape (0,).
        """
        if matrix.dtype not in self._at:
            self._at[matrix.dtype] = self._per_exposure(matrix).astype(matrix.dtype)
        return self._at[matrix.dtype]

    def log_exposures(self, totals: Floats) -> Floats:
        """Return ``t_n log e_n``, shape (n,)."""
        return np.zeros(len(totals)) if self.exposures is None else totals * np.log(self.exposures)

    def offset_sums(self, mask: Mask | None, n_rows: int) -> Floats:
        """Return ``Σ_l o_nl`` over the observed entries, shape (n,)."""
        return np.zeros(n_rows) if self.offset is None else self.offset.row_sums(mask)

    def offset_products(self, listed: Listed, matrix: Floats) -> Floats:
        """Return ``Σ_l o_nl B_l`` over observed columns for ``B`` (d, p), shape (n, p)."""
        if self.offset is None:
            return np.zeros((listed.pattern.shape[0], matrix.shape[1]))
        return listed.sums(self._listed_offset(listed), matrix, self.offset.times(matrix))

    def offset_squares(self, listed: Listed) -> Floats:
        """Return ``Σ_l o_nl²`` over observed columns, shape (n,)."""
        if self.offset is None:
            return np.zeros(listed.pattern.shape[0])
        squares = np.square(self._listed_offset(listed))
        ones, of_all = np.ones((listed.pattern.shape[1], 1)), self.offset.row_squares()
        return listed.sums(squares, ones, of_all[:, None])[:, 0]

    def _listed_offset(self, listed: Listed) -> Floats:
        """Return the offset where a mask lists columns, shape (nnz,); found once."""
        if "listed" not in self._at:
            assert self.offset is not None
            self._at["listed"] = self.offset.at(listed.pattern)
        return self._at["listed"]

    def _per_exposure(self, matrix: Any) -> Floats:
        if self.offset is None:
            return np.zeros(0)
        values = self.offset.at(matrix)
        if self.exposures is None:
            return values
        return values / np.repeat(self.exposures, np.diff(matrix.indptr))
