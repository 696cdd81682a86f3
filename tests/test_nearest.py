"""The nearest component of every row: any precision, any number of threads, the same labels."""

from __future__ import annotations

import threading
from functools import partial

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cofactor import kernels
from cofactor.kernels import reference

every = pytest.mark.parametrize("name", kernels.available())
quick = settings(max_examples=40, deadline=None)

dtypes = st.sampled_from([np.float32, np.float64])
rows = st.integers(0, 150) | st.integers(1024, 1200)  # many are searched in whole numbers
columns = st.integers(1, 40)
components = st.integers(1, 60)
generators = st.integers(0, 2**32 - 1).map(np.random.default_rng)


def together(function, n_threads):
    threads = [threading.Thread(target=function) for _ in range(n_threads - 1)]
    for thread in threads:
        thread.start()
    function()
    for thread in threads:
        thread.join()


def nearest(implementation, X, shift, parts, offsets, n_threads=1):
    """Return the labels, and how many rows have no finite loss."""
    labels, astray = np.full(len(X), -7, np.int32), np.zeros(1, np.int64)
    board = kernels.board_for(kernels.NOBODY)
    call = partial(implementation.nearest, board, X, shift, parts, offsets, labels, astray)
    together(call, n_threads)
    return labels, int(astray[0])


def searched(implementation, X, shift, parts, offsets):
    """Return what a search for the smallest loss alone finds, in the precision of the rows."""
    index, loss = np.empty((len(X), 1), np.int32), np.empty((len(X), 1))
    implementation.top_losses(X, shift, parts, offsets, index, loss)
    return index[:, 0]


def whole(rng, dtype, *shape):
    return rng.integers(-4, 5, size=shape).astype(dtype)


def half_norms(parts):
    return 0.5 * np.square(parts).sum(axis=1)


@every
@quick
@given(generators, dtypes, rows, columns, components)
def test_labels_and_ties_are_those_of_the_reference(name, rng, dtype, n, d, k):
    offsets = rng.choice(np.array([-1.0, 0.0, 2.0, np.inf], dtype), size=k)
    inputs = whole(rng, dtype, n, d), whole(rng, dtype, d), whole(rng, dtype, k, d), offsets
    labels, astray = nearest(kernels.load(name), *inputs)
    expected = nearest(reference, *inputs)
    if np.isfinite(offsets).any():  # else no label means anything
        np.testing.assert_array_equal(labels, expected[0])
        np.testing.assert_array_equal(labels, searched(reference, *inputs))
    assert astray == expected[1] == (0 if np.isfinite(offsets).any() else n)


@every
@quick
@given(
    generators,
    dtypes,
    rows,
    columns,
    st.integers(2, 60),
    st.sampled_from([0.0, 1e-14, 1e-7, 1e-3]),
    st.sampled_from([-600, -300, 0, 300, 500]),
)
def test_rows_between_components_go_where_their_own_precision_says(
    name, rng, dtype, n, d, k, blur, power
):
    """Half-way between two components nothing but the last digits decides."""
    parts = rng.normal(size=(k, d))
    pairs = parts[rng.integers(k, size=(n, 2))].mean(axis=1)
    scale = 2.0**power if dtype is np.float64 else 1.0
    X = (scale * (pairs + blur * rng.normal(size=(n, d)))).astype(dtype)
    parts = (scale * parts).astype(dtype)
    shift = (scale * rng.normal(size=d)).astype(dtype)
    inputs = X + shift, shift, parts, half_norms(parts)
    implementation = kernels.load(name)
    labels, astray = nearest(implementation, *inputs)
    np.testing.assert_array_equal(labels, searched(implementation, *inputs))
    assert astray == 0


@every
@quick
@given(generators, dtypes, st.integers(1024, 1200), st.integers(20, 40), st.integers(24, 60))
def test_rows_of_any_length_find_their_components(name, rng, dtype, n, d, k):
    """Whole numbers serve rows that are longer than all components, and vanish for short ones."""
    lengths = 10.0 ** rng.integers(-12, 12, size=(n, 1))
    X = (lengths * rng.normal(size=(n, d))).astype(dtype)
    parts = rng.normal(size=(k, d)).astype(dtype)
    inputs = X, np.zeros(d, dtype), parts, half_norms(parts)
    implementation = kernels.load(name)
    labels, astray = nearest(implementation, *inputs)
    np.testing.assert_array_equal(labels, searched(implementation, *inputs))
    assert astray == 0


@every
@quick
@given(generators, rows, columns, components)
def test_components_far_apart_in_size_are_told_apart(name, rng, n, d, k):
    size = 10.0 ** rng.integers(-30, 30, size=(k, 1))
    parts = size * rng.normal(size=(k, d))
    X = parts[rng.integers(k, size=n)] * (1 + 1e-9 * rng.normal(size=(n, 1)))
    inputs = X, np.zeros(d), parts, half_norms(parts)
    implementation = kernels.load(name)
    labels, _ = nearest(implementation, *inputs)
    np.testing.assert_array_equal(labels, searched(implementation, *inputs))


@every
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("n_threads", [1, 2, 3, 7])
@pytest.mark.parametrize(("n", "d", "k"), [(9000, 3, 5), (3000, 40, 1500)])
def test_any_number_of_threads_finds_the_same(name, dtype, n_threads, n, d, k):
    rng = np.random.default_rng(0)
    X, parts = rng.normal(size=(n, d)).astype(dtype), rng.normal(size=(k, d)).astype(dtype)
    X[::1000, 0] = np.nan
    inputs = X, np.zeros(d, dtype), parts, half_norms(parts)
    labels, astray = nearest(kernels.load(name), *inputs, n_threads=n_threads)
    expected = searched(kernels.load(name), *inputs)
    finite = np.isfinite(X).all(axis=1)
    np.testing.assert_array_equal(labels[finite], expected[finite])
    assert astray == np.count_nonzero(~finite)


@every
@quick
@given(
    generators,
    dtypes,
    st.integers(1, 60) | st.just(1024),
    columns,
    components,
    st.sampled_from([np.nan, np.inf, -np.inf]),
)
def test_rows_that_are_not_finite_are_counted(name, rng, dtype, n, d, k, bad):
    X, parts = rng.normal(size=(n, d)).astype(dtype), rng.normal(size=(k, d)).astype(dtype)
    X[np.arange(n), rng.integers(d, size=n)] = np.where(rng.random(n) < 0.3, bad, 0.0)
    _, astray = nearest(kernels.load(name), X, np.zeros(d, dtype), parts, half_norms(parts))
    assert astray == np.count_nonzero(~np.isfinite(X).all(axis=1))
