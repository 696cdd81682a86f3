"""Few dense rows: seeds of several starts and Lloyd's iterations from each, in one call.

The steps are those of :class:`cofactor.start.kmeans_plusplus.GreedyRows` and
:func:`cofactor.lloyd.lloyd`, whose results these are to the last bit; but on few rows a call of a
kernel takes longer than what it does.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self, cast

import numpy as np
from numpy.typing import NDArray

from cofactor import kernels
from cofactor.data import DenseRows
from cofactor.data.base import Array, Floats, Labels
from cofactor.fit import Fit, lowest
from cofactor.lloyd import COLUMNS, Clusters, Ending, Told, Whole
from cofactor.noise.base import NearestNoise, Params
from cofactor.trace import Trace

# Products of rows and means, of an iteration at least and of a call at most: signals wait for the
# end of a call, and every iteration that may come has a line in memory.
LEAST_WORK, MOST_WORK = 1 << 14, 1 << 34

Draws = tuple[int, Floats]  # the first row, and random numbers to choose the others by
Whole64 = NDArray[np.int64]


@dataclass(frozen=True)
class Starts:
    """What the kernel leaves of s starts, one after the other in each array.

    Attributes
    ----------
    chosen : ndarray of shape (s, k), int32
        Rows to start from.
    labels : ndarray of shape (s, n), int32
    means, sums : ndarray of shape (s, k, d)
        Less the shift.
    counts : ndarray of shape (s, k)
    sizes : ndarray of shape (s, k), int64
    lines : ndarray of shape (s, iterations, 7)
        The kernel's trace.
    n_done : ndarray of shape (s,), int64
        How many iterations it made; 0 where there are fewer than k different rows.
    """

    chosen: Labels
    labels: Labels
    means: Floats
    sums: Floats
    counts: Floats
    sizes: Whole64
    lines: Floats
    n_done: Whole64

    @classmethod
    def of(cls, rows: DenseRows, origin: Floats, draws: Sequence[Draws], ending: Ending) -> Self:
        """Choose rows, and iterate."""
        s, (n, d), most = len(draws), rows.values.shape, ending.max_iter + 1
        uniforms = np.stack([numbers for _, numbers in draws])
        k, trials = uniforms.shape[1] + 1, uniforms.shape[2]
        chosen = np.full((s, k), -1, dtype=np.int32)
        chosen[:, 0] = [first for first, _ in draws]
        starts = cls(
            chosen,
            np.full((s, n), -1, dtype=np.int32),
            np.empty((s, k, d)),
            np.zeros((s, k, d)),
            np.zeros((s, k)),
            np.zeros((s, k), dtype=np.int64),
            np.zeros((s, most, COLUMNS)),
            np.empty(s, dtype=np.int64),
        )
        shift: Array = origin.astype(rows.values.dtype)
        space = np.empty(kernels.lloyd_starts_space(rows.values, k, trials), dtype=np.uint8)
        kernels.lloyd_starts(
            rows.values,
            shift,
            origin,
            rows.weights,
            uniforms,
            ending.tolerance,
            starts.chosen,
            starts.labels,
            starts.means,
            starts.sums,
            starts.counts,
            starts.sizes,
            starts.lines,
            starts.n_done,
            space,
        )
        return starts

    def lines_of(self, start: int) -> Floats:
        """Return the kernel's lines of the m iterations that one of the starts took, (m, 7)."""
        return self.lines[start, : self.n_done[start]]

    def clusters(self, start: int, rows: DenseRows, origin: Floats) -> Clusters:
        """Return what one of the starts came to."""
        return Clusters(
            rows,
            origin,
            self.labels[start],
            self.means[start],
            self.sums[start],
            self.counts[start],
            self.sizes[start],
            on_sphere=False,
            space=np.empty(0, dtype=np.uint8),
        )


def fits_a_call(n_products: int, n_starts: int, max_iter: int) -> bool:
    """Return whether so many starts are soon done, of so many products an iteration."""
    return max(n_products, LEAST_WORK) * n_starts * (max_iter + 1) <= MOST_WORK


def lloyd_starts(
    noise: NearestNoise,
    data: Whole,
    params: Params,
    draws: Sequence[Draws],
    ending: Ending,
) -> Fit | None:
    """Fit hard clusters from rows chosen by greedy k-means++, several times.

    Parameters
    ----------
    noise : NearestNoise
    data : Whole
    params : Params
        Whose components do not matter.
    draws : sequence of tuple
        From :meth:`~cofactor.start.kmeans_plusplus.GreedyRows.ahead`.
    ending : Ending
        Without callbacks or a limit of time.

    Returns
    -------
    Fit or None
        The best; None if fewer than k rows are different, or if a component lost all its rows:
        then a start takes more than this.
    """
    rows = cast(DenseRows, data.rows)
    starts = Starts.of(rows, params.reference, draws, ending)
    if not all(_has_ended(starts.lines_of(s), ending) for s in range(len(draws))):
        return None
    told = Told(noise, params, float(rows.weights.sum()), Trace(n_entries=data.n_entries))
    winner = _best(starts, told) if len(draws) > 1 else 0
    lines = starts.lines_of(winner)
    dispersion = told.tell(lines)
    clusters = starts.clusters(winner, rows, params.reference)
    return told.fit(data, clusters, dispersion, lines[-1], ending.reason(told.trace))


def _has_ended(lines: Floats, ending: Ending) -> bool:
    """Return whether a start came to an end, and not to an empty component."""
    if not len(lines):
        return False
    moved, shift = lines[-1, 3:5]
    return bool(len(lines) > ending.max_iter or moved == 0 or shift <= ending.tolerance)


def _best(starts: Starts, told: Told) -> int:
    """Return the start that came to the least minus free energy, in nats."""
    lines = starts.lines[np.arange(len(starts.n_done)), starts.n_done - 1]
    later = starts.n_done > 1
    dispersions = np.where(later, told.later_dispersions(lines), told.params.dispersion)
    objectives: list[float] = told.objectives(lines, dispersions).tolist()
    return lowest(range(len(objectives)), objectives.__getitem__)
