"""A variance that falls step by step: annealing that never lowers the free energy."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from oracles import blobs, run
from strategies import generators

from cofactor import KMeans, Mixture
from cofactor.codes import OneHot
from cofactor.data import open_blocks
from cofactor.errors import InputError
from cofactor.noise import Gaussian
from cofactor.start import from_means
from cofactor.stop import Stop

some = settings(max_examples=20)


def cooled(X, keep, n_steps, learn_weights=False, **choices):
    noise = Gaussian(**choices)
    params = from_means(noise, open_blocks(X), X[:4])
    return run(noise, OneHot(keep, learn_weights), X, params, Stop(n_steps))


@some
@given(
    rng=generators,
    keep=st.sampled_from([1, 2, 3, None]),
    learn_weights=st.booleans(),
    first=st.sampled_from([0.01, 1.0, 30.0]),
    cooling=st.floats(0.0, 0.99),
)
def test_cooling_never_lowers_the_free_energy(rng, keep, learn_weights, first, cooling):
    X = blobs(rng)
    objective = np.array(
        cooled(X, keep, 30, learn_weights, first_variance=first, cooling=cooling).trace.objective
    )
    assert np.diff(objective).max() <= 1e-9 * np.abs(objective).max()


@some
@given(rng=generators, cooling=st.sampled_from([0.5, 0.9]))
def test_the_variance_falls_by_no_more_than_cooling_allows(rng, cooling):
    X = blobs(rng)
    first = 50.0
    variances = [
        float(cooled(X, 2, n, first_variance=first, cooling=cooling).params.dispersion)
        for n in range(8)
    ]
    assert variances[0] == first
    ratios = np.divide(variances[1:], variances[:-1])
    assert (ratios >= cooling * (1 - 1e-12)).all()
    assert ratios[0] == pytest.approx(cooling)


def test_in_the_end_the_variance_is_what_fits_best():
    X = blobs(np.random.default_rng(0), n=400)
    model = KMeans(4, n_closest=2, noise=Gaussian(first_variance=30.0, cooling=0.8), tol=1e-9)
    plain = KMeans(4, n_closest=2, tol=1e-9, init=model.fit(X).cluster_centers_).fit(X)
    assert model.converged_
    assert model.variance_ == pytest.approx(plain.variance_, rel=1e-3)


def test_slow_cooling_is_not_taken_for_convergence():
    X = blobs(np.random.default_rng(1), n=400)
    plain = KMeans(4, n_closest=4, tol=1e-3, random_state=0).fit(X)
    noise = Gaussian(first_variance=2 * plain.variance_, cooling=0.99)
    model = KMeans(4, n_closest=4, noise=noise, tol=1e-3, random_state=0).fit(X)
    assert model.n_iter_ > 50 > plain.n_iter_
    assert model.variance_ == pytest.approx(plain.variance_, rel=0.05)


def test_mixtures_cool_too():
    X = blobs(np.random.default_rng(2), n=300)
    model = Mixture(4, noise=Gaussian(first_variance=50.0, cooling=0.7), n_closest=3, max_iter=300)
    objective = np.array(model.fit(X).trace_.objective)
    assert np.diff(objective).max() <= 1e-9 * np.abs(objective).max()
    assert model.dispersion_ < 10


@pytest.mark.parametrize("temperature", [0.5, 20.0])
def test_a_fixed_variance_is_a_temperature(temperature):
    X = blobs(np.random.default_rng(3), n=100)
    noise = Gaussian(fixed_variance=temperature / 2)
    model = KMeans(4, n_closest=None, noise=noise, init=X[:4], max_iter=1, n_init=1).fit(X)
    shares = np.exp(-np.square(X[:, None] - X[:4]).sum(axis=2) / temperature)
    shares /= shares.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(model.cluster_centers_, shares.T @ X / shares.sum(axis=0)[:, None])


@pytest.mark.parametrize(
    ("choices", "match"),
    [
        ({"cooling": 1.0}, "cooling is 1.0"),
        ({"cooling": -0.1}, "cooling is -0.1"),
        ({"first_variance": 0.0}, "first_variance is 0.0"),
        ({"fixed_variance": -1.0}, "fixed_variance -1.0"),
    ],
)
def test_what_cannot_cool_is_refused(choices, match):
    with pytest.raises(InputError, match=match):
        Gaussian(**choices)
