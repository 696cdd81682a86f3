"""The Poisson row kernels in NumPy; part of the specification in `reference`."""

from __future__ import annotations

import numpy as np

from cofactor.kernels._count_rows_reference import (
    CountRows,
    Data,
    Floats,
    Indices,
    weighted_totals,
)
from cofactor.kernels._poisson_programs_reference import Program, explains, pack, unpacked
from cofactor.kernels._relay_reference import Board, claimed


def lay_components(columns: Data, weights: Data, whole: Data, rest: Data, totals: Floats) -> None:
    """Lay out the components of every column as the kernels of Poisson rows take them.

    Parameters
    ----------
    columns : array of shape (m, k)
    weights : array of shape (m,) or (0,)
        Of the columns in the totals; empty for 1.
    whole : array of shape (m, w)
        Written: the first w components, or all of them and zeros; ``w`` is a multiple of 16.
    rest : array of shape (m, 4) or (m, 0)
        Written: those that follow, and zeros.
    totals : float64 array of shape (k,)
        Written: the sums of the components over the columns.
    """
    k, width = columns.shape[1], whole.shape[1]
    first, beside = min(k, width), max(k - width, 0)
    whole[:, :first], whole[:, first:] = columns[:, :first], 0
    rest[:, :beside], rest[:, beside:] = columns[:, width:], 0
    totals[:] = weighted_totals(columns, weights)


