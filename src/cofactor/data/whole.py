"""Functions of counts: looked up where values are small whole numbers."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from cofactor.data.base import Array

LARGEST = 4096  # whole number that is looked up
MANY = 4 * LARGEST  # values that pay for a table


def applied(function: Callable[[Array], Array], values: Array) -> Array:
    """Return ``function(values)`` in float64, computed once for each whole number.

    Logarithms of factorials take a hundred times longer than finding them in a table.

    Parameters
    ----------
    function : callable
        Entry by entry, defined from 0 on.
    values : ndarray
    """
    if values.size < MANY or not 0 <= values.min() <= values.max() <= LARGEST:
        return function(values.astype(np.float64, copy=False))
    whole = values.astype(np.intp)  # others are converted one by one
    if (whole != values).any():
        return function(values.astype(np.float64, copy=False))
    with np.errstate(all="ignore"):  # of numbers that do not occur
        table = function(np.arange(values.max() + 1.0))
    return np.asarray(table.take(whole))
