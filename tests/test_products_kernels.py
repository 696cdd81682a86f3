"""The kernel of products of dense rows with few columns."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from strategies import generators, seeds

from cofactor import kernels

every = pytest.mark.parametrize("name", kernels.available())
compiled = pytest.mark.parametrize("name", [n for n in kernels.available() if n != "reference"])
quick = settings(max_examples=40)
dtypes = st.sampled_from([np.float32, np.float64])


def product(name, X, matrix):
    padded = np.pad(matrix, ((0, 0), (0, -matrix.shape[1] % 16))).astype(X.dtype)
    out = np.full((len(X), matrix.shape[1]), np.nan)
    kernels.load(name).products(X, padded, out)
    return out


@every
@quick
@given(
    generators,
    dtypes,
    st.integers(0, 40),
    st.sampled_from([1, 7, 500, 513, 1100]),
    st.integers(1, 130),
)
def test_products_of_dense_rows(name, rng, dtype, n, d, k):
    X, matrix = rng.normal(size=(n, d)).astype(dtype), rng.normal(size=(d, k)).astype(dtype)
    exact = X.astype(float) @ matrix.astype(float)
    error = 40 * np.finfo(dtype).eps * (np.abs(X.astype(float)) @ np.abs(matrix.astype(float)))
    assert (np.abs(product(name, X, matrix) - exact) <= error).all()


@compiled
@quick
@given(seeds, dtypes, st.integers(0, 40), st.integers(1, 70))
def test_rows_do_not_depend_on_those_beside_them(name, seed, dtype, cut, k):
    rng = np.random.default_rng(seed)
    X, matrix = rng.normal(size=(40, 600)).astype(dtype), rng.normal(size=(600, k))
    parts = [product(name, X[:cut], matrix), product(name, X[cut:], matrix)]
    np.testing.assert_array_equal(np.concatenate(parts), product(name, X, matrix))
