"""Rows of which only the products with one matrix are needed."""

from __future__ import annotations

from dataclasses import dataclass

from cofactor.data.aligned import Columns
from cofactor.data.base import Floats, RowBlock, RowSelection
from cofactor.data.dense import DenseRows


@dataclass(frozen=True)
class ProjectedRows(DenseRows):
    """A block whose values are its products ``X B`` with the one matrix that it is asked for."""

    def times(self, columns: Columns) -> Floats:
        """See :class:`RowBlock`."""
        return self.values

    def take(self, rows: RowSelection) -> ProjectedRows:
        """See :class:`RowBlock`."""
        return ProjectedRows(self.values[rows], self.weights[rows])


def projected(block: RowBlock, products: Floats) -> RowBlock:
    """Return rows that stand for those of a block in products with one matrix."""
    return ProjectedRows(products, block.weights)
