"""First factors from clusters of rows and from anchor columns."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import linear_sum_assignment

from cofactor import NMF, TopicModel
from cofactor.start import first_factors

BOTH = pytest.mark.parametrize("init", ["kmeans", "anchors"])
generators = st.integers(0, 2**32 - 1).map(np.random.default_rng)


def planted(seed, mixed, n=600, d=200, k=5):
    """Return counts, and components of which each has five columns for itself."""
    rng = np.random.default_rng(seed)
    components = rng.gamma(0.3, 1.0, (k, d))
    for c in range(k):
        components[:, 5 * c : 5 * (c + 1)] = 0.0
        components[c, 5 * c : 5 * (c + 1)] = components[c].max()
    components /= components.sum(axis=1, keepdims=True)
    shares = rng.dirichlet(np.full(k, mixed), n)
    return rng.poisson(rng.integers(200, 2000, n)[:, None] * shares @ components), components


def distances(found, expected):
    """Return how much of each component is elsewhere, the best match of all."""
    found = found / found.sum(axis=1, keepdims=True)
    apart = 0.5 * np.abs(found[:, None] - expected).sum(axis=2)
    return apart[linear_sum_assignment(apart)]


@pytest.mark.parametrize("seed", range(5))
def test_anchors_tell_components_of_mixed_rows(seed):
    X, components = planted(seed, mixed=0.3)
    found = first_factors(X.astype(float), 5, "anchors", 0)[1]
    assert distances(found, components).max() < 0.06


@pytest.mark.parametrize("seed", range(5))
def test_clusters_are_components_of_rows_that_have_one(seed):
    X, components = planted(seed, mixed=1e-3)
    found = first_factors(X.astype(float), 5, "kmeans", 0)[1]
    assert np.sort(distances(found, components))[:3].max() < 0.06  # k-means may merge two


@BOTH
@settings(max_examples=25, deadline=None)
@given(
    rng=generators,
    n=st.integers(2, 40),
    d=st.integers(2, 30),
    dtype=st.sampled_from([np.float32, np.float64]),
)
def test_factors_are_positive_and_of_the_size_of_the_data(init, rng, n, d, dtype):
    X = rng.poisson(rng.gamma(0.5, 2.0, (n, d))).astype(dtype)
    X[0, 0] += 1
    k = int(rng.integers(1, min(n, d) + 1))
    codes, components = first_factors(X, k, init, int(rng.integers(100)))
    assert (codes.shape, components.shape) == ((n, k), (k, d))
    assert (codes > 0).all()
    assert (components > 0).all()
    np.testing.assert_allclose(components.sum(axis=1), 1.0)
    assert codes.sum() <= 50.0 * X.sum()


@BOTH
def test_sparse_rows_start_where_dense_rows_do(init):
    X = planted(0, mixed=0.3)[0].astype(float)
    for dense, sparse in zip(
        first_factors(X, 5, init, 0), first_factors(sp.csr_array(X), 5, init, 0), strict=True
    ):
        np.testing.assert_allclose(sparse, dense, rtol=1e-6, atol=1e-9)


@BOTH
@pytest.mark.parametrize("noise", ["gaussian", "poisson"])
def test_fits_begin_with_them_and_the_objective_falls(init, noise):
    X = planted(1, mixed=0.3)[0].astype(float)
    model = NMF(5, noise=noise, init=init, max_iter=400, random_state=0).fit(X)
    objectives = np.array([line.objective for line in model.trace_])
    assert (np.diff(objectives) <= 1e-9 * np.abs(objectives[0])).all()
    again = NMF(5, noise=noise, init=init, max_iter=400, random_state=0).fit(X)
    np.testing.assert_array_equal(again.components_, model.components_)


@BOTH
def test_topic_models_begin_with_them(init):
    X, components = planted(2, mixed=0.3)
    model = TopicModel(5, init=init, random_state=0).fit(X)
    assert distances(model.topics_, components).max() < 0.06


@BOTH
def test_rows_and_columns_of_zeros_do_no_harm(init):
    X = planted(3, mixed=0.3)[0].astype(float)
    X[::7], X[:, ::9] = 0.0, 0.0
    codes, components = first_factors(X, 5, init, 0)
    assert np.isfinite(codes).all()
    assert np.isfinite(components).all()


@BOTH
@pytest.mark.parametrize("store", [np.asarray, sp.csr_array], ids=["dense", "sparse"])
def test_threads_do_not_change_a_bit(init, store):
    X, common = store(planted(4, mixed=0.3)[0].astype(float)), {"init": init, "random_state": 0}
    fits = [
        NMF(5, noise="poisson", max_iter=300, n_threads=t, **common).fit(X) for t in (1, 2, 3, 7)
    ]
    for fit in fits[1:]:
        np.testing.assert_array_equal(fit.components_, fits[0].components_)
