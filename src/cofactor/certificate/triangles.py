"""Pair and triangle inequalities."""

from __future__ import annotations

import numpy as np

from cofactor.certificate.company import Company
from cofactor.certificate.family import LEAST, Family, Members, Places
from cofactor.data.base import Floats


class Triangles(Family):
    """``X_ij ≤ X_ii`` and ``X_ij + X_it ≤ X_ii + X_jt`` [Peng & Wei 2007].

    Members are i, j ≤ t; t = j for pairs.
    """

    def terms(self) -> list[tuple[Members, Members, Floats]]:
        """See :class:`Family`."""
        i, j, t = self.members.T
        one, other = np.ones(len(self)), np.where(j == t, 0.0, 1.0)
        return [(i, j, one), (i, t, other), (i, i, -one), (j, t, -other)]

    def floors(self, company: Company) -> Floats:
        """See :class:`Family`."""
        return np.zeros(len(self))

    def among(self, place: Members) -> tuple[Members, Places]:
        """See :class:`Family`."""
        i, j, t = place[self.members].T
        kept = np.flatnonzero((i != j) & (i != t))
        return np.column_stack([i, np.minimum(j, t), np.maximum(j, t)])[kept], kept

    def violated(self, X: Floats, company: Company, most: int) -> Members:
        """Return the worst of each point, most violated first."""
        each = max(6 * most // len(X), 2)
        least = LEAST * float(np.abs(X).mean())
        found, sizes = [], []
        for i, row in enumerate(X):
            near = np.flatnonzero(row > least)
            near = near[near != i]
            excess = row[near][:, None] + row[near] - row[i] - X[np.ix_(near, near)]
            np.fill_diagonal(excess, row[near] - row[i])
            a, b = np.nonzero(np.triu(excess) > least)
            worst = np.argsort(-excess[a, b], kind="stable")[:each]
            a, b = a[worst], b[worst]
            found.append(np.column_stack([np.full(len(a), i), near[a], near[b]]))
            sizes.append(excess[a, b])
        order = np.argsort(-np.concatenate(sizes), kind="stable")
        return np.concatenate(found).astype(np.int64)[order]
