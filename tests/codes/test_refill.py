"""Empty components get the worst-fitted rows, and the loss strictly falls."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from strategies import generators

from cofactor.codes import OneHot
from cofactor.codes.refill import split_price
from cofactor.data import open_blocks
from cofactor.engine import SerialEngine
from cofactor.fit import first_rows, fit
from cofactor.model import Model
from cofactor.noise import Bernoulli, Gaussian, NegativeBinomial, Poisson, TiedGaussian
from cofactor.start import from_means
from cofactor.stop import NothingMoved, Stop

NOISES = [Gaussian(fixed_variance=1.0), Gaussian(), TiedGaussian(), Poisson(), NegativeBinomial()]
some = settings(max_examples=20)


def run(noise, X, means, stop, learn_weights=False, weights=None):
    blocks, model = open_blocks(X, weights), Model(noise, OneHot(1, learn_weights))
    params = from_means(noise, blocks, means)
    return fit(model, first_rows(model, blocks, params, SerialEngine()), params, stop)


def labels(fitted):
    return np.concatenate([state.labels for state in fitted.rows.states])


def with_far_means(rng, X, k):
    """Return means of which all but the first are far from every row."""
    return np.vstack([X.mean(axis=0), 1e4 + rng.uniform(size=(k - 1, X.shape[1]))])


@pytest.mark.parametrize("noise", NOISES, ids=lambda noise: noise.name)
@some
@given(rng=generators, k=st.integers(2, 5))
def test_empty_components_are_filled_and_the_loss_falls(noise, rng, k):
    X = 3.0 + rng.poisson(4.0, (30, 3)) + rng.uniform(0, 0.1, (30, 3))
    start = with_far_means(rng, X, k)
    before, after = (run(noise, X, start, Stop(steps)) for steps in (0, 1))
    assert len(set(labels(before))) == 1
    assert len(set(labels(after))) == k
    assert after.objective < before.objective


@pytest.mark.parametrize("noise", [*NOISES, Bernoulli()], ids=lambda noise: noise.name)
@some
@given(rng=generators, k=st.integers(2, 6))
def test_sized_clusters_never_pay_more_for_a_split_than_it_wins(noise, rng, k):
    X = rng.integers(0, 2, (40, 4)) + 0.0
    if noise.name == "tied gaussian":
        X += 0.1 * rng.standard_normal(X.shape)
    means = 0.1 + 0.8 * rng.uniform(size=(k, 4))
    objective = run(noise, X, means, Stop(10), learn_weights=True).trace.objective
    assert np.diff(objective).max() <= 1e-9 * np.abs(objective).max()


@some
@given(rng=generators, distinct=st.integers(1, 3), more=st.integers(1, 3))
def test_more_components_than_distinct_rows_terminate(rng, distinct, more):
    points = rng.choice(50, (distinct, 2), replace=False) * 1.0 if distinct > 1 else np.ones((1, 2))
    X = points[np.arange(12) % distinct]
    noise = Gaussian(fixed_variance=1.0)
    means = X[rng.choice(12, distinct + more)]
    fitted = run(noise, X, means, Stop(50, (NothingMoved(),)))
    assert fitted.converged
    perfect = noise.saturated_loss(fitted.rows.blocks[0], fitted.params).sum()
    assert fitted.objective == pytest.approx(perfect + 12 * np.log(distinct + more), abs=1e-9)
    assert len(set(labels(fitted))) == len(np.unique(points, axis=0))


def test_worst_fitted_row_moves():
    X = np.array([[0.0], [1.0], [2.0], [50.0]])
    fitted = run(Gaussian(fixed_variance=1.0), X, np.array([[10.0], [1e4]]), Stop(1))
    np.testing.assert_array_equal(labels(fitted), [0, 0, 0, 1])
    np.testing.assert_allclose(fitted.params.components, [[1.0], [50.0]])


def test_weightless_rows_do_not_move():
    X, weights = np.array([[0.0], [1.0], [2.0], [50.0]]), np.array([1.0, 1.0, 2.0, 0.0])
    noise = Gaussian(fixed_variance=1.0)
    fitted = run(noise, X, np.array([[0.5], [1e4]]), Stop(1), weights=weights)
    np.testing.assert_array_equal(labels(fitted)[:3], [0, 0, 1])


@given(count=st.floats(1e-3, 1e6), share=st.floats(1e-6, 1.0))
def test_split_price_is_the_entropy_that_is_lost(count, share):
    weight = share * count
    rest = count - weight
    parts = [part * np.log(count / part) for part in (weight, rest) if part > 0]
    assert split_price(count, weight) == pytest.approx(sum(parts), rel=1e-6, abs=1e-6 * count)
    assert split_price(count, weight) >= -1e-9 * count * abs(np.log(count))


@pytest.mark.parametrize("scale", [1e-20, 1e20])
def test_scale_of_weights_does_not_matter(scale):
    rng = np.random.default_rng(0)
    X, weights = rng.standard_normal((30, 3)), rng.uniform(0.5, 1.5, 30)
    blocks, model = open_blocks(X, weights), Model(Gaussian(), OneHot(None, learn_weights=True))
    params = from_means(Gaussian(), blocks, X[:3])
    plain = fit(model, first_rows(model, blocks, params, SerialEngine()), params, Stop(5))
    scaled_blocks = [replace(block, weights=scale * block.weights) for block in blocks]
    rows = first_rows(model, scaled_blocks, params, SerialEngine())
    scaled = fit(model, rows, params, Stop(5))
    np.testing.assert_allclose(scaled.params.components, plain.params.components, rtol=1e-9)
    assert scaled.objective == pytest.approx(scale * plain.objective, rel=1e-9)
