"""k-means of a single column, solved exactly by dynamic programming."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from sklearn.utils.validation import _check_sample_weight, check_array

from cofactor import kernels
from cofactor.data.base import Floats, Labels
from cofactor.errors import InputError
from cofactor.lloyd import Whole
from cofactor.search.found import Found, Optimum, Scale
from cofactor.trace import Trace


class LinePartition(NamedTuple):
    """The best clusters of numbers.

    Attributes
    ----------
    centers : ndarray of shape (k,)
        Ascending. Where there are fewer different numbers with weight than clusters, the last is
        repeated.
    labels : ndarray of shape (n,), int32
    inertia : float
        ``Σ_n w_n (x_n − μ_c(n))²``.
    """

    centers: Floats
    labels: Labels
    inertia: float


def optimal_partition_1d(x: Any, n_clusters: int, *, sample_weight: Any = None) -> LinePartition:
    """Return the clusters of numbers that have the least inertia of all.

    Clusters of an optimum are intervals, which dynamic programming finds: ``D_m(j) = min_i
    D_{m−1}(i) + cost(i, j)`` for the j smallest numbers in m clusters [Wang & Song 2011], in
    ``O(k n log n)`` time and ``O(n)`` memory. Sums of squares are kept to 106 bits: costs are off
    by some 1e-31 of all squared distances from the middle, which bounds how narrow clusters may be.

    Parameters
    ----------
    x : array-like of shape (n,)
    n_clusters : int
        At most n.
    sample_weight : array-like of shape (n,), optional
        At least 0; default 1.

    Raises
    ------
    InputError
        If ``n_clusters`` is not between 1 and n.
    """
    column = check_array(x, dtype=np.float64, ensure_2d=False)
    if column.ndim != 1:
        raise InputError(f"x has shape {column.shape}; expected one dimension: use x.ravel().")
    weights = _check_sample_weight(
        sample_weight, column[:, None], dtype=np.float64, ensure_non_negative=True
    )
    if not 1 <= n_clusters <= len(column):
        raise InputError(
            f"n_clusters is {n_clusters}; expected at least 1 and at most the {len(column)} "
            "numbers of x."
        )
    return best_intervals(column, weights, n_clusters)


def best_intervals(x: Floats, weights: Floats, n_clusters: int) -> LinePartition:
    """Do what :func:`optimal_partition_1d` does, for valid input."""
    values, places = np.unique(x[weights > 0], return_inverse=True)
    masses = np.bincount(places, weights[weights > 0]).astype(float, copy=False)
    edges = np.empty(min(n_clusters, len(values)) + 1, dtype=np.int64)
    space = np.empty(kernels.line_space(len(values)), dtype=np.uint8)
    middle = 0.5 * values[0] + 0.5 * values[-1]
    kernels.partition_line(_scaled(values - middle), _scaled(masses), edges, space)
    centers = _centers(values, masses, edges)
    labels = _nearest(x, values, centers, edges)
    inertia = float(weights @ np.square(x - centers[labels]))
    filled = np.r_[centers, np.full(n_clusters - len(centers), centers[-1])]
    return LinePartition(filled, labels, inertia)


def solve_line(data: Whole, n_clusters: int, scale: Scale) -> Found:
    """Return the best clusters of rows with one column."""
    x = data.rows.dense()[:, 0]
    centers, labels, inertia = best_intervals(x, data.rows.weights, n_clusters)
    trace = Trace(n_entries=data.n_entries)
    trace.record(scale.objective(inertia), 0, 0.0)
    return Found(Optimum(centers[:, None], labels, inertia), trace, converged=True)


def _scaled(numbers: Floats) -> Floats:
    """Return the numbers in a power of two that lets none pass 1, nor any square vanish."""
    return np.ldexp(numbers, -int(np.frexp(np.abs(numbers).max())[1]))


def _centers(values: Floats, masses: Floats, edges: np.ndarray[Any, Any]) -> Floats:
    """Return the mean of each interval, about its first value."""
    about = np.repeat(values[edges[:-1]], np.diff(edges))
    sums = np.add.reduceat(masses * (values - about), edges[:-1])
    means: Floats = values[edges[:-1]] + sums / np.add.reduceat(masses, edges[:-1])
    return means


def _nearest(x: Floats, values: Floats, centers: Floats, edges: np.ndarray[Any, Any]) -> Labels:
    """Return the interval of each number; of those without weight the nearest center."""
    places = np.minimum(np.searchsorted(values, x), len(values) - 1)
    labels = np.searchsorted(edges, places, side="right") - 1
    strange = values[places] != x
    middles = 0.5 * (centers[1:] + centers[:-1])
    labels[strange] = np.searchsorted(middles, x[strange])
    return labels.astype(np.int32)
