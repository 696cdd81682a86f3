"""Products of rows in NumPy; part of the specification in `reference`."""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

Data: TypeAlias = NDArray[np.float32] | NDArray[np.float64]
Floats: TypeAlias = NDArray[np.float64]
Indices: TypeAlias = NDArray[np.int32] | NDArray[np.int64]

_ADDED = 512  # products of dense rows


def products(X: Data, columns: Data, out: Floats) -> None:
    """Multiply dense rows by a matrix of few columns.

    In the data's precision at most 512 products are added up, 256 of float64; their sums are
    float64.

    Parameters
    ----------
    X : array of shape (n, m)
    columns : array of shape (m, w)
        The matrix: ``w`` is k rounded up to a multiple of 16, and what is beyond k zero.
    out : float64 array of shape (n, k)
        Written: the products.
    """
    out[:] = 0.0
    for start in range(0, X.shape[1], _ADDED):
        some = slice(start, start + _ADDED)
        out += X[:, some] @ columns[some, : out.shape[1]]


def products_csr(indptr: Indices, indices: Indices, data: Data, columns: Data, out: Floats) -> None:
    """Multiply CSR rows by a matrix of few columns.

    In the data's precision at most 256 products are added up; their sums are float64.

    Parameters
    ----------
    indptr, indices, data : arrays
        n rows and m columns in CSR form.
    columns : array of shape (m, w)
        The matrix: ``w`` is k rounded up to a multiple of 16, and what is beyond k zero.
    out : float64 array of shape (n, k)
        Written: the products.
    """
    shape = indptr.size - 1, columns.shape[0]
    X = sparse.csr_array((data.astype(np.float64), indices, indptr), shape=shape)
    out[:] = X @ columns[:, : out.shape[1]].astype(np.float64)


def sampled_products(
    indptr: Indices, indices: Indices, codes: Data, components_t: Data, out: Floats
) -> None:
    """Evaluate a factorization at the stored positions of a CSR matrix.

    ``out[p] = <codes[n], components_t[indices[p]]>`` for position p of row n, in float64.

    Parameters
    ----------
    indptr, indices : arrays
        The positions in CSR form.
    codes : array of shape (n, k)
        Codes of the rows.
    components_t : array of shape (m, k)
        Component values of the columns.
    out : float64 array of shape (nnz,)
        Written: the fitted values.
    """
    rows = np.repeat(np.arange(indptr.size - 1), np.diff(indptr))
    wide = codes.astype(np.float64), components_t.astype(np.float64)
    np.einsum("pk,pk->p", wide[0][rows], wide[1][indices], out=out)
