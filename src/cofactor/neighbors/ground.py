"""Where a search for neighbours begins: centers as they are compared, and the first labels."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from cofactor.codes.movable import Clustering, movable
from cofactor.data import DenseRows, SparseRows
from cofactor.data.base import Floats, Labels, RowBlock
from cofactor.data.losses import Affine
from cofactor.engine import Engine
from cofactor.neighbors.comparison import Comparison, Units, extent, narrowing
from cofactor.neighbors.looks import View
from cofactor.neighbors.opening import EFFORT, Opening
from cofactor.neighbors.sketch import Numbers, Sketch, cells_of, first_points
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
    sketch, comparison = compared(rows, means, shift, engine)
    if by_cells(sketch):
        view = unlabelled(sketch, comparison, means)
        at_cells(sketch, means, shift, engine, comparison.counter)(view)
        return Ground(sketch, comparison, comparison.index.copy(), None, listed=True)
    opening = Opening(rows, shift, engine, means)
    return Ground(sketch, comparison, opening.labels(comparison.counter), opening, listed=True)


def _of_sparse(rows: SparseRows, means: Floats, shift: Floats, engine: Engine) -> Ground:
    """Look at all centers: to find neighbours of dense centers would take longer."""
    in_units = rows.reweighted(rows.weights / rows.weights.mean())
    own = movable(in_units, shift, 0.5 * rows.squared_norms(shift))
    comparison, opening = SparseComparison(own, engine), Opening(rows, shift, engine, means)
    labels = opening.labels(comparison.counter)
    return Ground(SparseSketch(len(means)), comparison, labels, opening, listed=False)


def compared(
    rows: DenseRows, means: Floats, shift: Floats, engine: Engine
) -> tuple[Sketch, Comparison]:
    """Return the first centers, in cells, and what rows are compared with them by."""
    scale = narrowing(extent(rows), shift)
    comparison = Comparison(rows, shift, scale, engine)
    return in_cells(means, shift, scale, engine, comparison.counter), comparison


def in_cells(
    means: Floats, shift: Floats, scale: float, engine: Engine, counter: Numbers
) -> Sketch:
    """Return the first centers, in cells."""
    centers = scale * (means - shift)
    cells = cells_of(centers, first_points(centers), STEPS, engine, counter)
    return Sketch(cells, shift, scale)


def by_cells(sketch: Sketch) -> bool:
    """Return whether rows are first compared with some centers, not with all."""
    cells = sketch.cells
    return EFFORT * len(cells.members) > TWICE * (len(cells) + FIRST)


def unlabelled(sketch: Any, comparison: Any, means: Floats) -> View:
    """Return rows that belong to no center yet."""
    n, k = len(comparison.index), len(means)
    nobody = Clustering(np.ones(n), np.full(n, -1, dtype=np.int32), np.ones(k), means)
    return View(sketch, comparison, nobody, np.empty((n, 0), dtype=np.int32))


@dataclass(frozen=True)
class AtCells:
    """Rows look at the centers nearest to their cell; what they find is the nearest of these.

    Attributes
    ----------
    points : ndarray of shape (cells, d)
    shift : ndarray of shape (d,)
    lists : ndarray of shape (cells, g), int32
        Places near each cell's point.
    """

    points: Floats
    shift: Floats
    lists: Labels

    def __call__(self, view: View) -> None:
        """See :class:`cofactor.neighbors.looks.Look`."""
        comparison, n_cells = view.comparison, len(self.points)
        own = _nearest_points(comparison.rows, self.points, self.shift, comparison.engine)
        comparison.counter += len(own) * n_cells
        units = Units.by_place(own, np.arange(n_cells, dtype=np.int32))
        view.compare(units, units.alone, self.lists)


def at_cells(
    sketch: Sketch,
    means: Floats,
    shift: Floats,
    engine: Engine,
    counter: Numbers,
    how_many: int = FIRST,
) -> AtCells:
    """Draw the first centers, and tell which are near which cell."""
    sketch.draw(means, np.ones(len(means)), 0.0, engine)
    lists = sketch.near_points(how_many, 2 * how_many, engine, counter)
    return AtCells(sketch.widen(sketch.cells.points), shift, lists)


@dataclass(frozen=True)
class AtAll:
    """Rows look at all centers.

    Attributes
    ----------
    means : ndarray of shape (k, d)
    shift : ndarray of shape (d,)
    """

    means: Floats
    shift: Floats

    def __call__(self, view: View) -> None:
        """See :class:`cofactor.neighbors.looks.Look`."""
        comparison = view.comparison
        comparison.counter += comparison.rows.n_rows * len(self.means)
        comparison.index[:] = _nearest_points(
            comparison.rows, self.means, self.shift, comparison.engine
        )


def _nearest_points(rows: RowBlock, points: Floats, shift: Floats, engine: Engine) -> Labels:
    centred = points - shift
    half_norms = 0.5 * np.einsum("cd,cd->c", centred, centred)
    labels, _ = rows.nearest(Affine(centred, half_norms, shift), engine)
    return labels


_STORAGES: dict[type, Callable[..., Ground]] = {DenseRows: _of_dense, SparseRows: _of_sparse}
