"""Centers as their neighbours are searched for, and the cells that tell who is near whom."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cofactor import kernels
from cofactor.codes.movable import RowNumbers
from cofactor.data import DenseRows, share
from cofactor.data.aligned import aligned_zeros
from cofactor.data.base import Floats, Labels
from cofactor.engine import Engine
from cofactor.lloyd import Ending, Whole, lloyd
from cofactor.noise import Gaussian, Params

Numbers = NDArray[np.int64]
Singles = NDArray[np.float32]

LINE = 16  # float32 entries of a cache line
MANY = 8192  # centers


@dataclass(frozen=True)
class Cells:
    """Centers in cells about a few points, each cell's side by side.

    Attributes
    ----------
    points : ndarray of shape (cells, d)
        Less the shift, times the scale.
    members, places : ndarray of shape (k,), int32
        The center at each place, and the place of each center.
    edges : ndarray of shape (cells + 1,), int64
        Where the places of each cell start.
    order : ndarray of shape (cells, cells), int32
        For each cell all cells, nearest first.
    """

    points: Floats
    members: Labels
    places: Labels
    edges: Numbers
    order: Labels

    def __len__(self) -> int:
        """Return the number of cells."""
        return len(self.points)


def first_points(centers: Floats) -> Floats:
    """Return the centers that cells start from: ``2√k``, and beyond 8,192 ones fewer.

    To find the cells takes k times their number of distances, more than to find lists in them.
    """
    k = len(centers)
    n_cells = min(k, max(1, int(2.0 * np.sqrt(k) * min(1.0, MANY / k) ** 0.25)))
    points: Floats = centers[np.arange(n_cells) * k // n_cells]
    return points


def cells_of(
    centers: Floats, first: Floats, n_steps: int, engine: Engine, counter: Numbers
) -> Cells:
    """Put centers into cells, by a few of Lloyd's steps on the centers alone.

    Parameters
    ----------
    centers, first : ndarrays of shapes (k, d) and (cells, d)
        Less the shift, times the scale; where the cells' points start.
    n_steps : int
    engine : Engine
    counter : ndarray of shape (1,), int64
        The number of distances is added to it.
    """
    rows = DenseRows(centers.astype(np.float32), np.ones(len(centers)))
    weights = np.full(len(first), -np.log(len(first)))
    params = Params(first, weights, np.array(1.0), np.zeros(centers.shape[1]))
    found = lloyd(Gaussian(), Whole(rows, [rows], engine), params, Ending(0.0, n_steps))
    points, labels = found.params.components, found.rows.states[0].labels
    counter += len(found.trace) * len(centers) * len(first)
    edges, members = np.empty(len(first) + 1, np.int64), np.empty(len(centers), np.int64)
    kernels.neighbor_order(labels, np.arange(len(first), dtype=np.int32), edges, members)
    places = np.empty(len(members), dtype=np.int32)
    places[members] = np.arange(len(members))
    return Cells(points, members.astype(np.int32), places, edges, _nearest_first(points))


def _nearest_first(points: Floats) -> Labels:
    """Return for each point all points, the nearest first; those equal as float32 in their order.

    Whole numbers that all differ are sorted several times as fast as places by their values.
    """
    squares = np.einsum("cd,cd->c", points, points)
    distances = np.maximum(squares + squares[:, None] - 2.0 * points @ points.T, 0.0)
    keys = distances.astype(np.float32).view(np.uint32).astype(np.uint64) << np.uint64(32)
    keys |= np.arange(len(points), dtype=np.uint64)
    keys.sort(axis=1)
    return (keys & np.uint64(0xFFFFFFFF)).astype(np.int32)


class Sketch:
    """Centers in float32, place by place.

    Parameters
    ----------
    cells : Cells
    shift : ndarray of shape (d,)
    scale : float
        See the kernel ``neighbor_centers``.
    """

    def __init__(self, cells: Cells, shift: Floats, scale: float) -> None:
        k, padded = len(cells.members), -(-len(shift) // LINE) * LINE
        self.cells, self._shift, self._scale = cells, shift, scale
        self._vectors = aligned_zeros((k, padded), np.float32)
        self._half_norms, self._shares = np.empty((2, k), dtype=np.float32)

    @property
    def arrays(self) -> tuple[Any, ...]:
        """Members, places, vectors, half norms and shares."""
        cells = self.cells
        return cells.members, cells.places, self._vectors, self._half_norms, self._shares

    def narrow(self, means: Floats) -> Floats:
        """Return centers less the shift, times the scale."""
        return self._scale * (means - self._shift)

    def widen(self, points: Floats) -> Floats:
        """Return what :meth:`narrow` made narrow."""
        return points / self._scale + self._shift

    def draw(self, means: Floats, counts: Floats, most_share: float, engine: Engine) -> None:
        """Take over the centers as they are."""
        task = means, counts, self._shift, self._scale, most_share
        share(engine, kernels.neighbor_centers, *task, *self.arrays)

    def redraw(self, means: Floats, counts: Floats, clusters: RowNumbers) -> None:
        """Take over some clusters as they are, all of which have rows."""
        vectors = self.narrow(means[clusters]).astype(np.float32)
        places = self.cells.places[clusters]
        self._vectors[places, : vectors.shape[1]] = vectors
        self._half_norms[places] = 0.5 * np.einsum("cd,cd->c", vectors, vectors, dtype=float)
        self._shares[places] = 1.0 / counts[clusters]

    def near_points(self, how_many: int, enough: int, engine: Engine, counter: Numbers) -> Labels:
        """Return places of the centers nearest to each cell's point, −1 where there are fewer."""
        cells = self.cells
        points = np.zeros((len(cells), self._vectors.shape[1]), dtype=np.float32)
        points[:, : len(self._shift)] = cells.points
        starts = np.arange(len(cells) + 1)
        return self._lists(points, starts, how_many, enough, engine, counter)

    def near_centers(
        self, places: Labels, how_many: int, enough: int, engine: Engine, counter: Numbers
    ) -> Labels:
        """Return places of the centers nearest to those at some places, which rise."""
        starts = np.searchsorted(places, self.cells.edges)
        return self._lists(self._vectors[places], starts, how_many, enough, engine, counter)

    def _lists(
        self,
        points: Singles,
        starts: Numbers,
        how_many: int,
        enough: int,
        engine: Engine,
        counter: Numbers,
    ) -> Labels:
        cells = self.cells
        lists = np.empty((len(points), min(how_many, len(cells.members))), dtype=np.int32)
        task = points, starts, cells.edges, cells.order, enough
        share(engine, kernels.neighbor_lists, *task, *self.arrays, lists, counter)
        return lists
