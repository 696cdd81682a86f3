"""Dense rows of which some entries were not observed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Self

import numpy as np

from cofactor.data.base import Array, Floats, RowSelection
from cofactor.data.dense import DenseRows


@dataclass(frozen=True)
class MaskedRows(DenseRows):
    """A block of dense rows with a mask; entries not observed hold 0 and carry no loss.

    Attributes
    ----------
    mask : ndarray of shape (n, d)
        1 where an entry was observed, else 0.
    """

    mask: Floats

    @property
    def complete(self) -> bool:
        """False: some entries are missing."""
        return False

    @property
    def observed(self) -> Floats:
        """The mask."""
        return self.mask

    def row_entries(self) -> Floats:
        """See :class:`RowBlock`."""
        return self.mask.sum(axis=1)

    def take(self, rows: RowSelection) -> Self:
        """See :class:`RowBlock`."""
        return type(self)(self.values[rows], self.weights[rows], self.mask[rows])

    def row_sums(self, function: Callable[[Array], Array]) -> Floats:
        """See :class:`RowBlock`."""
        return (self.mask * function(np.where(self.mask > 0, self.dense(), 1.0))).sum(axis=1)
