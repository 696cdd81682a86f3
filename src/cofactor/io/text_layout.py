"""How a text file is laid out: header, row names and width, seen from its first two rows."""

from __future__ import annotations

import csv
import gzip
import io
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np

from cofactor.errors import InputError

ENCODING = "utf-8-sig"  # spreadsheets like to write a byte order mark
MISSING = {"": "nan", "NA": "nan"}  # NumPy reads every spelling of NaN itself

NumberedRow: TypeAlias = "tuple[int, list[str]]"


@dataclass(frozen=True)
class Layout:
    """How a text file is laid out.

    Attributes
    ----------
    delimiter : str
        What separates the cells.
    header : list of str or None
        The cells of the first row, if they are names.
    header_lines : int
        How many lines of the file come before the first row of numbers.
    named_rows : bool
        Whether the first cell of every row is its name.
    width : int
        Cells per row, the name included.
    """

    delimiter: str
    header: list[str] | None
    header_lines: int
    named_rows: bool
    width: int

    @property
    def column_names(self) -> list[str] | None:
        """The names of the number columns, or None."""
        return None if self.header is None else self.header[-self.n_columns :]

    @property
    def n_columns(self) -> int:
        """The number of columns that hold numbers."""
        return self.width - self.named_rows

    @property
    def dtype(self) -> np.dtype[Any]:
        """The record of one row."""
        numbers = ("numbers", np.float64, (self.n_columns,))
        return np.dtype([("name", object), numbers] if self.named_rows else [numbers])


def find_layout(path: Path, delimiter: str) -> Layout:
    """Find the layout of a text file.

    Raises
    ------
    InputError
        If the file has no rows of numbers.
    """
    with open_rows(path, delimiter) as rows:
        top = list(islice(rows, 2))
    if not top:
        raise InputError(f"{path} is empty: expected one row of numbers per line.")
    (line, first), (below, second) = top[0], top[-1]
    if not _is_header(first, second):
        return Layout(delimiter, None, 0, not is_number(first[0]), len(first))
    if len(top) == 1:
        raise InputError(f"{path} has a header but no rows: expected numbers below line {line}.")
    short = len(first) == len(second) - 1  # R gives the column of names no header
    named = short or first[0].strip() == "" or not is_number(second[0])
    return Layout(delimiter, first, below - 1, named, len(first) + short)


def _is_header(first: list[str], second: list[str]) -> bool:
    words = [not is_number(cell) for cell in first]
    return any(words[1:]) or (words[0] and is_number(second[0])) or _has_corner(first, second)


def _has_corner(first: list[str], second: list[str]) -> bool:
    """Whether the first cell is the empty corner above an index, as pandas writes it."""
    numbered = first[1:] == [str(i) for i in range(len(first) - 1)]
    return len(first) > 1 and first[0] == "" and (numbered or not is_number(second[0]))


def is_number(cell: str) -> bool:
    """Whether a cell is a number or missing."""
    try:
        float(MISSING.get(cell.strip(), cell))
    except ValueError:
        return False
    return "_" not in cell  # Python reads 1_000, other programs do not


@contextmanager
def open_rows(path: Path, delimiter: str) -> Iterator[Iterator[NumberedRow]]:
    """Open the rows that are not empty, each with the number of its first line."""
    with open_text(path) as file:
        rows = _number(path, csv.reader(file, delimiter=delimiter))
        yield ((line, row) for line, row in rows if not _is_blank(row))


def _number(path: Path, reader: Any) -> Iterator[NumberedRow]:
    line = 1
    try:
        for row in reader:
            yield line, row
            line = reader.line_num + 1
    except csv.Error as error:
        raise InputError(
            f"{path} has a row that cannot be read from line {line} on ({error}); expected quotes "
            "to come in pairs, so close or remove the quote there."
        ) from error


def _is_blank(row: list[str]) -> bool:
    return not row or (len(row) == 1 and row[0].isspace())


def open_text(path: Path, encoding: str = ENCODING) -> io.TextIOBase:
    """Open a text file, compressed or not."""
    opener: Any = gzip.open if path.suffix.lower() == ".gz" else open
    file: io.TextIOBase = opener(path, "rt", encoding=encoding, newline="")
    return file
