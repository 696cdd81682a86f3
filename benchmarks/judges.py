"""What a contender's result is worth, computed here alike for all of them: lower is better."""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.sparse as sp
from sklearn.metrics import pairwise_distances_argmin_min
from sklearn.mixture import GaussianMixture

from benchmarks.problem import Factors, Mixture, Problem, half_residual
from benchmarks.workloads import Array

CHUNK = 1 << 18  # stored entries looked at together


def inertia(problem: Problem, means: Array) -> float:
    """Return the sum of squared distances to the nearest mean."""
    _, squares = pairwise_distances_argmin_min(problem.X, means, metric="sqeuclidean")
    return float(squares.sum(dtype=np.float64))


def surprise(problem: Problem, mixture: Mixture) -> float:
    """Return minus the mean log-likelihood of a row, in nats."""
    model = GaussianMixture(problem.k, covariance_type=problem.covariance_type)
    model.weights_, model.means_ = mixture.weights, mixture.means
    model.precisions_cholesky_ = mixture.precisions_cholesky
    return -float(model.score(problem.X))


def divergence(problem: Problem, factors: Factors) -> float:
    """Return the generalised Kullback–Leibler divergence of the data from ``ZW``."""
    X = sp.coo_matrix(problem.X)
    codes, components = (np.asarray(factor, np.float64) for factor in factors)
    total = float(codes.sum(axis=0) @ components.sum(axis=1))
    for start in range(0, X.nnz, CHUNK):
        part = slice(start, start + CHUNK)
        total += _of_entries(X.row[part], X.col[part], X.data[part], codes, components)
    return total


def residual(problem: Problem, factors: Factors) -> float:
    """Return half the squared Frobenius norm of the data less ``ZW``."""
    return half_residual(problem.X, factors)


def _of_entries(rows: Array, columns: Array, x: Any, codes: Array, components: Array) -> float:
    x = x.astype(np.float64)
    mean = np.einsum("ik,ik->i", codes[rows], components.T[columns])
    return float((x * np.log(x / mean) - x).sum())
