"""Starts that are warmed up: centers of the clusters of a coreset."""

from __future__ import annotations

from typing import Any

import numpy as np

from cofactor.data import open_rows
from cofactor.data.base import Array, Floats, RowBlock
from cofactor.data.cut import cut, n_blocks
from cofactor.engine.threads import engine_for
from cofactor.lloyd import Ending, Whole, lloyd
from cofactor.neighbors import neighbors, pays
from cofactor.noise import Gaussian
from cofactor.start.coreset import drawn
from cofactor.start.means import from_means

SHARE = 0.2  # of all rows
LEAST = 10  # draws for each cluster
ITERATIONS = 20
TOLERANCE = 1e-3  # of the inertia: all rows go on from here


def warm_means(
    X: Any, k: int, weights: Floats, rng: np.random.RandomState, n_threads: int | None = None
) -> Array:
    """Return centers of the clusters of a lightweight coreset, shape (k, d).

    A fifth of the rows is drawn [Bachem, Lucic & Krause 2018], or ten for each cluster, and
    clustered from k of them, drawn by their weights, in at most 20 iterations. Where that would be
    all rows, k of them are returned.

    Parameters
    ----------
    X : ndarray or scipy.sparse CSR of shape (n, d)
        Finite; at least k rows.
    k : int
    weights : ndarray of shape (n,)
    rng : RandomState
    n_threads : int, optional
        Default: every core. The centers have the same bits for any number.
    """
    n, n_draws = X.shape[0], max(int(SHARE * X.shape[0]), LEAST * k)
    if n_draws >= n:
        return _dense(X[_some(np.arange(n), weights, k, rng)])
    indices, shares = drawn(X, weights, n_draws, rng)
    if len(indices) < k:  # of few rows that weigh anything
        return _dense(X[_some(np.arange(n), weights, k, rng)])
    start = X[_some(indices, shares, k, rng)]
    return _centers(open_rows(X[indices], shares), _dense(start), n_threads).astype(X.dtype)


def _some(rows: Any, weights: Floats, k: int, rng: np.random.RandomState) -> Any:
    """Draw different rows, those without weight only if others do not suffice."""
    heavy = np.count_nonzero(weights) >= k
    odds = weights / weights.sum() if heavy else None
    return rng.choice(rows, size=k, replace=False, p=odds)


def _centers(rows: RowBlock, means: Array, n_threads: int | None) -> Floats:
    """Return what a few iterations make of means."""
    noise, blocks = Gaussian(), cut(rows)
    params, fit = from_means(noise, blocks, means), neighbors if pays(rows, len(means)) else lloyd
    with engine_for(n_threads, n_blocks(rows)) as engine:
        data: Any = Whole(rows, blocks, engine)  # type: ignore[arg-type]
        return fit(noise, data, params, Ending(TOLERANCE, ITERATIONS)).params.components


def _dense(rows: Any) -> Array:
    return np.asarray(rows.toarray() if hasattr(rows, "toarray") else rows)
