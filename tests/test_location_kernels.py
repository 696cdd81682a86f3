"""The kernels of the location bound: implementations against the reference and against laws."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from strategies import generators

from cofactor import kernels
from cofactor.kernels import reference

every = pytest.mark.parametrize("name", kernels.available())
some = settings(max_examples=40)


def terrain(rng):
    n, d = int(rng.integers(1, 40)), int(rng.integers(1, 6))
    return rng.normal(size=(n, d)), rng.uniform(0.1, 2.0, n), rng.normal(1.0, 2.0, n)


def worth(X, weights, heights, place):
    return weights @ np.maximum(heights - np.square(X - place).sum(axis=1), 0.0)


@every
@some
@given(rng=generators, steps=st.integers(0, 20))
def test_ascent_never_falls_and_agrees_with_the_reference(name, rng, steps):
    X, weights, heights = terrain(rng)
    first = rng.normal(size=(5, X.shape[1]))
    found = []
    for module in (kernels.load(name), reference):
        places, values = first.copy(), np.empty(5)
        module.location_ascend(X, weights, heights, steps, places, values)
        found.append((places, values))
    np.testing.assert_allclose(found[0][0], found[1][0], rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(found[0][1], found[1][1], rtol=1e-9, atol=1e-9)
    for before, after, value in zip(first, *found[0], strict=True):
        assert value == pytest.approx(worth(X, weights, heights, after), rel=1e-9, abs=1e-12)
        assert value >= worth(X, weights, heights, before) * (1 - 1e-9)


def boxes(rng, X, heights, count=7):
    """Return random boxes, each with one of two lists of candidates: all rows, or none."""
    corners = rng.normal(size=(2, count, X.shape[1])) * 2
    rows = np.arange(len(X), dtype=np.int32)
    parents = rng.integers(2, size=count).astype(np.int32)
    starts = np.array([0, len(X), len(X)])
    return corners.min(axis=0), corners.max(axis=0), parents, starts, rows


def bounded(module, data, task):
    """Return what a kernel says of boxes."""
    low, _, parents, starts, _ = task
    count, d = low.shape
    room = int(np.diff(starts)[parents].sum())
    out = (
        np.zeros((count, d + 2)),
        np.empty(count + 1, np.int64),
        np.empty(room, np.int32),
        np.empty(count),
        np.empty((count, d)),
        np.empty(count, np.int32),
    )
    module.location_bounds(*data, *task, *out)
    return out


@every
@some
@given(rng=generators)
def test_boxes_agree_with_the_reference(name, rng):
    data = terrain(rng)
    task = boxes(rng, data[0], data[2])
    ours, theirs = (bounded(module, data, task) for module in (kernels.load(name), reference))
    np.testing.assert_array_equal(ours[1], theirs[1])
    kept = ours[1][-1]
    np.testing.assert_array_equal(ours[2][:kept], theirs[2][:kept])
    for mine, other in ((ours[i], theirs[i]) for i in (0, 3, 4)):
        np.testing.assert_allclose(mine, other, rtol=1e-9, atol=1e-9)


@every
@some
@given(rng=generators)
def test_no_place_in_a_box_exceeds_its_bound(name, rng):
    data = terrain(rng)
    low, high, parents, starts, rows = boxes(rng, data[0], data[2])
    parents[:] = 0
    bounds = bounded(kernels.load(name), data, (low, high, parents, starts, rows))[3]
    for b, bound in enumerate(bounds):
        for place in rng.uniform(low[b], high[b], (20, low.shape[1])):
            assert worth(*data, place) <= bound + 1e-9


@every
@some
@given(rng=generators)
def test_halves_of_a_box_inherit_what_is_within_reach(name, rng):
    """Looking at few candidates with the rest's sums gives what looking at all gives."""
    data = terrain(rng)
    low, high, parents, starts, rows = boxes(rng, data[0], data[2], 1)
    module = kernels.load(name)
    whole = bounded(module, data, (low, high, parents * 0, starts, rows))
    middle = 0.5 * (low + high)
    half = (low, middle, parents * 0)
    count, d = low.shape
    out = (
        whole[0].copy(),
        np.empty(2, np.int64),
        np.empty(len(rows), np.int32),
        np.empty(1),
        np.empty((count, d)),
        np.empty(count, np.int32),
    )
    module.location_bounds(*data, *half, whole[1], whole[2], *out)
    fresh = bounded(module, data, (*half, starts, rows))
    np.testing.assert_allclose(out[3], fresh[3], rtol=1e-9, atol=1e-9)
    np.testing.assert_array_equal(out[2][: out[1][-1]], fresh[2][: fresh[1][-1]])


@every
@some
@given(rng=generators)
def test_projections_agree_and_are_the_nearest(name, rng):
    n, m, k = int(rng.integers(4, 20)), int(rng.integers(1, 6)), int(rng.integers(2, 5))
    weights, first = rng.uniform(0.5, 2.0, n), rng.normal(size=n)
    sets = [np.sort(rng.choice(n, rng.integers(1, n), replace=False)) for _ in range(m)]
    starts = np.append(0, np.cumsum([len(own) for own in sets])).astype(np.int64)
    members = np.concatenate(sets).astype(np.int32)
    normals = np.array([np.isin(np.arange(n), own) - 1.0 / k for own in sets])
    limits = normals @ (weights * rng.normal(size=n))  # some heights meet all of them
    masses = np.array([weights[own].sum() for own in sets])
    results = []
    for module in (kernels.load(name), reference):
        multipliers, heights = np.zeros(m), first.copy()
        worst = module.location_project(
            weights, starts, members, masses, limits, 1.0 / k, multipliers, heights, 4000, 1e-9
        )
        results.append((worst, multipliers, heights))
    worst, multipliers, heights = results[0]
    if worst < 1e-9:
        assert (normals @ (weights * heights) <= limits + 1e-8).all()
        assert (multipliers >= 0).all()
        np.testing.assert_allclose(heights, first - multipliers @ normals, atol=1e-8)
        np.testing.assert_allclose(heights, results[1][2], atol=1e-6)


def test_shapes_are_checked():
    compiled = [name for name in kernels.available() if name != "reference"]
    for name in compiled:
        X, ones = np.zeros((3, 2)), np.ones(3)
        with pytest.raises(ValueError, match="heights has shape"):
            kernels.load(name).location_ascend(X, ones, np.ones(2), 1, X.copy(), ones.copy())
