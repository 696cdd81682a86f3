"""Eigenvalues bounded from below, with rounding accounted for by a Cholesky factorization."""

from __future__ import annotations

import numpy as np
from scipy.linalg import eigh
from scipy.sparse.linalg import ArpackError, ArpackNoConvergence, LinearOperator, eigsh

from cofactor.certificate.rounding import UNIT, growth
from cofactor.data.base import Floats

COARSE = 1e-7  # of a matrix's norm: how closely eigenvalues of large ones are sought
WHOLE = 600  # rows up to which a decomposition takes no longer than few eigenpairs


def least_eigenvalue_sum(
    matrix: Floats, count: int, error: float = 0.0, guess: Floats | None = None
) -> float:
    """Return a lower bound on the sum of the ``count`` least eigenvalues of a symmetric matrix.

    For any ``t`` and ``G`` let ``R = H − tI + GGᵀ``. A projection ``P`` of rank m has ``⟨H, P⟩ =
    ⟨R, P⟩ + tm − ‖PG‖² ≥ m λ_min(R) + tm − ‖G‖²``; eigenpairs only serve to choose t and G well,
    so none need be exact. Rounding: docs/certificates.md.

    Parameters
    ----------
    matrix : ndarray of shape (p, p)
        ``H``; its lower triangle counts.
    count : int
        m, at most p.
    error : float
        How far the matrix meant may be from this one, in Frobenius norm.
    guess : ndarray of shape (p, r), optional
        Vectors near whose span the eigenvectors are, r at least ``count``.
    """
    if count == 0:
        return 0.0
    p = len(matrix)
    values, vectors = _least_eigenpairs(matrix, count, guess)
    level = _next_eigenvalue(matrix, values, vectors)
    pulls = vectors * np.sqrt(np.maximum(level - values, 0.0))
    rest = pulls @ pulls.T
    rest += matrix
    rest[np.diag_indices(p)] -= level
    explained = float(np.square(pulls).sum())
    size = float(np.linalg.norm(matrix)) + 2.0 * explained + np.sqrt(p) * abs(level)
    forming = error + 1.01 * growth(count + 5) * size
    slack = 1.01 * growth(p * count + 16) * (count * abs(level) + 2.0 * explained)
    least = least_eigenvalue(rest, forming)
    return count * level - explained + count * least * (1.0 + 2.0 * UNIT) - slack


def least_eigenvalue(matrix: Floats, error: float) -> float:
    """Return a lower bound on the least eigenvalue, at most 0, of a symmetric matrix.

    A factorization that runs to its end shows ``λ_min(A) ≥ −γ_{p+2}/(1 − γ_{p+2}) tr A`` of the
    matrix that it was given [Rump 2006]; a multiple of the identity is added until it does.

    Parameters
    ----------
    matrix : ndarray of shape (p, p)
        Overwritten on its diagonal.
    error : float
        How far the matrix meant may be from this one, in spectral norm.
    """
    p = len(matrix)
    diagonal = matrix.diagonal().copy()
    trace = float(np.abs(diagonal).sum())
    unit = growth(p + 2) / (1.0 - growth(p + 2))
    more = 4.0 * unit * trace + error + float(np.finfo(float).tiny)
    added = more
    for attempt in range(300):
        matrix[np.diag_indices(p)] = diagonal + added
        if _factors(matrix):
            break
        if attempt == 0:
            matrix[np.diag_indices(p)] = diagonal
            added, more = _first_guess(matrix, more)
        added, more = added + more, 4.0 * more
    else:
        return -np.inf
    after = 1.01 * (trace + p * added)
    largest = float(np.abs(matrix.diagonal()).max())
    return -(added * (1.0 + 4.0 * UNIT) + 1.01 * unit * after + 2.0 * UNIT * largest + error)


def _factors(matrix: Floats) -> bool:
    try:
        factor = np.linalg.cholesky(matrix)
    except np.linalg.LinAlgError:
        return False
    return bool(np.isfinite(factor.diagonal()).all())


def _first_guess(matrix: Floats, least: float) -> tuple[float, float]:
    """Return about how much must be added to the diagonal, and the first step beyond that."""
    if len(matrix) > WHOLE:
        return 0.0, max(least, COARSE * float(np.linalg.norm(matrix)))
    value = float(_eigenpairs(matrix, 0, 1)[0][0])
    return max(-value, 0.0) * (1.0 + 1e-9), least


def _least_eigenpairs(matrix: Floats, count: int, guess: Floats | None) -> tuple[Floats, Floats]:
    """Return approximate eigenpairs, ascending."""
    p = len(matrix)
    if guess is not None and p > WHOLE:
        basis = np.linalg.qr(np.hstack([guess, matrix @ guess]))[0]
        values, turns = np.linalg.eigh(basis.T @ (matrix @ basis))
        return values[:count], basis @ turns[:, :count]
    if p <= WHOLE or count > p // 10:
        return _eigenpairs(matrix, 0, count)
    return _krylov(matrix, count, 1e-9)


def _eigenpairs(matrix: Floats, start: int, stop: int) -> tuple[Floats, Floats]:
    """Return some eigenpairs by their place in ascending order.

    The solver for some of them fails for about one matrix in 10⁵, or finds fewer than it was
    asked for.
    """
    try:
        values, vectors = eigh(matrix, subset_by_index=[start, stop - 1])
    except np.linalg.LinAlgError:
        return _of_all(matrix, start, stop)
    return (values, vectors) if len(values) == stop - start else _of_all(matrix, start, stop)


def _of_all(matrix: Floats, start: int, stop: int) -> tuple[Floats, Floats]:
    values, vectors = np.linalg.eigh(matrix)
    return values[start:stop], vectors[:, start:stop]


def _next_eigenvalue(matrix: Floats, values: Floats, vectors: Floats) -> float:
    """Return about the least eigenvalue orthogonal to some eigenvectors."""
    p, count = vectors.shape
    if count == p:
        return float(values[-1])
    if p <= WHOLE:
        return float(_eigenpairs(matrix, count, count + 1)[0][0])
    lift = 2.0 * float(np.linalg.norm(matrix))

    def product(vector: Floats) -> Floats:
        return matrix @ vector - lift * (vector - vectors @ (vectors.T @ vector))

    below = LinearOperator((p, p), matvec=product, dtype=float)  # far from 0, whatever is sought
    return float(_krylov(below, 1, COARSE)[0][0]) + lift


def _krylov(matrix: Floats | LinearOperator, count: int, tolerance: float) -> tuple[Floats, Floats]:
    """Return the least eigenpairs by Lanczos iterations, as far as they come."""
    p = matrix.shape[0]
    start = np.random.default_rng(0).normal(size=p)
    try:
        values, vectors = eigsh(matrix, count, which="SA", v0=start, tol=tolerance, maxiter=40 * p)
    except ArpackNoConvergence as error:
        values, vectors = error.eigenvalues, error.eigenvectors
    except ArpackError:
        values, vectors = np.empty(0), np.empty((p, 0))
    if len(values) < count:
        values, vectors = _eigenpairs(matrix @ np.eye(p), 0, count)
    order = np.argsort(values)
    return values[order], vectors[:, order]
