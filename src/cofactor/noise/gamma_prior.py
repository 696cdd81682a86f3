"""The most probable codes of counts under Gamma priors."""

from __future__ import annotations

import numpy as np

from cofactor.data.base import Floats, RowBlock
from cofactor.kernels import sampled_products
from cofactor.noise.counts import CODE_FLOOR, explained, prices
from cofactor.noise.linear import TINY, Encoded, FixedFactor


def prior_step(block: RowBlock, factor: FixedFactor, codes: Floats) -> Encoded:
    """Take a step of EM towards the most probable codes, which lowers no row's probability.

    With the counts' parts that each component explains, the log-posterior is ``Σ (z m + κ) log u −
    (p + l1) u − ½ l2 u²``, ``κ = a − 1`` for a prior Gamma(a, l1); it is largest where ``l2 u² + (p
    + l1) u = z m + κ`` [Cemgil 2009].
    """
    penalty, price = factor.penalty, np.broadcast_to(prices(block, factor), codes.shape)
    held = np.maximum(codes, CODE_FLOOR)
    pull, linear = held * explained(block, factor, held) + penalty.log, price + penalty.l1
    root = np.sqrt(np.square(linear) + 4.0 * penalty.l2 * pull)
    new = np.maximum(2.0 * pull / np.maximum(linear + root, TINY), CODE_FLOOR)
    if not factor.is_judged:
        return Encoded(new, np.empty(0))
    return Encoded(new, (price * new).sum(axis=1) - _log_rates(block, factor, new))


def _log_rates(block: RowBlock, factor: FixedFactor, codes: Floats) -> Floats:
    """Return ``Σ_l u_l x_l log (zW + o/e)_l`` over positive counts, shape (n,)."""
    counts = block.as_sparse().matrix.astype(np.float64)
    rates, columns = np.empty(counts.nnz), np.ascontiguousarray(factor.columns)
    sampled_products(counts.indptr, counts.indices, np.ascontiguousarray(codes), columns, rates)
    if block.baseline.offset is not None:
        rates += block.baseline.per_exposure(counts)
    counts.data *= np.log(np.maximum(rates, TINY))
    weights = factor.column_weights
    return np.asarray(counts @ (np.ones(block.n_columns) if weights is None else weights))
