"""Reports as one HTML file that needs nothing else."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from cofactor.data.base import Floats
from cofactor.errors import InputError
from cofactor.report import chart, words
from cofactor.report.extras import report_module
from cofactor.report.palette import series
from cofactor.report.parts import gallery
from cofactor.report.proofs import proofs
from cofactor.report.reading import result_of
from cofactor.report.result import Result
from cofactor.report.table import groups
from cofactor.report.words import number

PER_ROW = 10  # components side by side


def write_report(
    path: str | os.PathLike[str],
    results: Sequence[Result],
    *,
    title: str,
    data_description: str,
    columns: Sequence[str] | None = None,
    image_shape: tuple[int, int] | None = None,
) -> Path:
    """Write a report on fitted models: their values, components, sizes and convergence.

    The file needs no network and no other file; missing directories are made.

    Parameters
    ----------
    path : str or path-like
        The HTML file to write.
    results : sequence of Result
        At least one; see :func:`~cofactor.report.result_of`. All of the same data.
    title : str
    data_description : str
        One sentence or two under the title.
    columns : sequence of str, optional
        Names of the data's columns; their numbers from 0 if None.
    image_shape : tuple of int, optional
        Height and width, if every row of the data is an image.

    Returns
    -------
    Path
        The file.

    Raises
    ------
    InputError
        If there are no results, the image shape does not fit, or jinja2 or matplotlib is missing.
    """
    if not results:
        raise InputError("A report needs at least one result, got none: pass result_of(estimator).")
    page = _template().render(
        title=title,
        data_description=data_description,
        results=results,
        groups=groups(results),
        gallery=gallery(results, columns, image_shape),
        charts=chart.convergence(results),
        proofs=proofs(results),
        tags={tag: text for tag, text in words.TAGS.items() if tag in {r.tag for r in results}},
        chart=chart,
        words=words,
        per_row=PER_ROW,
        series=series,
    )
    file = Path(path)
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(page, encoding="utf-8")
    return file


def report_model(
    estimator: Any,
    path: str | os.PathLike[str],
    *,
    title: str | None = None,
    data_description: str | None = None,
    columns: Sequence[str] | None = None,
    image_shape: tuple[int, int] | None = None,
    share: Floats | None = None,
) -> Path:
    """Write a report on one fitted estimator; see :func:`write_report`.

    Parameters
    ----------
    estimator : object
        A fitted estimator; nothing else is needed.
    path : str or path-like
    title : str, optional
        Class and number of components if None.
    data_description : str, optional
        The size of the data if None.
    columns : sequence of str, optional
        Those that the estimator was fitted to if None.
    image_shape : tuple of int, optional
    share : ndarray of shape (k,), optional
        Each component's share; see :func:`~cofactor.report.result_of`.

    Returns
    -------
    Path
        The file.
    """
    result = result_of(estimator, share=share)
    d = result.components.shape[1]
    described = f"Fitted to {number(result.n_entries / d, 0)} rows and {number(d, 0)} columns."
    return write_report(
        path,
        [result],
        title=result.name if title is None else title,
        data_description=described if data_description is None else data_description,
        columns=getattr(estimator, "feature_names_in_", None) if columns is None else columns,
        image_shape=image_shape,
    )


def _template() -> Any:
    jinja2: Any = report_module("jinja2")
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("cofactor.report"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template("report.html")
