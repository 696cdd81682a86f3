"""Blocks of points, bounded one by one: the inertia of all is at least the sum."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from cofactor.certificate.clock import Clock
from cofactor.certificate.low_rank import WIDEST, closed_form_bounds, factor_width
from cofactor.certificate.peng_wei import peng_wei_bounds
from cofactor.certificate.points import Points
from cofactor.certificate.problem import Bounds, Problem
from cofactor.certificate.rounding import growth
from cofactor.data.base import Floats

SIZE = 1200  # points of a block whose matrices are n × n, at most
ENTRIES = 1 << 23  # of the factor of a block
SWAPS = 1 << 15  # about how many are tried
ROUNDS = 40  # of swaps, at most
LOOK = 64  # points of a block that a swap chooses from
Rows = NDArray[np.intp]


def block_bounds(problem: Problem, clock: Clock, size: int = SIZE) -> Iterator[float]:
    """Yield sums of the bounds of blocks: ``J*(X) ≥ Σ_t J*(X_t)``, whatever the blocks.

    Blocks lose least where each is like the whole, so every cluster is dealt out evenly, and points
    are swapped until its means in all blocks are nearly equal. Each block is bounded by multipliers
    in closed form, then, in turn, by steps.

    Parameters
    ----------
    problem : Problem
    clock : Clock
    size : int
        Points of a block, at most.
    """
    sums = Sums(problem, -(-problem.points.n // size))
    yield from sums.raised_by(closed_form_bounds, clock)
    yield from sums.raised_by(peng_wei_bounds, clock)


def factored_block_bounds(problem: Problem, clock: Clock) -> Iterator[float]:
    """Yield sums of the bounds in closed form of blocks as large as memory has room for."""
    width = factor_width(problem)
    if width > WIDEST:
        return
    size = ENTRIES // width
    yield from Sums(problem, -(-problem.points.n // size)).raised_by(closed_form_bounds, clock)


class Sums:
    """Bounds of blocks, and what they add up to.

    Parameters
    ----------
    problem : Problem
    count : int
        How many blocks.
    """

    def __init__(self, problem: Problem, count: int) -> None:
        self._blocks = [part(problem, rows) for rows in dealt(problem, count)]
        self._known = np.zeros(count)

    @property
    def total(self) -> float:
        """A bound on the whole."""
        return float(self._known.sum()) * (1.0 - growth(len(self._known) + 2))

    def raised_by(self, bounds: Bounds, clock: Clock) -> Iterator[float]:
        """Bound block after block, each for its share of the time; yield what they add up to."""
        for number, block in enumerate(self._blocks):
            share = clock.part(clock.left / (len(self._blocks) - number))
            for bound in bounds(block, share):
                self._known[number] = max(self._known[number], bound)
                yield self.total
                if share.over or self._known[number] >= block.target:
                    break


def part(problem: Problem, rows: Rows, weights: Floats | None = None) -> Problem:
    """Return the problem of some of the points; its target is its share of the whole's.

    Parameters
    ----------
    problem : Problem
    rows : ndarray of shape (m,)
        Of the points.
    weights : ndarray of shape (m,), optional
        Instead of the points' own.
    """
    points = problem.points
    weights = points.weights[rows] if weights is None else weights
    own = replace(
        points,
        values=np.ascontiguousarray(points.values[rows]),
        weights=weights,
        rows=np.arange(len(rows)),
        row_weights=weights,
    )
    labels = problem.labels[rows]
    return replace(problem, points=own, labels=labels, upper=own.upper(labels))


def dealt(problem: Problem, count: int) -> list[Rows]:
    """Return blocks that hold about as many points of each cluster, with about the same mean."""
    owner = np.empty(problem.points.n, np.intp)
    rounds = min(SWAPS // (problem.k * count) + 1, ROUNDS)
    for cluster in range(problem.k):
        rows = np.flatnonzero(problem.labels == cluster)
        if len(rows):
            owner[rows] = Deal(problem.points, problem.means[cluster], rows, count).owners(rounds)
    return [np.flatnonzero(owner == number) for number in range(count)]


@dataclass
class Deal:
    """One cluster's points, dealt out to blocks.

    Attributes
    ----------
    points : Points
    mean : ndarray of shape (d,)
    rows : ndarray of shape (m,)
        The cluster's points.
    count : int
        How many blocks.
    """

    points: Points
    mean: Floats
    rows: Rows
    count: int

    def owners(self, rounds: int) -> Rows:
        """Return the block of each point, after swaps that bring the blocks' sums near zero."""
        values = self.points.values[self.rows] - self.mean
        values *= self.points.weights[self.rows, None]
        rng = np.random.default_rng(len(self.rows))
        hands = np.array_split(rng.permutation(len(values)), self.count)
        rng.shuffle(hands)
        sums = np.array([values[hand].sum(axis=0) for hand in hands])
        for _ in range(rounds):
            order = rng.permutation(self.count)
            for a, b in zip(order[::2], order[1::2], strict=False):
                _swap(values, hands[a], hands[b], sums[a], sums[b])
        owners = np.empty(len(values), np.intp)
        for number, hand in enumerate(hands):
            owners[hand] = number
        return owners


def _swap(values: Floats, ours: Rows, theirs: Rows, our_sum: Floats, their_sum: Floats) -> None:
    """Swap the two points of two hands that bring their sums nearest to zero, if any do.

    With ``e = x_i − x_j`` the squares of the sums change by ``2⟨e, s_b − s_a⟩ + 2‖e‖²``. Both hands
    and sums are updated; hands come in random order, so looking at their first points suffices.
    """
    if not len(ours) or not len(theirs):
        return
    mine, other = values[ours[:LOOK]], values[theirs[:LOOK]]
    slope = their_sum - our_sum
    change = np.square(mine).sum(axis=1)[:, None] + np.square(other).sum(axis=1)
    change += (mine @ slope)[:, None] - other @ slope - 2.0 * mine @ other.T
    i, j = np.unravel_index(int(change.argmin()), change.shape)
    if change[i, j] < 0:
        difference = mine[i] - other[j]
        our_sum -= difference
        their_sum += difference
        ours[i], theirs[j] = theirs[j], ours[i]
