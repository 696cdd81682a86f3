"""Moves of single rows that lower the inertia of a clustering [Hartigan 1975], in NumPy.

To take a row of weight ``w`` at squared distance ``D`` from a cluster whose rows weigh ``N``
costs ``w D N/(N + w)``; to let one go that it has saves ``w D N/(N - w)``.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

Data: TypeAlias = NDArray[np.float32] | NDArray[np.float64]
Floats: TypeAlias = NDArray[np.float64]
Labels: TypeAlias = NDArray[np.int32]
Indices: TypeAlias = NDArray[np.int32] | NDArray[np.int64]
RowNumbers: TypeAlias = NDArray[np.int64]


def hartigan_targets(
    X: Data,
    shift: Data,
    numbers: RowNumbers,
    half_norms: Floats,
    weights: Floats,
    labels: Labels,
    places: Labels,
    components: Data,
    component_half_norms: Data,
    shares: Data,
    index: Labels,
    cost: Floats,
) -> None:
    """Find where it would cost least to move some rows, their own components apart.

    ``cost = min_c 2 (h_n + g_c - <x_n - shift, e_c>) / (1 + w_n s_c)`` with the half squared
    norms h of the row and g of the component: the squared distance times ``N/(N + w)``. Summed in
    the precision of ``X``; ties by the lower component.

    Parameters
    ----------
    X : array of shape (n, d)
        All rows.
    shift : array of shape (d,)
        Subtracted from every row.
    numbers : int64 array of shape (p,)
        The rows that are asked for.
    half_norms, weights : float64 arrays of shape (n,)
        ``|x_n - shift|**2 / 2`` and the weight of each row.
    labels : int32 array of shape (n,)
        The cluster that each row is in.
    places : int32 array, one for each cluster
        Where clusters are among the components; -1 if nowhere.
    components : array of shape (k, d)
        Means less the shift.
    component_half_norms : array of shape (k,)
        Half their squared norms; ``+inf`` keeps a component from being chosen.
    shares : array of shape (k,)
        One over the weight of the rows behind each.
    index : int32 array of shape (p,)
        Written: the component; -1 if there is no other.
    cost : float64 array of shape (p,)
        Written: the cost of a unit of weight; ``+inf`` if there is no other.
    """
    losses = component_half_norms - (X[numbers] - shift) @ components.T
    own = places[labels[numbers]]
    _cheapest(losses, half_norms[numbers], weights[numbers], own, shares, index, cost)


def hartigan_targets_csr(
    indptr: Indices,
    indices: Indices,
    data: Data,
    numbers: RowNumbers,
    half_norms: Floats,
    weights: Floats,
    labels: Labels,
    places: Labels,
    components_t: Data,
    component_half_norms: Data,
    shares: Data,
    index: Labels,
    cost: Floats,
) -> None:
    """Find where it would cost least to move some CSR rows.

    `hartigan_targets` without a shift, for transposed components of shape (d, k), with k a multiple
    of 16.
    """
    X = sparse.csr_array((data, indices, indptr), shape=(indptr.size - 1, components_t.shape[0]))
    losses = component_half_norms - X[numbers] @ components_t
    own = places[labels[numbers]]
    _cheapest(losses, half_norms[numbers], weights[numbers], own, shares, index, cost)


def hartigan_open(
    X: Data,
    means: Floats,
    begin: int,
    end: int,
    drift: Floats,
    factor: float,
    term: float,
    relative: float,
    absolute: float,
    alone: float,
    weights: Floats,
    labels: Labels,
    counts: Floats,
    upper: Floats,
    lower: Floats,
    rows: RowNumbers,
) -> int:
    """Let bounds follow clusters that changed, and list the rows that they leave a move open to.

    ``upper += drift[label]`` and ``lower = max(factor * lower - term, 0)``; where a move might
    pay by these, ``upper`` becomes the distance itself.

    Parameters
    ----------
    X : array of shape (n, d)
        All rows.
    means : float64 array of shape (k, d)
    begin, end : int
        The rows to look at.
    drift : float64 array of shape (k,)
        How far each mean moved at most.
    factor, term : float
        At least what is left of lower bounds.
    relative, absolute, alone, weights, labels, counts
        As in `hartigan_moves`; only read.
    upper : float64 array of shape (n,)
        Updated: at least the distance of each row to its mean.
    lower : float64 array of shape (n,)
        Updated: at most the root of what moving a unit of its weight elsewhere would cost.
    rows : int64 array of shape (end - begin,)
        Written: first the numbers of the open rows, ascending.

    Returns
    -------
    int
        How many they are.
    """

    def distances(numbers: RowNumbers) -> Floats:
        return np.asarray(np.square(X[numbers] - means[labels[numbers]]).sum(axis=1))

    numbers = _loosened(begin, end, drift, factor, term, labels, upper, lower)
    clustering = (relative, absolute, alone), weights, labels, counts
    return _list_open(distances, numbers, clustering, upper, lower, rows)


def hartigan_open_csr(
    indptr: Indices,
    indices: Indices,
    data: Data,
    half_norms: Floats,
    means: Floats,
    begin: int,
    end: int,
    drift: Floats,
    factor: float,
    term: float,
    relative: float,
    absolute: float,
    alone: float,
    weights: Floats,
    labels: Labels,
    counts: Floats,
    upper: Floats,
    lower: Floats,
    rows: RowNumbers,
) -> int:
    """Let bounds of CSR rows follow, and list the open ones: `hartigan_open`.

    Distances come from products, so ``half_norms`` has half the squared norm of every row.
    """
    X = sparse.csr_array((data, indices, indptr), shape=(indptr.size - 1, means.shape[1]))

    def distances(numbers: RowNumbers) -> Floats:
        dense = X[numbers].astype(np.float64).toarray()
        return np.asarray(np.square(dense - means[labels[numbers]]).sum(axis=1))

    numbers = _loosened(begin, end, drift, factor, term, labels, upper, lower)
    clustering = (relative, absolute, alone), weights, labels, counts
    return _list_open(distances, numbers, clustering, upper, lower, rows)


def hartigan_moves(
    X: Data,
    rows: RowNumbers,
    targets: Labels,
    relative: float,
    absolute: float,
    alone: float,
    weights: Floats,
    labels: Labels,
    counts: Floats,
    means: Floats,
) -> float:
    """Make those of the proposed moves that lower the inertia, one after the other.

    Each is judged by the means and counts that the moves before it have left. It is made if it
    saves more than ``relative`` times what the row costs where it is, plus ``absolute``, by unit
    of its weight.

    Parameters
    ----------
    X : array of shape (n, d)
        All rows.
    rows : int64 array of shape (p,)
        The rows that may move, in the order of judgment.
    targets : int32 array of shape (p,)
        Where to.
    relative, absolute : float
    alone : float
        A row stays if all others have no more than this share of its component's weight.
    weights : float64 array of shape (n,)
    labels : int32 array of shape (n,)
        Updated: the component of each row.
    counts : float64 array of shape (k,)
        Updated: the weight of the rows behind each component.
    means : float64 array of shape (k, d)
        Updated: their weighted means.

    Returns
    -------
    float
        By how much the inertia fell.
    """

    def row(n: int) -> Floats:
        return np.asarray(X[n], dtype=np.float64)

    return _move(row, rows, targets, (relative, absolute, alone), weights, labels, counts, means)


def hartigan_moves_csr(
    indptr: Indices,
    indices: Indices,
    data: Data,
    half_norms: Floats,
    rows: RowNumbers,
    targets: Labels,
    relative: float,
    absolute: float,
    alone: float,
    weights: Floats,
    labels: Labels,
    counts: Floats,
    means: Floats,
) -> float:
    """Make those of the proposed moves of CSR rows that lower the inertia: `hartigan_moves`.

    Distances come from products, so ``half_norms`` has half the squared norm of every row.
    """

    def row(n: int) -> Floats:
        dense = np.zeros(means.shape[1])
        stored = slice(indptr[n], indptr[n + 1])
        np.add.at(dense, indices[stored], data[stored])
        return dense

    return _move(row, rows, targets, (relative, absolute, alone), weights, labels, counts, means)


Limited: TypeAlias = tuple[tuple[float, float, float], Floats, Labels, Floats]


def _loosened(
    begin: int,
    end: int,
    drift: Floats,
    factor: float,
    term: float,
    labels: Labels,
    upper: Floats,
    lower: Floats,
) -> RowNumbers:
    these = slice(begin, end)
    upper[these] += drift[labels[these]]
    lower[these] = np.maximum(factor * lower[these] - term, 0.0)
    return np.arange(begin, end)


def _list_open(
    distances: Callable[[RowNumbers], Floats],
    numbers: RowNumbers,
    clustering: Limited,
    upper: Floats,
    lower: Floats,
    rows: RowNumbers,
) -> int:
    numbers = numbers[_may_pay(numbers, clustering, upper, lower)]
    upper[numbers] = np.sqrt(distances(numbers))
    numbers = numbers[_may_pay(numbers, clustering, upper, lower)]
    rows[: numbers.size] = numbers
    return numbers.size


def _may_pay(
    numbers: RowNumbers, clustering: Limited, upper: Floats, lower: Floats
) -> NDArray[np.bool_]:
    (relative, absolute, alone), weights, labels, counts = clustering
    left = counts[labels[numbers]]
    rest = left - weights[numbers]
    free = rest > alone * left
    saved = upper[numbers] ** 2 * np.divide(left, rest, out=np.zeros_like(left), where=free)
    return free & (saved - lower[numbers] ** 2 > relative * saved + absolute)


def _cheapest(
    losses: Data,
    half_norms: Floats,
    weights: Floats,
    own: Labels,
    shares: Data,
    index: Labels,
    cost: Floats,
) -> None:
    dtype: Any = losses.dtype
    costs = losses + half_norms.astype(dtype)[:, None]
    costs /= 1 + weights.astype(dtype)[:, None] * shares
    belongs = np.flatnonzero(own >= 0)
    costs[belongs, own[belongs]] = np.inf
    best = costs.argmin(axis=1)
    least = costs[np.arange(len(costs)), best]
    index[:] = np.where(least < np.inf, best, -1)
    cost[:] = 2.0 * least.astype(np.float64)


def _move(
    row: Callable[[int], Floats],
    rows: RowNumbers,
    targets: Labels,
    limits: tuple[float, float, float],
    weights: Floats,
    labels: Labels,
    counts: Floats,
    means: Floats,
) -> float:
    (relative, absolute, alone), total = limits, 0.0
    for n, to in zip(rows.tolist(), targets.tolist(), strict=True):
        own, weight = labels[n], weights[n]
        rest = counts[own] - weight
        if own == to or not rest > alone * counts[own]:
            continue
        x = row(n)
        saved = np.square(x - means[own]).sum() * counts[own] / rest
        cost = np.square(x - means[to]).sum() * counts[to] / (counts[to] + weight)
        if not saved - cost > relative * saved + absolute:
            continue
        means[own] += -weight / rest * (x - means[own])
        means[to] += weight / (counts[to] + weight) * (x - means[to])
        counts[own], counts[to] = rest, counts[to] + weight
        labels[n] = to
        total += float(weight * (saved - cost))
    return total
