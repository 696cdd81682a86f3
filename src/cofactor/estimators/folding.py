"""Codes of new rows under fitted components that do not change."""

from __future__ import annotations

import numpy as np

from cofactor.codes import Nonnegative
from cofactor.codes.fixed import fold_in
from cofactor.data import RowBlock
from cofactor.data.base import Floats
from cofactor.estimators.base import OpenData
from cofactor.noise import Penalty
from cofactor.noise.linear import TINY, NonnegativeNoise


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
    return data.rowwise(lambda block: nonnegative_codes_under(noise, components, penalty, block))


def nonnegative_codes_under(
    noise: NonnegativeNoise, components: Floats, penalty: Penalty, block: RowBlock
) -> Floats:
    """Return the best nonnegative codes of a block's rows; see :func:`codes_under`."""
    level = block.row_sums(lambda x: x) / max(float(components.sum()), TINY)
    start = np.repeat(level[:, None], len(components), axis=1)
    return fold_in(Nonnegative(penalty), noise, block, components, start)
