"""k-means as matrix factorization: ``X ≈ ZM`` with one-hot ``Z`` [Bauckhage 2015].

Rows are samples, so every matrix is the transpose of the paper's (arXiv 1512.07548).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import singledispatch
from typing import Any, NamedTuple

import numpy as np
import scipy.sparse as sp
from scipy.sparse.linalg import LinearOperator
from sklearn.utils import check_array
from sklearn.utils.validation import _check_sample_weight

from cofactor.certificate.given import canonical, checked_centers, checked_labels
from cofactor.data import DenseRows, RowBlock, SparseRows, mean_row, open_blocks, split
from cofactor.data.base import Floats, Labels
from cofactor.errors import InputError
from cofactor.lazy import lazy

UNIT = 0.5 * np.finfo(float).eps  # rounding of one operation
CHUNK_ENTRIES = 1 << 20  # entries of a temporary array


class Traces(NamedTuple):
    """The terms of ``‖X − ZM*‖² = T1 − 2 T2 + T3`` about the reference point; ``T2 = T3``."""

    T1: float  # tr XᵀX
    T2: float  # tr XᵀZM*
    T3: float  # tr M*ᵀZᵀZM*


@dataclass(frozen=True)
class Agreement:
    """How far the forms of the objective differ, in squared units of the data.

    Attributes
    ----------
    objectives : dict of str to float
        The value of every form.
    excess : float
        ``J(M, Z) − J(Z)``, by which "distances" and "product" exceed the other forms.
    difference : float
        Largest difference between the values of ``J(Z)`` that the forms give.
    bound : float
        Largest difference that rounding explains: ``2(n + d + 16)·u·(‖X‖² + ‖ZM*‖² + ‖ZM‖²)``
        about the reference point, with ``u = 1.1e-16``: the longest sum has n·d terms.
    """

    objectives: dict[str, float]
    excess: float
    difference: float
    bound: float

    @property
    def ok(self) -> bool:
        """Whether rounding explains all of the difference."""
        return self.difference <= self.bound

    @property
    def relative_difference(self) -> float:
        """The difference as a fraction of ``J(Z)``; 0 if there is none."""
        return self._of_objective(self.difference)

    @property
    def relative_bound(self) -> float:
        """The bound as a fraction of ``J(Z)``: which digits of cancelling forms mean nothing."""
        return self._of_objective(self.bound)

    def _of_objective(self, amount: float) -> float:
        with np.errstate(divide="ignore"):
            return float(np.divide(amount, self.objectives["projection"])) if amount else 0.0


@dataclass(frozen=True)
class MatrixForm:
    """A clustering as the constrained factorization ``X ≈ ZM``.

    ``Z`` (n, k) has one 1 in each row, ``W`` is the diagonal of row weights,
    ``M* = (ZᵀWZ)⁺ZᵀWX`` holds the best centers, ``P = W^½ Z (ZᵀWZ)⁺ Zᵀ W^½`` projects. The forms
    of :meth:`objective` are of two kinds:

    - "distances" and "product" hold for any centers and report ``J(M, Z)``;
    - "projection", "traces" and "pairwise" report ``J(Z) = J(M*, Z)``.

    They differ by Huygens' ``J(M, Z) = J(Z) + Σ_c n_c‖μ_c − x̄_c‖²``, the :attr:`excess`: not
    zero where the centers are :attr:`stale`, as after a fit that stopped between two steps.

    Attributes
    ----------
    M : ndarray of shape (k, d)
        Centers of the model; ``M*`` if only labels were given.
    labels : ndarray of shape (n,), int32
    blocks : sequence of RowBlock
        The data.
    """

    M: Floats
    labels: Labels
    blocks: Sequence[RowBlock]

    @property
    def n_clusters(self) -> int:
        """Number of clusters ``k``, empty ones included."""
        return len(self.M)

    @lazy
    def weights(self) -> Floats:
        """Row weights ``w``, shape (n,)."""
        return np.concatenate([block.weights for block in self.blocks])

    @lazy
    def Z(self) -> sp.csr_array:  # noqa: N802, what the formulas call it
        """The codes: one-hot rows, shape (n, k)."""
        n = len(self.labels)
        return sp.csr_array((np.ones(n), self.labels, np.arange(n + 1)), shape=(n, self.n_clusters))

    @lazy
    def counts(self) -> Floats:
        """Weight of each cluster, the diagonal of ``ZᵀWZ``, shape (k,)."""
        return _by_cluster(self.labels, self.weights, self.n_clusters)

    @lazy
    def inverse_counts(self) -> Floats:
        """The diagonal of ``(ZᵀWZ)⁺``: 0 for empty clusters, shape (k,)."""
        filled = self.counts > 0
        return np.where(filled, 1.0 / np.where(filled, self.counts, 1.0), 0.0)

    @property
    def best(self) -> Floats:
        """The best centers ``M* = (ZᵀWZ)⁺ZᵀWX``, zero for empty clusters, shape (k, d)."""
        return np.where(self.counts[:, None] > 0, self._best_centred + self.reference, 0.0)

    @property
    def projection(self) -> LinearOperator:
        """``P = W^½ Z (ZᵀWZ)⁺ Zᵀ W^½`` as an operator on vectors of shape (n,)."""
        scaled = self.Z * np.sqrt(self.weights)[:, None]

        def product(vectors: Floats) -> Floats:
            sums = scaled.T @ vectors
            return scaled @ (sums.T * self.inverse_counts).T

        n = len(self.labels)
        return LinearOperator(
            (n, n), matvec=product, rmatvec=product, matmat=product, rmatmat=product, dtype=float
        )

    @lazy
    def reference(self) -> Floats:
        """Point about which cancelling forms are computed, which costs none of their value.

        The mean of dense data, so that an offset loses no digits; zero for sparse data, whose
        zeros would fill.
        """
        return self.blocks[0].reference(mean_row(self.blocks))

    @lazy
    def traces(self) -> Traces:
        """The terms of the "traces" form."""
        best = self._best_centred
        T3 = float((self.counts @ np.square(best)).sum())
        return Traces(float(self._cluster_squares.sum()), float(np.vdot(self._sums, best)), T3)

    @lazy
    def excess(self) -> float:
        """``J(M, Z) − J(Z) = Σ_c n_c‖μ_c − x̄_c‖²`` (Huygens)."""
        steps = (self._centers - self.reference) - self._best_centred
        return float((self.counts @ np.square(steps)).sum())

    @property
    def stale(self) -> bool:
        """Whether the centers are not the means of their rows, beyond rounding."""
        return self.excess > self._rounding

    def objective(self, form: str = "distances") -> float:
        """Return the k-means objective in one of its forms, in squared units of the data.

        Parameters
        ----------
        form : {'distances', 'product', 'projection', 'traces', 'pairwise'}
            - ``distances``: ``Σ_n w_n Σ_c z_nc‖x_n − μ_c‖²``, of ``M``;
            - ``product``: ``‖W^½(X − ZM)‖²``, of ``M``;
            - ``projection``: ``‖(I − P)W^½X‖²``, of ``M*``;
            - ``traces``: ``T1 − 2 T2 + T3``, of ``M*``;
            - ``pairwise``: ``½ Σ_jl √(w_j w_l) P_jl ‖x_j − x_l‖²``, of ``M*``.

            The first three add up residuals where the data are dense; all others, and all of
            sparse data, subtract large numbers and lose the digits that :meth:`check` tells.

        Raises
        ------
        InputError
            If there is no such form.
        """
        if form not in FORMS:
            raise InputError(f"form is {form!r}; expected one of {', '.join(FORMS)}.")
        return FORMS[form](self)

    def check(self) -> Agreement:
        """Compare all forms with each other and with what rounding allows."""
        values = {form: self.objective(form) for form in FORMS}
        of_labels = [
            value - self.excess * (form in OF_ANY_CENTERS) for form, value in values.items()
        ]
        difference = max(of_labels) - min(of_labels)
        return Agreement(values, self.excess, difference, self._rounding)

    @lazy
    def _parts(self) -> list[tuple[RowBlock, Labels]]:
        return list(zip(self.blocks, split(self.labels, self.blocks), strict=True))

    @lazy
    def _sums(self) -> Floats:
        """``ZᵀW(X − 1rᵀ)``, shape (k, d)."""
        parts = [
            block.scatter_sums(
                own[:, None], block.weights[:, None], self.n_clusters, self.reference
            )[1]
            for block, own in self._parts
        ]
        return np.sum(parts, axis=0)

    @lazy
    def _best_centred(self) -> Floats:
        """``M* − 1rᵀ``; zero for empty clusters."""
        return self._sums * self.inverse_counts[:, None]

    @lazy
    def _cluster_squares(self) -> Floats:
        """``Σ_n w_n z_nc‖x_n − r‖²``, shape (k,)."""
        norms = [block.squared_norms(self.reference) for block in self.blocks]
        return _by_cluster(self.labels, self.weights * np.concatenate(norms), self.n_clusters)

    @lazy
    def _centers(self) -> Floats:
        """``M`` with zeros for empty clusters, whose centers may be anything."""
        return np.where(self.counts[:, None] > 0, self.M, 0.0)

    @lazy
    def _rounding(self) -> float:
        """How much of ``J`` rounding explains: of sums of n and d terms, and of ``M*`` itself."""
        n_terms = len(self.labels) + self.M.shape[1] + 16
        about_reference = self.counts @ np.square(self._centers - self.reference)
        terms = self.traces.T1 + self.traces.T3 + float(about_reference.sum())
        best = float((self.counts @ np.square(self.best)).sum())
        return 2.0 * n_terms * UNIT * terms + 16.0 * UNIT**2 * best


def _distances(form: MatrixForm) -> float:
    parts = [
        block.weights @ block.squared_distances(form._centers, own) for block, own in form._parts
    ]
    return float(np.sum(parts))


def _product(form: MatrixForm) -> float:
    return _residual(form, form._centers)


def _projection(form: MatrixForm) -> float:
    return _residual(form, form.best)


def _traces(form: MatrixForm) -> float:
    terms = form.traces
    return terms.T1 - 2.0 * terms.T2 + terms.T3


def _pairwise(form: MatrixForm) -> float:
    """Use ``½ Σ_jl w_j w_l ‖x_j − x_l‖² = n_c Σ_j w_j‖x_j‖² − ‖Σ_j w_j x_j‖²`` in each cluster."""
    pairs = form.counts * form._cluster_squares - np.square(form._sums).sum(axis=1)
    return float(form.inverse_counts @ pairs)


FORMS: dict[str, Callable[[MatrixForm], float]] = {
    "distances": _distances,
    "product": _product,
    "projection": _projection,
    "traces": _traces,
    "pairwise": _pairwise,
}
OF_ANY_CENTERS = ("distances", "product")


def _by_cluster(labels: Labels, values: Floats, n_clusters: int) -> Floats:
    """Return the sum of the values of each cluster's rows, shape (k,)."""
    return np.bincount(labels, values, n_clusters).astype(float, copy=False)


