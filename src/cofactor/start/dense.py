"""Greedy seeding of dense rows: all are measured at first, then those that bounds leave.

Of all pairs of rows and candidates about ``HALF/s`` are closer than any of s seeds: a candidate
takes half of what belongs to a cluster. While these are many, measuring all rows one after the
other is sooner done than finding out which.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from cofactor import kernels
from cofactor.data.base import Array, Floats
from cofactor.engine import Engine
from cofactor.kernels import SEEDING_PANEL, board_for
from cofactor.start.ranges import enlarged, norms_in_range
from cofactor.start.screened import Screen, Steps

Integers = NDArray[np.int32]

HALF = 0.6
# In nanoseconds: measuring a row in turn takes so much for each of its bytes, and at least so much;
BYTE, LEAST = 0.0125, 0.8
# measuring one out of turn, and each of its bytes; excluding one; preparing the bounds of one.
PAIR, PAIR_BYTE = 25.0, 0.06
BOUND = 0.35
PREPARING, PREPARING_BYTE = 60.0, 2.0
WORK_PER_CALL = 1 << 32  # products between two looks at the clock


def plain_steps(row_bytes: int, k: int, trials: int) -> int:
    """Return at how many of k steps, the first ones, all rows are measured."""
    plain = max(LEAST, BYTE * row_bytes)
    measuring = HALF * (PAIR + PAIR_BYTE * row_bytes)  # in the first step
    first = int(np.ceil(measuring / (plain - BOUND)))
    if first >= k:
        return k
    bounded = measuring * np.log(k / first) + BOUND * (k - first)
    preparing = (PREPARING + PREPARING_BYTE * row_bytes) / trials
    return first if bounded + preparing < plain * (k - first) else k


@dataclass(frozen=True)
class DenseRows:
    """Dense rows that greedy k-means++ chooses from.

    Attributes
    ----------
    X : ndarray of shape (n, d)
        C-contiguous.
    weights : ndarray of shape (n,)
    n_plain : int
        How many seeds are chosen before bounds are looked at.
    screen : Screen or None
        The bounds; None if there are no steps with them.
    engine : Engine
    """

    X: Array
    weights: Floats
    n_plain: int
    screen: Screen | None
    engine: Engine

    @classmethod
    def of(cls, X: Array, k: int, trials: int, weights: Floats, engine: Engine) -> Self:
        """Prepare the choice of k rows, from so many candidates each.

        Raises
        ------
        InputError
            If squared distances overflow.
        """
        X = enlarged(X)
        n_plain = plain_steps(X.strides[0], k, trials)
        if n_plain < k:
            return cls(X, weights, n_plain, Screen.of(X, k, engine), engine)
        norms_in_range(X, X[0], engine)
        return cls(X, weights, k, None, engine)

    def greedy(self, first: int, uniforms: Floats) -> Integers:
        """Return the rows that greedy k-means++ chooses.

        Parameters
        ----------
        first : int
            The first row.
        uniforms : ndarray of shape (k - 1, trials)
            Random numbers, those of each further row.

        Returns
        -------
        ndarray of shape (k,)
            The last ones are -1 when all rows are copies of those before.
        """
        k, trials = len(uniforms) + 1, uniforms.shape[1]
        seeds = self._no_seeds(k)
        seeds["chosen"][0], seeds["uniforms"] = first, uniforms
        self._choose(self._plain_steps(trials), range(self.n_plain), seeds)
        if self.screen is not None:
            self._choose(self.screen.steps(trials), range(self.n_plain, k), seeds)
        return seeds["chosen"]

    def _no_seeds(self, k: int) -> dict[str, Any]:
        n = len(self.X)
        return {
            "X": self.X,
            "weights": self.weights,
            "closest": np.full(n, np.inf, dtype=self.X.dtype),
            "potentials": np.zeros(-(-n // SEEDING_PANEL)),
            "chosen": np.full(k, -1, dtype=np.int32),
        }

    def _plain_steps(self, trials: int) -> Steps:
        n_panels = -(-len(self.X) // SEEDING_PANEL)
        kernel = partial(
            kernels.seeding_plain,
            candidates=np.empty(trials, dtype=np.int32),
            offered=np.empty((trials, n_panels)),
            gains=np.empty((trials, n_panels)),
        )
        return Steps(kernel, 2 * self.X.size * trials)

    def _choose(self, steps: Steps, which: range, seeds: dict[str, Any]) -> None:
        """Make some steps, a few at a time, until all rows are copies of those chosen."""
        size = max(1, WORK_PER_CALL // max(1, steps.products))
        for start in which[::size]:
            stop = min(start + size, which.stop)
            board = board_for(self.engine.helpers)
            steps.kernel(**seeds, first_step=start, last_step=stop, board=board)
            if seeds["chosen"][stop - 1] < 0:
                break
