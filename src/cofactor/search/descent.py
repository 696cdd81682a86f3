"""From a start down to an optimum: one local search after the other, or several at once.

A local search takes Lloyd's iterations until few rows move, and then moves single rows until none
pays [Hartigan 1975].
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import replace
from typing import ClassVar, cast

import numpy as np

from cofactor import kernels
from cofactor.codes.movable import MovableDense
from cofactor.data import DenseRows
from cofactor.data.base import Affine, Floats
from cofactor.lloyd import Ending, Whole, lloyd
from cofactor.neighbors import neighbors, pays
from cofactor.noise import Gaussian, Params
from cofactor.search.found import Optimum
from cofactor.search.polish import polished
from cofactor.stop import TimeLimit

MOST = 300  # iterations, and sweeps, of a local search
FEW = 500  # Lloyd's iterations end once at most one row of so many moves
NEAR = 1e-4  # of the inertia: what neighbours gain at least while all rows meet all centers
AT_ONCE = 8  # short local searches
SMALL = 1 << 25  # entries times centers, below which one thread does a whole local search


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
    def descend(self, starts: Sequence[Floats], limit: TimeLimit) -> list[Optimum]:
        """Return the optimum that each start leads to.

        Parameters
        ----------
        starts : sequence of ndarray of shape (k, d)
        limit : TimeLimit
            For each; a long search ends there, wherever it is.
        """

    def costs(self, means: Floats) -> Floats:
        """Return the weighted squared distance of each row to the nearest of some means."""
        about = means - self._params.reference
        affine = Affine(about, 0.5 * np.einsum("cd,cd->c", about, about), self._params.reference)
        losses = self._least(affine)
        costs: Floats = self.data.rows.weights * np.maximum(2.0 * losses + self._norms, 0.0)
        return costs

    def row(self, number: int) -> Floats:
        """Return one row."""
        row: Floats = self.data.rows.take(slice(number, number + 1)).dense()[0]
        return row

    def _least(self, affine: Affine) -> Floats:
        """Return the loss of each row under the component that suits it best."""
        parts = self.data.engine.map(lambda block: block.top_losses(affine, 1)[1], self.data.blocks)
        return np.concatenate(parts)[:, 0]


class SharedDescent(Descent):
    """Local searches that all threads share."""

    at_once = 1

    def descend(self, starts: Sequence[Floats], limit: TimeLimit) -> list[Optimum]:
        """See :class:`Descent`."""
        return [self._descend(start, limit) for start in starts]

    def _descend(self, start: Floats, limit: TimeLimit) -> Optimum:
        params = replace(self._params, components=start)
        if pays(self.data.rows, len(start)):
            found = neighbors(Gaussian(), self.data, params, Ending(NEAR, MOST, limit))
        else:
            found = lloyd(Gaussian(), self.data, params, Ending(self._still, MOST, limit))
            found = polished(found, self.data, MOST, limit)
        labels = np.concatenate([state.labels for state in found.rows.states])
        means = found.params.components
        distances = self.data.rows.squared_distances(means, labels)
        return Optimum(means, labels, float(self.data.rows.weights @ distances))

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

    def descend(self, starts: Sequence[Floats], limit: TimeLimit) -> list[Optimum]:
        """See :class:`Descent`; these are too short to be cut."""
        return self.data.engine.map(self._descend, starts)

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
