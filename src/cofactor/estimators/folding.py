"""Codes of new rows under fitted components that do not change."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from cofactor.codes import Nonnegative
from cofactor.codes.fixed import fold_in
from cofactor.data import RowBlock
from cofactor.data.base import Floats
from cofactor.estimators.base import OpenData
from cofactor.noise import Penalty
from cofactor.noise.linear import Encoded, NonnegativeNoise
from cofactor.noise.penalty import TINY


def codes_under(
    noise: NonnegativeNoise, components: Floats, penalty: Penalty, data: OpenData
) -> Floats:
    """Return the best nonnegative codes of rows under fixed components, shape (n, k).

    Parameters
    ----------
    noise : NonnegativeNoise
    components : ndarray of shape (k, d)
    penalty : Penalty
        On the codes.
    data : OpenData
    """
    encode = nonnegative_encoder(noise, components, penalty)
    return data.rowwise(lambda block: encode(block).codes)


def nats_per_entry(
    noise: NonnegativeNoise, components: Floats, penalty: Penalty, data: OpenData
) -> float:
    """Return the log-likelihood of an observed entry, given the codes of :func:`codes_under`.

    Constants are included, penalties are not; rows count with their weights.
    """
    encode = nonnegative_encoder(noise, components, penalty)

    def of_block(block: RowBlock) -> tuple[Floats, Floats, Floats]:
        divergence = block.weights @ (encode(block).loss + noise.row_constant(block))
        return divergence, noise.constants(block), block.weights @ block.row_entries()

    parts = data.engine.map(of_block, data.blocks)
    divergence, constants, entries = (np.sum(part, axis=0) for part in zip(*parts, strict=True))
    return -noise.nats(float(divergence), constants) / max(float(entries), TINY)


def nonnegative_encoder(
    noise: NonnegativeNoise, components: Floats, penalty: Penalty
) -> Callable[[RowBlock], Encoded]:
    """Return what finds the best nonnegative codes of a block's rows; see :func:`codes_under`."""
    codes = Nonnegative(penalty)
    factor, total = codes.factor(components), float(components.sum()) or 1.0

    def of_block(block: RowBlock) -> Encoded:
        level = block.baseline.unexposed(block.row_sums(lambda x: x)) / total
        start = np.repeat(level[:, None], len(components), axis=1)
        return fold_in(codes, noise, block, factor, start)

    return of_block
