"""Greedy seeding of sparse rows, all of them measured at every step."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Self

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from cofactor.data.base import Floats
from cofactor.data.sparse import SparseRows
from cofactor.engine import Engine

CHUNK_ROWS = 1024  # whose gains are added up first, however many tasks there are
ROUNDING = 8 * np.finfo(float).eps  # of squared norms: a smaller squared distance is 0


def greedy_sparse_rows(
    X: Any, weights: Floats, first: int, uniforms: Floats, engine: Engine
) -> NDArray[np.int32]:
    """Return the rows that greedy k-means++ chooses.

    Parameters
    ----------
    X : scipy.sparse CSR of shape (n, d)
    weights, first, uniforms, engine
        As for :func:`cofactor.start.screened.greedy_dense_rows`.

    Returns
    -------
    ndarray of shape (k,)
        The last ones are -1 when all rows are copies of those before.
    """
    rows = MeasuredRows.of(X, weights, engine)
    chosen = np.full(len(uniforms) + 1, -1, dtype=np.int32)
    chosen[0] = first
    closest = rows.distances(np.array([first]))[:, 0]
    for step, uniform in enumerate(uniforms, 1):
        reached = (weights * closest).cumsum()
        if not reached[-1] > 0:
            break
        targets = np.maximum(uniform * reached[-1], np.finfo(float).smallest_subnormal)
        drawn = np.searchsorted(reached, targets)
        distances = rows.distances(drawn)
        winner = int(np.argmax(rows.gains(closest, distances)))
        closest = np.minimum(closest, distances[:, winner])
        chosen[step] = drawn[winner]
    return chosen


@dataclass(frozen=True)
class MeasuredRows:
    """Sparse rows and what measuring them takes.

    Attributes
    ----------
    X : scipy.sparse.csr_array of shape (n, d)
        Float64.
    norms, weights : ndarray of shape (n,)
        Squared norms, and weights.
    engine : Engine
    shards : sequence of slice
        Whole chunks of rows, one run for each worker.
    """

    X: Any
    norms: Floats
    weights: Floats
    engine: Engine
    shards: Sequence[slice]

    @classmethod
    def of(cls, X: Any, weights: Floats, engine: Engine) -> Self:
        """Open validated CSR data."""
        double = sp.csr_array(X, dtype=np.float64)
        norms = SparseRows(double, weights).squared_norms(np.zeros(X.shape[1]))
        n_chunks, n_workers = -(-X.shape[0] // CHUNK_ROWS), engine.n_workers
        edges = CHUNK_ROWS * (n_chunks * np.arange(n_workers + 1) // n_workers)
        return cls(double, norms, weights, engine, [slice(a, b) for a, b in pairwise(edges)])

    def distances(self, rows: NDArray[np.integer]) -> Floats:
        """Return squared distances of all rows from some, shape (n, q)."""
        others = np.ascontiguousarray(self.X[rows].toarray().T)

        def of(shard: slice) -> Floats:
            sizes = self.norms[shard, None] + self.norms[rows]
            squares = sizes - 2.0 * (self.X[shard] @ others)
            squares[squares <= ROUNDING * sizes] = 0.0
            return np.asarray(squares)

        return np.concatenate(self.engine.map(of, self.shards))

    def gains(self, closest: Floats, distances: Floats) -> Floats:
        """Return ``Σ_n w_n (D_n − d_nq)₊`` for each column q of distances, shape (q,)."""

        def of(shard: slice) -> Floats:
            gain = np.maximum(closest[shard, None] - distances[shard], 0.0)
            gain *= self.weights[shard, None]
            return np.add.reduceat(gain, np.arange(0, len(gain), CHUNK_ROWS), axis=0)

        total: Floats = np.concatenate(self.engine.map(of, self.shards)).sum(axis=0)
        return total
