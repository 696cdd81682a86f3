"""Lloyd's kernels against their reference and against the definition, array by array."""

from __future__ import annotations

from copy import deepcopy
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from strategies import generators

from cofactor import kernels

compiled = [name for name in kernels.available() if name != "reference"]
every = pytest.mark.parametrize("name", compiled)
quick = settings(max_examples=25, deadline=None)
dtypes = st.sampled_from([np.float32, np.float64])
FIELDS = "labels", "means", "sums", "counts", "sizes", "trace", "board"


def scattered(rng, shape):
    return rng.normal(size=shape)


def repeated(rng, shape):
    """Few distinct rows, each of which comes often."""
    return rng.normal(size=(12, shape[1]))[rng.integers(0, 12, shape[0])]


def clustered(rng, shape):
    """Clusters, with one row that is far from all others."""
    centers = 5 * rng.normal(size=(40, shape[1]))
    rows = centers[rng.integers(0, 40, shape[0])] + rng.normal(size=shape)
    rows[0] += 30
    return rows


def skewed(rng, shape):
    """Rows of very different lengths."""
    return rng.normal(size=shape) * rng.lognormal(0, 3, size=(shape[0], 1))


data = st.sampled_from([scattered, repeated, clustered, skewed])


def begun(X, weights, means):
    """Return the arrays of a fit that has not begun."""
    (n, d), k = X.shape, len(means)
    return SimpleNamespace(
        X=np.ascontiguousarray(X),
        shift=X.mean(axis=0).astype(X.dtype),
        weights=weights,
        labels=np.full(n, -1, np.int32),
        means=means - X.mean(axis=0).astype(X.dtype),
        sums=np.zeros((k, d)),
        counts=np.zeros(k),
        sizes=np.zeros(k, np.int64),
        trace=np.zeros((20, 7)),
        board=kernels.board_for(kernels.NOBODY),
        space=None,
    )


def iterate(name, s):
    """Do one more iteration."""
    module, until = kernels.load(name), int(s.board[8]) + 1
    if s.space is None:
        s.space = np.zeros(module.lloyd_space(s.X, len(s.means)), np.uint8)
    on_sphere = False
    model = s.labels, s.means, s.sums, s.counts, s.sizes, on_sphere
    s.board[:2] = 0
    while s.board[0] != -1:
        module.lloyd(s.X, s.shift, s.weights, *model, -1.0, until, s.trace, s.space, s.board)


def twin_of(s):
    """Return a copy for another implementation, which works in a space of its own."""
    copied = {field: deepcopy(getattr(s, field)) for field in FIELDS}
    return SimpleNamespace(**{**vars(s), **copied, "space": None})


def squared_distances(s, means):
    rows = s.X.astype(float) - s.shift.astype(float)
    return np.stack([np.square(rows - mean).sum(axis=1) for mean in means], axis=1)


def assert_nearest(s, means, labels):
    """Assert that labels are of nearest means, but for the rounding of losses."""
    found = squared_distances(s, means)
    rows = np.abs(s.X.astype(float) - s.shift.astype(float)).max() + np.abs(means).max()
    rounding = 8 * (s.X.shape[1] + 4) * np.finfo(s.X.dtype).eps * s.X.shape[1] * rows**2
    own = np.take_along_axis(found, labels[:, None], axis=1)[:, 0]
    assert (own <= found.min(axis=1) + rounding).all()
    return own - found.min(axis=1)


def assert_alike(ours, theirs):
    assert_nearest(ours, ours.means, ours.labels)
    np.testing.assert_allclose(ours.means, theirs.means, rtol=0, atol=1e-9 * scale(ours))
    same = (ours.labels == theirs.labels).all()  # but for rows that rounding decides on
    if same:
        np.testing.assert_array_equal(ours.sizes, theirs.sizes)
        np.testing.assert_allclose(ours.counts, theirs.counts, rtol=1e-9, atol=1e-9)
        size = ours.weights.sum() * scale(ours)
        np.testing.assert_allclose(ours.sums, theirs.sums, rtol=0, atol=1e-9 * size)
        now = ours.board[8] - 1
        size = 1 + np.abs(theirs.trace[now, :3]).max()
        np.testing.assert_allclose(ours.trace[now, :3], theirs.trace[now, :3], atol=1e-8 * size)
        assert ours.trace[now, 3] == theirs.trace[now, 3]
        np.testing.assert_allclose(ours.trace[now, 4], theirs.trace[now, 4], rtol=1e-5, atol=1e-9)
    return same


def scale(s):
    return 1 + np.abs(s.X.astype(float) - s.shift.astype(float)).max()


def drawn(rng, make, dtype, n, d, k):
    """Return a fit of rows with random weights, some of them zero, from some of the rows."""
    X = make(rng, (n, d)).astype(dtype)
    weights = rng.exponential(size=n) * (rng.random(n) < 0.9)
    return begun(X, weights, X[rng.integers(0, n, k)].astype(float))


def assert_iterations_are_those_of_the_reference(name, s, most=8):
    for _ in range(most):
        theirs = twin_of(s)
        iterate(name, s)
        iterate("reference", theirs)
        assert s.board[8] == theirs.board[8]
        assert_alike(s, theirs)


@every
@quick
@given(
    rng=generators,
    make=data,
    dtype=dtypes,
    n=st.integers(1, 500),
    d=st.integers(1, 40),
    k=st.integers(1, 60),
)
def test_few_rows_go_as_in_the_reference(name, rng, make, dtype, n, d, k):
    assert_iterations_are_those_of_the_reference(name, drawn(rng, make, dtype, n, d, k))


@every
@settings(max_examples=8, deadline=None)
@given(
    rng=generators,
    make=data,
    dtype=dtypes,
    n=st.integers(2_100, 4_000),
    d=st.integers(20, 41),
    k=st.integers(100, 400),
)
def test_many_rows_go_as_in_the_reference(name, rng, make, dtype, n, d, k):
    assert_iterations_are_those_of_the_reference(name, drawn(rng, make, dtype, n, d, k))


@every
@pytest.mark.parametrize("make", [scattered, clustered, skewed])
@pytest.mark.parametrize(("n", "d", "k"), [(300, 5, 20), (5_000, 16, 80), (3_000, 12, 600)])
def test_labels_are_those_of_the_definition(name, make, n, d, k):
    """Lloyd's iterations as they are defined, in float64, where no two distances are equal."""
    rng = np.random.default_rng(n)
    X, weights = make(rng, (n, d)), np.ones(n)
    s = begun(X, weights, X[:k].copy())
    means = s.means.copy()
    for _ in range(12):
        labels = squared_distances(s, means).argmin(axis=1)
        iterate(name, s)
        np.testing.assert_array_equal(s.labels, labels)
        for c in np.unique(labels):
            means[c] = (X[labels == c] - s.shift).mean(axis=0)


@every
def test_rows_that_moved_by_hand_are_searched_anew(name):
    """Bounds mean nothing for a row that somebody gave another label."""
    rng = np.random.default_rng(0)
    X = clustered(rng, (3_000, 24))
    s = begun(X, np.ones(3_000), X[:100].copy())
    for _ in range(4):
        iterate(name, s)
    row, before = 7, s.labels[7]
    to = (before + 1) % 100
    for component, sign in ((to, 1), (before, -1)):
        s.sums[component] += sign * (X[row] - s.shift)
        s.counts[component] += sign
        s.sizes[component] += sign
    s.labels[row], s.board[9] = to, 1
    iterate(name, s)
    np.testing.assert_array_equal(s.labels, squared_distances(s, s.means).argmin(axis=1))
