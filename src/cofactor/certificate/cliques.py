"""Clique inequalities: of more points than clusters, two are together."""

from __future__ import annotations

from itertools import combinations

import numpy as np

from cofactor.certificate.company import Company
from cofactor.certificate.family import LEAST, Family, Members, Places
from cofactor.certificate.rounding import growth
from cofactor.data.base import Floats

EXCHANGES = 20  # of members, at most


class Cliques(Family):
    """``Σ_{i<j ∈ Q} X_ij ≥ f`` for k + 1 points Q [Piccialli, Sudoso & Wiegele 2022].

    One pair at least shares a cluster, of weight M, so the sum is at least 1/M. If it is the only
    pair, the k − 1 other members are in the k − 1 other clusters, and M is at most what all points
    but the k − 1 lightest members weigh; if not, there are two such terms. With weights of 1 and
    none apart that is the ``f = 1/(n − k + 1)`` of the source.

    Members are in ascending order.
    """

    def terms(self) -> list[tuple[Members, Members, Floats]]:
        """See :class:`Family`."""
        pairs = combinations(self.members.T, 2)
        return [(i, j, np.full(len(self), -1.0)) for i, j in pairs]

    def floors(self, company: Company) -> Floats:
        """See :class:`Family`."""
        return floors(self.members, company)

    def among(self, place: Members) -> tuple[Members, Places]:
        """See :class:`Family`."""
        members = np.sort(place[self.members], axis=1)
        kept = np.flatnonzero((np.diff(members, axis=1) > 0).all(axis=1))
        return members[kept], kept

    def violated(self, X: Floats, company: Company, most: int) -> Members:
        """Return those that growth from each point and exchanges lead to, most violated first.

        They are no more than have about as many entries as triangles do.
        """
        found = np.unique(np.sort(sparsest(X, company.k + 1), axis=1), axis=0)
        sums = np.array([X[np.ix_(members, members)].sum() for members in found])
        sums = 0.5 * (sums - X.diagonal()[found].sum(axis=1))
        least = floors(found, company)
        missing = 1.0 - sums / least
        order = np.argsort(-missing, kind="stable")
        room = 8 * most // (company.k * (company.k + 1)) + 1
        return found[order[missing[order] > LEAST]][:room]


def floors(members: Members, company: Company) -> Floats:
    """Return what entries among k + 1 points add up to at least, rounded down, shape (m,)."""
    n, total = len(company.roots), company.total
    second = np.sort(company.most[members], axis=1)[:, -2]  # the most that any pair's cluster has
    lightest = np.sort(company.weights[members], axis=1)[:, :-2].sum(axis=1)
    alone = np.minimum(second, total * (1.0 + growth(n + 8)) - lightest)
    return np.minimum(1.0 / alone, 2.0 / second) * (1.0 - growth(16))


def sparsest(X: Floats, size: int) -> Members:
    """Return sets of points among which entries are small, one grown from each point.

    Each takes in the point with the least entries towards it, again and again; then the member with
    the largest ones goes for as long as another point has less.

    Parameters
    ----------
    X : ndarray of shape (n, n)
    size : int
        Of the sets, at most n.
    """
    sets = Sets(X)
    while sets.members.shape[1] < size:
        sets.grow()
    for _ in range(EXCHANGES):
        if not sets.exchange():
            break
    return sets.members


class Sets:
    """Sets of points, and what each point's entries towards each set add up to.

    Parameters
    ----------
    X : ndarray of shape (n, n)

    Attributes
    ----------
    members : ndarray of shape (n, r)
        At first each point alone.
    """

    def __init__(self, X: Floats) -> None:
        self._X = X
        self._every = np.arange(len(X))
        self._sums = X.copy()
        self.members = self._every[:, None]

    def grow(self) -> None:
        """Take one more point into each set."""
        new, _ = self._next(self._sums)
        self.members = np.column_stack([self.members, new])
        self._sums += self._X[new]

    def exchange(self) -> bool:
        """Replace the member with the largest entries where that helps; return whether it did."""
        own = np.take_along_axis(self._sums, self.members, axis=1)
        own -= self._X.diagonal()[self.members]
        worst = own.argmax(axis=1)
        left = self._sums - self._X[self.members[self._every, worst]]
        new, entries = self._next(left)
        better = np.flatnonzero(entries < own[self._every, worst] * (1.0 - 1e-9))
        self.members[better, worst[better]] = new[better]
        self._sums[better] = left[better] + self._X[new[better]]
        return len(better) > 0

    def _next(self, sums: Floats) -> tuple[Members, Floats]:
        """Return the points outside with the least entries towards sets, and these entries."""
        outside = sums.copy()
        np.put_along_axis(outside, self.members, np.inf, axis=1)
        found = outside.argmin(axis=1)
        return found, outside[self._every, found]
