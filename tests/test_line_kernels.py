"""The best partition of points on a line: against its reference, and against all partitions."""

from __future__ import annotations

from fractions import Fraction
from itertools import combinations, pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from strategies import generators

from cofactor import kernels

every = pytest.mark.parametrize("name", kernels.available())
quick = settings(max_examples=40)


def partition(name, values, weights, k):
    kernel = kernels.load(name)
    edges = np.zeros(k + 1, np.int64)
    inertia = kernel.partition_line(
        values, weights, edges, np.empty(kernel.line_space(len(values)), np.uint8)
    )
    return inertia, edges


def exact_cost(values, weights, edges):
    """Return the inertia of intervals in rational numbers."""
    total = Fraction(0)
    for begin, end in pairwise(edges):
        x, w = ([Fraction(v) for v in array[begin:end].tolist()] for array in (values, weights))
        mean = sum(a * b for a, b in zip(x, w, strict=True)) / sum(w)
        total += sum(b * (a - mean) ** 2 for a, b in zip(x, w, strict=True))
    return total


@st.composite
def points(draw, most=9):
    """Clusters of any width, any distance apart, as far from the origin as can be told apart."""
    rng = draw(generators)
    n = draw(st.integers(1, most))
    places = 10.0 ** draw(st.integers(-3, 7)) * rng.integers(0, 4, n)
    values = np.sort(places + rng.normal(size=n) + draw(st.sampled_from([0.0, 1e6])))
    return values, rng.exponential(size=n) + 1e-3


@every
@quick
@given(problem=points(), share=st.floats(0, 1))
def test_no_partition_into_intervals_is_better(name, problem, share):
    values, weights = problem
    n = len(values)
    k = 1 + int(share * (n - 1))
    inertia, edges = partition(name, values, weights, k)
    got = exact_cost(values, weights, edges)
    assert inertia == pytest.approx(float(got), rel=1e-12, abs=1e-300)
    cuts = combinations(range(1, n), k - 1)
    best = min(exact_cost(values, weights, (0, *inner, n)) for inner in cuts)
    assert float(got) <= float(best) * (1 + 1e-12)


@every
@quick
@given(problem=points(most=80), k=st.integers(1, 12))
def test_every_implementation_finds_the_same_bits(name, problem, k):
    values, weights = problem
    k = min(k, len(values))
    got, expected = (partition(i, values, weights, k) for i in (name, "reference"))
    assert got[0] == pytest.approx(expected[0], rel=1e-12)
    costs = [float(exact_cost(values, weights, edges)) for edges in (got[1], expected[1])]
    assert costs[0] == pytest.approx(costs[1], rel=1e-12)


@every
def test_narrow_clusters_far_apart_keep_their_digits(name):
    """Squares of the points are 1e28 times what the clusters cost."""
    values = np.array([-1e7, -1e7 + 2.0**-20, 0.0, 2.0**-20, 1e7, 1e7 + 2.0**-20])
    inertia, edges = partition(name, values, np.ones(6), 3)
    assert edges.tolist() == [0, 2, 4, 6]
    assert inertia == 3 * 2.0**-41


def test_edges_that_make_no_partition_are_refused():
    for name in kernels.available():
        if name != "reference":
            space = np.empty(kernels.load(name).line_space(2), np.uint8)
            with pytest.raises(ValueError, match="at most n clusters"):
                kernels.load(name).partition_line(
                    np.zeros(2), np.ones(2), np.zeros(4, np.int64), space
                )
