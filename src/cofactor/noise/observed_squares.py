"""Least squares of rows with missing entries, exposures or offsets, by their normal equations."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from cofactor.data.base import Floats, RowBlock
from cofactor.data.listed import Listed
from cofactor.kernels import observed_sweeps
from cofactor.noise.linear import Encoded, FixedFactor


@dataclass(frozen=True)
class NormalEquations:
    """``½ z G_n zᵀ − b_n zᵀ`` of every row, with a Gram matrix of its own.

    Over the observed columns l of row n, with exposure e, offset o and column weights u,
    ``G_n = e² Σ_l u_l w_l w_lᵀ`` and ``b_n = e Σ_l u_l (x_l − o_l) w_l``.

    Attributes
    ----------
    factor : FixedFactor
    listed : Listed
    scales : ndarray of shape (n,) or (0,)
        ``e²``; empty: 1.
    of_data, of_offset : ndarray of shape (n, k)
        The two parts of ``b``.
    """

    factor: FixedFactor
    listed: Listed
    scales: Floats
    of_data: Floats
    of_offset: Floats

    @property
    def products(self) -> Floats:
        """``b``, shape (n, k)."""
        return self.of_data - self.of_offset

    def descend(self, codes: Floats, sweeps: int, lowest: float = 0.0) -> Encoded:
        """Minimise over each coordinate in turn, which may not fall below ``lowest``.

        Parameters
        ----------
        codes : ndarray of shape (n, k)
        sweeps : int
            Over all coordinates.
        lowest : float
        """
        factor, penalty, listed = self.factor, self.factor.penalty, self.listed
        new = np.array(codes, dtype=float, order="C")
        loss = np.empty(len(codes) if factor.is_judged else 0)
        observed_sweeps(
            *listed.arrays,
            factor.rooted,
            np.ascontiguousarray(factor.gram if listed.sign < 0 else np.zeros_like(factor.gram)),
            listed.sign,
            self.scales,
            np.ascontiguousarray(self.products),
            new,
            sweeps,
            penalty.l1,
            penalty.l2,
            lowest,
            loss,
        )
        return Encoded(new, loss)

    def bent(self, codes: Floats) -> Floats:
        """Return ``z G_n`` of every row, shape (n, k)."""
        factor, listed = self.factor, self.listed
        of_all = codes @ factor.gram if listed.sign < 0 else None
        sums = listed.sums(listed.fitted(codes, factor.columns), factor.weighted, of_all)
        return sums * self.scales[:, None] if self.scales.size else sums

    def losses(self, codes: Floats) -> Floats:
        """Return ``½ z G_n zᵀ − b_n zᵀ`` of every row, shape (n,)."""
        return np.einsum("nk,nk->n", 0.5 * self.bent(codes) - self.products, codes)


def normal_equations(block: RowBlock, factor: FixedFactor) -> NormalEquations:
    """Return the normal equations of a block's rows under a fixed factor."""
    baseline, listed = block.baseline, block.listed
    of_offset = baseline.offset_products(listed, factor.weighted)
    return NormalEquations(
        factor,
        listed,
        np.zeros(0) if baseline.exposures is None else np.square(baseline.exposures),
        baseline.exposed(block.times(factor.prepared)),
        baseline.exposed(of_offset),
    )


def unexplained_squares(block: RowBlock) -> Floats:
    """Return ``Σ_l (x_nl − o_nl)²`` over observed entries, shape (n,)."""
    squares = block.squared_norms(np.zeros(block.n_columns))
    baseline = block.baseline
    if baseline.offset is None:
        return squares
    return (
        squares - 2.0 * baseline.offset.dot(block.entries) + baseline.offset_squares(block.listed)
    )
