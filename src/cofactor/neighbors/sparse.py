"""Sparse rows compared with some centers or all; there are no places, and no lists."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np

from cofactor.codes.movable import Centers, Clustering, Movable, RowNumbers
from cofactor.data.base import Floats, Labels
from cofactor.engine import Engine
from cofactor.neighbors.comparison import Units

CHUNK_ENTRIES = 1 << 18  # compared at a time


@dataclass(frozen=True)
class Places:
    """Centers where they are."""

    members: Labels
    places: Labels


@dataclass
class SparseSketch:
    """Centers of sparse rows: nothing is kept of them but their order.

    Attributes
    ----------
    n_clusters : int
    cells : Places
    """

    n_clusters: int
    cells: Places = field(init=False)

    def __post_init__(self) -> None:
        order = np.arange(self.n_clusters, dtype=np.int32)
        self.cells = Places(order, order)

    def draw(self, *_: Any) -> None:
        """Centers are taken as they are when they are compared."""

    redraw = draw


class SparseComparison:
    """What sparse rows find when they are compared with centers.

    Parameters
    ----------
    movable : Movable
        The rows, their weights in units of those that clusters are counted in.
    engine : Engine

    Attributes
    ----------
    rows, engine, index, gains, counter
        See :class:`cofactor.neighbors.comparison.Comparison`.
    """

    def __init__(self, movable: Movable, engine: Engine) -> None:
        self._movable, self.rows, self.engine = movable, movable.rows, engine
        n = self.rows.n_rows
        self._size = max(64, CHUNK_ENTRIES * n // max(1, self.rows.stored.size))
        self.index = np.empty(n, dtype=np.int32)
        self.gains = np.empty(n)
        self.counter = np.zeros(1, dtype=np.int64)

    def units(
        self,
        sketch: SparseSketch,
        clustering: Clustering,
        units: Units,
        edges: RowNumbers,
        lists: Labels,
    ) -> None:
        """Compare all rows with the same centers."""
        names = np.ascontiguousarray(lists[0])
        dtype = self.rows.stored.dtype
        centers = Centers.of(clustering, names, self._movable.shift, dtype)
        _ = centers.lanes  # made once, for all threads
        self._share(units.order, partial(self._compare, centers, clustering))
        self.counter += len(units.order) * (len(names) + 1)

    def each(self, sketch: SparseSketch, clustering: Clustering, kept: Labels) -> None:
        """Compare each row with centers listed for it alone."""
        self._share(np.arange(len(kept)), partial(self._compare_each, clustering, kept))
        self.counter += kept.size + len(kept)

    def _share(self, rows: RowNumbers, job: Any) -> None:
        chunks = [rows[start : start + self._size] for start in range(0, len(rows), self._size)]
        self.engine.map(job, chunks)

    def _compare(self, centers: Centers, clustering: Clustering, rows: RowNumbers) -> None:
        targets, cost = self._movable.targets(rows, clustering.labels, centers)
        self._write(clustering, rows, targets, cost)

    def _compare_each(self, clustering: Clustering, kept: Labels, rows: RowNumbers) -> None:
        part, own = self.rows.take(rows), clustering.labels[rows]
        targets, least = np.full(len(rows), -1, dtype=np.int32), np.full(len(rows), np.inf)
        for names in kept[rows].T:
            some = np.maximum(names, 0)
            cost = part.squared_distances(clustering.means, some)
            cost *= clustering.joining(rows, some)
            better = (names >= 0) & (names != own) & (cost < least)
            targets[better], least[better] = names[better], cost[better]
        self._write(clustering, rows, targets, least)

    def _write(
        self, clustering: Clustering, rows: RowNumbers, targets: Labels, cost: Floats
    ) -> None:
        part, own = self.rows.take(rows), clustering.labels[rows]
        saved = part.squared_distances(clustering.means, own) * clustering.leaving(rows)
        possible = (targets >= 0) & (saved > 0)
        self.index[rows] = targets
        self.gains[rows] = np.where(possible, saved - np.where(possible, cost, 0.0), -np.inf)
