"""How rows look for moves: which centers they are compared with, in one pass."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from cofactor.codes.movable import Clustering, RowNumbers
from cofactor.data.base import Floats, Labels
from cofactor.neighbors.comparison import Units

FULL = 16  # rows that fill a panel; clusters of fewer are compared together
N_KEPT = 8  # centers of as many slices, the last
FEW = 8  # rows of a cluster; of fewer, rows are compared one by one


def one_by_one(clustering: Clustering) -> bool:
    """Return whether clusters have so few rows that each row meets the list of its own alone."""
    return len(clustering.labels) < FEW * len(clustering.counts)


def nothing_kept(n_rows: int, n_slices: int) -> Labels:
    """Return what rows keep that have not looked at any slice."""
    return np.full((n_rows, min(n_slices, N_KEPT)), -1, dtype=np.int32)


@dataclass(frozen=True)
class View:
    """Rows that look for moves, all or those of a block.

    Attributes
    ----------
    sketch : Sketch or SparseSketch
        The centers as they are.
    comparison : Comparison or SparseComparison
        What the rows find; holds their entries.
    clustering : Clustering
        Of these rows.
    kept : ndarray of shape (n, slices), int32
        The best other center of each row in the last few slices, as far as looked at; else −1.
    """

    sketch: Any
    comparison: Any
    clustering: Clustering
    kept: Labels

    @property
    def n_rows(self) -> int:
        """Number of rows."""
        return len(self.kept)

    def lookers(self) -> RowNumbers | None:
        """Return the rows that might gain by a move, None if all might; others find nothing."""
        rows = self.clustering.accompanied()
        if rows is not None:
            self.comparison.index[:], self.comparison.gains[:] = -1, -np.inf
        return rows

    def compare(self, units: Units, edges: RowNumbers, lists: Labels) -> None:
        """Compare the rows of units with the places listed for them."""
        self.comparison.units(self.sketch, self.clustering, units, edges, lists)

    def gain(self, rows: RowNumbers) -> float:
        """Return what rows that were compared would gain if each moved on its own."""
        gains = self.comparison.gains[rows]
        gaining = gains > 0
        return float(self.clustering.weights[rows][gaining] @ gains[gaining])

    def wishes(self) -> RowNumbers:
        """Return the rows that would gain by moving, those that would gain most first."""
        weights, gains = self.clustering.weights, self.comparison.gains
        rows = np.flatnonzero((gains > 0) & (weights > 0))
        order: RowNumbers = rows[_falling(weights[rows] * gains[rows])]
        return order

    def remember(self, rows: RowNumbers, before: Labels) -> None:
        """Keep the centers that rows came from, in the place of those that they went to."""
        kept, now = self.kept[rows], self.clustering.labels[rows]
        self.kept[rows] = np.where(kept == now[:, None], before[:, None], kept)


class Look(Protocol):
    """What rows are compared with in a pass."""

    def __call__(self, view: View) -> None:
        """Leave what the rows find in the view's comparison."""
        ...


@dataclass(frozen=True)
class AtNeighbors:
    """Rows look at the centers near their own.

    Attributes
    ----------
    lists : ndarray of shape (k, g), int32
        Places near each place.
    """

    lists: Labels

    def __call__(self, view: View) -> None:
        """See :class:`Look`."""
        labels, places = view.clustering.labels, view.sketch.cells.places
        if one_by_one(view.clustering):
            units = Units.by_place(labels, places, view.lookers())
            view.compare(units, units.alone, self.lists)
        else:  # rows find much in the lists of rows beside them, even of such as would not move
            units = Units.by_place(labels, places)
            view.compare(units, units.merged(FULL), self.lists)

    def some(self, view: View, rows: RowNumbers) -> float:
        """Return what some rows would gain if each moved on its own."""
        units = Units.by_place(view.clustering.labels, view.sketch.cells.places, rows)
        view.compare(units, units.alone, self.lists)
        return view.gain(rows)


@dataclass(frozen=True)
class AtSlice:
    """Rows look at some centers, the same for all.

    Attributes
    ----------
    turn : int
        The number of the slice that they are of.
    places : ndarray of int32
    """

    turn: int
    places: Labels

    def __call__(self, view: View) -> None:
        """See :class:`Look`."""
        rows = view.lookers()
        self._compare(view, np.arange(view.n_rows) if rows is None else rows)
        view.kept[:, self.turn % view.kept.shape[1]] = view.comparison.index

    def some(self, view: View, rows: RowNumbers) -> float:
        """Return what some rows would gain if each moved on its own."""
        self._compare(view, rows)
        return view.gain(rows)

    def _compare(self, view: View, rows: RowNumbers) -> None:
        units = Units.in_chunks(rows)
        view.compare(units, units.alone, self.places[None])


@dataclass(frozen=True)
class AtKept:
    """Rows look again at the best center of each slice."""

    def __call__(self, view: View) -> None:
        """See :class:`Look`."""
        view.comparison.each(view.sketch, view.clustering, view.kept)


def _falling(values: Floats) -> RowNumbers:
    """Return where positive values are, the largest first; those equal as float32 in their order.

    Whole numbers that all differ are sorted several times as fast as places by their values.
    """
    if not values.size:
        return np.empty(0, dtype=np.int64)
    shares = (values / values.max()).astype(np.float32).view(np.uint32)  # as they are ordered
    keys = (np.uint64(0xFFFFFFFF) - shares) << np.uint64(32)
    keys |= np.arange(values.size, dtype=np.uint64)
    keys.sort()
    places: RowNumbers = (keys & np.uint64(0xFFFFFFFF)).astype(np.int64)
    return places
