"""A search for the best mixture: two components become one, another becomes two."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, NamedTuple, cast

import numpy as np
from numpy.random import RandomState

from cofactor.codes import OneHot
from cofactor.codes.onehot import maximize
from cofactor.codes.posterior import Full
from cofactor.codes.refill import moments_of
from cofactor.data import RowBlock, Rows
from cofactor.data.base import Floats
from cofactor.errors import InputError
from cofactor.fit import Fit, fit
from cofactor.noise import MixtureNoise, Params
from cofactor.noise.base import Moments, Scorer
from cofactor.search.descent import MOST, Prospect
from cofactor.search.loop import Budget
from cofactor.search.mergers import merger_costs
from cofactor.search.soundness import judged
from cofactor.search.splits import Split, belonging, split_of
from cofactor.stop import SmallGain, Stop, TimeLimit
from cofactor.trace import Trace

TRIALS = 8  # moves of a round
BIAS = 3.0  # 1 would try all moves alike
STALE = 16  # moves in a row that fail, after which a search begins anew from a fresh start
PATIENCE = 256  # that find nothing better, after which it has converged
GAIN = 1e-10  # of the objective: less is none

Begin = Callable[[TimeLimit], Fit]


class Move(NamedTuple):
    """Two components to merge, and one to split: the second takes a half of it."""

    first: int
    second: int
    split: int


class Ledger:
    """What every move from a mixture would gain before EM goes on.

    With posteriors held, merging two components costs what :func:`merger_costs` says, splitting
    another gains what :func:`split_of` does; moves are ranked by the difference.

    Parameters
    ----------
    found : Fit
    rng : RandomState
        Draws where splits begin.
    """

    def __init__(self, found: Fit, rng: RandomState) -> None:
        self._found = found
        self._noise = cast(MixtureNoise, found.model.noise)
        self._posterior = found.rows.gather(partial(_posterior, self._noise.scorer(found.params)))
        self._splits = self._made(rng.random_sample((found.params.n_components, 2)))
        costs = merger_costs(self._noise, found.statistics.moments, found.params)
        self._moves = self._ranked(costs)

    def drawn(self, rng: RandomState) -> list[Move]:
        """Return the best move, and some that are drawn: the better, the likelier."""
        if not self._moves:
            return []
        places = len(self._moves) * rng.random_sample(TRIALS - 1) ** BIAS
        return [self._moves[int(place)] for place in [0, *places]]

    def start(self, move: Move) -> Params:
        """Return the parameters that fit the posterior after a move best: one M-step."""
        found, split = self._found, cast(Split, self._splits[move.split])
        step = partial(self._moved, move, self._noise.scorer(split.params))
        parts = found.rows.engine.map(
            step, list(zip(found.rows.blocks, found.rows.states, self._posterior, strict=True))
        )
        return maximize(
            self._noise,
            sum(parts[1:], parts[0]),
            found.params,
            cast(OneHot, found.model.codes).learn_weights,
        )

    def _moved(self, move: Move, halves: Scorer, part: tuple[RowBlock, Any, Floats]) -> Moments:
        """Return the moments of a block's rows under the posterior after a move."""
        block, state, before = part
        own, after = before[move.split], before.copy()
        after[move.first] += after[move.second]
        shares = halves.posterior(block, own, state.cached).probability
        after[move.split], after[move.second] = shares
        return moments_of(self._noise, self._found.params, block, Full(after), state.cached)

    def _made(self, chances: Floats) -> list[Split | None]:
        """Return a split of each component, if there is one."""
        blocks, params = self._found.rows.blocks, self._found.params

        def made(component: int) -> Split | None:
            parts = belonging(blocks, self._posterior, component)
            return split_of(self._noise, params, component, parts, chances[component])

        return self._found.rows.engine.map(made, range(params.n_components))

    def _ranked(self, costs: Floats) -> list[Move]:
        """Return all moves, the most promising first."""
        gains = np.array([-np.inf if split is None else split.gain for split in self._splits])
        first, second = np.triu_indices(len(gains), 1)
        promise = gains - costs[first, second][:, None]
        pairs = np.arange(len(first))
        promise[pairs, first] = promise[pairs, second] = -np.inf
        order = np.argsort(-promise, axis=None, kind="stable")
        order = order[np.isfinite(promise.flat[order])]
        pair, split = np.divmod(order, len(gains))
        return list(map(Move, first[pair].tolist(), second[pair].tolist(), split.tolist()))


