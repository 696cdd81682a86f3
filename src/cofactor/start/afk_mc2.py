"""AFK-MC²: k-means++ without a pass over the data for each seed, by Markov chains."""

from __future__ import annotations

from typing import Any

import numpy as np

from cofactor.data.base import Floats
from cofactor.data.losses import Affine
from cofactor.engine.threads import engine_for
from cofactor.start.measured import Indices, MeasuredRows, drawn_by_weight

CHAIN = 200  # proposals for each seed
BLOCK = 128  # chains whose proposals meet the seeds before them together


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
        closest = ClosestSeeds(rows, len(weights), k)
        closest.add(first)
        for start in range(0, k - 1, BLOCK):
            block = slice(start, min(start + BLOCK, k - 1))
            closest.meet(proposed[block])
            for candidates, luck in zip(proposed[block], chances[block], strict=True):
                gain = closest.distances(candidates) / density[candidates]
                last = _end_of_chain(gain.tolist(), luck.tolist())
                closest.add(int(candidates[last]))
    return closest.seeds


class ClosestSeeds:
    """Squared distances from the closest seed, for rows that are asked for.

    It is remembered how many seeds each row has met: a row meets about those that came since.

    Parameters
    ----------
    rows : MeasuredRows
    n_rows : int
    k : int
        The number of seeds that there will be.
    """

    def __init__(self, rows: MeasuredRows, n_rows: int, k: int) -> None:
        self._rows, self._count = rows, 0
        self._seeds = np.empty(k, dtype=np.intp)
        self._centers, self._components = np.empty((2, k, rows.X.shape[1]))
        self._half_norms = np.empty(k)
        self._known, self._met = np.full(n_rows, np.inf), np.zeros(n_rows, dtype=np.intp)
        self._before = 0  # so many seeds all rows of the block have met

    @property
    def seeds(self) -> Indices:
        """The rows that are seeds, in their order."""
        return self._seeds[: self._count]

    def add(self, row: int) -> None:
        """Make a row a seed."""
        number = self._count
        self._seeds[number] = row
        self._centers[number] = self._rows.centers(np.array([row]))[0]
        component = self._components[number] = self._centers[number] - self._rows.reference
        self._half_norms[number] = 0.5 * component @ component
        self._count += 1

    def meet(self, candidates: Indices) -> None:
        """Let rows meet the seeds that there are, before they are asked for.

        Rows that missed about as many seeds meet them together, at most twice as many as missed.
        """
        asked = np.unique(candidates)
        missed = self._count - self._met[asked]
        sizes = np.frexp(missed)[1]
        for size in np.unique(sizes[missed > 0]):
            self._meet_since(asked[sizes == size])
        self._met[asked] = self._before = self._count

    def _meet_since(self, rows: Indices) -> None:
        """Let rows meet all seeds but those that each of them has met."""
        since = slice(int(self._met[rows].min()), self._count)
        part = self._rows.rows.take(rows)
        reference, engine = self._rows.reference, self._rows.engine
        affine = Affine(self._components[since], self._half_norms[since], reference)
        labels, _ = part.nearest(affine, engine)
        fresh = part.squared_distances(self._centers[since], labels)
        self._known[rows] = np.minimum(self._known[rows], fresh)

    def distances(self, candidates: Indices) -> Floats:
        """Return the distances of rows that met all seeds but the last few."""
        known: Floats = self._known[candidates]
        if self._before == self._count:
            return known
        recent = self._components[self._before : self._count]
        centred = self._rows.centers(candidates) - self._rows.reference
        return np.minimum(known, _closest(centred, recent))


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
