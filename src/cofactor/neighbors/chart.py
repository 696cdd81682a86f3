"""Which components are near which, whatever the noise."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from cofactor import kernels
from cofactor.data import share
from cofactor.data.base import Floats, Labels
from cofactor.data.gaussians import Scaled, Whitened
from cofactor.data.losses import Affine
from cofactor.engine import Engine
from cofactor.neighbors.sketch import LINE, Cells, Numbers, Singles, cells_of, first_points

STEPS = 4  # of Lloyd's, to find the cells


@dataclass(frozen=True)
class Nearness:
    """What makes components near: the losses ``b_c − ⟨p, e_c⟩`` of points.

    A component's point is the mean of its rows; so its affine losses there are their mean losses.

    Attributes
    ----------
    points : ndarray of shape (k, d)
    vectors : ndarray of shape (k, d)
    offsets : ndarray of shape (k,)
        ``inf`` takes a component out of the search.
    """

    points: Floats
    vectors: Floats
    offsets: Floats


def _by_losses(losses: Affine, means: Floats) -> Nearness:
    return Nearness(means - losses.shift, losses.components, losses.offsets)


def _by_distance(losses: Scaled | Whitened, means: Floats) -> Nearness:
    centers = means - losses.shift
    possible = np.where(np.isfinite(losses.offsets), 0.0, np.inf)
    return Nearness(centers, centers, 0.5 * np.einsum("cd,cd->c", centers, centers) + possible)


NEARNESS: dict[type, Callable[[Any, Floats], Nearness]] = {
    Affine: _by_losses,
    Scaled: _by_distance,
    Whitened: _by_distance,
}


@dataclass(frozen=True)
class Chart:
    """Components at places that put neighbours side by side, in float32.

    Attributes
    ----------
    cells : Cells
    points, vectors : float32 ndarrays of shape (k, d, padded)
        Place by place, in a unit that keeps products within float32.
    offsets : float32 ndarray of shape (k,)
    engine : Engine
    counter : ndarray of shape (1,), int64
        Losses so far are added to it.
    cell_points : ndarray of shape (cells, d)
        In the unit of the points that the chart was drawn from.
    """

    cells: Cells
    points: Singles
    vectors: Singles
    offsets: Singles
    engine: Engine
    counter: Numbers
    cell_points: Floats = field(repr=False)

    @classmethod
    def drawn(cls, near: Nearness, engine: Engine, counter: Numbers) -> Chart:
        """Put components into cells by the distances of their points."""
        unit, other = unit_of(near.points), unit_of(near.vectors)
        points = near.points / unit
        cells = cells_of(points, first_points(points), STEPS, engine, counter)
        order = cells.members
        return cls(
            cells,
            narrow(points[order]),
            narrow(near.vectors[order] / other),
            (near.offsets[order] / (unit * other)).astype(np.float32),
            engine,
            counter,
            cells.points * unit,
        )

    def near_components(self, how_many: int, enough: int) -> Labels:
        """Return places of the components nearest to the one at each place, −1 where fewer."""
        return self._lists(self.points, self.cells.edges, how_many, enough)

    def near_cells(self, how_many: int, enough: int) -> Labels:
        """Return places of the components nearest to each cell's point."""
        points = narrow(self.cells.points)
        return self._lists(points, np.arange(len(points) + 1), how_many, enough)

    def _lists(self, points: Singles, starts: Numbers, how_many: int, enough: int) -> Labels:
        cells, k = self.cells, len(self.offsets)
        lists = np.empty((len(points), min(how_many, k)), dtype=np.int32)
        centers = (
            cells.members,
            cells.places,
            self.vectors,
            self.offsets,
            np.zeros_like(self.offsets),
        )
        task = points, starts, cells.edges, cells.order, enough, *centers, lists, self.counter
        share(self.engine, kernels.neighbor_lists, *task)
        return lists


def unit_of(values: Floats) -> float:
    """Return the power of two that the largest value is a fraction of; 1 if all are zero."""
    largest = float(np.abs(values).max(initial=0.0))
    return float(np.ldexp(1.0, int(np.frexp(largest)[1]))) if largest > 0 else 1.0


def narrow(values: Floats) -> Singles:
    """Return rows in float32, padded with zeros to whole cache lines."""
    n, d = values.shape
    out = np.zeros((n, -(-d // LINE) * LINE), dtype=np.float32)
    out[:, :d] = values
    return out
