"""Spherical k-means in one kernel takes the steps of the general loop."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given, settings
from hypothesis import strategies as st
from strategies import generators

from cofactor import KMeans
from cofactor.codes import OneHot
from cofactor.data import cut, open_rows
from cofactor.engine import SerialEngine, engine_for
from cofactor.fit import first_rows, fit
from cofactor.lloyd import Ending, Whole, lloyd, suits
from cofactor.model import Model
from cofactor.noise import VonMisesFisher
from cofactor.start import from_means
from cofactor.stop import NothingMoved, SmallShift, Stop

NOISE = VonMisesFisher()
some = settings(max_examples=25, deadline=None)
storages = st.sampled_from([np.asarray, sp.csr_array])
dtypes = st.sampled_from([np.float32, np.float64])


def directions(rng, storage, dtype, n, d, weighted=False, k=6):
    """Return rows about a few directions, of length 1, some of them without weight."""
    X = (rng.normal(size=(k, d))[rng.integers(0, k, n)] + rng.normal(size=(n, d))).astype(dtype)
    X *= rng.random((n, d)) < 0.7
    X[:, 0] += 0.1
    weights = rng.exponential(size=n) * (rng.random(n) < 0.8) + 1e-3 * (np.arange(n) == 0)
    return NOISE.rows(open_rows(storage(X), weights if weighted else None))


def general(rows, params, max_iter, tolerance):
    blocks, model = cut(rows), Model(NOISE, OneHot())
    begun = first_rows(model, blocks, params, SerialEngine())
    return fit(model, begun, params, Stop(max_iter, (SmallShift(tolerance), NothingMoved())))


def in_kernel(rows, params, max_iter, tolerance, engine=None):
    engine = engine or SerialEngine()
    return lloyd(NOISE, Whole(rows, cut(rows), engine), params, Ending(tolerance, max_iter))


def labels_of(found):
    return np.concatenate([state.labels for state in found.rows.states])


def assert_same(ours, theirs, rounding):
    np.testing.assert_array_equal(labels_of(ours), labels_of(theirs))
    np.testing.assert_allclose(ours.trace.objective, theirs.trace.objective, rtol=rounding)
    np.testing.assert_allclose(ours.params.components, theirs.params.components, atol=rounding)
    np.testing.assert_allclose(ours.params.dispersion, theirs.params.dispersion, rtol=rounding)
    assert ours.converged == theirs.converged
    assert [each.moved for each in ours.trace] == [each.moved for each in theirs.trace]


@some
@given(
    rng=generators,
    storage=storages,
    dtype=dtypes,
    weighted=st.booleans(),
    n=st.integers(100, 400),
    d=st.integers(3, 20),
    k=st.integers(1, 8),
)
def test_steps_are_those_of_the_general_loop(rng, storage, dtype, weighted, n, d, k):
    rows = directions(rng, storage, dtype, n, d, weighted)
    params = from_means(NOISE, [rows], rows.take(np.arange(k)).dense())
    assert suits(NOISE, [rows])
    ours, theirs = (run(rows, params, 12, 0.0) for run in (in_kernel, general))
    assert_same(ours, theirs, 1e-9 if dtype is np.float64 else 1e-5)


@pytest.mark.parametrize("storage", [np.asarray, sp.csr_array])
def test_steps_behind_bounds_are_those_of_the_general_loop(storage):
    rng = np.random.default_rng(0)
    rows = directions(rng, storage, np.float64, 4_000, 30, k=60)
    params = from_means(NOISE, [rows], rows.take(np.arange(120)).dense())
    ours, theirs = (run(rows, params, 40, 1e-6) for run in (in_kernel, general))
    assert_same(ours, theirs, 1e-9)
    assert (np.diff(ours.trace.objective) <= 1e-9 * abs(ours.trace.objective[0])).all()


@pytest.mark.parametrize("storage", [np.asarray, sp.csr_array])
def test_threads_change_no_bit(storage):
    rows = directions(np.random.default_rng(1), storage, np.float32, 5_000, 12)
    params = from_means(NOISE, [rows], rows.take(np.arange(40)).dense())
    alone = in_kernel(rows, params, 20, 0.0)
    for n_threads in (2, 3):
        with engine_for(n_threads, n_threads) as engine:
            found = in_kernel(rows, params, 20, 0.0, engine)
        np.testing.assert_array_equal(labels_of(found), labels_of(alone))
        np.testing.assert_array_equal(found.params.components, alone.params.components)


@pytest.mark.parametrize("storage", [np.asarray, sp.csr_array])
def test_empty_clusters_get_rows(storage):
    X = np.vstack([np.eye(5), 2 * np.eye(5), np.eye(5)[::-1] + 0.1])
    found = KMeans(8, noise="von_mises_fisher", init=np.eye(5)[np.zeros(8, int)]).fit(storage(X))
    assert len(set(found.labels_)) == 8
    assert (np.diff(found.trace_.objective) <= 1e-9).all()
