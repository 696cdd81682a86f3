"""Searches among neighbours on engines whose workers share no memory: laws of the block form."""

from __future__ import annotations

import multiprocessing
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass

import numpy as np
import pytest
import scipy.sparse as sp
from apart import Apart, Processes, Threads
from hypothesis import given, settings
from hypothesis import strategies as st
from strategies import generators

from cofactor.data.blocks import open_rows
from cofactor.engine import SerialEngine
from cofactor.engine.pool import Pool
from cofactor.lloyd import Ending, Whole, lloyd
from cofactor.neighbors import neighbors
from cofactor.noise import Gaussian
from cofactor.start import from_means

some = settings(max_examples=40)
dtypes = st.sampled_from([np.float32, np.float64])
NOISE = Gaussian()


@dataclass(frozen=True)
class Fitted:
    """What the oracles ask of a model."""

    fit: object
    n_clusters: int

    @property
    def labels_(self):
        return np.concatenate([state.labels for state in self.fit.rows.states])

    @property
    def cluster_centers_(self):
        return self.fit.params.components

    @property
    def objective(self):
        return np.array(self.fit.trace.objective)


def problem(X, k, weights=None, size=10**9, engine=None):
    rows = open_rows(X, weights)
    blocks = [rows.take(slice(i, i + size)) for i in range(0, rows.n_rows, size)]
    first = X[np.random.default_rng(0).choice(X.shape[0], k, replace=False)]
    means = first.toarray() if sp.issparse(X) else first
    return Whole(rows, blocks, engine or Apart()), from_means(NOISE, blocks, means)


def fitted(X, k, weights=None, size=10**9, engine=None, tol=1e-4, max_iter=300):
    data, params = problem(X, k, weights, size, engine)
    return Fitted(neighbors(NOISE, data, params, Ending(tol, max_iter)), k)


def inertia(X, labels, weights):
    X = (X.toarray() if sp.issparse(X) else X).astype(np.longdouble)
    total = np.longdouble(0)
    for c in np.unique(labels[weights > 0]):
        own = labels == c
        mean = weights[own] @ X[own] / weights[own].sum()
        total += weights[own] @ np.square(X[own] - mean).sum(axis=1)
    return float(total)


def assert_never_rises(model):
    assert (np.diff(model.objective) <= 1e-9 * np.abs(model.objective[1:])).all()


def scattered(rng, n, d):
    return rng.normal(size=(n, d))


def whole_numbers(rng, n, d):
    return rng.integers(0, 3, (n, d)).astype(float)


