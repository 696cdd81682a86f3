"""Lloyd's iterations, on the sphere or off it: the loop of `fit`, run by one kernel.

This is the one cell of the family whose iterations can be shorter than a call from Python. The
steps are those of :func:`cofactor.fit.fit` with :class:`~cofactor.codes.OneHot` codes.

Dense rows are shifted, scaled by a power of two and, where there are many, searched in whole
numbers of 16 bits; few rows in float32. A row whose two smallest losses differ by more than all
rounding can have moved them [Higham 2002, 3.1] has found its component; every other row is searched
again in its own precision. So labels are those of a search in that, to the last tie. Bounds allow
for rounding in the same way.
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
from cofactor.kernels import HELPERS, NOBODY, board_for
from cofactor.model import Model
from cofactor.noise import Noise
from cofactor.noise.base import Moments, NearestNoise, Params
from cofactor.stop import NothingMoved, Rule, SmallShift, Stop, TimeLimit
from cofactor.trace import Callback, Trace

Clusterable = DenseRows | SparseRows

COLUMNS = 7  # of the kernel's trace
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
        Less the shift; as ``rows.lloyd_zeros(k)``.
    counts : ndarray of shape (k,)
    sizes : ndarray of shape (k,), int64
    on_sphere : bool
        Whether means are scaled to length 1.
    space : ndarray of bytes
        The kernel's own.
    board : ndarray of shape (BOARD_SIZE,), int64
        Shared by the kernel's threads.
    """

    rows: Clusterable
    shift: Floats
    labels: Labels
    means: Floats
    sums: Floats
    counts: Floats
    sizes: NDArray[np.int64]
    on_sphere: bool
    space: NDArray[np.uint8]
    board: NDArray[np.int64] = field(default_factory=lambda: board_for(NOBODY))

    def at_rest(self) -> Clusters:
        """Return the clusters without the kernel's memory."""
        return replace(self, space=np.empty(0, dtype=np.uint8))

    @property
    def n_done(self) -> int:
        """Number of iterations."""
        return int(self.board[DONE])

    def params(self, start: Params, dispersion: float) -> Params:
        """Return what the iterations that began at ``start`` have come to."""
        components = np.add(self.means, start.reference, order="C")
        return replace(start, components=components, dispersion=np.array(dispersion))

    def forget(self) -> None:
        """Let the next iteration search all components for all rows: bounds hold no more."""
        self.board[FORGET] = 1

    def go_on(self, engine: Engine, tolerance: float, until: int, lines: Floats) -> None:
        """Iterate until iteration ``until`` is done or one calls for attention.

        Parameters
        ----------
        engine : Engine
        tolerance : float
            Of the squared shift of all means.
        until : int
        lines : ndarray of shape (iterations, 7), written
            The kernel's trace.
        """
        self.board[:2], self.board[HELPERS] = 0, engine.helpers
        while self.board[0] != OVER:  # it returns now and then, so that signals are heard
            self.rows.lloyd(
                self.shift,
                self.labels,
                self.means,
                self.sums,
                self.counts,
                self.sizes,
                self.on_sphere,
                tolerance,
                until,
                lines,
                self.space,
                self.board,
            )

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
        centers = np.add(self.means, self.shift, order="C")
        losses = self.rows.weights * self.rows.squared_distances(centers, self.labels)
        worst = np.argsort(-losses, kind="stable")[: empty.size]
        chosen = [(n, int(self.labels[n]), int(c)) for c, n in zip(empty, worst, strict=False)]
        moves = [move for move in chosen if losses[move[0]] > 0 and self._move(*move)]
        self.forget()
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


@dataclass(frozen=True)
class Whole:
    """All rows at once, the same rows in blocks, and who works on them.

    Attributes
    ----------
    rows : DenseRows or SparseRows
    blocks : sequence of RowBlock
    engine : Engine
    """

    rows: Clusterable
    blocks: Sequence[RowBlock]
    engine: Engine

    @property
    def n_entries(self) -> float:
        """Number of entries, by the weights of their rows."""
        return float(self.rows.weights.sum()) * self.rows.n_columns

    def labelled(self, labels: Labels) -> Rows[LabelState]:
        """Return the blocks with their labels."""
        return Rows(
            self.blocks, [LabelState(part) for part in split(labels, self.blocks)], self.engine
        )


@dataclass(frozen=True)
class Ending:
    """When a fit ends, and who sees it coming.

    Attributes
    ----------
    tolerance : float
        Converged when the squared shift of all means is at most this, or when no row moves.
    max_iter : int
    limit : TimeLimit
    callbacks : sequence of callable
        Each is called with every :class:`~cofactor.trace.Iteration`; returning True stops the fit.
    """

    tolerance: float
    max_iter: int
    limit: TimeLimit = field(default_factory=lambda: TimeLimit(np.inf))
    callbacks: Sequence[Callback] = ()

    @property
    def watched(self) -> bool:
        """Whether every iteration is looked at before the next."""
        return bool(self.callbacks) or self.limit.limit < np.inf

    def reason(self, trace: Trace) -> Rule | None:
        """Return the first rule that says stop, or None."""
        rules: tuple[Rule, ...] = (SmallShift(self.tolerance), NothingMoved(), self.limit)
        return Stop(self.max_iter, rules).reason(trace)

    def asked(self, trace: Trace) -> bool:
        """Tell the callbacks of the last iteration, and return whether one wants to stop."""
        answers = [callback(trace[-1]) for callback in self.callbacks]
        return any(answer is True for answer in answers)


