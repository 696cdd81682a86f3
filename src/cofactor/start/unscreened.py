"""Seed distances of sparse rows, all of them measured at every step."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Self

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from cofactor.data.base import Floats
from cofactor.data.sparse import SparseRows
from cofactor.engine import Engine
from cofactor.kernels import PANEL_ROWS
from cofactor.start.panels import Panels, rows_of

ROUNDING = 8 * np.finfo(float).eps  # of squared norms: a smaller squared distance is 0


@dataclass
class UnscreenedRows:
    """Sparse rows; implements :class:`cofactor.start.kmeans_plusplus.SeedDistances`.

    Attributes
    ----------
    X : scipy.sparse.csr_array of shape (n, d)
        Float64.
    norms : ndarray of shape (n,)
        Squared norms.
    panels : Panels
    engine : Engine
    shards : sequence of slice
        Runs of panels, one for each task.
    """

    X: Any
    norms: Floats
    panels: Panels
    engine: Engine
    shards: Sequence[slice]
    _distances: list[Floats] = field(default_factory=list)

    @classmethod
    def of(cls, X: Any, weights: Floats, k: int, engine: Engine, n_tasks: int) -> Self:
        """Open validated CSR data."""
        double = sp.csr_array(X, dtype=np.float64)
        norms = SparseRows(double, weights).squared_norms(np.zeros(X.shape[1]))
        panels = Panels.of(weights)
        return cls(double, norms, panels, engine, panels.shards(n_tasks))

    def start(self, row: int) -> None:
        """See :class:`SeedDistances`."""
        self._measure(np.array([row]))
        self.take(0)

    def offer(self, rows: NDArray[np.intp]) -> Floats:
        """See :class:`SeedDistances`."""
        self._measure(rows)

        def gains(shard: slice, distances: Floats) -> Floats:
            gain = np.maximum(self.panels.closest[shard, :, None] - distances, 0.0)
            return (self.panels.weights[shard, :, None] * gain).sum(axis=1)

        pairs = list(zip(self.shards, self._distances, strict=True))
        total: Floats = np.concatenate(self.engine.map(lambda pair: gains(*pair), pairs)).sum(
            axis=0
        )
        return total

    def take(self, winner: int) -> None:
        """See :class:`SeedDistances`."""
        for shard, distances in zip(self.shards, self._distances, strict=True):
            closest = self.panels.closest[shard]
            np.minimum(closest, distances[:, :, winner], out=closest)
        self.panels.potentials[:] = (self.panels.weights * self.panels.closest).sum(axis=1)

    def _measure(self, rows: NDArray[np.intp]) -> None:
        candidates = np.ascontiguousarray(self.X[rows].toarray().T)

        def distances(shard: slice) -> Floats:
            own = self.norms[rows_of(shard)]
            sizes = own[:, None] + self.norms[rows]
            squares = sizes - 2.0 * (self.X[rows_of(shard)] @ candidates)
            squares[squares <= ROUNDING * sizes] = 0.0
            filling = (shard.stop - shard.start) * PANEL_ROWS - len(own)
            return np.pad(squares, ((0, filling), (0, 0))).reshape(-1, PANEL_ROWS, len(rows))

        self._distances = self.engine.map(distances, self.shards)
