"""Where exactly a text file goes wrong, looked for once parsing has failed."""

from __future__ import annotations

from pathlib import Path

from cofactor.errors import InputError
from cofactor.io.text_layout import Layout, is_number, open_rows


def first_error(path: Path, layout: Layout) -> InputError | None:
    """Describe the first row of the wrong length or the first cell that is not a number."""
    with open_rows(path, layout.delimiter) as rows:
        for line, row in rows:
            if line > layout.header_lines:
                error = _row_error(path, layout, line, row)
                if error is not None:
                    return error
    return None


def _row_error(path: Path, layout: Layout, line: int, row: list[str]) -> InputError | None:
    if len(row) != layout.width:
        return InputError(
            f"{path} has {len(row)} cells in line {line}; expected {layout.width} as in the "
            f"first row (cells are separated by {layout.delimiter!r}), so complete or remove "
            "the line."
        )
    for column in range(int(layout.named_rows), layout.width):
        if not is_number(row[column]):
            return _cell_error(path, layout, line, column, row[column])
    return None


def _cell_error(path: Path, layout: Layout, line: int, column: int, cell: str) -> InputError:
    names = layout.column_names
    title = f" ({names[column - layout.named_rows]!r})" if names else ""
    return InputError(
        f"{path} has {cell[:40]!r} in line {line}, column {column + 1}{title}; expected a number, "
        "so correct the cell, leave it empty if the value is missing, or remove the column."
    )
