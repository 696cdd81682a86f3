"""Peng and Wei's relaxation of k-means, and its bound for any multipliers."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.distance import cdist

from cofactor.certificate.company import Company
from cofactor.certificate.points import Points
from cofactor.certificate.rounding import UNIT, growth
from cofactor.certificate.spectral import least_eigenvalue_sum
from cofactor.data.base import Floats


@dataclass(frozen=True)
class Relaxation:
    """``min ⟨C, P⟩`` over ``P = Pᵀ ⪰ 0, P ≥ 0, Ps = s, tr P = k`` [Peng & Wei 2007].

    Clusterings are among these: ``P = W^½ Z (ZᵀWZ)⁻¹ Zᵀ W^½`` projects, and ``⟨C, P⟩`` is the
    inertia.

    Attributes
    ----------
    costs : ndarray of shape (n, n)
        ``C_ij = ½ s_i s_j ‖y_i − y_j‖²``.
    roots : ndarray of shape (n,)
        ``s``, roots of the weights.
    k : int
    precision : float
        By what share costs may be too large, rounding of the roots included.
    """

    costs: Floats
    roots: Floats
    k: int
    precision: float

    @classmethod
    def of(cls, points: Points, k: int) -> Relaxation:
        """Return the relaxation for points; differences are taken before anything is rounded."""
        roots = np.sqrt(points.weights)
        costs = cdist(points.values, points.values, "sqeuclidean")
        costs *= 0.5 * np.outer(roots, roots)
        return cls(costs, roots, k, growth(points.d + 16))

    def company(self, apart: NDArray[np.bool_] | None = None) -> Company:
        """Return how much clusters can weigh, given which points are apart."""
        return Company.of(self.roots, self.k, apart)

    def bound(self, slack: Floats, guess: Floats | None = None, gain: float = 0.0) -> float:
        """Return a lower bound on the inertia: any ``S`` with ``⟨S, P⟩ + gain ≤ ⟨C, P⟩`` gives one.

        With any ``y``, ``⟨S, P⟩ = 2⟨y, s⟩ + ⟨S − ysᵀ − syᵀ, P⟩``, and the last is at least the sum
        of the k least eigenvalues. The ``y`` taken makes ``s`` the least eigenvector.

        Parameters
        ----------
        slack : ndarray of shape (n, n)
            ``S = C − N + Σ λ A``, symmetric, with ``N ≥ 0`` and inequalities ``⟨A, P⟩ + f ≤ 0``.
        guess : ndarray of shape (n, r), optional
            Vectors near whose span its least eigenvectors are.
        gain : float
            ``Σ λ f``, at least 0, rounded down.
        """
        s = self.roots
        mass = float(s @ s)
        image = slack @ s / mass
        size = float(np.linalg.norm(slack))
        y = image + s * (0.5 * (2.0 * size - s @ image) / mass)
        rest = slack - np.outer(y, s)
        rest -= np.outer(s, y)
        error = 1.01 * growth(4) * (size + 2.0 * float(np.linalg.norm(y)) * np.sqrt(mass))
        known = 2.0 * float(y @ s) - 4.0 * growth(len(s) + 4) * float(np.abs(y) @ s)
        found = known + least_eigenvalue_sum(rest, self.k, error, guess)
        found += gain - 4.0 * UNIT * (abs(known) + abs(found) + 2.0 * gain)
        return found * (1.0 - self.precision) if found > 0 else 0.0


def centred(matrix: Floats, roots: Floats) -> Floats:
    """Return a symmetric matrix restricted to what is orthogonal to the roots."""
    mass = float(roots @ roots)
    image = matrix @ roots / mass
    image -= roots * (0.5 * float(roots @ image) / mass)
    return matrix - np.outer(image, roots) - np.outer(roots, image)
