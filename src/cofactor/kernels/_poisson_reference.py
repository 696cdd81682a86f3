"""The Poisson row kernels in NumPy; part of the specification in `reference`."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cofactor.kernels._count_rows_reference import LEAST, CountRows, Data, Floats, Indices

_NEWTON_PART = 0.05  # of a code that a Newton step leaves
_NEWTON_ROWS = 16  # of a block of Hessians
_SCALE_RANGE = 1e4  # of the factors by which an old Hessian may be off


def lay_components(columns: Data, weights: Floats, whole: Data, rest: Data, totals: Floats) -> None:
    """Lay out the components of every column as the kernels of Poisson rows take them.

    Parameters
    ----------
    columns : array of shape (m, k)
    weights : float64 array of shape (m,) or (0,)
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
    totals[:] = (weights if weights.size else np.ones(len(columns))) @ columns.astype(np.float64)


def poisson_multiplicative_csr(
    indptr: Indices,
    indices: Indices,
    data: Data,
    offsets: Data,
    columns: Data,
    rest: Data,
    totals: Floats,
    weights: Data,
    start: Data,
    codes: Data,
    l1: float,
    l2: float,
    floor: float,
    before: Floats,
    loss: Floats,
) -> None:
    """Lower the Poisson loss of every CSR row by one majorize-minimize (EM) step.

    For each row, with counts ``x_j`` times the weights of their columns, lowers over ``z >= 0``::

        f(z) = sum_k (totals_k + l1) z_k + l2/2 |z|**2 - sum_{j: x_j > 0} x_j log y_j

    where ``y_j = <z, h_j> + o_j`` is the fitted value, with the entry's offset ``o_j``.
    With ``a_k = sum_j x_j h_jk / y_j`` and ``s = totals + l1`` the step is
    ``z_k <- (-s_k + sqrt(s_k**2 + 4 l2 z_k a_k)) / (2 l2)``, which is ``z_k a_k / s_k`` without
    ``l2`` (Lee & Seung 1999); it never raises ``f``. A start in which a positive count has fitted
    value zero (below 1e-300, or 1e-30 in float32) is first lifted to ``floor``, in place; one of a
    row without positive counts becomes zero, like its codes and its losses.

    Parameters
    ----------
    indptr, indices, data : arrays
        Counts of n rows and m columns in CSR form; no column may occur twice in a row.
    offsets : array of shape (nnz,) or (0,)
        Nonnegative offsets of the stored entries; empty for 0.
    columns : array of shape (m, w)
        Nonnegative component values h, one row for each column of the data; ``w`` is a multiple
        of 16.
    rest : array of shape (m, 4) or (m, 0)
        Those that follow, where ``w`` is at most 48 and they are no more than four. What is beyond
        k is zero.
    totals : float64 array of shape (1, k) or (n, k)
        What a unit of each code costs: the sums of ``columns`` over the columns observed.
    weights : array of shape (m,) or (0,)
        Weights of the columns' counts; empty for 1.
    start : array of shape (n, k)
        Nonnegative codes z; changed only as said above.
    codes : array of shape (n, k)
        Written: the codes found.
    l1, l2 : float
        Nonnegative penalties, in nats per unit code and per unit squared code.
    floor : float
        Nonnegative: what codes are lifted to.
    before : float64 array of shape (n,) or (0,)
        Written unless empty: ``f`` in nats at the start, which costs its logarithms; ``+inf`` where
        a positive count cannot be reached by any component.
    loss : float64 array of shape (n,) or (0,)
        Written unless empty: the same at the codes found, which takes another look at the counts.
    """
    rows = CountRows(indptr, indices, data, columns, rest, totals, weights, codes, l1, l2, offsets)
    z, _ = rows.begun(start, floor, before)
    codes[:] = rows.multiplicative(z)
    rows.finish(codes, loss)


