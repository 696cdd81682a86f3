"""Rows and their squared distances from some of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from cofactor.data.base import Affine, Array, Floats, Labels, RowBlock
from cofactor.data.blocks import open_rows
from cofactor.engine import Engine

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
        components = centers - self.reference
        half_norms = 0.5 * np.square(components).sum(axis=1)
        affine = Affine(components, half_norms, self.reference)
        labels, _ = self.rows.nearest(affine, self.engine)
        return labels, self.rows.squared_distances(centers, labels)


def drawn_by_weight(weights: Array, rng: np.random.RandomState) -> int:
    """Return a row drawn in proportion to its weight: what ``rng.choice`` would, sooner."""
    return int(np.searchsorted(shares_up_to(weights), rng.random_sample(), side="right"))


def shares_up_to(weights: Array) -> Floats:
    """Return the share of each row and those before it in all weight, as ``rng.choice`` has it."""
    shares: Floats = np.cumsum(weights / weights.sum(), dtype=np.float64)
    shares /= shares[-1]
    return shares
