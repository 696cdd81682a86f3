"""One kernel takes the steps of the general loop, whatever the data."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse
from sklearn.datasets import load_digits
from strategies import generators

from cofactor import KMeans, kernels
from cofactor import lloyd as module
from cofactor.codes import OneHot
from cofactor.data import DenseRows, open_blocks
from cofactor.data.losses import Affine
from cofactor.engine import SerialEngine, engine_for
from cofactor.fit import first_rows, fit
from cofactor.lloyd import Ending, Whole, begun, lloyd, suits
from cofactor.model import Model
from cofactor.noise import Gaussian, Poisson
from cofactor.start import from_means
from cofactor.stop import NothingMoved, Stop, TimeLimit

some = settings(max_examples=60, deadline=None)
dtypes = st.sampled_from([np.float32, np.float64])
NOISE = Gaussian()


def whole_numbers(rng, shape):
    """Few values: many duplicates and exact ties."""
    return rng.integers(-2, 3, shape).astype(float)


def scattered(rng, shape):
    return rng.normal(size=shape)


def far_away(rng, shape):
    """Rows whose squares swamp their distances, and one that is far from all others."""
    rows = 1e3 + rng.normal(size=shape)
    rows[0] = 1e5
    return rows


def farther_away(rng, shape):
    return 1e8 + rng.normal(size=shape).round(3)


def clustered(rng, shape):
    centers = 5 * rng.normal(size=(7, shape[1]))
    return centers[rng.integers(0, 7, shape[0])] + 0.5 * rng.normal(size=shape)


def paired(rng, shape):
    """Rows that come twice, up to the last bits of float64."""
    rows = np.repeat(rng.normal(size=(-(-shape[0] // 2), shape[1])), 2, axis=0)[: shape[0]]
    return rows * (1 + 1e-15 * rng.integers(-3, 4, shape))


data = st.sampled_from([whole_numbers, scattered, far_away, farther_away, clustered, paired])


def whole(X, weights=None):
    return DenseRows(np.ascontiguousarray(X), np.ones(len(X)) if weights is None else weights)


def steps(rows, means, n_steps, engine=None):
    """Yield the clusters and the kernel's line after every iteration."""
    clusters = begun(rows, from_means(NOISE, [rows], means))
    ending = Ending(-1.0, n_steps - 1, callbacks=[lambda iteration: None])
    for (line,) in module._iterations(clusters, engine or SerialEngine(), ending):
        yield clusters, line


def assert_steps_are_plain(rows, means, n_steps=8):
    before = np.full(rows.n_rows, -1)
    for clusters, line in steps(rows, means, n_steps):
        half_norms = 0.5 * whole(clusters.means).squared_norms(np.zeros(rows.n_columns))
        shift = clusters.shift.astype(float)
        index, _ = rows.top_losses(Affine(clusters.means, half_norms, shift), 1)
        np.testing.assert_array_equal(clusters.labels, index[:, 0])
        counts, sums = rows.scatter_sums(index, rows.weights[:, None], len(means), shift)
        size = np.abs(sums).max() + np.abs(rows.values - shift).max()
        np.testing.assert_allclose(clusters.sums, sums, rtol=0, atol=1e-10 * size)
        np.testing.assert_allclose(clusters.counts, counts, rtol=1e-9)
        assert line[3] == np.count_nonzero(before != clusters.labels)
        loss = 0.5 * rows.weights @ rows.squared_distances(clusters.means + shift, index[:, 0])
        spread = 0.5 * rows.weights @ rows.squared_norms(shift)
        noise = 4 * np.finfo(float).eps * np.abs(shift).max() * rows.weights.sum()
        assert abs(0.5 * line[2] + line[0] - loss) <= 1e-9 * spread + noise * np.sqrt(spread)
        before = clusters.labels.copy()


