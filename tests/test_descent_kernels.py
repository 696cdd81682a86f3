"""The kernel of whole local searches against its reference, and by what defines its end."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from oracles import assert_hartigan_optimum
from strategies import generators

from cofactor import kernels

every = pytest.mark.parametrize("name", kernels.available())
quick = settings(max_examples=25)
dtypes = st.sampled_from([np.float32, np.float64])
MOST = 100


def descend(name, X, weights, start, few=1, slack=1e-14):
    kernel = kernels.load(name)
    shift = X.mean(axis=0).astype(X.dtype)
    half_norms = 0.5 * np.square(X.astype(float) - shift).sum(axis=1)
    means, labels = start.astype(float), np.empty(len(X), np.int32)
    counts = np.empty(len(start))
    space = np.full(kernel.descent_space(X, len(start), MOST), 255, np.uint8)
    inertia = kernel.descend(
        X, shift, weights, half_norms, means, counts, labels, few, MOST, slack, space
    )
    return SimpleNamespace(inertia=inertia, means=means, labels=labels, counts=counts)


def problem(rng, dtype, n, d, k):
    X = rng.normal(size=(n, d)).astype(dtype)
    return X, rng.exponential(size=n), X[rng.choice(n, k, replace=False)]


@every
@quick
@given(rng=generators, n=st.integers(9, 90), d=st.integers(1, 9), k=st.integers(1, 9))
def test_it_ends_where_the_reference_does(name, rng, n, d, k):
    X, weights, start = problem(rng, np.float64, n, d, k)
    got, expected = (descend(i, X, weights, start) for i in (name, "reference"))
    assert got.inertia == pytest.approx(expected.inertia, rel=1e-9)
    np.testing.assert_array_equal(got.labels, expected.labels)
    np.testing.assert_allclose(got.means, expected.means, atol=1e-9)
    np.testing.assert_allclose(got.counts, expected.counts)


@every
@quick
@given(rng=generators, dtype=dtypes, n=st.integers(9, 90), d=st.integers(1, 9), k=st.integers(1, 9))
def test_means_counts_and_inertia_are_those_of_the_labels(name, rng, dtype, n, d, k):
    X, weights, start = problem(rng, dtype, n, d, k)
    got = descend(name, X, weights, start, few=int(rng.integers(0, n)))
    np.testing.assert_allclose(got.counts, np.bincount(got.labels, weights, minlength=k))
    residuals = X - got.means[got.labels]
    assert got.inertia == pytest.approx(weights @ np.square(residuals).sum(axis=1), rel=1e-12)
    sums = np.zeros_like(got.means)
    np.add.at(sums, got.labels, weights[:, None] * residuals)
    np.testing.assert_allclose(sums, 0, atol=1e-9)


@every
@quick
@given(rng=generators, n=st.integers(9, 90), d=st.integers(1, 4), k=st.integers(1, 9))
def test_no_move_of_a_single_row_pays_at_the_end(name, rng, n, d, k):
    X, weights, start = problem(rng, np.float64, n, d, k)
    got = descend(name, X, weights, start)
    model = SimpleNamespace(labels_=got.labels, n_clusters=k, cluster_centers_=got.means)
    assert_hartigan_optimum(model, X, weights)


@every
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_empty_components_are_filled_while_that_saves_anything(name, dtype):
    X = np.array([[0.0, 0], [1, 0], [8, 0], [9, 0]], dtype)
    start = np.array([[0.0, 0], [50, 0], [60, 0], [9, 0]], dtype)
    got = descend(name, X, np.ones(4), start)
    assert got.inertia == 0
    assert sorted(got.labels) == [0, 1, 2, 3]
    same = descend(name, np.ones((5, 2), dtype), np.ones(5), start)
    assert same.inertia == 0
    assert np.isfinite(same.means).all()


@every
def test_rows_without_weight_leave_no_trace_but_labels(name):
    rng = np.random.default_rng(0)
    X, weights, start = problem(rng, np.float64, 60, 3, 4)
    off = np.vstack([X, X[:20] + 3.0])
    got = descend(name, off, np.r_[weights, np.zeros(20)], start, few=0)
    alone = descend(name, X, weights, start, few=0)
    assert got.inertia == pytest.approx(alone.inertia)
    np.testing.assert_allclose(got.means, alone.means)


def test_shapes_that_do_not_agree_are_refused():
    X, few = np.zeros((5, 2)), (1, MOST, 0.0)
    for name in kernels.available():
        if name == "reference":
            continue
        kernel = kernels.load(name)
        space = np.empty(kernel.descent_space(X, 3, MOST), np.uint8)
        arrays = np.zeros(2), np.ones(5), np.zeros(5), np.zeros((3, 2)), np.zeros(3)
        labels = np.zeros(5, np.int32)
        with pytest.raises(ValueError, match="labels has shape"):
            kernel.descend(X, *arrays, labels[:4], *few, space)
        with pytest.raises(ValueError, match="space has shape"):
            kernel.descend(X, *arrays, labels, *few, space[1:])
