"""Rows compared with centers near them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from cofactor import kernels
from cofactor.codes.movable import Clustering, RowNumbers
from cofactor.data import DenseRows, RowBlock, share
from cofactor.data.base import Floats, Labels
from cofactor.engine import Engine
from cofactor.neighbors.sketch import Numbers, Sketch

CHUNK = 256  # rows that are compared with the same centers at a time


@dataclass(frozen=True)
class Units:
    """Rows unit by unit.

    Attributes
    ----------
    order : ndarray of shape (n,), int64
        Rows; those after the last unit are left out.
    starts : ndarray of shape (units + 1,), int64
        Where the rows of each unit start.
    """

    order: RowNumbers
    starts: Numbers

    @classmethod
    def by_place(cls, labels: Labels, places: Labels, rows: RowNumbers | None = None) -> Units:
        """Make a unit of the rows of each place, those of its label; of all rows or of some."""
        own = labels if rows is None else labels[rows]
        starts, order = np.empty(len(places) + 1, np.int64), np.empty(len(own), np.int64)
        kernels.neighbor_order(own, places, starts, order)
        return cls(order if rows is None else rows[order], starts)

    @classmethod
    def in_chunks(cls, order: RowNumbers) -> Units:
        """Cut rows as they come."""
        return cls(order, np.append(np.arange(0, len(order), CHUNK), len(order)))

    @property
    def alone(self) -> Numbers:
        """Edges of groups of one unit each."""
        return np.arange(len(self.starts))

    def merged(self, size: int) -> Numbers:
        """Return edges of groups of units that begin within the same ``size`` rows."""
        first = np.diff(self.starts[:-1] // size, prepend=-1) > 0
        return np.append(np.flatnonzero(first), len(self.starts) - 1)


class Comparison:
    """What rows find when they are compared with centers.

    Parameters
    ----------
    rows : DenseRows
    shift : ndarray of shape (d,)
    scale : float
        What rows less the shift are multiplied by; see :func:`narrowing`.
    engine : Engine

    Attributes
    ----------
    rows : DenseRows
    engine : Engine
    index : ndarray of shape (n,), int32
        Where each row would go; −1: nowhere.
    gains : ndarray of shape (n,)
        What a unit of its weight would gain there.
    counter : ndarray of shape (1,), int64
        Distances so far, whoever counts them.
    """

    def __init__(self, rows: DenseRows, shift: Floats, scale: float, engine: Engine) -> None:
        self._data = rows.values, shift.astype(rows.values.dtype), scale
        self.rows, self.engine = rows, engine
        self.index = np.empty(rows.n_rows, dtype=np.int32)
        self.gains = np.empty(rows.n_rows)
        self.counter = np.zeros(1, dtype=np.int64)

    def units(
        self, sketch: Sketch, clustering: Clustering, units: Units, edges: Numbers, lists: Labels
    ) -> None:
        """Compare the rows of each group of units with the places that those units list."""
        share(
            self.engine,
            kernels.neighbor_targets,
            *self._data,
            units.order,
            units.starts,
            *clustering.of_rows,
            *sketch.arrays,
            edges,
            lists,
            self.index,
            self.gains,
            self.counter,
        )

    def each(self, sketch: Sketch, clustering: Clustering, kept: Labels) -> None:
        """Compare each row with centers listed for it alone."""
        share(
            self.engine,
            kernels.neighbor_kept,
            *self._data,
            *clustering.of_rows,
            *sketch.arrays,
            kept,
            self.index,
            self.gains,
        )
        self.counter += kept.size + len(kept)


def extent(rows: RowBlock) -> float:
    """Return the size of the largest entry of float64 rows; 0 for float32, which is no matter."""
    if rows.stored.dtype == np.float32:
        return 0.0
    return max(float(rows.stored.max(initial=0.0)), -float(rows.stored.min(initial=0.0)))


def narrowing(largest: float, shift: Floats) -> float:
    """Return the power of two that keeps squares of float64 rows within float32; 1 for float32.

    Parameters
    ----------
    largest : float
        See :func:`extent`.
    shift : ndarray of shape (d,)
    """
    size = largest + float(np.abs(shift).max()) if largest > 0 else 0.0
    return float(np.ldexp(1.0, -int(np.frexp(size)[1]))) if size > 0 else 1.0
