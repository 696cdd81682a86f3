"""Inequalities that clusterings satisfy and Peng and Wei's relaxation does not."""

from __future__ import annotations

from copy import copy
from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp

from cofactor.certificate.cliques import Cliques
from cofactor.certificate.company import Company
from cofactor.certificate.family import Family, Members
from cofactor.certificate.rounding import growth
from cofactor.certificate.triangles import Triangles
from cofactor.data.base import Floats


@dataclass
class Inequalities:
    """Inequalities ``⟨A, P⟩ + f ≤ 0``, each with a multiplier: pairs, triangles and cliques.

    Attributes
    ----------
    families : tuple of Family
    multipliers : ndarray of shape (m,)
        At least 0, family after family.
    company : Company
    """

    families: tuple[Family, ...]
    multipliers: Floats
    company: Company

    def __post_init__(self) -> None:
        roots = self.company.roots
        self._rows = sp.vstack([family.rows(roots) for family in self.families], format="csr")
        self._floors = self._all_floors()
        self.norm = self._norm() if len(self) else 0.0

    @classmethod
    def none(cls, company: Company) -> Inequalities:
        """Return no inequalities."""
        triangles = Triangles(np.empty((0, 3), np.int64))
        cliques = Cliques(np.empty((0, company.k + 1), np.int64))
        return cls((triangles, cliques), np.empty(0), company)

    def __len__(self) -> int:
        """Return how many there are."""
        return len(self.multipliers)

    def values(self, matrix: Floats) -> Floats:
        """Return by how much each is violated by ``P``, shape (m,)."""
        found: Floats = self._rows @ matrix.ravel()
        return found + self._floors

    def pull(self) -> Floats:
        """Return ``Σ λ A``, shape (n, n)."""
        n = len(self.company.roots)
        found: Floats = self._rows.T @ self.multipliers
        return found.reshape(n, n)

    def safe_pull(self) -> Floats:
        """Return no more than ``Σ λ A`` in any entry, rounding included."""
        n = len(self.company.roots)
        sizes = (abs(self._rows).T @ self.multipliers).reshape(n, n)
        most = int(np.bincount(self._rows.indices, minlength=1).max()) if len(self) else 0
        return self.pull() - 2.0 * growth(most + 12) * sizes

    def safe_gain(self) -> float:
        """Return no more than ``Σ λ f``, which is added to what is left of the costs."""
        return float(self.multipliers @ self._floors) * (1.0 - growth(len(self) + 8))

    def active(self) -> Inequalities:
        """Return those with a multiplier."""
        parts = zip(self.families, self._of_families(self.multipliers), strict=True)
        families = tuple(family.taken(multipliers > 0) for family, multipliers in parts)
        used = self.multipliers[self.multipliers > 0]
        return Inequalities(families, used, self.company)

    def scaled(self, factor: float) -> Inequalities:
        """Return them with multipliers in another unit."""
        found = copy(self)
        found.multipliers = factor * self.multipliers
        return found

    def in_company(self, company: Company) -> Inequalities:
        """Return them where more is known of how much clusters can weigh."""
        found = copy(self)
        found.company = company
        found._floors = found._all_floors()
        return found

    def relabelled(self, place: Members, company: Company) -> Inequalities:
        """Return what they say of groups of points; of those that become alike, the first.

        Parameters
        ----------
        place : ndarray of shape (n,)
            The group of each point.
        company : Company
            Of the groups.
        """
        families, kept = zip(*(family.relabelled(place) for family in self.families), strict=True)
        own = self._of_families(self.multipliers)
        multipliers = [part[which] for part, which in zip(own, kept, strict=True)]
        return Inequalities(families, np.concatenate(multipliers), company)

    def joined(self, matrix: Floats, most: int) -> Inequalities:
        """Return these and the most violated others, a bounded number for each point.

        All are of the first family that has any.

        Parameters
        ----------
        matrix : ndarray of shape (n, n)
            ``P``.
        most : int
            How many to add at most.
        """
        X = matrix / np.outer(self.company.roots, self.company.roots)
        families, multipliers, more = [], [], 0
        for family, own in zip(self.families, self._of_families(self.multipliers), strict=True):
            families.append(family if more else family.joined(X, self.company, most))
            more += len(families[-1]) - len(family)
            multipliers += [own, np.zeros(len(families[-1]) - len(family))]
        return Inequalities(tuple(families), np.concatenate(multipliers), self.company)

    def _of_families(self, values: Floats) -> list[Floats]:
        """Return values, one for each inequality, by family."""
        ends = np.cumsum([len(family) for family in self.families])
        return np.split(values, ends[:-1])

    def _all_floors(self) -> Floats:
        return np.concatenate([family.floors(self.company) for family in self.families])

    def _norm(self) -> float:
        """Return about the squared norm of the inequalities."""
        vector = np.random.default_rng(0).normal(size=len(self))
        size = 1.0
        for _ in range(20):
            vector = self._rows @ (self._rows.T @ (vector / np.linalg.norm(vector)))
            size = float(np.linalg.norm(vector))
        return 1.05 * size
