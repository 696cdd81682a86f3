"""Hartigan's method: rows move one by one until no move lowers the inertia [Hartigan 1975].

Every optimum of it is one of Lloyd's, but not the other way round [Telgarsky & Vattani 2010].
Moves are proposed for many rows at once and judged one after the other. A row is looked at only
if bounds leave a move open: an upper bound of the distance to its own mean, and a lower one of
what any other cluster would cost [as in Hamerly 2010].
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cofactor.codes.movable import (
    FAR,
    RELATIVE,
    Bounds,
    Centers,
    Clustering,
    Loosening,
    RowNumbers,
    movable,
)
from cofactor.data import RowBlock
from cofactor.data.base import Floats, Labels
from cofactor.engine import Engine

REBUILD = 32  # sweeps after which means are computed anew, to shed the rounding of updates
CHUNK_ENTRIES = 1 << 20  # worked on at a time
SAMPLE = 512  # rows, to guess how many bounds will hold
RESTLESS_CHOICES = 33  # numbers of clusters that are considered for comparison with all rows
OVERHEAD = 8  # of comparing a row with clusters, as so many clusters
DOWNWARDS = 1.0 - 1e-14  # outweighs rounding


@dataclass(frozen=True)
class Sweep:
    """What a sweep over the rows did.

    Attributes
    ----------
    moved : int
        How many rows changed their cluster.
    gain : float
        How much the inertia fell.
    shift : float
        Sum of the squared distances that means moved.
    """

    moved: int
    gain: float
    shift: float


class Hartigan:
    """Hard clusters on their way to an optimum of Hartigan's.

    Parameters
    ----------
    rows : RowBlock
        All rows, complete.
    labels : ndarray of shape (n,), int32
        The cluster of each row to start from.
    means : ndarray of shape (k, d)
        Only those of clusters without rows are used.
    shift : ndarray of shape (d,)
        A point near the data that their storage can subtract; see :meth:`RowBlock.reference`.
    engine : Engine

    Attributes
    ----------
    clustering : Clustering
        As it is now; row weights are divided by their mean.
    """

    def __init__(
        self, rows: RowBlock, labels: Labels, means: Floats, shift: Floats, engine: Engine
    ) -> None:
        unit, n, k = rows.weights.mean(), len(labels), len(means)
        size = max(256, CHUNK_ENTRIES * n // max(1, rows.stored.size))
        self._chunks = [slice(start, min(start + size, n)) for start in range(0, n, size)]
        self._few = -(-size // 8)
        norms = engine.map(lambda chunk: rows.take(chunk).squared_norms(shift), self._chunks)
        half_norms = 0.5 * np.concatenate(norms)
        self._movable = movable(rows.reweighted(rows.weights / unit), shift, half_norms)
        self.unit, self._engine = float(unit), engine
        self.clustering = Clustering(
            self._movable.rows.weights, labels.copy(), np.zeros(k), means.copy()
        )
        self._bounds = Bounds(np.full(n, FAR), np.zeros(n))
        self._every = np.arange(k, dtype=np.int32)
        self._heaviest = float(self.clustering.weights.max())
        farthest = np.sqrt(2.0 * self._movable.half_norms.max())
        self._slack = self._movable.rounding * (_length(self._movable.shift) + farthest) ** 2
        self._precisions = list(dict.fromkeys((rows.stored.dtype, np.dtype(float))))
        self._age, self._fresh = 0, True
        self._set_means()
        self._loosening = self._since(self.clustering.counts, self.clustering.means)

    def fill(self) -> int:
        """Give each empty cluster the row that saves most by leaving; return how many moved.

        The inertia falls by all that the row cost, so none is given where rows cost nothing.
        """
        moved = 0
        while (empty := np.flatnonzero(self.clustering.counts == 0)).size:
            saved = np.concatenate(self._engine.map(self._saved, self._chunks))
            worst = _largest(saved, empty.size)
            accepted, _ = self.move(worst, empty[: worst.size].astype(np.int32))
            if not accepted:
                break
            moved += accepted
        return moved

    def refill(self) -> float:
        """Fill empty clusters, if there are; return how much the inertia falls."""
        if self.clustering.counts.all():
            return 0.0
        before = self.inertia()
        self.fill()
        return before - self.inertia()

    def adopt(self, labels: Labels, counts: Floats, means: Floats) -> None:
        """Take over clusters that somebody else found: labels, weights and means of all."""
        now = self.clustering
        now.labels[:], now.counts[:], now.means[:] = labels, counts / self.unit, means
        self._bounds.upper[:], self._bounds.lower[:] = FAR, 0.0

    def sweep(self) -> Sweep:
        """Move the rows whose move lowers the inertia.

        No move means an optimum: bounds, or a comparison with every cluster, rule out that any
        row's move pays, with means that were computed anew.
        """
        result = self._pass()
        if result.moved or self._fresh:
            return result
        before = self._now()
        self._set_means()
        self._loosening = self._since(*before)
        return self._pass()

    def inertia(self) -> float:
        """Return the weighted sum of squared distances of rows to their means."""
        return self.unit * sum(self._engine.map(self._cost, self._chunks))

    @property
    def counts(self) -> Floats:
        """Weight of the rows of each cluster."""
        return self.unit * self.clustering.counts

    @property
    def means(self) -> Floats:
        """Their weighted means."""
        return self.clustering.means

    def _pass(self) -> Sweep:
        centers = [self._centers(self._every, dtype) for dtype in self._precisions]
        found = self._engine.map(partial(self._propose, centers), self._chunks)
        rows, targets = (np.concatenate(parts) for parts in zip(*found, strict=True))
        before = self._now()
        moved, gain = self.move(rows, targets)
        self._age += 1
        if self._age % REBUILD == 0:
            self._set_means()
        self._loosening = self._since(*before)
        return Sweep(moved, gain * self.unit, float(np.square(self._loosening.drift).sum()))

    def move(self, rows: RowNumbers, targets: Labels) -> tuple[int, float]:
        """Make the moves that pay, one after the other; return how many, and the gain.

        The gain is in units of the mean weight of a row. Not to be called between two sweeps.
        """
        before = self.clustering.labels[rows]
        gain = self._movable.move(rows, targets, self.clustering, self._slack)
        moved = rows[self.clustering.labels[rows] != before]
        self._bounds.upper[moved], self._bounds.lower[moved] = FAR, 0.0
        self._fresh &= not moved.size
        return moved.size, gain

    def _now(self) -> tuple[Floats, Floats]:
        return self.clustering.counts.copy(), self.clustering.means.copy()

    def _set_means(self) -> None:
        """Compute counts and means from the labels."""
        counts, sums = self._totals()
        filled = counts > 0
        shift, means = self._movable.shift, self.clustering.means
        means[filled] = shift + sums[filled] / counts[filled, None]
        self.clustering.counts[:] = counts
        self._fresh = True

    def _totals(self) -> tuple[Floats, Floats]:
        """Add up what chunks sum up to in their order, holding a few at a time."""
        k, d = self.clustering.means.shape
        counts, sums, step = np.zeros(k), np.zeros((k, d)), self._engine.n_workers
        for start in range(0, len(self._chunks), step):
            for count, part in self._engine.map(self._sums, self._chunks[start : start + step]):
                counts += count
                sums += part
        return counts, sums

    def _sums(self, rows: slice) -> tuple[Floats, Floats]:
        part = self._movable.rows.take(rows)
        index, weight = self.clustering.labels[rows, None], part.weights[:, None]
        k = len(self.clustering.counts)
        return part.scatter_sums(np.ascontiguousarray(index), weight, k, self._movable.shift)

    def _cost(self, rows: slice) -> float:
        part = self._movable.rows.take(rows)
        distances = part.squared_distances(self.clustering.means, self.clustering.labels[rows])
        return float(part.weights @ distances)

    def _saved(self, rows: slice) -> Floats:
        """Return what each row would save by leaving its cluster."""
        part = self._movable.rows.take(rows)
        own = self.clustering.labels[rows]
        distances = part.squared_distances(self.clustering.means, own)
        return part.weights * distances * self.clustering.leaving(rows)

    def _centers(self, names: Labels, dtype: Any) -> Centers:
        return Centers.of(self.clustering, names, self._movable.shift, dtype)

    def _propose(self, centers: Sequence[Centers], chunk: slice) -> tuple[RowNumbers, Labels]:
        """Return the rows of a chunk whose move would lower the inertia now, and where to."""
        self._look_at_restless(chunk)
        rows = self._movable.open(
            chunk, self._loosening, self.clustering, self._bounds, self._slack
        )
        return self._search(centers, rows)

    def _look_at_restless(self, chunk: slice) -> None:
        """Bound what moves to restless clusters would cost, beforehand for the loosening."""
        by, lower = self._loosening, self._bounds.lower
        if by.restless.names.size:
            _, least = self._cheapest(by.restless, np.arange(chunk.start, chunk.stop))
            bound = (np.sqrt(least) + by.term) / by.factor
            lower[chunk] = np.minimum(lower[chunk], DOWNWARDS * bound)

    def _search(self, centers: Sequence[Centers], rows: RowNumbers) -> tuple[RowNumbers, Labels]:
        """Compare rows with all clusters, in one precision after the other while that decides.

        What was learnt is kept as bounds.
        """
        if not centers:
            return self._search_by_residuals(rows)
        targets, least = self._cheapest(centers[0], rows)
        self._bounds.lower[rows] = np.sqrt(least)
        hopeful = self._open(rows) & (targets >= 0)
        rows, targets = rows[hopeful], targets[hopeful]
        cost = self._distances(rows, targets) * self.clustering.joining(rows, targets)
        sure = self._pays(self._at_stake(rows), cost)
        if sure.all():
            return rows, targets
        others = self._search(centers[1:], rows[~sure])
        return np.append(rows[sure], others[0]), np.append(targets[sure], others[1])

    def _cheapest(self, centers: Centers, rows: RowNumbers) -> tuple[Labels, Floats]:
        """See :meth:`Movable.cheapest`; in the precision of the centers."""
        labels = self.clustering.labels
        if centers.means.dtype == self._movable.rows.stored.dtype:
            return self._movable.cheapest(rows, labels, centers)
        found = []
        for piece in self._pieces(rows):
            part = self._movable.in_double(rows[piece])
            own = labels[rows[piece]]
            found.append(part.cheapest(np.arange(own.size), own, centers))
        targets, cost = (np.concatenate(parts) for parts in zip(*found, strict=True))
        return targets, cost

    def _search_by_residuals(self, rows: RowNumbers) -> tuple[RowNumbers, Labels]:
        """Compare the few rows that products leave undecided, one by one."""
        targets = np.empty(rows.size, dtype=np.int32)
        filled = np.flatnonzero(self.clustering.counts > 0).astype(np.int32)
        for place, row in enumerate(rows):
            others = filled[filled != self.clustering.labels[row]]
            copies = np.full(others.size, row)
            cost = self._distances(copies, others) * self.clustering.joining(copies, others)
            targets[place] = others[cost.argmin()]
            self._bounds.lower[row] = np.sqrt(cost.min())
        pays = self._open(rows)
        return rows[pays], targets[pays]

    def _distances(self, rows: RowNumbers, clusters: Labels) -> Floats:
        copies, means = self._movable.rows.take, self.clustering.means
        found = [
            copies(rows[piece]).squared_distances(means, clusters[piece])
            for piece in self._pieces(rows)
        ]
        return np.concatenate(found)

    def _pieces(self, rows: RowNumbers) -> list[slice]:
        """Cut rows into so few that they may be copied; at least one piece."""
        starts = range(0, max(1, len(rows)), self._few)
        return [slice(start, start + self._few) for start in starts]

    def _open(self, rows: RowNumbers) -> NDArray[np.bool_]:
        """Return which rows might move, as far as their bounds tell."""
        return self._pays(self._at_stake(rows), self._bounds.lower[rows] ** 2)

    def _at_stake(self, rows: RowNumbers) -> Floats:
        """Return at least what a unit of each row's weight would save by leaving."""
        return self._bounds.upper[rows] ** 2 * self.clustering.leaving(rows)

    def _pays(self, saved: Floats, cost: Floats) -> NDArray[np.bool_]:
        return saved - cost > RELATIVE * saved + self._slack

    def _since(self, counts: Floats, means: Floats) -> Loosening:
        """Return how bounds must be loosened since clusters had these counts and means."""
        drift = np.sqrt(np.square(self.clustering.means - means).sum(axis=1))
        drift *= 1.0 + 1e-12
        before, after = (n / (n + self._heaviest) for n in (counts, self.clustering.counts))
        factor = np.sqrt(np.divide(after, before, out=np.ones_like(after), where=before > after))
        restless = self._restless(drift, factor) if drift.any() else self._every[:0]
        calm = np.delete(self._every, restless)
        return Loosening(
            drift,
            self._centers(self._every[restless], self._precisions[0]),
            float(factor[calm].min(initial=1.0)),
            float(drift[calm].max(initial=0.0)),
        )

    def _restless(self, drift: Floats, factor: Floats) -> RowNumbers:
        """Return the clusters that all rows should be compared with, to spare other bounds.

        A sample of rows tells how many are open by how much the bounds on others loosen.
        """
        n, k = len(self._bounds.lower), len(drift)
        sample = np.arange(0, n, -(-n // SAMPLE))
        lower = self._bounds.lower[sample]
        need = self._bounds.upper[sample] * np.sqrt(self.clustering.leaving(sample))
        margin = np.sort(lower - need)
        loss = drift + (1.0 - factor) * np.median(lower)
        order = np.argsort(-loss, kind="stable")
        how_many = np.unique(np.linspace(0, k - 1, RESTLESS_CHOICES).astype(int))
        open_share = np.searchsorted(margin, loss[order[how_many]]) / len(sample)
        cost = open_share * (k + OVERHEAD) + np.where(how_many, how_many + OVERHEAD, 0)
        return order[: how_many[cost.argmin()]]


def _largest(values: Floats, how_many: int) -> RowNumbers:
    """Return where the largest values are, in descending order."""
    limit = -np.partition(-values, how_many - 1)[how_many - 1] if how_many < len(values) else -FAR
    candidates = np.flatnonzero(values >= limit)
    order = np.argsort(-values[candidates], kind="stable")
    largest: RowNumbers = candidates[order][:how_many]
    return largest


def _length(vector: Floats) -> float:
    return float(np.sqrt(vector @ vector))