def poisson_coordinate_csr(
    indptr: Indices,
    indices: Indices,
    data: Data,
    offsets: Data,
    columns: Data,
    rest: Data,
    totals: Floats,
    weights: Data,
    start: Data,
    codes: Data,
    sweeps: int,
    l1: float,
    l2: float,
    floor: float,
    before: Floats,
    loss: Floats,
) -> None:
    """Lower the Poisson loss of every CSR row by cyclic coordinate-Newton sweeps.

    ``sweeps`` cycles of ``z_k <- max(z_k - f_k / f_kk, z_k / 10, floor)`` with the derivatives at
    the current point (coordinate descent of Hsieh & Dhillon 2011). No step leaves less than a
    tenth of a code, so that the fitted values can be updated without losing their digits. A row
    whose ``f`` did not fall takes the step of `poisson_multiplicative_csr` from its input instead,
    so that ``f`` never rises. A zero code can leave zero. Parameters as there.
    """
    rows = CountRows(indptr, indices, data, columns, rest, totals, weights, codes, l1, l2, offsets)
    first, height = rows.begun(start, floor, before)
    z = first.copy()
    for _ in range(sweeps):
        rows.sweep(z, floor)
    z = z.astype(codes.dtype).astype(np.float64)
    kept = (rows.loss(z) < height)[:, None]
    codes[:] = np.where(kept, z, rows.multiplicative(first))
    rows.finish(codes, loss)


