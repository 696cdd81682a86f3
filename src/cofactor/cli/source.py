"""The data of a command: read, turned, checked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from cofactor.errors import InputError
from cofactor.io import Table, read


@dataclass(frozen=True)
class Source:
    """Where the rows come from.

    Attributes
    ----------
    path : Path
        A file of any format that :func:`cofactor.io.read` knows.
    layer : str or None
        The layer of a ``.h5ad`` file.
    transpose : bool
        Whether the file has one sample per column.
    """

    path: Path
    layer: str | None = None
    transpose: bool = False

    def table(self) -> Table:
        """Read the data, with rows as samples and every entry finite.

        Raises
        ------
        InputError
            If the file cannot be used; the first entry that is not finite is named.
        """
        table = read(self.path, layer=self.layer)
        table = _turned(table) if self.transpose else table
        _check_finite(self.path, table)
        return table


def read_weights(path: Path, n_rows: int) -> NDArray[np.float64]:
    """Read one weight per row.

    Parameters
    ----------
    path : Path
        A file with one row or one column of numbers.
    n_rows : int
        How many weights there must be.

    Raises
    ------
    InputError
        If there are more or fewer weights, or one is negative or not finite, or all are zero.
    """
    matrix: Any = read(path).X
    weights = np.asarray(matrix.toarray() if sparse.issparse(matrix) else matrix, dtype=np.float64)
    if weights.shape not in {(n_rows, 1), (1, n_rows)}:
        raise InputError(
            f"{path} holds {_by(weights.shape)} numbers; expected one weight for each of the "
            f"{n_rows:,} rows, so give it one column and as many lines as the data."
        )
    weights = weights.ravel()
    bad = np.flatnonzero(~np.isfinite(weights) | (weights < 0))
    if bad.size:
        raise InputError(
            f"{path} holds the weight {weights[bad[0]]:g} for row {bad[0] + 1}; expected finite "
            "weights of at least 0, so correct it or set it to 0 to leave the row out."
        )
    if not weights.any():
        raise InputError(f"{path} holds only zeros; expected a positive weight for some row.")
    return weights


def _turned(table: Table) -> Table:
    X: Any = table.X.T
    turned = sparse.csr_array(X) if sparse.issparse(X) else np.ascontiguousarray(X)
    return Table(turned, table.column_names, table.row_names)


def _check_finite(path: Path, table: Table) -> None:
    X: Any = table.X
    stored = X.data if sparse.issparse(X) else X.ravel()
    finite = np.isfinite(stored)
    if finite.all():
        return
    bad = np.flatnonzero(~finite)
    row, column = _place(X, int(bad[0]))
    others = f" and {bad.size - 1:,} more entries" if bad.size > 1 else ""
    raise InputError(
        f"{path} holds {stored[bad[0]]:g} at {_named('row', row, table.row_names)}, "
        f"{_named('column', column, table.column_names)}{others}; expected finite numbers, "
        "so fill these entries or leave their rows out."
    )


def _place(X: Any, entry: int) -> tuple[int, int]:
    """Return the row and column of a stored entry."""
    if not sparse.issparse(X):
        return divmod(entry, X.shape[1])
    return int(np.searchsorted(X.indptr, entry, side="right")) - 1, int(X.indices[entry])


def _named(kind: str, number: int, names: Sequence[str] | None) -> str:
    """Call a row or column what a spreadsheet would: counted from 1, with its name."""
    return f"{kind} {number + 1}" + (f" ({names[number]!r})" if names else "")


def _by(shape: tuple[int, ...]) -> str:
    return " × ".join(f"{size:,}" for size in shape)
