"""What codes are charged beside what they leave unexplained."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from cofactor.data import RowBlock, weighted_sum
from cofactor.data.base import Floats

TINY = np.finfo(float).tiny


@dataclass(frozen=True)
class Penalty:
    """``l1·Σz + ½·l2·Σz² − log·Σ log z`` on the codes of every row, in units of the divergence.

    ``log = a − 1`` and ``l1 = b`` are a prior Gamma(a, b), for noises with ``takes_priors``.
    """

    l1: float = 0.0
    l2: float = 0.0
    log: float = 0.0

    @property
    def absent(self) -> bool:
        """Whether nothing is charged."""
        return self.l1 == self.l2 == self.log == 0.0

    def of_all(self, block: RowBlock, codes: Floats) -> float:
        """Return the weighted sum of the penalties of a block's rows."""
        return 0.0 if self.absent else weighted_sum(block, self.of(codes))

    def total(self, codes: Floats) -> float:
        """Return the sum of the penalties of all rows of codes (n, k)."""
        return 0.0 if self.absent else float(self.of(codes).sum())

    def taken_off(self, losses: Floats, codes: Floats) -> Floats:
        """Return losses (n,) less the penalties of their codes (n, k)."""
        return losses if self.absent else losses - self.of(codes)

    def of(self, codes: Floats) -> Floats:
        """Return the penalty of each row of codes (n, k), shape (n,)."""
        if self.absent:
            return np.zeros(len(codes))
        codes = codes.astype(np.float64, copy=False)
        own = self.l1 * codes.sum(axis=1) + 0.5 * self.l2 * np.square(codes).sum(axis=1)
        logs = np.log(np.maximum(codes, TINY)).sum(axis=1) if self.log else 0.0
        return np.asarray(own - self.log * logs)
