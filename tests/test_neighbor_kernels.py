"""The kernels of searches among neighbours against their reference; whole numbers are exact."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from strategies import generators

from cofactor import kernels
from cofactor.data import share
from cofactor.engine import SerialEngine, engine_for

every = pytest.mark.parametrize("name", kernels.available())
quick = settings(max_examples=25)
dtypes = st.sampled_from([np.float32, np.float64])
SERIAL = SerialEngine()


def problem(rng, dtype, n, d, k):
    """Return rows with labels, some of them unknown, and centers at places drawn at random."""
    X = rng.integers(-4, 5, (n, d)).astype(dtype)
    weights = rng.integers(0, 5, n) / 4.0
    labels = rng.integers(-1, k, n).astype(np.int32)
    members = rng.permutation(k).astype(np.int32)
    return SimpleNamespace(
        X=X,
        shift=rng.integers(-2, 3, d).astype(dtype),
        scale=1.0 if dtype == np.float32 else 0.25,
        weights=weights,
        labels=labels,
        counts=np.bincount(labels + 1, weights, minlength=k + 1)[1:],
        means=rng.integers(-4, 5, (k, d)).astype(float),
        members=members,
        places=np.argsort(members).astype(np.int32),
    )


def load(name):
    return kernels.load(name)


def sketch(name, p, most_share=np.inf, engine=SERIAL):
    """Return the kernel's centers: members, places, vectors, half norms and shares."""
    k, d = p.means.shape
    arrays = (
        p.members,
        p.places,
        np.full((k, -(-d // 16) * 16), np.nan, np.float32),
        np.full(k, np.nan, np.float32),
        np.full(k, np.nan, np.float32),
    )
    shift = p.shift.astype(float)
    task = p.means, p.counts, shift, p.scale, most_share
    share(engine, load(name).neighbor_centers, *task, *arrays)
    return arrays


@every
@quick
@given(
    rng=generators,
    dtype=dtypes,
    d=st.integers(1, 40),
    k=st.integers(1, 600),
    most=st.sampled_from([0.0, 0.5, np.inf]),
)
def test_centers_lie_place_by_place(name, rng, dtype, d, k, most):
    p = problem(rng, dtype, 50, d, k)
    for got, expected in zip(sketch(name, p, most), sketch("reference", p, most), strict=True):
        np.testing.assert_array_equal(got, expected)


@every
@quick
@given(rng=generators, n=st.integers(0, 200), k=st.integers(1, 40))
def test_rows_are_sorted_by_place(name, rng, n, k):
    labels, places = rng.integers(0, k, n).astype(np.int32), rng.permutation(k).astype(np.int32)
    starts, order = np.empty(k + 1, np.int64), np.empty(n, np.int64)
    load(name).neighbor_order(labels, places, starts, order)
    np.testing.assert_array_equal(order, np.argsort(places[labels], kind="stable"))
    np.testing.assert_array_equal(np.repeat(np.arange(k), np.diff(starts)), places[labels][order])


def lists(name, p, edges, order, enough, keep, engine=SERIAL):
    arrays = sketch(name, p)
    found = np.empty((len(p.members), keep), np.int32)
    evaluations = np.zeros(1, np.int64)
    task = arrays[2], edges, edges, order, enough
    share(engine, load(name).neighbor_lists, *task, *arrays, found, evaluations)
    return found, evaluations[0]


@every
@quick
@given(
    rng=generators,
    d=st.integers(1, 40),
    k=st.integers(1, 90),
    n_cells=st.integers(1, 8),
    keep=st.integers(1, 30),
    enough=st.integers(1, 90),
)
def test_lists_hold_the_nearest_of_the_nearest_cells(name, rng, d, k, n_cells, keep, enough):
    p = problem(rng, np.float32, 60, d, k)
    edges = np.concatenate([[0], np.sort(rng.integers(0, k + 1, n_cells - 1)), [k]])
    order = np.argsort(rng.random((n_cells, n_cells)), axis=1).astype(np.int32)
    keep = min(keep, k)
    got, expected = (lists(i, p, edges, order, enough, keep) for i in (name, "reference"))
    assert got[1] == expected[1]
    _, _, vectors, half_norms, _ = sketch("reference", p)
    for point, own, theirs in zip(vectors, got[0], expected[0], strict=True):
        assert len(set(own[own >= 0])) == np.count_nonzero(own >= 0)
        losses = [np.sort((half_norms - vectors @ point)[g[g >= 0]]) for g in (own, theirs)]
        np.testing.assert_array_equal(*losses)  # of equal ones any may be listed


def groups_of(rng, starts):
    inner = rng.integers(0, len(starts), len(starts) // 2)
    return np.unique(np.concatenate([[0], inner, [len(starts) - 1]]))


def compared(name, p, order, starts, edges, listed, engine=SERIAL):
    n = len(p.X)
    index, gains, evaluations = np.full(n, -7, np.int32), np.full(n, np.nan), np.zeros(1, np.int64)
    data = p.X, p.shift, p.scale, order, starts, p.weights, p.labels, p.counts
    found = edges, listed, index, gains, evaluations
    share(engine, load(name).neighbor_targets, *data, *sketch(name, p), *found)
    return index, gains, evaluations[0]


def assert_same_finds(p, got, expected):
    """Gains agree but for the rounding of quotients; of equal targets either will do."""
    far = max(0.0, np.square(p.X.astype(float)).sum(axis=1).max() - 1e4)  # gains are differences
    np.testing.assert_array_equal(got[0] < 0, expected[0] < 0)
    np.testing.assert_allclose(got[1], expected[1], rtol=2e-5, atol=2e-4 + 1e-5 * far)
    moves = got[0] >= 0
    assert (got[0][moves] != p.labels[moves]).all()


@every
@quick
@given(
    rng=generators,
    dtype=dtypes,
    n=st.integers(1, 400),
    d=st.integers(1, 40),
    k=st.integers(1, 60),
    keep=st.integers(1, 60),
)
def test_targets_are_the_cheapest_of_a_group(name, rng, dtype, n, d, k, keep):
    p = problem(rng, dtype, n, d, k)
    starts, order = np.empty(k + 1, np.int64), np.empty(n, np.int64)
    own = np.maximum(p.labels, 0)
    kernels.neighbor_order(own, p.places, starts, order)
    edges = groups_of(rng, starts)
    listed = np.argsort(rng.random((k, k)), axis=1)[:, :keep].astype(np.int32)  # each once
    listed[rng.random(listed.shape) < 0.2] = -1
    got, expected = (compared(i, p, order, starts, edges, listed) for i in (name, "reference"))
    assert got[2] == expected[2]
    assert_same_finds(p, got, expected)


@every
@quick
@given(
    rng=generators,
    dtype=dtypes,
    n=st.integers(1, 700),
    d=st.integers(1, 50),
    k=st.integers(1, 300),
    far=st.sampled_from([0, 1, 50]),
)
def test_one_list_may_serve_all(name, rng, dtype, n, d, k, far):
    p = problem(rng, dtype, n, d, k)
    p.X[:far] *= 1000  # too long for whole numbers of 16 bits
    starts = np.append(np.arange(0, n, 256), n)
    task = rng.permutation(n), starts, np.arange(len(starts)), np.arange(k, dtype=np.int32)[None]
    got, expected = (compared(i, p, *task) for i in (name, "reference"))
    assert got[2] == expected[2] == n * (np.isfinite(sketch("reference", p)[3]).size + 1)
    assert_same_finds(p, got, expected)


@every
@pytest.mark.parametrize("spread", [1.0, 0.05, 0.02])
def test_what_whole_numbers_find_costs_hardly_more_than_the_cheapest(name, spread):
    rng = np.random.default_rng(0)
    p = problem(rng, np.float32, 900, 33, 400)
    p.means = 5.0 + spread * rng.normal(size=(400, 33))  # near each other, far from the shift
    p.X = (p.means[rng.integers(0, 400, 900)] + spread * rng.normal(size=(900, 33))).astype("f4")
    starts, everyone = np.array([0, 256, 512, 768, 900]), np.arange(400, dtype=np.int32)
    index, gains, _ = compared(name, p, np.arange(900), starts, np.arange(5), everyone[None])
    joined = np.where(p.counts > 0, p.counts, np.nan)
    squares = np.square(p.X[:, None].astype(float) - p.means).sum(axis=2)
    cost = squares * joined / (joined + p.weights[:, None])
    known = p.labels >= 0
    cost[known, p.labels[known]] = np.nan
    found = cost[np.arange(900), index]
    rounding = 3e-7 * np.square(p.means - p.shift).sum(axis=1).max()  # of single precision
    assert (found <= np.nanmin(cost, axis=1) * 1.02 + rounding).all()
    assert np.isinf(gains[~known]).all()


@every
@quick
@given(rng=generators, dtype=dtypes, n=st.integers(1, 400), k=st.integers(1, 60))
def test_rows_meet_the_centers_kept_for_them(name, rng, dtype, n, k):
    p = problem(rng, dtype, n, 20, k)
    kept = rng.integers(-1, k, (n, 5)).astype(np.int32)
    results = []
    for i in (name, "reference"):
        index, gains = np.empty(n, np.int32), np.empty(n)
        data = p.X, p.shift, p.scale, p.weights, p.labels, p.counts
        share(SERIAL, load(i).neighbor_kept, *data, *sketch(i, p), kept, index, gains)
        results.append((index, gains))
    assert_same_finds(p, *results)


@every
def test_any_number_of_threads_finds_the_same(name):
    p = problem(np.random.default_rng(0), np.float32, 3000, 7, 500)
    edges, order = np.array([0, 500]), np.zeros((1, 1), np.int32)
    everybody = np.append(np.arange(0, 3000, 5), 3000)
    results = []
    for n_threads in (1, 3):
        with engine_for(n_threads, 64) as engine:
            near = lists(name, p, edges, order, 500, 20, engine)
            task = np.arange(3000), everybody, np.arange(len(everybody)), near[0][:1]
            results.append((near[0], *compared(name, p, *task, engine)))
    for one, other in zip(*results, strict=True):
        np.testing.assert_array_equal(one, other)
