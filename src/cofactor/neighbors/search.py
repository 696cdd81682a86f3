"""Hard clusters on their way down: arms propose moves of rows, which are judged one by one."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cofactor.codes.hartigan import Hartigan, Sweep
from cofactor.codes.movable import Clustering
from cofactor.data.base import Floats, Labels
from cofactor.engine import Engine
from cofactor.neighbors.arms import N_NEAR, Field, Neighbors, Slices
from cofactor.neighbors.choice import Choice
from cofactor.neighbors.course import LISTS, SLICES, Course, Pass, rate_of
from cofactor.neighbors.ground import Searchable, ground_of
from cofactor.neighbors.looks import AtSlice, Look, View, nothing_kept, one_by_one
from cofactor.neighbors.opening import EFFORT as OPENING_EFFORT
from cofactor.neighbors.opening import Opening

FEW = 0.5  # of all gains: where lists show no more, all centers must be met
LOYALTY = 2.0  # what bounds are worth that are lost once Lloyd's iterations are left
SAMPLE = 512  # rows, to guess by


@dataclass(frozen=True)
class Promises:
    """What rows would gain, on average, if each moved on its own: guessed from a few.

    Attributes
    ----------
    n_clusters, n_slices : int
    nearby : float or None
        Among the centers listed for them; None where there are no lists.
    everywhere : float
        Among all centers.
    """

    n_clusters: int
    n_slices: int
    nearby: float | None
    everywhere: float

    @property
    def share(self) -> float:
        """How much of what they would gain rows find among their neighbours."""
        if self.nearby is None:
            return 0.0
        return self.nearby / self.everywhere if self.everywhere > 0 else 1.0

    def rates(self, unit: float) -> dict[str, float]:
        """Return what to expect of lists and slices, given the unit of weights."""
        k, n_slices = self.n_clusters, self.n_slices
        rates = {SLICES: rate_of(unit * self.everywhere / n_slices, Slices.effort * k / n_slices)}
        if self.nearby is not None:
            rates[LISTS] = rate_of(unit * self.nearby, Neighbors.effort * min(k, N_NEAR))
        return rates


@dataclass(frozen=True)
class Together:
    """Clusters of rows that all are at hand.

    Attributes
    ----------
    clustering : Clustering
    """

    clustering: Clustering

    @property
    def counts(self) -> Floats:
        """See :class:`cofactor.neighbors.arms.Centroids`."""
        return self.clustering.counts

    @property
    def means(self) -> Floats:
        """See :class:`cofactor.neighbors.arms.Centroids`."""
        return self.clustering.means

    @property
    def shared(self) -> NDArray[np.bool_]:
        """See :class:`cofactor.neighbors.arms.Centroids`."""
        labels, rows = self.clustering.labels, self.clustering.accompanied()
        if rows is None or not one_by_one(self.clustering):
            return np.ones(len(self.counts), dtype=bool)
        shared = np.zeros(len(self.counts), dtype=bool)
        shared[labels[rows]] = True
        return shared


class NeighborSearch(Course):
    """A search for rows whose move lowers the inertia, among few centers at a time.

    Parameters
    ----------
    rows : DenseRows or SparseRows
    means : ndarray of shape (k, d)
        Where to start.
    shift : ndarray of shape (d,)
        A point near the data; see :meth:`RowBlock.reference`.
    engine : Engine

    Attributes
    ----------
    clusters : Hartigan
    """

    clusters: Hartigan

    def __init__(self, rows: Searchable, means: Floats, shift: Floats, engine: Engine) -> None:
        ground = ground_of(rows, means, shift, engine)
        counter = ground.comparison.counter
        self.clusters = Hartigan(rows, ground.labels, means, shift, engine)
        filled = self.clusters.fill()
        self.first = Pass(rows.n_rows, 0.0, np.inf, int(counter[0]))
        clustering = self.clusters.clustering
        field = Field(Together(clustering), ground.sketch, engine, counter)
        super().__init__(field, rows.n_rows, listed=ground.listed)
        kept = nothing_kept(rows.n_rows, self.n_slices)
        self._view = View(ground.sketch, ground.comparison, clustering, kept)
        self._unit = self.clusters.unit
        promises = self._promises()
        self._choice = Choice(SLICES, promises.rates(self._unit))
        self._opening = None if filled or promises.share > FEW else ground.opening

    @property
    def labels(self) -> Labels:
        """See :class:`Course`."""
        return self._view.clustering.labels

    def step(self, worthwhile: float) -> Pass:
        """See :class:`Course`; at first a search of all centers may be what promises most."""
        if self._opening is not None:
            return self._open(self._opening)
        return super().step(worthwhile)

    def _promises(self) -> Promises:
        """Guess what rows would gain from a few of them."""
        k, n = self._field.n_clusters, self._view.n_rows
        places = np.sort(self._field.draw().cells.places)
        rows = np.arange(0, n, -(-n // SAMPLE))
        nearby = None if self._lists is None else self._lists.now.some(self._view, rows) / len(rows)
        everywhere = AtSlice(0, places).some(self._view, rows) / len(rows)
        return Promises(k, self.n_slices, nearby, everywhere)

    def _open(self, opening: Opening) -> Pass:
        """Take one of Lloyd's iterations; let arms go on once they promise much more."""
        sweep, evaluations = opening.iterate(self.clusters)
        self._field.changed()
        n, rates = self._view.n_rows, self._promises().rates(self._unit)
        rate = rate_of(sweep.gain / n, OPENING_EFFORT * evaluations / n)
        filled = 0.0
        if opening.is_over or LOYALTY * rate <= max(rates.values()):
            self._choice, self._opening = Choice(SLICES, rates), None
            if self._lists is not None:
                self._lists.expire()
            filled = self.clusters.refill()
            self._field.changed()
        return Pass(sweep.moved, sweep.gain + filled, sweep.shift, evaluations)

    def _moved(self, look: Look) -> Sweep:
        view, clustering = self._view, self._view.clustering
        look(view)
        rows = view.wishes()
        before, targets = clustering.labels[rows], view.comparison.index[rows]
        touched = np.zeros(len(clustering.counts), dtype=bool)
        touched[before] = touched[targets] = True
        names = np.flatnonzero(touched)
        means = clustering.means.take(names, axis=0)
        moved, gain = self.clusters.move(rows, targets)
        self._field.changed(touched)
        if self._slices.n_done:
            went = clustering.labels[rows] != before
            view.remember(rows[went], before[went])
        means -= clustering.means.take(names, axis=0)
        shift = float(np.einsum("cd,cd->", means, means))
        return Sweep(moved, gain * self._unit, shift)
