"""The search where rows stay with those who hold them: every block moves its own, then all meet.

What goes out to a block are the clusters as they are and what its rows are to be compared with;
what comes back are sums over its rows. A block judges its moves one after the other, but knows
nothing of what other blocks move meanwhile: so moves that pay one by one may not pay together. The
inertia that follows from all sums tells. If it did not fall, the moves are undone, and only rows
move that are nearer to another mean than to their own, as in Lloyd's iterations, which lowers the
inertia whatever others do.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cofactor.codes.hartigan import Sweep
from cofactor.data import DenseRows, RowBlock, Rows, SparseRows
from cofactor.data.base import Floats, Labels
from cofactor.engine import Engine
from cofactor.neighbors.arms import Field, slices_of
from cofactor.neighbors.blocksteps import (
    HERE,
    BlockSums,
    Fill,
    FindWorst,
    First,
    Moves,
    MovesOfOne,
    Opening,
    Told,
)
from cofactor.neighbors.comparison import narrowing
from cofactor.neighbors.course import Course, Pass
from cofactor.neighbors.ground import AtAll, at_cells, by_cells, in_cells
from cofactor.neighbors.looks import Look
from cofactor.neighbors.sketch import Numbers
from cofactor.neighbors.sparse import SparseSketch


@dataclass
class Clusters:
    """The clusters as all blocks are told of them.

    Attributes
    ----------
    unit : float
        The mean weight of a row.
    spread : float
        Weighted squared distances of all rows from the reference point.
    means : ndarray of shape (k, d)
    in_units : ndarray of shape (k,)
        Weight of the rows of each cluster, in units.
    between : float
        Weighted squared distances of the means from the reference point.
    """

    unit: float
    spread: float
    means: Floats
    in_units: Floats
    between: float = 0.0

    @property
    def counts(self) -> Floats:
        """Weight of the rows of each cluster; in units where rows are compared."""
        return self.unit * self.in_units

    def inertia(self) -> float:
        """Return the weighted sum of squared distances of rows to their means."""
        return max(self.spread - self.between, 0.0)

    def adopt(self, sums: BlockSums, shift: Floats) -> None:
        """Take over what the sums over all rows amount to; clusters without rows stay."""
        filled = sums.counts > 0
        self.means = self.means.copy()
        self.means[filled] = shift + sums.sums[filled] / sums.counts[filled, None]
        self.in_units, self.between = sums.counts / self.unit, sums.between


@dataclass
class InUnits:
    """What rows are compared with: the clusters, their weights in units."""

    clusters: Clusters

    @property
    def counts(self) -> Floats:
        """See :class:`cofactor.neighbors.arms.Centroids`."""
        return self.clusters.in_units

    @property
    def means(self) -> Floats:
        """See :class:`cofactor.neighbors.arms.Centroids`."""
        return self.clusters.means

    @property
    def shared(self) -> NDArray[np.bool_]:
        """All that have rows: only blocks know how many."""
        return self.counts > 0


# How the centers are compared, what rows look at first, and whether neighbours are listed.
Outlook = tuple[Any, Look, bool]


def _of_dense(means: Floats, shift: Floats, scale: float, counter: Numbers) -> Outlook:
    sketch = in_cells(means, shift, scale, HERE, counter)
    some = by_cells(sketch)
    look = at_cells(sketch, means, shift, HERE, counter) if some else AtAll(means, shift)
    return sketch, look, True


def _of_sparse(means: Floats, shift: Floats, scale: float, counter: Numbers) -> Outlook:
    return SparseSketch(len(means)), AtAll(means, shift), False


_OUTLOOKS: dict[type, Callable[..., Outlook]] = {DenseRows: _of_dense, SparseRows: _of_sparse}


class BlockSearch(Course):
    """A search among few centers at a time that needs no memory shared between blocks.

    Parameters
    ----------
    blocks : sequence of RowBlock
    means : ndarray of shape (k, d)
        Where to start.
    shift : ndarray of shape (d,)
        A point near the data; see :meth:`RowBlock.reference`.
    engine : Engine

    Attributes
    ----------
    clusters : Clusters
    """

    clusters: Clusters

    def __init__(
        self, blocks: Sequence[RowBlock], means: Floats, shift: Floats, engine: Engine
    ) -> None:
        k, self._counter = len(means), np.zeros(1, dtype=np.int64)
        numbers: Rows[Any] = Rows(blocks, range(len(blocks)), engine)
        seen, self._rows = numbers.sweep(Opening(shift, slices_of(k)))
        scale, unit = narrowing(seen.entry, shift), seen.weight / seen.n_rows
        sketch, look, listed = _OUTLOOKS[seen.storage](means, shift, scale, self._counter)
        self.clusters = Clusters(unit, seen.spread, means, np.ones(k))
        self._told = Told(shift, scale, unit, seen.slack(shift), sketch, np.ones(k), means)
        sums, self._rows = self._sweep(First(self._told, look))
        self._adopt(sums)
        self._fill()
        self.first = Pass(seen.n_rows, 0.0, np.inf, int(self._counter[0]))
        field = Field(InUnits(self.clusters), sketch, HERE, self._counter)
        super().__init__(field, seen.n_rows, listed=listed)

    @property
    def labels(self) -> Labels:
        """See :class:`Course`."""
        return np.concatenate([state.labels for state in self._rows.states])

    def _adopt(self, sums: BlockSums) -> None:
        """Take over what came back from all blocks, and tell them of it from now on."""
        self.clusters.adopt(sums, self._told.shift)
        now = self.clusters
        self._told = replace(self._told, counts=now.in_units, means=now.means)

    def _moved(self, look: Look) -> Sweep:
        before, means = self.clusters.inertia(), self.clusters.means
        moved = self._move(look)
        moved += self._fill()
        self._field.changed()
        shift = float(np.square(self.clusters.means - means).sum())
        return Sweep(moved, before - self.clusters.inertia(), shift)

    def _move(self, look: Look) -> int:
        """Make moves that lower the inertia together; return how many.

        Those of one block alone lower it as that block says: it knows of all that happens then.
        """
        sums, rows = self._sweep(Moves(self._told, look))
        wanted, most = sums.moved, sums.most.block
        if wanted and not self._lowers(sums):
            sums, rows = self._sweep(Moves(self._told.unmoved(), look))
        if wanted and not self._lowers(sums):
            sums, rows = self._sweep(MovesOfOne(self._told, look, most))
        if sums.moved and not self._lowers(sums):  # rounding is all that is left
            return 0
        self._rows = rows
        self._adopt(sums)
        return sums.moved

    def _lowers(self, sums: BlockSums) -> bool:
        """Return whether the inertia is lower than it was."""
        return sums.between > self.clusters.between

    def _sweep(self, step: Any) -> tuple[BlockSums, Rows[Any]]:
        """Let all blocks do a step; nothing is taken over yet."""
        sums, rows = self._rows.sweep(step)
        self._counter += sums.evaluations
        return sums, rows

    def _fill(self) -> int:
        """Give clusters without rows the rows that save most by leaving; return how many moved."""
        moved = 0
        while (empty := np.flatnonzero(self.clusters.in_units == 0)).size:
            worst, _ = self._rows.sweep(FindWorst(self._told, empty.size))
            donors = worst.donors()
            if not donors:
                break
            targets = {donor: int(c) for donor, c in zip(donors, empty, strict=False)}
            sums, self._rows = self._rows.sweep(Fill(self._told, targets))
            self._adopt(sums)
            moved += sums.moved
        return moved
