"""Where rows come from: blocks of dense or sparse rows with weights and a mask."""

from cofactor.data.base import RowBlock
from cofactor.data.baseline import Baseline, DenseOffset, FactoredOffset, SparseOffset
from cofactor.data.blocks import (
    Rows,
    mean_row,
    open_blocks,
    open_columns,
    open_rows,
    open_transposed,
    stacked,
)
from cofactor.data.cut import cut, cut_evenly, n_blocks
from cofactor.data.dense import DenseRows
from cofactor.data.mask import Mask, MissingEntries, ObservedEntries, as_mask
from cofactor.data.masked import MaskedRows, MaskedSparseRows
from cofactor.data.sharing import in_parts, of_parts, share, split, weighted_sum
from cofactor.data.sparse import SparseRows

__all__ = [
    "Baseline",
    "DenseOffset",
    "DenseRows",
    "FactoredOffset",
    "Mask",
    "MaskedRows",
    "MaskedSparseRows",
    "MissingEntries",
    "ObservedEntries",
    "RowBlock",
    "Rows",
    "SparseOffset",
    "SparseRows",
    "as_mask",
    "cut",
    "cut_evenly",
    "in_parts",
    "mean_row",
    "n_blocks",
    "of_parts",
    "open_blocks",
    "open_columns",
    "open_rows",
    "open_transposed",
    "share",
    "split",
    "stacked",
    "weighted_sum",
]
