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
from cofactor.search.descent import SeparateDescent, SharedDescent
from cofactor.search.found import Optimum
from cofactor.search.population import Population, crossed, relocated
from cofactor.start import from_means
from cofactor.stop import TimeLimit

quick = settings(max_examples=25)


def optimum(inertia):
    return Optimum(np.zeros((1, 1)), np.zeros(1, np.int32), inertia)


def descent_over(kind, X, k):
    blocks = open_blocks(X)
    params = from_means(Gaussian(), blocks, np.zeros((k, X.shape[1])))
    return kind(Whole(open_rows(X), blocks, SerialEngine()), params)


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
@given(seed=seeds, k=st.integers(2, 6))
def test_one_mean_moves_to_a_row_far_from_the_others(seed, k):
    X = np.vstack([np.zeros((30, 2)), np.full((30, 2), 7.0), [[50.0, 0.0]]])
    means = np.zeros((k, 2))
    means[0] = 7.0
    moved = relocated(means, descent_over(SeparateDescent, X, k), np.random.RandomState(seed))
    (changed,) = np.flatnonzero((moved != means).any(axis=1)) if (moved != means).any() else (0,)
    assert (moved[changed] == X).all(axis=1).any()
    costs = np.square(X[:, None] - np.delete(means, changed, axis=0)).sum(axis=2).min(axis=1)
    assert costs[(moved[changed] == X).all(axis=1)].min() > 0


@quick
@given(rng=generators, kind=st.sampled_from([SeparateDescent, SharedDescent]))
def test_costs_are_weighted_distances_to_the_nearest_mean(rng, kind):
    X, means = rng.normal(size=(40, 3)) + 100.0, rng.normal(size=(4, 3)) + 100.0
    got = descent_over(kind, X, 4).costs(means)
    expected = np.square(X[:, None] - means).sum(axis=2).min(axis=1)
    np.testing.assert_allclose(got, expected, rtol=1e-9, atol=1e-9)


@quick
@given(rng=generators)
def test_searches_apart_and_together_descend_alike(rng):
    X = rng.normal(size=(300, 2))
    start = X[rng.choice(300, 5, replace=False)]
    for kind in (SeparateDescent, SharedDescent):
        (end,) = descent_over(kind, X, 5).descend([start], TimeLimit(np.inf))
        distances = np.square(X - end.means[end.labels]).sum(axis=1)
        assert end.inertia == pytest.approx(distances.sum())
        lloyd = np.square(X[:, None] - start).sum(axis=2).min(axis=1).sum()
        assert end.inertia <= lloyd
