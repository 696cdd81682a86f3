"""Factorizations that begin with some of the rows and columns."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given
from hypothesis import settings as tries
from hypothesis import strategies as st
from scipy.special import xlogy

from cofactor.codes import Nonnegative
from cofactor.data import open_blocks, open_columns
from cofactor.engine import SerialEngine
from cofactor.engine.threads import engine_for
from cofactor.estimators import NMF
from cofactor.model import Model
from cofactor.noise import Poisson
from cofactor.noise.linear import FixedFactor
from cofactor.start import coarse as coarse_starts
from cofactor.start.coarse import Columns, coarse_factors, common_columns, level_of, strides
from cofactor.start.leaps import leap
from cofactor.start.parts import Found, Opened, Part
from tests.strategies import seeds

few = tries(max_examples=20)
stores = st.sampled_from([np.asarray, sp.csr_array])
MODEL = Model(Poisson(), Nonnegative())


def counts(seed=0, n=80, d=30, k=3):
    rng = np.random.default_rng(seed)
    mean = rng.gamma(0.5, size=(n, k)) @ rng.gamma(0.5, 8.0, size=(k, d))
    return rng.poisson(mean).astype(float)


def drawn(seed, k=3):
    def draw(part):
        rng, (n, d) = np.random.default_rng(seed), part.X.shape
        return rng.uniform(0.1, 1.0, (n, k)), rng.uniform(0.1, 1.0, (k, d))

    return draw


def coarse(X, seed, weights=None, engine=None, k=3):
    weights = np.ones(X.shape[0]) if weights is None else weights
    blocks, columns = open_blocks(X, weights), open_columns(X)
    data = Opened(Part.whole(X, weights), blocks, columns, engine or SerialEngine())
    return coarse_factors(MODEL, data, k, drawn(seed, k))


def divergence(X, codes, components):
    mean = codes @ components
    return (xlogy(X, X / np.maximum(mean, 1e-300)) - X + mean).sum()


@few
@given(seeds, stores, st.integers(96, 300))
def test_coarse_factors_fit_better_than_the_mean_row(seed, store, n):
    X = counts(seed, n)
    codes, components = coarse(store(X), seed)
    assert codes.min() >= 0
    assert components.min() >= 0
    assert (components.max(axis=0) > 0).all()
    assert divergence(X, codes, components) < divergence(
        X, X.sum(axis=1, keepdims=True), X.sum(axis=0, keepdims=True) / max(X.sum(), 1.0)
    )


@few
@given(seeds, st.integers(96, 300))
def test_dense_and_sparse_data_begin_alike(seed, n):
    X = counts(seed, n)
    for one, other in zip(coarse(X, seed), coarse(sp.csr_array(X), seed), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-6, atol=1e-9)


@few
@given(seeds)
def test_rows_without_weight_have_no_say_in_components(seed):
    X, weights = counts(seed, 160), np.ones(160)
    weights[[5, 16, 33, 64]], other = 0.0, X.copy()
    other[weights == 0] = 7.0
    one, two = (coarse(data, seed, weights)[1] for data in (X, other))
    np.testing.assert_allclose(one, two, rtol=1e-9)


@pytest.mark.parametrize("n_threads", [2, 3, 7])
def test_threads_begin_with_the_same_bits(n_threads):
    X = sp.csr_array(counts(1, 2_000, 300).astype(np.float32))
    expected = coarse(X, 0)
    with engine_for(n_threads, 24) as engine:
        found = coarse(X, 0, engine=engine)
    for one, other in zip(expected, found, strict=True):
        np.testing.assert_array_equal(one, other)


@few
@given(st.integers(16, 400), st.integers(1, 60), st.integers(1, 20), seeds)
def test_parts_lie_within_one_another_and_leave_enough(n, d, k, seed):
    X = sp.csr_array(np.random.default_rng(seed).poisson(0.7, (n, d)).astype(float))
    columns = Columns(X.sum(axis=0), X.astype(bool).sum(axis=0))
    whole = Part.whole(X, np.ones(n))
    parts = [level_of(whole, columns, k, stride) for stride in strides(n, k)]
    assert 1 <= len(parts) <= 2
    for part in parts:
        assert len(part.rows) >= min(4 * k, -(-n // 4))
        assert len(part.columns) >= min(4 * k, d)
        np.testing.assert_array_equal(
            part.X.toarray(), X.toarray()[np.ix_(part.rows, part.columns)]
        )
    for one, other in pairwise(parts):
        assert set(one.rows) < set(other.rows)
        assert set(one.columns) <= set(other.columns)


@few
@given(seeds, st.integers(1, 200), st.integers(1, 20), st.sampled_from([4, 8, 16]))
def test_common_columns_hold_enough_and_leave_enough(seed, d, k, stride):
    """At most as many as hold 90 % of all counts, and of those as many as have entries enough."""
    sums = np.random.default_rng(seed).geometric(0.05, d).astype(float)
    stored = np.ceil(sums / 3).astype(int)
    found = common_columns(Columns(sums, stored), k, stride)
    assert (np.diff(found) > 0).all()
    assert len(found) >= min(4 * k, d)
    assert sums[found].sum() >= 0.5 * sums.sum()
    assert sums[found].min() >= np.delete(sums, found).max(initial=0.0)
    if len(found) > 4 * k:
        assert sums[found].sum() - sums[found].min() < 0.9 * sums.sum()
        scarce = stored[found].sum() < 2.0 * k * stride * len(found)
        assert not scarce or sums[found].sum() - sums[found].min() < 0.5 * sums.sum()


def test_columns_without_counts_may_take_part():
    sums, stored = np.zeros(9), np.zeros(9, dtype=int)
    assert len(common_columns(Columns(sums, stored), 2, 8)) == 8


@few
@given(seeds, stores)
def test_rows_keep_their_sums_in_a_leap(seed, store):
    X, rng = counts(seed, 20), np.random.default_rng(seed)
    components, codes = rng.uniform(0.1, 1.0, (3, 30)), rng.uniform(0.1, 1.0, (20, 3))
    (block,) = open_blocks(store(X))
    far = leap(Poisson(), block, FixedFactor(components.T), codes)
    np.testing.assert_allclose((far @ components).sum(axis=1), X.sum(axis=1), rtol=1e-9)


@few
@given(seeds, stores)
def test_codes_leap_from_zero_without_harm(seed, store):
    X, rng = counts(seed, 20), np.random.default_rng(seed)
    components, codes = rng.uniform(0.1, 1.0, (3, 30)), rng.uniform(0.1, 1.0, (20, 3))
    codes[:, 1], codes[3] = 0.0, 0.0
    (block,) = open_blocks(store(X))
    far = leap(Poisson(), block, FixedFactor(components.T), codes)
    assert np.isfinite(far).all()
    np.testing.assert_allclose((far @ components).sum(axis=1), X.sum(axis=1), rtol=1e-6)


@few
@given(seeds)
def test_a_leap_is_two_steps_long_where_parts_do_not_overlap(seed):
    """There a step ends at the optimum, and a leap from an average keeps what it found."""
    rng = np.random.default_rng(seed)
    components = np.kron(np.eye(3), rng.uniform(0.5, 1.0, (1, 4)))
    codes = rng.uniform(0.5, 2.0, (6, 3))
    (block,) = open_blocks(codes @ components)
    factor = FixedFactor(components.T)
    np.testing.assert_allclose(leap(Poisson(), block, factor, codes), codes, rtol=1e-6)
    even = np.full((6, 3), codes.mean(axis=1, keepdims=True))
    ratio = leap(Poisson(), block, factor, even) / even
    np.testing.assert_allclose(ratio / ratio[:, :1], np.square(codes / codes[:, :1]), rtol=1e-5)


@few
@given(seeds)
def test_factors_of_a_part_explain_the_sums_of_all(seed):
    """Where a part's factors fit it exactly, averages give all rows and columns their sums."""
    rng = np.random.default_rng(seed)
    codes, components = rng.uniform(0.5, 1.0, (32, 1)), rng.uniform(0.5, 1.0, (1, 10))
    X = codes @ components
    whole = Part.whole(X, np.ones(32))
    part = whole.every(4).at(np.arange(0, 10, 2))
    found = Found(part, codes[part.rows], components[:, part.columns])
    spread = found.spread(whole, X.sum(axis=0))
    np.testing.assert_allclose(spread[0] @ spread[1], X, rtol=1e-9)


