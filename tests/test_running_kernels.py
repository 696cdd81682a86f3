"""Running sums of sparse rows, against NumPy."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given, settings
from hypothesis import strategies as st
from strategies import generators

from cofactor import kernels
from cofactor.kernels import reference

every = pytest.mark.parametrize("name", kernels.available())
some = settings(max_examples=30, deadline=None)
dtypes = st.sampled_from([np.float32, np.float64])
indices = st.sampled_from([np.int32, np.int64])


def batch(rng, dtype, index):
    """Return the arrays of whole numbers in CSR, so that every order of adding gives the same."""
    n, d = rng.integers(0, 40), rng.integers(1, 30)
    X = sp.csr_array(rng.integers(-3, 4, size=(n, d)) * (rng.random((n, d)) < 0.3))
    return X.indptr.astype(index), X.indices.astype(index), X.data.astype(dtype), d


@every
@some
@given(rng=generators, dtype=dtypes, index=indices, k=st.integers(1, 70))
def test_the_component_of_least_loss_is_found(name, rng, dtype, index, k):
    *X, d = batch(rng, dtype, index)
    width = -(-k // 16) * 16
    sums, factors = rng.integers(-3, 4, size=(d, width)).astype(float), rng.random(width)
    offsets = np.where(np.arange(width) < k, rng.integers(0, 9, width), np.inf)
    n = len(X[0]) - 1
    found = [(np.empty(n, np.int32), np.empty(n)) for _ in range(2)]
    for implementation, out in zip((kernels.load(name), reference), found, strict=True):
        implementation.nearest_sum_csr(*X, sums, factors, offsets, *out)
    np.testing.assert_array_equal(found[0][0], found[1][0])
    np.testing.assert_allclose(found[0][1], found[1][1], rtol=1e-12, atol=1e-12)


@every
@some
@given(rng=generators, dtype=dtypes, index=indices, k=st.integers(1, 70))
def test_sums_counts_and_squares_follow_the_rows(name, rng, dtype, index, k):
    *X, d = batch(rng, dtype, index)
    n = len(X[0]) - 1
    sums_t = np.zeros((d, -(-k // 16) * 16))
    sums_t[:, :k] = rng.integers(-3, 4, size=(d, k))
    counts, squares = rng.integers(0, 5, k).astype(float), np.square(sums_t[:, :k]).sum(axis=0)
    labels = rng.integers(0, k, n).astype(np.int32)
    weights = rng.integers(0, 3, n).astype(float)
    dense = sp.csr_array((X[2], X[1], X[0]), shape=(n, d)).toarray().astype(float)
    expected, weight = sums_t.copy(), counts.copy()
    np.add.at(expected.T, labels, weights[:, None] * dense)
    np.add.at(weight, labels, weights)
    kernels.load(name).add_to_sums_csr(*X, labels, weights, counts, sums_t, squares)
    np.testing.assert_array_equal(sums_t, expected)
    np.testing.assert_array_equal(counts, weight)
    np.testing.assert_array_equal(squares, np.square(expected[:, :k]).sum(axis=0))
