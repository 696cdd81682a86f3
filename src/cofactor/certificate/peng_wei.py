"""The bound of Peng and Wei's relaxation: closed-form multipliers, steps, and inequalities."""

from __future__ import annotations

from collections.abc import Iterator

from cofactor.certificate.clock import Clock
from cofactor.certificate.low_rank import closed_form_bounds
from cofactor.certificate.multiplier import Multipliers
from cofactor.certificate.problem import Problem
from cofactor.certificate.relaxation import Relaxation
from cofactor.certificate.saddle import Saddle

LARGEST = 2500  # points
PAUSE = 20  # steps between bounds
ROUND = 100  # steps between inequalities
EACH = 10  # inequalities to add in a round, for each point
TRIANGLES = 1 << 28  # most triples of near points that are looked at for inequalities
SLOW = 0.05  # of what is missing: a smaller gain calls for inequalities
IDLE = 5  # rounds that gain next to nothing, after which there will be none


def peng_wei_bounds(problem: Problem, clock: Clock) -> Iterator[float]:
    """Yield bounds of the relaxation [Peng & Wei 2007] that rise step by step.

    Parameters
    ----------
    problem : Problem
    clock : Clock
    """
    points, k = problem.points, problem.k
    if not 1 < k < points.n <= LARGEST:
        return
    multipliers, best, level = Multipliers(problem), -1.0, 0.0
    for bound, tried in zip(closed_form_bounds(problem, clock), multipliers.levels, strict=False):
        best, level = max((best, level), (bound, tried))
        yield bound
    if clock.over:
        return
    relaxation = Relaxation.of(points, k)
    saddle = Saddle(relaxation, multipliers.dense(level), problem.labels)
    for bound in _ascend(problem, saddle, best, clock):
        yield points.lower(bound)


def _ascend(problem: Problem, saddle: Saddle, best: float, clock: Clock) -> Iterator[float]:
    """Take steps, with inequalities once they alone gain little."""
    tight = problem.points.n**3 / problem.k**2 <= TRIANGLES
    idle, taken = 0, 0.0  # by a bound, in seconds
    while idle < IDLE and clock.left > taken:
        for _ in range(ROUND if len(saddle.inequalities) else PAUSE):
            saddle.step()
            if clock.left <= taken:
                break
        before = clock.seconds
        bound = saddle.bound()
        taken = clock.seconds - before
        yield bound
        missing, gain = problem.upper - best, bound - best
        best = max(best, bound)
        idle = idle + 1 if gain < 1e-4 * missing else 0
        if tight and (len(saddle.inequalities) or gain < SLOW * missing):
            saddle.tighten(EACH * problem.points.n)