@some
@given(
    make=data,
    rng=generators,
    dtype=dtypes,
    n=st.integers(1, 700),
    d=st.integers(1, 20),
    k=st.integers(1, 40),
)
def test_every_step_is_that_of_a_full_search(make, rng, dtype, n, d, k):
    X = make(rng, (n, d)).astype(dtype)
    means = X[rng.integers(0, n, k)].astype(float)  # drawn with replacement: some are equal
    assert_steps_are_plain(whole(X), means)


@some
@given(make=data, rng=generators, dtype=dtypes)
def test_weights_may_be_fractions_and_zero(make, rng, dtype):
    X, weights = make(rng, (300, 5)).astype(dtype), rng.exponential(size=300)
    weights[rng.random(300) < 0.3] = 0.0
    assert_steps_are_plain(whole(X, weights), X[:25].astype(float))


@some
@given(rng=generators, size=st.sampled_from([1e-150, 1e-30, 1e-20, 1e20, 1e30, 1e100]))
def test_float64_rows_may_be_of_any_size(rng, size):
    X = size * np.vstack([clustered(rng, (400, 3)), 1e-12 * scattered(rng, (50, 3))])
    assert_steps_are_plain(whole(X), X[rng.integers(0, 450, 12)])


@settings(max_examples=15, deadline=None)
@given(
    make=data,
    rng=generators,
    dtype=dtypes,
    n=st.integers(2_100, 4_000),
    d=st.integers(20, 50),
    k=st.integers(100, 200),
)
def test_every_step_behind_bounds_is_that_of_a_full_search(make, rng, dtype, n, d, k):
    X = make(rng, (n, d)).astype(dtype)
    assert_steps_are_plain(whole(X), X[rng.integers(0, n, k)].astype(float), n_steps=10)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(("n", "d", "k"), [(20_000, 8, 60), (3_000, 40, 700), (30_000, 2, 5)])
def test_steps_of_larger_data_are_those_of_full_searches(dtype, n, d, k):
    rng = np.random.default_rng(n)
    X = clustered(rng, (n, d)).astype(dtype)
    assert_steps_are_plain(whole(X), X[:k].astype(float), n_steps=15)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(("d", "k"), [(64, 300), (16, 100)])  # many and few to compare exactly
def test_rows_between_two_components_go_where_a_full_search_sends_them(dtype, d, k):
    rng = np.random.default_rng(d)
    X = scattered(rng, (6_000, d)).astype(dtype)
    ends = rng.integers(0, k, (2, 1_000))
    ends[1] += ends[0] == ends[1]
    X[-1_000:] = 0.5 * (X[ends[0]] + X[ends[1]])  # but for rounding as close to the one
    X[-1_000:] += 1e-7 * scattered(rng, (1_000, d)).astype(dtype)
    assert_steps_are_plain(whole(X), X[:k].astype(float), n_steps=3)


@some
@given(rng=generators, dtype=dtypes)
def test_components_that_are_empty_at_first_are_filled(rng, dtype):
    X = clustered(rng, (300, 4)).astype(dtype)
    means = np.vstack([X[:10].astype(float), 1e3 + rng.normal(size=(5, 4))])
    assert_steps_are_plain(whole(X), means)
    *_, (clusters, _) = steps(whole(X), means, 3)
    assert clusters.sizes[10:].any()  # seldom one is left again, by the row that it was given


def both_fits(X, means, weights=None, n_threads=1):
    rows = whole(X, weights)
    blocks = open_blocks(X, rows.weights)
    params = from_means(NOISE, blocks, means)
    with engine_for(n_threads, 64) as engine:
        model = Model(NOISE, OneHot())
        first = first_rows(model, blocks, params, engine)
        plain = fit(model, first, params, Stop(300, (NothingMoved(),)))
        return plain, lloyd(NOISE, Whole(rows, blocks, engine), params, Ending(-1.0, 300))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_fits_of_real_data_are_those_of_the_general_loop(dtype):
    X = load_digits().data + np.random.default_rng(0).uniform(size=(1797, 64))  # no ties
    X = X.astype(dtype)
    plain, fitted = both_fits(X, X[:50].astype(float))
    for field in ("moved", "objective", "shift"):
        ours, theirs = ([getattr(step, field) for step in f.trace] for f in (fitted, plain))
        np.testing.assert_allclose(ours, theirs, rtol=1e-6)
    for ours, theirs in zip(fitted.rows.states, plain.rows.states, strict=True):
        np.testing.assert_array_equal(ours.labels, theirs.labels)
    np.testing.assert_allclose(fitted.params.components, plain.params.components, atol=1e-9)
    np.testing.assert_allclose(fitted.params.dispersion, plain.params.dispersion)
    assert fitted.converged


