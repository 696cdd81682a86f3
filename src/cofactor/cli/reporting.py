"""What ``cofactor report`` does: one page on one or more fits."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from cofactor.cli.results import MODEL, SUMMARY
from cofactor.errors import InputError
from cofactor.io import load_model
from cofactor.io.guards import require_file, unreadable
from cofactor.io.staging import staged_file
from cofactor.report import Result, result_of, write_report


@dataclass(frozen=True)
class StoredFit:
    """A directory written by ``cofactor fit``.

    Attributes
    ----------
    path : Path
    data : str
        The data that were fitted, in words.
    columns : list of str or None
        The names of the data's columns.
    result : Result
        What there is to tell of the model.
    """

    path: Path
    data: str
    columns: list[str] | None
    result: Result


def write(fits: Sequence[Path], output: Path, title: str, image: str | None) -> None:
    """Write a page on fits of the same data.

    Parameters
    ----------
    fits : sequence of Path
        Directories written by ``cofactor fit``.
    output : Path
        The HTML file.
    title : str
    image : str or None
        Height and width of the image that every row is, such as ``8x8``.

    Raises
    ------
    InputError
        If a directory holds no fit, the fits are of different data, or the image's shape is not
        that of a row; nothing is written then.
    """
    stored = [_open(path) for path in fits]
    _check_same_data(stored)
    with staged_file(output) as partial:
        write_report(
            partial,
            [fit.result for fit in stored],
            title=title,
            data_description=f"Fitted to {stored[0].data}.",
            columns=stored[0].columns,
            image_shape=None if image is None else _shape(image),
        )


def _open(path: Path) -> StoredFit:
    estimator = load_model(path / MODEL)
    names = getattr(estimator, "feature_names_in_", None)
    require_file(path / SUMMARY)
    with unreadable(path / SUMMARY, "the summary of a fit"):
        summary = json.loads((path / SUMMARY).read_text("utf-8"))
        share = np.array(summary["shares"], dtype=float)
        return StoredFit(
            path,
            "{data}, {rows:,} rows and {columns:,} columns".format_map(summary),
            None if names is None else list(names),
            result_of(estimator, f"{path.name}: {summary['name']}", share=share),
        )


def _check_same_data(stored: Sequence[StoredFit]) -> None:
    first = stored[0]
    other = next((fit for fit in stored if fit.data != first.data), None)
    if other is not None:
        raise InputError(
            f"{first.path} was fitted to {first.data}, but {other.path} to {other.data}: report "
            "fits of the same data together, and others apart."
        )


def _shape(image: str) -> tuple[int, int]:
    found = re.fullmatch(r"(\d+)[x×](\d+)", image)
    if found is None:
        raise InputError(f"--image is {image!r}; expected height and width, such as 8x8.")
    return int(found[1]), int(found[2])
