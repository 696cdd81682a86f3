"""Starts from coresets: the same bits for any number of threads, and lower than rows are."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given, settings
from hypothesis import strategies as st
from strategies import generators

from cofactor import KMeans
from cofactor.start.warm import warm_means

stores = pytest.mark.parametrize("store", [np.asarray, sp.csr_array], ids=["dense", "sparse"])


def clustered(rng, n, d, k):
    return 5 * rng.normal(size=(k, d))[rng.integers(0, k, n)] + rng.normal(size=(n, d))


def warmed(X, k, weights, seed=0, n_threads=1):
    return warm_means(X, k, weights, np.random.RandomState(seed), n_threads)


@stores
@pytest.mark.parametrize(("n", "k"), [(3000, 12), (12_000, 400)])
def test_any_number_of_threads_gives_the_same_bits(store, n, k):
    X = store(clustered(np.random.default_rng(0), n, 6, k))
    one, three = (warmed(X, k, np.ones(n), n_threads=t) for t in (1, 3))
    np.testing.assert_array_equal(one, three)


@stores
def test_centers_start_lower_than_rows_do(store):
    X = clustered(np.random.default_rng(1), 6000, 5, 40).astype(np.float32)
    fits = {
        init: KMeans(40, init=init, n_init=1, max_iter=1, random_state=0).fit(store(X))
        for init in ("coreset", "random")
    }
    assert fits["coreset"].inertia_ < fits["random"].inertia_


@settings(max_examples=40)
@given(rng=generators, n=st.integers(1, 300), share=st.floats(0.01, 1), zeros=st.floats(0, 0.9))
def test_there_are_as_many_centers_as_asked_for(rng, n, share, zeros):
    X, k = rng.integers(0, 4, (n, 2)).astype(float), max(1, int(share * n))
    weights = np.where(rng.random(n) < zeros, 0.0, rng.exponential(size=n))
    weights[0] = 1.0
    means = warmed(X, k, weights, seed=int(rng.integers(100)))
    assert means.shape == (k, 2)
    assert means.dtype == X.dtype
    assert (means >= X.min(axis=0) - 1e-9).all()
    assert (means <= X.max(axis=0) + 1e-9).all()
