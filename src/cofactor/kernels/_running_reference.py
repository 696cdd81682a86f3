"""Components as running sums of sparse rows, in NumPy; part of the specification in `reference`."""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

Data: TypeAlias = NDArray[np.float32] | NDArray[np.float64]
Floats: TypeAlias = NDArray[np.float64]
Labels: TypeAlias = NDArray[np.int32]
Indices: TypeAlias = NDArray[np.int32] | NDArray[np.int64]


def nearest_sum_csr(
    indptr: Indices,
    indices: Indices,
    data: Data,
    sums_t: Floats,
    factors: Floats,
    offsets: Floats,
    labels: Labels,
    loss: Floats,
) -> None:
    """Find the component of least ``loss[n] = b_j - f_j <x_n, s_j>`` of every CSR row.

    Parameters
    ----------
    indptr, indices, data : arrays
        The rows in CSR form; column indices may be in any order.
    sums_t : array of shape (d, k)
        The sums ``s_j``, one row per column of the data; k is a multiple of 16.
    factors, offsets : arrays of shape (k,)
        ``f_j`` and ``b_j``; offsets are ``+inf`` where there are fewer components.
    labels : array of shape (n,)
        Receives components, equal losses to the lower one.
    loss : array of shape (n,)
        Receives the losses.
    """
    losses = offsets - factors * (_rows(indptr, indices, data, len(sums_t)) @ sums_t)
    labels[:] = losses.argmin(axis=1)
    loss[:] = losses.min(axis=1)


def add_to_sums_csr(
    indptr: Indices,
    indices: Indices,
    data: Data,
    labels: Labels,
    weights: Floats,
    counts: Floats,
    sums_t: Floats,
    squares: Floats,
) -> None:
    """Add every CSR row, times its weight, to the sums of its component.

    Parameters
    ----------
    indptr, indices, data, sums_t : arrays
        As in `nearest_sum_csr`.
    labels, weights : arrays of shape (n,)
    counts : array of at least as many components as labels name
        Weights are added to it.
    squares : array like counts
        ``|s_j|**2``, which follow the sums.
    """
    n, k = len(labels), sums_t.shape[1]
    members = sparse.csr_array((weights, (np.arange(n), labels)), shape=(n, k))
    steps = (_rows(indptr, indices, data, len(sums_t)).T @ members).toarray()
    gains = np.einsum("lj,lj->j", steps, 2.0 * sums_t + steps)
    squares += gains[: squares.size]
    counts += np.bincount(labels, weights, minlength=counts.size)
    sums_t += steps


def _rows(indptr: Indices, indices: Indices, data: Data, d: int) -> sparse.csr_array:
    shape = len(indptr) - 1, d
    return sparse.csr_array((data.astype(np.float64), indices, indptr), shape=shape)
