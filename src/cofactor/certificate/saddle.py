"""First-order steps that raise the dual bound of Peng and Wei's relaxation."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from cofactor.certificate.inequalities import Inequalities
from cofactor.certificate.relaxation import Relaxation, centred
from cofactor.certificate.rounding import UNIT
from cofactor.data.base import Array, Labels

STEP = 4.0  # of the matrix, in the unit of the costs
WHOLE = 300  # rows up to which all eigenpairs are computed, in double precision
SPARE = 2  # eigenvectors beyond those that count, at least


class Saddle:
    """Steps towards a saddle point of ``⟨C − N, X⟩``: least over X, most over ``N ≥ 0``.

    ``X ← Π(X − τ(C − N))``, ``N ← max(N − σ(2X − X_before), 0)`` [Chambolle & Pock 2011], where Π
    projects on the matrices ``0 ⪯ X ⪯ I`` with ``Xs = s`` and trace k: eigenvalues are shifted and
    clipped. Any N gives a bound.

    Parameters
    ----------
    relaxation : Relaxation
    multipliers : ndarray of shape (n, n)
        ``N`` to begin with, in the unit of the costs.
    labels : ndarray of shape (n,)
        The clustering to begin with.
    floor : ndarray of shape (n, n), or 0
        The least value of each multiplier: −inf where X is known to be 0.
    """

    def __init__(
        self, relaxation: Relaxation, multipliers: Array, labels: Labels, floor: Array | float = 0.0
    ) -> None:
        small = len(multipliers) <= WHOLE
        kind: Any = np.float64 if small else np.float32  # any multipliers will do
        self._relaxation, self._k, self._floor = relaxation, relaxation.k, floor
        self._roots = relaxation.roots.astype(kind)
        self.unit = float(np.linalg.norm(centred(relaxation.costs, relaxation.roots))) or 1.0
        self.costs = (relaxation.costs / self.unit).astype(kind)
        self.multipliers = (multipliers / self.unit).astype(kind)
        self.inequalities = Inequalities.none(relaxation.company())
        self._along = np.outer(self._roots, self._roots) / (self._roots @ self._roots)
        self._vectors = self._first_vectors(labels)
        self.matrix = self._along + self._vectors[:, : self._k] @ self._vectors[:, : self._k].T

    @property
    def vectors(self) -> Array:
        """Vectors near whose span the least eigenvectors of the slack are."""
        return np.column_stack([self._roots, self._vectors]).astype(float)

    def resume(self, matrix: Array, inequalities: Inequalities) -> None:
        """Go on from a solution, and from inequalities with multipliers in the costs' unit."""
        self.matrix = matrix.astype(self.costs.dtype)
        self.inequalities = inequalities.scaled(1.0 / self.unit)

    def free(self, pairs: NDArray[np.bool_]) -> None:
        """Let multipliers have any sign where X is known to be 0."""
        self._floor = np.where(pairs, -np.inf, self._floor)

    def step(self) -> None:
        """Take one step."""
        before = self.matrix
        pull = self.costs - self.multipliers
        if len(self.inequalities):
            pull += self.inequalities.pull()
        pull *= -STEP
        pull += before
        self.matrix = self._project(centred(pull, self._roots)) + self._along
        ahead = 2.0 * self.matrix
        ahead -= before
        if len(self.inequalities):
            self._move_inequalities(ahead)
        ahead *= self._stride
        self.multipliers -= ahead
        np.maximum(self.multipliers, self._floor, out=self.multipliers)

    def bound(self) -> float:
        """Return the bound that the multipliers give."""
        slack, gain = self._relaxation.costs - self.multipliers.astype(float) * self.unit, 0.0
        if len(self.inequalities):
            pull = self.inequalities.safe_pull() * self.unit
            slack += pull - 8.0 * UNIT * (self._relaxation.costs + np.abs(slack) + np.abs(pull))
            gain = self.inequalities.safe_gain() * self.unit
        return self._relaxation.bound(np.minimum(slack, slack.T), self.vectors, gain)

    def tighten(self, most: int) -> int:
        """Drop inequalities without a multiplier, add violated ones; return how many there are."""
        self.inequalities = self.inequalities.active().joined(self.matrix.astype(float), most)
        return len(self.inequalities)

    @property
    def _stride(self) -> float:
        """How far multipliers go: half as far where inequalities take the other half."""
        return (0.45 if len(self.inequalities) else 0.9) / STEP

    def _move_inequalities(self, ahead: Array) -> None:
        inequalities = self.inequalities
        step = 0.45 / (STEP * inequalities.norm)
        moved = inequalities.multipliers + step * inequalities.values(ahead)
        inequalities.multipliers = np.maximum(moved, 0.0)

    def _project(self, matrix: Array) -> Array:
        values, vectors = self._leading(matrix)
        shares = clipped(values, self._k - 1)
        used = shares > 0
        return (vectors[:, used] * shares[used]) @ vectors[:, used].T

    def _leading(self, matrix: Array) -> tuple[Array, Array]:
        """Return eigenpairs that matter: all, or by one step of subspace iteration."""
        if len(matrix) <= WHOLE:
            values, vectors = np.linalg.eigh(matrix)
        else:
            basis = np.linalg.qr(np.hstack([self._vectors, matrix @ self._vectors]))[0]
            values, turns = np.linalg.eigh(basis.T @ (matrix @ basis))
            kept = self._vectors.shape[1]
            values, vectors = values[-kept:], basis @ turns[:, -kept:]
        self._widen(values, vectors)
        return values, vectors

    def _widen(self, values: Array, vectors: Array) -> None:
        """Keep eigenvectors for the next step, and more of them if nearly all matter."""
        used = int((clipped(values, self._k - 1) > 0).sum())
        n, width = vectors.shape
        if width == n:
            width = min(max(3 * self._k, used + SPARE), n - 1)
            self._vectors = vectors[:, -width:]
            return
        self._vectors = vectors
        if used + SPARE >= width and width < n // 3:
            more = np.random.default_rng(width).normal(size=(n, max(width // 3, 4)))
            self._vectors = np.hstack([vectors, self._orthogonal(more.astype(vectors.dtype))])

    def _first_vectors(self, labels: Labels) -> Array:
        """Return the clusters' directions and some at random, orthonormal, orthogonal to roots."""
        n = len(self._roots)
        clusters = (labels[:, None] == np.arange(self._k)) * self._roots[:, None]
        width = max(min(2 * self._k + 10, n // 3 - self._k), 0)
        spare = np.random.default_rng(0).normal(size=(n, width)).astype(self._roots.dtype)
        return np.linalg.qr(self._orthogonal(np.hstack([clusters[:, 1:], spare])))[0]

    def _orthogonal(self, vectors: Array) -> Array:
        return vectors - np.outer(self._roots, self._roots @ vectors) / (self._roots @ self._roots)


def clipped(values: Array, total: float) -> Array:
    """Return ``clip(λ − t, 0, 1)`` for the t that makes them add up to ``total``."""
    low, high = float(values.min()) - 1.0, float(values.max())
    for _ in range(60):
        shift = 0.5 * (low + high)
        if np.clip(values - shift, 0.0, 1.0).sum() > total:
            low = shift
        else:
            high = shift
    return np.clip(values - high, 0.0, 1.0)
