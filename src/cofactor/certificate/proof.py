"""The course of a proof: method after method, until there is a reason to end."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from cofactor.certificate.blocks import block_bounds, factored_block_bounds
from cofactor.certificate.certificate import Bound, Certificate, Watcher
from cofactor.certificate.clock import Clock
from cofactor.certificate.exact import exact_bounds
from cofactor.certificate.incumbent import labels_of_rows, with_better_clustering
from cofactor.certificate.line import is_line, line_bounds, with_optimum
from cofactor.certificate.location import location_bounds
from cofactor.certificate.low_rank import WIDEST, factor_width
from cofactor.certificate.peng_wei import LARGEST, peng_wei_bounds
from cofactor.certificate.points import Points
from cofactor.certificate.principal import principal_bounds
from cofactor.certificate.problem import Bounds, Problem
from cofactor.certificate.sketch import sketch_bounds
from cofactor.data.base import Labels
from cofactor.errors import InputError


@dataclass(frozen=True)
class Stage:
    """One method and how much time it may take.

    Attributes
    ----------
    method : str
    share : float
        Of the time that is left.
    """

    method: str
    share: float = 1.0


METHODS: dict[str, Bounds] = {
    "principal": principal_bounds,
    "location": location_bounds,
    "closed-form": factored_block_bounds,
    "peng-wei": peng_wei_bounds,
    "line": line_bounds,
    "exact": exact_bounds,
    "blocks": block_bounds,
    "sketch": sketch_bounds,
}
PROBABILISTIC = {"sketch"}
SEARCHED = {"auto", "exact"}
SOLVED = {"auto", "exact", "line"}
SMALL = 300  # points up to which branching is tried by itself
PLACES = 3.5  # columns that matter up to which places are looked at early


class Ended(Exception):  # noqa: N818, no error
    """There is a reason to end."""


@dataclass
class Proof:
    """What was proved so far.

    Attributes
    ----------
    problem : Problem or SparseRows
        With a better clustering, once one is met.
    given : Problem or SparseRows
        The same with the clustering that was given.
    row_labels : ndarray of shape (N,)
        That clustering.
    clock : Clock
    callbacks : tuple of callable
    """

    problem: Any
    given: Any
    row_labels: Labels
    clock: Clock
    callbacks: tuple[Watcher, ...]
    lower: float = 0.0  # in the points' unit
    trace: list[Bound] = field(default_factory=list)
    ending: str = "exhausted"

    def run(self, method: str) -> None:
        """Look for a better clustering, then prove, until there is a reason to end."""
        self.go_through(self._stages(method))

    def _stages(self, method: str) -> Iterator[tuple[Stage, Bounds]]:
        self.problem = improved(method, self.problem, self.row_labels, self.clock)
        for stage in stages_of(method, self.problem):
            yield stage, METHODS[stage.method]

    def go_through(self, stages: Iterable[tuple[Stage, Any]]) -> None:
        """Prove by one method after the other, until there is a reason to end."""
        try:
            self._take(0.0, "trivial")
            for stage, bounds in stages:
                self._run(stage, bounds)
            self.ending = "time" if self.clock.over else "exhausted"
        except Ended as reason:
            self.ending = str(reason)
        except KeyboardInterrupt:
            self.ending = "interrupted"

    def _run(self, stage: Stage, bounds: Any) -> None:
        clock = self.clock.part(stage.share * self.clock.left)
        for bound in bounds(self.problem, clock):
            self._take(bound, stage.method)
            if clock.over:
                break

    def _take(self, bound: float, method: str) -> None:
        """Remember a bound if it is better, and see whether to go on."""
        if bound > self.lower or not self.trace:
            self.lower = max(bound, 0.0)
            lower = self.problem.in_units(self.lower, up=False)
            self.trace.append(Bound(self.clock.seconds, lower, method))
            said = [callback(self.trace[-1]) for callback in self.callbacks]
            if any(answer is True for answer in said):
                raise Ended("stopped")
        if self.lower >= self.problem.target:
            raise Ended("proved")
        if self.clock.over:
            raise Ended("time")

    def certificate(self) -> Certificate:
        """Return what is proved."""
        best, upper = self.trace[-1], self.given.upper
        missing = upper - self.lower
        found = Certificate(
            upper=self._in_units(upper),
            lower=best.lower,
            gap=min(missing / upper * (1 + 1e-15), 1.0) if missing > 0 else 0.0,
            method=best.method,
            kind="probabilistic" if best.method in PROBABILISTIC else "rigorous",
            confidence=self.problem.confidence if best.method in PROBABILISTIC else 1.0,
            seconds=self.clock.seconds,
            trace=tuple(self.trace),
            n_clusters=self.problem.k,
            ending=self.ending,
        )
        same = self.problem.labels is self.given.labels
        return found if same else self._with_better(found)

    def _with_better(self, found: Certificate) -> Certificate:
        """Return a certificate that names the better clustering."""
        return replace(
            found,
            ending="solved" if found.ending == "proved" else found.ending,
            best_labels=labels_of_rows(self.problem, self.problem.labels, self.row_labels),
            best_inertia=self._in_units(self.problem.upper),
        )

    def _in_units(self, upper: float) -> float:
        return self.problem.in_units(upper, up=True)


def stages_of(method: str, problem: Problem) -> list[Stage]:
    """Return the methods to take, in their order; none where every point may have a cluster."""
    if problem.points.n <= problem.k:
        return []
    if problem.optimum > 0 and method == "exact":
        return [Stage("line"), Stage("exact")]
    if method != "auto":
        return [Stage(method)]
    few, small = problem.points.n <= LARGEST, problem.points.n <= SMALL
    steps = Stage("exact" if small else "peng-wei" if few else "blocks")
    closed = Stage("closed-form", 0.3 if few else 0.7)
    if _dimension(problem.points) > PLACES:
        return [Stage("principal"), closed, steps, Stage("location")]
    first = "line" if problem.optimum > 0 else "principal"
    closed = Stage("closed-form", 0.3)
    return [Stage(first), Stage("location", 0.6), closed, steps, Stage("location")]


def check_method(method: str, problem: Problem) -> None:
    """Refuse data that a method has nothing to say about.

    Raises
    ------
    InputError
        Naming what the data are, what the method takes, and what to use instead.
    """
    points, width = problem.points, factor_width(problem)
    if method == "line" and not is_line(points) and points.n > 1:
        raise InputError(
            "method is 'line', which takes data of which one column varies; these have "
            f"{np.count_nonzero(points.values.any(axis=0))} such columns: use 'auto'."
        )
    if method in ("exact", "peng-wei") and points.n > LARGEST and not is_line(points):
        raise InputError(
            f"method is {method!r}, which takes up to {LARGEST:,} different rows; there are "
            f"{points.n:,}: use 'blocks', or 'auto'."
        )
    if method == "closed-form" and width > WIDEST:
        raise InputError(
            f"method is 'closed-form', which takes up to {WIDEST:,} columns and ordered pairs of "
            f"clusters together; there are {width:,}: use 'auto'."
        )


def improved(method: str, given: Problem, row_labels: Labels, clock: Clock) -> Problem:
    """Return the problem with a better clustering, where looking for one takes little time."""
    if given.points.n <= given.k:
        return given
    if method in SOLVED and is_line(given.points):
        return with_optimum(given, row_labels, clock)
    if method in SEARCHED and given.points.n <= SMALL:
        return with_better_clustering(given, row_labels, clock)
    return given


def _dimension(points: Points) -> float:
    """Return how many columns matter, after rotation: ``(Σλ)²/Σλ²`` of the covariance."""
    weighted = points.values * np.sqrt(points.weights)[:, None]
    narrow = weighted.T if points.d <= points.n else weighted
    return float(np.square(weighted).sum() ** 2 / np.square(narrow @ narrow.T).sum())
