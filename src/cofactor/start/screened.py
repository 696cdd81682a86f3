"""Seed distances of dense rows, of which only those that a lower bound cannot exclude are measured.

Heads are rounded to whole numbers q in units of ``1/s``, which moves each by at most ``√h/2``. So
rows closer than ``√D_n`` have heads closer than ``s√D_n + √h``, and the score
``⟨q_n, q_c⟩ − ½‖q_c‖²`` of a row and a candidate is at least ``½‖q_n‖² − ½(s√D_n + √h)²``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from cofactor import kernels
from cofactor.data.base import Array, Floats
from cofactor.engine import Engine
from cofactor.errors import InputError
from cofactor.kernels import LOWEST_LIMIT, PANEL_ROWS, STRIP_ROWS
from cofactor.start.heads import head_map
from cofactor.start.panels import CHUNK_PANELS, Panels, rows_of

STRIPS = PANEL_ROWS // STRIP_ROWS
LARGEST = 32_000  # coordinate of a head; scores are below twice its square
FAR = 16.0  # times the radius of all but one row in a thousand: too far for a head
NEVER = np.iinfo(np.int32).max  # a limit that no score reaches


@dataclass
class ScreenedRows:
    """Dense rows; implements :class:`cofactor.start.kmeans_plusplus.SeedDistances`.

    Attributes
    ----------
    X : ndarray of shape (n, d)
    panels : Panels
    heads : ndarray of shape (p, h * 64), int32
        Heads of the rows of each panel, in strips of 16 rows, two coordinates in each number.
    half_norms : ndarray of shape (p, 64), int32
        ``⌊½‖q_n‖²⌋``; the lowest limit for rows that have no head and are always measured.
    reach, slack : float
        Heads of rows at a distance δ are at most ``reach δ + slack`` apart.
    engine : Engine
    shards : sequence of slice
        Runs of panels, one for each task.
    """

    X: Array
    panels: Panels
    heads: Array
    half_norms: Array
    reach: float
    slack: float
    engine: Engine
    shards: Sequence[slice]

    def __post_init__(self) -> None:
        self._limits = np.full_like(self.half_norms, NEVER)
        self._rows = np.empty(0, dtype=np.intp)
        self._hits = np.empty((len(self.heads), 0), dtype=np.uint64)

    @classmethod
    def of(cls, X: Array, weights: Floats, k: int, engine: Engine, n_tasks: int) -> Self:
        """Open validated C-contiguous data.

        Raises
        ------
        InputError
            If squared distances overflow.
        """
        panels = Panels.of(weights)
        shards = panels.shards(n_tasks)
        to_heads = head_map(X, k)
        norms = _norms(X, to_heads.reference, engine, shards)
        radius = _radius(norms, X.dtype)
        scale = LARGEST / radius if radius > 0 else 1.0
        n_pairs = (to_heads.length + 1) // 2
        strips = np.zeros((len(panels.closest) * STRIPS, n_pairs, STRIP_ROWS), dtype=np.int32)
        half_norms = np.full(panels.closest.size, LOWEST_LIMIT, dtype=np.int32)

        def fill(shard: slice) -> None:
            for first in range(shard.start, shard.stop, CHUNK_PANELS):
                rows = rows_of(slice(first, min(first + CHUNK_PANELS, shard.stop)))
                near = norms[rows] <= radius**2
                y = scale * to_heads(X[rows], norms[rows])
                q = _rounded(np.where(near[:, None], y, 0.0), 2 * n_pairs)
                squares = np.square(q, dtype=np.int64).sum(axis=1) // 2
                half_norms[rows][: len(q)] = np.where(near, squares, LOWEST_LIMIT)
                _pack(q, strips[first * STRIPS :])

        engine.map(fill, shards)
        growth = (X.shape[1] + 16) * np.finfo(X.dtype).eps
        return cls(
            X,
            panels,
            strips.reshape(len(panels.closest), -1),
            half_norms.reshape(-1, PANEL_ROWS),
            scale * (1.0 + growth),
            np.sqrt(to_heads.length) + 1.0,
            engine,
            shards,
        )

    def start(self, row: int) -> None:
        """See :class:`SeedDistances`."""
        all_rows = np.isinf(self.panels.closest)
        self._rows = np.array([row])
        self._hits = np.packbits(all_rows, axis=1, bitorder="little").view(np.uint64)
        self.take(0)

    def offer(self, rows: NDArray[np.intp]) -> Floats:
        """See :class:`SeedDistances`."""
        strips = self.heads.reshape(len(self.heads) * STRIPS, -1, STRIP_ROWS)
        heads = strips[rows // STRIP_ROWS, :, rows % STRIP_ROWS]
        offsets = -self.half_norms.ravel()[rows]
        self._rows = rows
        self._hits = np.empty((len(self.heads), len(rows)), dtype=np.uint64)

        def gains(shard: slice) -> Floats:
            out = np.empty((-(-(shard.stop - shard.start) // CHUNK_PANELS), len(rows)))
            kernels.seeding_gains(
                self.X[rows_of(shard)],
                self.panels.weights[shard],
                self.panels.closest[shard],
                self._limits[shard],
                self.heads[shard],
                self.X[rows],
                heads,
                offsets,
                CHUNK_PANELS,
                self._hits[shard],
                out,
            )
            return out

        total: Floats = np.concatenate(self.engine.map(gains, self.shards)).sum(axis=0)
        return total

    def take(self, winner: int) -> None:
        """See :class:`SeedDistances`."""
        kernels.seeding_take(
            self.X,
            self.panels.weights,
            self.panels.closest,
            self._limits,
            self.X[self._rows[winner]],
            self._hits,
            winner,
            self.half_norms,
            self.reach,
            self.slack,
            self.panels.potentials,
        )


def _norms(X: Array, reference: Array, engine: Engine, shards: Sequence[slice]) -> Floats:
    norms = np.empty(len(X))

    def write(shard: slice) -> None:
        kernels.squared_norms(X[rows_of(shard)], reference, norms[rows_of(shard)])

    engine.map(write, shards)
    return norms


def _radius(norms: Floats, dtype: Any) -> float:
    """Return how far away rows still have heads: a few outliers must not make all coarse."""
    largest = norms.max()
    if not 4.0 * largest < np.finfo(dtype).max:
        raise InputError(
            "X has rows so far apart that their squared distances overflow; "
            "expected smaller numbers, so divide the data by their size."
        )
    usual = FAR**2 * np.quantile(norms, 0.999)
    return float(np.sqrt(min(largest, usual) if usual > 0 else largest) * (1.0 + 1e-12))


def _rounded(y: Floats, width: int) -> Array:
    """Return the nearest whole numbers, filled up with columns of zeros."""
    q = np.zeros((len(y), width), dtype=np.int16)
    q[:, : y.shape[1]] = np.rint(y)
    return q


def _pack(q: Array, strips: Array) -> None:
    """Write the heads of some rows, two coordinates in each number, into strips of 16."""
    pairs = q.view(np.int32)
    whole = len(pairs) // STRIP_ROWS * STRIP_ROWS
    by_strip = pairs[:whole].reshape(-1, STRIP_ROWS, pairs.shape[1])
    strips[: len(by_strip)] = by_strip.transpose(0, 2, 1)
    if whole < len(pairs):
        strips[len(by_strip), :, : len(pairs) - whole] = pairs[whole:].T
