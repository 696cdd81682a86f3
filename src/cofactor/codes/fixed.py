"""Codes under components that do not change: folding in new rows."""

from __future__ import annotations

from typing import Any

import numpy as np

from cofactor.codes.linear import LinearCodes
from cofactor.data import RowBlock
from cofactor.data.base import Floats
from cofactor.noise.linear import Encoded, FixedFactor, LinearNoise

TOLERANCE = 1e-10  # of a row's loss
MAX_STEPS = 300


def fold_in(
    codes: LinearCodes[Any],
    noise: LinearNoise,
    block: RowBlock,
    factor: FixedFactor,
    start: Floats,
) -> Encoded:
    """Return the best codes of rows under fixed components, each row as if it were alone.

    A row takes steps until one lowers its own loss by a negligible part, so that its codes do not
    depend on the rows beside it.

    Parameters
    ----------
    codes : LinearCodes
        What a code may be, and its penalty.
    noise : LinearNoise
    block : RowBlock
    factor : FixedFactor
        The components, as ``codes`` prepare them.
    start : ndarray of shape (n, k)

    Returns
    -------
    Encoded
        The codes (n, k), and each row's loss, without the penalty.
    """

    def losses(rows: RowBlock, at: Floats) -> tuple[Floats, Floats]:
        memory = codes.memory(noise, rows, at.shape[1], warm=True)
        encoded = codes.encode(noise, rows, factor, at, memory)
        return encoded.codes, encoded.loss + codes.penalty.of(encoded.codes)

    block = noise.under(block, factor)
    found, last = losses(block, start)
    active = np.arange(block.n_rows)
    for _ in range(MAX_STEPS):
        found[active], loss = losses(block.take(active), found[active])
        with np.errstate(invalid="ignore"):  # ∞ − ∞: counts that no component explains
            settled = last[active] - loss <= TOLERANCE * np.abs(loss)
        last[active] = loss
        active = active[~settled]
        if not active.size:
            break
    return Encoded(found, codes.penalty.taken_off(last, found))
