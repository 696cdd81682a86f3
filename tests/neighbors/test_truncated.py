"""Partial E-steps among neighbours: what they find, and that F is that of what they keep."""

from __future__ import annotations

from dataclasses import replace
from unittest.mock import patch

import numpy as np
import pytest
import scipy.sparse as sp
from apart import Apart, Threads
from cells import NOISES, row_state
from hypothesis import given, settings
from hypothesis import strategies as st
from oracles import log_joint
from scipy.special import logsumexp
from strategies import generators, seeds

from cofactor import GaussianMixture, KMeans, Mixture
from cofactor.codes import OneHot
from cofactor.data import open_rows
from cofactor.engine import SerialEngine
from cofactor.engine.pool import Pool
from cofactor.errors import InputError
from cofactor.estimators.covariance_types import COVARIANCE_TYPES
from cofactor.fit import first_rows, fit
from cofactor.model import Model
from cofactor.neighbors import NearbyOneHot, nearby_rows
from cofactor.neighbors.top import PREPARED, Reach
from cofactor.noise import FullGaussian
from cofactor.start import from_means
from cofactor.stop import Stop

SERIAL = SerialEngine()
few, some = settings(max_examples=5), settings(max_examples=15)
SOURCES = [source for source in NOISES if OneHot.suit(source.noise)]
# Full covariances of so many components collapse on so few rows: see test_free_energy.
LASTING = [source for source in SOURCES if not isinstance(source.noise, FullGaussian)]
every_noise = pytest.mark.parametrize("source", SOURCES, ids=lambda source: source.noise.name)
stores = pytest.mark.parametrize("store", [np.asarray, sp.csr_array], ids=["dense", "sparse"])


def problem(source, seed, store, n=90, k=20):
    """Return rows and first parameters, or skip what no kernel does."""
    rng = np.random.default_rng(seed)
    X = source.rows(rng, rng.integers(0, k, n), k, 6)
    rows = source.noise.rows(open_rows(store(X)))
    share = rng.uniform(0.5, 0.8, (k, 1))  # no two alike, even at equal rows
    means = share * X[rng.choice(n, k, replace=False)] + (1 - share) * X.mean(axis=0)
    params = from_means(source.noise, [rows], means)
    kind = type(rows), type(source.noise.scorer(params).losses)
    if kind not in PREPARED:
        pytest.skip("no kernel for such losses of sparse rows")
    return rows, params


def nearby(noise, rows, params, keep, steps, reach):
    model = Model(noise, NearbyOneHot(keep))
    start = nearby_rows(model, rows, params, SERIAL, reach)
    return fit(model, start, params, Stop(steps))


@every_noise
@stores
@few
@given(seed=seeds, keep=st.integers(1, 5))
def test_free_energy_is_that_of_the_kept_components(source, store, seed, keep):
    rows, params = problem(source, seed, store)
    found = nearby(source.noise, rows, params, keep, 4, Reach(2, 1, 8, 4, 2))
    kept = row_state(found, "index")
    assert kept.shape == (rows.n_rows, keep)
    log_p = log_joint(source.noise, rows.dense(), found.params)
    included = logsumexp(np.take_along_axis(log_p, kept, axis=1), axis=1).sum()
    assert -found.objective == pytest.approx(included, rel=1e-9)
    assert included <= logsumexp(log_p, axis=1).sum() + 1e-9 * abs(included)
    assert all(len(set(row)) == keep for row in kept)


@every_noise
@stores
@few
@given(seed=seeds, keep=st.integers(2, 4))
def test_a_search_that_reaches_all_components_is_a_full_one(source, store, seed, keep):
    rows, params = problem(source, seed, store)
    found = nearby(source.noise, rows, params, keep, 6, Reach())
    model = Model(source.noise, OneHot(keep))
    full = fit(model, first_rows(model, [rows], params, SERIAL), params, Stop(6))
    np.testing.assert_allclose(found.trace.objective, full.trace.objective, rtol=1e-8)
    np.testing.assert_allclose(found.params.components, full.params.components, rtol=1e-6)


