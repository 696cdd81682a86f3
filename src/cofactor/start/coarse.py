"""From coarse to fine: factorizations that begin with some of the rows and columns."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, cast

import numpy as np

from cofactor.data import mean_row, stacked
from cofactor.data.base import Array, Floats, Labels
from cofactor.fit import first_rows, fit
from cofactor.lazy import lazy
from cofactor.model import Model
from cofactor.noise.base import Params
from cofactor.noise.linear import NonnegativeNoise
from cofactor.start.leaps import joined
from cofactor.start.parts import Found, Opened, Part
from cofactor.start.profiles import Factors
from cofactor.stop import Stop

STRIDES = 32, 16, 8, 4  # one row of so many takes part at first: the most that leave enough
SECOND = 8  # stride thereafter, at most, and half of the first
ITERATIONS = 16, 6  # on the first rows and the second
SHARES = 0.5, 0.9  # of all counts that the columns hold that take part: at least, at most
LEAST_ROWS = 8  # of the first, for each component; half as many of every fourth row
LEAST_COLUMNS = 4  # for each component
ENTRIES_EACH = 2.0  # stored, for each number of the components
LEAST_ENTRIES = 1 << 15  # above zero: fewer take no time anyway
MANY_ENTRIES = 1 << 19  # above zero: with fewer, starts that look at all of them end better
UNSEEN = 1e-3  # of an average column: what components begin with where no row had an entry

Draw = Callable[[Part], Factors]


@dataclass(frozen=True)
class Columns:
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

    @classmethod
    def of(cls, data: Opened) -> Columns:
        """Look at data."""
        if data.uneven_weights is None:  # a third of the time
            parts = data.engine.map(lambda block: block.row_sums(lambda x: x), data.columns)
            return cls(np.concatenate(parts), _stored_each(data))
        return cls(mean_row(data.blocks, data.engine), _stored_each(data))

    @lazy
    def order(self) -> Array:
        """The columns, the most common first, shape (d,)."""
        return np.argsort(-self.sums, kind="stable")

    @lazy
    def held(self) -> Floats:
        """Sums of the most common columns, one, two and more of them, shape (d,)."""
        return np.cumsum(self.sums[self.order])

    @lazy
    def stored_until(self) -> Labels:
        """Entries stored of the most common columns, one, two and more of them, shape (d,)."""
        return np.cumsum(self.stored[self.order])


def worth_coarsening(X: Any, k: int) -> bool:
    """Return whether data are large enough to begin ``k`` components with some of them."""
    n, d = X.shape
    return 2 * n >= LEAST_ROWS * STRIDES[-1] * k and d >= k and _counts(X) >= LEAST_ENTRIES


def worth_drawing(X: Any, init: str | None) -> bool:
    """Return whether a start by this name is as good if it is drawn on a part of the data."""
    return init == "random" or _counts(X) >= MANY_ENTRIES


def coarse_factors(model: Model, data: Opened, k: int, draw: Draw) -> Factors:
    """Return factors found on some rows and common columns, at that part of the cost.

    All entries together say little more about the components than some of them do while these are
    still far from any optimum, and the columns that hold most counts cost least for each. On word
    counts fits that begin so end in better optima, too. :func:`strides` tells which rows take part,
    :func:`common_columns` which columns; the others follow as
    :func:`~cofactor.start.leaps.joined` has it.

    Parameters
    ----------
    model : Model
        With nonnegative codes.
    data : Opened
    k : int
        Number of components.
    draw : callable
        Returns where to start on a :class:`Part`: codes (n', k) and components (k, d').

    Returns
    -------
    codes : ndarray of shape (n, k)
    components : ndarray of shape (k, d)
    """
    noise, columns = cast(NonnegativeNoise, model.noise), Columns.of(data)

    def opened(stride: int) -> Opened:
        return Opened.at(level_of(data.part, columns, k, stride), data.engine)

    levels = data.engine.map(opened, strides(len(data.part.rows), k))
    found: Found | None = None
    for level, iterations in zip(levels, ITERATIONS, strict=False):
        start = draw(level.part) if found is None else joined(noise, found, level, columns.sums)
        found = _improved(model, level, start, iterations)
    codes, components = joined(noise, cast(Found, found), data, columns.sums)
    return codes, without_gaps(components)


def strides(n: int, k: int) -> list[int]:
    """Return which of ``n`` rows ``k`` components begin with: one of so many, the most first.

    Every 32nd row, or 16th where that leaves less than eight for each component, and then every
    eighth; of fewer rows every eighth and fourth, or every fourth alone.

    Parameters
    ----------
    n : int
        Number of rows.
    k : int
        Number of components.

    Returns
    -------
    list of int
        One or two of :data:`STRIDES`, descending.
    """
    whole = STRIDES[-1] * -(-n // STRIDES[-1])  # in whole strides of the least
    first = next((stride for stride in STRIDES if whole >= LEAST_ROWS * stride * k), STRIDES[-1])
    return sorted({first, max(min(first // 2, SECOND), STRIDES[-1])}, reverse=True)


def level_of(whole: Part, columns: Columns, k: int, stride: int) -> Part:
    """Return one row of every ``stride``, at the :func:`common_columns`, for ``k`` components.

    Parameters
    ----------
    whole : Part
        All of the data.
    columns : Columns
        Of all of the data.
    k : int
        Number of components.
    stride : int
    """
    return whole.every(stride).at(common_columns(columns, k, stride))


def common_columns(columns: Columns, k: int, stride: int) -> Labels:
    """Return the columns that begin with one row of every ``stride``, ascending.

    The most common ones, that hold 90 % of all counts; fewer, down to those that hold half, where
    that leaves fewer than two entries for each number of the components: with rare words, texts end
    in worse optima.
    """
    order, held = columns.order, columns.held
    counted = np.arange(1, len(order) + 1)
    enough = columns.stored_until >= ENTRIES_EACH * k * stride * counted
    fewest, most = np.searchsorted(held, np.multiply(SHARES, held[-1])) + 1
    number = np.clip(max(counted[enough], default=0), fewest, most)
    return np.sort(order[: max(int(number), LEAST_COLUMNS * k)])


def _improved(model: Model, level: Opened, start: Factors, iterations: int) -> Found:
    codes, components = start
    k, d = components.shape
    params = Params(components, np.zeros(k), np.zeros(0), np.zeros(d))
    rows = first_rows(model, level.blocks, params, level.engine, codes, level.columns)
    found = fit(model, rows, params, Stop(iterations))
    settled = stacked([state.latest for state in found.rows.states])
    return Found(level.part, settled, found.params.components)


def _counts(X: Any) -> int:
    return int(X.nnz if hasattr(X, "nnz") else np.count_nonzero(X))


def _stored_each(data: Opened) -> Labels:
    """Return the number of entries stored of each column, shape (d,)."""
    n, d = data.part.X.shape
    if not hasattr(data.part.X, "nnz"):
        return np.full(d, n)
    return np.concatenate([np.diff(block.entries.indptr) for block in data.columns])


def without_gaps(components: Floats) -> Floats:
    """Return components that are not zero in any column, as more rows may have entries there."""
    unseen = ~components.any(axis=0)
    if not unseen.any():
        return components
    filled = components.copy()
    filled[:, unseen] = UNSEEN * components.mean(axis=1, keepdims=True)
    return filled