def test_more_components_than_distinct_rows_end_as_in_the_general_loop():
    X = np.repeat(np.arange(3.0), 20)[:, None]
    plain, fitted = both_fits(X, np.array([[0.0], [1.0], [2.0], [5.0], [6.0]]))
    assert len(fitted.trace) == len(plain.trace)
    assert [step.moved for step in fitted.trace] == [step.moved for step in plain.trace]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("n_threads", [2, 3, 7])
@pytest.mark.parametrize(("d", "k"), [(16, 50), (32, 300)])
def test_threads_do_not_change_a_bit(n_threads, d, k, dtype):
    X = np.random.default_rng(0).normal(size=(9_000, d)).astype(dtype)

    def run(n_threads):
        with engine_for(n_threads, 64) as engine:
            return [
                (clusters.labels.copy(), clusters.means.copy(), line[:5].copy())
                for clusters, line in steps(whole(X), X[:k].astype(float), 12, engine)
            ]

    for one, several in zip(run(1), run(n_threads), strict=True):
        for a, b in zip(one, several, strict=True):
            np.testing.assert_array_equal(a, b)


def test_callbacks_see_every_iteration_and_may_stop():
    X, seen = load_digits().data, []

    def stop_at_three(iteration):
        seen.append(iteration)
        return iteration.number == 3

    blocks = open_blocks(X)
    params = from_means(NOISE, blocks, X[:10])
    data = Whole(whole(X), blocks, SerialEngine())
    found = lloyd(NOISE, data, params, Ending(0.0, 300, callbacks=[stop_at_three]))
    assert [iteration.number for iteration in seen] == [0, 1, 2, 3]
    assert seen == found.trace.iterations
    assert not found.converged


def test_time_limits_stop_the_fit():
    X = load_digits().data
    blocks = open_blocks(X)
    params = from_means(NOISE, blocks, X[:10])
    data = Whole(whole(X), blocks, SerialEngine())
    found = lloyd(NOISE, data, params, Ending(0.0, 300, TimeLimit(1e-9)))
    assert (len(found.trace), found.converged) == (1, False)


def test_a_slow_fit_returns_now_and_then(monkeypatch):
    X, calls = np.random.default_rng(0).normal(size=(20_000, 64)), []
    kernel = kernels.lloyd
    monkeypatch.setattr(kernels, "lloyd", lambda *given: calls.append(1) or kernel(*given))
    for _ in steps(whole(X), X[:2000], 3):
        pass
    assert len(calls) >= 3


def test_only_gaussian_noise_and_whole_rows_suit():
    X = np.eye(3)
    for storage in (np.asarray, sparse.csr_array):
        assert suits(NOISE, open_blocks(storage(X)))
        assert not suits(Poisson(), open_blocks(storage(X)))


@pytest.mark.parametrize("storage", [np.asarray, sparse.csr_array])
def test_distances_are_counted(storage):
    X = storage(clustered(np.random.default_rng(0), (4000, 20)))
    start = np.asarray(X[:120].toarray() if sparse.issparse(X) else X[:120])
    fits = [KMeans(120, init=start, tol=0.0, n_threads=n).fit(X) for n in (1, 3)]
    counts = [[iteration.evaluations for iteration in model.trace_] for model in fits]
    assert counts[0] == counts[1]
    everything = X.shape[0] * 120
    assert everything <= counts[0][0] <= 1.2 * everything
    assert counts[0][-1] < 0.5 * everything
