"""Searches among neighbours: the objective never rises, and they end where no move pays."""

from __future__ import annotations

from unittest.mock import patch

import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given, settings
from hypothesis import strategies as st
from oracles import assert_hartigan_optimum
from strategies import generators

from cofactor import KMeans
from cofactor.data import DenseRows
from cofactor.engine import SerialEngine
from cofactor.neighbors.arms import N_NEAR
from cofactor.neighbors.course import LISTS, SLICES
from cofactor.neighbors.search import NeighborSearch

some = settings(max_examples=40)
few = settings(max_examples=12)
dtypes = st.sampled_from([np.float32, np.float64])


def scattered(rng, n, d):
    return rng.normal(size=(n, d))


def whole_numbers(rng, n, d):
    """Few values: many duplicates and exact ties."""
    return rng.integers(0, 3, (n, d)).astype(float)


def clustered(rng, n, d):
    centers = 6 * rng.normal(size=(max(2, n // 20), d))
    return centers[rng.integers(0, len(centers), n)] + rng.normal(size=(n, d))


def far_away(rng, n, d):
    return 1e3 + rng.normal(size=(n, d))


data = st.sampled_from([scattered, whole_numbers, clustered, far_away])


def start_of(X, k):
    return X[np.random.default_rng(0).choice(len(X), k, replace=False)]


def fitted(X, k, weights=None, **choices):
    model = KMeans(k, init=start_of(X, k), search="neighbors", **choices)
    return model.fit(X, sample_weight=weights)


def inertia(X, labels, weights):
    """Return the inertia of rows about their clusters' means, in extended precision."""
    X, weights = X.astype(np.longdouble), weights.astype(np.longdouble)
    total = np.longdouble(0)
    for c in np.unique(labels[weights > 0]):
        own = labels == c
        mean = weights[own] @ X[own] / weights[own].sum()
        total += weights[own] @ np.square(X[own] - mean).sum(axis=1)
    return float(total)


def assert_never_rises(model):
    objective = np.array(model.trace_.objective)
    assert (np.diff(objective) <= 1e-9 * np.abs(objective[1:])).all()


@some
@given(
    make=data,
    rng=generators,
    dtype=dtypes,
    n=st.integers(2, 600),
    d=st.integers(1, 20),
    share=st.floats(0.01, 1),
    weighted=st.booleans(),
)
def test_the_objective_never_rises_and_is_that_of_the_labels(
    make, rng, dtype, n, d, share, weighted
):
    X, k = make(rng, n, d).astype(dtype), max(1, int(share * n))
    weights = rng.exponential(size=n) if weighted else np.ones(n)
    model = fitted(X, k, weights)
    assert_never_rises(model)
    exact = inertia(X, model.labels_, weights)
    spread = weights @ np.square(X - X.mean(axis=0, dtype=float)).sum(axis=1)
    assert abs(model.inertia_ - exact) <= 1e-6 * exact + 1e-10 * spread


@few
@given(rng=generators, dtype=dtypes)
def test_free_energy_is_that_of_the_inertia(rng, dtype):
    X = scattered(rng, 300, 4).astype(dtype)
    model = fitted(X, 20, tol=0.0)
    n = X.size
    exact = inertia(X, model.labels_, np.ones(300))
    expected = -300 * np.log(20) - 0.5 * n * np.log(2 * np.pi * np.e * exact / n)
    assert model.free_energy_ == pytest.approx(expected, rel=1e-9)
    assert model.variance_ == pytest.approx(exact / n, rel=1e-9)


@some
@given(make=data, rng=generators, dtype=dtypes, n=st.integers(20, 300), share=st.floats(0.02, 0.6))
def test_without_tolerance_no_move_to_any_cluster_pays(make, rng, dtype, n, share):
    X, k = make(rng, n, 6).astype(dtype), max(1, int(share * n))
    model = fitted(X, k, tol=0.0)
    assert model.converged_
    assert model.trace_[-1].moved == 0
    if np.bincount(model.labels_, minlength=k).all():
        assert_hartigan_optimum(model, X, np.ones(n))


@few
@given(rng=generators)
def test_weights_may_be_fractions_and_zero(rng):
    X, weights = clustered(rng, 400, 5), rng.exponential(size=400)
    weights[rng.random(400) < 0.3] = 0.0
    model = fitted(X, 30, weights, tol=0.0)
    assert_never_rises(model)
    heavy = weights > 0
    assert model.inertia_ == pytest.approx(inertia(X, model.labels_, weights), rel=1e-9)
    assert np.isfinite(model.cluster_centers_).all()
    assert np.bincount(model.labels_[heavy], minlength=30).all()


@pytest.mark.parametrize("size", [1e-150, 1e-30, 1e30, 1e100])
def test_float64_rows_may_be_of_any_size(size):
    X = clustered(np.random.default_rng(0), 500, 4)
    plain, scaled = fitted(X, 40), fitted(size * X, 40)
    assert scaled.inertia_ / size / size == pytest.approx(plain.inertia_, rel=1e-3)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_any_number_of_threads_gives_the_same_bits(dtype):
    X = clustered(np.random.default_rng(0), 6000, 16).astype(dtype)
    fits = [fitted(X, 400, n_threads=n, max_iter=25) for n in (1, 2, 3, 7)]
    for other in fits[1:]:
        np.testing.assert_array_equal(fits[0].labels_, other.labels_)
        np.testing.assert_array_equal(fits[0].cluster_centers_, other.cluster_centers_)
        assert fits[0].trace_.objective == other.trace_.objective
        assert [i.evaluations for i in fits[0].trace_] == [i.evaluations for i in other.trace_]


def test_many_clusters_end_lower_than_lloyds_after_fewer_comparisons():
    X = clustered(np.random.default_rng(1), 20_000, 12).astype(np.float32)
    k = 1500
    full = KMeans(k, init=start_of(X, k), tol=0.0).fit(X)
    model = fitted(X, k)
    assert model.converged_
    assert model.inertia_ < full.inertia_
    evaluations = np.array([iteration.evaluations for iteration in model.trace_])
    assert (evaluations > 0).all()
    reached = np.array(model.trace_.objective) <= full.trace_[-1].objective
    spent = evaluations[: reached.argmax() + 1].sum()
    assert spent < 0.3 * len(X) * k * (full.n_iter_ + 1)


def test_predictions_are_exact_whatever_the_search():
    X = clustered(np.random.default_rng(2), 3000, 6)
    model = fitted(X, 200, max_iter=3)
    distances = np.square(X[:, None] - model.cluster_centers_).sum(axis=2)
    np.testing.assert_array_equal(model.predict(X), distances.argmin(axis=1))


def test_a_fit_may_be_stopped():
    X = clustered(np.random.default_rng(3), 2000, 6)
    assert len(fitted(X, 150, max_iter=4).trace_) == 5
    assert len(fitted(X, 150, callbacks=[lambda i: i.number == 2]).trace_) == 3
    assert not fitted(X, 150, time_limit=1e-9).converged_


def test_learning_goes_on_after_a_fit():
    X = clustered(np.random.default_rng(4), 1000, 3)
    model = fitted(X, 50, tol=1e-3)
    before = model.cluster_centers_.copy()
    model.partial_fit(X[:10])
    assert np.abs(model.cluster_centers_ - before).max() < np.abs(X).max()


@some
@given(make=data, rng=generators, dtype=dtypes, n=st.integers(60, 300), size=st.integers(3, 12))
def test_centers_may_be_cut_into_many_slices(make, rng, dtype, n, size):
    X, k = make(rng, n, 6).astype(dtype), n // 2
    with patch("cofactor.neighbors.arms.MOST_SLICE", size):
        model = fitted(X, k, tol=0.0, max_iter=2000)
    assert_never_rises(model)
    assert model.hartigan_optimum_
    if np.bincount(model.labels_, minlength=k).all():
        assert_hartigan_optimum(model, X, np.ones(n))


def overlapping(rng, n, d):
    """Blobs that lists of neighbours tell little about."""
    centers = rng.uniform(-4, 4, (n // 100, d))
    return centers[rng.integers(0, len(centers), n)] + 3 * rng.normal(size=(n, d))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_overlapping_blobs_reach_what_lloyds_iterations_reach(dtype):
    X = overlapping(np.random.default_rng(5), 20_000, 40).astype(dtype)
    full = KMeans(200, init=start_of(X, 200), tol=0.0).fit(X)
    model = fitted(X, 200)
    assert_never_rises(model)
    assert model.converged_
    assert model.inertia_ < full.inertia_
    again = fitted(X, 200, n_threads=3)
    np.testing.assert_array_equal(model.labels_, again.labels_)
    np.testing.assert_array_equal(model.cluster_centers_, again.cluster_centers_)


@pytest.mark.parametrize(("n", "k", "same"), [(2000, 100, "full"), (12_000, 400, "neighbors")])
def test_the_search_chosen_goes_by_what_comparisons_take(n, k, same):
    X = clustered(np.random.default_rng(6), n, 8)
    fits = [KMeans(k, init=start_of(X, k), search=search).fit(X) for search in ("auto", same)]
    np.testing.assert_array_equal(fits[0].labels_, fits[1].labels_)


@pytest.mark.parametrize("choices", [{"n_closest": 2}, {"noise": "poisson", "tol": 0.0}])
def test_what_only_a_full_search_can_do_is_left_to_it(choices):
    rng = np.random.default_rng(7)
    X = rng.poisson(3.0, (12_000, 4)) + rng.random((12_000, 4))
    fits = [
        KMeans(400, init=start_of(X, 400), search=search, max_iter=2, **choices).fit(X)
        for search in ("auto", "full")
    ]
    np.testing.assert_array_equal(fits[0].labels_, fits[1].labels_)


@pytest.mark.filterwarnings("ignore:Number of distinct clusters")  # after one iteration
@few
@given(rng=generators, search=st.sampled_from(["neighbors", "auto"]))
def test_an_optimum_is_reported_where_it_was_shown(rng, search):
    X = clustered(rng, 300, 4)
    model = KMeans(30, init=start_of(X, 30), search=search, tol=0.0).fit(X)
    assert model.hartigan_optimum_ == model.converged_
    if np.bincount(model.labels_, minlength=30).all():
        assert_hartigan_optimum(model, X, np.ones(300))
    assert not KMeans(30, init=start_of(X, 30), search=search).fit(X).hartigan_optimum_
    assert not KMeans(30, init=start_of(X, 30), max_iter=1, tol=0.0).fit(X).hartigan_optimum_


def thinned(rng, X):
    """Return about a third of the entries, as CSR."""
    return sp.csr_array(np.where(rng.random(X.shape) < 0.3, X, 0.0))


@pytest.mark.filterwarnings("ignore:Number of distinct clusters")  # of copies
@some
@given(
    make=data,
    rng=generators,
    dtype=dtypes,
    n=st.integers(20, 300),
    share=st.floats(0.02, 0.6),
    weighted=st.booleans(),
)
def test_sparse_rows_end_where_no_move_pays(make, rng, dtype, n, share, weighted):
    X, k = thinned(rng, make(rng, n, 8)).astype(dtype), max(1, int(share * n))
    weights = rng.exponential(size=n) if weighted else np.ones(n)
    start = X[[*range(k)]].toarray()
    model = KMeans(k, init=start, search="neighbors", tol=0.0).fit(X, sample_weight=weights)
    assert_never_rises(model)
    assert model.hartigan_optimum_
    exact = inertia(X.toarray(), model.labels_, weights)
    spread = weights @ np.square(X.toarray().astype(float)).sum(axis=1)
    assert abs(model.inertia_ - exact) <= 1e-6 * exact + 1e-10 * spread
    if np.bincount(model.labels_[weights > 0], minlength=k).all():
        assert_hartigan_optimum(model, X.toarray(), weights)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_sparse_rows_give_the_same_bits_for_any_number_of_threads(dtype):
    rng = np.random.default_rng(8)
    X = thinned(rng, clustered(rng, 4000, 40)).astype(dtype)
    start = X[:200].toarray()
    fits = [KMeans(200, init=start, search="neighbors", n_threads=n).fit(X) for n in (1, 2, 3, 7)]
    for other in fits[1:]:
        np.testing.assert_array_equal(fits[0].labels_, other.labels_)
        np.testing.assert_array_equal(fits[0].cluster_centers_, other.cluster_centers_)
        assert fits[0].trace_.objective == other.trace_.objective
    full = KMeans(200, init=start, tol=0.0).fit(X)
    assert fits[0].inertia_ < full.inertia_


@some
@given(rng=generators, n=st.integers(2, 200), share=st.floats(0.5, 1), weighted=st.booleans())
def test_only_rows_that_share_a_cluster_look_for_another(rng, n, share, weighted):
    """Of rows that are alone no move pays, so nothing is lost by leaving them out."""
    k = max(1, int(share * n))
    rows = DenseRows(rng.normal(size=(n, 3)), rng.uniform(0.1, 9, n) if weighted else np.ones(n))
    search = NeighborSearch(rows, start_of(rows.values, k), np.zeros(3), SerialEngine())
    for name in (LISTS, SLICES, LISTS):
        search.use(name)
        sizes = np.bincount(search.labels, minlength=k)
        lookers = search._view.clustering.accompanied()
        expected = np.flatnonzero(sizes[search.labels] > 1)
        np.testing.assert_array_equal(np.arange(n) if lookers is None else lookers, expected)


def test_lists_are_not_made_anew_where_nothing_moves():
    rng = np.random.default_rng(0)
    rows = DenseRows(rng.normal(size=(400, 8)), np.ones(400))
    search = NeighborSearch(rows, start_of(rows.values, 300), np.zeros(8), SerialEngine())
    passes = [search.use(LISTS) for _ in range(60)]
    last = passes[-10:]
    assert not any(step.moved for step in last)
    most = np.count_nonzero(np.bincount(search.labels)[search.labels] > 1) * (N_NEAR + 1)
    assert all(step.evaluations <= most for step in last)
