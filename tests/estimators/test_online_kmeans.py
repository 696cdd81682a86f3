"""k-means that learns from batches, against scikit-learn's and against all rows at once."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import cluster
from strategies import generators

from cofactor import KMeans
from cofactor.errors import InputError

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
