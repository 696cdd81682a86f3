"""Components that learn from a stream of batches: averages of what each says of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Self

import numpy as np

from cofactor.data import Rows, split
from cofactor.data.base import Floats
from cofactor.engine import Additive
from cofactor.errors import InputError
from cofactor.noise.least_squares import coordinate_descent, products_of_codes
from cofactor.noise.linear import FixedFactor, Judged, NonnegativeNoise, Penalty

SWEEPS = 4  # over the components, whose products with the batches are known


@dataclass(frozen=True)
class Shares(Additive):
    """What components gain from a batch, and what they cost: ``W = gained / price`` is EM.

    For divergences that are concave plus linear in the mean. With averages over batches in place
    of sums over all rows it is stepwise EM [Cappé & Moulines 2009].

    Attributes
    ----------
    gained, price : ndarray of shape (k, d)
        ``W ∘ Σ_n w_n e_n z_n m_n`` and ``Σ_n w_n e_n z_n p_n``, with the parts of the gradient.
    """

    gained: Floats
    price: Floats

    @classmethod
    def of(cls, noise: NonnegativeNoise, rows: Rows[Any], components: Floats) -> Self:
        """Return the sums over rows with codes and columns."""
        codes = rows.exposed([state.latest for state in rows.states])
        factor = FixedFactor(codes, Penalty(), rows.uneven_weights, judged=Judged.NOWHERE)
        parts = list(zip(rows.columns, split(components.T, rows.columns), strict=True))
        pulls = rows.engine.map(lambda part: noise.pulls(part[0], factor, part[1]), parts)
        down, up = (np.vstack(part).T for part in zip(*pulls, strict=True))
        return cls(components * down, up)

    def components(self, noise: NonnegativeNoise, current: Floats, penalty: Penalty) -> Floats:
        """Return the best components of the averages."""
        ones = np.ones_like(self.gained.T)
        return noise.surrogate_minimum(ones, self.gained.T, self.price.T, penalty).T


@dataclass(frozen=True)
class Products(Additive):
    """Products of the codes with each other and with the data [Mairal, Bach, Ponce & Sapiro 2010].

    Attributes
    ----------
    gram : ndarray of shape (k, k)
        ``Σ_n w_n e_n² z_nᵀ z_n``.
    products : ndarray of shape (k, d)
        ``Σ_n w_n e_n z_nᵀ (x_n − o_n)``.
    """

    gram: Floats
    products: Floats

    @classmethod
    def of(cls, noise: NonnegativeNoise, rows: Rows[Any], components: Floats) -> Self:
        """Return the sums over rows with codes.

        Raises
        ------
        InputError
            If entries are missing.
        """
        if not all(block.complete for block in rows.blocks):
            raise InputError(
                "Gaussian noise learns from batches without missing entries only: use "
                "noise='poisson', or fit."
            )
        return cls(*products_of_codes(rows))

    def components(self, noise: NonnegativeNoise, current: Floats, penalty: Penalty) -> Floats:
        """Return better components of the averages."""
        products = np.ascontiguousarray(self.products.T)
        return coordinate_descent(current.T, self.gram, products, penalty, SWEEPS, False).codes.T
