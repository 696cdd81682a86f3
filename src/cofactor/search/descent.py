"""From a start down to an optimum: one local search after the other, or several at once.

A local search takes Lloyd's iterations until few rows move, and then moves single rows until none
pays [Hartigan 1975].
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import ClassVar, cast

import numpy as np
from numpy.typing import NDArray

from cofactor import kernels
from cofactor.codes.movable import MovableDense
from cofactor.data import DenseRows, RowBlock
from cofactor.data.base import Floats, Labels
from cofactor.data.losses import Affine
from cofactor.lloyd import Ending, Whole, lloyd
from cofactor.neighbors import neighbors, pays
from cofactor.noise import Gaussian, Params
from cofactor.search.found import Optimum, Scale
from cofactor.search.polish import polished
from cofactor.stop import TimeLimit
from cofactor.trace import Iteration

MOST = 300  # iterations, and sweeps, of a local search
FEW = 500  # Lloyd's iterations end once at most one row of so many moves
NEAR = 1e-4  # of the inertia: what neighbours gain at least while all rows meet all centers
AT_ONCE = 8  # short local searches
CROWDED = 500  # rows by cluster: where there are so many, moves of single ones gain nothing
GAINS = 20  # of Lloyd's iterations to come, at most, by the last one
SMALL = 1 << 25  # entries times centers, below which one thread does a whole local search


Start = Callable[[], Floats]  # returns means; on any thread


class Descent(ABC):
    """Local searches of some rows.

    Parameters
    ----------
    data : Whole
        All rows.
    params : Params
        With equal mixing weights; of its means only the number matters.

    Attributes
    ----------
    data : Whole
    at_once : int
        How many searches to ask for at a time.
    """

    at_once: ClassVar[int]

    def __init__(self, data: Whole, params: Params) -> None:
        self.data, self._params = data, params
        self._norms = data.rows.squared_norms(params.reference)

    @abstractmethod
    def descend(
        self, starts: Sequence[Start], limit: TimeLimit, bar: float = np.inf
    ) -> list[Optimum]:
        """Return the optimum that each start leads to.

        Parameters
        ----------
        starts : sequence of callable
            Each returns means, shape (k, d).
        limit : TimeLimit
            For each; a long search ends there, wherever it is.
        bar : float
            The inertia to pass; a long search without prospect of that may end anywhere.
        """

    def costs(self, means: Floats) -> tuple[Labels, Floats, Floats]:
        """Return which of several means is the nearest to each row, and how far two are.

        Returns
        -------
        labels : ndarray of shape (n,), int32
        nearest, next_nearest : ndarray of shape (n,)
            Weighted squared distances.
        """
        index, losses = self._best_two(self._affine(means))
        distances = np.maximum(2.0 * losses + self._norms[:, None], 0.0)
        nearest, next_nearest = (self.data.rows.weights * own for own in distances.T)
        return index[:, 0], nearest, next_nearest

    def rows(self, numbers: NDArray[np.int64]) -> Floats:
        """Return some rows."""
        return self.data.rows.take(numbers).dense()

    def left(self, points: Floats, costs: Floats) -> Floats:
        """Return the inertia that is left with one more mean, for each of some points.

        Parameters
        ----------
        points : ndarray of shape (m, d)
        costs : ndarray of shape (n,)
            Weighted squared distances of the rows to the nearest mean so far.
        """
        weights = self.data.rows.weights
        left = [np.minimum(weights * self._distances(point), costs).sum() for point in points]
        return np.array(left)

    def _affine(self, means: Floats) -> Affine:
        about = means - self._params.reference
        return Affine(about, 0.5 * np.einsum("cd,cd->c", about, about), self._params.reference)

    @abstractmethod
    def _distances(self, point: Floats) -> Floats:
        """Return the squared distance of each row to a point."""

    @abstractmethod
    def _best_two(self, affine: Affine) -> tuple[Labels, Floats]:
        """Return the two components that suit each row best, and its losses under them."""


class Prospect:
    """Of Lloyd's iterations, to pass an objective.

    Parameters
    ----------
    bar : float
        The objective; inf leaves prospects to all.
    """

    def __init__(self, bar: float) -> None:
        self._bar, self._before = bar, np.inf

    def is_gone(self, iteration: Iteration) -> bool:
        """Return whether so many gains like the last one would not do."""
        gain = self._before - iteration.objective
        self._before = iteration.objective
        return bool(iteration.number > 1 and iteration.objective - GAINS * gain > self._bar)


class SharedDescent(Descent):
    """Local searches that all threads share."""

    at_once = 1

    def __init__(self, data: Whole, params: Params) -> None:
        super().__init__(data, params)
        self._scale = Scale(data, params)

    def descend(
        self, starts: Sequence[Start], limit: TimeLimit, bar: float = np.inf
    ) -> list[Optimum]:
        """See :class:`Descent`."""
        goal = self._scale.objective(bar) if bar < np.inf else np.inf
        return [self._descend(start(), limit, Prospect(goal)) for start in starts]

    def _descend(self, start: Floats, limit: TimeLimit, prospect: Prospect) -> Optimum:
        params = replace(self._params, components=start)
        if pays(self.data.rows, len(start)):
            found = neighbors(Gaussian(), self.data, params, Ending(NEAR, MOST, limit))
        else:
            ending = Ending(self._still, MOST, limit, [prospect.is_gone])
            found = lloyd(Gaussian(), self.data, params, ending)
            if found.converged and self.data.rows.n_rows < CROWDED * len(start):
                found = polished(found, self.data, MOST, limit)
        labels = np.concatenate([state.labels for state in found.rows.states])
        means = found.params.components
        distances = self.data.rows.squared_distances(means, labels)
        return Optimum(means, labels, float(self.data.rows.weights @ distances))

    def _best_two(self, affine: Affine) -> tuple[Labels, Floats]:
        parts = self.data.engine.map(lambda block: block.top_losses(affine, 2), self.data.blocks)
        index, losses = (np.concatenate(part) for part in zip(*parts, strict=True))
        return index, losses

    def _distances(self, point: Floats) -> Floats:
        parts = self.data.engine.map(partial(_distances, point), self.data.blocks)
        return np.concatenate(parts)

    @property
    def _still(self) -> float:
        """Squared shift of all means below which single rows had better move."""
        weight = max(float(self.data.rows.weights.sum()), np.finfo(float).tiny)
        return 1e-6 * float(self.data.rows.weights @ self._norms) / weight


class SeparateDescent(Descent):
    """Local searches side by side, each in one call of a kernel."""

    at_once = AT_ONCE

    def __init__(self, data: Whole, params: Params) -> None:
        super().__init__(data, params)
        self._rows = cast(DenseRows, data.rows)
        self._shift = params.reference.astype(self._rows.values.dtype)
        farthest = np.sqrt(self._norms.max()) + np.sqrt(params.reference @ params.reference)
        unit = max(float(self._rows.weights.mean()), np.finfo(float).tiny)
        self._weights, self._unit = self._rows.weights / unit, unit
        self._slack = float(MovableDense.rounding * farthest**2)
        k = len(params.components)
        self._size = kernels.descent_space(self._rows.values, k, MOST)
        self._spaces: list[np.ndarray[tuple[int], np.dtype[np.uint8]]] = []

    def descend(
        self, starts: Sequence[Start], limit: TimeLimit, bar: float = np.inf
    ) -> list[Optimum]:
        """See :class:`Descent`; these are too short to be cut."""
        return self.data.engine.map(lambda start: self._descend(start()), starts)

    def _best_two(self, affine: Affine) -> tuple[Labels, Floats]:
        return self._rows.top_losses(affine, 2)

    def _distances(self, point: Floats) -> Floats:
        return _distances(point, self._rows)

    def _descend(self, start: Floats) -> Optimum:
        means = np.array(start, dtype=float, order="C")
        counts, labels = np.empty(len(means)), np.empty(self._rows.n_rows, dtype=np.int32)
        space = self._spaces.pop() if self._spaces else np.empty(self._size, dtype=np.uint8)
        inertia = self._unit * kernels.descend(
            self._rows.values,
            self._shift,
            self._weights,
            0.5 * self._norms,
            means,
            counts,
            labels,
            self._rows.n_rows // FEW,
            MOST,
            self._slack,
            space,
        )
        self._spaces.append(space)
        return Optimum(means, labels, inertia)


def descent_of(data: Whole, params: Params) -> Descent:
    """Return local searches as suits the size and the storage of the rows."""
    work = data.rows.stored.size * len(params.components)
    alone = isinstance(data.rows, DenseRows) and work <= SMALL
    return (SeparateDescent if alone else SharedDescent)(data, params)


def _distances(point: Floats, rows: RowBlock) -> Floats:
    return rows.squared_distances(point[None, :], np.zeros(rows.n_rows, dtype=np.int32))
