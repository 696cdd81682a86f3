"""How low any clustering could be: the bound of principal components."""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.sparse as sp
from sklearn.utils import check_array
from sklearn.utils.validation import _check_sample_weight

from cofactor.certificate.clock import Clock
from cofactor.certificate.points import points_of
from cofactor.certificate.principal import principal_bounds
from cofactor.certificate.problem import Problem
from cofactor.certificate.rounding import LEAST, growth
from cofactor.certificate.sparse_rows import SparseRows, in_units, sparse_bounds
from cofactor.certificate.spectral import least_eigenvalue_sum
from cofactor.data.base import Floats
from cofactor.data.csr import canonical_csr
from cofactor.errors import InputError


def pca_bound(X: Any, n_clusters: int, *, sample_weight: Any = None) -> float:
    """Return a lower bound on the inertia of every clustering; rounding is accounted for.

    ``J* ≥ ‖X_c‖² − Σ_{i<k} σ_i²(X_c)`` for centred data ``X_c`` [Zha et al. 2001; Ding & He 2004]:
    the projection of k clusters has rank k and holds the mean, so it explains no more than the mean
    and k − 1 principal components. Where both n and d are large, rows are cut into blocks, whose
    bounds add up; sparse rows are never filled up with their zeros.

    Parameters
    ----------
    X : array-like or sparse matrix of shape (n, d)
    n_clusters : int
        ``k``; the bound also holds for fewer clusters.
    sample_weight : array-like of shape (n,), optional
        Weights of the rows, at least 0; default 1.

    Returns
    -------
    float
        In squared units of the data, at least 0; 0 if k exceeds d.

    Raises
    ------
    InputError
        If ``n_clusters`` is below 1.
    """
    if n_clusters < 1:
        raise InputError(f"n_clusters is {n_clusters}; expected at least 1.")
    if sp.issparse(X):
        X = canonical_csr(X, "The sparse matrix")
    X = check_array(X, accept_sparse="csr", dtype=[np.float64, np.float32], order="C")
    weights = _check_sample_weight(sample_weight, X, dtype=np.float64, ensure_non_negative=True)
    bound = _of_sparse if sp.issparse(X) else _of_dense
    return bound(X, weights, n_clusters)


def _of_dense(X: Floats, weights: Floats, k: int) -> float:
    points = points_of(X, weights)
    if k >= points.n:
        return 0.0
    problem = Problem(points, k, np.zeros(points.n, np.int32), np.inf, 0.0)
    *_, bound = principal_bounds(problem, Clock(np.inf))
    return points.in_units(points.lower(bound), up=False)


def _of_sparse(X: Any, weights: Floats, k: int) -> float:
    rows = SparseRows.of(X, weights, k)
    *_, bound = sparse_bounds(rows, Clock(np.inf))
    return rows.in_units(bound, up=False)


def rank_bound(X: Any, rank: int, *, sample_weight: Any = None) -> float:
    """Return a lower bound on ``Σ_n w_n ‖x_n − z_n W‖²`` with W of so many rows.

    ``Σ_{i>k} σ_i²`` of the weighted data [Eckart & Young 1936], rounding accounted for: whatever
    else codes and components must be, their product has no larger rank.

    Parameters
    ----------
    X : array-like or sparse matrix of shape (n, d)
    rank : int
        ``k``, at least 1.
    sample_weight : array-like of shape (n,), optional

    Returns
    -------
    float
        In squared units of the data, at least 0.

    Raises
    ------
    InputError
        If ``rank`` is below 1.
    """
    if rank < 1:
        raise InputError(f"rank is {rank}; expected at least 1.")
    if rank >= min(X.shape):
        return 0.0
    weights = _check_sample_weight(sample_weight, X, dtype=np.float64, ensure_non_negative=True)
    A = canonical_csr(X, "The sparse matrix") if sp.issparse(X) else X
    A, exponent = _scaled(A)
    shift = int(np.frexp(weights.max())[1])
    weights = np.ldexp(weights, -shift)
    gram = _small_gram(A, weights)
    size = float(np.trace(gram))
    error = 1.1 * growth(sum(X.shape) + 8) * size
    bound = size - 2.0 * error + least_eigenvalue_sum(-gram, rank, error)
    return in_units(bound - LEAST, 2 * exponent + shift)


def _scaled(A: Any) -> tuple[Any, int]:
    """Return data with entries up to 1, and their unit as a power of two."""
    values = A.data if sp.issparse(A) else np.asarray(A)
    exponent = int(np.frexp(np.abs(values).max(initial=0.0))[1])
    scaled = np.ldexp(values.astype(np.float64), -exponent)
    if not sp.issparse(A):
        return scaled, exponent
    return sp.csr_array((scaled, A.indices, A.indptr), shape=A.shape), exponent


def _small_gram(A: Any, weights: Floats) -> Floats:
    """Return the weighted products of the columns with each other, or of the rows: the fewer."""
    narrow = A.T if A.shape[1] <= A.shape[0] else A
    if narrow is A:
        roots = np.sqrt(weights)
        products = A @ A.T
        dense = products.toarray() if sp.issparse(products) else products
        return np.asarray(dense * roots[:, None] * roots)
    products = (A.T * weights) @ A
    return np.asarray(products.toarray() if sp.issparse(products) else products)
