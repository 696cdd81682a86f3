"""Nonnegative codes whose coordinates are visited in a random order."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from cofactor.codes.base import Step
from cofactor.codes.linear import LinearState
from cofactor.codes.nonnegative import Nonnegative
from cofactor.codes.steps import Steady, Steps
from cofactor.data import RowBlock, Rows
from cofactor.data.base import Array, Floats
from cofactor.noise.base import Params
from cofactor.noise.linear import Encoded, FixedFactor, NonnegativeNoise


@dataclass(frozen=True, kw_only=True)
class OrderedNonnegative(Nonnegative):
    """Nonnegative codes whose coordinates are visited in a given order.

    Parameters
    ----------
    order : ndarray of shape (k,)
        A permutation of the components.
    """

    order: Array

    def encode(
        self,
        noise: NonnegativeNoise,
        block: RowBlock,
        factor: FixedFactor,
        codes: Floats,
        memory: Any = None,
    ) -> Encoded:
        """See :class:`Nonnegative`."""
        encoded = noise.nonnegative_codes(block, factor.reordered(self.order), codes[:, self.order])
        return Encoded(encoded.codes[:, np.argsort(self.order)], encoded.loss)


@dataclass(frozen=True, kw_only=True)
class ShuffledNonnegative(Nonnegative):
    """Nonnegative codes with a new random order of coordinates in every half-step.

    Parameters
    ----------
    rng : RandomState
        Draws as scikit-learn's ``NMF(shuffle=True)`` does.
    """

    rng: Any

    def e_step(self, noise: NonnegativeNoise, params: Params) -> Step:
        """See :class:`LinearCodes`: one order for all rows."""
        return self._ordered(params).e_step(noise, params)

    def improved_components(
        self, noise: NonnegativeNoise, params: Params, rows: Rows[LinearState]
    ) -> Floats:
        """See :class:`LinearCodes`."""
        return self._ordered(params).improved_components(noise, params, rows)

    def memory(self, noise: NonnegativeNoise, block: RowBlock, k: int, warm: bool = False) -> None:
        """See :class:`LinearCodes`: none, as orders change."""

    def steps(self, noise: NonnegativeNoise) -> Steps:
        """See :class:`Codes`."""
        return Steady(self, noise)

    def striding(self, noise: NonnegativeNoise) -> Nonnegative:
        """See :class:`Nonnegative`: no other steps were asked for."""
        return self

    def _ordered(self, params: Params) -> OrderedNonnegative:
        order = self.rng.permutation(params.n_components)
        return OrderedNonnegative(self.penalty, self.components_penalties, order=order)
