"""Moves of single rows end where no move lowers the inertia, as brute force confirms."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given, settings
from hypothesis import strategies as st
from strategies import generators

from cofactor.codes.hartigan import Hartigan
from cofactor.codes.movable import movable
from cofactor.data import DenseRows, MaskedRows, SparseRows
from cofactor.engine import SerialEngine, engine_for
from cofactor.errors import InputError

some = settings(max_examples=20)
dtypes = st.sampled_from([np.float32, np.float64])
storages = st.sampled_from(["dense", "sparse"])
SERIAL = SerialEngine()


def scattered(rng, n, d):
    return rng.normal(size=(n, d))


def whole_numbers(rng, n, d):
    """Few values: many duplicates and exact ties."""
    return rng.integers(0, 3, (n, d)).astype(float)


def with_an_outlier(rng, n, d):
    """Rows whose squares swamp their distances in float32."""
    rows = 50.0 + rng.normal(size=(n, d))
    rows[0] = 1e5
    return rows


data = st.sampled_from([scattered, whole_numbers, with_an_outlier])


def rows_of(X, storage, weights=None):
    weights = np.ones(len(X)) if weights is None else weights
    return DenseRows(X, weights) if storage == "dense" else SparseRows(sp.csr_array(X), weights)


def start(rows, labels, k, engine=SERIAL):
    d = rows.n_columns
    shift = rows.reference(rows.weighted_total() / rows.weights.sum())
    return Hartigan(rows, labels, np.zeros((k, d)), shift, engine)


def inertia(X, labels, weights):
    """Return the inertia about the means of the rows of each cluster, in extended precision."""
    X, weights = X.astype(np.longdouble), weights.astype(np.longdouble)
    total = np.longdouble(0)
    for c in np.unique(labels):
        own = labels == c
        if weights[own].sum() > 0:
            mean = weights[own] @ X[own] / weights[own].sum()
            total += weights[own] @ np.square(X[own] - mean).sum(axis=1)
    return total


def best_single_move(X, labels, weights, k):
    """Return the lowest inertia after the move of one row to any cluster."""
    least = np.inf
    for n in range(len(X)):
        for c in range(k):
            moved = labels.copy()
            moved[n] = c
            least = min(least, inertia(X, moved, weights))
    return least


def polish(X, labels, weights, k, storage, engine=SERIAL):
    clusters = start(rows_of(X, storage, weights), labels, k, engine)
    clusters.fill()
    sweeps = [clusters.sweep()]
    while sweeps[-1].moved:
        sweeps.append(clusters.sweep())
        assert len(sweeps) < 1000
    return clusters, sweeps


@some
@given(make=data, rng=generators, dtype=dtypes, storage=storages, k=st.integers(1, 5))
def test_no_single_move_lowers_the_inertia(make, rng, dtype, storage, k):
    X, weights = make(rng, 24, 2).astype(dtype), np.ones(24)
    labels = rng.integers(0, k, 24).astype(np.int32)
    clusters, _ = polish(X, labels, weights, k, storage)
    found = clusters.clustering.labels
    reached = inertia(X, found, weights)
    scale = float(np.square(X.astype(float)).sum(axis=1).max())
    assert reached - best_single_move(X, found, weights, k) <= 1e-8 * reached + 1e-12 * scale
    assert reached <= inertia(X, labels, weights) * (1 + 1e-12)


@some
@given(make=data, rng=generators, dtype=dtypes, storage=storages, k=st.integers(2, 5))
def test_nor_with_weights_of_which_some_are_zero(make, rng, dtype, storage, k):
    X, weights = make(rng, 20, 2).astype(dtype), rng.exponential(size=20)
    weights[rng.random(20) < 0.2] = 0.0
    weights[0] = 1.0
    labels = rng.integers(0, k, 20).astype(np.int32)
    clusters, _ = polish(X, labels, weights, k, storage)
    found = clusters.clustering.labels
    reached = inertia(X, found, weights)
    scale = float(np.square(X.astype(float)).sum(axis=1).max())
    assert reached - best_single_move(X, found, weights, k) <= 1e-8 * reached + 1e-12 * scale


@some
@given(rng=generators, dtype=dtypes, storage=storages, k=st.integers(2, 30))
def test_means_counts_and_gains_are_those_of_the_rows(rng, dtype, storage, k):
    X, weights = scattered(rng, 300, 3).astype(dtype), rng.exponential(size=300)
    labels = rng.integers(0, k, 300).astype(np.int32)
    before = inertia(X, labels, weights)
    clusters, sweeps = polish(X, labels, weights, k, storage)
    found = clusters.clustering.labels
    for c in range(k):
        own = found == c
        assert clusters.counts[c] == pytest.approx(weights[own].sum())
        mean = weights[own] @ X[own].astype(float) / weights[own].sum()
        np.testing.assert_allclose(clusters.clustering.means[c], mean, rtol=1e-12, atol=1e-12)
    after = inertia(X, found, weights)
    assert clusters.inertia() == pytest.approx(float(after), rel=1e-12)
    filled = len(np.unique(labels)) == k
    if filled:
        assert sum(sweep.gain for sweep in sweeps) == pytest.approx(float(before - after), rel=1e-9)


@given(rng=generators, share=st.floats(0.0, 0.999))
def test_gain_of_a_move_is_the_change_of_the_inertia(rng, share):
    """w N_a/(N_a − w) d_a² − w N_b/(N_b + w) d_b², for row 0 from cluster 0 to cluster 1."""
    X, weights = scattered(rng, 9, 3), rng.exponential(size=9)
    weights[0] = share * weights[1:5].sum() / max(1.0 - share, 1e-3)
    labels = np.repeat(np.array([0, 1], np.int32), [5, 4])
    clusters = start(rows_of(X, "dense", weights), labels, 2)
    own, other = (X[labels == c] for c in (0, 1))
    away = np.square(X[0] - np.average(own, axis=0, weights=weights[:5])).sum()
    near = np.square(X[0] - np.average(other, axis=0, weights=weights[5:])).sum()
    row, to = np.array([0]), np.array([1], np.int32)
    leaving, joining = clusters.clustering.leaving(row), clusters.clustering.joining(row, to)
    moved = labels.copy()
    moved[0] = 1
    change = float(inertia(X, labels, weights) - inertia(X, moved, weights))
    predicted = weights[0] * (leaving[0] * away - joining[0] * near)
    assert predicted == pytest.approx(change, rel=1e-7, abs=1e-9)


@pytest.mark.parametrize("storage", ["dense", "sparse"])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_threads_do_not_change_a_bit(storage, dtype):
    rng = np.random.default_rng(0)
    X, weights = scattered(rng, 30_000, 40).astype(dtype), np.ones(30_000)
    labels = np.argmin(np.square(X[:, None, :4] - X[:20, :4]).sum(axis=2), axis=1).astype(np.int32)
    results = []
    for n in (1, 2, 3, 7):
        with engine_for(n, 100) as engine:
            clusters = start(rows_of(X, storage, weights), labels, 20, engine)
            moves = [clusters.sweep().moved for _ in range(6)]
            results.append((moves, clusters.clustering.labels, clusters.clustering.means))
    for other in results[1:]:
        for got, expected in zip(other, results[0], strict=True):
            np.testing.assert_array_equal(got, expected)


@some
@given(rng=generators, storage=storages, k=st.integers(2, 12))
def test_empty_clusters_are_filled_and_the_inertia_falls(rng, storage, k):
    X, labels = scattered(rng, 40, 3), np.zeros(40, np.int32)
    clusters = start(rows_of(X, storage), labels, k)
    before = clusters.inertia()
    assert clusters.fill() == k - 1
    assert (clusters.counts > 0).all()
    assert clusters.inertia() < before


def test_clusters_stay_empty_where_rows_cost_nothing():
    X = np.repeat(np.eye(3), 4, axis=0)
    labels = np.repeat(np.arange(3, dtype=np.int32), 4)
    clusters = start(rows_of(X, "dense"), labels, 5)
    assert clusters.fill() == 0
    assert clusters.sweep().moved == 0


def test_a_row_that_is_alone_stays():
    X = np.array([[0.0], [1.0], [5.0]])
    labels = np.array([0, 1, 1], np.int32)
    clusters, _ = polish(X, labels, np.ones(3), 2, "dense")
    np.testing.assert_array_equal(clusters.clustering.labels, [0, 0, 1])  # 0 stayed, 1 came


@pytest.mark.parametrize("unit", [1e-150, 1e-20, 1e20, 1e150])
def test_the_unit_of_weights_does_not_matter(unit):
    rng = np.random.default_rng(1)
    X, labels = scattered(rng, 100, 3), rng.integers(0, 4, 100).astype(np.int32)
    weights = rng.exponential(size=100)
    (plain, _), (scaled, _) = (polish(X, labels, u * weights, 4, "dense") for u in (1.0, unit))
    np.testing.assert_array_equal(plain.clustering.labels, scaled.clustering.labels)
    assert scaled.inertia() == pytest.approx(unit * plain.inertia())


def test_bounds_spare_most_comparisons(monkeypatch):
    rng = np.random.default_rng(2)
    X = 10 * rng.normal(size=(8, 5))[rng.integers(0, 8, 2000)] + rng.normal(size=(2000, 5))
    clusters = start(rows_of(X, "dense"), rng.integers(0, 8, 2000).astype(np.int32), 8)
    while clusters.sweep().moved:
        pass
    compared = []
    search = Hartigan._search

    def counting(self, centers, rows):
        compared.append(rows.size)
        return search(self, centers, rows)

    monkeypatch.setattr(Hartigan, "_search", counting)
    clusters.sweep()
    assert sum(compared) < 20


def test_rows_with_missing_entries_are_refused():
    rows = MaskedRows(np.ones((2, 2)), np.ones(2), np.eye(2))
    with pytest.raises(InputError, match="missing entries"):
        movable(rows, np.zeros(2), np.ones(2))
