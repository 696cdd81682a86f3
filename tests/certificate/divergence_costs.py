"""What each set of points costs as one cluster under other noises, in extended precision.

Means are known both by themselves and by how far they are from a row, so that no digit is lost
where they are close and none where they are far.
"""

from __future__ import annotations

import numpy as np
from exhaustive import Long

SMALL = 0.01  # of h, up to which a series is exact
ORDER = 14


def excess(h, ratio):
    """Return ``h − log(1 + h)``, given ``1 + h``, too."""
    terms = [(-1) ** p * h**p / p for p in range(2, ORDER)]
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(np.abs(h) < SMALL, sum(terms), h - np.log(ratio))


def kullback_leibler(x, mean, off):
    """Return ``x log(x/m) − x + m`` with ``off = m − x``."""
    positive = x > 0
    h = np.divide(off, x, out=np.zeros_like(x), where=positive)
    ratio = np.divide(mean, x, out=np.ones_like(x), where=positive)
    return np.where(positive, x * excess(h, ratio), mean)


def itakura_saito(x, mean, off):
    return excess(-off / mean, x / mean)


def negative_binomial(size):
    def cost(x, mean, off):
        both = kullback_leibler(x + Long(size), mean + Long(size), off)
        return kullback_leibler(x, mean, off) - both

    return cost


def bernoulli(x, mean, off):
    with np.errstate(divide="ignore"):
        return np.where(x > 0, -np.log(mean), -np.log1p(-mean))


def of_entries(divergence):
    """Return the costs of sets under a divergence ``d(x, m)``, given x, m and ``m − x``."""

    def costs(X, weights):
        return _over_sets(X.astype(Long), weights.astype(Long), lambda X, W: _about_means(X, W))

    def _about_means(X, weights):
        mass = weights.sum(axis=1)
        with np.errstate(invalid="ignore"):
            off = np.array(
                [
                    (weights[:, :, None] * (X - X[:, [i]])).sum(axis=1) / mass[:, None]
                    for i in range(X.shape[1])
                ]
            ).swapaxes(0, 1)
            mean = (weights[:, :, None] * X).sum(axis=1, keepdims=True) / mass[:, None, None]
        off, mean = np.nan_to_num(off), np.nan_to_num(mean, nan=1.0) + np.zeros_like(X)
        found = np.where(off == 0, 0, divergence(X, mean, off)).sum(axis=2)
        return (weights * np.where(weights > 0, found, 0)).sum(axis=1)

    return costs


def of_profiles(X, weights):
    """``t KL(x/t ‖ p)``."""
    X, weights = X.astype(Long), weights.astype(Long)
    totals = X.sum(axis=2)
    profiles = np.divide(X, totals[:, :, None], out=np.zeros_like(X), where=totals[:, :, None] > 0)
    return of_entries(kullback_leibler)(profiles, weights * totals)


def of_cosines(X, weights):
    """``1 − cosine = ½‖y − m‖²`` with m the mean direction."""
    X = X.astype(Long)
    X = X / np.abs(X).max(axis=2, keepdims=True)
    units = X / np.sqrt(np.square(X).sum(axis=2, keepdims=True))

    def about_directions(units, weights):
        sums = (weights[:, :, None] * units).sum(axis=1, keepdims=True)
        norms = np.sqrt(np.square(sums).sum(axis=2, keepdims=True))
        means = np.divide(sums, norms, out=np.zeros_like(sums), where=norms > 0)
        squares = np.square(units - means).sum(axis=2) / 2
        lonely = norms[:, :, 0] == 0  # opposite rows: any direction is as good
        return (weights * np.where(lonely, 1, squares)).sum(axis=1)

    return _over_sets(units, weights.astype(Long), about_directions)


def _over_sets(X, weights, cost):
    batch, n, _ = X.shape
    found = np.zeros((1 << n, batch), Long)
    for members in range(1, 1 << n):
        own = [i for i in range(n) if members >> i & 1]
        found[members] = cost(X[:, own], weights[:, own])
    return found
