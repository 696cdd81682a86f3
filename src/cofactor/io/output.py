"""The directory of results, complete or not there at all."""

from __future__ import annotations

import csv
import os
import shutil
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import sparse

from cofactor.errors import InputError
from cofactor.io.json_values import to_json
from cofactor.io.staging import replace_directory, sibling

CSV_CELLS = 1_000_000  # about 20 MB of text; beyond, binary is kinder
MANIFEST = ".cofactor-files"


class OutputDirectory:
    """A directory that appears only when everything in it has been written.

    Files are written to a hidden sibling, which moves into place when the context
    ends without an exception; otherwise nothing is left. ``.cofactor-files`` lists them,
    and only directories holding nothing else are ever overwritten.

    Parameters
    ----------
    path : str or path-like
        The directory; parents are made as needed.
    overwrite : bool, default False
        Whether to replace the results of an earlier run.

    Raises
    ------
    InputError
        On entry, if `path` is a file, cannot be written, is not empty without
        `overwrite`, or holds files of other origin.

    Examples
    --------
    >>> with OutputDirectory("results") as output:  # doctest: +SKIP
    ...     output.write_labels("labels", model.labels_)
    """

    def __init__(self, path: str | os.PathLike[str], *, overwrite: bool = False) -> None:
        self.path = Path(path).resolve()
        self.overwrite = overwrite

    def __enter__(self) -> Self:
        _check_replaceable(self.path, self.overwrite)
        anchor = next(parent for parent in self.path.parents if parent.exists())
        self._staging = sibling(anchor / self.path.name)
        try:
            self._staging.mkdir()
        except OSError as error:
            raise InputError(
                f"{self.path} cannot be written ({error.strerror}): choose a place that can."
            ) from error
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        try:
            if kind is None:
                self._commit()
        finally:
            shutil.rmtree(self._staging, ignore_errors=True)

    def _commit(self) -> None:
        names = sorted(file.name for file in self._staging.iterdir())
        self.file(MANIFEST).write_text("\n".join([MANIFEST, *names]), encoding="utf-8")
        self.path.parent.mkdir(parents=True, exist_ok=True)
        replace_directory(self._staging, self.path)

    def file(self, name: str) -> Path:
        """Give the path at which to write a file, for writers of other formats.

        Parameters
        ----------
        name : str
            A plain file name.

        Raises
        ------
        InputError
            If `name` leads to another directory.
        """
        if Path(name).name != name:
            raise InputError(f"{name!r} is not a plain file name: leave out the directories.")
        return self._staging / name

    def write_json(self, name: str, value: Any) -> Path:
        """Write numbers, strings, arrays and containers of these as strict JSON."""
        path = self.file(name)
        path.write_text(to_json(value) + "\n", encoding="utf-8")
        return path

    def write_matrix(
        self,
        name: str,
        X: Any,
        row_names: Sequence[str] | None = None,
        column_names: Sequence[str] | None = None,
    ) -> Path:
        """Write a matrix in the form that suits its size.

        Parameters
        ----------
        name : str
            The file name without suffix.
        X : ndarray or SciPy sparse matrix of shape (n_rows, n_columns)
            Sparse: ``.npz``. Dense with up to a million cells: ``.csv``; more: ``.npy``.
        row_names, column_names : sequence of str, optional
            Beside a binary file they are written to ``<name>.names.json``.

        Returns
        -------
        Path
            The file written, within the directory in the making.
        """
        if not sparse.issparse(X) and X.size <= CSV_CELLS:
            return self._write_csv(name, X, row_names, column_names)
        if row_names is not None or column_names is not None:
            self.write_json(f"{name}.names.json", {"rows": row_names, "columns": column_names})
        return self._write_binary(name, X)

    def write_labels(
        self, name: str, labels: ArrayLike, row_names: Sequence[str] | None = None
    ) -> Path:
        """Write one label per row as ``<name>.csv``, beside the row's name or number."""
        labels = np.asarray(labels)
        rows = range(len(labels)) if row_names is None else row_names
        path = self.file(f"{name}.csv")
        _write_rows(path, ["row", "label"], zip(rows, labels.tolist(), strict=True))
        return path

    def _write_csv(
        self,
        name: str,
        X: NDArray[Any],
        row_names: Sequence[str] | None,
        column_names: Sequence[str] | None,
    ) -> Path:
        path = self.file(f"{name}.csv")
        header = list(column_names) if column_names is not None else None
        if row_names is None:
            _write_rows(path, header, _cells(X))
            return path
        header = ["", *(header or map(str, range(X.shape[1])))]
        named = ([row, *cells] for row, cells in zip(row_names, _cells(X), strict=True))
        _write_rows(path, header, named)
        return path

    def _write_binary(self, name: str, X: Any) -> Path:
        if sparse.issparse(X):
            path = self.file(f"{name}.npz")
            sparse.save_npz(path, X)
        else:
            path = self.file(f"{name}.npy")
            np.save(path, X, allow_pickle=False)
        return path


def _check_replaceable(path: Path, overwrite: bool) -> None:
    if path.exists() and not path.is_dir():
        raise InputError(f"{path} is a file; expected a directory for results, so choose another.")
    present = {entry.name for entry in path.iterdir()} if path.exists() else set()
    if present and not overwrite:
        raise InputError(
            f"{path} is not empty: choose another directory or allow it to be overwritten."
        )
    foreign = sorted(present - _written_before(path)) if present else []
    if foreign:
        raise InputError(
            f"{path} holds {foreign[0]!r}, which cofactor did not write, and is not overwritten: "
            "choose another directory or empty it."
        )


def _written_before(path: Path) -> set[str]:
    manifest = path / MANIFEST
    return set(manifest.read_text(encoding="utf-8").splitlines()) if manifest.is_file() else set()


def _cells(X: NDArray[Any]) -> Iterator[list[Any]]:
    """Give the rows, each number as short as it can be without losing a bit."""
    short = X.dtype.itemsize < 8 and X.dtype.kind == "f"
    return ([str(x) for x in row] if short else row.tolist() for row in X)


def _write_rows(path: Path, header: list[str] | None, rows: Iterable[Iterable[Any]]) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        if header is not None:
            writer.writerow(header)
        writer.writerows(rows)