@pytest.mark.parametrize("source", LASTING, ids=lambda source: source.noise.name)
@stores
@few
@given(seed=seeds, keep=st.integers(1, 3))
def test_free_energy_never_falls_from_any_storage(source, store, seed, keep):
    rows, params = problem(source, seed, store)
    objective = nearby(source.noise, rows, params, keep, 20, Reach(1, 1, 3, 2, 3)).trace.objective
    assert np.diff(objective).max() <= 1e-9 * np.abs(objective).max()


def clustered(rng, n, d, k):
    centers = 4 * rng.normal(size=(k, d))
    return centers[rng.integers(0, k, n)] + rng.normal(size=(n, d))


MODELS = [
    KMeans(300, n_closest=3, search="neighbors", max_iter=8, random_state=0),
    Mixture(300, n_closest=3, search="neighbors", max_iter=8, init_params="k-means++", tol=0),
    *(
        GaussianMixture(
            300,
            covariance_type=shape,
            n_closest=2,
            search="neighbors",
            max_iter=5,
            tol=0,
            init_params="k-means++",
            reg_covar=0.1,
        )
        for shape in COVARIANCE_TYPES
    ),
]


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("model", MODELS, ids=repr)
def test_any_number_of_threads_gives_the_same_bits(model, dtype):
    X = clustered(np.random.default_rng(0), 6000, 10, 200).astype(dtype)
    fits = []
    for n_threads in (1, 2, 3, 7):
        fitted = model.set_params(n_threads=n_threads, random_state=0).fit(X)
        trace = [(i.objective, i.evaluations, i.moved) for i in fitted.trace_]
        fits.append((trace, fitted._params.components.copy()))
    for trace, components in fits[1:]:
        assert trace == fits[0][0]
        np.testing.assert_array_equal(components, fits[0][1])


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_sparse_rows_have_the_same_bits_for_any_number_of_threads():
    rng = np.random.default_rng(1)
    X = sp.csr_array(rng.poisson(rng.gamma(0.2, 2.0, (200, 60))[rng.integers(0, 200, 4000)]) + 0.0)
    fits = [
        KMeans(
            150,
            noise="poisson",
            n_closest=2,
            search="neighbors",
            max_iter=5,
            random_state=0,
            n_threads=n,
        ).fit(X)
        for n in (1, 3)
    ]
    np.testing.assert_array_equal(fits[0].cluster_centers_, fits[1].cluster_centers_)
    assert fits[0].trace_.objective == fits[1].trace_.objective


@pytest.mark.filterwarnings("ignore:Number of distinct clusters")
@some
@given(rng=generators, dtype=st.sampled_from([np.float32, np.float64]), keep=st.integers(2, 4))
def test_rows_meet_few_clusters_and_find_almost_the_best(rng, dtype, keep):
    n, k = 5000, 600
    X = clustered(rng, n, 8, 700).astype(dtype)
    start = X[rng.choice(n, k, replace=False)]
    choices = {"init": start, "n_init": 1, "n_closest": keep, "tol": 1e-3, "n_threads": 1}
    model = KMeans(k, search="neighbors", **choices).fit(X)
    evaluations = np.array([iteration.evaluations for iteration in model.trace_])
    assert 0 < np.median(evaluations) < 0.5 * k * len(X)
    full = KMeans(k, **choices).fit(X)
    assert model.free_energy_ > full.free_energy_ - 0.02 * abs(full.free_energy_)
    gap = model.log_likelihood_gap(X)
    slack = 1e-6 * abs(gap.log_likelihood)
    assert model.free_energy_ <= gap.free_energy + slack


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("shape", COVARIANCE_TYPES)
def test_mixtures_of_any_shape_find_almost_the_best(shape):
    X = clustered(np.random.default_rng(7), 5000, 3, 300)
    choices = {"covariance_type": shape, "n_closest": 3, "max_iter": 6, "tol": 0, "reg_covar": 1e-2}
    choices |= {"init_params": "random_from_data", "random_state": 0, "n_threads": 1}
    model = GaussianMixture(400, search="neighbors", **choices).fit(X)
    full = GaussianMixture(400, **choices).fit(X)
    assert model.free_energy_ == pytest.approx(full.free_energy_, rel=1e-3)
    assert np.median([i.evaluations for i in model.trace_]) < 0.6 * 400 * len(X)


