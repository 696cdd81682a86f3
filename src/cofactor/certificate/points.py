"""The rows that a certificate speaks of: distinct, centred, in a unit of their own."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cofactor.certificate.rounding import LEAST, UNIT, above, below, growth
from cofactor.data.base import Array, Floats, Labels
from cofactor.lazy import lazy

Rows = NDArray[np.intp]


@dataclass(frozen=True)
class Points:
    """Weighted rows ``y_j``, which are the data but for translation, a scale and rounding.

    The data's rows are ``x_n = r + 2^e (y_j + δ_j)`` with ``‖δ_j‖ ≤ precision ‖y_j‖``: a power of
    two scales without error, and the difference of two numbers is off by one rounding. The inertia
    is a squared distance of matrices, so ``|√J(X) − 2^e √J(Y)| ≤ 2^e (Σ_j w_j‖δ_j‖²)^½``.

    Attributes
    ----------
    values : ndarray of shape (n, d)
        ``y``: float64, C-contiguous, the largest entry near 1.
    weights : ndarray of shape (n,)
        Positive, the largest near 1; those of equal rows are added up.
    rows : ndarray of shape (N,)
        Which point each row of the data is; −1 for rows without weight.
    row_weights : ndarray of shape (N,)
        Weights of the data's rows, in the same unit.
    exponent, weight_exponent : int
        Units of the entries and of the weights, as powers of two.
    precision : float
        See above.
    residue : float
        What underflow may have taken from an entry, where huge entries stand beside tiny ones.
    weight_precision : float
        By what share weights may be too large, being sums.
    blur : float
        ``(Σ_j w_j‖δ_j‖²)^½`` of what else the rows may be off, in the points' unit.
    """

    values: Floats
    weights: Floats
    rows: Rows
    row_weights: Floats
    exponent: int
    weight_exponent: int
    precision: float = 1.01 * UNIT
    residue: float = 0.0
    weight_precision: float = 0.0
    blur: float = 0.0

    @property
    def n(self) -> int:
        """Number of points."""
        return self.values.shape[0]

    @property
    def d(self) -> int:
        """Number of columns."""
        return self.values.shape[1]

    @lazy
    def total(self) -> float:
        """``Σ_j w_j ‖y_j‖²``."""
        return float(self.weights @ np.square(self.values).sum(axis=1))

    @lazy
    def doubt(self) -> float:
        """The most by which ``√J`` of points and data differ."""
        lost = self.residue * float(np.sqrt(self.d * self.weights.sum()))
        return 1.01 * (self.precision * float(np.sqrt(self.total)) + lost + self.blur) + LEAST

    def lower(self, bound: float) -> float:
        """Return a bound on the data's inertia from one on the points', in the points' unit.

        The inertia grows with the weights, and by no larger share than they do.
        """
        root = np.sqrt(max(bound, 0.0)) * (1.0 - 2.0 * UNIT) - self.doubt
        if not root > 0:
            return 0.0
        share = 1.01 * self.weight_precision + 8.0 * UNIT
        return max(float(root * root) * (1.0 - share) - LEAST, 0.0)

    def upper(self, labels: Labels) -> float:
        """Return at least the inertia of a clustering of the data, in the points' unit.

        Parameters
        ----------
        labels : ndarray of shape (N,)
            Of the data's rows.
        """
        held = self.rows >= 0
        own, place, weights = labels[held], self.rows[held], self.row_weights[held]
        k, d = int(own.max()) + 1, self.d
        if one_kind_each(own, place):
            return 0.0
        mass = np.bincount(own, weights, k)
        means = np.zeros((k, d))
        squares = np.zeros(len(own))
        for column in range(d):
            entries = self.values[place, column]
            sums = np.bincount(own, weights * entries, k)
            means[:, column] = np.divide(sums, mass, out=np.zeros(k), where=mass > 0)
            squares += np.square(entries - means[own, column])
        inertia = float((weights * squares).sum())  # of centers as good as the means
        root = np.sqrt(inertia * (1.0 + growth(len(own) + d + 8))) + self.doubt
        return float(root * root) * (1.0 + 4.0 * UNIT) + LEAST

    def in_units(self, inertia: float, *, up: bool) -> float:
        """Return an inertia in the data's unit, rounded up or down."""
        with np.errstate(over="ignore", under="ignore"):
            value = float(np.ldexp(inertia, 2 * self.exponent + self.weight_exponent))
        if up:
            return above(value) if value or inertia else 0.0
        return max(below(min(value, np.finfo(float).max)), 0.0)

    def labels_of(self, labels: Labels) -> Labels:
        """Return one label for each point: that of the last row which is this point."""
        held = self.rows >= 0
        own = np.zeros(self.n, np.int32)
        own[self.rows[held]] = labels[held]
        return own


