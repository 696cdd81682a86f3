"""Components that learn from a stream of batches: averages of what each says of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Self

import numpy as np

from cofactor.data import RowBlock, Rows, split
from cofactor.data.base import Floats
from cofactor.engine import Additive
from cofactor.errors import InputError
from cofactor.noise.least_squares import (
    column_sweeps,
    coordinate_descent,
    products_of_codes,
    triangle_places,
)
from cofactor.noise.linear import FixedFactor, Judged, NonnegativeNoise
from cofactor.noise.observed_squares import normal_equations
from cofactor.noise.penalty import Penalty

SWEEPS = 4  # over the components, whose products with the batches are known
MOST_NUMBERS = 1 << 27  # of Gram matrices, a GiB


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

    Where entries are missing, each column has a Gram matrix of its own, of the rows in which it was
    observed; one for all columns is added to each of them.

    Attributes
    ----------
    grams : ndarray of shape (k (k + 1) / 2, 1) or (k (k + 1) / 2, d)
        Lower triangles of ``Σ_n w_n e_n² z_nᵀ z_n``, row by row: for all columns, or for each.
    products : ndarray of shape (k, d)
        ``Σ_n w_n e_n z_nᵀ (x_n − o_n)``.
    """

    grams: Floats
    products: Floats

    @classmethod
    def of(cls, noise: NonnegativeNoise, rows: Rows[Any], components: Floats) -> Self:
        """Return the sums over rows with codes, and with columns where entries are missing.

        Raises
        ------
        InputError
            If Gram matrices of all columns would take too much memory.
        """
        if all(block.complete for block in rows.blocks):
            gram, products = products_of_codes(rows)
            return cls(gram[np.tril_indices(len(gram))][:, None], products)
        _check_room(*components.shape)
        codes = rows.exposed([state.latest for state in rows.states])
        factor = FixedFactor(codes, Penalty(), rows.uneven_weights, judged=Judged.NOWHERE)
        parts = rows.engine.map(lambda block: _of_columns(block, factor), rows.columns)
        return cls(*(np.hstack(part) for part in zip(*parts, strict=True)))

    def components(self, noise: NonnegativeNoise, current: Floats, penalty: Penalty) -> Floats:
        """Return better components of the averages."""
        if self.grams.shape[1] > 1:
            return column_sweeps(current, self.grams, self.products, penalty, SWEEPS)
        gram = self.grams[triangle_places(len(current)), 0]
        products = np.ascontiguousarray(self.products.T)
        return coordinate_descent(current.T, gram, products, penalty, SWEEPS, False).codes.T


def _check_room(k: int, d: int) -> None:
    numbers = d * k * (k + 1) // 2
    if numbers > MOST_NUMBERS:
        raise InputError(
            f"Least squares of batches with missing entries keep {numbers:,} numbers, products of "
            f"{k} components for each of {d:,} columns; expected at most {MOST_NUMBERS:,}: use "
            "fewer components, noise='poisson', or fit."
        )


def _of_columns(block: RowBlock, factor: FixedFactor) -> tuple[Floats, Floats]:
    """Return what some columns of the data add to :class:`Products`, (k (k + 1) / 2, d), (k, d)."""
    codes, weighted = factor.columns, factor.weighted
    sums = [
        block.observed_times(weighted[:, t, None] * codes[:, : t + 1])
        for t in range(codes.shape[1])
    ]
    return np.hstack(sums).T, normal_equations(block, factor).products.T
