"""The optimum of a single column, by dynamic programming, with what rounding may have cost."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from time import perf_counter

import numpy as np

from cofactor import kernels
from cofactor.certificate.clock import Clock
from cofactor.certificate.incumbent import GAIN, labels_of_rows
from cofactor.certificate.points import Points, Rows
from cofactor.certificate.problem import Problem
from cofactor.certificate.rounding import UNIT, growth
from cofactor.data.base import Floats, Labels

PILOT = 256  # points that tell how long all will take
MARGIN = 1.5  # of that estimate


def line_bounds(problem: Problem, clock: Clock) -> Iterator[float]:
    """Yield what :func:`with_optimum` found out.

    Parameters
    ----------
    problem : Problem
    clock : Clock
    """
    if problem.optimum > 0:
        yield problem.points.lower(problem.optimum)


def is_line(points: Points) -> bool:
    """Return whether all points lie along one axis."""
    return int(np.count_nonzero(points.values.any(axis=0))) == 1


def with_optimum(problem: Problem, row_labels: Labels, clock: Clock) -> Problem:
    """Return the problem with a best clustering and its inertia, if there is time to find it.

    Parameters
    ----------
    problem : Problem
        Of points along one axis, more than clusters.
    row_labels : ndarray of shape (N,)
        Of the data's rows, of which those without weight keep theirs.
    clock : Clock
    """
    line = Line.of(problem.points)
    if not line.resolved or line.seconds(problem.k) > clock.left:
        return problem
    edges, optimum = line.solved(problem.k)
    points = problem.points
    labels = np.empty(points.n, np.int32)
    labels[line.order] = np.repeat(np.arange(problem.k, dtype=np.int32), np.diff(edges))
    upper = points.upper(labels_of_rows(problem, labels, row_labels))
    if upper < problem.upper * (1.0 - GAIN):
        problem = replace(problem, labels=labels, upper=upper)
    return replace(problem, optimum=optimum)


@dataclass(frozen=True)
class Line:
    """Points along one axis, in ascending order, none beyond ±1.

    Attributes
    ----------
    values, weights : ndarray of shape (n,)
        No weight is above 1.
    order : ndarray of shape (n,)
        Which point each is.
    exponent : int
        Of the unit of ``w x²``, as a power of two.
    """

    values: Floats
    weights: Floats
    order: Rows
    exponent: int

    @classmethod
    def of(cls, points: Points) -> Line:
        """Return the points as numbers."""
        axis = int(points.values.any(axis=0).argmax())
        order = np.argsort(points.values[:, axis], kind="stable")
        values, weights = points.values[order, axis], points.weights[order]
        units = [int(np.frexp(np.abs(numbers).max())[1]) for numbers in (values, weights)]
        return cls(
            np.ldexp(values, -units[0]),
            np.ldexp(weights, -units[1]),
            order,
            2 * units[0] + units[1],
        )

    @property
    def doubt(self) -> float:
        """How far sums of 106 bits let the cost of an interval be off, beside ``4u`` of itself."""
        return 1000.0 * (len(self.values) + 4.0) * UNIT**2 * 1.01 * float(self.weights.sum())

    @property
    def resolved(self) -> bool:
        """Whether no weight drowns in what sums are off."""
        return float(self.weights.min()) > self.doubt

    def seconds(self, k: int) -> float:
        """Return about how long it takes to find the best k intervals."""
        step = -(-len(self.values) // PILOT)
        values, weights = (np.ascontiguousarray(of[::step]) for of in (self.values, self.weights))
        pilot = replace(self, values=values, weights=weights)
        few, start = min(k, 4), perf_counter()
        pilot.partition(min(few, len(pilot.values)))
        taken = perf_counter() - start
        return MARGIN * taken * step * (k / few) * self._levels / pilot._levels

    def partition(self, k: int) -> tuple[Rows, float]:
        """Return where the best k intervals begin and end, and about their inertia."""
        edges = np.empty(k + 1, np.int64)
        space = np.empty(kernels.line_space(len(self.values)), np.uint8)
        return edges, kernels.partition_line(self.values, self.weights, edges, space)

    def solved(self, k: int) -> tuple[Rows, float]:
        """Return the best k intervals, and no more than the least inertia of all clusterings.

        Rounding: docs/certificates.md.
        """
        edges, total = self.partition(k)
        spread = float(self.weights @ np.square(self.values)) * (1.0 + growth(len(self.values) + 8))
        choice = 10.0 * UNIT * spread + 3.0 * (np.log2(k) + 2.0) * self.doubt
        lost = 4.0 * k * (self._levels + 3.0) * choice
        least = total * (1.0 - growth(k + 8)) - 1.01 * (lost + k * self.doubt)
        return edges, max(float(np.ldexp(least, self.exponent)), 0.0)

    @property
    def _levels(self) -> float:
        return float(np.log2(len(self.values))) + 1.0
