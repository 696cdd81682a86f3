"""NumPy files: `.npy`, and `.npz` with one dense array or one sparse matrix."""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import Any

import numpy as np
from scipy import sparse

from cofactor.errors import InputError
from cofactor.io.guards import unreadable
from cofactor.io.table import Table, make_table

_CSR_PARTS = {"data", "indices", "indptr", "shape"}


def read_npy(path: Path) -> Table:
    """Read a two-dimensional numeric array written by `numpy.save`.

    Raises
    ------
    InputError
        If the file is damaged, holds pickled objects or is not a matrix.
    """
    with unreadable(path, "a numeric array written by numpy.save"), path.open("rb") as file:
        array = np.lib.format.read_array(file, allow_pickle=False)
    return make_table(path, array)


def read_npz(path: Path) -> Table:
    """Read a SciPy sparse matrix, the parts of a CSR matrix, or the only array of an archive.

    Raises
    ------
    InputError
        If the file is damaged, holds pickled objects, several arrays or none, or
        an invalid sparse matrix.
    """
    with unreadable(path, "a NumPy archive of numeric arrays"):
        _require_archive(path)
        with np.load(path, allow_pickle=False) as archive:
            matrix = _matrix_of(path, archive)
    return make_table(path, matrix)


def _require_archive(path: Path) -> None:
    if not zipfile.is_zipfile(path):
        raise ValueError("it is not a complete zip archive")


def _matrix_of(path: Path, archive: Any) -> Any:
    if "format" in archive.files:
        return sparse.load_npz(path)
    if set(archive.files) >= _CSR_PARTS:
        return _csr_of(archive)
    return _only_array(path, archive)


def _csr_of(archive: Any) -> sparse.csr_array:
    parts = archive["data"], archive["indices"], archive["indptr"]
    return sparse.csr_array(parts, shape=tuple(archive["shape"].tolist()))


def _only_array(path: Path, archive: Any) -> Any:
    if len(archive.files) != 1:
        raise InputError(
            f"{path} holds {len(archive.files)} arrays ({', '.join(archive.files) or 'none'}); "
            "expected one array or a SciPy sparse matrix, so save the data matrix alone."
        )
    return archive[archive.files[0]]
