"""A single column is solved at any size, and nothing better than proved exists."""

from __future__ import annotations

import os
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from instances import EXACT, instances
from strategies import generators

from cofactor import KMeans, certify
from cofactor.certificate import line
from cofactor.certificate.clock import Clock
from cofactor.certificate.line import Line, is_line, with_optimum
from cofactor.certificate.points import points_of
from cofactor.certificate.problem import Problem


def test_no_bound_exceeds_the_optimum():
    close = total = 0
    for X, weights, k, labels, optimum in instances(
        11, int(os.environ.get("COFACTOR_INSTANCES", 10_000)), columns=1
    ):
        points = points_of(X, weights)
        if points.n <= k:
            continue
        problem = Problem(points, k, points.labels_of(labels), points.upper(labels), 1e-6)
        solved = with_optimum(problem, labels, Clock(9.0))
        lower = points.lower(solved.optimum)
        assert points.in_units(lower, up=False) <= optimum * EXACT
        close += lower > problem.upper * (1 - 1e-9)
        total += 1
    assert close > 0.6 * total  # of the others little is left of the spread


def exact_optimum(values, weights, k):
    """Return the least inertia of numbers in rational arithmetic."""
    x, w = ([Fraction(v) for v in of.tolist()] for of in (np.sort(values), weights))
    n = len(x)
    mass, first, second = ([Fraction(0)] for _ in range(3))
    for a, b in zip(x, w, strict=True):
        mass.append(mass[-1] + b)
        first.append(first[-1] + a * b)
        second.append(second[-1] + a * a * b)

    def cost(i, j):
        total = first[j] - first[i]
        return second[j] - second[i] - total * total / (mass[j] - mass[i])

    least = [cost(0, j) if j else Fraction(0) for j in range(n + 1)]
    for m in range(2, k + 1):
        least = [
            min((least[i] + cost(i, j) for i in range(m - 1, j)), default=Fraction(0))
            for j in range(n + 1)
        ]
    return least[n]


@settings(max_examples=25)
@given(
    rng=generators,
    n=st.integers(3, 40),
    share=st.floats(0.0, 0.9),
    distance=st.sampled_from([0.0, 10.0, 1e4]),
)
def test_bounds_of_more_numbers_are_true_and_close(rng, n, share, distance):
    x = rng.normal(size=n) + distance * rng.integers(3, size=n)
    k = 1 + int(share * (n - 1))
    points = points_of(x[:, None], np.ones(n))
    numbers = Line.of(points)
    edges, least = numbers.solved(k)
    exact = exact_optimum(points.values[:, 0], np.ones(n) * points.weights[0], k)
    assert Fraction(least) <= exact
    spread = float(points.weights @ np.square(points.values[:, 0]))
    assert float(exact) - least <= 1e-10 * spread
    assert (np.diff(edges) > 0).all()


def test_a_hundred_thousand_numbers_are_solved():
    X = np.random.default_rng(0).normal(size=(100_000, 1))
    model = KMeans(5, search="global", random_state=0).fit(X)
    found = certify(model, X, time_limit=300.0)
    assert (found.method, found.ending, found.kind) == ("line", "proved", "rigorous")
    assert found.gap <= 1e-8
    assert found.best_labels is None


@pytest.mark.parametrize("method", ["auto", "exact", "line"])
def test_a_better_clustering_of_one_column_is_returned(method):
    rng = np.random.default_rng(1)
    X = np.column_stack([np.full(3000, 7.0), rng.normal(size=3000)])  # one column that varies
    weights = rng.integers(0, 3, 3000)
    worse = np.arange(3000) % 4
    found = certify(worse, X, sample_weight=weights, method=method, time_limit=300.0)
    assert (found.ending, found.method) == ("solved", "line")
    np.testing.assert_array_equal(found.best_labels[weights == 0], worse[weights == 0])
    again = certify(found.best_labels, X, sample_weight=weights, method=method, time_limit=300.0)
    assert (again.ending, again.upper) == ("proved", pytest.approx(found.best_inertia, rel=1e-12))
    assert again.lower == pytest.approx(found.lower, rel=1e-12)


def test_other_noises_of_one_column():
    X = np.random.default_rng(2).poisson(5.0, size=(5000, 1)) + 1.0
    found = certify((X[:, 0] > 5).astype(int), X, noise="poisson")
    assert found.method == "line"
    assert found.lower > 0.5 * found.upper


def test_without_time_others_have_their_turn(monkeypatch):
    monkeypatch.setattr(Line, "seconds", lambda *_: 1e9)
    X = np.random.default_rng(3).normal(size=(400, 1))
    found = certify((X[:, 0] > 0).astype(int), X, tol=1e-2)
    assert found.method != "line"
    assert found.gap <= 1e-2


def test_weights_that_drown_are_left_to_others():
    weights = np.array([1.0, 1.0, 1e-40, 1.0])
    points = points_of(np.arange(4.0)[:, None], weights)
    assert not Line.of(points).resolved
    problem = Problem(points, 2, np.zeros(4, np.int32), points.upper(np.zeros(4, int)), 1e-6)
    assert with_optimum(problem, np.zeros(4, np.int32), Clock(1.0)) is problem
    assert list(line.line_bounds(problem, Clock(1.0))) == []


def test_what_lies_on_a_line():
    assert is_line(points_of(np.array([[1.0, 3.0], [2.0, 3.0]]), np.ones(2)))
    assert not is_line(points_of(np.array([[1.0, 3.0], [2.0, 4.0]]), np.ones(2)))
    assert not is_line(points_of(np.ones((3, 2)), np.ones(3)))
