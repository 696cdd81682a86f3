"""Ways to look for moves of rows, each by comparing them with other centers."""

from __future__ import annotations

from typing import ClassVar, Protocol

import numpy as np
from numpy.typing import NDArray

from cofactor.data.base import Floats
from cofactor.engine import Engine
from cofactor.neighbors.looks import AtKept, AtNeighbors, AtSlice, Look
from cofactor.neighbors.sketch import Numbers, Sketch, cells_of

N_NEAR = 48  # centers in the list of each
ENOUGH = 768  # centers that those are found among
STEPS = 2  # of Lloyd's, for cells to follow the centers
PATIENCE = 0.25  # of what passes gain on average, by what they take: less, and lists are made anew
MANY = 8  # as many times faster are all centers drawn together than one by one
N_SLICES = 8  # or more, lest slices take long
LEAST_SLICE, MOST_SLICE = 16, 1024  # centers


class Centroids(Protocol):
    """Clusters as rows are compared with them."""

    @property
    def counts(self) -> Floats:
        """Weight of the rows of each cluster, shape (k,)."""
        ...

    @property
    def means(self) -> Floats:
        """Their means, shape (k, d)."""
        ...

    @property
    def shared(self) -> NDArray[np.bool_]:
        """Whether lists of each cluster serve any row that might leave, shape (k,)."""
        ...


class Field:
    """The centers that all arms work on.

    Parameters
    ----------
    centroids : Centroids
        As they are now, whoever moves them.
    sketch : Sketch
    engine : Engine
    counter : ndarray of shape (1,), int64
        The number of distances between centers is added to it.

    Attributes
    ----------
    n_slices : int
        The centers are cut into so many.
    """

    def __init__(
        self, centroids: Centroids, sketch: Sketch, engine: Engine, counter: Numbers
    ) -> None:
        self.centroids, self.sketch, self.engine = centroids, sketch, engine
        self.counter = counter
        self.n_slices = slices_of(self.n_clusters)
        self._stale = np.ones(self.n_clusters, dtype=bool)

    @property
    def n_clusters(self) -> int:
        """Number of centers."""
        return len(self.centroids.counts)

    def changed(self, clusters: NDArray[np.bool_] | None = None) -> None:
        """Take note that some clusters changed, or all."""
        self._stale |= True if clusters is None else clusters

    def draw(self) -> Sketch:
        """Return the centers as they are."""
        now, stale = self.centroids, np.flatnonzero(self._stale)
        if MANY * len(stale) > len(self._stale):
            self.sketch.draw(now.means, now.counts, np.inf, self.engine)
        else:
            self.sketch.redraw(now.means, now.counts, stale)
        self._stale[:] = False
        return self.sketch


class Arm(Protocol):
    """A way to look for moves.

    Attributes
    ----------
    effort : float
        What an evaluation takes, by one of a slice.
    """

    effort: ClassVar[float]

    def look(self) -> Look:
        """Return what rows are to be compared with next."""
        ...


class Neighbors:
    """Rows of a cluster share a list of the centers near theirs.

    Lists are made anew once a pass gains much less, by what it takes, than passes did on average
    since they were made: what it took to make them counts, too. But it never takes longer to make
    them than to use them. Where no row might leave, no list is made before one might.

    Parameters
    ----------
    field : Field

    Attributes
    ----------
    outdated : bool
        Whether rows moved since lists were made.
    """

    effort: ClassVar[float] = 2.0

    def __init__(self, field: Field) -> None:
        self._field = field
        self._make()

    def look(self) -> AtNeighbors:
        """See :class:`Arm`."""
        if self._stale:
            self._refresh()
        else:
            self._complete()
        self._age += 1
        return self.now

    @property
    def fresh(self) -> bool:
        """Whether lists were made since the pass before the last."""
        return self._age <= 1

    @property
    def now(self) -> AtNeighbors:
        """The lists as they are."""
        return AtNeighbors(self._lists)

    def learn(self, gain: float, effort: float) -> None:
        """Take note of what a pass gained, and of what it took but for making lists."""
        self._gain += gain
        self._spent += effort
        used = self._spent >= 2.0 * self._making
        self._stale = used and gain / effort < PATIENCE * self._gain / self._spent

    def expire(self) -> None:
        """Make lists anew before the next pass."""
        self._stale = True

    def _refresh(self) -> None:
        """Put centers into cells as they are now, and make lists."""
        field, sketch = self._field, self._field.sketch
        before = int(field.counter[0])
        centers, points = sketch.narrow(field.centroids.means), sketch.cells.points
        sketch.cells = cells_of(centers, points, STEPS, field.engine, field.counter)
        field.changed()
        self._make()
        self._making = self._spent = float(field.counter[0] - before)

    def _make(self) -> None:
        """Make lists, and begin to count what that gains."""
        field, k = self._field, self._field.n_clusters
        before = int(field.counter[0])
        self._lists = np.full((k, min(N_NEAR, k)), -1, dtype=np.int32)
        self._unlisted = np.ones(k, dtype=bool)
        self._complete()
        self._age, self._gain, self._stale, self.outdated = 0, 0.0, False, False
        self._making = self._spent = float(field.counter[0] - before)

    def _complete(self) -> None:
        """List the neighbours of centers that have no list yet, where rows might leave."""
        field = self._field
        shared = field.centroids.shared if self._unlisted.any() else False
        clusters = np.flatnonzero(self._unlisted & shared)
        if clusters.size:
            sketch = field.draw()
            places = np.sort(sketch.cells.places[clusters])
            task = N_NEAR, ENOUGH, field.engine, field.counter
            self._lists[places] = sketch.near_centers(places, *task)
            self._unlisted[clusters] = False


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
        order = np.random.default_rng(0).permutation(field.n_clusters).astype(np.int32)
        self._slices = [order[first :: field.n_slices] for first in range(field.n_slices)]

    def look(self) -> AtSlice:
        """See :class:`Arm`."""
        turn = self.n_done % self._field.n_slices
        self.n_done += 1
        return AtSlice(turn, self._field.sketch.cells.places[self._slices[turn]])


class KeptLists:
    """Each row meets again the best center of each slice."""

    effort: ClassVar[float] = 6.0

    def look(self) -> AtKept:
        """See :class:`Arm`."""
        return AtKept()


def slices_of(n_clusters: int) -> int:
    """Return how many slices the centers are cut into."""
    return max(min(N_SLICES, max(1, n_clusters // LEAST_SLICE)), -(-n_clusters // MOST_SLICE))
