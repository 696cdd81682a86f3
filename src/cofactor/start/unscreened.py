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
from cofactor.data.csr import rows_of
from cofactor.data.sparse import SparseRows
from cofactor.engine import Engine

CHUNK_ROWS = 1024  # whose gains are added up first, however many tasks there are
PART_ENTRIES = 1 << 17  # that are made float64 at a time
ROUNDING = 8 * np.finfo(float).eps  # of squared norms: a smaller squared distance is 0


@dataclass(frozen=True)
class UnscreenedRows:
    """Sparse rows and what measuring them takes.

    Attributes
    ----------
    X : scipy.sparse.csr_array of shape (n, d)
    parts : sequence of scipy.sparse.csr_array
        Whole chunks of rows, of about ``PART_ENTRIES`` entries where rows are many.
    shards : sequence of slice
        Where they are among all rows.
    norms, weights : ndarray of shape (n,)
        Squared norms, and weights.
    engine : Engine
    """

    X: Any
    parts: Sequence[Any]
    shards: Sequence[slice]
    norms: Floats
    weights: Floats
    engine: Engine

    @classmethod
    def of(cls, X: Any, weights: Floats, engine: Engine) -> Self:
        """Open validated CSR data."""
        csr = sp.csr_array(X)
        shards = _shards(csr, engine.n_workers)
        parts = [rows_of(csr, shard) for shard in shards]
        norms = np.concatenate(engine.map(_squared_norms, parts))
        return cls(csr, parts, shards, norms, weights, engine)

    def greedy(self, first: int, uniforms: Floats) -> NDArray[np.int32]:
        """See :meth:`cofactor.start.dense.DenseRows.greedy`."""
        chosen = np.full(len(uniforms) + 1, -1, dtype=np.int32)
        chosen[0] = first
        closest = self.distances(np.array([first]))[:, 0]
        for step, uniform in enumerate(uniforms, 1):
            reached = (self.weights * closest).cumsum()
            if not reached[-1] > 0:
                break
            targets = np.maximum(uniform * reached[-1], np.finfo(float).smallest_subnormal)
            drawn = np.searchsorted(reached, targets)
            winner, closest = self.joined(closest, drawn)
            chosen[step] = drawn[winner]
        return chosen

    def joined(self, closest: Floats, rows: NDArray[np.integer]) -> tuple[int, Floats]:
        """Return which of some rows is the best next seed, and distances when it is one."""
        distances = self.distances(rows)
        winner = int(np.argmax(self.gains(closest, distances)))
        return winner, np.minimum(closest, distances[:, winner])

    def distances(self, rows: NDArray[np.integer]) -> Floats:
        """Return squared distances of all rows from some, shape (n, q)."""
        others = np.ascontiguousarray(self.X[rows].toarray().T, dtype=np.float64)
        squares = np.empty((len(self.norms), len(rows)))

        def measure(place: int) -> None:
            shard = self.shards[place]
            sizes = self.norms[shard, None] + self.norms[rows]
            found = sizes - 2.0 * (self.parts[place] @ others)
            found[found <= ROUNDING * sizes] = 0.0
            squares[shard] = found

        self.engine.map(measure, range(len(self.shards)))
        return squares

    def gains(self, closest: Floats, distances: Floats) -> Floats:
        """Return ``Σ_n w_n (D_n − d_nq)₊`` for each column q of distances, shape (q,)."""

        def of(shard: slice) -> Floats:
            gain = np.maximum(closest[shard, None] - distances[shard], 0.0)
            gain *= self.weights[shard, None]
            return np.add.reduceat(gain, np.arange(0, len(gain), CHUNK_ROWS), axis=0)

        total: Floats = np.concatenate(self.engine.map(of, self.shards)).sum(axis=0)
        return total


def _shards(X: Any, n_workers: int) -> list[slice]:
    """Cut rows into whole chunks, in at least one part for each worker."""
    n_chunks = -(-X.shape[0] // CHUNK_ROWS)
    n_parts = max(n_workers, min(n_chunks, X.nnz // PART_ENTRIES))
    edges = CHUNK_ROWS * (n_chunks * np.arange(n_parts + 1) // n_parts)
    return [slice(a, min(b, X.shape[0])) for a, b in pairwise(edges.tolist())]


def _squared_norms(part: Any) -> Floats:
    double = SparseRows(part.astype(np.float64), np.ones(part.shape[0]))
    return double.squared_norms(np.zeros(part.shape[1]))
