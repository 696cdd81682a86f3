"""Comma- and tab-separated text, plain or compressed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from cofactor.io.guards import unreadable
from cofactor.io.table import Table, make_table
from cofactor.io.text_errors import first_error
from cofactor.io.text_layout import (
    MISSING,
    Layout,
    NumberedRow,
    find_layout,
    open_rows,
    open_text,
)

_SEPARATOR = "\x1f"  # ASCII's own unit separator: no number needs quotes beside it


def read_text(path: Path, delimiter: str) -> Table:
    """Read a table of numbers, with or without a header and a first column of row names.

    The first line is a header if a cell beyond the first is not a number, if only the
    first line starts with a word, or if it starts with an empty cell followed by the
    names 0, 1, … or above a word (as pandas writes its index). The first column names
    the rows if it starts with a word below the header, if its header is empty, or if
    the header is one cell short (as R writes it). Empty cells, ``NA`` and ``NaN`` become
    NaN; empty lines are skipped; quoted cells follow RFC 4180.

    Parameters
    ----------
    path : Path
        UTF-8 text; compressed if its name ends in ``.gz``.
    delimiter : str
        What separates the cells.

    Raises
    ------
    InputError
        If the file is empty or damaged, a row has more or fewer cells than the
        others, or a cell is not a number; the line and column are named.
    """
    with unreadable(path, "UTF-8 text"):
        layout = find_layout(path, delimiter)
        records = _records(path, layout)
    names = records["name"] if layout.named_rows else None
    return make_table(path, records["numbers"], names, layout.column_names)


def _records(path: Path, layout: Layout) -> Any:
    """Parse in C; only a file that this refuses is looked at cell by cell."""
    try:
        with open_text(path) as file:
            return _parse(file, layout, layout.delimiter, layout.header_lines)
    except ValueError:
        return _mended_records(path, layout)


def _mended_records(path: Path, layout: Layout) -> Any:
    try:
        with open_rows(path, layout.delimiter) as rows:
            return _parse(_mended_lines(rows, layout), layout, _SEPARATOR, 0)
    except ValueError as error:
        raise first_error(path, layout) or error from None


def _parse(lines: Iterable[str], layout: Layout, delimiter: str, skiprows: int) -> Any:
    return np.loadtxt(
        lines,
        dtype=layout.dtype,
        delimiter=delimiter,
        skiprows=skiprows,
        comments=None,
        quotechar='"',
        ndmin=1,
    )


def _mended_lines(rows: Iterator[NumberedRow], layout: Layout) -> Iterator[str]:
    """Give the rows below the header, with every missing cell spelt as NumPy reads it."""
    for line, row in rows:
        if line > layout.header_lines:
            name = ['"' + cell.replace('"', '""') + '"' for cell in row[: layout.named_rows]]
            cells = [MISSING.get(cell.strip(), cell) for cell in row[layout.named_rows :]]
            yield _SEPARATOR.join(name + cells)
