"""From coarse to fine: factorizations that begin with some of the rows and columns."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, cast

import numpy as np

from cofactor.data import RowBlock, mean_row, open_columns, open_rows, split
from cofactor.data.base import Floats, Labels
from cofactor.data.cut import cut_evenly
from cofactor.engine import Engine
from cofactor.fit import first_rows, fit
from cofactor.model import Model
from cofactor.noise.base import Params
from cofactor.noise.linear import TINY, FixedFactor, Judged, NonnegativeNoise
from cofactor.start.parts import Found, Part
from cofactor.start.profiles import Factors
from cofactor.stop import Stop

STRIDES = 16, 8, 4  # one row of so many takes part; the first two that leave enough are taken
SHARES = 0.75, 0.85  # of all counts that the columns hold that take part, the most common first
ITERATIONS = 16, 8
LEAST_EACH = 4  # rows and columns for each component
LEAST_ENTRIES = 1 << 15  # stored: fewer take no time anyway
UNSEEN = 1e-3  # of an average column: what components begin with where no row had an entry

Draw = Callable[[Part], Factors]


@dataclass(frozen=True)
class Whole:
    """Data to be factorized.

    Attributes
    ----------
    X : ndarray or scipy.sparse CSR of shape (n, d)
    weights : ndarray of shape (n,)
    blocks, columns : sequence of RowBlock
        Of ``X`` and of its transpose.
    engine : Engine
    """

    X: Any
    weights: Floats
    blocks: Sequence[RowBlock]
    columns: Sequence[RowBlock]
    engine: Engine


def worth_coarsening(X: Any, k: int) -> bool:
    """Return whether data are large enough to begin ``k`` components with some of them."""
    n, d = X.shape
    return n >= LEAST_EACH * STRIDES[-1] * k and d >= k and _stored(X) >= LEAST_ENTRIES


def coarse_factors(model: Model, data: Whole, k: int, draw: Draw) -> Factors:
    """Return factors found on some rows and common columns, at that part of the cost.

    All entries together say little more about the components than some of them do while these are
    still far from any optimum, and the columns that hold most counts cost least for each. On word
    counts fits that begin so end in better optima, too. :func:`levels` tells which take part; the
    others follow by a :func:`leap`.

    Parameters
    ----------
    model : Model
        With nonnegative codes.
    data : Whole
    k : int
        Number of components.
    draw : callable
        Returns where to start on a :class:`Part`: codes (n', k) and components (k, d').

    Returns
    -------
    codes : ndarray of shape (n, k)
    components : ndarray of shape (k, d)
    """
    whole, sums = Part.whole(data.X, data.weights), mean_row(data.blocks, data.engine)
    found: Found | None = None
    for part, iterations in levels(whole.every(STRIDES[-1]), sums, k):
        start = draw(part) if found is None else found.spread(part, sums)
        found = _improved(model, part, start, Stop(iterations), data.engine)
    return _joined(model, data, cast(Found, found), sums)


def levels(quarter: Part, sums: Floats, k: int) -> Iterator[tuple[Part, int]]:
    """Yield the parts of every fourth row that ``k`` components begin with, and their iterations.

    Every sixteenth row with the columns that hold three quarters of all counts, then every eighth
    with those that hold 85 %; where rows are few every eighth and fourth, or every fourth alone.

    Parameters
    ----------
    quarter : Part
        Every fourth row.
    sums : ndarray of shape (d,)
        Of all columns, in any unit.
    k : int
        Number of components.
    """
    n = STRIDES[-1] * quarter.X.shape[0]
    strides = [stride for stride in STRIDES if n >= LEAST_EACH * stride * k] or STRIDES[-1:]
    for stride, share, iterations in zip(strides, SHARES, ITERATIONS, strict=False):
        columns = common_columns(sums, share, LEAST_EACH * k)
        yield quarter.every(stride // STRIDES[-1]).at(columns), iterations


def common_columns(sums: Floats, share: float, least: int) -> Labels:
    """Return the fewest columns that hold this share of all counts, at least some; ascending."""
    order = np.argsort(-sums, kind="stable")
    held = np.cumsum(sums[order])
    enough = np.searchsorted(held, share * held[-1]) + 1
    return np.sort(order[: max(int(enough), least)])


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
    """
    step = noise.multiplicative_codes(block, factor, codes).codes.astype(float, copy=False)
    far = np.square(step) / np.maximum(codes, TINY)
    fitted = factor.totals[0]
    return far * ((step @ fitted) / np.maximum(far @ fitted, TINY))[:, None]


def _joined(model: Model, data: Whole, found: Found, sums: Floats) -> Factors:
    """Let rows, then columns, that had no part in what was found leap to where it leads them."""
    noise, part = cast(NonnegativeNoise, model.noise), found.part
    codes, components = found.spread(Part.whole(data.X, data.weights), sums)

    def leapt(blocks: Sequence[RowBlock], factor: FixedFactor, start: Floats) -> Floats:
        pairs = list(zip(blocks, split(start, blocks), strict=True))
        return np.vstack(data.engine.map(lambda pair: leap(noise, pair[0], factor, pair[1]), pairs))

    factor = FixedFactor(components.T, judged=Judged.NOWHERE)
    codes = _but(part.rows, found.codes, leapt(data.blocks, factor, codes))
    uneven = None if (data.weights == 1.0).all() else data.weights
    factor = FixedFactor(codes, column_weights=uneven, judged=Judged.NOWHERE)
    columns = _but(part.columns, found.components.T, leapt(data.columns, factor, components.T))
    return codes, without_gaps(columns.T)


def _but(places: Labels, known: Floats, rows: Floats) -> Floats:
    """Return rows with those that are known put in their places."""
    rows[places] = known
    return rows


def _improved(model: Model, part: Part, start: Factors, stop: Stop, engine: Engine) -> Found:
    codes, components = start
    k, d = components.shape
    params = Params(components, np.zeros(k), np.zeros(0), np.zeros(d))
    blocks = cut_evenly(open_rows(part.X, part.weights))
    rows = first_rows(model, blocks, params, engine, codes, open_columns(part.X))
    found = fit(model, rows, params, stop)
    settled = np.vstack([state.latest for state in found.rows.states])
    return Found(part, settled, found.params.components)


def _stored(X: Any) -> int:
    return int(X.nnz if hasattr(X, "nnz") else X.size)


def without_gaps(components: Floats) -> Floats:
    """Return components that are not zero in any column, as more rows may have entries there."""
    unseen = ~components.any(axis=0)
    filled = components.copy()
    filled[:, unseen] = UNSEEN * components.mean(axis=1, keepdims=True)
    return filled
