"""k-means‖: many rows drawn at once, a few times, and clustered by k-means++."""

from __future__ import annotations

from typing import Any

import numpy as np

from cofactor.data.base import Floats
from cofactor.engine.threads import engine_for
from cofactor.start.kmeans_plusplus import GreedyRows
from cofactor.start.measured import Indices, MeasuredRows, drawn_by_weight

ROUNDS = 5
OVERSAMPLING = 2.0  # rows expected in a round, for each seed wanted; fewer where those are many
LEAST_OVERSAMPLING = 0.5
SHARE = 0.5  # of all rows that may be drawn
GROUP = 5000  # seeds that are chosen among the same candidates, on average


def parallel_rows(
    X: Any, k: int, weights: Floats, rng: np.random.RandomState, n_threads: int | None = None
) -> Indices:
    """Return rows chosen by k-means‖ [Bahmani et al. 2012], shape (k,).

    From a first row drawn by weight, five rounds each draw every row with probability
    ``min(1, ℓ w_n D_n / Σ_m w_m D_m)``, where ``D_n`` is its squared distance from the closest
    row drawn before, and ℓ is 2k, or a tenth of n if that is less, but at least k/2. Greedy
    k-means++ chooses among all drawn, each with the weight of the rows that are closest to it.

    Where thousands are drawn in a round, ``D_n`` is that from a row close by, most often the
    closest. Where tens of thousands are to be chosen, neighbouring candidates are compared, group
    by group, and of each group as large a share is chosen.

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
        if len(drawn) <= k:
            return _with_others(drawn, k, weights)
        candidates = MeasuredRows.of(X[drawn], shares, engine)
        groups = _groups(candidates, k // GROUP, rng)
    chosen = []
    for members, size in zip(groups, _sizes(groups, k), strict=True):
        if size == 0:  # of few candidates
            continue
        some = drawn[members]
        greedy = GreedyRows(X[some], size, shares[members], n_threads=n_threads)
        chosen.append(some[greedy(rng)])
    return np.concatenate(chosen)


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
        label, distance = rows.close(new)
        label[new], distance[new] = np.arange(len(new)), 0.0
        nearer = distance < closest
        owner = np.where(nearer, label + len(drawn), owner)
        closest = np.where(nearer, distance, closest)
        drawn = np.concatenate([drawn, new])
    shares: Floats = np.bincount(owner, weights, minlength=len(drawn)).astype(float)
    return drawn, shares


def _odds(potentials: Floats, k: int) -> Floats:
    """Return the probability of each row to be drawn in a round."""
    total, affordable = potentials.sum(), SHARE * len(potentials) / (ROUNDS * k)
    expected = min(OVERSAMPLING, max(LEAST_OVERSAMPLING, affordable)) * k
    return expected * potentials / total if total > 0 else np.zeros_like(potentials)


def _with_others(drawn: Indices, k: int, weights: Floats) -> Indices:
    """Add rows until there are k, the heaviest first: so few are drawn only of copies."""
    others = np.setdiff1d(np.arange(len(weights)), drawn)
    order = np.argsort(-weights[others], kind="stable")
    return np.concatenate([drawn, others[order][: k - len(drawn)]])


def _groups(rows: MeasuredRows, n_groups: int, rng: np.random.RandomState) -> list[Indices]:
    """Return groups of rows side by side: those closest to each of some."""
    n = rows.rows.n_rows
    if n_groups < 2:
        return [np.arange(n)]
    labels, _ = rows.closest(rng.choice(n, size=n_groups, replace=False))
    order = np.argsort(labels, kind="stable")
    return np.split(order, labels[order].searchsorted(np.arange(1, n_groups)))


def _sizes(groups: list[Indices], k: int) -> list[int]:
    """Return how many of each group are chosen, in proportion: k in all."""
    ends = np.cumsum([0, *map(len, groups)])
    return np.diff(ends * k // ends[-1]).tolist()
