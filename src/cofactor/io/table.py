"""The one form in which every file is handed on: a float matrix and its names."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from cofactor.data.csr import canonical_csr
from cofactor.errors import InputError

Matrix: TypeAlias = "NDArray[np.floating[Any]] | sparse.csr_array"


@dataclass(frozen=True)
class Table:
    """A matrix with the names of its rows and columns.

    Attributes
    ----------
    X : ndarray or scipy.sparse.csr_array of shape (n_rows, n_columns)
        Float32 or float64; a dense array is C-contiguous, a sparse one has
        sorted indices without duplicates.
    row_names, column_names : list of str or None
        None where the file has no names.
    """

    X: Matrix
    row_names: list[str] | None = None
    column_names: list[str] | None = None


def make_table(
    path: Path,
    matrix: Any,
    row_names: Iterable[object] | None = None,
    column_names: Iterable[object] | None = None,
) -> Table:
    """Check and convert what a reader found.

    Parameters
    ----------
    path : Path
        The file, for error messages.
    matrix : ndarray or SciPy sparse matrix
        Integers and booleans become float64, float32 stays float32.
    row_names, column_names : iterable, optional
        Converted to strings.

    Raises
    ------
    InputError
        If the matrix is not two-dimensional, is empty, does not hold real
        numbers, or has invalid sparse indices.
    """
    _check_shape(path, matrix.shape)
    dtype = _float_dtype(path, matrix.dtype)
    convert = _canonical_csr if sparse.issparse(matrix) else _contiguous
    return Table(convert(path, matrix, dtype), _strings(row_names), _strings(column_names))


def _strings(names: Iterable[object] | None) -> list[str] | None:
    return None if names is None else [str(name) for name in names]


def _check_shape(path: Path, shape: tuple[int, ...]) -> None:
    if len(shape) != 2:
        raise InputError(
            f"{path} holds an array with {len(shape)} dimensions and shape {shape}; expected 2 "
            "dimensions, so reshape it to one row per sample and one column per feature."
        )
    if 0 in shape:
        raise InputError(
            f"{path} holds an empty array of shape {shape}; expected at least one row and one "
            "column, so check the step that wrote it."
        )


def _float_dtype(path: Path, dtype: np.dtype[Any]) -> np.dtype[Any]:
    if dtype.kind not in "biuf":
        raise InputError(
            f"{path} holds values of type {dtype}; expected real numbers, so convert them to "
            "float64, float32 or integers before saving."
        )
    short = dtype.kind == "f" and dtype.itemsize <= 4
    return np.dtype(np.float32 if short else np.float64)


def _contiguous(path: Path, array: Any, dtype: np.dtype[Any]) -> NDArray[np.floating[Any]]:
    return np.ascontiguousarray(array, dtype=dtype)


def _canonical_csr(path: Path, matrix: Any, dtype: np.dtype[Any]) -> sparse.csr_array:
    return canonical_csr(matrix, str(path), dtype)
