"""Bounds from samples of the points: true with a chosen probability, at any number of points."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count

import numpy as np

from cofactor.certificate.blocks import ENTRIES, SIZE, part
from cofactor.certificate.clock import Clock
from cofactor.certificate.low_rank import closed_form_bounds, factor_width
from cofactor.certificate.peng_wei import peng_wei_bounds
from cofactor.certificate.points import Points
from cofactor.certificate.problem import Problem
from cofactor.certificate.rounding import growth

CLOSE = 0.05  # gap of a trial below which closed forms are taken to suffice
SHARE = 1.0 / 8.0  # of the time, for one sample that is bounded by steps
SAFE = 1.0 - 1e-9  # far more than the rounding of what follows from the bounds


def sketch_bounds(problem: Problem, clock: Clock) -> Iterator[float]:
    """Yield bounds that hold with the problem's confidence, all of them together.

    Points drawn with replacement by their weight cost, about the best centers of all points, a mean
    whose expectation is ``J*/Σw``; their own optimum is no larger [after Mixon & Xie 2020; Clum,
    Mixon, Villar & Xie 2022]. So a mean of rigorous bounds of samples that exceeds ``J*/Σw`` by
    much is improbable: costs lie between 0 and ``b = diam²``, and N of them have a mean of m or
    more with a probability of at most ``exp(−N KL(m/b ‖ μ/b))`` [Hoeffding 1963]. After 1, 2, 4, …
    samples that is used with a half, a quarter, … of the doubt.

    Parameters
    ----------
    problem : Problem
    clock : Clock
    """
    points, rng = problem.points, np.random.default_rng(problem.seed)
    if not 1 < problem.k < points.n:
        return
    size = int(np.clip(ENTRIES // factor_width(problem), 1, 20_000))
    trial = drawn(problem, size, rng)
    steps = max(closed_form_bounds(trial, clock), default=0.0) < (1.0 - CLOSE) * trial.upper
    size = min(size, SIZE) if steps else size
    mass, widest = float(points.weights.sum()), diameter(points) ** 2
    total, stage = 0.0, 0
    for number in count(1):
        total += _bound(drawn(problem, size, rng), clock, steps=steps)
        if number == 1 << stage:
            stage += 1
            doubt = (1.0 - problem.confidence) * 0.5**stage
            mean = total / (number * size)
            share = least_mean(mean / widest, number * size, doubt)
            yield mass * widest * share * SAFE * (1.0 - 4.0 * points.weight_precision)
        if clock.over:
            return


def drawn(problem: Problem, size: int, rng: np.random.Generator) -> Problem:
    """Return a sample of the points, drawn with replacement by weight, each of weight 1."""
    points = problem.points
    rows = rng.choice(points.n, size, p=points.weights / points.weights.sum())
    rows, times = np.unique(rows, return_counts=True)
    return part(problem, rows, times.astype(float))


def diameter(points: Points) -> float:
    """Return at least the distance of any two points of the data."""
    radius = 2.0 * float(np.linalg.norm(points.values, axis=1).max())
    box = float(np.linalg.norm(np.ptp(points.values, axis=0)))
    return min(radius, box) * (1.0 + 4.0 * growth(points.d + 8)) + 2.0 * points.doubt


def least_mean(mean: float, draws: int, doubt: float) -> float:
    """Return the least expectation under which such a mean is not too improbable.

    Parameters
    ----------
    mean : float
        Of independent numbers between 0 and 1.
    draws : int
        How many.
    doubt : float
        The largest probability of being wrong.
    """
    low, high, limit = 0.0, min(mean, 1.0), -np.log(doubt) / draws
    for _ in range(100):
        middle = 0.5 * (low + high)
        if _divergence(mean, middle) > limit:
            low = middle
        else:
            high = middle
    return low


def _divergence(mean: float, expected: float) -> float:
    """Return ``KL(m ‖ μ) = m log m/μ + (1 − m) log (1 − m)/(1 − μ)``."""
    if not 0.0 < expected < 1.0:
        return 0.0 if mean <= expected else np.inf
    rest = (1.0 - mean) * np.log1p((expected - mean) / (1.0 - expected)) if mean < 1.0 else 0.0
    return float((mean * np.log(mean / expected) if mean > 0.0 else 0.0) + rest)


def _bound(sample: Problem, clock: Clock, *, steps: bool) -> float:
    """Return the best bound of a sample."""
    best = 0.0
    for bound in closed_form_bounds(sample, clock):
        best = max(best, bound)
        if best >= sample.target:
            return best
    share = clock.part(SHARE * clock.limit)
    for bound in peng_wei_bounds(sample, share) if steps else ():
        best = max(best, bound)
        if share.over or best >= sample.target:
            break
    return best
