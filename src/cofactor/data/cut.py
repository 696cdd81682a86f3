"""Where data are cut into blocks."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

import numpy as np
import scipy.sparse as sp

from cofactor.data.base import Array, Floats, Labels, RowBlock

MIN_BLOCK_ROWS = 256
MIN_BLOCK_ENTRIES = 1 << 17
MAX_BLOCKS = 64
EVEN_BLOCKS = 24  # which 2, 3, 4, 6, 8 and 12 threads share evenly
FEW_BLOCKS = 8  # of little data, where a call takes longer than waiting for the last block
EVEN_COST = 1 << 17  # entries of an even block, at least
LEAST_COST = 1 << 16  # of a few blocks
ROW_COST = 64  # entries that take as long as what a row costs besides
AS_LISTED = 4  # entries of dense rows that take about as long as a stored one of sparse rows
ALIGNED_ROWS = 16  # that kernels keep together
CHUNK_ENTRIES = 1 << 17  # posterior probabilities held at a time: about a cache full
LEAST_ROWS = 384  # of a chunk: enough to pay for adding up its moments


def cut(rows: RowBlock, least: int = MIN_BLOCK_ROWS) -> list[RowBlock]:
    """Cut rows into blocks, by the number of rows and of stored entries alone.

    Parameters
    ----------
    rows : RowBlock
    least : int, default 256
        Rows of a block, where there are so many.

    Returns
    -------
    list of RowBlock
        At most 64 blocks, of at least 256 rows and about 131,072 entries where there are so many;
        an even number of them, since two threads wait for one another where it is odd.
    """
    step = max(least, _block_rows(rows))
    if step >= rows.n_rows:
        return [rows]
    return [rows.take(slice(start, start + step)) for start in range(0, rows.n_rows, step)]


def cut_evenly(rows: RowBlock) -> list[RowBlock]:
    """Cut rows into blocks that take about as long as each other, however many rows that are.

    For work of which little is added up, so that finer blocks cost nothing but calls: some rows
    (words of texts, or their columns) may have a thousand times the stored entries of others. An
    even number, as for :func:`cut`.
    """
    cost = _listed_before(rows) + ROW_COST * np.arange(rows.n_rows + 1.0)
    few, many = cost[-1] // LEAST_COST // 2 * 2, cost[-1] // EVEN_COST // 2 * 2
    n_blocks = int(max(1, min(few, FEW_BLOCKS), min(many, EVEN_BLOCKS)))
    inner = np.searchsorted(cost, cost[-1] * np.arange(1, n_blocks) / n_blocks)
    edges = np.unique([0, *(inner // ALIGNED_ROWS * ALIGNED_ROWS), rows.n_rows])
    if len(edges) < 3:
        return [rows]
    return [rows.take(slice(first, last)) for first, last in pairwise(edges.tolist())]


def _listed_before(rows: RowBlock) -> Array:
    """Return what the entries before each row cost, and all, in stored entries, shape (n + 1,)."""
    entries = rows.entries
    if sp.issparse(entries):
        return np.asarray(entries.indptr)
    return np.arange(rows.n_rows + 1) * (rows.n_columns / AS_LISTED)


def posterior_chunks(n_rows: int, n_components: int) -> Iterator[slice]:
    """Cut rows into chunks whose whole posterior may be held at a time."""
    rows = max(LEAST_ROWS, CHUNK_ENTRIES // n_components)
    return (slice(start, start + rows) for start in range(0, max(n_rows, 1), rows))


def grams_by_chunks(
    block: RowBlock, index: Labels, weight: Floats, n_components: int, shift: Floats
) -> Floats:
    """Return what :meth:`RowBlock.scatter_grams` does, from the weights under every component."""
    d = block.n_columns

    def of_chunk(rows: slice) -> Floats:
        spread = np.zeros((n_components, len(index[rows])))
        spread[index[rows].T, np.arange(spread.shape[1])] = weight[rows].T
        return block.take(rows).component_moments(spread, shift, d * d)[2]

    chunks = posterior_chunks(block.n_rows, n_components)
    grams: Floats = np.sum([of_chunk(rows) for rows in chunks], axis=0)
    return grams.reshape(-1, d, d)


def n_blocks(rows: RowBlock) -> int:
    """Return the number of blocks that :func:`cut` gives."""
    return max(1, -(-rows.n_rows // _block_rows(rows)))


def _block_rows(rows: RowBlock) -> int:
    filling = -(-MIN_BLOCK_ENTRIES * rows.n_rows // max(rows.stored.size, 1))
    least = max(MIN_BLOCK_ROWS, filling, -(-rows.n_rows // MAX_BLOCKS))
    n_blocks = -(-rows.n_rows // least)
    if n_blocks < 3 or n_blocks % 2 == 0:
        return least
    return -(-rows.n_rows // (n_blocks - 1))
