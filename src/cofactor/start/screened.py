"""Seed distances of dense rows, of which only those that a lower bound cannot exclude are measured.

The score ``⟨y_n, y_q⟩ − ½(1 − γ)‖y_q‖²`` of the heads y of a row and a candidate is at least
``½(1 − γ)‖y_n‖² − ½(1 + δ)D_n`` for every pair that is closer than ``D_n``, where γ bounds the
rounding of heads and scores in float32, and δ that of squared distances.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from cofactor import kernels
from cofactor.data.base import Array, Floats
from cofactor.engine import Engine
from cofactor.errors import InputError
from cofactor.kernels import PANEL_ROWS, STRIP_ROWS
from cofactor.start.heads import head_map
from cofactor.start.panels import CHUNK_PANELS, Panels, rows_of

STRIPS = PANEL_ROWS // STRIP_ROWS
ROUNDING = 2.0**-24  # of float32
UNDERFLOW = 1e-36  # more than what scores lose to it
MAX_EXPONENT = 500  # of the scale, so that its square is finite


@dataclass
class ScreenedRows:
    """Dense rows; implements :class:`cofactor.start.kmeans_plusplus.SeedDistances`.

    Attributes
    ----------
    X : ndarray of shape (n, d)
    panels : Panels
    heads : ndarray of shape (p, h * 64), float32
        Heads of the rows of each panel, in strips of 16 rows, coordinate by coordinate.
    half_norms : ndarray of shape (p, 64), float32
        ``½(1 − γ)‖y_n‖²``.
    shrink : float
        ``½(1 + δ)``, in the unit of heads.
    engine : Engine
    shards : sequence of slice
        Runs of panels, one for each task.
    """

    X: Array
    panels: Panels
    heads: Array
    half_norms: Array
    shrink: float
    engine: Engine
    shards: Sequence[slice]

    def __post_init__(self) -> None:
        self._limits = np.full_like(self.half_norms, np.inf)
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
        to_heads = replace(to_heads, scale=_scale(norms.max(), X.dtype))
        n_strips = len(panels.closest) * STRIPS
        heads = np.zeros((n_strips, to_heads.length, STRIP_ROWS), dtype=np.float32)
        half_norms = np.full(panels.closest.size, np.inf, dtype=np.float32)
        loss = (2 * to_heads.length + 16) * ROUNDING

        def fill(shard: slice) -> None:
            for start in range(shard.start, shard.stop, CHUNK_PANELS):
                rows = rows_of(slice(start, min(start + CHUNK_PANELS, shard.stop)))
                y = to_heads(X[rows], norms[rows]).astype(np.float32)
                squares = np.square(y, dtype=np.float64).sum(axis=1)
                half_norms[rows][: len(y)] = 0.5 * (1.0 - loss) * squares - UNDERFLOW
                for at in range(0, len(y), STRIP_ROWS):
                    part = y[at : at + STRIP_ROWS]
                    heads[start * STRIPS + at // STRIP_ROWS, :, : len(part)] = part.T

        engine.map(fill, shards)
        growth = (X.shape[1] + 16) * np.finfo(X.dtype).eps + 4 * ROUNDING
        return cls(
            X,
            panels,
            heads.reshape(len(panels.closest), -1),
            half_norms.reshape(-1, PANEL_ROWS),
            0.5 * to_heads.scale**2 * (1.0 + growth),
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
            self.shrink,
            self.panels.potentials,
        )


def _norms(X: Array, reference: Array, engine: Engine, shards: Sequence[slice]) -> Floats:
    norms = np.empty(len(X))

    def write(shard: slice) -> None:
        kernels.squared_norms(X[rows_of(shard)], reference, norms[rows_of(shard)])

    engine.map(write, shards)
    return norms


def _scale(largest: float, dtype: Any) -> float:
    """Return the power of two that brings the largest head to about 1."""
    if not 4.0 * largest < np.finfo(dtype).max:
        raise InputError(
            "X has rows so far apart that their squared distances overflow; "
            "expected smaller numbers, so divide the data by their size."
        )
    exponent = int(np.frexp(np.sqrt(largest))[1]) if largest > 0 else 0
    return float(np.ldexp(1.0, min(-exponent, MAX_EXPONENT)))
