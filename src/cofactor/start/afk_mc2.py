"""AFK-MC²: k-means++ without a pass over the data for each seed, by Markov chains."""

from __future__ import annotations

from typing import Any

import numpy as np

from cofactor.data.base import Floats
from cofactor.engine.threads import engine_for
from cofactor.start.measured import Indices, MeasuredRows, drawn_by_weight

CHAIN = 200  # proposals for each seed


def chain_rows(
    X: Any, k: int, weights: Floats, rng: np.random.RandomState, n_threads: int | None = None
) -> Indices:
    """Return rows chosen by AFK-MC² [Bachem et al. 2016], shape (k,).

    The first row c is drawn by weight. Each further one ends a Metropolis–Hastings chain of 200
    proposals, drawn with probability ``q_n ∝ w_n (‖x_n − c‖² / Σ_m w_m ‖x_m − c‖² + 1 / Σ_m w_m)``;
    row y follows row x with probability ``min(1, w_y D_y q_x / (w_x D_x q_y))``, where ``D`` is the
    squared distance from the closest seed. Long chains draw in proportion to ``w_n D_n``, as
    k-means++ does.

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
        first = drawn_by_weight(weights, rng)
        density = _density(rows.closest(np.array([first]))[1], weights)
        proposal = weights * density
        shape = (k - 1, CHAIN)
        proposed = rng.choice(len(weights), size=shape, p=proposal / proposal.sum())
        chances = rng.random_sample(shape)
        chosen, centers = [first], np.empty((k, X.shape[1]))
        centers[0] = rows.centers(np.array([first]))[0] - rows.reference
        for candidates, luck in zip(proposed, chances, strict=True):
            offered = rows.centers(candidates) - rows.reference
            gain = _closest(offered, centers[: len(chosen)]) / density[candidates]
            last = _end_of_chain(gain.tolist(), luck.tolist())
            centers[len(chosen)] = offered[last]
            chosen.append(int(candidates[last]))
    return np.array(chosen)


def _density(distances: Floats, weights: Floats) -> Floats:
    """Return ``q_n / w_n``, but for a factor."""
    total = weights @ distances
    return 1.0 / weights.sum() + (distances / total if total > 0 else 0.0)


def _closest(rows: Floats, centers: Floats) -> Floats:
    """Return squared distances of rows from the closest center; what is but rounding is 0."""
    sizes = np.square(rows).sum(axis=1)[:, None] + np.square(centers).sum(axis=1)
    squares = sizes - 2.0 * (rows @ centers.T)
    squares[squares <= 8 * np.finfo(float).eps * sizes] = 0.0
    closest: Floats = squares.min(axis=1)
    return closest


def _end_of_chain(gain: list[float], luck: list[float]) -> int:
    """Return the proposal at which a chain ends that prefers those of more gain."""
    last = 0
    for step in range(1, len(gain)):
        if gain[step] > luck[step] * gain[last]:
            last = step
    return last
