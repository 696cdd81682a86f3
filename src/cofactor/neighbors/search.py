"""Hard clusters on their way down: arms propose moves of rows, which are judged one by one."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from cofactor.codes.hartigan import Hartigan, Sweep
from cofactor.codes.movable import Clustering, RowNumbers
from cofactor.data import DenseRows
from cofactor.data.base import Affine, Floats, Labels
from cofactor.engine import Engine
from cofactor.neighbors.arms import Arm, Field, KeptLists, Neighbors, Slices
from cofactor.neighbors.choice import Choice
from cofactor.neighbors.comparison import Comparison, Units
from cofactor.neighbors.sketch import Sketch, cells_of

LISTS, SLICES, KEPT = "lists", "slices", "kept"  # the arms
STEPS = 4  # of Lloyd's, to find the cells
FIRST = 256  # centers that a row is first compared with
OVERHEAD = 16  # evaluations that anything else about a row takes as long as
KEPT_SHARE = 1.0  # what to expect of lists kept from slices, by what the last slice gained


@dataclass(frozen=True)
class Pass(Sweep):
    """What one pass over the rows did: a sweep, and what it cost.

    Attributes
    ----------
    evaluations : int
        Distances that were computed to propose moves.
    """

    evaluations: int


class NeighborSearch:
    """A search for rows whose move lowers the inertia, among few centers at a time.

    Parameters
    ----------
    rows : DenseRows
    means : ndarray of shape (k, d)
        Where to start.
    shift : ndarray of shape (d,)
        A point near the data; see :meth:`RowBlock.reference`.
    engine : Engine

    Attributes
    ----------
    clusters : Hartigan
    first : Pass
        That which found the first labels.
    """

    def __init__(self, rows: DenseRows, means: Floats, shift: Floats, engine: Engine) -> None:
        k = len(means)
        n_cells = min(k, max(1, int(2 * np.sqrt(k))))
        comparison = Comparison(rows, shift, engine)
        centers = comparison.scale * (means - shift)
        first = centers[np.arange(n_cells) * k // n_cells]
        cells = cells_of(centers, first, STEPS, engine, comparison.counter)
        sketch = Sketch(cells, shift, comparison.scale)
        labels = _first_labels(rows, means, shift, sketch, comparison, engine)
        self.clusters = Hartigan(rows, labels, means, shift, engine)
        self.clusters.fill()
        self.first = Pass(rows.n_rows, 0.0, np.inf, int(comparison.counter[0]))
        self._field = Field(self.clusters.clustering, sketch, comparison, engine)
        self._slices = Slices(self._field)
        self._arms: dict[str, Arm] = {
            LISTS: Neighbors(self._field),
            SLICES: self._slices,
            KEPT: KeptLists(self._field),
        }
        self._choice = Choice(SLICES, {LISTS: np.inf, SLICES: self._slices.promise()})
        self._recent = [np.inf]  # gains from the beginning of each of the last slices to the next
        self._unit = self.clusters.unit

    @property
    def recent_gain(self) -> float:
        """What was gained while all rows last met all centers; at first inf."""
        return float(sum(self._recent))

    @property
    def n_slices(self) -> int:
        """In how many passes all rows meet all centers."""
        return self._field.n_slices

    def step(self, worthwhile: float) -> Pass:
        """Let the arm propose moves that promises most, and make those that pay.

        Parameters
        ----------
        worthwhile : float
            Arms that gain no more rest.
        """
        name, counter = self._choice.best(), self._field.comparison.counter
        arm, before = self._arms[name], int(counter[0])
        if name == SLICES:
            self._recent = [*self._recent, 0.0][-self._field.n_slices :]
        arm.propose()
        evaluations = int(counter[0]) - before
        moved, gain, shift = self._move(self._wishes())
        self._recent[-1] += gain
        rate = gain / (arm.effort * evaluations + OVERHEAD * self._field.n_rows)
        self._choice.learn(name, rate, worthwhile=gain > worthwhile)
        if name == SLICES and self._slices.n_done > 1:
            self._choice.expect(KEPT, KEPT_SHARE * rate)
        return Pass(moved, gain, shift, evaluations)

    def _wishes(self) -> RowNumbers:
        """Return the rows that would gain by moving, those that would gain most first."""
        gains = self._field.clustering.weights * self._field.comparison.gains
        rows = np.flatnonzero(gains > 0)
        order: RowNumbers = rows[np.argsort(-gains[rows], kind="stable")]
        return order

    def _move(self, rows: RowNumbers) -> tuple[int, float, float]:
        clustering = self._field.clustering
        before, targets = clustering.labels[rows], self._field.comparison.index[rows]
        touched = np.unique(np.append(before, targets))
        means = clustering.means[touched]
        moved, gain = self.clusters.move(rows, targets)
        went = clustering.labels[rows] != before
        self._field.remember(rows[went], before[went])
        shift = float(np.square(clustering.means[touched] - means).sum())
        return moved, gain * self._unit, shift


def _first_labels(
    rows: DenseRows,
    means: Floats,
    shift: Floats,
    sketch: Sketch,
    comparison: Comparison,
    engine: Engine,
) -> Labels:
    """Return the nearest to each row of the centers nearest to its cell."""
    n, k, cells = rows.n_rows, len(means), sketch.cells
    sketch.draw(means, np.ones(k), 0.0, engine)
    lists = sketch.near_points(FIRST, 2 * FIRST, engine, comparison.counter)
    own = _nearest_points(rows, sketch.widen(cells.points), shift, engine)
    comparison.counter += n * len(cells)
    units = Units.by_place(own, np.arange(len(cells), dtype=np.int32))
    nobody = Clustering(np.ones(n), np.full(n, -1, dtype=np.int32), np.ones(k), means)
    comparison.units(sketch, nobody, units, units.alone, lists)
    return comparison.index.copy()


def _nearest_points(rows: DenseRows, points: Floats, shift: Floats, engine: Engine) -> Labels:
    centred = points - shift
    half_norms = 0.5 * np.einsum("cd,cd->c", centred, centred)
    labels, _ = rows.nearest(Affine(centred, half_norms, shift), engine)
    return labels
