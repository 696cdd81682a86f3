"""Lloyd's iterations to begin with, where rows are best compared with all centers at once."""

from __future__ import annotations

import numpy as np

from cofactor.codes.hartigan import Hartigan, Sweep
from cofactor.data.base import Floats, Labels
from cofactor.engine import Engine
from cofactor.lloyd import COLUMNS, Clusterable, begun
from cofactor.neighbors.sketch import Numbers
from cofactor.noise import Params

MOST = 64  # iterations
EFFORT = 0.5  # of an evaluation: whole numbers are faster
NEVER = -1.0  # tolerance: a squared shift is never below


class Opening:
    """Exact iterations of all rows, behind bounds that spare ever more comparisons.

    Parameters
    ----------
    rows : DenseRows or SparseRows
    shift : ndarray of shape (d,)
    engine : Engine
    means : ndarray of shape (k, d)
        Where to begin.
    """

    def __init__(self, rows: Clusterable, shift: Floats, engine: Engine, means: Floats) -> None:
        start = Params(means, np.zeros(len(means)), np.array(1.0), shift)
        self._running, self._engine = begun(rows, start), engine
        self._lines = np.zeros((MOST, COLUMNS))

    @property
    def is_over(self) -> bool:
        """Whether there is nothing left to do here."""
        return self._running.n_done == MOST or not self._line[3]

    def labels(self, counter: Numbers) -> Labels:
        """Return the component nearest to each row of the first means."""
        self._go_on()
        counter += int(self._line[6])
        return self._running.labels.copy()

    def iterate(self, clusters: Hartigan) -> tuple[Sweep, int]:
        """Label all rows by the means of their labels so far, and let the clusters follow.

        Returns
        -------
        sweep : Sweep
        evaluations : int
        """
        before = self._inertia
        also_moved = self._running.fill_empty()
        self._go_on()
        counts = self._running.counts[:, None]
        means = np.divide(
            self._running.sums, counts, out=self._running.means.copy(), where=counts > 0
        )
        clusters.adopt(self._running.labels, self._running.counts, means + self._running.shift)
        moved = int(self._line[3]) + also_moved()
        return Sweep(moved, before - self._inertia, float(self._line[4])), int(self._line[6])

    def _go_on(self) -> None:
        self._running.go_on(self._engine, NEVER, self._running.n_done + 1, self._lines)

    @property
    def _line(self) -> Floats:
        line: Floats = self._lines[self._running.n_done - 1]
        return line

    @property
    def _inertia(self) -> float:
        """Of the rows about the means of their labels."""
        sums, counts = self._running.sums, self._running.counts
        squares = np.einsum("cd,cd->c", sums, sums)
        return float(self._line[2] - (squares[counts > 0] / counts[counts > 0]).sum())
