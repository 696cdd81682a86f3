"""Which reader reads which file; a new format is one function and one line here."""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import partial
from pathlib import Path

from cofactor.errors import InputError
from cofactor.io.arrays import read_npy, read_npz
from cofactor.io.guards import require_file
from cofactor.io.h5ad import read_h5ad
from cofactor.io.matrix_market import read_mtx
from cofactor.io.parquet import read_parquet
from cofactor.io.table import Table
from cofactor.io.text import read_text

READERS: dict[str, Callable[[Path], Table]] = {
    ".npy": read_npy,
    ".npz": read_npz,
    ".csv": partial(read_text, delimiter=","),
    ".csv.gz": partial(read_text, delimiter=","),
    ".tsv": partial(read_text, delimiter="\t"),
    ".tsv.gz": partial(read_text, delimiter="\t"),
    ".parquet": read_parquet,
    ".mtx": read_mtx,
    ".mtx.gz": read_mtx,
    ".h5ad": read_h5ad,
}
LAYERED: dict[str, Callable[[Path, str], Table]] = {".h5ad": read_h5ad}


def read(path: str | os.PathLike[str], *, layer: str | None = None) -> Table:
    """Read a data matrix from a file, by its suffix.

    Parameters
    ----------
    path : str or path-like
        A ``.npy``, ``.npz``, ``.csv``, ``.tsv``, ``.parquet``, ``.mtx`` or ``.h5ad``
        file; ``.csv``, ``.tsv`` and ``.mtx`` may be compressed (``.gz``).
    layer : str, optional
        The layer of a ``.h5ad`` file to read instead of its X.

    Returns
    -------
    Table
        The matrix, one row per sample, with the names that the file gives.

    Raises
    ------
    InputError
        If the file is missing, of an unknown format, damaged, or does not hold a
        matrix of real numbers.
    """
    path = Path(path)
    require_file(path)
    suffix = _suffix(path, READERS)
    if layer is None:
        return READERS[suffix](path)
    if suffix not in LAYERED:
        raise InputError(
            f"{path} was asked for layer {layer!r}, but only {', '.join(LAYERED)} files have "
            "layers: leave the layer out."
        )
    return LAYERED[suffix](path, layer)


def _suffix(path: Path, readers: dict[str, Callable[[Path], Table]]) -> str:
    for suffix in readers:
        if path.name.lower().endswith(suffix):
            return suffix
    raise InputError(
        f"{path} has the suffix {''.join(path.suffixes[-2:])!r}, which is not known: convert it "
        f"to one of {', '.join(readers)}."
    )
