"""Where rows come from: blocks of dense or sparse rows with weights and a mask."""

from cofactor.data.base import RowBlock
from cofactor.data.blocks import Rows, mean_row, open_blocks, open_columns, open_rows, split
from cofactor.data.cut import cut, n_blocks
from cofactor.data.dense import DenseRows
from cofactor.data.masked import MaskedRows
from cofactor.data.sparse import SparseRows

__all__ = [
    "DenseRows",
    "MaskedRows",
    "RowBlock",
    "Rows",
    "SparseRows",
    "cut",
    "mean_row",
    "n_blocks",
    "open_blocks",
    "open_columns",
    "open_rows",
    "split",
]
