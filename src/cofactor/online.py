"""Learning batch by batch: sums of statistics that keep everything, or let old batches fade."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Generic, TypeVar

from cofactor.engine import Additive

S = TypeVar("S", bound=Additive)


@dataclass(frozen=True)
class Running(Generic[S]):
    """Statistics of a stream of batches.

    Attributes
    ----------
    statistics : Additive
        Weighted sums over the rows remembered.
    weight : float
        Total weight ``W`` of the rows of all batches so far.
    remembered : float
        The weight that the sums stand for; less than ``weight`` where old batches have faded.
    """

    statistics: S
    weight: float
    remembered: float

    @classmethod
    def first(cls, statistics: S, weight: float) -> Running[S]:
        """Return what is known after one batch of this total weight."""
        return cls(statistics, weight, weight)

    def joined(self, statistics: S, weight: float, decay: float = 1.0) -> Running[S]:
        """Return what is known after one more batch.

        The mean of a statistic moves by ``s ← (1 − γ) s + γ s_batch`` with ``γ = (w/W)^κ``
        [Cappé & Moulines 2009]. With ``κ = 1`` every row counts the same, however the
        rows came in batches [MacQueen 1967]; below, older rows count less.

        Parameters
        ----------
        statistics : Additive
            Weighted sums over the rows of the batch.
        weight : float
            Their total weight ``w``, at least 0; a batch of no weight changes nothing.
        decay : float, default 1
            ``κ``, above 0 and at most 1.
        """
        if weight == 0.0:
            return self
        total = self.weight + weight
        remembered = total**decay * weight ** (1.0 - decay)
        kept = self.statistics.scaled((remembered - weight) / self.remembered)
        return Running(kept + statistics, total, remembered)
