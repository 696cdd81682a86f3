"""Sums and distances of rows in NumPy; part of the specification in `reference`."""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

Data: TypeAlias = NDArray[np.float32] | NDArray[np.float64]
Floats: TypeAlias = NDArray[np.float64]
Labels: TypeAlias = NDArray[np.int32]
Indices: TypeAlias = NDArray[np.int32] | NDArray[np.int64]


def weighted_sums(
    X: Data, shift: Data, index: Labels, weight: Floats, counts: Floats, sums: Floats
) -> None:
    """Add every row, times its weights, to the sums of its components.

    ``counts[j] += w`` and ``sums[j] += w (x_n - shift)`` for every kept pair (n, j).

    Parameters
    ----------
    X : array of shape (n, d)
        Rows.
    shift : array of shape (d,)
        Subtracted from every row.
    index : int32 array of shape (n, c)
        Components of every row.
    weight : float64 array of shape (n, c)
        Their weights: posterior probability times the weight of the row.
    counts : float64 array of shape (k,)
        Added to: total weights.
    sums : float64 array of shape (k, d)
        Added to: weighted sums.
    """
    pairs = _pairs(index, weight, counts.size)
    counts += pairs.sum(axis=0)
    sums += pairs.T @ _residuals(X, shift)


def weighted_squares(X: Data, shift: Data, index: Labels, weight: Floats, squares: Floats) -> None:
    """Add every squared row, times its weights, to the squares of its components.

    ``squares[j] += w (x_n - shift)**2``; parameters as in `weighted_sums`.
    """
    squares += _pairs(index, weight, squares.shape[0]).T @ _residuals(X, shift) ** 2


def weighted_grams(X: Data, shift: Floats, index: Labels, weight: Floats, grams: Floats) -> None:
    """Add every row's products of columns, times its weights, to those of its components.

    ``grams[j] += w (x_n - shift)^T (x_n - shift)``, in float64.

    Parameters
    ----------
    X : array of shape (n, d)
    shift : float64 array of shape (d,)
    index, weight : arrays of shape (n, c)
        As in `weighted_sums`.
    grams : float64 array of shape (k, d, d)
        Added to.
    """
    residuals = X - shift
    for components, weights in zip(index.T, weight.T, strict=True):
        products = np.einsum("n,nl,nm->nlm", weights, residuals, residuals)
        np.add.at(grams, components, products)


def weighted_sums_csr(
    indptr: Indices,
    indices: Indices,
    data: Data,
    index: Labels,
    weight: Floats,
    counts: Floats,
    sums: Floats,
) -> None:
    """Add every CSR row, times its weights, to the sums of its components.

    `weighted_sums` for CSR rows, without a shift.
    """
    rows = _csr(indptr, indices, data.astype(np.float64), sums.shape[1])
    pairs = _pairs(index, weight, counts.size)
    counts += pairs.sum(axis=0)
    sums += (pairs.T @ rows).toarray()


def weighted_squares_csr(
    indptr: Indices,
    indices: Indices,
    data: Data,
    index: Labels,
    weight: Floats,
    squares: Floats,
) -> None:
    """Add every squared CSR row, times its weights, to the squares of its components.

    `weighted_squares` for CSR rows, without a shift; no column may occur twice in a row.
    """
    rows = _csr(indptr, indices, data.astype(np.float64) ** 2, squares.shape[1])
    squares += (_pairs(index, weight, squares.shape[0]).T @ rows).toarray()


def squared_norms(X: Data, shift: Data, out: Floats) -> None:
    """Write ``out[n] = |x_n - shift|**2``, summed in float64; `shift` has shape (d,)."""
    np.square(_residuals(X, shift)).sum(axis=1, out=out)


def squared_norms_csr(indptr: Indices, indices: Indices, data: Data, out: Floats) -> None:
    """Write ``out[n] = |x_n|**2`` of CSR rows, summed in float64."""
    squares = data.astype(np.float64) ** 2
    out[:] = np.bincount(_row_of(indptr), weights=squares, minlength=out.size)


def squared_distances(X: Data, centers: Floats, index: Labels, out: Floats) -> None:
    """Measure the squared distance of every row from one centre.

    ``out[n] = |x_n - centers[index[n]]|**2`` from residuals in float64, so that rows close to
    their centre lose no digits.

    Parameters
    ----------
    X : array of shape (n, d)
        Rows.
    centers : float64 array of shape (k, d)
        Centres.
    index : int32 array of shape (n,)
        The centre of every row.
    out : float64 array of shape (n,)
        Written: the squared distances.
    """
    np.square(X - centers[index]).sum(axis=1, out=out)


def _residuals(X: Data, shift: Data) -> Floats:
    return X.astype(np.float64) - shift.astype(np.float64)


def _pairs(index: Labels, weight: Floats, k: int) -> sparse.csr_array:
    n, c = index.shape
    indptr = np.arange(n + 1, dtype=np.int64) * c
    return sparse.csr_array((weight.ravel(), index.ravel(), indptr), shape=(n, k))


def _csr(indptr: Indices, indices: Indices, data: Data, d: int) -> sparse.csr_array:
    return sparse.csr_array((data, indices, indptr), shape=(indptr.size - 1, d))


def _row_of(indptr: Indices) -> NDArray[np.intp]:
    return np.repeat(np.arange(indptr.size - 1), np.diff(indptr))
