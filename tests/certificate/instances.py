"""Small instances of every kind, with their optimum by exhaustion."""

from __future__ import annotations

import numpy as np
from exhaustive import Long, exhaustive

BATCH = 100  # data sets, each with every number of clusters
EXACT = Long(1) + 64 * np.finfo(Long).eps  # rounding of the optimum itself


def of_normal(rng, shape):
    return rng.normal(size=shape)


def of_clusters(rng, shape):
    """Few tight clusters far apart, so that little inertia is left of much variance."""
    batch, n, d = shape
    centers = rng.normal(size=(batch, 3, d)) * 10.0 ** rng.integers(0, 8)
    return centers[np.arange(batch)[:, None], rng.integers(3, size=(batch, n))] + of_normal(
        rng, shape
    )


def of_duplicates(rng, shape):
    return rng.integers(0, 3, size=shape).astype(float)


def of_unlike_columns(rng, shape):
    return of_normal(rng, shape) * 10.0 ** rng.integers(-8, 8, size=shape[2])


def far_away(rng, shape):
    return of_normal(rng, shape) + 1e8


def tiny(rng, shape):
    return of_clusters(rng, shape) * 1e-150


def huge(rng, shape):
    return of_clusters(rng, shape) * 1e140


def single(rng, shape):
    return (of_normal(rng, shape) + 1e4).astype(np.float32)


def halves(rng, shape):
    """Distances that tie."""
    return rng.integers(-8, 9, size=shape).astype(np.float32) / 2


KINDS = (
    of_normal,
    of_clusters,
    of_duplicates,
    of_unlike_columns,
    far_away,
    tiny,
    huge,
    single,
    halves,
)
WEIGHTS = (
    lambda rng, shape: np.ones(shape),
    lambda rng, shape: rng.uniform(0.1, 3.0, shape),
    lambda rng, shape: rng.integers(0, 4, shape) + np.eye(shape[1])[0],
    lambda rng, shape: 10.0 ** rng.uniform(-4, 4, shape),
)


def instances(seed, count, columns=None):
    """Yield data sets, their weights, k, labels of a best clustering, and its inertia."""
    rng = np.random.default_rng(seed)
    made = number = 0
    while made < count:
        n, d = int(rng.integers(3, 10)), columns or int(rng.integers(1, 7))
        kind, weigh = KINDS[number % len(KINDS)], WEIGHTS[rng.integers(len(WEIGHTS))]
        number += 1
        X, weights = kind(rng, (BATCH, n, d)), weigh(rng, (BATCH, n))
        solved = exhaustive(X, weights)
        for i in range(BATCH):
            k = int(rng.integers(1, n))
            yield X[i], weights[i], k, solved.labels(k, i), solved.optimum(k, i)
        made += BATCH
