"""What inequalities of one kind have in common."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, replace
from typing import Self

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from cofactor.certificate.company import Company
from cofactor.data.base import Floats

Members = NDArray[np.int64]
Places = NDArray[np.intp]
LEAST = 0.02  # of a violation, in the mean size of entries


@dataclass(frozen=True)
class Family(ABC):
    """Inequalities of one kind, each about some points.

    With ``X_ij = P_ij/(s_i s_j)``, which is 1/M for points of one cluster of weight M and 0 for
    others, each reads ``⟨A, P⟩ + f ≤ 0``.

    Attributes
    ----------
    members : ndarray of shape (m, r)
        The points that each is about.
    """

    members: Members

    def __len__(self) -> int:
        """Return how many there are."""
        return len(self.members)

    @abstractmethod
    def terms(self) -> list[tuple[Members, Members, Floats]]:
        """Return ``A`` as factors of ``X_ij``: i, j and factors, each of shape (m,)."""

    @abstractmethod
    def floors(self, company: Company) -> Floats:
        """Return ``f``, rounded down, shape (m,)."""

    @abstractmethod
    def among(self, place: Members) -> tuple[Members, Places]:
        """Return their members among groups of points, in canonical order, and of which they are.

        Parameters
        ----------
        place : ndarray of shape (n,)
            The group of each point.
        """

    @abstractmethod
    def violated(self, X: Floats, company: Company, most: int) -> Members:
        """Return members of violated ones, the worst first.

        Parameters
        ----------
        X : ndarray of shape (n, n)
        company : Company
        most : int
            How many are wanted.
        """

    def taken(self, which: NDArray[np.bool_]) -> Self:
        """Return some of them."""
        return replace(self, members=self.members[which])

    def relabelled(self, place: Members) -> tuple[Self, Places]:
        """Return what they say of groups, and which they were; of those alike, the first."""
        members, kept = self.among(place)
        members, first = np.unique(members, axis=0, return_index=True)
        return replace(self, members=members), kept[first]

    def joined(self, X: Floats, company: Company, most: int) -> Self:
        """Return these and at most so many others that are violated."""
        found = self.violated(X, company, most)
        known = {row.tobytes() for row in self.members}
        fresh = [row.tobytes() not in known for row in found]
        return replace(self, members=np.concatenate([self.members, found[fresh][:most]]))

    def rows(self, roots: Floats) -> sp.csr_array:
        """Return ``A`` over the entries of ``P``, symmetric, shape (m, n²)."""
        n, m = len(roots), len(self)
        if m == 0:
            return sp.csr_array((0, n * n))
        halves = [(i, j, 0.5 * factors) for i, j, factors in self.terms()]
        entries = halves + [(j, i, factors) for i, j, factors in halves]
        numbers = np.tile(np.arange(m), len(entries))
        a, b, factors = (np.concatenate(parts) for parts in zip(*entries, strict=True))
        matrix = sp.csr_array((factors / (roots[a] * roots[b]), (numbers, a * n + b)), (m, n * n))
        matrix.eliminate_zeros()
        return matrix
