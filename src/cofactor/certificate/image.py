"""Squared distances below divergences: rows whose k-means optimum bounds another clustering's.

A divergence of hard clusters whose best centers are means is ``d(x, μ) = Σ_l ∫ (x_l − s)/V(s) ds``
between ``μ_l`` and ``x_l``, with the variance function V of the noise. If ``d(x, μ) ≥ (T(x) −
S(μ))²`` in each column, for data x and their means μ, the divergence of any clustering is at least
the inertia of the same clustering of the rows ``T(x)``, and so its optimum at least theirs.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from cofactor.certificate.points import Points, points_of
from cofactor.certificate.rounding import LEAST, UNIT
from cofactor.data.base import Floats

ULPS = 8.0  # by which logarithms may be off; good libraries stay below one


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


def roots(X: Floats, weights: Floats, factors: Floats) -> Image:
    """Return ``s_l √x_l``: for ``d(x, μ) ≥ s²(√x − √μ)²`` in each column.

    Parameters
    ----------
    X : ndarray of shape (n, d)
        At least 0.
    weights : ndarray of shape (n,)
    factors : ndarray of shape (d,)
        ``s``, of which it is at least proved that ``s²`` is small enough.
    """
    values = np.sqrt(X) * factors
    return Image(values, weights, 2.1 * UNIT * np.linalg.norm(values, axis=1) + LEAST)


def logarithms(X: Floats, weights: Floats, factors: Floats) -> Image:
    """Return ``s_l log(x_l/m_l)``, for ``d(x, μ) ≥ s²(log x − log μ)²``; arguments as `roots`."""
    low, high = X.min(axis=0), X.max(axis=0)
    logs = np.log(X / (np.sqrt(low) * np.sqrt(high)))
    doubts = np.linalg.norm(UNIT * factors * (2.1 + (ULPS + 1.0) * np.abs(logs)), axis=1)
    return Image(logs * factors, weights, 1.01 * doubts)


def root_factors(X: Floats) -> Floats:
    """Return ``s`` with ``x log(x/μ) − x + μ ≥ s²(√x − √μ)²`` in each column, shape (d,).

    With ``ρ = √(μ/x)`` the quotient is ``2 ∫ (1 − t)(1 + (1 + t(ρ − 1))⁻²) dt`` over [0, 1], which
    falls in ρ. Means lie between the least and the largest entry, so at ``1 + h = √(max/min)`` it
    is least: ``1 + 2(h − log(1 + h))/h²``, from 2 for equal entries to 1 where there are zeros.

    Parameters
    ----------
    X : ndarray of shape (n, d)
        At least 0; only rows that count.
    """
    low, high = X.min(axis=0), X.max(axis=0)
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        h = np.sqrt(high) / np.sqrt(low) * (1.0 + 4.0 * UNIT) - 1.0
        whole = 2.0 * (h - np.log1p(h)) / np.square(h) - 4.0 * (ULPS + 2.0) * UNIT / h
    series = 1.0 - 2.0 / 3.0 * h  # what an alternating series is above
    return _root(1.0 + np.nan_to_num(np.fmax(whole, series), nan=0.0, neginf=0.0).clip(0.0, 1.0))


def logarithm_factors(X: Floats) -> Floats:
    """Return ``s`` with ``x/μ − log(x/μ) − 1 ≥ s²(log x − log μ)²`` in each column, shape (d,).

    With ``u = log(x/μ)`` the quotient is ``∫ (1 − t) e^{tu} dt`` over [0, 1], which grows in u;
    at ``u = −R`` with R the range of the logarithms it is ``(e^{−R} + R − 1)/R²``.

    Parameters
    ----------
    X : ndarray of shape (n, d)
        Above 0; only rows that count.
    """
    low, high = np.log(X.min(axis=0)), np.log(X.max(axis=0))
    R = high - low + 2.0 * ULPS * UNIT * (np.abs(high) + np.abs(low) + 1.0)
    whole = (np.expm1(-R) + R) / np.square(R) - 4.0 * (ULPS + 2.0) * UNIT / R
    return _root(np.maximum(whole, 0.5 - R / 6.0).clip(0.0, 0.5))


def _root(squares: Floats) -> Floats:
    """Return factors whose squares are certainly no larger."""
    return np.sqrt(np.maximum(squares, 0.0)) * (1.0 - 4.0 * UNIT)
