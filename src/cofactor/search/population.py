"""Optima that were found, and new starts that descend from them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
from numpy.random import RandomState
from scipy.optimize import linear_sum_assignment
from scipy.spatial.distance import cdist

from cofactor.data.base import Floats
from cofactor.search.descent import Descent
from cofactor.search.found import Optimum

ALIKE = 1e-10  # of the inertia: optima closer than this count as one
MATCHED = 512  # centers: more are matched greedily
BIAS = 3.0  # 1 would let all means move alike


class Population:
    """The best optima so far, all different, the best one first.

    Parameters
    ----------
    size : int
        How many are kept.
    """

    def __init__(self, size: int) -> None:
        self._size = size
        self.optima: list[Optimum] = []

    @property
    def best(self) -> Optimum:
        """The best optimum of all."""
        return self.optima[0]

    def add(self, found: Iterable[Optimum]) -> None:
        """Take in the optima that a round has found."""
        candidates = sorted([*self.optima, *found], key=lambda optimum: optimum.inertia)
        self.optima = []
        for candidate in candidates:
            if not self.optima or candidate.inertia > self.optima[-1].inertia * (1.0 + ALIKE):
                self.optima.append(candidate)
        del self.optima[self._size :]

    def parent(self, rng: RandomState) -> Optimum:
        """Return the better of two that are drawn."""
        return self.optima[rng.randint(len(self.optima), size=2).min()]


def crossed(first: Floats, second: Floats, rng: RandomState) -> Floats:
    """Return the means of one parent on one side of a random plane, of the other beyond it.

    Means are matched in pairs of least distance [Gribel & Vidal 2019]; a pair lies where its
    middle does, so the number of means stays.

    Parameters
    ----------
    first, second : ndarray of shape (k, d)
    rng : RandomState
    """
    partner = second[_match(first, second)]
    places = (first + partner) @ rng.standard_normal(first.shape[1])
    beyond = places < np.quantile(places, rng.random_sample())
    return np.where(beyond[:, None], partner, first)


def relocated(means: Floats, chances: Sequence[float], descent: Descent) -> Floats:
    """Return the means with one of them moved to a row that is far from all others.

    Without a mean, its rows would go to the next nearest: what that costs ranks the means, and the
    cheaper ones are likelier to move. A few rows are drawn in proportion to their weight and their
    squared distance to the nearest of the others, and the one that lowers the inertia most is
    taken, as in greedy k-means++ [Arthur & Vassilvitskii 2007].

    Parameters
    ----------
    means : ndarray of shape (k, d)
    chances : sequence of float
        Random numbers, at least 0 and below 1: for the mean, and for each row.
    descent : Descent
    """
    k = len(means)
    if k == 1:
        return means
    labels, nearest, next_nearest = descent.costs(means)
    price = np.bincount(labels, next_nearest - nearest, k)
    moving = np.argsort(price, kind="stable")[int(k * chances[0] ** BIAS)]
    costs = np.where(labels == moving, next_nearest, nearest)
    odds = np.cumsum(costs)
    drawn = np.searchsorted(odds, np.array(chances[1:]) * odds[-1], side="right")
    rows = descent.rows(np.minimum(drawn, len(odds) - 1))
    moved = means.copy()
    moved[moving] = rows[descent.left(rows, costs).argmin()]
    return moved


def _match(first: Floats, second: Floats) -> np.ndarray[tuple[int], np.dtype[np.intp]]:
    """Return the number of the partner in ``second`` of each of ``first``."""
    distances = cdist(first, second, "sqeuclidean")
    if len(first) <= MATCHED:
        return np.asarray(linear_sum_assignment(distances)[1])
    return _greedily(distances)


def _greedily(distances: Floats) -> np.ndarray[tuple[int], np.dtype[np.intp]]:
    """Match each in turn to the nearest that is left, those with a close one first."""
    partner = np.empty(len(distances), dtype=np.intp)
    for own in np.argsort(distances.min(axis=1), kind="stable"):
        partner[own] = distances[own].argmin()
        distances[:, partner[own]] = np.inf
    return partner
