"""The kernels of moves of single rows against their reference; whole numbers make sums exact."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given, settings
from hypothesis import strategies as st
from strategies import generators

from cofactor import kernels

every = pytest.mark.parametrize("name", kernels.available())
quick = settings(max_examples=25)
dtypes = st.sampled_from([np.float32, np.float64])
index_dtypes = st.sampled_from([np.int32, np.int64])
storages = st.sampled_from(["", "_csr"])
LIMITS = (1e-10, 1e-12, 1e-12)


def problem(rng, dtype, n, d, k, storage, index=np.int32):
    """Return rows in clusters, with everything that the kernels ask for."""
    X = rng.integers(-4, 5, (n, d)).astype(dtype)
    weights = rng.integers(0, 5, n) / 4.0
    labels = rng.integers(0, k, n).astype(np.int32)
    counts = np.bincount(labels, weights, minlength=k)
    sums = np.zeros((k, d))
    np.add.at(sums, labels, weights[:, None] * X)
    means = sums / np.maximum(counts, 1.0)[:, None]
    matrix = sp.csr_array(X)
    sparse = (matrix.indptr.astype(index), matrix.indices.astype(index), matrix.data)
    half_norms = 0.5 * np.square(X.astype(float)).sum(axis=1)
    return SimpleNamespace(
        X=X,
        rows=sparse if storage else (X,),
        norms=(half_norms,) if storage else (),
        half_norms=half_norms,
        weights=weights,
        labels=labels,
        counts=counts,
        means=means,
        storage=storage,
    )


def kernel(implementation, name, p):
    return getattr(kernels.load(implementation), f"hartigan_{name}{p.storage}")


def targets(implementation, p, numbers, chosen):
    """Compare rows with some components, whose means are rounded to whole numbers."""
    places = np.full(len(p.counts), -1, np.int32)
    places[chosen] = np.arange(len(chosen))
    means = np.round(p.means[chosen]).astype(p.X.dtype)
    half_norms = 0.5 * np.square(means).sum(axis=1)
    shares = (1.0 / np.maximum(p.counts[chosen], 0.5)).astype(p.X.dtype)
    index, cost = np.empty(numbers.size, np.int32), np.empty(numbers.size)
    shift = () if p.storage else (np.zeros(p.X.shape[1], p.X.dtype),)
    parts = means
    if p.storage:
        padding = (0, -len(chosen) % 16)
        parts = np.ascontiguousarray(np.pad(means.T, ((0, 0), padding)))
        half_norms = np.pad(half_norms, padding, constant_values=np.inf)
        shares = np.pad(shares, padding)
    kernel(implementation, "targets", p)(
        *p.rows, *shift, numbers, p.half_norms, p.weights, p.labels, places,
        parts, half_norms, shares, index, cost,
    )  # fmt: skip
    return index, cost


@every
@quick
@given(
    rng=generators,
    dtype=dtypes,
    index=index_dtypes,
    storage=storages,
    n=st.integers(1, 90),
    d=st.integers(1, 20),
    k=st.integers(1, 20),
)
def test_targets_are_the_cheapest(name, rng, dtype, index, storage, n, d, k):
    p = problem(rng, dtype, n, d, k, storage, index)
    numbers = np.flatnonzero(rng.random(n) < 0.7)
    chosen = np.flatnonzero(np.r_[True, rng.random(k - 1) < 0.8])
    got, cost = targets(name, p, numbers, chosen)
    expected, least = targets("reference", p, numbers, chosen)
    np.testing.assert_allclose(cost, least, rtol=8 * np.finfo(dtype).eps)
    np.testing.assert_array_equal(got < 0, expected < 0)
    assert (chosen[got[got >= 0]] != p.labels[numbers[got >= 0]]).all()


@every
@quick
@given(rng=generators, dtype=dtypes, storage=storages)
def test_a_component_at_infinity_is_no_target(name, rng, dtype, storage):
    p = problem(rng, dtype, 10, 3, 2, storage)
    shift = () if storage else (np.zeros(3, dtype),)
    index, cost = np.empty(10, np.int32), np.empty(10)
    far, nothing = np.full(16, np.inf, dtype), np.zeros(16, dtype)
    parts = np.zeros((3, 16) if storage else (16, 3), dtype)
    places, numbers = np.arange(2, dtype=np.int32), np.arange(10)
    kernel(name, "targets", p)(
        *p.rows, *shift, numbers, p.half_norms, p.weights, p.labels, places,
        parts, far, nothing, index, cost,
    )  # fmt: skip
    assert (index == -1).all()
    assert np.isinf(cost).all()


def opened(implementation, p, bounds, drift, chunk):
    upper, lower = (bound.copy() for bound in bounds)
    rows = np.empty(chunk[1] - chunk[0], np.int64)
    count = kernel(implementation, "open", p)(
        *p.rows, *p.norms, p.means, *chunk, drift, 0.9, 0.125, *LIMITS,
        p.weights, p.labels, p.counts, upper, lower, rows,
    )  # fmt: skip
    return rows[:count], upper, lower


@every
@quick
@given(rng=generators, dtype=dtypes, index=index_dtypes, storage=storages, k=st.integers(1, 9))
def test_open_rows_are_those_that_bounds_do_not_settle(name, rng, dtype, index, storage, k):
    p = problem(rng, dtype, 60, 4, k, storage, index)
    distances = np.sqrt(np.square(p.X - p.means[p.labels]).sum(axis=1))
    bounds = distances + rng.exponential(size=60), distances * rng.uniform(0, 3, 60)
    drift, chunk = rng.exponential(size=k), (7, 51)
    got, expected = (opened(i, p, bounds, drift, chunk) for i in (name, "reference"))
    np.testing.assert_array_equal(got[0], expected[0])
    np.testing.assert_allclose(got[1], expected[1], rtol=1e-12, atol=1e-6)
    np.testing.assert_allclose(got[2], expected[2], rtol=1e-12)
    outside = np.r_[0:7, 51:60]
    np.testing.assert_array_equal(got[1][outside], bounds[0][outside])


@every
@quick
@given(rng=generators, dtype=dtypes, index=index_dtypes, storage=storages, k=st.integers(1, 9))
def test_moves_are_judged_one_after_the_other(name, rng, dtype, index, storage, k):
    p = problem(rng, dtype, 40, 4, k, storage, index)
    rows, to = rng.permutation(40), rng.integers(0, k, 40).astype(np.int32)
    results = []
    for implementation in (name, "reference"):
        labels, counts, means = p.labels.copy(), p.counts.copy(), p.means.copy()
        gain = kernel(implementation, "moves", p)(
            *p.rows, *p.norms, rows, to, 1e-6, 1e-9, 1e-12, p.weights, labels, counts, means
        )
        results.append((gain, labels, counts, means))
    (gain, labels, counts, means), expected = results
    assert gain == pytest.approx(expected[0], rel=1e-9, abs=1e-9)
    np.testing.assert_array_equal(labels, expected[1])
    np.testing.assert_allclose(counts, expected[2])
    np.testing.assert_allclose(means, expected[3], atol=1e-9)


def test_shapes_that_do_not_agree_are_refused():
    p = problem(np.random.default_rng(0), np.float64, 5, 2, 3, "")
    for name in kernels.available():
        if name != "reference":
            with pytest.raises(ValueError, match="targets has shape"):
                kernel(name, "moves", p)(
                    p.X, np.arange(5), np.zeros(4, np.int32), *LIMITS,
                    p.weights, p.labels, p.counts, p.means,
                )  # fmt: skip
            with pytest.raises(ValueError, match="no slice"):
                opened(name, p, (np.ones(5), np.ones(5)), np.zeros(3), (0, 6))
