"""Where a search for neighbours begins: centers as they are compared, and the first labels."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from cofactor.codes.movable import Clustering
from cofactor.data import DenseRows, SparseRows
from cofactor.data.base import Affine, Floats, Labels
from cofactor.engine import Engine
from cofactor.neighbors.comparison import Comparison, Units
from cofactor.neighbors.opening import EFFORT, Opening
from cofactor.neighbors.sketch import Sketch, cells_of
from cofactor.neighbors.sparse import SparseComparison, SparseSketch

STEPS = 4  # of Lloyd's, to find the cells
FIRST = 256  # centers that a row is first compared with
TWICE = 2  # as much as the first labels otherwise take may all centers take

Searchable = DenseRows | SparseRows


@dataclass(frozen=True)
class Ground:
    """What a search stands on.

    Attributes
    ----------
    sketch : Sketch or SparseSketch
    comparison : Comparison or SparseComparison
    labels : ndarray of shape (n,), int32
    opening : Opening or None
        That which found the labels, if that was a search of all centers.
    listed : bool
        Whether it pays to list the neighbours of centers.
    """

    sketch: Any
    comparison: Any
    labels: Labels
    opening: Opening | None
    listed: bool


def ground_of(rows: Searchable, means: Floats, shift: Floats, engine: Engine) -> Ground:
    """Prepare a search, as the rows are stored."""
    return _STORAGES[type(rows)](rows, means, shift, engine)


def _of_dense(rows: DenseRows, means: Floats, shift: Floats, engine: Engine) -> Ground:
    comparison = Comparison(rows, shift, engine)
    sketch = _in_cells(means, shift, comparison, engine)
    labels, opening = _first_labels(rows, means, shift, sketch, comparison, engine)
    return Ground(sketch, comparison, labels, opening, listed=True)


def _of_sparse(rows: SparseRows, means: Floats, shift: Floats, engine: Engine) -> Ground:
    """Look at all centers: to find neighbours of dense centers would take longer."""
    comparison, opening = SparseComparison(rows, shift, engine), Opening(rows, shift, engine, means)
    labels = opening.labels(comparison.counter)
    return Ground(SparseSketch(len(means)), comparison, labels, opening, listed=False)


def _in_cells(means: Floats, shift: Floats, comparison: Comparison, engine: Engine) -> Sketch:
    """Return the first centers, in cells."""
    k = len(means)
    n_cells = min(k, max(1, int(2 * np.sqrt(k))))
    centers = comparison.scale * (means - shift)
    first = centers[np.arange(n_cells) * k // n_cells]
    cells = cells_of(centers, first, STEPS, engine, comparison.counter)
    return Sketch(cells, shift, comparison.scale)


def _first_labels(
    rows: DenseRows,
    means: Floats,
    shift: Floats,
    sketch: Sketch,
    comparison: Comparison,
    engine: Engine,
) -> tuple[Labels, Opening | None]:
    """Return the nearest to each row of all centers, if those are few, or of some."""
    if EFFORT * len(means) > TWICE * (len(sketch.cells) + FIRST):
        return _labels_by_cells(rows, means, shift, sketch, comparison, engine), None
    opening = Opening(rows, shift, engine, means)
    return opening.labels(comparison.counter), opening


def _labels_by_cells(
    rows: DenseRows,
    means: Floats,
    shift: Floats,
    sketch: Sketch,
    comparison: Comparison,
    engine: Engine,
) -> Labels:
    """Return the nearest to each row of the centers nearest to its cell."""
    n, k, cells = rows.n_rows, len(means), sketch.cells
    sketch.draw(means, np.ones(k), 0.0, engine)
    lists = sketch.near_points(FIRST, 2 * FIRST, engine, comparison.counter)
    own = _nearest_points(rows, sketch.widen(cells.points), shift, engine)
    comparison.counter += n * len(cells)
    units = Units.by_place(own, np.arange(len(cells), dtype=np.int32))
    nobody = Clustering(np.ones(n), np.full(n, -1, dtype=np.int32), np.ones(k), means)
    comparison.units(sketch, nobody, units, units.alone, lists)
    return comparison.index.copy()


def _nearest_points(rows: DenseRows, points: Floats, shift: Floats, engine: Engine) -> Labels:
    centred = points - shift
    half_norms = 0.5 * np.einsum("cd,cd->c", centred, centred)
    labels, _ = rows.nearest(Affine(centred, half_norms, shift), engine)
    return labels


_STORAGES: dict[type, Callable[..., Ground]] = {DenseRows: _of_dense, SparseRows: _of_sparse}
