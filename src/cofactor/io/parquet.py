"""Parquet tables, through pyarrow."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cofactor.errors import InputError
from cofactor.io.guards import optional_module, unreadable
from cofactor.io.table import Table, make_table

_PANDAS_INDEX = "__index_level_0__"


def read_parquet(path: Path) -> Table:
    """Read numeric columns; a first column of strings, or the index of pandas, names the rows.

    Missing values become NaN. The matrix is float32 if every column is, else float64.

    Raises
    ------
    InputError
        If pyarrow is not installed, the file is damaged, or another column is not
        numeric.
    """
    pa = optional_module("pyarrow", path, "parquet")
    parquet = optional_module("pyarrow.parquet", path, "parquet")
    with unreadable(path, "a Parquet table"), parquet.ParquetFile(path) as file:
        table = file.read()
    names = _name_column(pa, table)
    row_names = None if names is None else table.column(names).to_pylist()
    numbers = table if names is None else table.drop_columns([names])
    matrix = _matrix(pa, path, numbers)
    return make_table(path, matrix, row_names, numbers.column_names)


def _name_column(pa: Any, table: Any) -> str | None:
    names: list[str] = table.column_names
    if _PANDAS_INDEX in names:
        return _PANDAS_INDEX
    return names[0] if names and _is_text(pa, table.schema.field(0).type) else None


def _is_text(pa: Any, kind: Any) -> bool:
    types = pa.types
    if types.is_dictionary(kind):
        kind = kind.value_type
    return bool(types.is_string(kind) or types.is_large_string(kind) or types.is_string_view(kind))


def _matrix(pa: Any, path: Path, table: Any) -> NDArray[np.floating[Any]]:
    for field in table.schema:
        _check_column(pa, path, field)
    single = all(field.type in (pa.float16(), pa.float32()) for field in table.schema)
    kind = pa.float32() if single else pa.float64()
    X = np.empty(table.shape, np.float32 if single else np.float64)
    with unreadable(path, "a Parquet table of numbers"):
        _fill(X, table.cast(pa.schema([(name, kind) for name in table.column_names]), safe=False))
    return X


def _fill(X: NDArray[np.floating[Any]], table: Any) -> None:
    """Copy batch by batch, so that turning columns into rows stays in the cache."""
    start = 0
    for batch in table.to_batches(max_chunksize=1024) if table.num_columns else ():
        X[start : start + len(batch)] = batch.to_tensor(null_to_nan=True).to_numpy()
        start += len(batch)


def _check_column(pa: Any, path: Path, field: Any) -> None:
    types = pa.types
    kind = field.type
    numeric = types.is_integer(kind) or types.is_floating(kind) or types.is_boolean(kind)
    if not (numeric or types.is_decimal(kind) or types.is_null(kind)):
        raise InputError(
            f"{path} has the column {field.name!r} of type {kind}; expected numbers (only the "
            "first column may hold names), so drop the column or encode it as numbers."
        )