@dataclass
class Course:
    """Where a search stands.

    Attributes
    ----------
    best, current : Fit
        The best mixture so far; the one that moves start from.
    failed, idle : int
        Moves in a row that did not make the current one better, or the best one.
    """

    best: Fit
    current: Fit
    failed: int = 0
    idle: int = 0

    def take(self, trial: Fit | None) -> bool:
        """Take in what a move led to, and return whether it is better than where it began."""
        better = trial is not None and is_better(trial, self.current)
        self.failed, self.idle = (0 if better else self.failed + 1), self.idle + 1
        if trial is not None and better:
            self.current = trial
            self._remember()
        return better

    def begin_anew(self, start: Fit | None) -> None:
        """Go on from a fresh start, if there is one."""
        self.current, self.failed, self.idle = start or self.current, 0, self.idle + 1
        self._remember()

    def give_up(self) -> None:
        """Ask for a fresh start: there are no moves."""
        self.failed = STALE

    def _remember(self) -> None:
        if is_better(self.current, self.best):
            self.best, self.idle = self.current, 0


def is_better(trial: Fit, known: Fit) -> bool:
    """Return whether a mixture has a better likelihood, and owes none of it to a few rows."""
    enough = GAIN * abs(known.objective)
    gains = trial.objective < known.objective - enough
    return gains and judged(trial).is_below(judged(known))


def best_mixture(begin: Begin, tol: float, rng: RandomState, budget: Budget) -> Fit:
    """Search for the mixture of greatest likelihood among many optima [Ueda et al. 2000].

    Each round tries a few moves of the current mixture: the one that promises most, and others
    that are drawn. EM goes on from each until it gains little, or has no prospect of passing the
    current mixture. The first that ends better is kept. After many failures the search begins anew
    from a fresh start, and the best of all mixtures is returned, whatever ends the search: also
    KeyboardInterrupt, once there is one.

    Parameters
    ----------
    begin : callable
        ``begin(limit)`` fits a mixture from a fresh start.
    tol : float
        EM after a move ends where the mean lower bound of a row gains less, in nats.
    rng : RandomState
    budget : Budget
        ``most`` rounds.

    Returns
    -------
    Fit
        Its trace has an iteration for every round: the objective of the best so far, and the
        number of times that EM was run as evaluations. Converged if nothing better was found for
        long.
    """
    start = begin(budget.limit)
    course, trace = Course(start, start), Trace(n_entries=start.trace.n_entries)
    trace.started = start.trace.started
    trace.record(start.objective, None, np.inf, 1)
    with suppress(KeyboardInterrupt):
        while not (budget.asked(trace) or _is_over(course, trace, budget)):
            tried = _round(course, begin, tol, rng, budget, trace)
            trace.record(course.best.objective, None, np.inf, tried)
    return replace(course.best, trace=trace, converged=_is_settled(course))


def _is_settled(course: Course) -> bool:
    return course.idle >= PATIENCE or course.best.params.n_components == 1


def _is_over(course: Course, trace: Trace, budget: Budget) -> bool:
    return _is_settled(course) or budget.limit(trace) or len(trace) > budget.most


def _round(
    course: Course, begin: Begin, tol: float, rng: RandomState, budget: Budget, trace: Trace
) -> int:
    """Try moves until one is kept; return how many were tried."""
    if course.failed >= STALE:
        course.begin_anew(_unless_singular(partial(begin, budget.left(trace))))
        return 1
    ledger = Ledger(course.current, rng)
    moves = ledger.drawn(rng)
    for number, move in enumerate(moves, 1):
        limit = budget.left(trace)
        if limit.limit <= 0 or course.take(_refitted(course.current, ledger, move, tol, limit)):
            return number
    if not moves:  # such as with two components
        course.give_up()
    return len(moves)


def _refitted(found: Fit, ledger: Ledger, move: Move, tol: float, limit: TimeLimit) -> Fit | None:
    """Return what EM makes of a move, None if a covariance becomes singular."""
    rows: Rows[Any] = found.rows
    small = SmallGain(tol * float(rows.weights.sum()))
    prospect = Prospect(found.objective)
    stop = Stop(MOST, (small, limit))

    def refit() -> Fit:
        return fit(found.model, rows, ledger.start(move), stop, [prospect.is_gone])

    return _unless_singular(refit)


def _unless_singular(made: Callable[[], Fit]) -> Fit | None:
    """Return a fit, None if a covariance becomes singular."""
    try:
        return made()
    except InputError:
        return None


def _posterior(scorer: Scorer, block: RowBlock, state: Any) -> Floats:
    return scorer.posterior(block, block.weights, state.cached).probability
