"""The best of all clusterings of a few points, many data sets at once, in extended precision."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

Long = np.longdouble


@dataclass(frozen=True)
class Exhaustive:
    """Least inertia of every set of points in at most k clusters, for B data sets of n points.

    ``f_k(S) = min over T ⊂ S that holds S's first point of J(T) + f_{k−1}(S ∖ T)``.

    Attributes
    ----------
    inertia : ndarray of shape (2^n, B)
        ``J`` of each set of points as one cluster.
    best : ndarray of shape (n, 2^n, B)
        ``f_1 … f_n``.
    """

    inertia: np.ndarray
    best: np.ndarray

    def optimum(self, k, number):
        """Return the least inertia of a data set."""
        return self.best[k - 1, -1, number]

    def labels(self, k, number):
        """Return the labels of a best clustering, shape (n,)."""
        n = len(self.best)
        labels, left = np.zeros(n, np.int32), (1 << n) - 1
        for cluster in range(k):
            taken = self._first(left, k - cluster, number)
            labels[[i for i in range(n) if taken >> i & 1]] = cluster
            left &= ~taken
            if not left:
                break
        return labels

    def _first(self, left, k, number):
        """Return the cluster of the first point left."""
        if k == 1:
            return left
        sets = parts(left)
        costs = self.inertia[sets, number] + self.best[k - 2, left ^ sets, number]
        return int(sets[costs.argmin()])


def parts(whole):
    """Return the subsets of a set that hold its first member, as bits."""
    first = whole & -whole
    rest, found = whole ^ first, []
    subset = rest
    while True:
        found.append(subset | first)
        if not subset:
            return np.array(found)
        subset = (subset - 1) & rest


def inertias(X, weights):
    """Return ``J(S) = Σ_{i<j ∈ S} w_i w_j ‖x_i − x_j‖² / Σ_S w`` of all sets, shape (2^n, B).

    Sums of positive terms: no digit is lost, wherever the points lie.
    """
    X, weights = X.astype(Long), weights.astype(Long)
    batch, n, _ = X.shape
    pairs = np.square(X[:, :, None] - X[:, None]).sum(axis=3)
    pairs *= weights[:, :, None] * weights[:, None]
    sums, mass = np.zeros((1 << n, batch), Long), np.zeros((1 << n, batch), Long)
    for members in range(1, 1 << n):
        last = members.bit_length() - 1
        before = members ^ (1 << last)
        others = [i for i in range(last) if before >> i & 1]
        sums[members] = sums[before] + pairs[:, last, others].sum(axis=1)
        mass[members] = mass[before] + weights[:, last]
    return np.divide(sums, mass, out=np.zeros_like(sums), where=mass > 0)


def exhaustive(X, weights, costs=inertias):
    """Solve data sets of shape (B, n, d) with weights of shape (B, n).

    ``costs(X, weights)`` are those of each set of points as one cluster, shape (2^n, B).
    """
    cost = costs(X, weights)
    n = X.shape[1]
    best = np.full((n, *cost.shape), np.inf, Long)
    best[0] = cost
    best[:, 0] = 0
    for whole in range(1, 1 << n):
        for part in parts(whole):
            np.minimum(best[1:, whole], cost[part] + best[:-1, whole ^ part], out=best[1:, whole])
    return Exhaustive(cost, best)
