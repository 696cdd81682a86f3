"""A search for the best clusters: rounds of local searches from offspring of the best so far."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial

import numpy as np
from numpy.random import RandomState

from cofactor.data.base import Floats
from cofactor.search.descent import Descent, Start
from cofactor.search.found import Found, Optimum
from cofactor.search.population import Population, crossed, relocated
from cofactor.stop import TimeLimit
from cofactor.trace import Callback, Trace

SIZE = 4  # of the population
TRIALS = 4  # rows that a mean might move to
CROSSED = 0.2  # of the offspring have two parents
PATIENCE = 512  # local searches without a gain, after which a search ends
GAIN = 1e-12  # of the inertia: less is none

Draw = Callable[[RandomState], Floats]


@dataclass(frozen=True)
class Budget:
    """How long a search goes on.

    Attributes
    ----------
    most : int
        Rounds after the first.
    limit : TimeLimit
        Seconds; what was found by then is kept.
    callbacks : sequence of callable
        Each is called with every round; returning True stops.
    patience : int
        Local searches in a row that find nothing better, after which a search has converged.
    """

    most: int
    limit: TimeLimit = field(default_factory=lambda: TimeLimit(np.inf))
    callbacks: Sequence[Callback] = ()
    patience: int = PATIENCE

    def left(self, trace: Trace) -> TimeLimit:
        """Return what is left of the time since a trace began."""
        return TimeLimit(self.limit.limit - (time.perf_counter() - trace.started))

    def asked(self, trace: Trace) -> bool:
        """Tell the callbacks of the last round, and return whether one wants to stop."""
        answers = [callback(trace[-1]) for callback in self.callbacks]
        return any(answer is True for answer in answers)


def search(
    descent: Descent,
    draw: Draw,
    rng: RandomState,
    objective: Callable[[float], float],
    budget: Budget,
) -> Found:
    """Search for the clusters of least inertia among many optima [Gribel & Vidal 2019].

    The first round has starts that are drawn; each further one offspring of the best optima.
    Offspring have the means of one parent, or those of two on either side of a random plane; one
    mean is then moved to a row far from the others. All offspring of a round descend from the same
    population, so that threads do not matter.

    Parameters
    ----------
    descent : Descent
    draw : callable
        ``draw(rng)`` returns the means of a start.
    rng : RandomState
    objective : callable
        Minus the free energy of clusters with some inertia, for the trace.
    budget : Budget
    """
    population, trace = Population(SIZE), Trace(n_entries=descent.data.n_entries)
    best, idle = np.inf, 0
    for number in range(budget.most + 1):
        starts = _starts(population, descent, draw, rng)
        population.add(descent.descend(starts, budget.left(trace), best))
        before, best = best, population.best.inertia
        idle = 0 if best < before * (1.0 - GAIN) else idle + len(starts)
        trace.record(objective(best), None, np.inf, len(starts))
        converged = idle >= budget.patience or _is_least(population.best)
        late = budget.limit(trace) or number == budget.most
        if budget.asked(trace) or converged or late:
            break
    return Found(population.best, trace, converged)


def _is_least(optimum: Optimum) -> bool:
    """Return whether it is plain that nothing can be better."""
    return optimum.inertia <= 0.0 or len(optimum.means) == 1


def _starts(population: Population, descent: Descent, draw: Draw, rng: RandomState) -> list[Start]:
    """Return the starts of a round."""
    if not population.optima:
        drawn = [draw(rng).astype(float) for _ in range(descent.at_once)]
        return [partial(np.copy, means) for means in drawn]
    return [_offspring(population, descent, rng) for _ in range(descent.at_once)]


def _offspring(population: Population, descent: Descent, rng: RandomState) -> Start:
    """Return what makes an offspring; all that is random is drawn at once."""
    means = population.parent(rng).means
    if rng.random_sample() < CROSSED:
        means = crossed(means, population.parent(rng).means, rng)
    return partial(relocated, means, rng.random_sample(1 + TRIALS).tolist(), descent)