def points_of(X: Array, weights: Floats) -> Points:
    """Return the points of dense data.

    Parameters
    ----------
    X : ndarray of shape (N, d)
        Float32 or float64, finite.
    weights : ndarray of shape (N,)
        At least 0, and not all 0.
    """
    weight_exponent = _exponent(weights)
    row_weights = np.ldexp(weights, -weight_exponent)
    held = np.flatnonzero(row_weights > 0)
    first, place = kinds_of(X[held])
    rows = np.full(len(X), -1, np.intp)
    rows[held] = place
    merged = np.bincount(place, row_weights[held], len(first)).astype(float, copy=False)
    kept = X[held[first]].astype(np.float64)
    values, exponent, residue = _centred(kept, merged)
    added = growth(len(held) + 2) if len(first) < len(held) else 0.0
    units = exponent, weight_exponent
    return Points(
        values, merged, rows, row_weights, *units, residue=residue, weight_precision=added
    )


def _centred(X: Floats, weights: Floats) -> tuple[Floats, int, float]:
    """Return rows less a point near their mean, with entries up to 1, their unit and residue."""
    coarse = max(_exponent(X) - 900, 0)  # so that no difference overflows
    X = np.ldexp(X, -coarse)
    middle = 0.5 * X.max(axis=0) + 0.5 * X.min(axis=0)
    X = X - (middle + (weights / weights.sum()) @ (X - middle))
    fine = _exponent(X)
    residue = float(np.ldexp(1.0, max(-1074 - fine, -1074))) if coarse else 0.0
    return np.ascontiguousarray(np.ldexp(X, -fine)), coarse + fine, residue


def _exponent(values: Array) -> int:
    largest = float(np.abs(values).max(initial=0.0))
    return int(np.frexp(largest)[1]) if largest else 0


def one_kind_each(labels: Labels, kinds: Rows) -> bool:
    """Return whether all rows of a label are of one kind."""
    kind_of = np.zeros(int(labels.max()) + 1, np.intp)
    kind_of[labels] = kinds
    return np.array_equal(kind_of[labels], kinds)


def kinds_of(X: Any) -> tuple[Rows, Rows]:
    """Return the first row of each kind, and the kind of every row.

    Equal rows have equal hashes; where unequal rows share one, none are merged.
    """
    keys = _hashes(X)
    _, first, kind = np.unique(keys, return_index=True, return_inverse=True)
    if len(first) == len(X) or not np.array_equal(X[first][kind], X):
        every = np.arange(len(X))
        return every, every
    return first, kind


def _hashes(X: Array) -> NDArray[np.uint64]:
    """Return a hash of the bits of each row."""
    bits = np.ascontiguousarray(X + X.dtype.type(0)).view(f"u{X.dtype.itemsize}")
    draws: Any = np.random.default_rng(0).integers(2**63, size=X.shape[1])
    keys = np.zeros(len(X), np.uint64)
    for column, draw in enumerate(draws.tolist()):
        mixed = bits[:, column].astype(np.uint64) * np.uint64(2 * draw + 1)
        keys = (keys ^ mixed ^ (mixed >> np.uint64(31))) * np.uint64(0x9E3779B97F4A7C15)
    return keys
