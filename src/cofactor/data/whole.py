"""Functions of counts: looked up where values are small whole numbers."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from cofactor import kernels
from cofactor.data.base import Array, Floats

LARGEST = 4096  # whole number that is looked up
MANY = 4 * LARGEST  # values that pay for a table


def largest_to_look_up(values: Array) -> int:
    """Return the largest of whole numbers; -1 where they are few, large or not whole."""
    return kernels.largest_whole(values, LARGEST) if values.size >= MANY else -1


def looked_up(
    function: Callable[[Array], Array], indptr: Array, values: Array, largest: int
) -> Floats:
    """Return the sum of ``function(values)`` over each row, computed once for each whole number.

    Logarithms of factorials take a hundred times longer than finding them in a table.

    Parameters
    ----------
    function : callable
        Value by value, defined from 0 on.
    indptr : int32 or int64 ndarray of shape (n + 1,)
        Where the values of each row begin and end.
    values : ndarray of shape (nnz,)
        Whole numbers.
    largest : int
        Of them, as :func:`largest_to_look_up` finds it.

    Returns
    -------
    ndarray of shape (n,)
    """
    with np.errstate(all="ignore"):  # of numbers that do not occur
        table = function(np.arange(largest + 1.0))
    sums = np.empty(len(indptr) - 1)
    kernels.table_sums(indptr, values, np.ascontiguousarray(table, dtype=np.float64), sums)
    return sums
