"""How far a model can be from the best one, proved by the strongest bound that time allows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import scipy.sparse as sp
from sklearn.utils import check_array
from sklearn.utils.validation import _check_sample_weight

from cofactor.certificate.certificate import Certificate, Watcher
from cofactor.certificate.clock import Clock
from cofactor.certificate.clusters import (
    Task,
    divergence_of,
    of_divergence,
    of_points,
    of_sparse_rows,
)
from cofactor.certificate.given import canonical, checked_labels
from cofactor.certificate.points import points_of
from cofactor.certificate.proof import METHODS
from cofactor.data.base import Labels
from cofactor.errors import ImpossibleCellError, InputError
from cofactor.noise import Noise, noise_named

ROOM = 1 << 28  # entries of sparse data with their zeros


def certify(
    model: Any,
    X: Any,
    *,
    sample_weight: Any = None,
    time_limit: float | None = 10.0,
    method: str = "auto",
    tol: float = 1e-6,
    n_clusters: int | None = None,
    confidence: float = 0.99,
    noise: str | Noise | None = None,
    random_state: int = 0,
    callbacks: Sequence[Watcher] = (),
) -> Certificate:
    """Return how far a fitted model can be from the best one, as far as anything is known of that.

    Hard clusters get a lower bound on what any clustering adds up: squared distances, or what
    another noise makes of them. Factorizations get a :class:`StationaryPoint`, and mixtures and
    truncated posteriors a :class:`FreeEnergyGap`; of what is below, only ``sample_weight`` matters
    to them.

    Parameters
    ----------
    model : object or array-like of shape (n,)
        A fitted estimator: cofactor's, or a clustering with ``labels_`` such as scikit-learn's; or
        the labels of a clustering, from 0.
    X : array-like or sparse matrix of shape (n, d)
        The data that ``model`` was fitted on, in the same order.
    sample_weight : array-like of shape (n,), optional
        Weights of the rows, at least 0; default 1.
    time_limit : float or None, default 10
        In seconds; None for as long as it takes. When it is over, and when Ctrl-C is pressed, the
        best that was proved so far is returned.
    method : str, default 'auto'
        'principal': principal components, at once, or, of sparse data whose zeros no memory could
        hold, block by block. 'location': places where clusters could lie; it closes data of up to
        about four columns that matter. 'closed-form': multipliers of Peng and Wei's relaxation read
        off the clustering, for clusters far apart. 'peng-wei': such multipliers improved step by
        step, for up to 2,500 different rows of any dimension. 'blocks': the same for blocks of more
        rows. 'exact': the same with branch and bound, which goes on until the optimum is known; for
        some hundred different rows. 'line': the optimum where one column varies, for any number of
        rows, by dynamic programming; 'auto' and 'exact' take it first. 'auto': all of these, as far
        as time allows; the best bound is returned. 'sketch': samples of the rows; such a bound is
        "probabilistic", and 'auto' does not take it.
    tol : float, default 1e-6
        The relative gap that suffices.
    n_clusters : int, optional
        How many clusters there may be; default: as many as the model or its labels have.
    confidence : float, default 0.99
        The least probability with which a probabilistic bound is true.
    noise : str or Noise, optional
        What clusters scatter by; default: the model's, or Gaussian.
    random_state : int, default 0
        What samples are drawn by.
    callbacks : sequence of callable, default ()
        Each gets every :class:`Bound` that is better than those before; returning True ends it.

    Returns
    -------
    Certificate
        ``upper``, ``lower``, ``gap``, ``method``, ``kind``, ``seconds``, ``trace``.

    Raises
    ------
    ImpossibleCellError
        If nothing is known for such a model.
    InputError
        If labels do not fit the data, an argument makes no sense, or the method asked for has
        nothing to say about such data.
    """
    limit = np.inf if time_limit is None else time_limit
    _check_arguments(limit, method, tol, confidence)
    own = getattr(model, "_certified", no_certificate)(X, sample_weight)
    if own is not None:
        return own
    clock = Clock(limit)
    X = check_array(X, accept_sparse="csr", dtype=[np.float64, np.float32], order="C")
    labels, k = _clustering(model, X.shape[0], n_clusters)
    weights = _check_sample_weight(sample_weight, X, dtype=np.float64, ensure_non_negative=True)
    task = Task(k, method, tol, confidence, random_state, clock, tuple(callbacks))
    kind = noise_named(getattr(model, "noise", "gaussian") if noise is None else noise)
    X = canonical(X)
    if _too_large(X) and kind.name == "gaussian" and method in ("auto", "principal"):
        return of_sparse_rows(X, weights, labels, task)
    X = _dense(X)
    if kind.name == "gaussian":
        return of_points(points_of(X, weights), labels, task)
    return of_divergence(divergence_of(kind, X), X, weights, labels, task)


def no_certificate(X: Any, sample_weight: Any) -> None:
    """Return nothing: labels have no certificate of their own."""


def _dense(X: Any) -> Any:
    """Return sparse data with their zeros, if there is room for them."""
    if not sp.issparse(X):
        return X
    if _too_large(X):
        raise InputError(
            f"Sparse data of {X.shape[0]:,} × {X.shape[1]:,} entries; expected at most {ROOM:,}, "
            "zeros included: method 'principal', under Gaussian noise, takes more."
        )
    return X.toarray()


def _too_large(X: Any) -> bool:
    """Return whether there is no room for the zeros of sparse data."""
    return sp.issparse(X) and X.shape[0] * X.shape[1] > ROOM


def _check_arguments(time_limit: float, method: str, tol: float, confidence: float) -> None:
    if method != "auto" and method not in METHODS:
        known = ", ".join(["auto", *METHODS])
        raise InputError(f"method is {method!r}; expected one of {known}.")
    if not time_limit > 0:
        raise InputError(f"time_limit is {time_limit}; expected a positive number of seconds.")
    if not 0 <= tol < 1:
        raise InputError(f"tol is {tol}; expected a relative gap from 0 up to, not including, 1.")
    if not 0 < confidence < 1:
        raise InputError(f"confidence is {confidence}; expected a number between 0 and 1.")


def _clustering(model: Any, n_rows: int, n_clusters: int | None) -> tuple[Labels, int]:
    """Return the labels of the rows, and how many clusters there may be."""
    _check_known(model)
    labels = checked_labels(getattr(model, "labels_", model), n_rows, np.iinfo(np.int32).max)
    least = int(labels.max()) + 1
    k = n_clusters if n_clusters is not None else getattr(model, "n_clusters", least)
    if k != int(k):
        raise InputError(f"n_clusters is {k}; expected a whole number.")
    if k < least:
        raise InputError(
            f"n_clusters is {k}, but labels go up to {least - 1}; expected at least {least}."
        )
    return labels, int(k)


def _check_known(model: Any) -> None:
    """Refuse models that have no clusters."""
    if hasattr(model, "n_clusters") and not hasattr(model, "labels_"):
        raise InputError(f"{type(model).__name__} is not fitted; expected a call of fit(X) before.")
    if not hasattr(model, "labels_") and hasattr(model, "fit"):
        raise ImpossibleCellError(
            f"{type(model).__name__} has no labels_: certify takes an estimator of cofactor, a "
            "fitted clustering, or labels. No bound is known for others."
        )