def _residual(form: MatrixForm, centers: Floats) -> float:
    """Return ``‖W^½(X − Z·centers)‖²``."""
    return float(np.sum([squared_residual(block, own, centers) for block, own in form._parts]))


@singledispatch
def squared_residual(block: RowBlock, labels: Labels, centers: Floats) -> float:
    """Return ``Σ_n w_n‖x_n − μ_c(n)‖²`` of a block from its residual matrix ``X − ZM``.

    Parameters
    ----------
    block : RowBlock
    labels : ndarray of shape (n,), int32
    centers : ndarray of shape (k, d)
    """
    raise TypeError(f"{type(block).__name__} has no residual matrix.")


@squared_residual.register
def _(block: DenseRows, labels: Labels, centers: Floats) -> float:
    """Make the residuals of a few rows at a time."""
    rows = max(1, CHUNK_ENTRIES // block.n_columns)
    chunks = [slice(start, start + rows) for start in range(0, block.n_rows, rows)]
    squares = [np.square(block.values[s] - centers[labels[s]]).sum(axis=1) for s in chunks]
    return float(block.weights @ np.concatenate(squares))


@squared_residual.register
def _(block: SparseRows, labels: Labels, centers: Floats) -> float:
    """Correct ``‖ZM‖²`` where entries are stored: by ``(x − m)² − m² = x (x − 2m)``."""
    indptr, indices, data = block.arrays
    row = np.repeat(np.arange(block.n_rows), np.diff(indptr))
    fitted = centers[labels[row], indices]
    counts = _by_cluster(labels, block.weights, len(centers))
    stored = block.weights[row] @ (data * (data - 2.0 * fitted))
    return float(stored + counts @ np.square(centers).sum(axis=1))


def matrix_form(model: Any, X: Any, *, sample_weight: Any = None) -> MatrixForm:
    """Return a k-means solution as a constrained matrix factorization [Bauckhage 2015].

    Parameters
    ----------
    model : object or array-like of shape (n,)
        A fitted clustering with ``labels_`` and ``cluster_centers_``, such as
        :class:`cofactor.KMeans` or scikit-learn's; or the labels, from 0, whose best centers are
        then used.
    X : array-like or sparse matrix of shape (n, d)
        The data that ``model`` was fitted on, in the same order.
    sample_weight : array-like of shape (n,), optional
        Weights of the rows, at least 0; default 1.

    Returns
    -------
    MatrixForm
        ``Z``, ``M``, ``counts``, ``projection``, ``objective(form)``, ``check()``.

    Raises
    ------
    InputError
        If labels or centers do not fit the data.
    """
    X = canonical(check_array(X, accept_sparse="csr", dtype=[np.float64, np.float32], order="C"))
    weights = _check_sample_weight(sample_weight, X, dtype=np.float64, ensure_non_negative=True)
    blocks = open_blocks(X, weights)
    centers = getattr(model, "cluster_centers_", None)
    if centers is not None:
        M = checked_centers(centers, X.shape[1])
        return MatrixForm(M, checked_labels(model.labels_, X.shape[0], len(M)), blocks)
    labels = checked_labels(model, X.shape[0], np.iinfo(np.int32).max)
    unfitted = MatrixForm(np.zeros((labels.max() + 1, X.shape[1])), labels, blocks)
    return replace(unfitted, M=unfitted.best)
