"""Bounded searches give the labels of full ones, whatever the data."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.datasets import load_digits
from strategies import generators

from cofactor.codes import BoundedOneHot, OneHot, hard_codes
from cofactor.codes.groups import principal_groups
from cofactor.data import open_blocks
from cofactor.engine import SerialEngine, engine_for
from cofactor.errors import InputError
from cofactor.fit import first_rows, fit
from cofactor.model import Model
from cofactor.noise import Gaussian, Poisson
from cofactor.start import from_means
from cofactor.stop import NothingMoved, Stop

some = settings(max_examples=40, deadline=None)
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


def clustered(rng, shape):
    centers = 5 * rng.normal(size=(7, shape[1]))
    return centers[rng.integers(0, 7, shape[0])] + 0.5 * rng.normal(size=shape)


data = st.sampled_from([whole_numbers, scattered, far_away, clustered])


def sweeps(codes, blocks, params, n_sweeps):
    """Return the parameters and the labels of every sweep, and the statistics."""
    model, engine = Model(NOISE, codes), SerialEngine()
    rows = first_rows(model, blocks, params, engine)
    for _ in range(n_sweeps):
        statistics, rows = rows.sweep(model.e_step(params))
        labels = np.concatenate([state.labels for state in rows.states])
        yield params, labels, statistics, model.objective(statistics, params)
        params = model.m_step(statistics, params, rows)


def plain(blocks, params):
    """Return the labels, the statistics and the objective of a full search."""
    ((_, *found),) = sweeps(OneHot(), blocks, params, 1)
    return found


def assert_same_sweeps(blocks, params, codes, n_sweeps=8):
    for at, labels, statistics, objective in sweeps(codes, blocks, params, n_sweeps):
        expected, full, loss = plain(blocks, at)
        np.testing.assert_array_equal(labels, expected)
        scale = np.abs(full.moments.sums).max() + np.sqrt(full.moments.spread)
        np.testing.assert_allclose(
            statistics.moments.sums, full.moments.sums, rtol=0, atol=1e-10 * scale
        )
        np.testing.assert_allclose(statistics.moments.counts, full.moments.counts, atol=1e-9)
        rounding = np.finfo(blocks[0].values.dtype).eps * at.components.shape[1]
        spread = float(full.moments.spread) / float(at.dispersion)
        assert abs(objective - loss) <= 1e-9 * abs(loss) + 8 * rounding * spread


@some
@given(
    make=data,
    rng=generators,
    dtype=dtypes,
    n=st.integers(1, 700),
    d=st.integers(1, 20),
    k=st.integers(1, 40),
    size=st.integers(1, 20),
)
def test_labels_and_moments_are_those_of_full_searches(make, rng, dtype, n, d, k, size):
    X = make(rng, (n, d)).astype(dtype)
    blocks = open_blocks(X)
    means = X[rng.integers(0, n, k)].astype(float)  # drawn with replacement: some are equal
    assert_same_sweeps(blocks, from_means(NOISE, blocks, means), BoundedOneHot(group_size=size))


@some
@given(make=data, rng=generators, dtype=dtypes)
def test_weights_may_be_fractions_and_zero(make, rng, dtype):
    X, weights = make(rng, (300, 5)).astype(dtype), rng.exponential(size=300)
    weights[rng.random(300) < 0.3] = 0.0
    blocks = open_blocks(X, weights)
    params = from_means(NOISE, blocks, X[:25].astype(float))
    assert_same_sweeps(blocks, params, BoundedOneHot(group_size=8))


@some
@given(rng=generators, dtype=dtypes)
def test_components_that_are_empty_at_first_are_filled(rng, dtype):
    X = clustered(rng, (300, 4)).astype(dtype)
    blocks = open_blocks(X)
    means = np.vstack([X[:10].astype(float), 1e3 + rng.normal(size=(5, 4))])
    params = from_means(NOISE, blocks, means)
    assert_same_sweeps(blocks, params, BoundedOneHot(group_size=6))
    *_, (_, labels, _, _) = sweeps(BoundedOneHot(group_size=6), blocks, params, 3)
    assert len(np.unique(labels)) == 15


def assert_bounds_hold(block, state):
    """Compare bounds with distances from residuals in float64."""
    known, groups = state.round, state.round.groups
    residuals = (block.values - known.shift).astype(float)[:, None] - known.components
    distances = np.sqrt(np.square(residuals).sum(axis=2))
    rows = np.arange(block.n_rows)
    assert (state.upper >= distances[rows, state.labels]).all()
    distances[rows, state.labels] = np.inf
    for group, lower in zip(groups.members, state.lower, strict=True):
        assert (lower <= distances[:, group[group >= 0]].min(axis=1)).all()


@some
@given(make=data, rng=generators, dtype=dtypes, step=st.sampled_from([1e-3, 0.1, 1.0]))
def test_bounds_hold_while_centers_move(make, rng, dtype, step):
    blocks = open_blocks(make(rng, (200, 3)).astype(dtype))
    params = from_means(NOISE, blocks, blocks[0].values[:30].astype(float))
    model = Model(NOISE, BoundedOneHot(group_size=6))
    rows = first_rows(model, blocks, params, SerialEngine())
    for _ in range(6):
        _, rows = rows.sweep(model.e_step(params))
        assert_bounds_hold(blocks[0], rows.states[0])
        params = replace(params, components=params.components + step * scattered(rng, (30, 3)))


@some
@given(rng=generators)
def test_centers_may_jump_between_sweeps(rng):
    blocks = open_blocks(scattered(rng, (400, 3)))
    params = from_means(NOISE, blocks, scattered(rng, (30, 3)))
    model = Model(NOISE, BoundedOneHot(group_size=6))
    rows = first_rows(model, blocks, params, SerialEngine())
    for scale in (1.0, 0.01, 10.0, 0.0):
        params = replace(params, components=params.components + scale * scattered(rng, (30, 3)))
        _, rows = rows.sweep(model.e_step(params))
        labels = np.concatenate([state.labels for state in rows.states])
        np.testing.assert_array_equal(labels, plain(blocks, params)[0])


def test_a_sweep_leaves_the_state_before_as_it_was():
    X = load_digits().data
    blocks = open_blocks(X)
    params = from_means(NOISE, blocks, X[:40])
    model = Model(NOISE, BoundedOneHot(group_size=12))
    _, rows = first_rows(model, blocks, params, SerialEngine()).sweep(model.e_step(params))
    moved = replace(params, components=params.components[::-1].copy())
    once, twice = (
        [state.labels for state in rows.sweep(model.e_step(moved))[1].states] for _ in range(2)
    )
    np.testing.assert_array_equal(once, twice)


def run(X, codes, k=50, n_threads=1):
    blocks, model = open_blocks(X), Model(NOISE, codes)
    params = from_means(NOISE, blocks, X[:k].astype(float))
    with engine_for(n_threads, len(blocks)) as engine:
        rows = first_rows(model, blocks, params, engine)
        return fit(model, rows, params, Stop(100, (NothingMoved(),)))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_fits_of_real_data_take_the_same_steps(dtype):
    X = load_digits().data.astype(dtype)
    fits = [run(X, codes) for codes in (OneHot(), BoundedOneHot(group_size=12))]
    full, bounded = ([np.concatenate([s.labels for s in f.rows.states]) for f in [f]] for f in fits)
    np.testing.assert_array_equal(full, bounded)
    assert len(fits[0].trace) == len(fits[1].trace)
    moved = [[record.moved for record in f.trace] for f in fits]
    assert moved[0] == moved[1]
    np.testing.assert_allclose(*([record.objective for record in f.trace] for f in fits), rtol=1e-6)


@pytest.mark.parametrize("n_threads", [2, 3, 7])
def test_threads_do_not_change_a_bit(n_threads):
    X = np.random.default_rng(0).normal(size=(20_000, 16)).astype(np.float32)
    one, several = (run(X, BoundedOneHot(), n_threads=n) for n in (1, n_threads))
    np.testing.assert_array_equal(one.params.components, several.params.components)
    assert [r.objective for r in one.trace] == [r.objective for r in several.trace]


@some
@given(rng=generators, k=st.integers(1, 60), d=st.integers(1, 5), data=st.data())
def test_groups_hold_every_component_once(rng, k, d, data):
    n_groups = data.draw(st.integers(1, k))
    groups = principal_groups(whole_numbers(rng, (k, d)), n_groups)
    assert groups.members.shape[0] == n_groups
    assert groups.members.shape[1] % 6 == 0
    np.testing.assert_array_equal(groups.members.ravel()[groups.places], np.arange(k))
    sizes = (groups.members >= 0).sum(axis=1)
    assert sizes.sum() == k
    assert np.ptp(sizes) <= 1 + np.log2(n_groups)
    for group, size in zip(groups.members, sizes, strict=True):
        assert all(a < b for a, b in pairwise(group[:size]))


def test_weights_of_components_must_be_equal():
    blocks = open_blocks(np.eye(3))
    params = from_means(NOISE, blocks, np.eye(3))
    uneven = replace(params, log_weights=np.log([0.5, 0.25, 0.25]))
    with pytest.raises(InputError, match="mixing weights"):
        BoundedOneHot().e_step(NOISE, uneven)


def test_bounds_are_chosen_where_they_are_valid_and_pay():
    big, small = (open_blocks(np.ones((n, 32), np.float32)) for n in (20_000, 100))
    assert isinstance(hard_codes(NOISE, big, 100), BoundedOneHot)
    for noise, blocks, k in ((Poisson(), big, 100), (NOISE, small, 100), (NOISE, big, 8)):
        assert type(hard_codes(noise, blocks, k)) is OneHot
