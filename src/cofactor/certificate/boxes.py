"""The most that a cluster anywhere could be worth: boxes of places, halved where that is needed."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from cofactor import kernels
from cofactor.certificate.terrain import Terrain
from cofactor.data.base import Floats

WORK = 1 << 21  # points times columns that one call looks at
ROOM = 1 << 27  # most entries of all lists of points
BATCH = 256  # least boxes of a call, where there are as many
PEAKS = 4  # places to climb from, of each call
CLIMB = 1 << 23  # points times columns that climbing may look at, on average over calls
Rows = NDArray[Any]


class Boxes(NamedTuple):
    """Boxes of places.

    Attributes
    ----------
    low, high : ndarray of shape (b, d)
        Corners.
    inside : ndarray of shape (b, d + 2)
        Sums over points surely within reach; see :func:`cofactor.kernels.location_bounds`.
    bounds : ndarray of shape (b,)
        No place in the box is worth more.
    axes : ndarray of shape (b,)
        The column to halve.
    spans : ndarray of shape (b, 2)
        Where the list of points that may be within reach begins and ends.
    """

    low: Floats
    high: Floats
    inside: Floats
    bounds: Floats
    axes: NDArray[np.int32]
    spans: NDArray[np.int64]

    def take(self, rows: Rows) -> Boxes:
        """Return some of the boxes."""
        arrays: Any = (array[rows] for array in self)
        return Boxes(*arrays)

    def plus(self, others: Boxes) -> Boxes:
        """Return these boxes and others."""
        pairs: Any = zip(self, others, strict=True)
        return Boxes(*(np.concatenate(pair) for pair in pairs))

    def halves(self) -> tuple[Floats, Floats]:
        """Return the corners of both halves of each box, shape (2b, d)."""
        low, high = np.repeat(self.low, 2, axis=0), np.repeat(self.high, 2, axis=0)
        box = np.arange(len(self.axes))
        middle = 0.5 * (self.low[box, self.axes] + self.high[box, self.axes])
        high[2 * box, self.axes] = middle
        low[2 * box + 1, self.axes] = middle
        return low, high

    @property
    def work(self) -> NDArray[np.int64]:
        """How many points each box looks at."""
        sizes: NDArray[np.int64] = self.spans[:, 1] - self.spans[:, 0]
        return sizes


class BoxSearch:
    """A search for the most of a terrain; what it knows is true at any moment.

    Parameters
    ----------
    terrain : Terrain
    wanted : float
        Boxes whose bound is not above it need not be halved.
    found : float
        The value of a place, to begin with.
    margin : float
        How far above the best place found the most may stay.

    Attributes
    ----------
    places, values : list
        Local maxima above ``wanted`` that were met, and their values.
    """

    def __init__(self, terrain: Terrain, wanted: float, found: float, margin: float) -> None:
        self._terrain, self._wanted, self._found = terrain, wanted, found
        self._margin = margin
        self.places: list[Floats] = []
        self.values: list[float] = []
        self._closed, self._credit = -np.inf, 0
        d = terrain.values.shape[1]
        rows = np.flatnonzero(terrain.heights > 0).astype(np.int32)
        self._lists = np.empty(max(4 * len(rows), 1 << 12), np.int32)
        self._lists[: len(rows)] = rows
        self._end = len(rows)
        every = terrain.values[rows] if len(rows) else np.zeros((1, d))
        self._open = Boxes(
            every.min(axis=0)[None],
            every.max(axis=0)[None],
            np.zeros((1, d + 2)),
            np.full(1, np.inf),
            every.var(axis=0).argmax(keepdims=True).astype(np.int32),
            np.array([[0, len(rows)]], np.int64),
        )

    @property
    def most(self) -> float:
        """No place is worth more, but for :attr:`Terrain.doubt`."""
        return max(self._closed, float(self._open.bounds.max(initial=-np.inf)), self._found, 0.0)

    @property
    def found(self) -> float:
        """The most that a place was found to be worth."""
        return self._found

    @property
    def settled(self) -> bool:
        """Whether no box is left that is worth halving."""
        return float(self._open.bounds.max(initial=-np.inf)) <= self._enough

    def run(self) -> Iterator[None]:
        """Halve the most promising boxes, batch by batch, until all is settled or memory is full.

        Yields
        ------
        None
            After each batch, to be left there or to go on.
        """
        while not self.settled:
            chosen = self._chosen()
            boxes = self._open.take(chosen)
            if not self._has_room(2 * int(boxes.work.sum())):
                return
            boxes = self._open.take(chosen)
            left = np.ones(len(self._open.bounds), bool)
            left[chosen] = False
            self._open = self._open.take(left)
            self._climb(self._halve(boxes))
            yield

    @property
    def _enough(self) -> float:
        return max(self._found + self._margin, self._wanted)

    def _chosen(self) -> Rows:
        """Return the boxes to halve: the best, as many as one call should look at."""
        bounds = self._open.bounds
        most = min(len(bounds), max(BATCH, len(bounds) // 8))
        best = np.argpartition(bounds, -most)[-most:]
        best = best[bounds[best] > self._enough]
        best = best[np.argsort(-bounds[best], kind="stable")]
        limit = max(WORK, len(bounds) // 8 * 64)
        work = np.cumsum(self._open.take(best).work) * 2 * self._open.low.shape[1]
        return best[: max(int(np.searchsorted(work, limit)), 1)]

    def _halve(self, boxes: Boxes) -> Floats:
        """Bound both halves of boxes, keep those that matter, and return the best one's places."""
        low, high = boxes.halves()
        count, d = low.shape
        inside = np.repeat(boxes.inside, 2, axis=0)
        starts, bounds = np.zeros(count + 1, np.int64), np.empty(count)
        peaks, axes = np.empty((count, d)), np.empty(count, np.int32)
        kernels.location_bounds(
            self._terrain.values,
            self._terrain.weights,
            self._terrain.heights,
            low,
            high,
            (np.arange(count) // 2 * 2).astype(np.int32),
            np.append(boxes.spans.ravel(), 0),
            self._lists[: self._end],
            inside,
            starts,
            self._lists[self._end :],
            bounds,
            peaks,
            axes,
        )
        bounds = np.minimum(bounds, np.repeat(boxes.bounds, 2))
        spans = self._end + np.column_stack([starts[:-1], starts[1:]])
        self._end += int(starts[-1])
        self._sort(Boxes(low, high, inside, bounds, axes, spans))
        return peaks[np.argsort(-bounds, kind="stable")[:PEAKS]]

    def _sort(self, boxes: Boxes) -> None:
        """Keep boxes open that may matter; of the others only their bound is remembered."""
        matter = boxes.bounds > self._enough
        self._closed = max(self._closed, float(boxes.bounds[~matter].max(initial=-np.inf)))
        self._open = self._open.plus(boxes.take(matter))

    def _climb(self, places: Floats) -> None:
        """Look for better places, from a few."""
        n, d = self._terrain.values.shape
        cost = 20 * n * d
        self._credit += CLIMB
        few = min(self._credit // cost, len(places))
        self._credit -= few * cost
        for place, value in zip(*self._terrain.ascend(places[:few], 30), strict=True):
            self._found = max(self._found, float(value))
            if value > self._wanted and value not in self.values:
                self.places.append(place)
                self.values.append(float(value))

    def _has_room(self, needed: int) -> bool:
        """Return whether lists have room, after moving them together if they had not."""
        if self._end + needed <= len(self._lists):
            return True
        starts, sizes = self._open.spans[:, 0], self._open.work
        ends = np.cumsum(sizes)
        total = int(sizes.sum())
        size = max(2 * total + needed, min(2 * len(self._lists), ROOM))
        if size > 2 * ROOM:
            return False
        lists = np.empty(size, np.int32)
        lists[:total] = self._lists[np.repeat(starts - (ends - sizes), sizes) + np.arange(total)]
        self._lists, self._end = lists, total
        self._open = self._open._replace(spans=np.column_stack([ends - sizes, ends]))
        return True