def test_a_large_fit_begins_coarsely_and_ends_as_well(monkeypatch):
    monkeypatch.setattr(coarse_starts, "LEAST_ENTRIES", 1 << 12)
    monkeypatch.setattr(coarse_starts, "MANY_ENTRIES", 1 << 12)
    X = sp.csr_array(counts(7, 1_200, 100).astype(np.float32))
    fits = [
        NMF(3, noise="poisson", init=init, max_iter=60, random_state=0).fit(X)
        for init in ("random", "nndsvda", "kmeans", "anchors")
    ]
    for model in fits:
        assert np.diff(model.trace_.objective).max() <= 1e-6 * abs(model.trace_[0].objective)
        assert model.log_likelihood_ == pytest.approx(fits[0].log_likelihood_, rel=1e-3)


def test_several_starts_of_a_large_fit_are_different_ones(monkeypatch):
    monkeypatch.setattr(coarse_starts, "LEAST_ENTRIES", 1 << 12)
    monkeypatch.setattr(coarse_starts, "MANY_ENTRIES", 1 << 12)
    X = sp.csr_array(counts(7, 1_200, 100, 6).astype(np.float32))
    settings = {"noise": "poisson", "init": "random", "max_iter": 3, "tol": 0.0, "random_state": 0}
    one = NMF(6, **settings).fit(X)
    many, again = (NMF(6, n_init=4, **settings).fit(X) for _ in range(2))
    assert many.log_likelihood_ >= one.log_likelihood_
    np.testing.assert_array_equal(many.components_, again.components_)