@pytest.mark.parametrize("size", [1e-120, 1e-20, 1e20, 1e120])
def test_rows_in_float64_may_be_of_any_size(size):
    X = clustered(np.random.default_rng(2), 500, 4, 30)
    choices = {"n_closest": 2, "search": "neighbors", "max_iter": 5, "n_init": 1, "tol": 0}
    plain = KMeans(40, init=X[:40], **choices).fit(X)
    scaled = KMeans(40, init=size * X[:40], **choices).fit(size * X)
    assert scaled.inertia_ / size / size == pytest.approx(plain.inertia_, rel=1e-6)


def test_predictions_are_exact_whatever_the_search():
    X = clustered(np.random.default_rng(3), 3000, 6, 100)
    model = KMeans(200, n_closest=2, search="neighbors", max_iter=3, random_state=0).fit(X)
    distances = np.square(X[:, None] - model.cluster_centers_).sum(axis=2)
    np.testing.assert_array_equal(model.predict(X), distances.argmin(axis=1))


def test_weights_may_be_zero():
    rng = np.random.default_rng(4)
    X, weights = clustered(rng, 600, 4, 30), rng.choice([0.0, 1.0, 3.0], 600)
    model = KMeans(40, n_closest=2, search="neighbors", random_state=0)
    objective = model.fit(X, sample_weight=weights).trace_.objective
    assert np.diff(objective).max() <= 1e-9 * np.abs(objective).max()
    assert np.isfinite(model.cluster_centers_).all()


@pytest.mark.parametrize(
    ("model", "match"),
    [
        (KMeans(3, n_closest=None, search="neighbors"), "n_closest=None"),
        (Mixture(3, search="neighbors"), "n_closest=None"),
    ],
    ids=["k-means", "mixture"],
)
def test_what_cannot_be_searched_so_is_said(model, match):
    with pytest.raises(InputError, match=match):
        model.fit(clustered(np.random.default_rng(5), 50, 3, 3))


def test_sparse_rows_have_no_search_for_covariances():
    X = sp.csr_array(clustered(np.random.default_rng(6), 50, 3, 3))
    model = GaussianMixture(3, covariance_type="diag", n_closest=2, search="neighbors")
    with pytest.raises(InputError, match="diagonal gaussian noise on SparseRows"):
        model.fit(X)


def in_blocks(noise, rows, params, keep, size, engine, steps=6):
    """Fit with blocks of a few rows."""
    blocks = [rows.take(slice(i, i + size)) for i in range(0, rows.n_rows, size)]
    model, reach = Model(noise, NearbyOneHot(keep)), Reach(2, 2, 8, 4, 2)
    with patch("cofactor.neighbors.truncated.cut", lambda *_, **__: blocks):
        start = nearby_rows(model, rows, params, engine, reach)
    return fit(model, start, params, Stop(steps))


@every_noise
@stores
@few
@given(seed=seeds, keep=st.integers(1, 4), size=st.integers(9, 60))
def test_blocks_apart_keep_the_laws_on_every_engine(source, store, seed, keep, size):
    rows, params = problem(source, seed, store)
    params = replace(params, dispersion=16 * params.dispersion)  # wide: none collapses
    found = in_blocks(source.noise, rows, params, keep, size, Apart())
    objective = np.array(found.trace.objective)
    assert np.diff(objective).max() <= 1e-9 * np.abs(objective).max()
    log_p = log_joint(source.noise, rows.dense(), found.params)
    included = np.take_along_axis(log_p, row_state(found, "index"), axis=1)
    assert -found.objective == pytest.approx(logsumexp(included, axis=1).sum(), rel=1e-9)
    for n_threads in (2, 3):
        with Pool(n_threads) as pool:
            engine = Threads(pool, n_threads)
            again = in_blocks(source.noise, rows, params, keep, size, engine)
        assert again.trace.objective == found.trace.objective
        np.testing.assert_array_equal(row_state(again, "index"), row_state(found, "index"))


def test_one_block_apart_is_all_rows_together():
    source = SOURCES[0]
    rows, params = problem(source, 5, np.asarray)
    fits = [in_blocks(source.noise, rows, params, 3, 90, engine) for engine in (SERIAL, Apart())]
    assert fits[0].trace.objective == fits[1].trace.objective
    counted = [[line.evaluations for line in found.trace] for found in fits]
    assert counted[0] == counted[1]
