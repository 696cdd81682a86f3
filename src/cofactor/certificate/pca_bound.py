"""How low any clustering could be: the bound of principal components."""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.sparse as sp
from sklearn.utils import check_array
from sklearn.utils.validation import _check_sample_weight

from cofactor.certificate.clock import Clock
from cofactor.certificate.points import points_of
from cofactor.certificate.principal import MOST, principal_bounds
from cofactor.certificate.problem import Problem
from cofactor.certificate.relaxation import centred
from cofactor.certificate.rounding import LEAST, below, growth
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
    if not sp.issparse(X):
        return _of_dense(X, weights, n_clusters)
    narrow = X.shape[1] <= MOST
    return (_of_sparse if narrow else _of_wide)(X, weights, n_clusters)


def _of_dense(X: Floats, weights: Floats, k: int) -> float:
    points = points_of(X, weights)
    if k >= points.n:
        return 0.0
    problem = Problem(points, k, np.zeros(points.n, np.int32), np.inf, 0.0)
    *_, bound = principal_bounds(problem, Clock(np.inf))
    return points.in_units(points.lower(bound), up=False)


def _of_sparse(X: Any, weights: Floats, k: int) -> float:
    """Bound sparse rows without centring them, from the d × d matrix of their products.

    Each of its entries is off by at most ``γ_{n+8}`` of the sizes that it adds up, and so is the
    mean's part that is taken from it.
    """
    A, weights, unit = _in_own_units(X, weights)
    mass, sums = float(weights.sum()), weights @ A
    gram = ((A.T * weights) @ A).toarray()
    size, mean = float(np.trace(gram)), float(sums @ sums) / mass
    error = 1.1 * growth(A.shape[0] + 8) * (size + 4.0 * np.sqrt(mean * size) + mean)
    top = least_eigenvalue_sum(np.outer(sums, sums) / mass - gram, min(k - 1, len(gram)), error)
    return _in_units((size - mean + top - 4.0 * error) * (1.0 - 16.0 * growth(1)) - LEAST, unit)


def _of_wide(X: Any, weights: Floats, k: int) -> float:
    """Bound sparse rows block by block, from the products of a block's rows with each other.

    ``J*(X) ≥ Σ_t J*(X_t)``. Products are centred afterwards, as in :meth:`Relaxation.bound`.
    """
    A, weights, unit = _in_own_units(X, weights)
    held = np.flatnonzero(weights > 0)
    count = -(-len(held) // MOST)
    blocks = [held[number::count] for number in range(count)]  # rows may be sorted
    total = sum(_of_products(_used(A[rows]), np.sqrt(weights[rows]), k) for rows in blocks)
    return _in_units(total * (1.0 - growth(len(blocks) + 8)) - LEAST, unit)


def _used(A: sp.csr_array) -> sp.csr_array:
    """Return rows without the columns of zeros."""
    used, places = np.unique(A.indices, return_inverse=True)
    return sp.csr_array((A.data, places, A.indptr), shape=(A.shape[0], len(used)))


def _of_products(A: sp.csr_array, roots: Floats, k: int) -> float:
    products = (A @ A.T).toarray() * roots[:, None] * roots
    size = float(np.trace(products))
    inside = centred(products, roots)
    error = 1.1 * growth(A.shape[1] + len(roots) + 32) * 8.0 * size
    top = least_eigenvalue_sum(-inside, min(k - 1, len(roots)), error)
    return max(float(np.trace(inside)) + top - 2.0 * np.sqrt(len(roots)) * error, 0.0)


def _in_own_units(X: Any, weights: Floats) -> tuple[sp.csr_array, Floats, int]:
    """Return rows with entries up to 1, weights up to 1, and the unit of their inertia."""
    units = [int(np.frexp(np.abs(values).max(initial=0.0))[1]) for values in (X.data, weights)]
    A = sp.csr_array(X, dtype=np.float64)
    A.data = np.ldexp(A.data, -units[0])
    return A, np.ldexp(weights, -units[1]), 2 * units[0] + units[1]


def _in_units(bound: float, unit: int) -> float:
    """Return a bound in the data's unit, rounded down."""
    value = float(np.ldexp(max(bound, 0.0), unit))
    return max(below(min(value, float(np.finfo(float).max))), 0.0)


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
    return _in_units(bound - LEAST, 2 * exponent + shift)


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