def poisson_multiplicative_csr(
    board: Board,
    indptr: Indices,
    indices: Indices,
    data: Data,
    offsets: Data,
    columns: Data,
    rest: Data,
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
    """Lower the Poisson loss of every CSR row by one majorize-minimize (EM) step.

    For each row, with counts ``x_j`` times the weights of their columns, lowers over ``z >= 0``::

        f(z) = sum_k (totals_k + l1) z_k + l2/2 |z|**2 - log sum_k log z_k
               - sum_{j: x_j > 0} x_j log y_j

    where ``y_j = <z, h_j> + o_j`` is the fitted value, with the entry's offset ``o_j``.
    With ``a_k = sum_j x_j h_jk / y_j`` and ``s = totals + l1`` the step is the root of
    ``l2 u**2 + s_k u = z_k a_k + log``, which is ``z_k a_k / s_k`` without ``l2`` and ``log`` (Lee
    & Seung 1999; Cemgil 2009); it never raises ``f``. A start in which a positive count has fitted
    value zero (below 1e-300, or 1e-30 in float32) is first lifted to ``floor``, as every start is
    if ``log > 0``; one of a row without positive counts becomes the minimum, like its codes: the
    root of ``l2 u**2 + s_k u = log``, which is zero without ``log``.

    Any number of threads may call it together, with the same arguments. A call returns when all is
    done, then the board says −1, or after a while: then it is to be called again.

    Parameters
    ----------
    board : int64 array of shape (BOARD_SIZE,)
        Zeros at first.
    indptr, indices, data : arrays
        Counts of n rows and m columns in CSR form; no column may occur twice in a row. Here also
        int64, uint16 and uint8, without offsets and weights.
    offsets : array of shape (nnz,) or (0,)
        Nonnegative offsets of the stored entries; empty for 0.
    columns : array of shape (m, w) or (m, k)
        Nonnegative component values h, one row for each column of the data; ``w`` is a multiple
        of 16.
    rest : array of shape (m, 4), (m, 0) or (0, 0)
        Those that follow, where ``w`` is at most 48 and they are no more than four. What is beyond
        k is zero. Shape (0, 0) says that the columns are not laid out: then every caller does so
        for itself.
    totals : float64 array of shape (1, k), (n, k) or (0, k)
        What a unit of each code costs: the sums of ``columns`` over the columns observed. Shape
        (0, k), for columns that are not laid out: the weighted sums of all.
    weights : array of shape (m,) or (0,)
        Weights of the columns' counts; empty for 1.
    start : array of shape (n, k)
        Nonnegative codes z.
    begun : array of shape (n, k) or (0, k)
        Written unless empty: the same, lifted as said above.
    codes : array of shape (n, k)
        Written: the codes found.
    l1, l2 : float
        Nonnegative penalties, in nats per unit code and per unit squared code.
    log : float
        The shape of a Gamma prior of rate ``l1`` less 1, at least 0.
    floor : float
        Nonnegative: what codes are lifted to.
    before : float64 array of shape (n,) or (0,)
        Written unless empty: ``f`` in nats at the start, which costs its logarithms; ``+inf`` where
        a positive count cannot be reached by any component.
    loss : float64 array of shape (n,) or (0,)
        Written unless empty: the same at the codes found, which takes another look at the counts.
    """
    if not claimed(board):
        return
    penalty = l1, l2, log
    rows = CountRows(indptr, indices, data, columns, rest, totals, weights, codes, penalty, offsets)
    z, _ = rows.begun(start, begun, floor, before)
    codes[:] = rows.multiplicative(z)
    rows.finish(codes, loss)


def poisson_coordinate_csr(
    board: Board,
    indptr: Indices,
    indices: Indices,
    data: Data,
    offsets: Data,
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
    """Lower the Poisson loss of every CSR row by cyclic coordinate-Newton sweeps.

    ``sweeps`` cycles of ``z_k <- max(z_k - f_k / f_kk, z_k / 10, floor)`` with the derivatives at
    the current point (coordinate descent of Hsieh & Dhillon 2011); the logarithm of a prior is
    added to the parabola as it is. No step leaves less than a tenth of a code, so that the fitted
    values can be updated without losing their digits. A row whose ``f`` did not fall takes the step
    of `poisson_multiplicative_csr` from its input instead, so that ``f`` never rises. A zero code
    can leave zero. Parameters as there.
    """
    if not claimed(board):
        return
    penalty = l1, l2, log
    rows = CountRows(indptr, indices, data, columns, rest, totals, weights, codes, penalty, offsets)
    first, height = rows.begun(start, begun, floor, before)
    z = first.copy()
    for _ in range(sweeps):
        rows.sweep(z, floor)
    z = z.astype(codes.dtype).astype(np.float64)
    kept = (rows.loss(z) < height)[:, None]
    codes[:] = np.where(kept, z, rows.multiplicative(first))
    rows.finish(codes, loss)


def poisson_explained_csr(
    board: Board,
    indptr: Indices,
    indices: Indices,
    data: Data,
    offsets: Data,
    columns: Data,
    rest: Data,
    totals: Floats,
    weights: Data,
    codes: Data,
    explained: Data,
) -> None:
    """Find ``sum_j x_j h_j / y_j`` of every CSR row, as `poisson_multiplicative_csr` has it.

    Parameters
    ----------
    codes : array of shape (n, k)
    explained : array of shape (n, k)
        Written; counts with a fitted value of zero say nothing.

    Other parameters as there.
    """
    if not claimed(board):
        return
    no_penalty = 0.0, 0.0, 0.0
    rows = CountRows(
        indptr, indices, data, columns, rest, totals, weights, codes, no_penalty, offsets
    )
    explained[:] = rows.explained(codes.astype(np.float64))


def poisson_newton_csr(
    board: Board,
    indptr: Indices,
    indices: Indices,
    data: Data,
    columns: Data,
    rest: Data,
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
    """Lower the Poisson loss of every CSR row by a nonnegative Newton step.

    With ``A = sum_j x_j h_j h_j' / <z, h_j>**2`` and ``a = A z``, the gradient's other part, each
    row minimises ``g'd + d'Ad/2 - log sum_k log(z + d)_k`` over ``z + d >= max(z / 20, floor)`` by
    ``sweeps`` cycles over the coordinates; neither ``A`` nor ``g`` knows of the logarithm. Hessians
    are kept from call to call. An old one must satisfy the same equation, so a row is given a new
    one if ``sum_k z_k |a - A z|_k > tolerance sum_k z_k a_k``; else it is scaled by ``s = sqrt(a /
    A z)`` on both sides. Diagonals are lifted to at least ``a_k**2 / sum_j x_j``, a bound by Cauchy
    and Schwarz. A row whose ``f`` would rise solves once more with a new Hessian, and if that fails
    takes the step of `poisson_multiplicative_csr`; but where ``loss`` is empty, only rows that an
    old Hessian moves by more than ``trust`` of their mean, ``sum_k a_k |d_k| > trust sum_k a_k
    z_k``, are looked at, and none if ``before`` is empty, too. There are no offsets, with which ``a
    = A z`` would not hold.

    Parameters
    ----------
    hessians : array of shape (ceil(n / 16), k (k + 1) / 2, 16), in the data's precision
        Entries (i, j <= i) of A, in blocks of 16 rows of the data; zeros at first.
    sweeps : int
    tolerance : float
        Negative to renew all Hessians.
    trust : float

    Other parameters as in `poisson_multiplicative_csr`.
    """
    if not claimed(board):
        return
    penalty = l1, l2, log
    rows = CountRows(indptr, indices, data, columns, rest, totals, weights, codes, penalty)
    z, height = rows.begun(start, begun, floor, before)
    kept = unpacked(hessians, *codes.shape)
    explained, fresh = rows.explained(z), np.zeros(rows.n, dtype=bool)
    new, exact = z, rows.hessians(z)
    stale = rows.counted & ~explains(kept, z, explained, tolerance)
    pending = rows.counted
    for renewed in (stale, rows.counted):
        renewed = renewed & pending & ~fresh
        kept[renewed], fresh = exact[renewed], fresh | renewed
        program = Program(kept, fresh, z, explained, rows.price, l2, log, floor)
        solved = program.solved(sweeps).astype(codes.dtype).astype(np.float64)
        moved = (explained * np.abs(solved - z)).sum(axis=1)
        doubted = ~fresh & (moved > trust * (explained * z).sum(axis=1)) & (before.size > 0)
        better = pending & (~(doubted | (loss.size > 0)) | (rows.loss(solved) <= height))
        new = np.where(better[:, None], solved, new)
        pending = pending & ~better
    pack(kept, hessians)
    fallback = rows.multiplicative(z).astype(codes.dtype).astype(np.float64)
    fallback = np.where((rows.loss(fallback) <= height)[:, None], fallback, z)
    codes[:] = np.where(pending[:, None], fallback, new)
    rows.finish(codes, loss)
