"""Where data are cut into blocks."""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from cofactor.data.base import Array, RowBlock

MIN_BLOCK_ROWS = 256
MIN_BLOCK_ENTRIES = 1 << 17
MAX_BLOCKS = 64


def block_edges(n_rows: int, n_entries: int) -> Array:
    """Return where blocks begin and end: a function of the data's size alone.

    Parameters
    ----------
    n_rows : int
        Number of rows of the whole data.
    n_entries : int
        Number of stored entries of the whole data.

    Returns
    -------
    ndarray of shape (n_blocks + 1,)
        Ascending, from 0 to ``n_rows``: at most 64 blocks, of at least 256 rows and about 131,072
        entries where there are so many.
    """
    return np.append(np.arange(0, max(n_rows, 1), _block_rows(n_rows, n_entries)), n_rows)


def n_blocks(rows: RowBlock) -> int:
    """Return the number of blocks that :func:`cut` gives."""
    return max(1, -(-rows.n_rows // _block_rows(rows.n_rows, rows.stored.size)))


def _block_rows(n_rows: int, n_entries: int) -> int:
    filling = -(-MIN_BLOCK_ENTRIES * n_rows // max(n_entries, 1))
    return max(MIN_BLOCK_ROWS, filling, -(-n_rows // MAX_BLOCKS))


def cut(rows: RowBlock) -> list[RowBlock]:
    """Cut rows into blocks at :func:`block_edges`."""
    edges = block_edges(rows.n_rows, rows.stored.size)
    return [rows.take(slice(*pair)) for pair in pairwise(edges)]
