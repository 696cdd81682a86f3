"""k-means that learns from batches, against scikit-learn's and against all rows at once."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import cluster
from sklearn.datasets import make_blobs
from strategies import generators

from cofactor import KMeans, MiniBatchKMeans, load_model, save_model
from cofactor.errors import InputError
from cofactor.start.measured import Lots

some = settings(max_examples=25, deadline=None)
dtypes = st.sampled_from([np.float32, np.float64])
storages = st.sampled_from([np.asarray, sp.csr_matrix, sp.csr_array])


def batches(rng, dtype, storage, n_batches=4):
    """Yield rows and weights, some of them zero."""
    for _ in range(n_batches):
        dense = rng.normal(size=(rng.integers(5, 60), 4)) * (rng.random(4) < 0.8)
        weights = rng.exponential(size=len(dense)) * (rng.random(len(dense)) < 0.9)
        yield storage(dense.astype(dtype)), weights.astype(dtype)


@some
@given(rng=generators, dtype=dtypes, storage=storages, weighted=st.booleans())
def test_partial_fits_are_those_of_scikit_learn(rng, dtype, storage, weighted):
    start = rng.normal(size=(5, 4)).astype(dtype)
    ours = KMeans(5, init=start)
    theirs = cluster.MiniBatchKMeans(5, init=start, n_init=1, reassignment_ratio=0)
    for X, weights in batches(rng, dtype, storage):
        chosen = weights if weighted else None
        ours.partial_fit(X, sample_weight=chosen)
        theirs.partial_fit(X, sample_weight=chosen)
        tolerance = 1e-4 if dtype is np.float32 else 1e-10
        np.testing.assert_allclose(
            ours.cluster_centers_, theirs.cluster_centers_, rtol=tolerance, atol=tolerance
        )
        np.testing.assert_allclose(ours.inertia_, theirs.inertia_, rtol=1e-3, atol=tolerance)
    assert ours.n_steps_ == theirs.n_steps_
    assert ours.cluster_centers_.dtype == dtype


@pytest.mark.parametrize("noise", ["gaussian", "poisson"])
@pytest.mark.parametrize("n_closest", [1, 2, None])
def test_a_batch_of_all_rows_from_the_fitted_centers_changes_nothing(noise, n_closest):
    rng = np.random.default_rng(0)
    X = rng.poisson(rng.gamma(1, 20, size=(4, 3))[rng.integers(0, 4, 200)]).astype(float)
    model = KMeans(4, noise=noise, n_closest=n_closest, tol=0, max_iter=2000, random_state=0).fit(X)
    before = model.cluster_centers_
    after = model.partial_fit(X).cluster_centers_
    np.testing.assert_allclose(after, before, rtol=1e-4)


def test_learning_goes_on_after_a_fit():
    X = np.random.default_rng(1).normal(size=(300, 3))
    model = KMeans(4, random_state=0).fit(X[:200])
    labels, counts = model.predict(X[200:]), np.bincount(model.labels_, minlength=4)
    expected = model.cluster_centers_ * counts[:, None]
    np.add.at(expected, labels, X[200:])
    counts += np.bincount(labels, minlength=4)
    model.partial_fit(X[200:])
    np.testing.assert_allclose(model.cluster_centers_, expected / counts[:, None], rtol=1e-6)


def test_the_first_batch_must_hold_a_row_for_each_cluster():
    with pytest.raises(InputError, match="n_samples=3 should be >= n_clusters=8"):
        KMeans().partial_fit(np.eye(3))


def test_batches_must_have_the_same_columns():
    model = KMeans(2).partial_fit(np.eye(3))
    with pytest.raises(ValueError, match="2 features"):
        model.partial_fit(np.eye(2))


def blobs(storage=np.asarray):
    X, _ = make_blobs(3_000, 5, centers=8, cluster_std=2.0, random_state=3)
    return storage(X)


SETTINGS = [
    {},
    {"batch_size": 100, "max_iter": 3, "max_no_improvement": None},
    {"batch_size": 5_000, "tol": 1e-3},
    {"batch_size": 200, "reassignment_ratio": 0.5, "max_no_improvement": 3},
    {"batch_size": 64, "reassignment_ratio": 0},
    {"compute_labels": False},
]


@pytest.mark.parametrize("settings", SETTINGS)
@pytest.mark.parametrize("storage", [np.asarray, sp.csr_matrix])
def test_mini_batches_are_those_of_scikit_learn(settings, storage):
    X = blobs(storage)
    start = X[:8] if storage is np.asarray else X[:8].toarray()
    ours, theirs = (
        kind(8, init=start, n_init=1, random_state=0, **settings).fit(X)
        for kind in (MiniBatchKMeans, cluster.MiniBatchKMeans)
    )
    np.testing.assert_allclose(ours.cluster_centers_, theirs.cluster_centers_, rtol=1e-6)
    assert (ours.n_steps_, ours.n_iter_) == (theirs.n_steps_, theirs.n_iter_)
    np.testing.assert_allclose(ours.inertia_, theirs.inertia_, rtol=1e-6)
    assert hasattr(ours, "labels_") == hasattr(theirs, "labels_")


def test_mini_batches_draw_rows_by_weight():
    X, weights = blobs(), np.random.default_rng(0).exponential(size=3_000)
    ours, theirs = (
        kind(8, init=X[:8], n_init=1, random_state=0).fit(X, sample_weight=weights)
        for kind in (MiniBatchKMeans, cluster.MiniBatchKMeans)
    )
    np.testing.assert_allclose(ours.cluster_centers_, theirs.cluster_centers_, rtol=1e-6)


@pytest.mark.parametrize("init", ["k-means++", "random"])
def test_mini_batches_come_close_to_all_rows_at_once(init):
    X = blobs()
    whole = KMeans(8, n_init=10, random_state=0).fit(X)
    batches = MiniBatchKMeans(8, init=init, random_state=0, batch_size=256).fit(X)
    assert batches.inertia_ < 1.5 * whole.inertia_
    assert -batches.score(X) == pytest.approx(batches.inertia_)


@pytest.mark.parametrize("noise", ["poisson", "multinomial"])
def test_mini_batches_take_other_noises(noise):
    rng = np.random.default_rng(2)
    X = rng.poisson(rng.gamma(1, 20, size=(4, 6))[rng.integers(0, 4, 2_000)])
    whole = KMeans(4, noise=noise, n_init=5, random_state=0).fit(X)
    batches = MiniBatchKMeans(4, noise=noise, n_init=5, random_state=0, batch_size=200).fit(X)
    assert batches.inertia_ < 1.2 * whole.inertia_


def test_learning_goes_on_from_a_file(tmp_path):
    X = blobs()
    model = MiniBatchKMeans(8, random_state=0).partial_fit(X[:1_000])
    save_model(model, tmp_path / "model.safetensors")
    loaded = load_model(tmp_path / "model.safetensors")
    for each in (model, loaded):
        each.set_params(reassignment_ratio=0.0).partial_fit(X[1_000:])
    np.testing.assert_array_equal(model.cluster_centers_, loaded.cluster_centers_)


def test_reassigned_centers_leave_the_variance_alone():
    X = blobs()
    model = MiniBatchKMeans(30, random_state=0, batch_size=100, reassignment_ratio=0.5).fit(X)
    assert 0.1 < model.variance_ < 10 * X.var()


@some
@given(rng=generators, n=st.integers(1, 500), size=st.integers(1, 200), equal=st.booleans())
def test_rows_are_drawn_as_numpy_draws_them(rng, n, size, equal):
    weights = np.ones(n) if equal else rng.exponential(size=n) * (rng.random(n) < 0.7) + 1e-9
    seed = int(rng.integers(1000))
    share = weights / weights.sum()
    drawn = Lots(weights).draw(size, np.random.RandomState(seed))
    expected = np.random.RandomState(seed).choice(n, size, p=share)
    np.testing.assert_array_equal(drawn, expected)
