"""How far nonnegative factors are from where no small change helps: the KKT conditions."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from cofactor.codes.linear import LinearState
from cofactor.codes.nonnegative import Nonnegative
from cofactor.data import RowBlock, Rows, split
from cofactor.data.base import Floats
from cofactor.noise.base import Params
from cofactor.noise.linear import TINY, FixedFactor, NonnegativeNoise


@dataclass(frozen=True)
class Stationarity:
    """What is left of the conditions ``z ≥ 0, ∂ ≥ 0, z·∂ = 0`` for both factors, free of scale.

    The derivative ``∂ = p − m`` has two nonnegative parts; ``γ = (p − m) / (p + m)`` lies between
    −1 and 1. A code counts as its share ``σ`` of its row's mean: ``z_c Σ_l w_cl`` over the sum of
    these and of the offsets, if there are any. Neither changes if components are scaled and codes
    inversely, or if the data are. Products ``z·∂`` would not do: they vanish at entries that are
    wrongly zero.

    Attributes
    ----------
    residual : float
        ``max |min(σ, γ)|`` over all codes and components.
    steepest : float
        ``max(0, −min γ)``: the steepest way down that is left.
    """

    residual: float
    steepest: float

    @classmethod
    def worst(cls, parts: Iterable[Stationarity]) -> Stationarity:
        """Return the larger of each number."""
        every = list(parts)
        return cls(max(part.residual for part in every), max(part.steepest for part in every))


def stationarity(
    codes: Nonnegative, noise: NonnegativeNoise, rows: Rows[LinearState], params: Params
) -> Stationarity:
    """Return how stationary the codes in the rows' states and the components are.

    Parameters
    ----------
    codes : Nonnegative
        With the penalties of both factors.
    noise : NonnegativeNoise
    rows : Rows
        With ``columns``.
    params : Params
    """
    fixed = codes.factor(params.components)
    of_rows = rows.gather(lambda block, state: _of_block(noise, block, fixed, state.codes))
    found = FixedFactor(
        rows.exposed([state.codes for state in rows.states]),
        codes.components_penalties,
        rows.uneven_weights,
    )
    starts = split(params.components.T, rows.columns)
    of_columns = rows.engine.map(
        lambda part: _of_block(noise, part[0], found, part[1]),
        list(zip(rows.columns, starts, strict=True)),
    )
    return Stationarity.worst([*of_rows, *of_columns])


def _of_block(
    noise: NonnegativeNoise, block: RowBlock, factor: FixedFactor, codes: Floats
) -> Stationarity:
    down, up = noise.pulls(block, factor, codes)
    up = up + factor.penalty.l1 + factor.penalty.l2 * codes
    slope = (up - down) / np.maximum(up + down, TINY)
    mass = block.baseline.exposed(codes * factor.columns.sum(axis=0))
    total = mass.sum(axis=1) + block.offset_sums()
    share = mass / np.maximum(total, TINY)[:, None]
    residual = float(np.abs(np.minimum(share, slope)).max(initial=0.0))
    return Stationarity(residual, float(-np.minimum(slope, 0.0).min(initial=0.0)))
