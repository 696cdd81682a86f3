"""The best partition of points on a line, in NumPy; part of the specification in `reference`.

Sums that nearly cancel are kept as pairs of numbers that add up to them [Dekker 1971].
"""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

Floats: TypeAlias = NDArray[np.float64]
Whole: TypeAlias = NDArray[np.int64]
Pair: TypeAlias = tuple[Floats, Floats]  # high and low part
Sums: TypeAlias = tuple[Pair, Pair, Pair]

SPLITTER = 134217729.0  # 2^27 + 1


def line_space(n: int) -> int:
    """Return how many bytes `partition_line` works in; the reference needs none."""
    return 0


def partition_line(
    values: Floats, weights: Floats, edges: Whole, space: NDArray[np.uint8]
) -> float:
    """Cut points on a line into the clusters of least inertia [Wang & Song 2011].

    ``D_m(j) = min_i D_{m-1}(i) + cost(i, j)`` for the first j points in m clusters, with the
    weighted squared distances of the points i ... j - 1 from their mean as the cost.

    Parameters
    ----------
    values : array of shape (n,)
        Ascending.
    weights : array of shape (n,)
        Above 0.
    edges : int64 array of shape (k + 1,), written
        Cluster c holds the points from ``edges[c]`` to before ``edges[c + 1]``; none is empty.
    space : uint8 array of `line_space` bytes
        The kernel's own.

    Returns
    -------
    float
        The inertia.
    """
    n, k = len(values), len(edges) - 1
    sums = _running_sums(values, weights)
    costs = _costs(sums, np.zeros(n, dtype=np.int64), np.arange(1, n + 1))
    least, came = np.r_[np.inf, costs], []
    for m in range(2, k + 1):
        least, origin = _layer(sums, least, m)
        came.append(origin)
    edges[0], edges[k] = 0, n
    for m in range(k - 1, 0, -1):
        edges[m] = came[m - 1][edges[m + 1]]
    return float(_costs(sums, edges[:-1], edges[1:]).sum())


def _layer(sums: Sums, before: Floats, m: int) -> tuple[Floats, Whole]:
    """Return the least costs of the first j points in m clusters, and where the last begins.

    The best beginning does not fall as j grows, so that halving narrows the others down.
    """
    n = len(before) - 1
    least, origin = np.full(n + 1, np.inf), np.full(n + 1, m - 1)
    ranges = [(m, n + 1, m - 1, n)]  # of j, and of beginnings
    while ranges:
        first, end, lowest, highest = ranges.pop()
        if first == end:
            continue
        j = (first + end) // 2
        begins = np.arange(lowest, min(highest, j - 1) + 1)
        total = before[begins] + _costs(sums, begins, np.full_like(begins, j))
        place = total.argmin()
        least[j], origin[j] = total[place], begins[place]
        ranges += [(first, j, lowest, origin[j]), (j + 1, end, origin[j], highest)]
    return least, origin


def _running_sums(values: Floats, weights: Floats) -> Sums:
    """Return the sums of w, w x and w x² before each point."""
    moments = _product(weights, values)
    squares = _scaled(values, moments)
    nothing = np.zeros_like(weights)
    first, second, third = (_cumulated(term) for term in ((weights, nothing), moments, squares))
    return first, second, third


def _cumulated(terms: Pair) -> Pair:
    totals = np.zeros((2, len(terms[0]) + 1))
    for j, term in enumerate(zip(*terms, strict=True)):
        totals[:, j + 1] = _plus((totals[0, j], totals[1, j]), term)
    return totals[0], totals[1]


def _costs(sums: Sums, begins: Whole, ends: Whole) -> Floats:
    """Return the weighted squared distances of the points of each interval from their mean."""
    weight, first, second = (
        _plus((high[ends], low[ends]), (-high[begins], -low[begins])) for high, low in sums
    )
    mean = first[0] / weight[0]
    rest = _less(first, _scaled(mean, weight))
    squares = _less(_less(second, _scaled(mean, first)), _scaled(mean, rest))
    total = squares[0] - rest[0] * rest[0] / weight[0]
    return np.where(ends - begins > 1, np.maximum(total, 0.0), 0.0)


def _sum(a: Floats, b: Floats) -> Pair:
    total = a + b
    part = total - a
    return total, (a - (total - part)) + (b - part)


def _fast_sum(a: Floats, b: Floats) -> Pair:
    total = a + b
    return total, b - (total - a)


def _split(a: Floats) -> Pair:
    scaled = SPLITTER * a
    high = scaled - (scaled - a)
    return high, a - high


def _product(a: Floats, b: Floats) -> Pair:
    product, (a1, a2), (b1, b2) = a * b, _split(a), _split(b)
    return product, ((a1 * b1 - product) + a1 * b2 + a2 * b1) + a2 * b2


def _plus(a: Pair, b: Pair) -> Pair:
    (high, rest), (low, last) = _sum(a[0], b[0]), _sum(a[1], b[1])
    high, rest = _fast_sum(high, rest + low)
    return _fast_sum(high, rest + last)


def _less(a: Pair, b: Pair) -> Pair:
    return _plus(a, (-b[0], -b[1]))


def _scaled(a: Floats, b: Pair) -> Pair:
    high, low = _product(a, b[0])
    return _fast_sum(high, low + a * b[1])
