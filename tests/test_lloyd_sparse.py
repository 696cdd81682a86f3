"""The kernel takes the same steps on rows stored sparsely."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given, settings
from hypothesis import strategies as st
from strategies import generators

from cofactor import KMeans, kernels
from cofactor import lloyd as module
from cofactor.data import SparseRows, open_rows
from cofactor.engine import SerialEngine, engine_for
from cofactor.lloyd import Ending, begun
from cofactor.noise import Gaussian
from cofactor.start import from_means

some = settings(max_examples=60, deadline=None)
dtypes = st.sampled_from([np.float32, np.float64])
index_dtypes = st.sampled_from([np.int32, np.int64])
NOISE = Gaussian()


def thinned(rng, X):
    """Leave a share of the entries, and some rows and columns without any."""
    n, d = X.shape
    return X * (rng.random((n, d)) < 0.4) * (rng.random((n, 1)) < 0.9) * (rng.random(d) < 0.9)


def whole_numbers(rng, shape):
    """Few values: many duplicates and exact ties."""
    return thinned(rng, rng.integers(-2, 3, shape))


def scattered(rng, shape):
    return thinned(rng, rng.normal(size=shape))


def clustered(rng, shape):
    centers = 5 * rng.normal(size=(7, shape[1]))
    return thinned(rng, centers[rng.integers(0, 7, shape[0])] + 0.5 * rng.normal(size=shape))


def long_and_short(rng, shape):
    """Rows of very different norms."""
    return thinned(rng, rng.normal(size=shape)) * 10.0 ** rng.integers(-3, 4, (shape[0], 1))


data = st.sampled_from([whole_numbers, scattered, clustered, long_and_short])


def opened(X, dtype=np.float32, index_dtype=np.int32, weights=None):
    rows = open_rows(sp.csr_array(X.astype(dtype)), weights)
    indptr, indices, values = rows.arrays
    matrix = sp.csr_array(rows.matrix.shape, dtype=dtype)
    matrix.indptr, matrix.indices = indptr.astype(index_dtype), indices.astype(index_dtype)
    matrix.data = values
    return replace(rows, matrix=matrix)


def steps(rows, means, n_steps, engine=None):
    """Yield the clusters and the kernel's line after every iteration."""
    clusters = begun(rows, from_means(NOISE, [rows], means))
    ending = Ending(-1.0, n_steps - 1, callbacks=[lambda iteration: None])
    for (line,) in module._iterations(clusters, engine or SerialEngine(), ending):
        yield clusters, line


def searched(rows, means):
    """Return the labels that the kernel gives without bounds, in a first step."""
    ((clusters, _),) = steps(rows, means, 1)
    return clusters.labels


def assert_nearest_up_to_rounding(rows, clusters):
    X = rows.dense()
    losses = 0.5 * np.square(clusters.means).sum(axis=1) - X @ clusters.means.T
    lengths = np.sqrt(np.square(X).sum(axis=1))
    reach = np.sqrt(np.square(clusters.means).sum(axis=1).max())
    rounding = 4 * (X.shape[1] + 4) * np.finfo(rows.matrix.dtype).eps * (lengths + reach) * reach
    own = np.take_along_axis(losses, clusters.labels[:, None], axis=1)[:, 0]
    assert (own <= losses.min(axis=1) + rounding).all()


def assert_steps_are_plain(rows, means, n_steps=8):
    before, zero = np.full(rows.n_rows, -1), np.zeros(rows.n_columns)
    for clusters, line in steps(rows, means, n_steps):
        np.testing.assert_array_equal(clusters.labels, searched(rows, clusters.means))
        assert_nearest_up_to_rounding(rows, clusters)
        index, weights = clusters.labels[:, None], rows.weights[:, None]
        counts, sums = rows.scatter_sums(index, weights, len(means), zero)
        size = np.abs(sums).max() + np.abs(rows.stored).max(initial=1e-300)
        np.testing.assert_allclose(clusters.sums, sums, rtol=0, atol=1e-10 * size)
        np.testing.assert_allclose(clusters.counts, counts, rtol=1e-9)
        assert line[3] == np.count_nonzero(before != clusters.labels)
        norms = rows.squared_norms(zero)
        loss = 0.5 * rows.weights @ rows.squared_distances(clusters.means, clusters.labels)
        assert abs(0.5 * line[2] + line[0] - loss) <= 1e-9 * (rows.weights @ norms)
        before = clusters.labels.copy()


