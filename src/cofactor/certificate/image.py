"""Squared distances below divergences: rows whose k-means optimum bounds another clustering's.

A divergence of hard clusters whose best centers are means is ``d(x, μ) = Σ_l ∫ (x_l − s)/V(s) ds``
between ``μ_l`` and ``x_l``, with the variance function V of the noise. If ``d(x, μ) ≥ (T(x) −
S(μ))²`` in each column, for data x and their means μ, the divergence of any clustering is at least
the inertia of the same clustering of the rows ``T(x)``, and so its optimum at least theirs.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from cofactor.certificate.bends import MOST_COLUMNS, Bend, Reach, bent, between, straight
from cofactor.certificate.points import Points, points_of
from cofactor.certificate.rounding import LEAST, UNIT
from cofactor.data.base import Floats, Labels

ULPS = 8.0  # by which logarithms may be off; good libraries stay below one
BLENDS = (0.5, 1.0)  # of what is bent, with what is not


@dataclass(frozen=True)
class Image:
    """Rows ``y_j + δ_j``, the inertia of whose clusterings is below a divergence.

    Attributes
    ----------
    values : ndarray of shape (n, d)
        ``y``.
    weights : ndarray of shape (n,)
        At least 0.
    blur : ndarray of shape (n,)
        The most that ``‖δ_j‖`` can be: rounding.
    weight_precision : float
        By what share weights may be too large.
    """

    values: Floats
    weights: Floats
    blur: Floats
    weight_precision: float = 0.0

    def points(self) -> Points:
        """Return the rows to prove something of, with what rounding can do to them."""
        points = points_of(self.values, self.weights)
        blur = np.ldexp(self.blur, -points.exponent)
        total = float(np.sqrt(points.row_weights @ np.square(blur))) + LEAST
        precision = points.weight_precision + self.weight_precision
        return replace(points, blur=1.01 * total, weight_precision=precision)


def roots(X: Floats, weights: Floats, labels: Labels, reach: Reach) -> Iterator[Image]:
    """Yield images that are functions of roots.

    Parameters
    ----------
    X : ndarray of shape (n, d)
        At least 0; only rows that count.
    weights : ndarray of shape (n,)
    labels : ndarray of shape (n,), int32
        Of a good clustering.
    reach : callable
        What two numbers with these roots may be apart.
    """
    B = np.sqrt(X)
    yield from _stretched(B, UNIT * B.max(axis=0), reach, weights, labels)


def logarithms(X: Floats, weights: Floats, labels: Labels) -> Iterator[Image]:
    """Yield images that are functions of logarithms; arguments as of :func:`roots`."""
    B = np.log(X / (np.sqrt(X.min(axis=0)) * np.sqrt(X.max(axis=0))))
    off = UNIT * (2.1 + (ULPS + 1.0) * np.abs(B).max(axis=0))
    yield from _stretched(B, off, logarithm_reach, weights, labels)


def _stretched(
    B: Floats, off: Floats, reach: Reach, weights: Floats, labels: Labels
) -> Iterator[Image]:
    """Yield images that are linear in B, that are bent, and between."""
    lines = [straight(column, reach) for column in B.T]
    yield _of_bends(lines, B, off, weights)
    if len(off) > MOST_COLUMNS:
        return
    bends = [bent(column, weights, labels, reach) for column in B.T]
    for share in BLENDS:
        pairs = zip(lines, bends, strict=True)
        blends = [between(line, bend, share) for line, bend in pairs]
        yield _of_bends(blends, B, off, weights)


def _of_bends(bends: Sequence[Bend], B: Floats, off: Floats, weights: Floats) -> Image:
    columns = [bend(column) for bend, column in zip(bends, B.T, strict=True)]
    doubts = [bend.doubt(float(most)) for bend, most in zip(bends, off, strict=True)]
    blur = 1.01 * float(np.linalg.norm(doubts)) + LEAST
    return Image(np.array(columns).T, weights, np.full(len(B), blur))


def root_reach(first: Floats, last: Floats) -> Floats:
    """Return at most ``√(x log(x/y) − x + y)``, given ``√x < √y``.

    It is ``s (√y − √x)`` with s the factor for numbers from x to y. Generally ``x log(x/μ) − x + μ
    ≥ s²(√x − √μ)²`` for x and μ in a range: with ``ρ = √(μ/x)`` the quotient is ``2 ∫ (1 − t)(1 +
    (1 + t(ρ − 1))⁻²) dt`` over [0, 1], which falls in ρ. So at ``1 + h = √(y/x)`` it is least: ``1
    + 2(h − log(1 + h))/h²``, from 2 for equal numbers to 1 for ``x = 0``.
    """
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        h = last / first * (1.0 + 4.0 * UNIT) - 1.0
        whole = 2.0 * (h - np.log1p(h)) / np.square(h) - 4.0 * (ULPS + 2.0) * UNIT / h
    series = 1.0 - 2.0 / 3.0 * h  # what an alternating series is above
    square = 1.0 + np.nan_to_num(np.fmax(whole, series), nan=0.0, neginf=0.0).clip(0.0, 1.0)
    return _root(square) * (last - first)


def logarithm_reach(first: Floats, last: Floats) -> Floats:
    """Return at most ``√(x/y − log(x/y) − 1)``, given ``log x < log y``.

    It is ``s R`` with R the difference. Generally ``x/μ − log(x/μ) − 1 ≥ s² log²(x/μ)`` for x and μ
    in a range: with ``u = log(x/μ)`` the quotient is ``∫ (1 − t) e^{tu} dt`` over [0, 1], which
    grows in u; at ``u = −R`` it is ``(e^{−R} + R − 1)/R²``.
    """
    R = (last - first) * (1.0 + 4.0 * UNIT)
    with np.errstate(divide="ignore", invalid="ignore"):
        whole = (np.expm1(-R) + R) / np.square(R) - 4.0 * (ULPS + 2.0) * UNIT / R
    return _root(np.fmax(whole, 0.5 - R / 6.0).clip(0.0, 0.5)) * (last - first)


def _root(squares: Floats) -> Floats:
    """Return factors whose squares are certainly no larger."""
    return np.sqrt(np.maximum(squares, 0.0)) * (1.0 - 8.0 * UNIT)
