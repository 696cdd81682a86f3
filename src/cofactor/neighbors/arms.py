"""Ways to look for moves of rows, each by comparing them with other centers."""

from __future__ import annotations

from typing import ClassVar, Protocol

import numpy as np
from numpy.typing import NDArray

from cofactor.codes.movable import Clustering, RowNumbers
from cofactor.data.base import Labels
from cofactor.engine import Engine
from cofactor.neighbors.comparison import Comparison, Units
from cofactor.neighbors.sketch import Sketch, cells_of

N_NEAR = 48  # centers in the list of each
ENOUGH = 768  # centers that those are found among
STEPS = 2  # of Lloyd's, for cells to follow the centers
REFRESH = 8  # passes after which lists are made anew
FULL = 16  # rows that fill a panel; clusters of fewer are compared together
FEW = 8  # rows of a cluster; of fewer, rows are compared one by one
MANY = 8  # as many times faster are all centers drawn together than one by one
N_SLICES = 8
LEAST_SLICE = 16  # centers
SAMPLE = 512  # rows


class Field:
    """What all arms work on.

    Parameters
    ----------
    clustering : Clustering
        All clusters have rows, if there are enough that differ.
    sketch : Sketch
    comparison : Comparison
    engine : Engine

    Attributes
    ----------
    n_slices : int
        The centers are cut into so many.
    kept : ndarray of shape (n, slices), int32
        The best other center of each row in every slice, as far as looked at; else −1.
    n_looked_at : int
        So many slices.
    sample : ndarray of int64
        A few rows, to guess by.
    """

    def __init__(
        self, clustering: Clustering, sketch: Sketch, comparison: Comparison, engine: Engine
    ) -> None:
        self.clustering, self.sketch = clustering, sketch
        self.comparison, self.engine = comparison, engine
        n, k = len(clustering.labels), len(clustering.counts)
        self.n_slices = min(N_SLICES, max(1, k // LEAST_SLICE))
        self.kept = np.full((n, self.n_slices), -1, dtype=np.int32)
        self.n_looked_at = 0
        self.sample = np.arange(0, n, -(-n // SAMPLE))
        self._stale = np.ones(k, dtype=bool)

    @property
    def n_rows(self) -> int:
        """Number of rows."""
        return len(self.kept)

    def changed(self, clusters: NDArray[np.bool_] | None = None) -> None:
        """Take note that some clusters changed, or all."""
        self._stale |= True if clusters is None else clusters

    def draw(self) -> Sketch:
        """Return the centers as they are."""
        now, stale = self.clustering, np.flatnonzero(self._stale)
        if MANY * len(stale) > len(self._stale):
            self.sketch.draw(now.means, now.counts, np.inf, self.engine)
        else:
            self.sketch.redraw(now.means, now.counts, stale)
        self._stale[:] = False
        return self.sketch

    def compare(self, units: Units, edges: RowNumbers, lists: Labels) -> None:
        """Compare rows with the centers as they are."""
        self.comparison.units(self.draw(), self.clustering, units, edges, lists)

    def promise(self, units: Units, lists: Labels) -> float:
        """Return the gain of a row, on average, if each of some moved on its own."""
        self.compare(units, units.alone, lists)
        rows = units.order
        gains = self.clustering.weights[rows] * self.comparison.gains[rows]
        return float(gains[gains > 0].sum()) / len(rows)

    def remember(self, rows: RowNumbers, before: Labels) -> None:
        """Keep the centers that rows came from, in the place of those that they went to."""
        if not self.n_looked_at:
            return
        kept, now = self.kept[rows], self.clustering.labels[rows]
        self.kept[rows] = np.where(kept == now[:, None], before[:, None], kept)


class Arm(Protocol):
    """A way to look for moves.

    Attributes
    ----------
    effort : float
        What an evaluation takes, by one of a slice.
    """

    effort: ClassVar[float]

    def propose(self) -> None:
        """Leave proposals in the field's comparison."""
        ...


class Neighbors:
    """Rows of a cluster share a list of the centers near theirs."""

    effort: ClassVar[float] = 2.0

    def __init__(self, field: Field) -> None:
        self._field, self._age = field, 0
        self._lists = self._near_centers()

    def propose(self) -> None:
        """See :class:`Arm`."""
        field = self._field
        if self._age == REFRESH:
            self._refresh()
        self._age += 1
        units = Units.by_place(field.clustering.labels, field.sketch.cells.places)
        tiny = field.n_rows < FEW * len(field.clustering.counts)
        field.compare(units, units.alone if tiny else units.merged(FULL), self._lists)

    def promise(self) -> float:
        """Return what a pass would gain for each row, guessed from a sample of rows."""
        field = self._field
        sample = Units.by_place(field.clustering.labels, field.sketch.cells.places, field.sample)
        return field.promise(sample, self._lists)

    def expire(self) -> None:
        """Make lists anew before the next pass."""
        self._age = REFRESH

    def _refresh(self) -> None:
        field, sketch = self._field, self._field.sketch
        centers, points = sketch.narrow(field.clustering.means), sketch.cells.points
        sketch.cells = cells_of(centers, points, STEPS, field.engine, field.comparison.counter)
        field.changed()
        self._lists, self._age = self._near_centers(), 0

    def _near_centers(self) -> Labels:
        field = self._field
        return field.draw().near_centers(N_NEAR, ENOUGH, field.engine, field.comparison.counter)


class Slices:
    """All rows meet all centers of one slice after another; the slices are drawn once.

    Attributes
    ----------
    n_done : int
        Passes so far.
    """

    effort: ClassVar[float] = 1.0

    def __init__(self, field: Field) -> None:
        self._field, self.n_done = field, 0
        k = len(field.clustering.counts)
        order = np.random.default_rng(0).permutation(k).astype(np.int32)
        self._slices = [order[first :: field.n_slices] for first in range(field.n_slices)]
        self._units = Units.in_chunks(np.arange(field.n_rows))

    def propose(self) -> None:
        """See :class:`Arm`."""
        field = self._field
        turn = self.n_done % field.n_slices
        places = field.sketch.cells.places[self._slices[turn]]
        field.compare(self._units, self._units.alone, places[None])
        field.kept[:, turn] = field.comparison.index
        self.n_done += 1
        field.n_looked_at = min(self.n_done, field.n_slices)

    def promise(self) -> float:
        """Return what a row would gain if it met all centers, guessed from a sample of rows."""
        places = self._field.sketch.cells.places
        return self._field.promise(Units.in_chunks(self._field.sample), np.sort(places)[None])


class KeptLists:
    """Each row meets again the best center of each slice."""

    effort: ClassVar[float] = 6.0

    def __init__(self, field: Field) -> None:
        self._field = field

    def propose(self) -> None:
        """See :class:`Arm`."""
        field = self._field
        field.comparison.each(field.draw(), field.clustering, field.kept)
