"""The scale of components under penalties: codes times as much, and components less by that.

Means stay as they are, and so does the likelihood. Steps of one factor at a time are slow to find
the scale, as each is held where the other is.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import chain
from typing import TYPE_CHECKING, Any

import numpy as np

from cofactor.codes.linear import LinearState
from cofactor.codes.steps import Point
from cofactor.data import RowBlock, of_parts
from cofactor.data.base import Array, Floats
from cofactor.engine import Additive
from cofactor.engine.tree import pairwise_sum
from cofactor.noise.penalty import Penalty

if TYPE_CHECKING:
    from cofactor.codes.nonnegative import Nonnegative

STEPS = 50
LONGEST = 1.0  # step, of the logarithm of a scale
SETTLED = 1e-8
WORTHWHILE = 0.05  # change of a scale: Hessians that follow are read and written


@dataclass(frozen=True)
class Charge(Additive):
    """What a factor is charged for each component: ``linear + square − log·Σ log z``.

    Times ``exp(t)`` it is charged ``linear exp(t) + square exp(2t) − log·t``, and what it was
    charged for its logarithms.

    Attributes
    ----------
    linear, square, log : ndarray of shape (k,)
    """

    linear: Floats
    square: Floats
    log: Floats

    @classmethod
    def of(cls, penalty: Penalty, factor: Floats, weights: Floats) -> Charge:
        """Return the charge of a factor (n, k) whose rows have weights (n,)."""
        return cls(
            penalty.l1 * (weights @ factor),
            0.5 * penalty.l2 * (weights @ np.square(factor)),
            np.full(factor.shape[1], penalty.log * weights.sum()),
        )

    @property
    def grows(self) -> Array:
        """Whether charges grow beyond all bounds with the factor, shape (k,)."""
        return np.asarray(self.linear + self.square > 0)

    def at(self, t: Floats) -> Floats:
        """Return the charge of the factor times ``exp(t)``, but for a constant."""
        return self.linear * np.exp(t) + self.square * np.exp(2.0 * t) - self.log * t

    def slope(self, t: Floats) -> Floats:
        """Return the derivative by ``t``."""
        return self.linear * np.exp(t) + 2.0 * self.square * np.exp(2.0 * t) - self.log

    def bend(self, t: Floats) -> Floats:
        """Return the second derivative, which is never below 0."""
        return self.linear * np.exp(t) + 4.0 * self.square * np.exp(2.0 * t)


def best_scales(codes: Charge, components: Charge) -> Floats:
    """Return what codes should be multiplied, and components divided by, shape (k,).

    The least of a convex function of the logarithm, by Newton steps; 1 where there is none, as
    where only one factor is charged, or nothing is gained.
    """
    t = np.zeros_like(codes.linear)
    for _ in range(STEPS):
        slope = codes.slope(t) - components.slope(-t)
        bend = codes.bend(t) + components.bend(-t)
        step = np.clip(slope / np.where(bend > 0, bend, 1.0), -LONGEST, LONGEST)
        t -= step
        if np.abs(step).max() <= SETTLED:
            break
    bounded = codes.grows | (components.log > codes.log)
    bounded &= components.grows | (codes.log > components.log)
    gained = codes.at(t) + components.at(-t) < codes.at(0.0 * t) + components.at(0.0 * t)
    return np.exp(np.where(bounded & gained, t, 0.0))


def balanced(
    codes: Nonnegative, noise: Any, here: Point, behind: Sequence[Floats]
) -> tuple[Point, Sequence[Floats]]:
    """Return a point with its components at their best scales, and codes of the past at the same.

    Parameters
    ----------
    codes : Nonnegative
        With the penalties of both factors.
    noise : NonnegativeNoise
    here : Point
        Whose objective is known for the codes in the row states.
    behind : sequence of ndarray
        Earlier codes of every block; may be empty.
    """
    scales = _scales(codes, here)
    if np.abs(scales - 1.0).max() < WORTHWHILE:
        return here, behind
    params = replace(here.params, components=here.params.components / scales[:, None])
    states = here.rows.gather(lambda block, state: _scaled(state, scales))
    for memory in here.rows.column_states:
        if memory is not None:
            memory.rescale(1.0 / scales)
    rows = replace(here.rows, states=states)
    charged = rows.gather(lambda block, state: codes.penalty.of_all(block, state.codes))
    statistics = replace(here.statistics, penalty=pairwise_sum(charged))
    objective = codes.objective(noise, statistics, params)
    return Point(params, rows, statistics, objective), [past * scales for past in behind]


def _scales(codes: Nonnegative, here: Point) -> Floats:
    """Return the best scales of the codes at a point, shape (k,)."""

    def charge(part: RowBlock, own: Floats) -> Charge:
        return Charge.of(codes.penalty, own, part.weights)

    each = here.rows.gather(lambda block, state: of_parts(block, charge, state.codes))
    of_codes = pairwise_sum(list(chain.from_iterable(each)))
    columns = here.params.components.T
    of_components = Charge.of(codes.components_penalties, columns, np.ones(len(columns)))
    return best_scales(of_codes, of_components)


def _scaled(state: LinearState, scales: Floats) -> LinearState:
    if state.memory is not None:
        state.memory.rescale(scales)
    ahead = None if state.ahead is None else state.ahead * scales
    return replace(state, codes=state.codes * scales, ahead=ahead)
