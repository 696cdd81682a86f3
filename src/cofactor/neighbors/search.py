"""Hard clusters on their way down: arms propose moves of rows, which are judged one by one."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from cofactor.codes.hartigan import Hartigan, Sweep
from cofactor.codes.movable import RowNumbers
from cofactor.data.base import Floats
from cofactor.engine import Engine
from cofactor.neighbors.arms import N_NEAR, Arm, Field, KeptLists, Neighbors, Slices
from cofactor.neighbors.choice import Choice
from cofactor.neighbors.ground import Searchable, ground_of
from cofactor.neighbors.looks import AtSlice, View
from cofactor.neighbors.opening import EFFORT as OPENING_EFFORT
from cofactor.neighbors.opening import Opening

LISTS, SLICES, KEPT = "lists", "slices", "kept"  # the arms
FEW = 0.5  # of all gains: where lists show no more, all centers must be met
LOYALTY = 2.0  # what bounds are worth that are lost once Lloyd's iterations are left
OVERHEAD = 16  # evaluations that anything else about a row takes as long as
KEPT_SHARE = 1.0  # what to expect of lists kept from slices, by what the last slice gained
SAMPLE = 512  # rows, to guess by


@dataclass(frozen=True)
class Pass(Sweep):
    """What one pass over the rows did: a sweep, and what it cost.

    Attributes
    ----------
    evaluations : int
        Distances that were computed to propose moves.
    """

    evaluations: int


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
        rates = {SLICES: _rate(unit * self.everywhere / n_slices, Slices.effort * k / n_slices)}
        if self.nearby is not None:
            rates[LISTS] = _rate(unit * self.nearby, Neighbors.effort * min(k, N_NEAR))
        return rates


class NeighborSearch:
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
    first : Pass
        That which found the first labels.
    """

    def __init__(self, rows: Searchable, means: Floats, shift: Floats, engine: Engine) -> None:
        ground = ground_of(rows, means, shift, engine)
        self._counter = ground.comparison.counter
        self.clusters = Hartigan(rows, ground.labels, means, shift, engine)
        filled = self.clusters.fill()
        self.first = Pass(rows.n_rows, 0.0, np.inf, int(self._counter[0]))
        clustering = self.clusters.clustering
        self._field = Field(clustering, ground.sketch, engine, self._counter)
        kept = np.full((rows.n_rows, self.n_slices), -1, dtype=np.int32)
        self._view = View(ground.sketch, ground.comparison, clustering, kept)
        self._lists = Neighbors(self._field) if ground.listed else None
        self._slices = Slices(self._field)
        self._arms: dict[str, Arm] = {SLICES: self._slices, KEPT: KeptLists()}
        if self._lists is not None:
            self._arms[LISTS] = self._lists
        self._recent = [np.inf]  # gains from the beginning of each of the last slices to the next
        self._unit = self.clusters.unit
        promises = self._promises()
        self._choice = Choice(SLICES, promises.rates(self._unit))
        self._opening = None if filled or promises.share > FEW else ground.opening

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
        if self._opening is not None:
            return self._open(self._opening)
        return self.use(self._choice.best(), worthwhile)

    def use(self, name: str, worthwhile: float = 0.0) -> Pass:
        """Let an arm propose moves, and make those that pay; see :meth:`step`."""
        arm, before, n = self._arms[name], int(self._counter[0]), self._view.n_rows
        if name == SLICES:
            self._recent = [*self._recent, 0.0][-self.n_slices :]
        look = arm.look()
        self._field.draw()
        look(self._view)
        evaluations = int(self._counter[0]) - before
        moved, gain, shift = self._move(self._view.wishes())
        self._recent[-1] += gain
        rate = _rate(gain / n, arm.effort * evaluations / n)
        self._choice.learn(name, rate, worthwhile=gain > worthwhile)
        if name == SLICES and self._slices.n_done > 1:
            self._choice.expect(KEPT, KEPT_SHARE * rate)
        return Pass(moved, gain, shift, evaluations)

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
        rate = _rate(sweep.gain / n, OPENING_EFFORT * evaluations / n)
        filled = 0.0
        if opening.is_over or LOYALTY * rate <= max(rates.values()):
            self._choice, self._opening = Choice(SLICES, rates), None
            if self._lists is not None:
                self._lists.expire()
            filled = self.clusters.refill()
            self._field.changed()
        return Pass(sweep.moved, sweep.gain + filled, sweep.shift, evaluations)

    def _move(self, rows: RowNumbers) -> tuple[int, float, float]:
        clustering = self._view.clustering
        before, targets = clustering.labels[rows], self._view.comparison.index[rows]
        touched = np.zeros(len(clustering.counts), dtype=bool)
        touched[before] = touched[targets] = True
        means = clustering.means[touched]
        moved, gain = self.clusters.move(rows, targets)
        self._field.changed(touched)
        if self._slices.n_done:
            went = clustering.labels[rows] != before
            self._view.remember(rows[went], before[went])
        shift = float(np.square(clustering.means[touched] - means).sum())
        return moved, gain * self._unit, shift


def _rate(gain: float, effort: float) -> float:
    """Return what a row gains by what it takes: evaluations of a slice, and all else about it."""
    return gain / (effort + OVERHEAD)
