"""Bold steps of linear codes, with a way back from those that raise the objective."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from cofactor.codes.linear import LinearCodes, LinearState
from cofactor.codes.steps import Point, arrived
from cofactor.data import Rows
from cofactor.data.base import Floats
from cofactor.noise.base import Params
from cofactor.noise.linear import LinearNoise

LONGEST = 0.9  # stride, of the last change of the codes
PATIENCE = 8  # careful steps, of which the first may rise by rounding
LEAST_PART = 0.1  # of a code that a stride leaves
CHUNK_ROWS = 1024  # whose strides are found at a time: by one thread, sooner than others wake up


def stride_length(taken: int) -> float:
    """Return ``min(0.9, i / (i + 3))`` after ``i`` steps: Nesterov's momentum [1983], bounded."""
    return min(LONGEST, taken / (taken + 3.0))


@dataclass(frozen=True)
class Striding:
    """Components are improved for codes that stride ahead; codes go on from where they were.

    Iteration ``i`` finds components for ``z + β (z − z_before)``, at least ``z / 10``, with
    ``β = min(0.9, i / (i + 3))``, and then codes from ``z`` for these components. Nothing proves
    that this is a way down. If it is none, the fit goes back to the point before, and takes a step
    that is, without a stride; strides begin anew from there. Rounding may lift even that: then some
    more such steps, which add up where its errors do not. If they lead no lower, the fit stays.

    Attributes
    ----------
    noise : LinearNoise
    bold, careful : LinearCodes
        The same codes, by steps that may rise and by steps that do not.
    behind : sequence of ndarray
        Codes of every block an iteration before; none at first.
    taken : int
        Steps since strides began.
    """

    noise: LinearNoise
    bold: LinearCodes[Any]
    careful: LinearCodes[Any]
    behind: Sequence[Floats] = ()
    taken: int = 0

    def begin(self, params: Params, rows: Rows[LinearState]) -> Point:
        """See :class:`~cofactor.codes.steps.Steps`: boldly, as there is nothing to fall behind."""
        here, _ = self.careful.balanced(
            self.noise, arrived(self.bold, self.noise, params, rows), ()
        )
        return here

    def __call__(self, here: Point) -> tuple[Point, Striding]:
        """See :class:`~cofactor.codes.steps.Steps`."""
        here, behind = self.careful.balanced(self.noise, here, self.behind)
        there = self._onward(self.bold, here, self._ahead(here.rows, behind))
        if there.objective <= here.objective:
            behind = [state.latest for state in here.rows.states]
            return there, replace(self, behind=behind, taken=self.taken + 1)
        return self._instead(here), replace(self, behind=(), taken=0)

    def _instead(self, here: Point) -> Point:
        """Return where careful steps lead, from the codes whose loss is known."""
        known = [replace(state, ahead=None) for state in here.rows.states]
        here = replace(here, rows=replace(here.rows, states=known))
        there = here
        for _ in range(PATIENCE):
            there = self._onward(self.careful, there, there.rows)
            if there.objective <= here.objective:
                return there
        return here

    def _onward(self, codes: LinearCodes[Any], here: Point, rows: Rows[LinearState]) -> Point:
        """Find components for the codes of ``rows``, and codes for these components."""
        params = codes.m_step(self.noise, here.statistics, here.params, rows)
        return arrived(codes, self.noise, params, here.rows)

    def _ahead(self, rows: Rows[LinearState], behind: Sequence[Floats]) -> Rows[LinearState]:
        """Return rows whose codes are a stride ahead."""
        if not behind:
            return rows
        length = stride_length(self.taken)

        def stride(task: tuple[LinearState, Floats]) -> LinearState:
            state, before = task
            return replace(state, ahead=strode(state.latest, before, length))

        tasks = list(zip(rows.states, behind, strict=True))
        return replace(rows, states=rows.engine.map(stride, tasks))


def strode(codes: Floats, before: Floats, length: float) -> Floats:
    """Return ``z + β (z − z_before)``, at least ``z / 10``."""
    ahead = np.empty_like(codes)
    for start in range(0, len(codes), CHUNK_ROWS):  # of which temporary arrays stay in a cache
        rows = slice(start, start + CHUNK_ROWS)
        _stride(codes[rows], before[rows], length, ahead[rows])
    return ahead


def _stride(codes: Floats, before: Floats, length: float, ahead: Floats) -> None:
    np.subtract(codes, before, out=ahead)
    ahead *= length
    ahead += codes
    np.maximum(ahead, LEAST_PART * codes, out=ahead)
