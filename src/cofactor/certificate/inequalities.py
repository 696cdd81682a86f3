"""Inequalities that clusterings satisfy and Peng and Wei's relaxation does not."""

from __future__ import annotations

from copy import copy
from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from cofactor.certificate.rounding import growth
from cofactor.data.base import Floats

Triples = NDArray[np.int64]
LEAST = 0.02  # of a violation, in the mean size of entries


@dataclass
class Inequalities:
    """Pair and triangle inequalities, each with a multiplier.

    With ``X_ij = P_ij/(s_i s_j)``: 1/n_c for points of one cluster c, 0 for others. So ``X_ij ≤
    X_ii``, and ``X_ij + X_it ≤ X_ii + X_jt`` [Peng & Wei 2007].

    Attributes
    ----------
    triples : ndarray of shape (m, 3)
        i, j, t; t = j for pairs.
    multipliers : ndarray of shape (m,)
        At least 0.
    roots : ndarray of shape (n,)
        ``s``.
    """

    triples: Triples
    multipliers: Floats
    roots: Floats

    def __post_init__(self) -> None:
        self._rows = self._matrix()
        self.norm = self._norm() if len(self.triples) else 0.0

    @classmethod
    def none(cls, roots: Floats) -> Inequalities:
        """Return no inequalities."""
        return cls(np.empty((0, 3), np.int64), np.empty(0), roots)

    def __len__(self) -> int:
        """Return how many there are."""
        return len(self.triples)

    def values(self, matrix: Floats) -> Floats:
        """Return by how much each is violated by ``P``, shape (m,)."""
        found: Floats = self._rows @ matrix.ravel()
        return found

    def pull(self) -> Floats:
        """Return ``Σ λ A``, shape (n, n)."""
        n = len(self.roots)
        found: Floats = self._rows.T @ self.multipliers
        return found.reshape(n, n)

    def safe_pull(self) -> Floats:
        """Return no more than ``Σ λ A`` in any entry, rounding included."""
        n = len(self.roots)
        sizes = (abs(self._rows).T @ self.multipliers).reshape(n, n)
        most = int(np.bincount(self._rows.indices, minlength=1).max()) if len(self) else 0
        return self.pull() - 2.0 * growth(most + 12) * sizes

    def active(self) -> Inequalities:
        """Return those with a multiplier."""
        used = self.multipliers > 0
        return Inequalities(self.triples[used], self.multipliers[used], self.roots)

    def scaled(self, factor: float) -> Inequalities:
        """Return them with multipliers in another unit."""
        found = copy(self)
        found.multipliers = factor * self.multipliers
        return found

    def relabelled(self, place: Triples, roots: Floats) -> Inequalities:
        """Return what they say of groups of points; of those that become alike, the first.

        Parameters
        ----------
        place : ndarray of shape (n,)
            The group of each point.
        roots : ndarray of shape (m,)
            Of the groups.
        """
        i, j, t = place[self.triples].T
        alike = (i == j) | (i == t)
        triples = np.column_stack([i, np.minimum(j, t), np.maximum(j, t)])[~alike]
        triples, first = np.unique(triples, axis=0, return_index=True)
        return Inequalities(triples, self.multipliers[~alike][first], roots)

    def joined(self, matrix: Floats, most: int) -> Inequalities:
        """Return these and the most violated others, a bounded number for each point.

        Parameters
        ----------
        matrix : ndarray of shape (n, n)
            ``P``.
        most : int
            How many to add at most.
        """
        found, violations = violated(matrix / np.outer(self.roots, self.roots), most)
        fresh = ~np.isin(self._keys(found), self._keys(self.triples))
        found = found[fresh][np.argsort(-violations[fresh], kind="stable")[:most]]
        triples = np.concatenate([self.triples, found])
        multipliers = np.append(self.multipliers, np.zeros(len(found)))
        return Inequalities(triples, multipliers, self.roots)

    def _keys(self, triples: Triples) -> Triples:
        n = len(self.roots)
        keys: Triples = (triples[:, 0] * n + triples[:, 1]) * n + triples[:, 2]
        return keys

    def _matrix(self) -> sp.csr_array:
        """Return the inequalities as rows over the entries of ``P``; symmetric."""
        i, j, t = self.triples.T
        n, m = len(self.roots), len(self.triples)
        pair = j == t
        half, other = np.full(m, 0.5), np.where(pair, 0.0, 0.5)
        entries = [(i, j, half), (j, i, half), (i, t, other), (t, i, other)]
        entries += [(i, i, np.full(m, -1.0)), (j, t, -other), (t, j, -other)]
        rows = np.tile(np.arange(m), len(entries))
        a, b, signs = (np.concatenate(parts) for parts in zip(*entries, strict=True))
        values = signs / (self.roots[a] * self.roots[b])
        matrix = sp.csr_array((values, (rows, a * n + b)), shape=(m, n * n))
        matrix.eliminate_zeros()
        return matrix

    def _norm(self) -> float:
        """Return about the squared norm of the inequalities."""
        vector = np.random.default_rng(0).normal(size=len(self.triples))
        size = 1.0
        for _ in range(20):
            vector = self._rows @ (self._rows.T @ (vector / np.linalg.norm(vector)))
            size = float(np.linalg.norm(vector))
        return 1.05 * size


def violated(matrix: Floats, most: int) -> tuple[Triples, Floats]:
    """Return inequalities that ``X`` violates, the worst of each point, and by how much."""
    n = len(matrix)
    each = max(6 * most // n, 2)
    least = LEAST * float(np.abs(matrix).mean())
    found, sizes = [], []
    for i, row in enumerate(matrix):
        near = np.flatnonzero(row > least)
        near = near[near != i]
        excess = row[near][:, None] + row[near] - row[i] - matrix[np.ix_(near, near)]
        np.fill_diagonal(excess, row[near] - row[i])
        a, b = np.nonzero(np.triu(excess) > least)
        worst = np.argsort(-excess[a, b], kind="stable")[:each]
        a, b = a[worst], b[worst]
        found.append(np.column_stack([np.full(len(a), i), near[a], near[b]]))
        sizes.append(excess[a, b])
    return np.concatenate(found).astype(np.int64), np.concatenate(sizes)
