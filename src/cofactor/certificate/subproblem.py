"""Part of all clusterings: some groups of points are one, some pairs of them are apart."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cache

import numpy as np
from numpy.typing import NDArray

from cofactor.certificate.company import Company
from cofactor.certificate.inequalities import Inequalities
from cofactor.certificate.multiplier import Multipliers
from cofactor.certificate.problem import Problem
from cofactor.certificate.relaxation import Relaxation
from cofactor.certificate.rounding import UNIT, growth
from cofactor.certificate.saddle import Saddle
from cofactor.data.base import Floats

Flags = NDArray[np.bool_]
Sets = NDArray[np.int64]
MERGED = 40  # roundings of an entry, at most, when two groups become one


@dataclass(frozen=True)
class Subproblem:
    """The clusterings that keep groups of points together and some pairs of groups apart.

    A group is a point with a sum of weights: with roots ``t_g² = Σ_{i ∈ g} s_i²`` and ``V`` the
    matrix of columns ``s_g / t_g``, clusterings have ``P = V Q Vᵀ`` and ``⟨C, P⟩ = ⟨VᵀCV, Q⟩``. All
    terms of these costs are positive, so no digit is lost, and what groups cost in themselves is
    on the diagonal. Where groups are apart ``Q_gh = 0``, so their multipliers may have any sign.

    Attributes
    ----------
    relaxation : Relaxation
        Of m groups.
    groups : ndarray of shape (n,)
        Which group each point is in.
    apart : ndarray of shape (m, m)
    bound : float
        No clustering of this part has a smaller inertia.
    multipliers : ndarray of shape (m, m)
        ``N`` to go on from, in the unit of the costs.
    inequalities : Inequalities
        Multipliers in the unit of the costs, too.
    matrix : ndarray of shape (m, m)
        An approximate solution of the relaxation.
    """

    relaxation: Relaxation
    groups: NDArray[np.intp]
    apart: Flags
    bound: float
    multipliers: Floats
    inequalities: Inequalities
    matrix: Floats

    @property
    def size(self) -> int:
        """Number of groups."""
        return len(self.apart)

    @property
    def k(self) -> int:
        """Number of clusters, at most."""
        return self.relaxation.k

    @property
    def company(self) -> Company:
        """How much the clusters of groups can weigh."""
        return self.relaxation.company(self.apart)

    def saddle(self) -> Saddle:
        """Return the steps that go on from here."""
        floor = np.where(self.apart, -np.inf, 0.0)
        found = Saddle(self.relaxation, self.multipliers, np.zeros(self.size, np.int32), floor)
        found.resume(self.matrix, self.inequalities.in_company(self.company))
        return found

    def improved(self, saddle: Saddle, bound: float) -> Subproblem:
        """Return this with what steps have led to, and the bound of their multipliers."""
        return replace(
            self,
            bound=max(bound, self.bound),
            multipliers=saddle.multipliers.astype(float) * saddle.unit,
            inequalities=saddle.inequalities.scaled(saddle.unit),
            matrix=saddle.matrix.astype(float),
        )

    def too_dear(self, bound: float, enough: float) -> Flags:
        """Return which pairs make a clustering cost ``enough`` if they are in one cluster.

        ``⟨C, P⟩`` is at least the bound and ``2 N_gh P_gh``, and ``P_gh ≥ t_g t_h / W`` with W the
        most that a cluster with the two can weigh.

        Parameters
        ----------
        bound : float
            That of the multipliers.
        enough : float
        """
        relaxation = self.relaxation
        sure = self.multipliers * (1.0 - 1e-9) - 8.0 * UNIT * relaxation.costs
        roots = np.outer(relaxation.roots, relaxation.roots)
        most = self.company.most
        least = bound + 2.0 * (1.0 - 1e-9) * sure * roots / np.minimum.outer(most, most)
        dear: Flags = (np.minimum(least, least.T) >= enough) & ~self.apart
        np.fill_diagonal(dear, False)
        return dear

    def without(self, pairs: Flags) -> Subproblem:
        """Return the clusterings that keep these pairs apart, too."""
        return replace(self, apart=self.apart | pairs)

    def most_divided(self) -> tuple[int, int]:
        """Return two groups that are together in part, and matter most."""
        diagonal = np.sqrt(np.maximum(self.matrix.diagonal(), 1e-12))
        share = np.clip(self.matrix / np.outer(diagonal, diagonal), 0.0, 1.0)
        score = np.where(self.apart, -1.0, share * (1.0 - share) + 1e-9 * share)
        score = score * np.minimum.outer(self.relaxation.roots, self.relaxation.roots)
        np.fill_diagonal(score, -2.0)
        first, second = np.unravel_index(int(score.argmax()), score.shape)
        return int(min(first, second)), int(max(first, second))

    def parted(self, first: int, second: int) -> Subproblem:
        """Return the clusterings that keep two groups apart."""
        pair = np.zeros_like(self.apart)
        pair[first, second] = pair[second, first] = True
        return self.without(pair)

    def linked(self, first: int, second: int) -> Subproblem:
        """Return the clusterings that keep two groups together, as one."""
        union = Union(self.relaxation.roots, first, second)
        apart = union.any_of(self.apart)
        multipliers = union.sums(self.multipliers)
        multipliers[first, first] = 0.0
        relaxation = replace(
            self.relaxation,
            costs=union.sums(self.relaxation.costs),
            roots=union.roots,
            precision=self.relaxation.precision + growth(MERGED),
        )
        return replace(
            self,
            relaxation=relaxation,
            groups=union.places[self.groups],
            apart=apart,
            multipliers=np.where(apart, multipliers, np.maximum(multipliers, 0.0)),
            inequalities=self.inequalities.relabelled(union.places, relaxation.company(apart)),
            matrix=union.sums(self.matrix),
        )

    def settled(self) -> Subproblem | None:
        """Link groups that can only be in one cluster; None if nothing is left.

        Of k groups that are all apart each is in a cluster of its own, so a group apart from all
        but one of them is with that one.
        """
        node = self
        while True:
            clique = node._clique()
            if len(clique) > node.k:
                return None
            pair = node._bound_to(clique) if len(clique) == node.k else None
            if pair is None:
                return node
            node = node.linked(*pair)

    def _bound_to(self, clique: list[int]) -> tuple[int, int] | None:
        """Return one of the clique and a group that is apart from all the others."""
        known = self.apart[clique].sum(axis=0)
        known[clique] = 0
        bound = np.flatnonzero(known == len(clique) - 1)
        if not len(bound) or len(clique) == 1:
            return None
        own = clique[int(self.apart[clique, bound[0]].argmin())]
        return min(own, int(bound[0])), max(own, int(bound[0]))

    def _clique(self) -> list[int]:
        """Return groups that are all apart from each other, as many as are found at once."""
        degrees = self.apart.sum(axis=0)
        clique: list[int] = []
        allowed = degrees > 0
        while allowed.any():
            clique.append(int(np.where(allowed, degrees, -1).argmax()))
            allowed = allowed & self.apart[clique[-1]]
        return clique

    def optimum(self) -> float:
        """Return what the best clustering of few groups costs, rounded down."""
        error = self.relaxation.precision + 2.0 * growth(self.size**2 + 8)
        if self.size <= self.k:
            return float(self.relaxation.costs.trace()) * (1.0 - error)
        costs = self._set_costs()[partitions(self.size, self.k)].sum(axis=1)
        return float(costs.min()) * (1.0 - error)

    def _set_costs(self) -> Floats:
        """Return what each set of groups costs as a cluster, shape (2^m,)."""
        m, roots = self.size, self.relaxation.roots
        inside = (np.arange(1 << m)[:, None] >> np.arange(m) & 1).astype(float)
        along = inside * roots
        sums = np.einsum("sg,gh,sh->s", along, self.relaxation.costs, along)
        mass = np.square(along).sum(axis=1)
        costs = np.divide(sums, mass, out=np.zeros(1 << m), where=mass > 0)
        torn = np.einsum("sg,gh,sh->s", inside, self.apart.astype(float), inside) > 0
        return np.where(torn, np.inf, costs)


class Union:
    """Two groups that become one, the first of them.

    Parameters
    ----------
    roots : ndarray of shape (m,)
    first, second : int
        The second is the later one.
    """

    def __init__(self, roots: Floats, first: int, second: int) -> None:
        self._first, self._second = first, second
        whole = float(np.hypot(roots[first], roots[second]))
        self._shares = roots[first] / whole, roots[second] / whole
        self.roots = np.delete(roots, second)
        self.roots[first] = whole
        self.places = np.arange(len(roots))
        self.places[second] = first
        self.places -= self.places > second

    def sums(self, matrix: Floats) -> Floats:
        """Return ``VᵀAV``, exactly symmetric."""
        mine, other = self._shares
        rows = np.delete(matrix, self._second, axis=0)
        rows[self._first] = mine * matrix[self._first] + other * matrix[self._second]
        found = np.delete(rows, self._second, axis=1)
        found[:, self._first] = mine * rows[:, self._first] + other * rows[:, self._second]
        found[self._first] = found[:, self._first]
        return found

    def any_of(self, pairs: Flags) -> Flags:
        """Return which groups are in a pair with either."""
        found = np.delete(np.delete(pairs, self._second, axis=0), self._second, axis=1)
        found[self._first] = np.delete(pairs[self._first] | pairs[self._second], self._second)
        found[:, self._first] = found[self._first]
        return found


def root(problem: Problem) -> Subproblem:
    """Return all clusterings, with the best multipliers in closed form."""
    n = problem.points.n
    relaxation = Relaxation.of(problem.points, problem.k)
    closed = Multipliers(problem)
    tried = [closed.dense(level) for level in closed.levels]
    bounds = [relaxation.bound(relaxation.costs - multipliers) for multipliers in tried]
    best = int(np.argmax(bounds))
    codes = (problem.labels[:, None] == np.arange(problem.k)) * relaxation.roots[:, None]
    masses = np.square(codes).sum(axis=0)
    return Subproblem(
        relaxation=relaxation,
        groups=np.arange(n),
        apart=np.zeros((n, n), bool),
        bound=bounds[best],
        multipliers=tried[best],
        inequalities=Inequalities.none(relaxation.company()),
        matrix=(codes / np.where(masses > 0, masses, 1.0)) @ codes.T,
    )


@cache
def partitions(size: int, k: int) -> Sets:
    """Return all partitions into at most k sets, as bits, shape (number of them, k)."""
    found = np.zeros((1, k), np.int64)
    for member in range(size):
        grown = []
        for place in range(k):
            fits = np.ones(len(found), bool) if place == 0 else found[:, place - 1] > 0
            more = found[fits]
            more[:, place] |= 1 << member
            grown.append(more)
        found = np.concatenate(grown)
    return found
