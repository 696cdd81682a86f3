"""Functions of small whole numbers, in NumPy; part of the specification in `reference`."""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

Values: TypeAlias = NDArray[np.float32] | NDArray[np.float64]
Floats: TypeAlias = NDArray[np.float64]
Pointers: TypeAlias = NDArray[np.int32] | NDArray[np.int64]


def largest_whole(values: Values, limit: int) -> int:
    """Return the largest value if all are whole numbers from 0 to ``limit``, else −1."""
    inside = (values >= 0) & (values <= limit)
    if not inside.all() or (np.floor(values) != values).any():
        return -1
    return int(values.max(initial=0))


def table_sums(indptr: Pointers, values: Values, table: Floats, out: Floats) -> None:
    """Write ``Σ_p table[values_p]`` over the values of each row.

    Parameters
    ----------
    indptr : int32 or int64 array of shape (n + 1,)
        Where rows begin and end.
    values : array of shape (nnz,)
        Whole numbers, each the place of an entry of the table.
    table : float64 array
    out : float64 array of shape (n,), written
    """
    filled = indptr[1:] > indptr[:-1]
    out[:] = 0.0
    if filled.any():
        out[filled] = np.add.reduceat(table[values.astype(np.intp)], indptr[:-1][filled])
