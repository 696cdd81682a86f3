"""The course of a search: which arm comes next, and what it gained by what it took."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass

import numpy as np

from cofactor.codes.clustered import HardClusters
from cofactor.codes.hartigan import Sweep
from cofactor.data.base import Labels
from cofactor.neighbors.arms import Arm, Field, KeptLists, Neighbors, Slices
from cofactor.neighbors.choice import Choice
from cofactor.neighbors.looks import Look

LISTS, SLICES, KEPT = "lists", "slices", "kept"  # the arms
OVERHEAD = 16  # evaluations that anything else about a row takes as long as
FRESH_SHARE = 0.25  # what to expect of lists made anew, by what the last ones gained at first
KEPT_SHARE = 1.0  # what to expect of lists kept from slices, by what the last slice gained


@dataclass(frozen=True)
class Pass(Sweep):
    """What one pass over the rows did: a sweep, and what it cost.

    Attributes
    ----------
    evaluations : int
        Distances that were computed to propose moves.
    """

    evaluations: int


class Course(ABC):
    """A search that lets one arm after the other propose moves.

    Parameters
    ----------
    field : Field
    n_rows : int
    listed : bool
        Whether the neighbours of centers are listed.

    Attributes
    ----------
    clusters : HardClusters
    first : Pass
        That which found the first labels.
    """

    clusters: HardClusters
    first: Pass

    def __init__(self, field: Field, n_rows: int, *, listed: bool) -> None:
        self._field, self._n_rows = field, n_rows
        self._lists = Neighbors(field) if listed else None
        self._slices = Slices(field)
        self._arms: dict[str, Arm] = {SLICES: self._slices, KEPT: KeptLists()}
        if self._lists is not None:
            self._arms[LISTS] = self._lists
        self._recent = [np.inf]  # gains from the beginning of each of the last slices to the next
        self._choice = Choice(SLICES, {name: np.inf for name in self._arms if name != KEPT})
        self._fresh_rate = 0.0  # of the last pass over lists that were made anew for it

    @property
    @abstractmethod
    def labels(self) -> Labels:
        """The cluster of each row."""

    @property
    def recent_gain(self) -> float:
        """What was gained while all rows last met all centers; at first inf."""
        return float(sum(self._recent))

    @property
    def n_slices(self) -> int:
        """In how many passes all rows meet all centers."""
        return self._field.n_slices

    def step(self, worthwhile: float) -> Pass:
        """Let the arm propose moves that promises most, and make those that pay.

        Parameters
        ----------
        worthwhile : float
            Arms that gain no more rest.
        """
        return self.use(self._choice.best(), worthwhile)

    def use(self, name: str, worthwhile: float = 0.0) -> Pass:
        """Let an arm propose moves, and make those that pay; see :meth:`step`."""
        arm, counter = self._arms[name], self._field.counter
        before, n = int(counter[0]), self._n_rows
        if name == SLICES:
            self._recent = [*self._recent, 0.0][-self.n_slices :]
        look = arm.look()
        self._field.draw()
        prepared = int(counter[0])
        done = self._moved(look)
        evaluations = int(counter[0]) - before
        self._recent[-1] += done.gain
        rate = rate_of(done.gain / n, arm.effort * evaluations / n)
        self._choice.learn(name, rate, worthwhile=done.gain > worthwhile)
        if name == SLICES and self._slices.n_done > 1:
            self._choice.expect(KEPT, KEPT_SHARE * rate)
        if self._lists is not None:
            self._lists.outdated |= done.moved > 0
        if name == LISTS and self._lists is not None:
            effort = arm.effort * (int(counter[0]) - prepared) + OVERHEAD * n
            self._lists.learn(done.gain, effort)
            self._renew(self._lists, rate, spent=done.gain <= worthwhile)
        return Pass(done.moved, done.gain, done.shift, evaluations)

    def _renew(self, lists: Neighbors, rate: float, *, spent: bool) -> None:
        """Make lists anew rather than let them rest once they gain next to nothing.

        Where nothing moved since they were made, others would hardly differ.
        """
        if lists.fresh:
            self._fresh_rate = rate
        elif spent and lists.outdated:
            lists.expire()
            self._choice.revive(LISTS, FRESH_SHARE * self._fresh_rate)

    @abstractmethod
    def _moved(self, look: Look) -> Sweep:
        """Let rows look at centers, and move those that gain by it."""


def rate_of(gain: float, effort: float) -> float:
    """Return what a row gains by what it takes: evaluations of a slice, and all else about it."""
    return gain / (effort + OVERHEAD)
