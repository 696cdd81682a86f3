"""Where data are cut into blocks."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from cofactor.data.base import Floats, Labels, RowBlock

MIN_BLOCK_ROWS = 256
MIN_BLOCK_ENTRIES = 1 << 17
MAX_BLOCKS = 64
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
        At most 64 blocks, of at least 256 rows and about 131,072 entries where there are so many.
    """
    step = max(least, _block_rows(rows))
    if step >= rows.n_rows:
        return [rows]
    return [rows.take(slice(start, start + step)) for start in range(0, rows.n_rows, step)]


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
    return max(MIN_BLOCK_ROWS, filling, -(-rows.n_rows // MAX_BLOCKS))
