"""Rows that can be moved from cluster to cluster, one by one, in either storage."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from cofactor import kernels
from cofactor.data import DenseRows, RowBlock, SparseRows
from cofactor.data.base import GROUP_SIZE, Array, Floats, Labels
from cofactor.errors import InputError
from cofactor.lazy import lazy

RELATIVE = 1e-10  # of what a row costs: what a move must save, lest rounding moves rows in circles
ALONE = 1e-12  # of a cluster's weight: a row that leaves no more behind stays
FAR = 1e100  # more than any distance, and its square is finite

RowNumbers = NDArray[np.int64]
RowArrays = tuple[RowNumbers, Floats, Floats, Labels, Labels]


@dataclass
class Clustering:
    """Hard clusters of all rows, updated move by move.

    Attributes
    ----------
    weights : ndarray of shape (n,)
        Of the rows.
    labels : ndarray of shape (n,), int32
    counts : ndarray of shape (k,)
        Weight of the rows of each cluster.
    means : ndarray of shape (k, d)
        Their weighted means.
    """

    weights: Floats
    labels: Labels
    counts: Floats
    means: Floats

    @property
    def of_rows(self) -> tuple[Floats, Labels, Floats]:
        """Weights, labels and counts."""
        return self.weights, self.labels, self.counts

    def leaving(self, rows: slice | RowNumbers) -> Floats:
        """Return ``N/(N − w)`` of each row's own cluster, 0 for a row that is alone there."""
        own = self.counts[self.labels[rows]]
        rest = own - self.weights[rows]
        free = rest > ALONE * own
        return np.divide(own, rest, out=np.zeros_like(own), where=free)

    def accompanied(self) -> RowNumbers | None:
        """Return the rows that share their cluster, None if all do.

        A row that is alone costs nothing there: no move of it pays.
        """
        if self.counts.min() * (1.0 - ALONE) > self.weights.max():
            return None
        own = self.counts[self.labels]
        free = own - self.weights > ALONE * own
        return None if free.all() else np.flatnonzero(free)

    def joining(self, rows: RowNumbers, targets: Labels) -> Floats:
        """Return ``N/(N + w)`` of each row's target."""
        joined = self.counts[targets]
        return joined / (joined + self.weights[rows])


@dataclass(frozen=True)
class Bounds:
    """What is known of each row, and how it loosens as clusters change.

    Attributes
    ----------
    upper : ndarray of shape (n,)
        At least the distance to the row's own mean.
    lower : ndarray of shape (n,)
        At most the square root of what moving a unit of its weight to any other cluster costs.
    """

    upper: Floats
    lower: Floats


@dataclass(frozen=True)
class Loosening:
    """How bounds follow clusters that changed.

    Attributes
    ----------
    drift : ndarray of shape (k,)
        How far each mean moved.
    restless : Centers
        Clusters that changed so much that all rows are compared with them.
    factor, term : float
        At least what is left of the square root of ``N/(N + w)``, and how far means moved at most,
        of the other clusters.
    """

    drift: Floats
    restless: Centers
    factor: float
    term: float


@dataclass(frozen=True)
class Centers:
    """Clusters to be compared with rows, in the kernels' form.

    Attributes
    ----------
    names : ndarray of shape (c,), int32
    places : ndarray of shape (k + 1,), int32
        Where each cluster is among them, −1 if nowhere.
    means : ndarray
        Less the shift, in the data's precision.
    half_norms, shares : ndarray of shape (c,)
    reach : float
        The largest norm.
    """

    names: Labels
    places: Labels
    means: Array
    half_norms: Array
    shares: Array
    reach: float

    @property
    def arrays(self) -> tuple[Array, Array, Array]:
        """Means, half norms and shares."""
        return self.means, self.half_norms, self.shares

    @lazy
    def lanes(self) -> tuple[Array, Array, Array]:
        """Means, half norms and shares, a column's values side by side, in whole groups."""
        padding = (0, -len(self.names) % GROUP_SIZE)
        return (
            np.ascontiguousarray(np.pad(self.means.T, ((0, 0), padding))),
            np.pad(self.half_norms, padding, constant_values=np.inf),
            np.pad(self.shares, padding),
        )

    @classmethod
    def of(cls, clustering: Clustering, names: Labels, shift: Floats, dtype: Any) -> Self:
        """Prepare the named clusters."""
        counts, means = clustering.counts[names], clustering.means[names] - shift
        filled = counts > 0
        norms = np.einsum("cd,cd->c", means, means)
        places = np.full(len(clustering.counts), -1, dtype=np.int32)
        places[names] = np.arange(len(names))
        return cls(
            names,
            places,
            means.astype(dtype),
            np.where(filled, 0.5 * norms, np.inf).astype(dtype),
            np.divide(1.0, counts, out=np.zeros_like(counts), where=filled).astype(dtype),
            float(np.sqrt(norms.max(initial=0.0))),
        )


