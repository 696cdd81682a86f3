"""How much the cluster of a point can weigh."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cofactor.certificate.rounding import growth
from cofactor.data.base import Floats


@dataclass(frozen=True)
class Company:
    """The most that a cluster with each point can weigh, if none of k clusters is empty.

    Such clusterings suffice: where a cluster is empty, a point of another one can move there, and
    costs nothing any more.

    Attributes
    ----------
    roots : ndarray of shape (n,)
        ``s``: roots of the weights; n > k.
    k : int
    most : ndarray of shape (n,)
        Weights, rounding included.
    """

    roots: Floats
    k: int
    most: Floats

    @classmethod
    def of(cls, roots: Floats, k: int, apart: NDArray[np.bool_] | None = None) -> Company:
        """Return what all but k − 1 points weigh, or all that are not apart from a point.

        Parameters
        ----------
        roots : ndarray of shape (n,)
        k : int
        apart : ndarray of shape (n, n), optional
            Which points share no cluster.
        """
        weights = np.square(roots)
        most = _without_lightest(weights, k - 1)
        if apart is not None:
            most = np.minimum(most, ~apart @ weights)
        return cls(roots, k, most * (1.0 + 2.0 * growth(len(roots) + 8)))

    @property
    def weights(self) -> Floats:
        """``s²``."""
        return np.square(self.roots)

    @property
    def total(self) -> float:
        """Weight of all points, rounded up."""
        return float(self.weights.sum()) * (1.0 + 2.0 * growth(len(self.roots) + 8))


def _without_lightest(weights: Floats, count: int) -> Floats:
    """Return for each point what is left without the lightest of the others: sums only."""
    order = np.argsort(-weights, kind="stable")
    kept = max(len(weights) - count, 1)
    heaviest = weights[order[: kept - 1]].sum()
    rest = weights.copy()
    rest[order[: kept - 1]] = weights[order[kept - 1]]
    return heaviest + rest
