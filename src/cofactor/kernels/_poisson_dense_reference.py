"""The Poisson row kernels of dense rows in NumPy; part of the specification in `reference`."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from cofactor.kernels._count_rows_reference import Data, Floats
from cofactor.kernels._poisson_reference import (
    poisson_coordinate_csr,
    poisson_multiplicative_csr,
    poisson_newton_csr,
)
from cofactor.kernels._relay_reference import Board


def poisson_multiplicative(
    board: Board,
    X: Data,
    strips: Data,
    totals: Floats,
    weights: Data,
    start: Data,
    begun: Data,
    codes: Data,
    l1: float,
    l2: float,
    log: float,
    floor: float,
    before: Floats,
    loss: Floats,
) -> None:
    """Do as `poisson_multiplicative_csr` does, for dense rows (n, m) without offsets.

    Parameters
    ----------
    X : array of shape (n, m)
        Counts.
    strips : array of shape (ceil(m / 64), k or k + 1, 64)
        Component values, ``strips[s, c, i]`` that of component c and column 64 s + i; zeros where
        there is no such column, and of one more component where k is odd.

    Other parameters as there.
    """
    poisson_multiplicative_csr(
        board,
        *_positive(X),
        _no_offsets(X),
        *_of_strips(strips, X.shape[1]),
        totals,
        weights,
        start,
        begun,
        codes,
        l1,
        l2,
        log,
        floor,
        before,
        loss,
    )


def poisson_coordinate(
    board: Board,
    X: Data,
    columns: Data,
    rest: Data,
    totals: Floats,
    weights: Data,
    start: Data,
    begun: Data,
    codes: Data,
    sweeps: int,
    l1: float,
    l2: float,
    log: float,
    floor: float,
    before: Floats,
    loss: Floats,
) -> None:
    """Do as `poisson_coordinate_csr` does, for dense rows (n, m) without offsets."""
    poisson_coordinate_csr(
        board,
        *_positive(X),
        _no_offsets(X),
        columns,
        rest,
        totals,
        weights,
        start,
        begun,
        codes,
        sweeps,
        l1,
        l2,
        log,
        floor,
        before,
        loss,
    )


def poisson_newton(
    board: Board,
    X: Data,
    strips: Data,
    totals: Floats,
    weights: Data,
    start: Data,
    begun: Data,
    codes: Data,
    hessians: Data,
    sweeps: int,
    tolerance: float,
    trust: float,
    l1: float,
    l2: float,
    log: float,
    floor: float,
    before: Floats,
    loss: Floats,
) -> None:
    """Do as `poisson_newton_csr` does, for rows and components as in `poisson_multiplicative`."""
    poisson_newton_csr(
        board,
        *_positive(X),
        *_of_strips(strips, X.shape[1]),
        totals,
        weights,
        start,
        begun,
        codes,
        hessians,
        sweeps,
        tolerance,
        trust,
        l1,
        l2,
        log,
        floor,
        before,
        loss,
    )


def _positive(X: Data) -> tuple[NDArray[np.int64], NDArray[np.int64], Data]:
    rows, columns = np.nonzero(X > 0)
    indptr = np.concatenate([[0], np.bincount(rows, minlength=len(X)).cumsum()])
    return indptr.astype(np.int64), columns.astype(np.int64), X[rows, columns]


def _of_strips(strips: Data, m: int) -> tuple[Data, Data]:
    """Return the components of each column, one after the other, and no rest."""
    columns = strips.transpose(0, 2, 1).reshape(-1, strips.shape[1])[:m]
    return columns, np.zeros((m, 0), strips.dtype)


def _no_offsets(X: Data) -> Data:
    return np.zeros(0, X.dtype)
