"""Beta-divergences of any order: losses between and beyond those of Gaussian, Poisson and Gamma."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from cofactor.data.base import Floats, RowBlock
from cofactor.noise.domain import check_nonnegative, check_positive
from cofactor.noise.linear import NonnegativeNoise
from cofactor.noise.penalty import TINY, Penalty

LOWEST_MEAN = float(np.finfo(np.float32).eps)  # where a power of the mean would be infinite


@dataclass(frozen=True)
class Beta(NonnegativeNoise):
    """``d(x, a) = (x^β + (β−1) a^β − β x a^{β−1}) / (β(β−1))`` [Févotte & Idier 2011].

    Not a density: its nats are the divergence itself.

    Parameters
    ----------
    beta : float
        Neither 0 nor 1, which are :class:`Gamma` and :class:`Poisson`.
    """

    beta: float

    name: ClassVar[str] = "beta divergence"
    kind: ClassVar[str] = "divergence"

    def check(self, block: RowBlock) -> None:
        """See :class:`Noise`."""
        check = check_nonnegative if self.beta > 0 else check_positive
        check(block, self.name)

    def divergence(self, x: Floats, mean: Floats) -> Floats:
        """See the class."""
        beta, mean = self.beta, self._legal(mean)
        whole = np.power(x, beta) + (beta - 1.0) * mean**beta - beta * x * mean ** (beta - 1.0)
        return whole / (beta * (beta - 1.0))

    def gradient_parts(self, x: Floats, mean: Floats) -> tuple[Floats, Floats]:
        """Return ``x a^{β−2}`` and ``a^{β−1}``."""
        mean = self._legal(mean)
        return x * mean ** (self.beta - 2.0), mean ** (self.beta - 1.0)

    def surrogate_minimum(
        self, codes: Floats, down: Floats, up: Floats, penalty: Penalty
    ) -> Floats:
        """Return ``z (m / (p + l1 + l2 z))^γ``; γ < 1 outside 1 ≤ β ≤ 2 keeps the descent."""
        step = down / np.maximum(up + penalty.l1 + penalty.l2 * codes, TINY)
        return codes * step**self._exponent

    def constants(self, block: RowBlock) -> Floats:
        """Return nothing: there is no likelihood to complete."""
        return np.zeros(0)

    def nats(self, divergence: float, constants: Floats) -> float:
        """Return the divergence."""
        return divergence

    @property
    def _exponent(self) -> float:
        if self.beta < 1.0:
            return 1.0 / (2.0 - self.beta)
        return 1.0 / max(self.beta - 1.0, 1.0)

    def _legal(self, mean: Floats) -> Floats:
        return np.maximum(mean, LOWEST_MEAN)
