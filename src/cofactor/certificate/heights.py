"""Heights of points, whose sum less the most of their terrain bounds the inertia."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from cofactor import kernels
from cofactor.certificate.problem import Problem
from cofactor.data.base import Floats

CHUNK = 1 << 22  # distances at once


def first_heights(problem: Problem) -> Floats:
    """Return heights that a clustering suggests, shape (n,).

    A point's height lies between what its leaving would save and what its joining another cluster
    would cost [Hartigan 1975]; it is set so that all clusters are worth the same.
    """
    points, labels, counts = problem.points, problem.labels, problem.counts
    weights, own_counts = points.weights, counts[labels]
    rest = own_counts - weights
    own, joining = _distances(problem)
    low = own * np.divide(own_counts, rest, out=np.ones(points.n), where=rest > 1e-9 * own_counts)
    high = np.maximum(low, np.where(np.isfinite(joining), joining, low))
    base = np.bincount(labels, weights * (low - own), problem.k)
    room = np.bincount(labels, weights * (high - low), problem.k)
    filled = counts > 0
    worth = 0.5 * float((base + room)[filled].min())
    share = np.clip(np.divide(worth - base, room, out=np.zeros(problem.k), where=room > 0), 0, 1)
    return low + share[labels] * (high - low)


def _distances(problem: Problem) -> tuple[Floats, Floats]:
    """Return the squared distance from the own mean, and what joining the best other would cost."""
    n, counts = problem.points.n, problem.counts
    own, joining = np.empty(n), np.empty(n)
    step = max(CHUNK // problem.k, 1)
    for rows in (slice(start, start + step) for start in range(0, n, step)):
        labels, squares = problem.labels[rows], problem.distances(rows)
        place = np.arange(len(labels))
        own[rows] = squares[place, labels]
        weights = problem.points.weights[rows, None]
        squares *= np.where(counts > 0, counts, 1.0) / (counts + weights)
        squares[place, labels] = np.inf
        joining[rows] = squares.min(axis=1)
    return own, joining


@dataclass
class Cuts:
    """Sets of points, each of which limits heights that are to reach a level.

    A set S of inertia ``J(S)`` is a possible cluster, so the most of the terrain is at least
    ``Σ_S w h − J(S)``. Heights whose bound is at the level L have ``Σ_S w h − Σ w h / k ≤ J(S) −
    L/k`` for every S.

    Attributes
    ----------
    values : ndarray of shape (n, d)
    weights : ndarray of shape (n,)
    k : int
    """

    values: Floats
    weights: Floats
    k: int
    _sets: list[NDArray[np.int32]] = field(default_factory=list)
    _known: set[bytes] = field(default_factory=set)
    _masses: list[float] = field(default_factory=list)
    _inertias: list[float] = field(default_factory=list)

    def __len__(self) -> int:
        """Return how many sets there are."""
        return len(self._sets)

    def add(self, sets: Iterable[NDArray[np.bool_]]) -> int:
        """Add sets, each of shape (n,), that are new; return how many were."""
        before = len(self._sets)
        for inside in sets:
            key = np.packbits(inside).tobytes()
            if key in self._known or not inside.any():
                continue
            self._known.add(key)
            self._append(np.flatnonzero(inside).astype(np.int32))
        return len(self._sets) - before

    def _append(self, members: NDArray[np.int32]) -> None:
        weights, own = self.weights[members], self.values[members]
        mass = float(weights.sum())
        squares = np.square(own - weights @ own / mass).sum(axis=1)
        self._sets.append(members)
        self._masses.append(mass)
        self._inertias.append(float(weights @ squares))

    def project(self, heights: Floats, level: float, tolerance: float, work: int) -> Floats | None:
        """Return the nearest heights that all sets allow at a level, or None if none are found."""
        moved = heights.copy()
        multipliers = np.zeros(len(self._sets))
        starts = np.append(0, np.cumsum([len(members) for members in self._sets]))
        worst = kernels.location_project(
            self.weights,
            starts.astype(np.int64),
            np.concatenate(self._sets),
            np.array(self._masses),
            np.array(self._inertias) - level / self.k,
            1.0 / self.k,
            multipliers,
            moved,
            int(np.clip(work // starts[-1], 50, 20_000)),
            tolerance,
        )
        return moved if worst < tolerance else None
