"""A better clustering than the one given, if a short search meets one."""

from __future__ import annotations

from dataclasses import replace
from typing import cast

import numpy as np
from numpy.random import RandomState

from cofactor.certificate.clock import Clock
from cofactor.certificate.problem import Problem
from cofactor.data import DenseRows, open_blocks, open_rows
from cofactor.data.base import Floats, Labels
from cofactor.engine import SerialEngine
from cofactor.lloyd import Whole
from cofactor.noise import Gaussian
from cofactor.search import Budget
from cofactor.search.descent import descent_of
from cofactor.search.loop import search
from cofactor.start import GreedyRows, from_means
from cofactor.stop import TimeLimit

ROUNDS = 40  # of local searches
SHARE = 0.1  # of the time
GAIN = 1e-9  # of the inertia: less is none


def with_better_clustering(problem: Problem, row_labels: Labels, clock: Clock) -> Problem:
    """Return the problem with the best clustering that a short search meets.

    Bounds are sharper and searches shorter where they begin at a better clustering.

    Parameters
    ----------
    problem : Problem
    row_labels : ndarray of shape (N,)
        Of the data's rows, of which those without weight keep theirs.
    clock : Clock
    """
    if not problem.upper > 0:
        return problem
    points = problem.points
    labels = _searched(problem, clock)
    upper = points.upper(labels_of_rows(problem, labels, row_labels))
    if upper >= problem.upper * (1.0 - GAIN):
        return problem
    return replace(problem, labels=labels, upper=upper)


def labels_of_rows(problem: Problem, labels: Labels, row_labels: Labels) -> Labels:
    """Return labels of the data's rows, given those of points."""
    place = problem.points.rows
    return np.where(place >= 0, labels[place], row_labels).astype(np.int32)


def _searched(problem: Problem, clock: Clock) -> Labels:
    values, weights, k = problem.points.values, problem.points.weights, problem.k
    blocks = open_blocks(values, weights)
    choose = GreedyRows(values, k, weights, n_threads=1)

    def draw(rng: RandomState) -> Floats:
        return values[choose(rng)]

    data = Whole(cast(DenseRows, open_rows(values, weights)), blocks, SerialEngine())
    params = from_means(Gaussian(), blocks, np.zeros((k, values.shape[1])))
    budget = Budget(ROUNDS, TimeLimit(SHARE * clock.left))
    rng = RandomState(problem.seed)
    return search(descent_of(data, params), draw, rng, float, budget).best.labels
