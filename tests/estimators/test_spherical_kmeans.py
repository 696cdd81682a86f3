"""Spherical k-means: clusters of directions, dense and sparse."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import quad
from scipy.special import gammaln
from strategies import generators

from cofactor import KMeans, MiniBatchKMeans, Mixture
from cofactor.errors import InputError
from cofactor.noise import VonMisesFisher
from cofactor.noise.von_mises_fisher import concentration, log_normaliser, mean_cosine

NOISE = "von_mises_fisher"
storages = pytest.mark.parametrize("storage", [np.asarray, sp.csr_matrix, sp.csr_array])


def directions(rng, n=300, d=6, k=4):
    """Rows about a few directions, of all lengths."""
    centers = rng.normal(size=(k, d))
    rows = centers[rng.integers(0, k, n)] + 0.3 * rng.normal(size=(n, d))
    return rows * rng.exponential(size=(n, 1))


def unit(X):
    return X / np.linalg.norm(X, axis=1, keepdims=True)


@settings(max_examples=20, deadline=None)
@given(rng=generators, weighted=st.booleans())
def test_centers_are_mean_directions_and_rows_are_nearest_by_cosine(rng, weighted):
    X, weights = directions(rng), rng.exponential(size=300)
    model = KMeans(4, noise=NOISE, tol=0, random_state=0)
    model.fit(X, sample_weight=weights if weighted else None)
    cosines = unit(X) @ model.cluster_centers_.T
    np.testing.assert_array_equal(model.labels_, cosines.argmax(axis=1))
    share = weights if weighted else np.ones(300)
    for c, center in enumerate(model.cluster_centers_):
        own = model.labels_ == c
        np.testing.assert_allclose(center, unit((share[own] @ unit(X)[own])[None])[0], atol=1e-9)
    assert model.inertia_ == pytest.approx(share @ (1 - cosines.max(axis=1)))
    assert (np.diff(model.trace_.objective) <= 1e-9 * abs(model.trace_.objective[0])).all()


def test_best_of_many_starts_is_the_best_of_all_clusterings():
    X = directions(np.random.default_rng(5), n=9, d=3, k=2)

    def loss(labels):
        sums = np.stack([unit(X)[labels == c].sum(axis=0) for c in range(2)])
        return len(X) - np.linalg.norm(sums, axis=1).sum()

    least = min(loss(np.array(labels)) for labels in product(range(2), repeat=9))
    found = KMeans(2, noise=NOISE, n_init=20, random_state=0, tol=0).fit(X)
    assert found.inertia_ == pytest.approx(least)


@storages
def test_lengths_of_rows_mean_nothing(storage):
    rng = np.random.default_rng(1)
    X, lengths = directions(rng), rng.exponential(size=(300, 1))
    one, other = (
        KMeans(4, noise=NOISE, init=X[:4], tol=0).fit(storage(rows)) for rows in (X, lengths * X)
    )
    np.testing.assert_array_equal(one.labels_, other.labels_)
    np.testing.assert_allclose(one.cluster_centers_, other.cluster_centers_, atol=1e-12)
    np.testing.assert_array_equal(one.predict(storage(2 * X)), one.labels_)


@storages
def test_predictions_distances_and_scores_agree(storage):
    X = directions(np.random.default_rng(2))
    model = KMeans(4, noise=NOISE, random_state=0).fit(storage(X))
    np.testing.assert_allclose(
        model.transform(storage(X)), 1 - unit(X) @ model.cluster_centers_.T, atol=1e-12
    )
    np.testing.assert_array_equal(model.transform(storage(X)).argmin(axis=1), model.labels_)
    assert -model.score(storage(X)) == pytest.approx(model.inertia_)


@pytest.mark.parametrize("kind", [KMeans, MiniBatchKMeans, Mixture])
def test_rows_of_zeros_have_no_direction(kind):
    with pytest.raises(InputError, match="no direction"):
        kind(2, noise=NOISE).fit(np.vstack([np.eye(3), np.zeros(3)]))


def test_data_are_left_alone():
    X = directions(np.random.default_rng(3))
    for storage in (np.asarray, sp.csr_array):
        data = storage(X)
        KMeans(3, noise=NOISE).fit(data)
        np.testing.assert_array_equal(data if storage is np.asarray else data.toarray(), X)


@pytest.mark.parametrize("d", [2, 3, 7, 30])
@pytest.mark.parametrize("kappa", [0.01, 1.0, 30.0])
def test_densities_integrate_to_one(d, kappa):
    """Integrate over the cosine: at each there is a sphere of one dimension less."""
    log_area = np.log(2) + 0.5 * (d - 1) * np.log(np.pi) - gammaln(0.5 * (d - 1))

    def density(angle):
        log_density = log_normaliser(kappa, d) + kappa * np.cos(angle) + log_area
        return np.exp(log_density) * np.sin(angle) ** (d - 2)

    assert quad(density, 0, np.pi)[0] == pytest.approx(1.0, rel=1e-9)


@pytest.mark.parametrize("d", [2, 3, 50, 300, 10_000, 1_000_000])
def test_concentrations_give_the_mean_cosine(d):
    for cosine in (0.01, 0.3, 0.9, 0.999):
        kappa = concentration(cosine, d)
        assert mean_cosine(kappa, d) == pytest.approx(cosine, rel=1e-6)
        # Bounds of the ratio of Bessel functions [Amos 1974].
        order = 0.5 * d - 1
        lower = kappa / (order + 0.5 + np.hypot(order + 1.5, kappa))
        upper = (
            kappa / (order + np.hypot(order + 2, kappa))
            if d == 2
            else kappa / (order + 0.5 + np.hypot(order + 0.5, kappa))
        )
        assert lower * (1 - 1e-6) <= cosine
        assert d == 2 or cosine <= upper * (1 + 1e-6)


def test_samples_have_the_mean_cosine():
    from cofactor.noise import Params

    rng, noise = np.random.default_rng(4), VonMisesFisher()
    mean = unit(np.ones((20_000, 5)))
    params = Params(mean[:1], np.zeros(1), np.array(8.0), np.zeros(5))
    rows = noise.sample(mean, np.zeros(20_000, dtype=np.int32), params, rng)
    np.testing.assert_allclose(np.linalg.norm(rows, axis=1), 1.0)
    assert (rows * mean).sum(axis=1).mean() == pytest.approx(mean_cosine(8.0, 5), abs=5e-3)


def test_mixtures_of_directions_learn_their_concentration():
    from cofactor.noise import Params

    rng, noise = np.random.default_rng(6), VonMisesFisher()
    centers = np.eye(3, 8)
    labels = rng.integers(0, 3, 3_000)
    params = Params(centers, np.zeros(3), np.array(25.0), np.zeros(8))
    X = noise.sample(centers[labels], labels, params, rng)
    found = Mixture(3, noise=NOISE, random_state=0, n_init=3, tol=1e-8, max_iter=500).fit(X)
    assert float(found._params.dispersion) == pytest.approx(25.0, rel=0.05)
