"""Offspring of optima, and which optima are kept."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from strategies import generators, seeds

from cofactor.data import open_blocks, open_rows
from cofactor.engine import SerialEngine
from cofactor.lloyd import Whole
from cofactor.noise import Gaussian
from cofactor.search import population
from cofactor.search.descent import Prospect, SeparateDescent, SharedDescent
from cofactor.search.found import Optimum
from cofactor.search.population import Population, crossed, relocated
from cofactor.start import from_means
from cofactor.stop import TimeLimit
from cofactor.trace import Iteration

quick = settings(max_examples=25)


def optimum(inertia):
    return Optimum(np.zeros((1, 1)), np.zeros(1, np.int32), inertia)


def descent_over(kind, X, k, weights=None):
    blocks = open_blocks(X, weights)
    params = from_means(Gaussian(), blocks, np.zeros((k, X.shape[1])))
    return kind(Whole(open_rows(X, weights), blocks, SerialEngine()), params)


@quick
@given(values=st.lists(st.integers(1, 20), min_size=1, max_size=30))
def test_the_best_different_optima_are_kept(values):
    kept = Population(4)
    for begin in range(0, len(values), 3):
        kept.add(optimum(value) for value in values[begin : begin + 3])
    assert [found.inertia for found in kept.optima] == sorted(set(values))[:4]
    assert kept.best.inertia == min(values)


@pytest.mark.parametrize("matched", [512, 1])
@quick
@given(rng=generators, seed=seeds, k=st.integers(1, 12), d=st.integers(1, 4))
def test_each_mean_of_a_child_comes_from_one_parent(matched, rng, seed, k, d):
    first = rng.normal(size=(k, d))
    second = rng.permutation(first) + 1e-9 * rng.normal(size=(k, d))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(population, "MATCHED", matched)
        child = crossed(first, second, np.random.RandomState(seed))
    np.testing.assert_allclose(child, first, atol=1e-7)  # partners are what was shuffled
    from_first, from_second = ((child == parent).all(axis=1) for parent in (first, second))
    assert (from_first | np.isin(child, second).all(axis=1)).all()
    assert from_first.any() or from_second.any() or k > 0


@quick
@given(chances=st.lists(st.floats(0, 1, exclude_max=True), min_size=2, max_size=6), rng=generators)
def test_a_cheap_mean_moves_to_the_best_of_a_few_rows(chances, rng):
    X, means = rng.normal(size=(40, 2)), rng.normal(size=(5, 2))
    moved = relocated(means, chances, descent_over(SeparateDescent, X, 5))
    costs = np.square(X[:, None] - means).sum(axis=2)
    without = [np.delete(costs, c, axis=1).min(axis=1) for c in range(5)]
    moving = np.argsort([left.sum() for left in without])[int(5 * chances[0] ** population.BIAS)]
    np.testing.assert_array_equal(np.delete(moved, moving, 0), np.delete(means, moving, 0))
    odds = np.cumsum(without[moving])
    drawn = np.searchsorted(odds, np.array(chances[1:]) * odds[-1], side="right")
    left = [np.minimum(without[moving], np.square(X - X[n]).sum(axis=1)).sum() for n in drawn]
    assert moved[moving].tolist() in X[drawn].tolist()
    now = np.square(X[:, None] - moved).sum(axis=2).min(axis=1).sum()
    assert now == pytest.approx(min(left))


def test_a_single_mean_stays():
    X, means = np.arange(6.0).reshape(3, 2), np.array([[2.0, 3.0]])
    descent = descent_over(SeparateDescent, X, 1)
    np.testing.assert_array_equal(relocated(means, [0.5, 0.5], descent), means)


@quick
@given(rng=generators, kind=st.sampled_from([SeparateDescent, SharedDescent]))
def test_costs_are_weighted_distances_to_the_nearest_two_means(rng, kind):
    X, means = rng.normal(size=(40, 3)) + 100.0, rng.normal(size=(4, 3)) + 100.0
    weights = rng.exponential(size=40)
    descent = descent_over(kind, X, 4, weights)
    distances = weights[:, None] * np.square(X[:, None] - means).sum(axis=2)
    labels, *nearest = descent.costs(means)
    np.testing.assert_array_equal(labels, distances.argmin(axis=1))
    np.testing.assert_allclose(nearest, np.sort(distances, axis=1).T[:2], rtol=1e-9, atol=1e-9)
    least = distances.min(axis=1)
    expected = [np.minimum(least, weights * np.square(X - p).sum(axis=1)).sum() for p in means + 1]
    np.testing.assert_allclose(descent.left(means + 1, least), expected)
    np.testing.assert_array_equal(descent.rows(np.array([3, 1])), X[[3, 1]])


def test_iterations_end_where_there_is_no_prospect():
    def seen(prospect, objectives):
        steps = (Iteration(n, value, 0.0, 1, 1.0) for n, value in enumerate(objectives))
        return [prospect.is_gone(step) for step in steps]

    assert seen(Prospect(0.0), [90.0, 50.0, 30.0, 29.0]) == [False, False, False, True]
    assert not any(seen(Prospect(np.inf), [90.0, 50.0, 50.0, 50.0]))


@quick
@given(rng=generators)
def test_searches_apart_and_together_descend_alike(rng):
    X = rng.normal(size=(300, 2))
    start = X[rng.choice(300, 5, replace=False)]
    for kind in (SeparateDescent, SharedDescent):
        (end,) = descent_over(kind, X, 5).descend([lambda: start], TimeLimit(np.inf))
        distances = np.square(X - end.means[end.labels]).sum(axis=1)
        assert end.inertia == pytest.approx(distances.sum())
        lloyd = np.square(X[:, None] - start).sum(axis=2).min(axis=1).sum()
        assert end.inertia <= lloyd