def clustered(rng, n, d):
    centers = 6 * rng.normal(size=(max(2, n // 20), d))
    return centers[rng.integers(0, len(centers), n)] + rng.normal(size=(n, d))


def far_away(rng, n, d):
    return 1e3 + rng.normal(size=(n, d))


data = st.sampled_from([scattered, whole_numbers, clustered, far_away])
storages = st.sampled_from([np.ascontiguousarray, sp.csr_array])


@some
@given(
    make=data,
    rng=generators,
    dtype=dtypes,
    store=storages,
    n=st.integers(2, 400),
    d=st.integers(1, 12),
    share=st.floats(0.01, 1),
    size=st.integers(15, 150),
    weighted=st.booleans(),
)
def test_the_objective_never_rises_and_is_that_of_the_labels(
    make, rng, dtype, store, n, d, share, size, weighted
):
    X, k = store(make(rng, n, d).astype(dtype)), max(1, int(share * n))
    weights = rng.choice([0.0, 0.5, 1.0, 2.0], n, p=[0.1, 0.3, 0.3, 0.3]) if weighted else None
    model = fitted(X, k, weights, size)
    assert_never_rises(model)
    weights = np.ones(n) if weights is None else weights
    exact, entries = inertia(X, model.labels_, weights), weights.sum() * d
    dense = X.toarray() if sp.issparse(X) else X - X.mean(axis=0, dtype=float)
    spread = weights @ np.square(dense.astype(float)).sum(axis=1)
    found = float(model.fit.params.dispersion) * entries
    assert abs(found - exact) <= 1e-6 * exact + 1e-9 * spread


def left_to_gain(X, labels, k):
    """Return the most that a move of a row would save, by its costs."""
    counts, sums = np.bincount(labels, minlength=k), np.zeros((k, X.shape[1]))
    np.add.at(sums, labels, X)
    distances = np.square(X[:, None] - sums / counts[:, None]).sum(axis=2)
    own, rest = distances[np.arange(len(X)), labels], counts[labels] - 1
    saved = np.divide(own * counts[labels], rest, out=np.zeros_like(own), where=rest > 0)
    cost = distances * counts / (counts + 1)
    cost[np.arange(len(X)), labels] = np.inf
    return (saved - cost.min(axis=1)).max()


@some
@given(
    make=data,
    rng=generators,
    dtype=dtypes,
    store=storages,
    n=st.integers(20, 200),
    share=st.floats(0.02, 0.6),
    size=st.integers(15, 150),
)
def test_without_tolerance_no_move_pays_but_for_rounding(make, rng, dtype, store, n, share, size):
    X, k = store(make(rng, n, 5).astype(dtype)), max(1, int(share * n))
    model = fitted(X, k, size=size, tol=0.0)
    assert model.fit.converged
    dense = (X.toarray() if sp.issparse(X) else X).astype(float)
    origin = 0.0 if sp.issparse(X) else dense.mean(axis=0)
    rounding = 1e-5 * np.square(dense - origin).sum(axis=1).max()  # of proposals in float32
    if np.bincount(model.labels_, minlength=k).all():
        assert left_to_gain(dense, model.labels_, k) <= rounding


def assert_same_bits(model, other):
    np.testing.assert_array_equal(model.labels_, other.labels_)
    np.testing.assert_array_equal(model.cluster_centers_, other.cluster_centers_)
    assert model.fit.trace.objective == other.fit.trace.objective
    evaluations = [[i.evaluations for i in m.fit.trace] for m in (model, other)]
    assert evaluations[0] == evaluations[1]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("store", [np.ascontiguousarray, sp.csr_array])
def test_any_engine_gives_the_same_bits(dtype, store):
    X = store(clustered(np.random.default_rng(0), 3000, 12).astype(dtype))
    model = fitted(X, 300, size=370, max_iter=20)
    for n_threads in (1, 2, 3, 7):
        with Pool(n_threads) as pool:
            assert_same_bits(
                model, fitted(X, 300, None, 370, Threads(pool, n_threads), max_iter=20)
            )


def test_blocks_may_be_in_other_processes():
    X = clustered(np.random.default_rng(1), 1500, 6)
    model = fitted(X, 120, size=400, max_iter=8)
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(2, mp_context=context) as pool:
        assert_same_bits(model, fitted(X, 120, None, 400, Processes(pool), max_iter=8))


@pytest.mark.parametrize("size", [2500, 20_000])
def test_many_clusters_end_lower_than_lloyds(size):
    X, k = clustered(np.random.default_rng(1), 20_000, 12).astype(np.float32), 1500
    data, params = problem(X, k, size=size, engine=SerialEngine())
    full = lloyd(NOISE, data, params, Ending(0.0, 300))
    model = fitted(X, k, size=size)
    assert_never_rises(model)
    assert model.fit.converged
    assert model.objective[-1] < full.objective


def test_one_block_and_many_agree_about_the_first_labels():
    X = clustered(np.random.default_rng(2), 2000, 10).astype(np.float32)
    for k in (40, 1500):
        one, many = (fitted(X, k, size=size, max_iter=0) for size in (2000, 300))
        assert (one.labels_ == many.labels_).mean() > 0.99


def test_a_cluster_that_all_blocks_leave_gets_a_row():
    rng = np.random.default_rng(3)
    X = whole_numbers(rng, 300, 2)
    model = fitted(X, 9, size=7, tol=0.0)
    assert np.bincount(model.labels_, minlength=9).all()
    assert model.objective[-1] <= model.objective[0]
