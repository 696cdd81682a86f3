"""Rows whose squared distances neither overflow nor vanish."""

from __future__ import annotations

import numpy as np

from cofactor import kernels
from cofactor.data.base import Array, Floats
from cofactor.engine import Engine
from cofactor.errors import InputError

PART_ROWS = 1 << 14  # of a task
SAMPLE_ROWS = 8192


def enlarged(X: Array) -> Array:
    """Return rows times a power of two if they are so small that squared distances could vanish."""
    limits = np.finfo(X.dtype)
    enough = np.sqrt(limits.tiny) / limits.eps  # squares of all differences are normal numbers
    if np.abs(X[:: 1 + len(X) // SAMPLE_ROWS]).max() >= enough:
        return X
    exponent = int(np.frexp(np.abs(X).max())[1])
    return np.ldexp(X, -exponent) if exponent < np.frexp(enough)[1] else X


def norms_in_range(X: Array, reference: Array, engine: Engine) -> Floats:
    """Return squared distances of the rows from a point amid them, shape (n,).

    Raises
    ------
    InputError
        If squared distances between rows could overflow.
    """
    norms = np.empty(len(X))

    def write(rows: slice) -> None:
        with np.errstate(over="ignore"):  # looked for below
            kernels.squared_norms(X[rows], reference, norms[rows])

    engine.map(write, [slice(i, i + PART_ROWS) for i in range(0, len(X), PART_ROWS)])
    if not 4.0 * norms.max() < np.finfo(X.dtype).max:
        raise InputError(
            "X has rows so far apart that their squared distances overflow; "
            "expected smaller numbers, so divide the data by their size."
        )
    return norms