def begun(rows: Clusterable, params: Params, *, on_sphere: bool = False) -> Clusters:
    """Return clusters without rows, about the means of ``params``."""
    n, k = rows.n_rows, len(params.components)
    return Clusters(
        rows,
        params.reference,
        np.full(n, -1, dtype=np.int32),
        np.subtract(params.components, params.reference, out=rows.lloyd_zeros(k)),
        rows.lloyd_zeros(k),
        np.zeros(k),
        np.zeros(k, dtype=np.int64),
        on_sphere,
        np.zeros(rows.lloyd_space(k), dtype=np.uint8),
    )


def suits(noise: Noise, blocks: Sequence[RowBlock]) -> bool:
    """Return whether :func:`lloyd` can do what hard one-hot codes would."""
    return isinstance(noise, NearestNoise) and all(isinstance(b, Clusterable) for b in blocks)


def lloyd(noise: NearestNoise, data: Whole, params: Params, ending: Ending) -> Fit:
    """Fit hard clusters of equal weight: the steps of :func:`cofactor.fit.fit`.

    Parameters
    ----------
    noise : NearestNoise
    data : Whole
    params : Params
        Where to start, with equal mixing weights.
    ending : Ending
    """
    clusters = begun(data.rows, params, on_sphere=noise.on_sphere)
    params = replace(params, components=clusters.means)  # those of the start need memory
    told = Told(noise, params, float(data.rows.weights.sum()), Trace(n_entries=data.n_entries))
    for lines in _iterations(clusters, data.engine, ending):
        dispersion = told.tell(lines)
        reason = ending.reason(told.trace)  # the kernel rests where there is one
        if ending.asked(told.trace) or reason is not None:
            break
    return told.fit(data, clusters.at_rest(), dispersion, lines[-1], reason)


@dataclass(frozen=True)
class Told:
    """What the kernel's lines say of a fit.

    Attributes
    ----------
    noise : NearestNoise
    params : Params
        Where the fit began, but for its components.
    weight : float
        Of all rows.
    trace : Trace
    """

    noise: NearestNoise
    params: Params
    weight: float
    trace: Trace

    def tell(self, lines: Floats) -> float:
        """Take down m more iterations, lines (m, 7); return the dispersion of the last."""
        dispersions = self._dispersions(lines)
        objectives: list[float] = self.objectives(lines, dispersions).tolist()
        moved, shifts, seconds, evaluations = lines[:, 3:].T.tolist()
        self.trace.extend(objectives, seconds, map(int, moved), shifts, map(int, evaluations))
        return float(dispersions[-1])

    def fit(
        self, data: Whole, clusters: Clusters, dispersion: float, line: Floats, reason: Rule | None
    ) -> Fit:
        """Return the fit that ended with clusters, for a reason or for none."""
        moments = Moments(clusters.counts, np.ascontiguousarray(clusters.sums), np.array(line[2]))
        return Fit(
            Model(self.noise, OneHot()),
            clusters.params(self.params, dispersion),
            data.labelled(clusters.labels),
            OneHotStatistics(self.trace[-1].objective, int(line[3]), moments),
            self.trace,
            reason is not None and reason.converged,
        )

    def later_dispersions(self, lines: Floats) -> Floats:
        """Return what belongs to the means of each of m iterations after the first, shape (m,)."""
        d = self.params.components.shape[1]
        return self.noise.hard_dispersion(lines[:, 1], lines[:, 2], self.weight, d)

    def objectives(self, lines: Floats, dispersions: Floats) -> Floats:
        """Return minus the free energy after each of m iterations, in nats, shape (m,)."""
        d = self.params.components.shape[1]
        losses = self.noise.hard_loss(lines[:, 0], lines[:, 2], dispersions, self.weight, d)
        return losses - self.weight * self.params.log_weights[0]

    def _dispersions(self, lines: Floats) -> Floats:
        if len(self.trace):
            return self.later_dispersions(lines)
        return np.append(self.params.dispersion, self.later_dispersions(lines[1:]))


def _iterations(clusters: Clusters, engine: Engine, ending: Ending) -> Iterator[Floats]:
    """Yield the kernel's lines, those of each iteration before the next begins if watched."""
    most = ending.max_iter + 1
    lines = np.zeros((most, COLUMNS))
    while clusters.n_done < most:
        late = clusters.fill_empty()
        first = clusters.n_done
        step = 1 if ending.watched or clusters.board[FORGET] else most
        clusters.go_on(engine, ending.tolerance, min(first + step, most), lines)
        lines[first, 3] += late()
        yield lines[first : clusters.n_done]
