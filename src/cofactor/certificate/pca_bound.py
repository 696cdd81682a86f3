"""How low any clustering could be: the bound of principal components."""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.sparse as sp
from sklearn.utils import check_array
from sklearn.utils.validation import _check_sample_weight

from cofactor.data import mean_row, open_blocks
from cofactor.data.base import Floats
from cofactor.data.csr import canonical_csr
from cofactor.errors import InputError


def pca_bound(X: Any, n_clusters: int, *, sample_weight: Any = None) -> float:
    """Return a lower bound on the inertia of every clustering.

    ``J* ≥ ‖X_c‖² − Σ_{i<k} σ_i²(X_c)`` for centred data ``X_c`` [Zha et al. 2001; Ding & He 2004]:
    the projection of k clusters has rank k and holds the mean, so it explains no more than the mean
    and k − 1 principal components. Rounding is not accounted for.

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
    variances = _principal_variances(X, sample_weight)
    return float(max(variances[: max(len(variances) - (n_clusters - 1), 0)].sum(), 0.0))


def _principal_variances(X: Any, sample_weight: Any) -> Floats:
    """Return the squared singular values of weighted, centred data, ascending, shape (d,)."""
    if sp.issparse(X):
        X = canonical_csr(X, "The sparse matrix")
    X = check_array(X, accept_sparse="csr", dtype=[np.float64, np.float32], order="C")
    weights = _check_sample_weight(sample_weight, X, dtype=np.float64, ensure_non_negative=True)
    blocks = open_blocks(X, weights)
    mean = mean_row(blocks)
    gram = np.sum([block.gram(block.weights, mean) for block in blocks], axis=0)
    return np.maximum(np.linalg.eigvalsh(gram), 0.0)
