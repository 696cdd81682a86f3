"""The location bound: no cluster, wherever it lies, is worth more than the best place."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from math import fsum

import numpy as np

from cofactor.certificate.boxes import BoxSearch
from cofactor.certificate.clock import Clock
from cofactor.certificate.heights import Cuts, first_heights
from cofactor.certificate.problem import Problem
from cofactor.certificate.rotation import along_principal_axes
from cofactor.certificate.rounding import UNIT
from cofactor.certificate.terrain import Terrain
from cofactor.data.base import Floats
from cofactor.lazy import lazy

STARTS = 300  # most points to climb from, in each round
WORK = 1 << 24  # points times columns that a step of all of them may look at
LOOK = 1 << 22  # points times columns that climbs between two looks at the clock may step on
KEPT = 100  # places to climb from again
TINY = float(np.finfo(float).tiny)
PATIENCE = 50  # places above the level that a search for more may find
IDLE = 3  # rounds without a new cut or level, after which there will be none
PROJECTION = 1 << 27  # points of all cuts that a projection may look at, all sweeps together
RATE = 1e8  # of them in a second, at least


@dataclass(frozen=True)
class Ledger:
    """What heights are worth: ``Σ_j w_j h_j − k U``, less what rounding could have added.

    Every cluster C has ``Σ_C w_j (h_j − ‖x_j − μ‖²) ≤ f(μ) ≤ U``; add that up over k clusters.

    Attributes
    ----------
    terrain : Terrain
    k : int
    """

    terrain: Terrain
    k: int

    @lazy
    def total(self) -> float:
        """At most the sum of the weighted heights."""
        products = self.terrain.weights * self.terrain.heights
        return fsum(products) - 2.0 * UNIT * fsum(np.abs(products))

    @lazy
    def _doubt(self) -> float:
        return self.terrain.doubt

    def worth(self, most: float) -> float:
        """Return the bound, given at least the computed value of every place."""
        ceiling = self.k * (most + self._doubt) * (1.0 + 4.0 * UNIT)
        return self.total - ceiling - 4.0 * UNIT * (abs(self.total) + ceiling)

    def ceiling(self, worth: float) -> float:
        """Return how much places may be worth for the bound to be this."""
        return (self.total - worth) / self.k - 1.1 * self._doubt


def location_bounds(problem: Problem, clock: Clock) -> Iterator[float]:
    """Yield rising location bounds; none needs the clustering to be good.

    Parameters
    ----------
    problem : Problem
    clock : Clock
    """
    if problem.k > 1:
        climb = LevelClimb(problem, clock)
        for bound in climb.run():
            yield climb.points.lower(bound)


class LevelClimb:
    """Heights that climb to a level, as far as sets of points allow.

    Each round looks for places worth more than the level permits. Their points are cuts; heights
    are moved as little as possible to where all cuts are met [level method: Lemaréchal, Nemirovski
    & Nesterov 1995]. Where no such place is met, boxes prove what the heights are worth.

    Parameters
    ----------
    problem : Problem
    clock : Clock
    """

    def __init__(self, problem: Problem, clock: Clock) -> None:
        self.points = along_principal_axes(problem.points)
        self._problem, self._clock = replace(problem, points=self.points), clock
        self._slack = problem.upper * problem.tolerance
        self._top = problem.upper - 0.5 * self._slack
        values, weights = self.points.values, self.points.weights
        filled = np.flatnonzero(problem.counts > 0)
        self._cuts = Cuts(values, weights, problem.k)
        self._cuts.add(problem.labels == cluster for cluster in filled)
        means = self._problem.means[filled]
        count = int(np.clip(WORK // values.size, 1, min(STARTS, len(values))))
        some = np.random.default_rng(0).choice(len(values), count, replace=False)
        self._starts = np.concatenate([means, values[some]])
        self._kept = self._starts[:0]
        self._proved = self._tried = -np.inf

    def run(self) -> Iterator[float]:
        """Yield bounds in the unit of :attr:`points`."""
        ledger = best = self._ledger(first_heights(self._problem))
        level = barrier = self._top
        best_worth, idle = -np.inf, 0
        while not self._clock.over and idle < IDLE:
            before = len(self._cuts), level
            worth, fresh = self._look_around(ledger, level)
            if worth > best_worth:
                best, best_worth = ledger, worth
            if not fresh or self._is_promising(best_worth):
                yield from self._prove(best)
                best_worth = min(best_worth, self._tried)
            if self._proved >= self._problem.target:
                return
            if best_worth > level - 0.05 * self._slack:
                level = 0.5 * (best_worth + barrier)
            moved = self._moved(ledger, level)
            if moved is None:  # no heights reach this level
                barrier, level, moved = level, 0.5 * (best_worth + level), best
            if barrier - best_worth < 0.1 * self._slack:
                break
            ledger = moved
            idle = idle + 1 if before == (len(self._cuts), level) else 0
        yield from self._prove(best)

    def _ledger(self, heights: Floats) -> Ledger:
        return Ledger(Terrain(self.points.values, self.points.weights, heights), self._problem.k)

    def _look_around(self, ledger: Ledger, level: float) -> tuple[float, int]:
        """Climb from many places; return what heights seem to be worth, and how many cuts are new.

        The places that the level does not permit become cuts.
        """
        places, values = self._climbed(ledger.terrain)
        _, distinct = np.unique(
            np.round(values / max(float(values.max()), TINY), 11), return_index=True
        )
        order = distinct[np.argsort(-values[distinct], kind="stable")][:KEPT]
        self._kept = places[order]
        above = order[values[order] > ledger.ceiling(level) * (1.0 + 1e-12)]
        fresh = self._cuts.add(ledger.terrain.within(places[above]))
        return ledger.worth(float(values.max())), fresh

    def _climbed(self, terrain: Terrain) -> tuple[Floats, Floats]:
        """Return where places lead to, and the values; of the first places if time is over."""
        places = np.concatenate([self._starts, self._kept])
        step = max(LOOK // terrain.values.size // 2, 1)
        climbed = []
        for start in range(0, len(places), step):
            climbed.append(terrain.ascend(places[start : start + step]))
            if self._clock.over:
                break
        tops, values = zip(*climbed, strict=True)
        return np.concatenate(tops), np.concatenate(values)

    def _is_promising(self, worth: float) -> bool:
        """Return whether a proof would raise what is proved by much of what is missing."""
        known = max(self._proved, 0.0)
        return worth > known + 0.5 * (self._problem.upper - known)

    def _prove(self, ledger: Ledger) -> Iterator[float]:
        """Bound what heights are worth; places better than those known become cuts."""
        _, values = self._climbed(ledger.terrain)
        found = float(values.max())
        missing = self._problem.upper - ledger.worth(found)
        margin = max(0.2 * self._slack, 0.1 * missing) / self._problem.k
        wanted = ledger.ceiling(self._problem.target)
        search = BoxSearch(ledger.terrain, wanted, found, margin)
        for _ in search.run():
            bound = ledger.worth(search.most)
            if bound > self._proved:
                self._proved = bound
                yield bound
            if self._clock.over or len(search.places) >= PATIENCE:
                break
        self._tried = ledger.worth(search.found)
        bound = ledger.worth(search.most)
        if bound > self._proved:
            self._proved = bound
            yield bound
        if search.places:
            self._cuts.add(ledger.terrain.within(np.array(search.places)))

    def _moved(self, ledger: Ledger, level: float) -> Ledger | None:
        """Return the nearest heights that all cuts allow at a level, if they are found."""
        allowed = 1e-3 * max(level - self._tried, self._slack) / self._problem.k
        work = int(min(PROJECTION, RATE * self._clock.left))
        heights = self._cuts.project(ledger.terrain.heights, level, allowed, work)
        return None if heights is None else self._ledger(heights)
