"""Rows and their squared distances from some of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from cofactor.data.base import Array, Floats, Labels, RowBlock
from cofactor.data.blocks import open_rows
from cofactor.data.losses import Affine
from cofactor.engine import Engine
from cofactor.neighbors.nearby import nearby, pays

Indices = NDArray[np.intp]


@dataclass(frozen=True)
class MeasuredRows:
    """Dense or sparse rows, and a point amid them that keeps digits.

    Attributes
    ----------
    X : ndarray or scipy.sparse CSR of shape (n, d)
    rows : RowBlock
        All of them.
    reference : ndarray of shape (d,)
        Their mean if they are dense, or else the origin.
    engine : Engine
    """

    X: Any
    rows: RowBlock
    reference: Floats
    engine: Engine

    @classmethod
    def of(cls, X: Any, weights: Floats, engine: Engine) -> Self:
        """Open validated data."""
        is_sparse = sp.issparse(X)
        mean = np.zeros(X.shape[1]) if is_sparse else X.mean(axis=0, dtype=np.float64)
        return cls(X, open_rows(X, weights), mean, engine)

    def centers(self, indices: Indices) -> Floats:
        """Return some rows, dense and in float64."""
        rows = self.X[indices]
        return np.asarray(rows.toarray() if sp.issparse(rows) else rows, dtype=np.float64)

    def closest(self, indices: Indices) -> tuple[Labels, Floats]:
        """Return which of some rows each row is closest to, and its squared distance from it."""
        centers = self.centers(indices)
        labels = self._nearest(centers)
        return labels, self.rows.squared_distances(centers, labels)

    def close(self, indices: Indices) -> tuple[Labels, Floats]:
        """Return what :meth:`closest` does, but of very many rows some that are close."""
        centers = self.centers(indices)
        find = self._nearby if pays(self.rows, len(centers)) else self._nearest
        labels = find(centers)
        return labels, self.rows.squared_distances(centers, labels)

    def _nearby(self, centers: Floats) -> Labels:
        rows: Any = self.rows
        return nearby(rows, centers, self.reference, self.engine)

    def _nearest(self, centers: Floats) -> Labels:
        components = centers - self.reference
        half_norms = 0.5 * np.square(components).sum(axis=1)
        affine = Affine(components, half_norms, self.reference)
        labels, _ = self.rows.nearest(affine, self.engine)
        return labels


def drawn_by_weight(weights: Array, rng: np.random.RandomState) -> int:
    """Return a row drawn in proportion to its weight."""
    return int(Lots(weights).draw(1, rng)[0])


class Lots:
    """Draws rows in proportion to their weights: what ``rng.choice`` would, sooner.

    Parameters
    ----------
    weights : ndarray of shape (n,)
    """

    def __init__(self, weights: Array) -> None:
        self._below = np.zeros(len(weights) + 1)  # share of the rows before each
        np.cumsum(weights / weights.sum(), dtype=np.float64, out=self._below[1:])
        self._below /= self._below[-1]

    def draw(self, size: int, rng: np.random.RandomState) -> NDArray[np.intp]:
        """Return so many rows, with replacement."""
        share, n = rng.random_sample(size), len(self._below) - 1
        rows = np.minimum((share * n).astype(np.intp), n - 1)  # where all weights are equal
        wrong = (share < self._below[rows]) | (share >= self._below[rows + 1])
        rows[wrong] = self._below[1:].searchsorted(share[wrong], side="right")
        return rows
