"""A picture of a report for places that show no HTML."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from cofactor.report.chart import visible
from cofactor.report.extras import report_module
from cofactor.report.order import arranged
from cofactor.report.palette import series
from cofactor.report.pictures import Pixels, common_ramp, pictures
from cofactor.report.result import Result
from cofactor.report.words import DIGITS, number

WIDTHS, ROW = (6.2, 3.8), 0.5  # inches: components and charts, and a model's row
DPI = 150
LOWEST = 4.0  # inches, for the charts' sake
GAP = 2  # pixels of a component between two of them
STYLE = {"font.size": 8, "font.family": "sans-serif", "axes.linewidth": 0.6}
SOFT = "#61666b"


def write_figure(
    path: str | os.PathLike[str], results: Sequence[Result], image_shape: tuple[int, int]
) -> Path:
    """Write a PNG with every model's components as images, its value and its convergence.

    Parameters
    ----------
    path : str or path-like
    results : sequence of Result
    image_shape : tuple of int
        Height and width of one row of the data.

    Returns
    -------
    Path
        The file.

    Raises
    ------
    InputError
        If the shape does not fit, or matplotlib is missing.
    """
    plot: Any = report_module("matplotlib.figure")
    file = Path(path)
    file.parent.mkdir(parents=True, exist_ok=True)
    with report_module("matplotlib").rc_context(STYLE):
        size = (sum(WIDTHS), max(ROW * len(results), LOWEST))
        figure = plot.Figure(size, dpi=DPI, layout="constrained")
        left, right = figure.subfigures(1, 2, width_ratios=WIDTHS)
        _draw_components(left, results, image_shape)
        _draw_convergence(right, results)
        figure.savefig(file, facecolor="white", metadata={"Software": None})
    return file


def _draw_components(figure: Any, results: Sequence[Result], shape: tuple[int, int]) -> None:
    ramp = common_ramp(results)
    grid = figure.subplots(len(results), 1, squeeze=False)[:, 0]
    for i, (axes, result) in enumerate(zip(grid, arranged(results), strict=True)):
        axes.imshow(_strip([pixels for pixels, _ in pictures(result, shape, ramp)]))
        axes.set_axis_off()
        place = {"transform": axes.transAxes, "va": "center"}
        axes.text(-0.02, 0.68, result.name, ha="right", color=series(i).light, **place)
        value = f"{number(result.per_entry, DIGITS)} · {result.tag}"
        axes.text(-0.02, 0.26, value, ha="right", color=SOFT, fontsize=6.5, **place)


def _strip(images: list[Pixels]) -> Pixels:
    """Put pictures side by side."""
    gap = np.zeros((images[0].shape[0], GAP, 4), dtype=np.uint8)
    return np.concatenate([part for image in images for part in (image, gap)], axis=1)


def _draw_convergence(figure: Any, results: Sequence[Result]) -> None:
    by_sweeps, by_seconds = figure.subplots(2, 1)
    for i, result in enumerate(results):
        excess, look = result.excess(), series(i)
        shown = visible(excess)
        style = {"color": look.light, "dashes": look.dashes or (None, None), "linewidth": 1.2}
        by_sweeps.loglog(1 + np.flatnonzero(shown), excess[shown], **style)
        by_seconds.loglog(np.asarray(result.seconds)[shown], excess[shown], **style)
    by_sweeps.set(xlabel="sweeps over the rows")
    by_seconds.set(xlabel="seconds")
    figure.supylabel("loss above the best, nats per entry", fontsize="medium")
    for axes in (by_sweeps, by_seconds):
        axes.spines[["top", "right"]].set_visible(False)
