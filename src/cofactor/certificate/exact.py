"""Small instances solved: branch and bound on the strengthened relaxation."""

from __future__ import annotations

import heapq
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count

import numpy as np

from cofactor.certificate.clock import Clock
from cofactor.certificate.peng_wei import EACH, LARGEST, PAUSE, ROUND, SLOW
from cofactor.certificate.problem import Problem
from cofactor.certificate.saddle import Saddle
from cofactor.certificate.subproblem import Subproblem, root

FEW = 8  # groups up to which all their partitions are compared


@dataclass(frozen=True)
class Effort:
    """How long a subproblem is worked at before it is branched upon.

    Attributes
    ----------
    steps : int
        Between two bounds, once there are inequalities.
    ahead : float
        Rounds like the last one within which the rest should be gained.
    least : int
        Rounds that are taken in any case.
    """

    steps: int
    ahead: float
    least: int


WHOLE = Effort(steps=ROUND, ahead=20.0, least=12)  # of all clusterings
PART = Effort(steps=PAUSE, ahead=6.0, least=6)


def exact_bounds(problem: Problem, clock: Clock) -> Iterator[float]:
    """Yield rising bounds that end at the optimum, if there is time enough.

    Two groups of points that are together in part are either linked, which makes one group of
    them, or held apart [as in SOS-SDP: Piccialli, Sudoso & Wiegele 2022]. The subproblem of the
    least bound goes first. It is bounded by steps with inequalities, which go on from its parent's
    multipliers, and is done with once its bound reaches the clustering known. The optimum is at
    least the least bound of all subproblems, open or done with, at any moment.

    Parameters
    ----------
    problem : Problem
        The better its clustering, the sooner subproblems are done with.
    clock : Clock
    """
    if 1 < problem.k < problem.points.n <= LARGEST:
        for bound in Tree(problem, clock).run():
            yield problem.points.lower(bound)


class Tree:
    """Subproblems that together hold every clustering.

    Parameters
    ----------
    problem : Problem
    clock : Clock

    Attributes
    ----------
    nodes : int
        How many subproblems there were.
    """

    def __init__(self, problem: Problem, clock: Clock) -> None:
        self.nodes = 0
        self._clock = clock
        self._enough = problem.upper * (1.0 - 0.5 * problem.tolerance)
        self._done = np.inf  # the least bound of subproblems that are done with
        self._open: list[tuple[float, int, Subproblem]] = []
        self._numbers = count()
        self._push(root(problem))

    def run(self) -> Iterator[float]:
        """Yield what the optimum is at least, in the points' unit."""
        while self._open and not self._clock.over and self._open[0][0] < self._enough:
            _, number, node = heapq.heappop(self._open)
            for bounded in self._tightened(node, PART if number else WHOLE):
                node = bounded
                yield self._least(node.bound)
            if self._clock.over or node.bound >= self._enough:
                heapq.heappush(self._open, (node.bound, number, node))
            else:
                self._branch(node)
        yield self._least()

    def _least(self, bound: float = np.inf) -> float:
        """Return the least bound of all subproblems and of one more."""
        waiting = self._open[0][0] if self._open else np.inf
        least = min(self._done, waiting, bound)
        return least if least < np.inf else 0.0

    def _branch(self, node: Subproblem) -> None:
        pair = node.most_divided()
        for child in (node.linked(*pair), node.parted(*pair)):
            settled = child.settled()
            if settled is not None:
                self._push(settled)

    def _push(self, node: Subproblem) -> None:
        """Take in a subproblem, solved at once if few groups are left."""
        self.nodes += 1
        if node.size <= max(FEW, node.k):
            self._done = min(self._done, max(node.optimum(), node.bound))
        else:
            heapq.heappush(self._open, (node.bound, next(self._numbers), node))

    def _tightened(self, node: Subproblem, effort: Effort) -> Iterator[Subproblem]:
        """Yield the subproblem with better and better bounds, while that seems worth it."""
        saddle, before = node.saddle(), node.bound
        for number in count():
            node = self._taken(node, saddle.bound(), saddle)
            yield node
            missing, gain = self._enough - node.bound, node.bound - before
            slow = number > 2 and gain * effort.ahead < missing
            if missing <= 0 or self._clock.over or (slow and number >= effort.least):
                return
            before = node.bound
            tight = len(saddle.inequalities) > 0
            if tight or gain < SLOW * missing:
                saddle.tighten(EACH * node.size)
            for _ in range(effort.steps if tight else PAUSE):
                saddle.step()

    def _taken(self, node: Subproblem, bound: float, saddle: Saddle) -> Subproblem:
        """Return the subproblem with a new bound, less the pairs that are too dear together."""
        node = node.improved(saddle, bound)
        dear = node.too_dear(bound, self._enough)
        if not dear.any():
            return node
        self._done = min(self._done, self._enough)
        saddle.free(dear)
        return node.without(dear)
