"""Optima that were found, and new starts that descend from them."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.random import RandomState
from scipy.optimize import linear_sum_assignment
from scipy.spatial.distance import cdist

from cofactor.data.base import Floats
from cofactor.search.descent import Descent
from cofactor.search.found import Optimum

ALIKE = 1e-10  # of the inertia: optima closer than this count as one
MATCHED = 512  # centers: more are matched greedily


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


def relocated(means: Floats, descent: Descent, rng: RandomState) -> Floats:
    """Return the means with one of them moved to a row that is far from all others.

    The row is drawn in proportion to its weight and its squared distance to the nearest of the
    others [Arthur & Vassilvitskii 2007].

    Parameters
    ----------
    means : ndarray of shape (k, d)
    descent : Descent
    rng : RandomState
    """
    moving, chance = rng.randint(len(means)), rng.random_sample()
    if len(means) == 1:
        return means
    odds = np.cumsum(descent.costs(np.delete(means, moving, axis=0)))
    row = min(int(np.searchsorted(odds, chance * odds[-1], side="right")), len(odds) - 1)
    moved = means.copy()
    moved[moving] = descent.row(row)
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
