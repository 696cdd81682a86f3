"""What there is to prove: points, the number of clusters, and a clustering to compare with."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from cofactor.certificate.clock import Clock
from cofactor.certificate.points import Points
from cofactor.data.base import Floats, Labels
from cofactor.lazy import lazy


@dataclass(frozen=True)
class Problem:
    """A clustering of points into at most ``k`` clusters, whose optimum is to be bounded.

    Attributes
    ----------
    points : Points
    k : int
    labels : ndarray of shape (n,), int32
        A good clustering of the points, which bounds start from; none depends on it for truth.
    upper : float
        Its inertia, in the points' unit.
    tolerance : float
        The relative gap at which nothing more need be proved.
    confidence : float
        Of bounds that need not be certain.
    seed : int
        Of random choices.
    optimum : float
        What is known beforehand that no clustering is below, in the points' unit.
    """

    points: Points
    k: int
    labels: Labels
    upper: float
    tolerance: float
    confidence: float = 0.99
    seed: int = 0
    optimum: float = 0.0

    @property
    def target(self) -> float:
        """A bound that suffices."""
        return self.upper * (1.0 - self.tolerance)

    def in_units(self, inertia: float, *, up: bool) -> float:
        """Return an inertia in the data's unit, rounded up or down."""
        return self.points.in_units(inertia, up=up)

    @lazy
    def counts(self) -> Floats:
        """Weight of each cluster, shape (k,)."""
        return np.bincount(self.labels, self.points.weights, self.k).astype(float, copy=False)

    @lazy
    def means(self) -> Floats:
        """Means of the clusters, zero for empty ones, shape (k, d)."""
        sums = [
            np.bincount(self.labels, self.points.weights * column, self.k)
            for column in self.points.values.T
        ]
        divisors = np.where(self.counts > 0, self.counts, 1.0)
        return np.ascontiguousarray((np.array(sums) / divisors).T)

    def distances(self, rows: slice = slice(None)) -> Floats:
        """Return squared distances of points from the means, ``inf`` for empty clusters."""
        values = self.points.values[rows]
        squares = np.square(values).sum(axis=1)[:, None] + np.square(self.means).sum(axis=1)
        squares -= 2.0 * values @ self.means.T
        return np.where(self.counts > 0, np.maximum(squares, 0.0), np.inf)


# A method: yields bounds on the inertia of any clustering, in the points' unit.
Bounds = Callable[[Problem, Clock], Iterator[float]]