class Movable(ABC):
    """Rows in a storage that has kernels for moves.

    Parameters
    ----------
    rows : RowBlock
    shift : ndarray of shape (d,)
        Subtracted before anything is rounded.
    half_norms : ndarray of shape (n,)
        Half the squared norms of the rows less the shift.

    Attributes
    ----------
    rounding : float
        How far squared distances in float64 may be off, by the square of the largest norm.
    """

    rows: Any
    rounding: ClassVar[float]

    def __init__(self, rows: RowBlock, shift: Floats, half_norms: Floats) -> None:
        self.rows, self.shift, self.half_norms = rows, shift, half_norms

    @abstractmethod
    def in_double(self, numbers: RowNumbers) -> Movable:
        """Return some of the rows in float64."""

    def cheapest(
        self, numbers: RowNumbers, labels: Labels, centers: Centers
    ) -> tuple[Labels, Floats]:
        """Return some rows' cheapest targets (−1: none), and at most what any would cost."""
        targets, cost = self.targets(numbers, labels, centers)
        unit = (self.rows.n_columns + 8) * np.finfo(centers.means.dtype).eps
        cost -= unit * (np.sqrt(2.0 * self.half_norms[numbers]) + centers.reach) ** 2
        return targets, np.clip(cost, 0.0, FAR)

    def targets(
        self, numbers: RowNumbers, labels: Labels, centers: Centers
    ) -> tuple[Labels, Floats]:
        """Return some rows' cheapest targets (−1: none), and what moving a unit there costs."""
        index, cost = np.empty(numbers.size, dtype=np.int32), np.empty(numbers.size)
        rows = (numbers, self.half_norms, self.rows.weights, labels, centers.places)
        self._targets(rows, centers, index, cost)
        return np.append(centers.names, np.int32(-1))[index], cost

    @abstractmethod
    def _targets(self, rows: RowArrays, centers: Centers, index: Labels, cost: Floats) -> None:
        """See the kernel."""

    def open(
        self,
        chunk: slice,
        loosening: Loosening,
        clustering: Clustering,
        bounds: Bounds,
        slack: float,
    ) -> RowNumbers:
        """Loosen the bounds of a chunk of rows; return those that they leave a move open to."""
        found = np.empty(chunk.stop - chunk.start, dtype=np.int64)
        count = self._open(
            clustering.means,
            chunk.start,
            chunk.stop,
            loosening.drift,
            loosening.factor,
            loosening.term,
            *limits(slack),
            *clustering.of_rows,
            bounds.upper,
            bounds.lower,
            found,
        )
        return found[:count]

    @abstractmethod
    def _open(self, *task: Any) -> int:
        """See the kernel."""

    @abstractmethod
    def move(
        self, rows: RowNumbers, targets: Labels, clustering: Clustering, slack: float
    ) -> float:
        """Make the moves that pay, and return what they saved; see the kernel."""


class MovableDense(Movable):
    """Dense rows that can be moved."""

    rows: DenseRows
    rounding = 1e-19

    def in_double(self, numbers: RowNumbers) -> MovableDense:
        """See :class:`Movable`."""
        part = self.rows.take(numbers)
        rows = DenseRows(part.dense(), part.weights)
        return MovableDense(rows, self.shift, self.half_norms[numbers])

    def _targets(self, rows: RowArrays, centers: Centers, index: Labels, cost: Floats) -> None:
        X = self.rows.values
        shift = self.shift.astype(X.dtype)
        kernels.hartigan_targets(X, shift, *rows, *centers.arrays, index, cost)

    def _open(self, *task: Any) -> int:
        return kernels.hartigan_open(self.rows.values, *task)

    def move(
        self, rows: RowNumbers, targets: Labels, clustering: Clustering, slack: float
    ) -> float:
        """See :class:`Movable`."""
        return kernels.hartigan_moves(
            self.rows.values, rows, targets, *limits(slack), *clustering.of_rows, clustering.means
        )


class MovableSparse(Movable):
    """Sparse rows that can be moved."""

    rows: SparseRows
    rounding = 1e-14

    def in_double(self, numbers: RowNumbers) -> MovableSparse:
        """See :class:`Movable`."""
        part = self.rows.take(numbers)
        rows = SparseRows(part.matrix.astype(np.float64), part.weights)
        return MovableSparse(rows, self.shift, self.half_norms[numbers])

    def _targets(self, rows: RowArrays, centers: Centers, index: Labels, cost: Floats) -> None:
        everything: Any = (*self.rows.arrays, *rows, *centers.lanes, index, cost)
        kernels.hartigan_targets_csr(*everything)

    def _open(self, *task: Any) -> int:
        return kernels.hartigan_open_csr(*self.rows.arrays, self.half_norms, *task)

    def move(
        self, rows: RowNumbers, targets: Labels, clustering: Clustering, slack: float
    ) -> float:
        """See :class:`Movable`."""
        return kernels.hartigan_moves_csr(
            *self.rows.arrays,
            self.half_norms,
            rows,
            targets,
            *limits(slack),
            *clustering.of_rows,
            clustering.means,
        )


_STORAGES: dict[type, type[Movable]] = {DenseRows: MovableDense, SparseRows: MovableSparse}


def movable(rows: RowBlock, shift: Floats, half_norms: Floats) -> Movable:
    """Return the rows with what their storage needs to move them.

    Raises
    ------
    InputError
        If entries are missing.
    """
    storage = _STORAGES.get(type(rows))
    if storage is None:
        raise InputError("Rows with missing entries cannot be moved one by one: fill them.")
    return storage(rows, shift, half_norms)


def limits(slack: float) -> tuple[float, float, float]:
    """Return what the kernels are told about moves that do not pay."""
    return RELATIVE, slack, ALONE
