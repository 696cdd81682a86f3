"""Lloyd's iterations under Gaussian noise: the loop of `fit`, run by one kernel.

This is the one cell of the family whose iterations can be shorter than a call from Python. The
steps are those of :func:`cofactor.fit.fit` with :class:`~cofactor.codes.OneHot` codes.

Dense float64 rows are shifted, scaled by a power of two and searched in float32. A row whose two
smallest losses differ by more than all rounding can have moved them [Higham 2002, 3.1] has found
its component; every other row is searched again in float64. So labels are those of a search in
float64, to the last tie. Bounds allow for rounding in the same way.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from cofactor.codes import OneHot
from cofactor.codes.onehot import OneHotStatistics
from cofactor.data import DenseRows, RowBlock, Rows, SparseRows, split
from cofactor.data.base import Floats, Labels
from cofactor.engine import Engine
from cofactor.fit import Fit
from cofactor.model import Model
from cofactor.noise import Gaussian, Noise
from cofactor.noise.base import Moments, Params
from cofactor.noise.gaussian import normaliser
from cofactor.stop import NothingMoved, Rule, SmallShift, Stop, TimeLimit
from cofactor.trace import Callback, Trace

Clusterable = DenseRows | SparseRows

COLUMNS = 6  # of the kernel's trace
OVER = -1  # on the board: the kernel rests
DONE, FORGET = 8, 9  # places on the board


@dataclass(frozen=True)
class LabelState:
    """State of a block's rows.

    Attributes
    ----------
    labels : ndarray of shape (n,), int32
    """

    labels: Labels


@dataclass(frozen=True)
class Clusters:
    """What the kernel works on.

    Attributes
    ----------
    rows : DenseRows or SparseRows
    shift : ndarray of shape (d,)
        Point near the data; zero for sparse rows.
    labels : ndarray of shape (n,), int32
    means, sums : ndarray of shape (k, d)
        Less the shift.
    counts : ndarray of shape (k,)
    sizes : ndarray of shape (k,), int64
    space : ndarray of bytes
        The kernel's own.
    board : ndarray of shape (16,), int64
        Shared by the kernel's threads.
    """

    rows: Clusterable
    shift: Floats
    labels: Labels
    means: Floats
    sums: Floats
    counts: Floats
    sizes: NDArray[np.int64]
    space: NDArray[np.uint8]
    board: NDArray[np.int64] = field(default_factory=lambda: np.zeros(16, dtype=np.int64))

    @property
    def n_done(self) -> int:
        """Number of iterations."""
        return int(self.board[DONE])

    def fill_empty(self) -> Callable[[], int]:
        """Move the worst-fitted rows to the empty components, which lowers the loss.

        Rows that are alone in theirs, or fitted perfectly, stay; see
        :func:`cofactor.codes.refill.refill`.

        Returns
        -------
        callable
            To be called after the next iteration: returns what to add to the rows that moved in
            it, so that they are counted from where they were before this.
        """
        if not self.n_done or self.sizes.all():
            return lambda: 0
        empty = np.flatnonzero(self.sizes == 0)
        centers = self.means + self.shift
        losses = self.rows.weights * self.rows.squared_distances(centers, self.labels)
        worst = np.argsort(-losses, kind="stable")[: empty.size]
        chosen = [(n, int(self.labels[n]), int(c)) for c, n in zip(empty, worst, strict=False)]
        moves = [move for move in chosen if losses[move[0]] > 0 and self._move(*move)]
        self.board[FORGET] = 1
        return lambda: sum(
            int(self.labels[n] == to) - int(self.labels[n] == before) for n, before, to in moves
        )

    def _move(self, row: int, before: int, to: int) -> bool:
        """Move a row to another component, unless it is alone in its own."""
        weight = float(self.rows.weights[row])
        if self.counts[before] <= weight:
            return False
        moment = self.rows.take(slice(row, row + 1)).weighted_total() - weight * self.shift
        for component, sign in ((to, 1), (before, -1)):
            self.sums[component] += sign * moment
            self.counts[component] += sign * weight
            self.sizes[component] += sign
        self.labels[row] = to
        return True


def begun(rows: Clusterable, params: Params) -> Clusters:
    """Return clusters without rows, about the means of ``params``."""
    n, (k, d) = rows.n_rows, params.components.shape
    return Clusters(
        rows,
        params.reference,
        np.full(n, -1, dtype=np.int32),
        np.ascontiguousarray(params.components - params.reference),
        np.zeros((k, d)),
        np.zeros(k),
        np.zeros(k, dtype=np.int64),
        np.zeros(rows.lloyd_space(k), dtype=np.uint8),
    )


def suits(noise: Noise, blocks: Sequence[RowBlock]) -> bool:
    """Return whether :func:`lloyd` can do what hard one-hot codes would."""
    return type(noise) is Gaussian and all(isinstance(b, Clusterable) for b in blocks)


def lloyd(
    noise: Gaussian,
    rows: Clusterable,
    blocks: Sequence[RowBlock],
    params: Params,
    engine: Engine,
    tolerance: float,
    max_iter: int,
    limit: TimeLimit,
    callbacks: Sequence[Callback] = (),
) -> Fit:
    """Fit hard clusters of equal weight: the steps of :func:`cofactor.fit.fit`.

    Parameters
    ----------
    noise : Gaussian
    rows : DenseRows or SparseRows
        All rows.
    blocks : sequence of RowBlock
        The same rows in blocks, for the result.
    params : Params
        Where to start, with equal mixing weights.
    engine : Engine
    tolerance : float
        Converged when the squared shift of all means is at most this, or when no row moves.
    max_iter : int
    limit : TimeLimit
    callbacks : sequence of callable
        Each is called with every :class:`~cofactor.trace.Iteration`; returning True stops the fit.
    """
    rules: tuple[Rule, ...] = (SmallShift(tolerance), NothingMoved(), limit)
    stop, clusters = Stop(max_iter, rules), begun(rows, params)
    trace = Trace(n_entries=float(rows.weights.sum()) * rows.n_columns)
    watched = bool(callbacks) or limit.limit < np.inf
    for lines in _iterations(clusters, engine, tolerance, max_iter + 1, watched):
        variances = _variances(noise, params, lines, trace)
        objectives = _objectives(params, variances, lines, trace)
        moved, shifts, seconds = lines[:, 3:].T.tolist()
        trace.extend(objectives, seconds, map(int, moved), shifts)
        reason = stop.reason(trace)  # the kernel rests where there is one
        asked = [callback(trace[-1]) is True for callback in callbacks]
        if reason is not None or any(asked):
            break
    converged = reason is not None and reason.converged
    params = replace(
        params,
        components=clusters.means + params.reference,
        dispersion=np.array(variances[-1]),
    )
    moments = Moments(clusters.counts, clusters.sums, np.array(lines[-1, 2]))
    return Fit(
        Model(noise, OneHot()),
        params,
        Rows(blocks, [LabelState(labels) for labels in split(clusters.labels, blocks)], engine),
        OneHotStatistics(objectives[-1], int(moved[-1]), moments),
        trace,
        converged,
    )


def _iterations(
    clusters: Clusters, engine: Engine, tolerance: float, most: int, watched: bool
) -> Iterator[Floats]:
    """Yield the kernel's lines, those of each iteration before the next begins if watched."""
    lines = np.zeros((most, COLUMNS))
    while clusters.n_done < most:
        late = clusters.fill_empty()
        first = clusters.n_done
        step = 1 if watched or clusters.board[FORGET] else most
        _run(clusters, engine, tolerance, min(first + step, most), lines)
        lines[first, 3] += late()
        yield lines[first : clusters.n_done]


def _run(c: Clusters, engine: Engine, tolerance: float, until: int, lines: Floats) -> None:
    """Let the kernel go on until it rests; it returns now and then, so that signals are heard."""

    def work() -> None:
        c.rows.lloyd(
            c.shift,
            c.labels,
            c.means,
            c.sums,
            c.counts,
            c.sizes,
            tolerance,
            until,
            lines,
            c.space,
            c.board,
        )

    c.board[:2] = 0
    while c.board[0] != OVER:
        engine.together(work)


def _variances(noise: Gaussian, params: Params, lines: Floats, trace: Trace) -> Floats:
    """Return the variance that belongs to the means of each iteration: the first is given."""
    variances = noise.variance(lines[:, 2], lines[:, 1], trace.n_entries)
    if not len(trace):
        variances[0] = params.dispersion
    return variances


def _objectives(params: Params, variances: Floats, lines: Floats, trace: Trace) -> list[float]:
    """Return minus the free energy after each iteration, in nats."""
    d = params.components.shape[1]
    constants = normaliser(variances, d) - params.log_weights[0]
    losses = (0.5 * lines[:, 2] + lines[:, 0]) / variances + trace.n_entries / d * constants
    objectives: list[float] = losses.tolist()
    return objectives