@some
@given(
    make=data,
    rng=generators,
    dtype=dtypes,
    index_dtype=index_dtypes,
    n=st.integers(1, 700),
    d=st.integers(1, 90),
    k=st.integers(1, 150),
)
def test_every_step_is_that_of_a_full_search(make, rng, dtype, index_dtype, n, d, k):
    X = make(rng, (n, d)).astype(dtype)
    means = X[rng.integers(0, n, k)].astype(float)  # drawn with replacement: some are equal
    assert_steps_are_plain(opened(X, dtype, index_dtype), means)


@some
@given(make=data, rng=generators, dtype=dtypes)
def test_weights_may_be_fractions_and_zero(make, rng, dtype):
    X, weights = make(rng, (300, 9)), rng.exponential(size=300)
    weights[rng.random(300) < 0.3] = 0.0
    assert_steps_are_plain(opened(X, dtype, weights=weights), X[:25].astype(float))


@some
@given(rng=generators, dtype=dtypes)
def test_components_that_are_empty_at_first_are_filled(rng, dtype):
    X = clustered(rng, (300, 12)).astype(dtype)
    means = np.vstack([X[:10].astype(float), 1e3 + rng.normal(size=(25, 12))])
    assert_steps_are_plain(opened(X, dtype), means)
    *_, (clusters, _) = steps(opened(X, dtype), means, 6)
    assert clusters.sizes.all()


def large(dtype, n=20_000, d=200):
    rng = np.random.default_rng(3)
    centers = sp.random_array((60, d), density=0.3, rng=rng)
    noise = sp.random_array((n, d), density=0.04, rng=rng)
    return (centers.tocsr()[rng.integers(0, 60, n)] + noise).tocsr().astype(dtype)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("k", [5, 100])
def test_threads_do_not_change_a_bit(dtype, k):
    rows = SparseRows(large(dtype), np.random.default_rng(0).exponential(size=20_000))
    means = rows.matrix[:k].toarray().astype(float)

    def run(n_threads):
        with engine_for(n_threads, 64) as engine:
            return [
                (clusters.labels.copy(), clusters.means.copy(), line[:5].copy())
                for clusters, line in steps(rows, means, 12, engine)
            ]

    one = run(1)
    for n_threads in (2, 3, 7):
        for few, several in zip(one, run(n_threads), strict=True):
            for a, b in zip(few, several, strict=True):
                np.testing.assert_array_equal(a, b)


def test_labels_are_those_of_dense_rows():
    X = large(np.float64)
    means = X[:30].toarray()
    sparse, dense = (KMeans(30, init=means, tol=0).fit(x) for x in (X, X.toarray()))
    np.testing.assert_array_equal(sparse.labels_, dense.labels_)
    np.testing.assert_allclose(sparse.cluster_centers_, dense.cluster_centers_, atol=1e-9)
    np.testing.assert_allclose(sparse.trace_.objective, dense.trace_.objective, rtol=1e-9)
    np.testing.assert_array_equal(sparse.predict(X), sparse.labels_)


def test_long_fits_shed_the_rounding_of_their_sums():
    rng = np.random.default_rng(5)
    rows = opened(scattered(rng, (4_000, 30)))
    *_, (clusters, _) = steps(rows, rows.dense()[:20], 140)
    index, weights = clusters.labels[:, None], rows.weights[:, None]
    _, sums = rows.scatter_sums(index, weights, 20, np.zeros(30))
    np.testing.assert_allclose(clusters.sums, sums, rtol=0, atol=1e-11 * np.abs(sums).max())


def test_indices_of_64_bits_give_the_same_fit():
    X = large(np.float32, n=2_000)
    wide = sp.csr_array(X)
    wide.indptr, wide.indices = wide.indptr.astype(np.int64), wide.indices.astype(np.int64)
    narrow, wide = (KMeans(20, random_state=0).fit(x) for x in (X, wide))
    np.testing.assert_array_equal(narrow.cluster_centers_, wide.cluster_centers_)


@pytest.mark.skipif(kernels.implementation() == "reference", reason="NumPy holds all pairs at once")
def test_more_pairs_of_rows_and_components_than_int32_counts():
    """Nearly all rows are empty, so that 2**31 pairs cost little."""
    n, k = 1 << 20, 2_100
    X = sp.csr_array((np.ones(k, np.float32), (np.arange(n - k, n), np.arange(k))), shape=(n, k))
    labels = searched(SparseRows(X, np.ones(n)), np.eye(k))
    np.testing.assert_array_equal(labels[n - k :], np.arange(k))
