"""What ``cofactor predict`` does: labels or codes of new rows."""

from __future__ import annotations

import csv
import io
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import typer
from numpy.typing import NDArray

from cofactor.cli.results import MODEL
from cofactor.cli.rows import Names, RowResult, rows_of
from cofactor.cli.source import Source
from cofactor.errors import InputError
from cofactor.io import Table, load_model, to_json
from cofactor.io.staging import staged_file

STDOUT = Path("-")


@dataclass(frozen=True)
class Prediction:
    """What a model says of rows.

    Attributes
    ----------
    rows : RowResult
        What kind of thing ``values`` are.
    values : ndarray
        Labels of shape (n,), or codes of shape (n, k).
    names : list of str or None
        Of the rows.
    """

    rows: RowResult
    values: NDArray[Any]
    names: Names

    def as_csv(self) -> str:
        """Return a header and one line per row."""
        text = io.StringIO()
        csv.writer(text, lineterminator="\n").writerows(self.rows.lines(self.values, self.names))
        return text.getvalue()

    def as_json(self) -> str:
        """Return an object with the values and, where known, the names of their rows."""
        named = {} if self.names is None else {"rows": self.names}
        return to_json({**named, self.rows.word: self.values}) + "\n"


def predict(model: Path, source: Source, threads: int | None) -> Prediction:
    """Ask a model about new rows.

    Parameters
    ----------
    model : Path
        A file written by ``cofactor fit``, or the directory with it.
    source : Source
        The rows.
    threads : int or None
        How many; the result does not depend on it.

    Raises
    ------
    InputError
        If a file cannot be used, or the columns are not those of the model.
    """
    estimator = load_model(model / MODEL if model.is_dir() else model)
    estimator.set_params(n_threads=threads)
    table = source.table()
    check_columns(source.path, table, estimator)
    rows = rows_of(estimator)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "X does not have valid feature names")  # just checked
        return Prediction(rows, rows.predict(estimator, table.X), table.row_names)


def deliver(text: str, output: Path) -> None:
    """Print a text, or write it to a file that is complete or not there."""
    if output == STDOUT:
        typer.echo(text, nl=False)
        return
    with staged_file(output) as partial:
        partial.write_text(text, encoding="utf-8")


def check_columns(path: Path, table: Table, estimator: Any) -> None:
    """Refuse data whose columns are not those of the model.

    Raises
    ------
    InputError
        If their number, names or order differ.
    """
    n_columns = table.X.shape[1]
    if n_columns != estimator.n_features_in_:
        raise InputError(
            f"{path} has {n_columns:,} columns, but the model was fitted to "
            f"{estimator.n_features_in_:,}: give it the same columns, or --transpose if samples "
            "are columns."
        )
    expected = getattr(estimator, "feature_names_in_", None)
    if expected is None or table.column_names is None:
        return
    pairs = enumerate(zip(table.column_names, expected, strict=True), start=1)
    wrong = next(((i, got, want) for i, (got, want) in pairs if got != want), None)
    if wrong is not None:
        number, got, want = wrong
        raise InputError(
            f"{path} has {got!r} as column {number}, where the model was fitted to {want!r}: "
            "bring the columns into the model's order."
        )
