"""Matrix Market files: `.mtx` and `.mtx.gz`.

SciPy has a faster parser, but it can end the whole process on a damaged file.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from io import TextIOBase
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from cofactor.errors import InputError
from cofactor.io.guards import unreadable
from cofactor.io.table import Table, make_table
from cofactor.io.text_layout import open_text

_VALUES = {"real": 1, "integer": 1, "pattern": 0}
_MIRROR_SIGN = {"general": 0, "symmetric": 1, "skew-symmetric": -1}
_SIZES = {"coordinate": 3, "array": 2}


@dataclass(frozen=True)
class Header:
    """What a Matrix Market file says about itself.

    Attributes
    ----------
    layout : {"coordinate", "array"}
        Entries with their row and column, or all entries column by column.
    field : {"real", "integer", "pattern"}
        The type of the values; a pattern has none, and stands for ones.
    symmetry : {"general", "symmetric", "skew-symmetric"}
        Unless general, only the lower triangle is in the file.
    size : tuple of int
        Rows and columns, and for coordinates the number of entries.
    lines : int
        How many lines of the file the header takes.
    """

    layout: str
    field: str
    symmetry: str
    size: tuple[int, ...]
    lines: int

    @property
    def dtype(self) -> np.dtype[Any]:
        """The record of one line below the header."""
        places = [("row", np.int64), ("column", np.int64)] if self.layout == "coordinate" else []
        return np.dtype(places + [("value", np.float64)] * _VALUES[self.field])

    @property
    def n_entries(self) -> int:
        """The number of lines below the header."""
        return self.size[2] if self.layout == "coordinate" else self.triangle[0].size

    @property
    def triangle(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """The rows and columns of the entries of an array, in their order."""
        rows, columns = self.size[:2]
        if self.symmetry == "general":
            column, row = np.divmod(np.arange(rows * columns), rows)
        else:
            column, row = np.triu_indices(rows, k=int(self.symmetry == "skew-symmetric"))
        return row, column


def read_mtx(path: Path) -> Table:
    """Read a Matrix Market file: coordinates become sparse, arrays dense.

    Raises
    ------
    InputError
        If the file is damaged or is not a matrix of real numbers.
    """
    with unreadable(path, "a Matrix Market file"), open_text(path, "latin-1") as file:
        header = _read_header(path, file)
        entries = _read_entries(path, file, header)
        matrix = _BUILDERS[header.layout](path, header, entries)
    return make_table(path, matrix)


def _read_header(path: Path, file: TextIOBase) -> Header:
    words = file.readline().lower().split()
    if len(words) != 5 or words[:2] != ["%%matrixmarket", "matrix"]:
        raise ValueError("its first line is not a Matrix Market banner")
    _, _, layout, field, symmetry = words
    for word, known in ((layout, _SIZES), (field, _VALUES), (symmetry, _MIRROR_SIGN)):
        if word not in known:
            raise InputError(
                f"{path} is a matrix of kind {word!r}; expected one of {', '.join(known)}, so "
                "convert it to a matrix of real numbers."
            )
    for line, text in enumerate(file, start=2):
        if text.strip() and not text.startswith("%"):
            return Header(layout, field, symmetry, _size(text, layout), line)
    raise ValueError("it ends within its header")


def _size(text: str, layout: str) -> tuple[int, ...]:
    size = tuple(int(word) for word in text.split())
    if len(size) != _SIZES[layout] or min(size) < 0:
        raise ValueError(f"its size line {text.strip()[:40]!r} is not {_SIZES[layout]} counts")
    return size


def _read_entries(path: Path, file: TextIOBase, header: Header) -> Any:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # no entries at all
            entries = np.loadtxt(file, dtype=header.dtype, comments=None, ndmin=1)
    except ValueError:
        raise _first_bad_line(path, header) from None
    if len(entries) != header.n_entries:
        raise InputError(
            f"{path} has {len(entries)} entries; expected {header.n_entries} as its header says, "
            "so it may be cut short: write it again."
        )
    return entries


def _first_bad_line(path: Path, header: Header) -> InputError:
    width = len(header.dtype.names or ())
    with open_text(path, "latin-1") as file:
        for line, text in enumerate(file, start=1):
            if line > header.lines and text.strip() and not _is_entry(text.split(), width):
                break
    return InputError(
        f"{path} has {text.strip()[:40]!r} in line {line}; expected {width} numbers, the "
        "positions whole, so it may be cut short: correct the line or write the file again."
    )


def _is_entry(words: list[str], width: int) -> bool:
    try:
        [int(word) for word in words[:2] if width > 1]
        [float(word) for word in words]
    except ValueError:
        return False
    return len(words) == width


def _coordinates(path: Path, header: Header, entries: Any) -> sparse.csr_array:
    shape = header.size[:2]
    row, column = entries["row"] - 1, entries["column"] - 1
    for places, size in zip((row, column), shape, strict=True):
        _check_places(path, places, size)
    value = entries["value"] if "value" in entries.dtype.names else np.ones(len(entries))
    triples = list(_mirrored(header, row, column, value))
    row, column, value = (np.concatenate(parts) for parts in zip(*triples, strict=True))
    return sparse.coo_array((value, (row, column)), shape=shape).tocsr()


def _check_places(path: Path, places: NDArray[np.int64], size: int) -> None:
    outside = np.flatnonzero((places < 0) | (places >= size))
    if outside.size:
        raise InputError(
            f"{path} has the position {places[outside[0]] + 1} in its entry {outside[0] + 1}; "
            f"expected positions from 1 to {size}, so correct the entry or the header."
        )


def _array(path: Path, header: Header, entries: Any) -> NDArray[np.float64]:
    X = np.zeros(header.size[:2])
    for row, column, value in _mirrored(header, *header.triangle, entries["value"]):
        X[row, column] = value
    return X


def _mirrored(
    header: Header, row: NDArray[Any], column: NDArray[Any], value: NDArray[Any]
) -> Iterator[tuple[NDArray[Any], ...]]:
    """Give the entries, and those of the upper triangle if only the lower one is stored."""
    yield row, column, value
    if header.symmetry != "general":
        off = row != column
        yield column[off], row[off], _MIRROR_SIGN[header.symmetry] * value[off]


_BUILDERS = {"coordinate": _coordinates, "array": _array}
