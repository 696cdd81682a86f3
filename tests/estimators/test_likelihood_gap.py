"""How far free energies lie below the likelihood, against the whole posterior."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.sparse as sp
from cells import NOISES
from hypothesis import given, settings
from hypothesis import strategies as st
from oracles import best, drawn, log_joint
from scipy.special import logsumexp
from sklearn.exceptions import ConvergenceWarning
from strategies import generators, seeds

from cofactor import GaussianMixture, KMeans, MiniBatchKMeans, Mixture
from cofactor.codes import OneHot
from cofactor.data import open_rows
from cofactor.errors import InputError
from cofactor.estimators.likelihood_gap import Sampling

few, some = settings(max_examples=6), settings(max_examples=20)
MIXTURES = [source for source in NOISES if OneHot.suit(source.noise)]
every_noise = pytest.mark.parametrize("source", MIXTURES, ids=lambda source: source.noise.name)


def mixed(rng, n=200):
    """Return overlapping clusters in the plane."""
    return rng.normal(size=(6, 2))[rng.integers(6, size=n)] + 0.6 * rng.normal(size=(n, 2))


def truncated(X, n_closest, **choices):
    choices = {"random_state": 0, "max_iter": 7, "n_threads": 1, **choices}
    return KMeans(6, n_closest=n_closest, **choices).fit(X)


@every_noise
@few
@given(seed=seeds, keep=st.integers(1, 4), weighted=st.booleans())
def test_the_gap_is_the_posterior_left_out(source, seed, keep, weighted):
    rng = np.random.default_rng(seed)
    X = drawn(source, rng, n=50)
    weights = rng.choice([0.0, 0.5, 2.0], 50) if weighted else np.ones(50)
    model = Mixture(4, noise=source.noise, n_closest=keep, max_iter=2, tol=0, random_state=0)
    with pytest.warns(ConvergenceWarning):
        model.fit(X, sample_weight=weights)
    log_p = log_joint(source.noise, source.noise.rows(open_rows(X)).dense(), model._params)
    log_likelihood = logsumexp(log_p, axis=1)
    held = np.exp(log_p - log_likelihood[:, None])[best(log_p, keep)].reshape(50, keep)
    gap = model.log_likelihood_gap(X, weights)
    assert gap.value == pytest.approx(-(weights @ np.log(held.sum(axis=1))), rel=1e-9, abs=1e-10)
    assert gap.low == gap.high == gap.value
    assert gap.value <= gap.bound + 1e-10
    assert gap.confidence == 1
    scale = abs(gap.log_likelihood)
    assert gap.log_likelihood == pytest.approx(weights @ log_likelihood, rel=1e-10)
    assert gap.log_likelihood - model.free_energy_ == pytest.approx(gap.value, abs=1e-10 * scale)
    assert gap.free_energy == pytest.approx(model.free_energy_, abs=1e-10 * scale)


@some
@given(rng=generators)
def test_keeping_more_leaves_less_and_keeping_all_nothing(rng):
    X = mixed(rng)
    model = truncated(X, 3)
    values = [model.set_params(n_closest=c).log_likelihood_gap(X).value for c in (1, 2, 3, 6, None)]
    assert (np.diff(values) <= 0).all()
    assert values[-2:] == [0.0, 0.0]


def test_a_tiny_gap_has_all_its_digits():
    X = np.repeat([[0.0], [1.0]], 20, axis=0) + np.linspace(-0.1, 0.1, 40)[:, None]
    model = KMeans(2, n_closest=1, init=[[0.0], [1.0]], n_init=1).fit(X)
    log_p = log_joint(model._mixture_noise, X, model._params)
    exact = np.log1p(np.exp(-np.abs(log_p[:, 0] - log_p[:, 1]))).sum()
    assert 0 < exact < 1e-20
    assert model.log_likelihood_gap(X).value == pytest.approx(exact, rel=1e-6)


@few
@given(rng=generators, confidence=st.sampled_from([0.5, 0.95]))
def test_an_interval_holds_the_gap_about_as_often_as_it_says(rng, confidence):
    X, weights = mixed(rng, 400), rng.exponential(size=400)
    model = truncated(X, 2)
    exact = model.log_likelihood_gap(X, weights).value
    drawn = [
        model.log_likelihood_gap(
            X, weights, n_samples=100, confidence=confidence, random_state=int(seed)
        )
        for seed in rng.integers(0, 2**31, 40)
    ]
    inside = np.mean([gap.low <= exact <= gap.high for gap in drawn])
    assert inside >= confidence - 0.2
    spread = np.std([gap.value for gap in drawn]) / np.sqrt(40)
    assert abs(np.mean([gap.value for gap in drawn]) - exact) <= 5 * spread


def test_more_samples_make_the_interval_narrow():
    X = mixed(np.random.default_rng(0), 5000)
    model = truncated(X, 2)
    gaps = [model.log_likelihood_gap(X, n_samples=m, random_state=0) for m in (100, 1000, 4000)]
    widths = [gap.high - gap.low for gap in gaps]
    assert widths[0] > 2 * widths[1] > 3 * widths[2]
    assert all(gap.n_samples == m for gap, m in zip(gaps, (100, 1000, 4000), strict=True))


@pytest.mark.parametrize("store", [sp.csr_array, np.float32], ids=["sparse", "float32"])
def test_storage_does_not_matter(store):
    X = mixed(np.random.default_rng(1))
    model = truncated(X, 2)
    expected = model.log_likelihood_gap(X).value
    assert model.log_likelihood_gap(store(X)).value == pytest.approx(expected, rel=1e-4)


@pytest.mark.parametrize(
    "model",
    [MiniBatchKMeans(4, n_closest=2, random_state=0), GaussianMixture(4, n_closest=2)],
    ids=lambda model: type(model).__name__,
)
def test_every_clustering_and_mixture_has_a_gap(model):
    X = mixed(np.random.default_rng(2))
    assert model.fit(X).log_likelihood_gap(X).value > 0


def test_clusters_of_unit_rows_have_a_gap():
    X = np.abs(mixed(np.random.default_rng(3))) + 0.1
    model = KMeans(4, noise="von_mises_fisher", n_closest=2, random_state=0).fit(X)
    gap = model.log_likelihood_gap(X)
    assert gap.free_energy == pytest.approx(model.free_energy_, rel=1e-9)


@pytest.mark.parametrize(
    ("choices", "match"),
    [((1, 0.9), "n_samples is 1"), ((10, 1.0), "confidence is 1.0"), ((10, 0.0), "confidence")],
)
def test_bad_samples_are_refused(choices, match):
    with pytest.raises(InputError, match=match):
        Sampling(*choices, None)
