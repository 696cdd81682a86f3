"""Factors of a part of data, carried over to all of them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from cofactor.data import RowBlock, in_parts, split, stacked
from cofactor.data.base import Array, Floats
from cofactor.noise.counts import CODE_FLOOR
from cofactor.noise.linear import FixedFactor, Judged, NonnegativeNoise
from cofactor.noise.penalty import TINY
from cofactor.start.parts import Found, Opened
from cofactor.start.profiles import Factors


def joined(noise: NonnegativeNoise, found: Found, data: Opened, sums: Floats) -> Factors:
    """Return factors of data, of which a part has some already.

    Where there are none, :meth:`Found.spread` puts averages; rows, then columns, :func:`leap` from
    there.

    Parameters
    ----------
    noise : NonnegativeNoise
    found : Found
        On a part of these data.
    data : Opened
    sums : ndarray
        Of the columns of all data, in any unit.

    Returns
    -------
    codes : ndarray of shape (n, k)
    components : ndarray of shape (k, d)
    """
    codes, components = found.spread(data.part, sums)

    def leapt(blocks: Sequence[RowBlock], factor: FixedFactor, start: Floats) -> Floats:
        pairs = zip(blocks, split(start, blocks), strict=True)
        return stacked([leap(noise, block, factor, own) for block, own in pairs])

    factor = FixedFactor(components.T, judged=Judged.NOWHERE)
    rows, columns = found.places(data.part)
    codes = _but(rows, found.codes, leapt(data.blocks, factor, codes))
    factor = FixedFactor(codes, column_weights=data.uneven_weights, judged=Judged.NOWHERE)
    far = leapt(data.columns, factor, components.T)
    return codes, _but(columns, found.components.T, far).T


def leap(noise: NonnegativeNoise, block: RowBlock, factor: FixedFactor, codes: Floats) -> Floats:
    """Return codes twice as far as a multiplicative step leads, in logarithms.

    From an average of all rows a single step leads to where theirs are, roughly: steps of
    expectation and maximization are short, and up to twice their length still converges
    [Salakhutdinov & Roweis 2003]. Rows keep the sums of fitted values that the step gave them.

    Parameters
    ----------
    noise : NonnegativeNoise
    block : RowBlock
    factor : FixedFactor
        Components (k, d).
    codes : ndarray of shape (n, k)

    Returns
    -------
    ndarray of shape (n, k)
    """
    fitted = factor.totals[0]

    def of_part(_: RowBlock, step: Floats, begun: Floats) -> Floats:
        step = step.astype(float, copy=False)
        far = np.square(step)
        far /= np.maximum(begun, CODE_FLOOR)  # below which steps lift codes first
        far *= ((step @ fitted) / np.maximum(far @ fitted, TINY))[:, None]
        return far

    return in_parts(block, of_part, noise.multiplicative_codes(block, factor, codes).codes, codes)


def _but(places: Array, known: Floats, rows: Floats) -> Floats:
    """Return rows with those that are known put in their places."""
    rows[places] = known
    return rows
