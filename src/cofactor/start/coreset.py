"""Lightweight coresets: few weighted rows whose inertia about any centers is near that of all."""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray
from sklearn.utils import check_array
from sklearn.utils.validation import _check_sample_weight

from cofactor.data.base import Floats
from cofactor.data.blocks import open_rows
from cofactor.data.csr import canonical_csr
from cofactor.errors import InputError
from cofactor.start.measured import Lots
from cofactor.start.rng import rng_for

Indices = NDArray[np.intp]


def lightweight_coreset(
    X: Any, n_rows: int, *, sample_weight: Any = None, random_state: Any = None
) -> tuple[Indices, Floats]:
    """Draw weighted rows to warm k-means up on [Bachem, Lucic & Krause 2018].

    ``m`` rows are drawn with replacement, with probability
    ``q_n = ½ w_n / Σ_i w_i + ½ w_n ‖x_n − x̄‖² / Σ_i w_i ‖x_i − x̄‖²``, and weigh ``w_n / (m q_n)``:
    the weighted inertia of the draws about any centers is that of all rows in expectation.

    Parameters
    ----------
    X : array-like or sparse matrix of shape (n, d)
        Finite.
    n_rows : int
        The number m of draws, at least 1.
    sample_weight : array-like of shape (n,), optional
        Weights of the rows, at least 0; default 1.
    random_state : int, RandomState or None

    Returns
    -------
    indices : ndarray of shape (r,)
        The different rows that were drawn, ascending; r is at most m.
    weights : ndarray of shape (r,)
        Of each, its draws together.

    Raises
    ------
    InputError
        If no row is to be drawn.

    Examples
    --------
    >>> import numpy as np
    >>> from cofactor import KMeans, lightweight_coreset
    >>> X = np.random.default_rng(0).normal(size=(10_000, 3))
    >>> rows, weights = lightweight_coreset(X, 500, random_state=0)
    >>> warm = KMeans(20, random_state=0).fit(X[rows], sample_weight=weights)
    >>> model = KMeans(20, init=warm.cluster_centers_).fit(X)
    """
    if n_rows < 1:
        raise InputError(f"n_rows is {n_rows}; expected how many rows to draw, at least 1.")
    X = canonical_csr(X, "The sparse matrix") if sp.issparse(X) else X
    X = check_array(X, accept_sparse="csr", dtype=[np.float64, np.float32], order="C")
    weights = _check_sample_weight(sample_weight, X, dtype=np.float64, ensure_non_negative=True)
    return drawn(X, weights, n_rows, rng_for(random_state))


def drawn(
    X: Any, weights: Floats, n_rows: int, rng: np.random.RandomState
) -> tuple[Indices, Floats]:
    """Return the coreset of validated data; see :func:`lightweight_coreset`."""
    odds = _odds(X, weights)
    indices, times = np.unique(Lots(odds).draw(n_rows, rng), return_counts=True)
    return indices, times * weights[indices] / (n_rows * odds[indices])


def _odds(X: Any, weights: Floats) -> Floats:
    """Return the probability that a draw takes each row."""
    rows, total = open_rows(X, weights), weights.sum()
    potentials = weights * rows.squared_norms(rows.weighted_total() / total)
    spread = potentials.sum()
    share = weights / total
    odds: Floats = 0.5 * share + (0.5 * potentials / spread if spread > 0 else 0.5 * share)
    return odds
