"""A center near each row, most often the nearest: where there are very many."""

from __future__ import annotations

import numpy as np

from cofactor.codes.movable import Clustering
from cofactor.data import DenseRows, RowBlock
from cofactor.data.base import Floats, Labels
from cofactor.engine import Engine
from cofactor.neighbors.arms import ENOUGH, N_NEAR
from cofactor.neighbors.blocksteps import HEAVY
from cofactor.neighbors.comparison import Comparison
from cofactor.neighbors.ground import at_cells, compared, unlabelled
from cofactor.neighbors.looks import AtNeighbors, View
from cofactor.neighbors.sketch import Sketch

FIRST = 1024  # centers near its cell that a row is compared with
LEAST = 8 * FIRST  # of fewer, a row is sooner compared with all
STEPS = 2  # from a center to one near it


def pays(rows: RowBlock, n_centers: int) -> bool:
    """Return whether :func:`nearby` takes less than a comparison with all centers."""
    return isinstance(rows, DenseRows) and n_centers > LEAST


def nearby(rows: DenseRows, centers: Floats, shift: Floats, engine: Engine) -> Labels:
    """Return for each row a center near it: the nearest of those near its cell, or near that one.

    Parameters
    ----------
    rows : DenseRows
    centers : ndarray of shape (k, d)
    shift : ndarray of shape (d,)
        A point near the data; see :meth:`RowBlock.reference`.
    engine : Engine
    """
    sketch, comparison = compared(rows, centers, shift, engine)
    view = unlabelled(sketch, comparison, centers)
    at_cells(sketch, centers, shift, engine, comparison.counter, FIRST)(view)
    return _descended(sketch, comparison, centers)


def _descended(sketch: Sketch, comparison: Comparison, centers: Floats) -> Labels:
    """Go on from what rows found to centers near it, as long as they are nearer."""
    k, labels = len(centers), comparison.index.copy()
    places = np.arange(k, dtype=np.int32)
    task = N_NEAR, ENOUGH, comparison.engine, comparison.counter
    look = AtNeighbors(sketch.near_centers(places, *task))
    clustering = Clustering(np.ones(len(labels)), labels, np.full(k, HEAVY), centers)
    view = View(sketch, comparison, clustering, np.empty((len(labels), 0), dtype=np.int32))
    for _ in range(STEPS):
        look(view)
        nearer = comparison.gains > 0
        labels[nearer] = comparison.index[nearer]
    return labels