def poisson_newton_csr(
    indptr: Indices,
    indices: Indices,
    data: Data,
    columns: Data,
    rest: Data,
    totals: Floats,
    weights: Data,
    start: Data,
    codes: Data,
    hessians: Data,
    sweeps: int,
    tolerance: float,
    trust: float,
    l1: float,
    l2: float,
    floor: float,
    before: Floats,
    loss: Floats,
) -> None:
    """Lower the Poisson loss of every CSR row by a nonnegative Newton step.

    With ``A = sum_j x_j h_j h_j' / <z, h_j>**2`` and ``a = A z``, the gradient's other part, each
    row minimises ``g'd + d'Ad/2`` over ``z + d >= max(z / 20, floor)`` by ``sweeps`` cycles over
    the coordinates. Hessians are kept from call to call. An old one must satisfy the same
    equation, so a row is given a new one if ``sum_k z_k |a - A z|_k > tolerance sum_k z_k a_k``;
    else it is scaled by ``s = sqrt(a / A z)`` on both sides. Diagonals are lifted to at least
    ``a_k**2 / sum_j x_j``, a bound by Cauchy and Schwarz. A row whose ``f`` would rise solves once
    more with a new Hessian, and if that fails takes the step of `poisson_multiplicative_csr`; but
    where ``loss`` is empty, only rows that an old Hessian moves by more than ``trust`` of their
    mean, ``sum_k a_k |d_k| > trust sum_k a_k z_k``, are looked at, and none if ``before`` is empty,
    too. There are no offsets, with which ``a = A z`` would not hold.

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
    rows = CountRows(indptr, indices, data, columns, rest, totals, weights, codes, l1, l2)
    z, height = rows.begun(start, floor, before)
    kept = _unpacked(hessians, *codes.shape)
    explained, fresh = rows.explained(z), np.zeros(rows.n, dtype=bool)
    new, exact = z, rows.hessians(z)
    stale = rows.counted & ~_explains(kept, z, explained, tolerance)
    pending = rows.counted
    for renewed in (stale, rows.counted):
        renewed = renewed & pending & ~fresh
        kept[renewed], fresh = exact[renewed], fresh | renewed
        program = _Program(kept, fresh, z, explained, rows.price, l2, height, floor)
        solved = program.solved(sweeps).astype(codes.dtype).astype(np.float64)
        moved = (explained * np.abs(solved - z)).sum(axis=1)
        doubted = ~fresh & (moved > trust * (explained * z).sum(axis=1)) & (before.size > 0)
        better = pending & (~(doubted | (loss.size > 0)) | (rows.loss(solved) <= height))
        new = np.where(better[:, None], solved, new)
        pending = pending & ~better
    _pack(kept, hessians)
    fallback = rows.multiplicative(z).astype(codes.dtype).astype(np.float64)
    fallback = np.where((rows.loss(fallback) <= height)[:, None], fallback, z)
    codes[:] = np.where(pending[:, None], fallback, new)
    rows.finish(codes, loss)


def poisson_multiplicative(
    X: Data,
    strips: Data,
    totals: Floats,
    weights: Data,
    start: Data,
    codes: Data,
    l1: float,
    l2: float,
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
        *_positive(X),
        _no_offsets(X),
        *_of_strips(strips, X.shape[1]),
        totals,
        weights,
        start,
        codes,
        l1,
        l2,
        floor,
        before,
        loss,
    )


def poisson_coordinate(
    X: Data,
    columns: Data,
    rest: Data,
    totals: Floats,
    weights: Data,
    start: Data,
    codes: Data,
    sweeps: int,
    l1: float,
    l2: float,
    floor: float,
    before: Floats,
    loss: Floats,
) -> None:
    """Do as `poisson_coordinate_csr` does, for dense rows (n, m) without offsets."""
    poisson_coordinate_csr(
        *_positive(X),
        _no_offsets(X),
        columns,
        rest,
        totals,
        weights,
        start,
        codes,
        sweeps,
        l1,
        l2,
        floor,
        before,
        loss,
    )


def poisson_newton(
    X: Data,
    strips: Data,
    totals: Floats,
    weights: Data,
    start: Data,
    codes: Data,
    hessians: Data,
    sweeps: int,
    tolerance: float,
    trust: float,
    l1: float,
    l2: float,
    floor: float,
    before: Floats,
    loss: Floats,
) -> None:
    """Do as `poisson_newton_csr` does, for rows and components as in `poisson_multiplicative`."""
    poisson_newton_csr(
        *_positive(X),
        *_of_strips(strips, X.shape[1]),
        totals,
        weights,
        start,
        codes,
        hessians,
        sweeps,
        tolerance,
        trust,
        l1,
        l2,
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


def _lower(k: int) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    return np.tril_indices(k)


def _unpacked(hessians: Data, n: int, k: int) -> Floats:
    """Return the Hessian of each row, shape (n, k, k)."""
    packed = hessians.transpose(0, 2, 1).reshape(-1, hessians.shape[1])[:n].astype(np.float64)
    whole, (i, j) = np.empty((n, k, k)), _lower(k)
    whole[:, i, j], whole[:, j, i] = packed, packed
    return whole


def _pack(whole: Floats, hessians: Data) -> None:
    i, j = _lower(whole.shape[1])
    for row, entries in enumerate(whole[:, i, j]):
        hessians[row // _NEWTON_ROWS, :, row % _NEWTON_ROWS] = entries


def _times(hessians: Floats, z: Floats) -> Floats:
    product: Floats = np.einsum("nij,nj->ni", hessians, z)
    return product


def _explains(
    hessians: Floats, z: Floats, explained: Floats, tolerance: float
) -> NDArray[np.bool_]:
    off = (z * np.abs(explained - _times(hessians, z))).sum(axis=1)
    enough: NDArray[np.bool_] = off <= tolerance * (z * explained).sum(axis=1)
    return enough


@dataclass
class _Program:
    """The quadratic programs of all rows, in coordinates scaled by those of `scale`."""

    hessians: Floats
    fresh: NDArray[np.bool_]
    z: Floats
    explained: Floats
    price: Floats
    l2: float
    before: Floats
    floor: float

    def solved(self, sweeps: int) -> Floats:
        scale, lift = self._scale(), self._lift()
        slope = (self.price + self.l2 * self.z - self.explained) / scale
        x, least = scale * self.z, scale * np.maximum(_NEWTON_PART * self.z, self.floor)
        for _ in range(sweeps):
            for t in range(x.shape[1]):
                bend = np.maximum(self.hessians[:, t, t] + lift[:, t], LEAST)
                moved = np.maximum(x[:, t] - slope[:, t] / bend, least[:, t]) - x[:, t]
                x[:, t] += moved
                slope[:, t] += moved * lift[:, t]
                slope += moved[:, None] * self.hessians[:, t]
        return x / scale

    def _scale(self) -> Floats:
        product = _times(self.hessians, self.z)
        ratio = np.maximum(self.explained, LEAST) / np.maximum(product, LEAST)
        scale = np.sqrt(np.clip(ratio, 1 / _SCALE_RANGE, _SCALE_RANGE))
        return np.where(self.fresh[:, None], 1.0, scale)

    def _lift(self) -> Floats:
        scale = self._scale()
        counts = np.maximum((self.z * self.explained).sum(axis=1, keepdims=True), LEAST)
        bends = np.diagonal(self.hessians, axis1=1, axis2=2)
        lacking = np.square(self.explained / scale) / counts - bends
        return np.maximum(lacking, 0.0) + self.l2 / np.square(scale)
