"""Ways to look for moves of rows, each by comparing them with other centers."""

from __future__ import annotations

from typing import ClassVar, Protocol

import numpy as np

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
N_SLICES = 8
LEAST_SLICE = 16  # centers
SAMPLE = 256  # rows


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
    """

    def __init__(
        self, clustering: Clustering, sketch: Sketch, comparison: Comparison, engine: Engine
    ) -> None:
        self.clustering, self.sketch = clustering, sketch
        self.comparison, self.engine = comparison, engine
        n, k = len(clustering.labels), len(clustering.counts)
        self.n_slices = min(N_SLICES, max(1, k // LEAST_SLICE))
        self.kept = np.full((n, self.n_slices), -1, dtype=np.int32)

    @property
    def n_rows(self) -> int:
        """Number of rows."""
        return len(self.kept)

    def draw(self) -> Sketch:
        """Return the centers as they are."""
        now = self.clustering
        self.sketch.draw(now.means, now.counts, np.inf, self.engine)
        return self.sketch

    def compare(self, units: Units, edges: RowNumbers, lists: Labels) -> None:
        """Compare rows with the centers as they are."""
        self.comparison.units(self.draw(), self.clustering, units, edges, lists)

    def remember(self, rows: RowNumbers, before: Labels) -> None:
        """Keep the centers that rows came from, in the place of those that they went to."""
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
        self._lists: Labels = np.empty((0, 0), dtype=np.int32)

    def propose(self) -> None:
        """See :class:`Arm`."""
        field, sketch = self._field, self._field.sketch
        if self._age % REFRESH == 0:
            self._refresh()
        self._age += 1
        units = Units.by_place(field.clustering.labels, sketch.cells.places)
        field.compare(units, units.merged(FULL), self._lists)

    def _refresh(self) -> None:
        field, sketch = self._field, self._field.sketch
        if self._age:
            centers, points = sketch.narrow(field.clustering.means), sketch.cells.points
            counter = field.comparison.counter
            sketch.cells = cells_of(centers, points, STEPS, field.engine, counter)
        field.draw()
        self._lists = sketch.near_centers(N_NEAR, ENOUGH, field.engine, field.comparison.counter)


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

    def promise(self) -> float:
        """Return the gain that an evaluation would bring, guessed from a sample of rows."""
        field = self._field
        sample = np.arange(0, field.n_rows, -(-field.n_rows // SAMPLE))
        units = Units.in_chunks(sample)
        places = field.sketch.cells.places
        field.compare(units, units.alone, np.sort(places)[None])
        gains = field.clustering.weights[sample] * field.comparison.gains[sample]
        return float(gains[gains > 0].sum()) / (len(sample) * len(places))


class KeptLists:
    """Each row meets again the best center of each slice."""

    effort: ClassVar[float] = 6.0

    def __init__(self, field: Field) -> None:
        self._field = field

    def propose(self) -> None:
        """See :class:`Arm`."""
        field = self._field
        field.comparison.each(field.draw(), field.clustering, field.kept)
