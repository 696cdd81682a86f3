"""The bound of principal components, with rounding accounted for."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from cofactor.certificate.clock import Clock
from cofactor.certificate.problem import Problem
from cofactor.certificate.rounding import UNIT, growth
from cofactor.certificate.spectral import least_eigenvalue_sum
from cofactor.data.base import Floats

MOST = 2500  # rows of the largest matrix whose eigenvalues are sought


def principal_bounds(problem: Problem, clock: Clock) -> Iterator[float]:
    """Yield the bound of principal components [Zha et al. 2001; Ding & He 2004].

    ``J* ≥ ‖X_c‖² − Σ_{i<k} σ_i²(X_c)``. Where rows and columns are too many for that, rows are
    cut into blocks, which are bounded one by one: ``J*(X) ≥ Σ_t J*(X_t)``.
    """
    points, k = problem.points, problem.k
    if min(points.n, points.d) <= MOST:
        yield principal_bound(points.values, points.weights, k)
        return
    total = 0.0
    for start in range(0, points.n, MOST):
        block = slice(start, start + MOST)
        total += principal_bound(points.values[block], points.weights[block], k)
        yield total * (1.0 - growth(points.n // MOST + 1))
        if clock.over:
            return


def principal_bound(values: Floats, weights: Floats, k: int) -> float:
    """Return the bound for weighted rows; it is close only if they are nearly centred.

    With ``A = W^½Y`` and its part ``m`` along the weights' roots, ``J* ≥ dist²(A, rank k − 1) −
    m``: centring can only lower the other singular values. The distance from matrices of a rank
    moves no more than the matrix does.

    Parameters
    ----------
    values : ndarray of shape (n, d)
    weights : ndarray of shape (n,)
    k : int
    """
    n, d = values.shape
    if min(n, d) < k:
        return 0.0
    scaled = np.sqrt(weights)[:, None] * values
    narrow = scaled.T if d <= n else scaled
    gram = narrow @ narrow.T
    size = float(np.trace(gram))
    error = 1.01 * growth(max(n, d) + 2) * size
    tail = size * (1.0 - growth(n + d + 8)) + least_eigenvalue_sum(-gram, k - 1, error)
    if not tail > 0:
        return 0.0
    root = np.sqrt(tail) * (1.0 - 2 * UNIT) - 3.0 * UNIT * np.sqrt(size)
    mass = float(weights.sum())
    mean = np.linalg.norm(weights @ values) + growth(n + d + 8) * np.sqrt(mass * size)
    return max(float(root**2 - 1.01 * mean**2 / mass), 0.0) * (1 - 4 * UNIT) if root > 0 else 0.0
