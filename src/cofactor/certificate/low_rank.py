"""The bound of closed-form multipliers without any matrix of n × n entries."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import solve_triangular

from cofactor.certificate.clock import Clock
from cofactor.certificate.multiplier import Multipliers
from cofactor.certificate.problem import Problem
from cofactor.certificate.rounding import UNIT, growth
from cofactor.certificate.spectral import least_eigenvalue_sum
from cofactor.data.base import Floats

WIDEST = 1500  # columns of the factor
TALL = 1 << 20  # entries from which on reflections take long


def factor_width(problem: Problem) -> int:
    """Return how many columns the factor has at most."""
    return problem.points.d + problem.k * (problem.k - 1)


def closed_form_bounds(problem: Problem, clock: Clock) -> Iterator[float]:
    """Yield the bounds of multipliers in closed form; nothing where there are too many clusters.

    Parameters
    ----------
    problem : Problem
    clock : Clock
    """
    if not 1 < problem.k < problem.points.n or factor_width(problem) > WIDEST:
        return
    multipliers = Multipliers(problem)
    # Products with the roots are rounded once more, and squares of the roots are not the weights.
    points = replace(
        problem.points,
        precision=problem.points.precision + 4.0 * UNIT,
        weight_precision=problem.points.weight_precision + 4.0 * UNIT,
    )
    for level in multipliers.levels:
        yield points.lower(factored_bound(problem, multipliers.factors(level)))
        if clock.over:
            return


def factored_bound(problem: Problem, factors: Floats) -> float:
    """Return ``‖A‖² + min ⟨F M Fᵀ, P⟩`` from below: the form that ``S = C − N`` has.

    ``F = [A, V]`` holds the weighted points ``A`` and the multipliers' factors ``V``; ``M`` is −1
    on the diagonal of the first, and pairs the others.

    Parameters
    ----------
    problem : Problem
    factors : ndarray of shape (n, k)
        See :meth:`Multipliers.factors`.
    """
    roots = np.sqrt(problem.points.weights)
    factor = _factor(problem, factors, roots)
    columns = factor.values[:, : problem.points.d]
    total = float(np.square(columns).sum())
    low = factor.least(roots, problem.k)
    return total + low - 2.0 * growth(sum(columns.shape) + 16) * total - 8.0 * UNIT * abs(low)


@dataclass(frozen=True)
class Factor:
    """``F M Fᵀ``, where row i of ``M`` is −1 in one column, its partner, or zero.

    Attributes
    ----------
    values : ndarray of shape (n, p)
        ``F``.
    partners : ndarray of shape (p,)
        Columns; −1 for none. The partner of a partner is the column itself.
    """

    values: Floats
    partners: NDArray[np.intp]

    def paired(self, matrix: Floats) -> Floats:
        """Return ``M`` times a matrix of shape (p, …)."""
        present = (self.partners >= 0).reshape(-1, *[1] * (matrix.ndim - 1))
        return np.where(present, -matrix[self.partners], 0.0)

    def least(self, roots: Floats, k: int) -> float:
        """Return a lower bound on ``⟨F M Fᵀ, P⟩`` for projections of rank k with ``Ps = s``.

        With ``f = Fᵀs/‖s‖²`` and ``G = F − sfᵀ`` that is ``⟨G M Gᵀ, P⟩ + 2⟨Gᵀs, M f⟩ + ‖s‖² fᵀMf``.
        If ``G = QR`` with orthonormal columns of ``Q``, the eigenvalues needed are those of ``R M
        Rᵀ``. How far that is from true is measured: a constant for the rounding of Householder's
        reflections is not at hand.

        Parameters
        ----------
        roots : ndarray of shape (n,)
            ``s``.
        k : int
        """
        mass = float(roots @ roots)
        means = roots @ self.values / mass
        centred = Centred.of(self.values, roots, means)
        image = self.paired(means)
        doubt = 2.02 * centred.along * float(np.linalg.norm(means))
        doubt += 4.04 * centred.along**2 / mass + 2.02 * centred.off * (centred.size + centred.off)
        doubt += (
            4.0 * growth(sum(self.values.shape) + 16) * mass * float(np.abs(means) @ np.abs(image))
        )
        rank = len(centred.triangle)
        core = np.zeros((rank + k, rank + k))  # zeros, for what is orthogonal to all columns
        core[:rank, :rank] = centred.triangle @ self.paired(centred.triangle.T)
        forming = 1.1 * growth(len(means) + 4) * (centred.size + centred.off) ** 2
        return mass * float(means @ image) + least_eigenvalue_sum(core, k - 1, forming) - doubt


@dataclass(frozen=True)
class Centred:
    """``G ≈ QR``, and by how much it is not.

    Attributes
    ----------
    triangle : ndarray of shape (r, p)
        ``R``.
    size : float
        ``‖G‖``; norms are Frobenius's.
    off : float
        ``‖G − Q̄R‖`` for some ``Q̄`` of orthonormal columns, at most.
    along : float
        ``‖Gᵀs‖``, at most.
    """

    triangle: Floats
    size: float
    off: float
    along: float

    @classmethod
    def of(cls, values: Floats, roots: Floats, means: Floats) -> Centred:
        """Return ``F − sfᵀ`` factored."""
        n, width = values.shape
        norm_s = float(np.linalg.norm(roots))
        G = values - roots[:, None] * means
        size = float(np.linalg.norm(G))
        subtracted = float(np.linalg.norm(values)) + norm_s * float(np.linalg.norm(means))
        Q, R = factored(G)
        product = float(np.linalg.norm(Q)) * float(np.linalg.norm(R))
        residual = float(np.linalg.norm(G - Q @ R)) + 1.01 * growth(width + 3) * (size + product)
        skew = float(np.linalg.norm(Q.T @ Q - np.eye(Q.shape[1])))
        skew += 1.01 * growth(n + 3) * (Q.shape[1] + 1.0)
        off = residual + skew * float(np.linalg.norm(R)) + growth(3) * subtracted
        along = float(np.linalg.norm(roots @ G)) + growth(n + 4) * norm_s * (size + off)
        along += norm_s * off
        return cls(R, 1.01 * size, 1.02 * off, 1.01 * along)


def factored(matrix: Floats) -> tuple[Floats, Floats]:
    """Return ``QR``, by a Cholesky factor of the Gram matrix where that is much faster and works.

    Parameters
    ----------
    matrix : ndarray of shape (n, p)
    """
    if matrix.size > TALL:
        try:
            triangle = np.linalg.cholesky(matrix.T @ matrix).T.astype(float, copy=False)
            return solve_triangular(triangle, matrix.T, trans="T", check_finite=False).T, triangle
        except np.linalg.LinAlgError:
            pass
    Q, R = np.linalg.qr(matrix)
    return Q.astype(float, copy=False), R.astype(float, copy=False)


def _factor(problem: Problem, factors: Floats, roots: Floats) -> Factor:
    """Return ``F`` without its zero columns."""
    labels, k, d = problem.labels, problem.k, problem.points.d
    F = np.zeros((problem.points.n, d + k * k))
    F[:, :d] = roots[:, None] * problem.points.values
    for cluster in range(k):
        own = np.flatnonzero(labels == cluster)
        columns = slice(d + cluster * k, d + cluster * k + k)
        F[own, columns] = roots[own, None] * factors[own]
    used = np.flatnonzero(np.append(np.ones(d, bool), F[:, d:].any(axis=0)))
    partners = np.append(np.arange(d), d + np.arange(k * k).reshape(k, k).T.ravel())
    place = np.full(d + k * k, -1)
    place[used] = np.arange(len(used))
    return Factor(np.ascontiguousarray(F[:, used]), place[partners[used]])
