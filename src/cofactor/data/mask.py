"""Which entries of the data were observed, in as little room as that takes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol, Self

import numpy as np
import scipy.sparse as sp

from cofactor.data.base import Array, Floats, RowSelection
from cofactor.data.csr import rows_of
from cofactor.data.listed import Listed
from cofactor.lazy import lazy


class Mask(Protocol):
    """Which of (n, d) entries were observed."""

    @property
    def shape(self) -> tuple[int, int]:
        """The number of rows and columns."""
        ...

    @property
    def transposed(self) -> Mask:
        """The mask of the transposed data."""
        ...

    @property
    def complement(self) -> Mask:
        """The mask of what was not observed."""
        ...

    def take(self, rows: RowSelection) -> Self:
        """Return the mask of the selected rows."""
        ...

    def dense(self) -> Floats:
        """Return 1 where an entry was observed, else 0, shape (n, d); ask small blocks only."""
        ...

    def row_entries(self) -> Floats:
        """Return the number of observed entries of each row, shape (n,)."""
        ...

    @property
    def listed(self) -> Listed:
        """The columns of each row that were observed, or those that were not."""
        ...

    def times(self, matrix: Floats) -> Floats:
        """Return the sums of the observed columns' rows of ``B ≥ 0`` (d, p), shape (n, p)."""
        ...

    def kept(self, matrix: Any) -> Any:
        """Return a canonical CSR matrix without the entries that were not observed."""
        ...


@dataclass(frozen=True)
class DenseMask:
    """A mask with a number for every entry.

    Attributes
    ----------
    values : ndarray of shape (n, d)
        1 where an entry was observed, else 0.
    """

    values: Floats

    @property
    def shape(self) -> tuple[int, int]:
        """See :class:`Mask`."""
        return self.values.shape

    @property
    def transposed(self) -> DenseMask:
        """See :class:`Mask`."""
        return DenseMask(np.ascontiguousarray(self.values.T))

    @property
    def complement(self) -> DenseMask:
        """See :class:`Mask`."""
        return DenseMask(1.0 - self.values)

    def take(self, rows: RowSelection) -> Self:
        """See :class:`Mask`."""
        return type(self)(self.values[rows])

    def dense(self) -> Floats:
        """See :class:`Mask`."""
        return self.values

    def row_entries(self) -> Floats:
        """See :class:`Mask`."""
        return self.values.sum(axis=1)

    @lazy
    def listed(self) -> Listed:
        """See :class:`Mask`: whichever are fewer, found once."""
        return Listed.of_dense(self.values)

    def times(self, matrix: Floats) -> Floats:
        """See :class:`Mask`."""
        return self.values @ matrix

    def kept(self, matrix: Any) -> Any:
        """See :class:`Mask`."""
        indptr, indices = matrix.indptr, matrix.indices
        owner = np.repeat(np.arange(len(indptr) - 1), np.diff(indptr))
        return _those(matrix, self.values[owner, indices] > 0)


@dataclass(frozen=True)
class ObservedEntries:
    """A mask that lists what was observed, for data of which little was.

    Attributes
    ----------
    pattern : scipy.sparse.csr_array of shape (n, d)
        Canonical, of ones.
    """

    pattern: Any

    @property
    def shape(self) -> tuple[int, int]:
        """See :class:`Mask`."""
        n, d = self.pattern.shape
        return int(n), int(d)

    @property
    def transposed(self) -> Self:
        """See :class:`Mask`."""
        return type(self)(sp.csr_array(self.pattern.T))

    @property
    def complement(self) -> Mask:
        """See :class:`Mask`."""
        return MissingEntries(self.pattern)

    def take(self, rows: RowSelection) -> Self:
        """See :class:`Mask`."""
        return type(self)(rows_of(self.pattern, rows))

    def dense(self) -> Floats:
        """See :class:`Mask`."""
        return np.asarray(self.pattern.toarray())

    def row_entries(self) -> Floats:
        """See :class:`Mask`."""
        return np.diff(self.pattern.indptr).astype(float)

    @property
    def listed(self) -> Listed:
        """See :class:`Mask`."""
        return Listed(self.pattern, 1.0)

    def times(self, matrix: Floats) -> Floats:
        """See :class:`Mask`."""
        return np.asarray(self.pattern @ matrix)

    def kept(self, matrix: Any) -> Any:
        """See :class:`Mask`."""
        return _those(matrix, _among(matrix, self.pattern))


class MissingEntries(ObservedEntries):
    """A mask whose ``pattern`` lists what was not observed, for data of which little is missing."""

    @property
    def complement(self) -> Mask:
        """See :class:`Mask`."""
        return ObservedEntries(self.pattern)

    def dense(self) -> Floats:
        """See :class:`Mask`."""
        return 1.0 - super().dense()

    def row_entries(self) -> Floats:
        """See :class:`Mask`."""
        return self.shape[1] - super().row_entries()

    @property
    def listed(self) -> Listed:
        """See :class:`Mask`."""
        return Listed(self.pattern, -1.0)

    def times(self, matrix: Floats) -> Floats:
        """See :class:`Mask`."""
        return np.maximum(matrix.sum(axis=0) - super().times(matrix), 0.0)

    def kept(self, matrix: Any) -> Any:
        """See :class:`Mask`."""
        return _those(matrix, ~_among(matrix, self.pattern))


def as_mask(observed: Any) -> Mask:
    """Return a mask from a boolean array, a sparse one that lists what was observed, or a mask."""
    if sp.issparse(observed):
        pattern = sp.csr_array(observed, dtype=np.float64)
        pattern.sum_duplicates()
        pattern.eliminate_zeros()
        pattern.data = np.ones_like(pattern.data)
        return ObservedEntries(pattern)
    if isinstance(observed, np.ndarray):
        return DenseMask(np.ascontiguousarray(observed, dtype=np.float64))
    mask: Mask = observed
    return mask


def _among(matrix: Any, pattern: Any) -> Array:
    """Return which stored entries of a CSR matrix a pattern has, too, shape (nnz,)."""
    found = np.searchsorted(_places(pattern), wanted := _places(matrix))
    at = np.minimum(found, max(len(pattern.data) - 1, 0))
    return _places(pattern)[at] == wanted if len(pattern.data) else np.zeros(len(wanted), bool)


def _places(matrix: Any) -> Array:
    """Return where the entries of a canonical CSR matrix are, ascending."""
    n, d = matrix.shape
    owner = np.repeat(np.arange(n, dtype=np.int64), np.diff(matrix.indptr))
    return np.asarray(owner * d + matrix.indices)


def _those(matrix: Any, chosen: Array) -> Any:
    """Return a CSR matrix of the chosen stored entries."""
    edges = np.concatenate([[0], np.cumsum(chosen)])[matrix.indptr]
    return sp.csr_array((matrix.data[chosen], matrix.indices[chosen], edges), shape=matrix.shape)
