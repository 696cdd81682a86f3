"""What seeding knows of every row, in panels of 64 rows."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Self

import numpy as np

from cofactor.data.base import Array, Floats
from cofactor.kernels import PANEL_ROWS

CHUNK_PANELS = 16  # whose sums are added up first, however many tasks there are
CHUNK_ROWS = CHUNK_PANELS * PANEL_ROWS


@dataclass(frozen=True)
class Panels:
    """Rows in p panels; the last one is padded with rows of weight and distance 0.

    Attributes
    ----------
    n_rows : int
    weights : ndarray of shape (p, 64)
        ``w_n``.
    closest : ndarray of shape (p, 64)
        Squared distance ``D_n`` of each row from the closest seed.
    potentials : ndarray of shape (p,)
        ``Σ_n w_n D_n`` of each panel.
    """

    n_rows: int
    weights: Floats
    closest: Floats
    potentials: Floats

    @classmethod
    def of(cls, weights: Floats) -> Self:
        """Open the panels of rows that are infinitely far from any seed."""
        n_rows = len(weights)
        closest = padded(np.full(n_rows, np.inf), 0.0)
        return cls(n_rows, padded(weights, 0.0), closest, np.zeros(len(closest)))

    def shards(self, n_tasks: int) -> list[slice]:
        """Cut the panels into one run of whole chunks for each task."""
        n_chunks = -(-len(self.potentials) // CHUNK_PANELS)
        edges = CHUNK_PANELS * (n_chunks * np.arange(n_tasks + 1) // n_tasks)
        return [slice(a, b) for a, b in pairwise(np.minimum(edges, len(self.potentials)))]


def padded(values: Array, fill: float) -> Array:
    """Return one value per row in panels, shape (p, 64)."""
    n_panels = -(-len(values) // PANEL_ROWS)
    panels = np.full(n_panels * PANEL_ROWS, fill, dtype=values.dtype)
    panels[: len(values)] = values
    return panels.reshape(n_panels, PANEL_ROWS)


def rows_of(shard: slice) -> slice:
    """Return the rows of a run of panels; at the end of the data it may reach beyond them."""
    return slice(shard.start * PANEL_ROWS, shard.stop * PANEL_ROWS)
