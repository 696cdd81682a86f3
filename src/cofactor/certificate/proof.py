"""The course of a proof: method after method, until there is a reason to end."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from cofactor.certificate.blocks import block_bounds, factored_block_bounds
from cofactor.certificate.certificate import Bound, Certificate, Watcher
from cofactor.certificate.clock import Clock
from cofactor.certificate.exact import exact_bounds
from cofactor.certificate.incumbent import labels_of_rows
from cofactor.certificate.location import location_bounds
from cofactor.certificate.peng_wei import LARGEST, peng_wei_bounds
from cofactor.certificate.points import Points
from cofactor.certificate.principal import principal_bounds
from cofactor.certificate.problem import Bounds, Problem
from cofactor.certificate.sketch import sketch_bounds
from cofactor.data.base import Labels


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
    "exact": exact_bounds,
    "blocks": block_bounds,
    "sketch": sketch_bounds,
}
PROBABILISTIC = {"sketch"}
SEARCHED = {"auto", "exact"}
SMALL = 300  # points up to which branching is tried by itself
PLACES = 3.5  # columns that matter up to which places are looked at early


class Ended(Exception):  # noqa: N818, no error
    """There is a reason to end."""


@dataclass
class Proof:
    """What was proved so far.

    Attributes
    ----------
    problem : Problem
    given : Problem
        The same with the clustering that was given, which may be worse.
    row_labels : ndarray of shape (N,)
        That clustering.
    clock : Clock
    callbacks : tuple of callable
    """

    problem: Problem
    given: Problem
    row_labels: Labels
    clock: Clock
    callbacks: tuple[Watcher, ...]
    lower: float = 0.0  # in the points' unit
    trace: list[Bound] = field(default_factory=list)
    ending: str = "exhausted"

    def run(self, stages: Sequence[Stage]) -> None:
        """Take method after method until there is a reason to end."""
        try:
            self._take(0.0, "trivial")
            for stage in stages:
                self._run(stage)
            self.ending = "time" if self.clock.over else "exhausted"
        except Ended as reason:
            self.ending = str(reason)
        except KeyboardInterrupt:
            self.ending = "interrupted"

    def _run(self, stage: Stage) -> None:
        clock = self.clock.part(stage.share * self.clock.left)
        for bound in METHODS[stage.method](self.problem, clock):
            self._take(bound, stage.method)
            if clock.over:
                break

    def _take(self, bound: float, method: str) -> None:
        """Remember a bound if it is better, and see whether to go on."""
        if bound > self.lower or not self.trace:
            self.lower = max(bound, 0.0)
            lower = self.problem.points.in_units(self.lower, up=False)
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
        return found if self.problem is self.given else self._with_better(found)

    def _with_better(self, found: Certificate) -> Certificate:
        """Return a certificate that names the better clustering."""
        return replace(
            found,
            ending="solved" if found.ending == "proved" else found.ending,
            best_labels=labels_of_rows(self.problem, self.problem.labels, self.row_labels),
            best_inertia=self._in_units(self.problem.upper),
        )

    def _in_units(self, upper: float) -> float:
        return self.problem.points.in_units(upper, up=True)


def stages_of(method: str, problem: Problem) -> list[Stage]:
    """Return the methods to take, in their order; none where every point may have a cluster."""
    if problem.points.n <= problem.k:
        return []
    if method != "auto":
        return [Stage(method)]
    few, small = problem.points.n <= LARGEST, problem.points.n <= SMALL
    steps = Stage("exact" if small else "peng-wei" if few else "blocks")
    closed = Stage("closed-form", 0.3 if few else 0.7)
    if _dimension(problem.points) > PLACES:
        return [Stage("principal"), closed, steps, Stage("location")]
    closed = Stage("closed-form", 0.3)
    return [Stage("principal"), Stage("location", 0.6), closed, steps, Stage("location")]


def _dimension(points: Points) -> float:
    """Return how many columns matter, after rotation: ``(Σλ)²/Σλ²`` of the covariance."""
    weighted = points.values * np.sqrt(points.weights)[:, None]
    narrow = weighted.T if points.d <= points.n else weighted
    return float(np.square(weighted).sum() ** 2 / np.square(narrow @ narrow.T).sum())
