"""How an image of a divergence is stretched: steep where clusters have their rows.

Let ``D(x, y) = √d(x, y)`` for ``x < y``, the divergence of the smaller from the larger. For every
μ then ``√d(x, μ) + √d(y, μ) ≥ D(x, y)``, as ``√d(x, μ) ≥ s|B(x) − B(μ)|`` with equality at ``μ =
y``, where B is the root or the logarithm and s the factor for the range from x to y. So wherever
``T(y) − T(x) ≤ D(x, y)`` for all pairs, the intervals ``T(x) ± √d(x, μ)`` of the data meet two by
two, hence all of them in one point S(μ) [Helly 1923], and ``d(x, μ) ≥ (T(x) − S(μ))²``.

D is concave in B(x) and in B(y), and its quotient by ``B(y) − B(x)`` falls in the range. So a T
that is linear in B between knots need only keep to it at the knots.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.optimize import linprog

from cofactor.certificate.rounding import UNIT
from cofactor.data.base import Floats, Labels

KNOTS = 24
ROUNDS = 3  # of linear programs
SAMPLE = 4096  # rows by which a stretch is chosen; it is valid whatever they are
MOST_COLUMNS = 256
PRECISE = {"primal_feasibility_tolerance": 1e-10}  # steps may be small, where rows are close

# Returns at least no more than D of the numbers with these B, entry by entry.
Reach = Callable[[Floats, Floats], Floats]


@dataclass(frozen=True)
class Bend:
    """``T`` of a column, linear between knots.

    Attributes
    ----------
    knots, heights : ndarray of shape (p,)
        B and T.
    """

    knots: Floats
    heights: Floats

    def __call__(self, values: Floats) -> Floats:
        """Return T of numbers with these B."""
        return np.interp(values, self.knots, self.heights)

    def doubt(self, off: float) -> float:
        """Return by how much a computed T may be off, where B is by so much at most.

        Beyond its outermost knots T stays what it is there, which keeps to D all the more.
        """
        steps = np.diff(self.knots)
        steepest = float((np.diff(self.heights) / steps).max(initial=0.0))
        sizes = np.abs(self.heights).max() + steepest * np.abs(self.knots).max()
        return 16.0 * UNIT * float(sizes) + 1.01 * steepest * off


def straight(values: Floats, reach: Reach) -> Bend:
    """Return the T that is linear in B over the whole range."""
    knots = np.unique([values.min(), values.max()])
    return _kept(knots, np.arange(len(knots), dtype=float), reach)


def bent(values: Floats, weights: Floats, labels: Labels, reach: Reach) -> Bend:
    """Return a T under which the rows of a cluster are as far apart as may be.

    What is inside of clusters is a convex function of the steps between knots, which are bounded by
    linear constraints: a few linear programs, each along the last one's slope, go up.

    Parameters
    ----------
    values : ndarray of shape (n,)
        B of a column.
    weights : ndarray of shape (n,)
    labels : ndarray of shape (n,), int32
    reach : callable
    """
    knots = _knots(values)
    if len(knots) < 3:
        return straight(values, reach)
    some = slice(None, None, -(-len(values) // SAMPLE))
    values, weights, labels = values[some], weights[some], labels[some]
    widths = np.diff(knots)
    parts = ((values[:, None] - knots[:-1]) / widths).clip(0.0, 1.0)
    steps = widths / widths.sum()  # in units of what the ends may be apart
    inside, bounds = _constraints(knots, reach)
    most = bounds[np.count_nonzero(inside, axis=1) == 1]
    for _ in range(ROUNDS):
        slope = parts.T @ (weights * _off_means(parts @ steps, weights, labels))
        size = float(np.abs(slope).max()) or 1.0
        found = linprog(-slope / size, inside, bounds, options=PRECISE)
        if found.x is None:
            break
        steps = found.x.clip(0.0, most)
    return _kept(knots, np.concatenate([[0.0], np.cumsum(steps)]), reach)


def _constraints(knots: Floats, reach: Reach) -> tuple[Floats, Floats]:
    """Return which steps are between two knots, for all pairs, and what they may come to."""
    first, last = np.triu_indices(len(knots), 1)
    spans = np.arange(len(knots) - 1)
    inside = (first[:, None] <= spans) & (spans < last[:, None])
    bounds = np.maximum(reach(knots[first], knots[last]), 0.0)
    return inside.astype(float), bounds / (bounds.max() or 1.0)


def between(first: Bend, second: Bend, share: float) -> Bend:
    """Return ``(1 − a) T + a T'``, which keeps to what both keep to."""
    heights = (1.0 - share) * first(second.knots) + share * second.heights
    return Bend(second.knots, heights)


def _off_means(heights: Floats, weights: Floats, labels: Labels) -> Floats:
    """Return how far numbers are from the means of their clusters."""
    mass = np.maximum(np.bincount(labels, weights), np.finfo(float).tiny)
    return heights - (np.bincount(labels, weights * heights) / mass)[labels]


def _knots(values: Floats) -> Floats:
    """Return all numbers that there are, or some that as many lie between."""
    different = np.unique(values)
    if len(different) <= KNOTS:
        return different
    return np.unique(np.quantile(values, np.linspace(0.0, 1.0, KNOTS)))


def _kept(knots: Floats, heights: Floats, reach: Reach) -> Bend:
    """Return the heights, made smaller until they keep to what they must."""
    if len(knots) < 2:
        return Bend(knots, np.zeros(len(knots)))
    first, last = np.triu_indices(len(knots), 1)
    steps = heights[last] - heights[first]
    bounds = np.maximum(reach(knots[first], knots[last]), 0.0)
    share = np.divide(bounds, steps, out=np.full_like(steps, np.inf), where=steps > 0)
    scale = float(share.min()) * (1.0 - 64.0 * UNIT)
    return Bend(knots, heights * scale if np.isfinite(scale) else np.zeros_like(heights))
