"""From coarse to fine: factorizations that begin with some of the rows and columns."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, cast

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
from cofactor.stop import SmallChange, Stop

STRIDES = 16, 8, 4  # one row of so many takes part
LEVELS = 2  # of those that leave enough rows, the coarsest first
ITERATIONS = 32  # on each, at most
ENOUGH = 5e-4  # of the fall of the objective: less in two iterations running ends them
SHARES = 0.5, 0.9  # of all counts that the columns hold that take part: at least, at most
LEAST_EACH = 4  # rows and columns for each component
ENTRIES_EACH = 2.0  # stored, for each number of the components
LEAST_ENTRIES = 1 << 15  # stored: fewer take no time anyway
UNSEEN = 1e-3  # of an average column: what components begin with where no row had an entry

Draw = Callable[[Part], Factors]


class Columns(NamedTuple):
    """What is known of the columns of data.

    Attributes
    ----------
    sums : ndarray of shape (d,)
        Of the weighted rows, in any unit.
    stored : ndarray of shape (d,)
        How many entries are stored.
    """

    sums: Floats
    stored: Labels


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
    counts fits that begin so end in better optima, too. :func:`levels` tells which take part; then
    the others :func:`leap` to where these lead them.

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
    quarter = Part.whole(data.X, data.weights).every(STRIDES[-1])
    columns = Columns(mean_row(data.blocks, data.engine), _stored_each(data.X, data.columns))
    found: Found | None = None
    stop = Stop(ITERATIONS, (SmallChange(ENOUGH, relative=True, patience=2),))
    for part in levels(quarter, columns, k):
        start = draw(part) if found is None else found.spread(part, columns.sums)
        found = _improved(model, part, start, stop, data.engine)
    return _joined(model, data, cast(Found, found), columns.sums)


def levels(quarter: Part, columns: Columns, k: int) -> Iterator[Part]:
    """Yield the parts of every fourth row that ``k`` components begin with, one after the other.

    Every sixteenth row and then every eighth; where rows are few every eighth and fourth, or every
    fourth alone. Each with :func:`common_columns`.

    Parameters
    ----------
    quarter : Part
        Every fourth row.
    columns : Columns
    k : int
        Number of components.
    """
    n = STRIDES[-1] * quarter.X.shape[0]
    strides = [stride for stride in STRIDES if n >= LEAST_EACH * stride * k] or STRIDES[-1:]
    for stride in strides[:LEVELS]:
        some = quarter.every(stride // STRIDES[-1])
        yield some.at(common_columns(columns, k, stride))


def common_columns(columns: Columns, k: int, stride: int) -> Labels:
    """Return the columns that begin with one row of every ``stride``, ascending.

    The most common ones, that hold 90 % of all counts; fewer, down to those that hold half, where
    that leaves fewer than two entries for each number of the components: with rare words, texts end
    in worse optima.
    """
    order = np.argsort(-columns.sums, kind="stable")
    held, stored = np.cumsum(columns.sums[order]), np.cumsum(columns.stored[order])
    counted = np.arange(1, len(order) + 1)
    enough = stored >= ENTRIES_EACH * k * stride * counted
    fewest, most = np.searchsorted(held, np.multiply(SHARES, held[-1])) + 1
    number = np.clip(max(counted[enough], default=0), fewest, most)
    return np.sort(order[: max(int(number), LEAST_EACH * k)])


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


def _stored_each(X: Any, columns: Sequence[RowBlock]) -> Labels:
    """Return the number of entries stored of each column, shape (d,)."""
    if not hasattr(X, "nnz"):
        return np.full(X.shape[1], X.shape[0])
    return np.concatenate([np.diff(block.entries.indptr) for block in columns])


def without_gaps(components: Floats) -> Floats:
    """Return components that are not zero in any column, as more rows may have entries there."""
    unseen = ~components.any(axis=0)
    filled = components.copy()
    filled[:, unseen] = UNSEEN * components.mean(axis=1, keepdims=True)
    return filled
