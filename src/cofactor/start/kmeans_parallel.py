"""k-means‖: many rows drawn at once, a few times, and clustered by k-means++."""

from __future__ import annotations

from typing import Any

import numpy as np

from cofactor.data.base import Floats
from cofactor.engine.threads import engine_for
from cofactor.start.kmeans_plusplus import GreedyRows
from cofactor.start.measured import Indices, MeasuredRows, drawn_by_weight

ROUNDS = 5
OVERSAMPLING = 2.0  # rows expected in a round, for each seed wanted


def parallel_rows(
    X: Any, k: int, weights: Floats, rng: np.random.RandomState, n_threads: int | None = None
) -> Indices:
    """Return rows chosen by k-means‖ [Bahmani et al. 2012], shape (k,).

    From a first row drawn by weight, five rounds each draw every row with probability
    ``min(1, 2k w_n D_n / Σ_m w_m D_m)``, where ``D_n`` is its squared distance from the closest
    row drawn before. Greedy k-means++ chooses among all drawn, each with the weight of the rows
    that are closest to it.

    Parameters
    ----------
    X : ndarray or scipy.sparse CSR of shape (n, d)
        Finite; at least k rows.
    k : int
    weights : ndarray of shape (n,)
    rng : RandomState
    n_threads : int, optional
        Default: every core. The rows are the same for any number.
    """
    with engine_for(n_threads, X.shape[0]) as engine:
        rows = MeasuredRows.of(X, weights, engine)
        drawn, shares = _candidates(rows, k, weights, rng)
    if len(drawn) < k:
        drawn, shares = _with_others(drawn, shares, k, weights)
    return drawn[GreedyRows(X[drawn], k, shares, n_threads=n_threads)(rng)]


def _candidates(
    rows: MeasuredRows, k: int, weights: Floats, rng: np.random.RandomState
) -> tuple[Indices, Floats]:
    """Return the rows drawn, and the total weight of the rows closest to each."""
    drawn = np.array([drawn_by_weight(weights, rng)])
    owner, closest = rows.closest(drawn)
    for _ in range(ROUNDS):
        new = np.flatnonzero(rng.random_sample(len(weights)) < _odds(weights * closest, k))
        if len(new) == 0:
            continue
        label, distance = rows.closest(new)
        nearer = distance < closest
        owner = np.where(nearer, label + len(drawn), owner)
        closest = np.where(nearer, distance, closest)
        drawn = np.concatenate([drawn, new])
    shares: Floats = np.bincount(owner, weights, minlength=len(drawn)).astype(float)
    return drawn, shares


def _odds(potentials: Floats, k: int) -> Floats:
    """Return the probability of each row to be drawn in a round."""
    total = potentials.sum()
    return OVERSAMPLING * k * potentials / total if total > 0 else np.zeros_like(potentials)


def _with_others(drawn: Indices, shares: Floats, k: int, weights: Floats) -> tuple[Indices, Floats]:
    """Add rows until there are k, the heaviest first: so few are drawn only of copies."""
    others = np.setdiff1d(np.arange(len(weights)), drawn)
    order = np.argsort(-weights[others], kind="stable")
    added = others[order][: k - len(drawn)]
    return np.concatenate([drawn, added]), np.concatenate([shares, weights[added]])
