"""The sparse Poisson row kernels in NumPy; part of the specification in `reference`."""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

Data: TypeAlias = NDArray[np.float32] | NDArray[np.float64]
Floats: TypeAlias = NDArray[np.float64]
Indices: TypeAlias = NDArray[np.int32] | NDArray[np.int64]

_LEAST_PART = 0.1  # of a code that a Newton step leaves
_LEAST = 1e-300  # of a fitted value or divisor


def poisson_codes_csr(
    indptr: Indices,
    indices: Indices,
    data: Data,
    components_t: Data,
    totals: Floats,
    codes: Data,
    sweeps: int,
    l1: float,
    l2: float,
    floor: float,
    loss: Floats,
) -> None:
    """Lower the Poisson loss of every CSR row by cyclic coordinate-Newton sweeps.

    For each row minimises over ``z >= 0``::

        f(z) = sum_k (totals_k + l1) z_k + l2/2 |z|**2 - sum_{j: x_j > 0} x_j log <z, h_j>

    by ``sweeps`` cycles of ``z_k <- max(z_k - f_k / f_kk, z_k / 10, floor)`` with the derivatives
    at the current point (coordinate descent of Hsieh & Dhillon 2011). No step leaves less than a
    tenth of a code, so that the fitted values can be updated without losing their digits. A row
    whose ``f`` did not fall takes the step of `poisson_multiplicative_csr` from its input instead,
    so that ``f`` never rises. A zero code can leave zero. A row in which a positive count has
    fitted value zero (below 1e-300, or 1e-30 in float32) is first lifted to ``floor``; one without
    positive counts gets codes and loss exactly zero.

    Parameters
    ----------
    indptr, indices, data : arrays
        Counts of n rows and m columns in CSR form; no column may occur twice in a row.
    components_t : array of shape (m, k)
        Nonnegative component values h, one row per column of the data.
    totals : float64 array of shape (k,)
        Sums of ``components_t`` over its rows.
    codes : array of shape (n, k)
        Nonnegative codes z, updated in place.
    sweeps : int
        Cycles over the k coordinates.
    l1, l2 : float
        Nonnegative penalties, in nats per unit code and per unit squared code.
    floor : float
        Nonnegative lower limit of a coordinate step.
    loss : float64 array of shape (n,)
        Written: ``f`` in nats at the codes returned; ``+inf`` where a positive count cannot be
        reached by any component.
    """
    rows = _Rows(indptr, indices, data, components_t, totals + l1, l2)
    start, before = rows.lifted(codes, floor)
    z = start.copy()
    for _ in range(sweeps):
        rows.sweep(z, floor)
    z = z.astype(codes.dtype).astype(np.float64)
    kept = (rows.loss(z) < before)[:, None]
    codes[:] = np.where(kept, z, rows.multiplicative(start))
    loss[:] = rows.finish(codes)


def poisson_multiplicative_csr(
    indptr: Indices,
    indices: Indices,
    data: Data,
    components_t: Data,
    totals: Floats,
    codes: Data,
    l1: float,
    l2: float,
    floor: float,
    loss: Floats,
) -> None:
    """Lower the Poisson loss of every CSR row by one majorize-minimize (EM) step.

    With ``a_k = sum_j x_j h_jk / <z, h_j>`` and ``s = totals + l1`` the step is
    ``z_k <- (-s_k + sqrt(s_k**2 + 4 l2 z_k a_k)) / (2 l2)``, which is ``z_k a_k / s_k`` without
    ``l2`` (Lee & Seung 1999); it never raises ``f``. Parameters as in `poisson_codes_csr`.
    """
    rows = _Rows(indptr, indices, data, components_t, totals + l1, l2)
    start, _ = rows.lifted(codes, floor)
    codes[:] = rows.multiplicative(start)
    loss[:] = rows.finish(codes)


class _Rows:
    """All rows at once; what belongs to a stored position is summed to its row by `_by_row`."""

    def __init__(
        self,
        indptr: Indices,
        indices: Indices,
        data: Data,
        components_t: Data,
        price: Floats,
        l2: float,
    ) -> None:
        self.n = indptr.size - 1
        self.row = np.repeat(np.arange(self.n), np.diff(indptr))
        self.x = data.astype(np.float64)
        self.panel = components_t[indices].astype(np.float64)  # (nnz, k)
        self.price = price  # of a unit code: totals + l1
        self.l2 = l2

    def lifted(self, codes: Data, floor: float) -> tuple[Floats, Floats]:
        """Codes from which every reachable count can be explained, and their loss."""
        z = codes.astype(np.float64)
        unreached = np.isposinf(self.loss(z))
        z[unreached] = np.maximum(z[unreached], floor)
        return z, self.loss(z)

    def sweep(self, z: Floats, floor: float) -> None:
        fitted = self._fitted(z)
        for k, h in enumerate(self.panel.T):
            rate = self.x / np.maximum(fitted, _LEAST)
            slope = self.price[k] + self.l2 * z[:, k] - self._by_row(rate * h)
            with np.errstate(over="ignore"):
                curvature = self._by_row(rate * h * h / np.maximum(fitted, _LEAST)) + self.l2
                step = slope / np.maximum(curvature, _LEAST)
            new = np.maximum(z[:, k] - step, np.maximum(_LEAST_PART * z[:, k], floor))
            fitted += (new - z[:, k])[self.row] * h
            z[:, k] = new

    def multiplicative(self, z: Floats) -> Floats:
        rate = self.x / np.maximum(self._fitted(z), _LEAST)
        explained = z * np.stack([self._by_row(rate * h) for h in self.panel.T], axis=1)
        root = np.sqrt(self.price**2 + 4.0 * self.l2 * explained)
        step: Floats = 2.0 * explained / np.maximum(self.price + root, _LEAST)
        return step

    def loss(self, z: Floats) -> Floats:
        fitted = self._fitted(z)
        nats = self.x * np.log(np.maximum(fitted, _LEAST))
        nats[(self.x > 0) & (fitted < _LEAST)] = -np.inf
        penalty = 0.5 * self.l2 * np.square(z).sum(axis=1)
        loss: Floats = z @ self.price + penalty - self._by_row(nats)
        return loss

    def finish(self, codes: Data) -> Floats:
        """Zero the rows without counts; the loss of all."""
        empty = self._by_row(self.x) == 0
        codes[empty] = 0
        return np.where(empty, 0.0, self.loss(codes.astype(np.float64)))

    def _fitted(self, z: Floats) -> Floats:
        fitted: Floats = np.einsum("pk,pk->p", z[self.row], self.panel)
        return fitted

    def _by_row(self, values: Floats) -> Floats:
        sums: Floats = np.bincount(self.row, weights=values, minlength=self.n).astype(np.float64)
        return sums
