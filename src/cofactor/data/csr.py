"""Sparse matrices that can be trusted: indices in range, sorted, without duplicates."""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.sparse as sp

from cofactor.data.base import RowSelection
from cofactor.errors import InputError

_INDEXED_AXIS = {"csr": 1, "csc": 0}


def canonical_csr(matrix: Any, name: str, dtype: Any = None) -> Any:
    """Return a sparse matrix as CSR with sorted indices and no duplicates, copying only if needed.

    Parameters
    ----------
    matrix : scipy.sparse matrix or array of shape (n, d)
        In any format; duplicates are added up.
    name : str
        What to call it in errors.
    dtype : numpy dtype, optional
        Default: the matrix's own.

    Raises
    ------
    InputError
        If an index is out of range, or ``indptr`` is not ascending.
    """
    if matrix.format in _INDEXED_AXIS:
        _check_pointers(name, matrix.indptr, len(matrix.indices))
        _check_indices(name, matrix.indices, matrix.shape[_INDEXED_AXIS[matrix.format]])
    csr = sp.csr_array(matrix, dtype=dtype)
    if not csr.has_canonical_format:
        csr = csr.copy()
        csr.sum_duplicates()  # sorts as well
    return csr


def rows_of(csr: Any, rows: RowSelection) -> Any:
    """Return some rows of a CSR matrix; those of a slice share its entries.

    Parameters
    ----------
    csr : scipy.sparse.csr_array of shape (n, d)
        Canonical.
    rows : slice or ndarray of int
        A slice of consecutive rows, or any rows, whose entries are copied.
    """
    if not isinstance(rows, slice):
        return csr[rows]
    start, stop, _ = rows.indices(csr.shape[0])
    indptr = csr.indptr[start : stop + 1]
    entries = slice(indptr[0], indptr[-1])
    part = sp.csr_array((stop - start, csr.shape[1]), dtype=csr.dtype)
    # Arrays that are handed to the constructor are copied when their indices could be narrower.
    part.indptr = indptr - indptr[0]
    part.indices, part.data = csr.indices[entries], csr.data[entries]
    return part


def _check_pointers(name: str, indptr: Any, n_entries: int) -> None:
    falls = np.flatnonzero(indptr[1:] < indptr[:-1])
    if falls.size:
        at = int(falls[0])
        raise InputError(
            f"{name} has indptr falling from {indptr[at]} to {indptr[at + 1]} at position "
            f"{at + 1}; expected indptr never to fall, so build the matrix anew with SciPy."
        )
    if indptr[0] != 0 or indptr[-1] > n_entries:
        raise InputError(
            f"{name} has indptr from {indptr[0]} to {indptr[-1]} for {n_entries} stored entries; "
            "expected it to begin at 0 and end within them, so build the matrix anew with SciPy."
        )


def _check_indices(name: str, indices: Any, size: int) -> None:
    outside = np.flatnonzero((indices < 0) | (indices >= size))
    if outside.size:
        raise InputError(
            f"{name} has the sparse index {indices[outside[0]]} in its entry {outside[0]}; "
            f"expected indices from 0 to {size - 1}, so correct the indices or the shape."
        )
