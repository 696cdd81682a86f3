"""Bounds on clusterings of sparse rows, which are never filled up with their zeros."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np
import scipy.sparse as sp

from cofactor.certificate.clock import Clock
from cofactor.certificate.principal import MOST
from cofactor.certificate.relaxation import centred
from cofactor.certificate.rounding import LEAST, above, below, growth
from cofactor.certificate.spectral import least_eigenvalue_sum
from cofactor.data.base import Floats, Labels


@dataclass(frozen=True)
class SparseRows:
    """Sparse rows to be clustered, and a clustering to compare with; cf. :class:`Problem`.

    Attributes
    ----------
    values : scipy.sparse CSR of shape (n, d)
        Entries up to 1.
    weights : ndarray of shape (n,)
        Up to 1.
    k : int
    unit : int
        Of inertias, as a power of two.
    labels : ndarray of shape (n,) or None
        The clustering.
    upper : float
        Its inertia, in that unit, rounded up.
    tolerance : float
        The relative gap at which nothing more need be proved.
    confidence : float
        1: nothing here is probable only.
    """

    values: sp.csr_array
    weights: Floats
    k: int
    unit: int
    labels: Labels | None = None
    upper: float = np.inf
    tolerance: float = 0.0
    confidence: float = 1.0

    @classmethod
    def of(cls, X: Any, weights: Floats, k: int) -> Self:
        """Return rows in units of their own."""
        units = [int(np.frexp(np.abs(part).max(initial=0.0))[1]) for part in (X.data, weights)]
        A = sp.csr_array(X, dtype=np.float64)
        A.data = np.ldexp(A.data, -units[0])
        return cls(A, np.ldexp(weights, -units[1]), k, 2 * units[0] + units[1])

    @property
    def target(self) -> float:
        """A bound that suffices."""
        return self.upper * (1.0 - self.tolerance)

    def in_units(self, inertia: float, *, up: bool) -> float:
        """Return an inertia in the data's unit, rounded up or down."""
        if not up:
            return in_units(inertia, self.unit)
        with np.errstate(over="ignore"):
            return above(float(np.ldexp(inertia, self.unit)))

    def compared_with(self, labels: Labels, tolerance: float) -> Self:
        """Return the same with a clustering.

        ``J = Σ w_n‖x_n‖² − Σ_c ‖Σ_{n∈c} w_n x_n‖²/W_c``. Sums of a column are off by ``γ`` of the
        sums of sizes, whose squares over ``W_c`` add up to ``Σ w_n‖x_n‖²`` at most (Cauchy and
        Schwarz); so is everything else.
        """
        A, n = self.values, len(labels)
        size = float(self.weights @ np.asarray(A.multiply(A).sum(axis=1)).ravel())
        members = sp.csr_array((self.weights, (labels, np.arange(n))), shape=(labels.max() + 1, n))
        sums, masses = members @ A, np.bincount(labels, self.weights)
        squares = np.asarray(sums.multiply(sums).sum(axis=1)).ravel()
        explained = float(np.divide(squares, masses, where=masses > 0, out=0.0 * masses).sum())
        error = 8.0 * growth(A.nnz + n + 16) * size
        upper = max(size - explained, 0.0) + error + LEAST
        return replace(self, labels=labels, upper=upper, tolerance=tolerance)


def sparse_bounds(rows: SparseRows, clock: Clock) -> Iterator[float]:
    """Yield lower bounds on the inertia of every clustering, in the rows' unit.

    The bound of principal components [Ding & He 2004]: at once where there are few columns. Else
    block by block, ``J*(X) ≥ Σ_t J*(X_t)``, from the products of a block's rows with each other.
    """
    A, weights = rows.values, rows.weights
    if A.shape[1] <= MOST:
        yield _of_columns(A, weights, rows.k)
        return
    held = np.flatnonzero(weights > 0)
    count = -(-len(held) // MOST)
    total = 0.0
    for number in range(count):  # rows may be sorted
        own = held[number::count]
        total += _of_products(_used(A[own]), np.sqrt(weights[own]), rows.k)
        yield total * (1.0 - growth(count + 8)) - LEAST
        if clock.over:
            return


def _of_columns(A: sp.csr_array, weights: Floats, k: int) -> float:
    """Bound rows without centring them, from the d × d matrix of their products.

    Each of its entries is off by at most ``γ_{n+8}`` of the sizes that it adds up, and so is the
    mean's part that is taken from it.
    """
    mass, sums = float(weights.sum()), weights @ A
    gram = ((A.T * weights) @ A).toarray()
    size, mean = float(np.trace(gram)), float(sums @ sums) / mass
    error = 1.1 * growth(A.shape[0] + 8) * (size + 4.0 * np.sqrt(mean * size) + mean)
    top = least_eigenvalue_sum(np.outer(sums, sums) / mass - gram, min(k - 1, len(gram)), error)
    return (size - mean + top - 4.0 * error) * (1.0 - 16.0 * growth(1)) - LEAST


def _of_products(A: sp.csr_array, roots: Floats, k: int) -> float:
    """Bound rows from their products with each other, centred as in :meth:`Relaxation.bound`."""
    products = (A @ A.T).toarray() * roots[:, None] * roots
    size = float(np.trace(products))
    inside = centred(products, roots)
    error = 1.1 * growth(A.shape[1] + len(roots) + 32) * 8.0 * size
    top = least_eigenvalue_sum(-inside, min(k - 1, len(roots)), error)
    return max(float(np.trace(inside)) + top - 2.0 * np.sqrt(len(roots)) * error, 0.0)


def _used(A: sp.csr_array) -> sp.csr_array:
    """Return rows without the columns of zeros."""
    used, places = np.unique(A.indices, return_inverse=True)
    return sp.csr_array((A.data, places, A.indptr), shape=(A.shape[0], len(used)))


def in_units(bound: float, unit: int) -> float:
    """Return a bound in the data's unit, a power of two, rounded down."""
    value = float(np.ldexp(max(bound, 0.0), unit))
    return max(below(min(value, float(np.finfo(float).max))), 0.0)
