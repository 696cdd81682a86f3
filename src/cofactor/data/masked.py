"""Rows of which some entries were not observed: they hold 0 there, and carry no loss."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Self

import numpy as np

from cofactor.data.base import Array, Floats, RowSelection
from cofactor.data.baseline import Baseline
from cofactor.data.csr import rows_of
from cofactor.data.dense import DenseRows
from cofactor.data.listed import Listed
from cofactor.data.mask import DenseMask, Mask
from cofactor.data.sparse import SparseRows


class Observed:
    """What a block's mask says of its rows."""

    mask: Mask
    baseline: Baseline
    n_rows: int

    @property
    def complete(self) -> bool:
        """False: some entries are missing."""
        return False

    @property
    def observed(self) -> Floats:
        """See :class:`RowBlock`."""
        return self.mask.dense()

    @property
    def listed(self) -> Listed:
        """See :class:`RowBlock`."""
        return self.mask.listed

    def observed_times(self, matrix: Floats) -> Floats:
        """See :class:`RowBlock`."""
        return self.mask.times(matrix)

    def offset_sums(self) -> Floats:
        """See :class:`RowBlock`."""
        return self.baseline.offset_sums(self.mask, self.n_rows)

    def row_entries(self) -> Floats:
        """See :class:`RowBlock`."""
        return self.mask.row_entries()

    @property
    def brief(self) -> None:
        """See :class:`RowBlock`."""


@dataclass(frozen=True)
class MaskedRows(Observed, DenseRows):
    """A block of dense rows with a mask.

    Attributes
    ----------
    mask : DenseMask of shape (n, d)
    """

    mask: DenseMask

    def take(self, rows: RowSelection) -> Self:
        """See :class:`RowBlock`."""
        return type(self)(
            self.values[rows],
            self.weights[rows],
            self.mask.take(rows),
            baseline=self.baseline.take(rows),
        )

    def _row_sums(self, function: Callable[[Array], Array]) -> Floats:
        mask = self.observed
        return (mask * function(np.where(mask > 0, self.dense(), 1.0))).sum(axis=1)


@dataclass(frozen=True)
class MaskedSparseRows(Observed, SparseRows):
    """A block of sparse rows with a mask; entries not stored are zero where they were observed.

    Attributes
    ----------
    mask : Mask of shape (n, d)
    """

    mask: Mask

    def take(self, rows: RowSelection) -> Self:
        """See :class:`RowBlock`."""
        return type(self)(
            rows_of(self.matrix, rows),
            self.weights[rows],
            self.mask.take(rows),
            baseline=self.baseline.take(rows),
        )
