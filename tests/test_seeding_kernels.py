"""The kernels of greedy k-means++: every implementation against the reference."""

from __future__ import annotations

from functools import partial

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from cofactor import kernels
from cofactor.kernels import reference
from tests.test_kernels import (
    assert_same,
    columns,
    compiled,
    dtypes,
    every,
    generators,
    quick,
    whole,
)


def seeding_rows(rng, dtype, n, d, order):
    """Whole numbers as rows, as their own coordinates, and in the slots of an order."""
    X = whole(rng, dtype, n, d)
    Q = np.zeros((n, -(-d // 32) * 32), np.int16)
    Q[:, :d] = X
    slots = np.full(-(-n // kernels.SEEDING_BLOCK) * kernels.SEEDING_BLOCK, -1, np.int32)
    slots[:n] = order
    places = np.empty(n, np.int32)
    places[order] = np.arange(n)
    return X, Q, slots, places


def empty_strips(n_slots, firsts, quads):
    return [np.empty((n_slots // 16, q * 16), np.int32) for q in (firsts, quads - firsts)]


def seeds_of(rng, X, k, trials):
    """Return what both ways to seed update: nothing is known but the first row."""
    n = len(X)
    chosen = np.full(k, -1, np.int32)
    chosen[0] = rng.integers(n)
    closest, potentials = np.full(n, np.inf, X.dtype), np.zeros(-(-n // kernels.SEEDING_PANEL))
    weights = rng.integers(0, 3, n) / 2.0
    return {
        "X": X,
        "weights": weights,
        "chosen": chosen,
        "closest": closest,
        "potentials": potentials,
        "uniforms": rng.random((k - 1, trials)),
    }


def choose(kernel, seeds, k):
    """Choose rows in two calls; return all that is specified of the outcome."""
    for first, last in ((0, k // 2), (k // 2, k)):
        board = kernels.board_for(kernels.NOBODY)
        kernel(**seeds, first_step=first, last_step=last, board=board)
    return seeds["chosen"], seeds["closest"], seeds["potentials"]


def seeding_steps(implementation, rng, dtype, n, d, trials, head, firsts, noise=0.0):
    X, Q, slots, places = seeding_rows(rng, dtype, n, d, rng.permutation(n).astype(np.int32))
    heads, norms = (
        empty_strips(len(slots), firsts, (head + 3) // 4),
        np.empty((2, len(slots)), np.int32),
    )
    implementation.seeding_strips((Q + 128).astype(np.uint8), slots, *heads, *norms)
    k, chunks = min(n, 9), -(-len(slots) // kernels.SEEDING_CHUNK)
    kernel = partial(
        implementation.seeding_steps,
        order=slots,
        places=places,
        firsts=heads[0],
        others=heads[1],
        first_norms=norms[0],
        norms=norms[1],
        profiles=Q[slots],
        scale=1.0,
        slack=2.0 * noise * np.sqrt(d),
        fineness=1.0,
        fine_slack=0.0,
        reach=np.empty(len(slots), np.int32),
        candidates=np.empty(trials, np.int32),
        found=np.empty((chunks * trials, kernels.SEEDING_CHUNK // 64), np.uint64),
        gains=np.empty((chunks, trials)),
    )
    X = X + (noise * (2.0 * rng.random((n, d)) - 1.0)).astype(dtype)
    return choose(kernel, seeds_of(rng, X, k, trials), k)


def seeding_plain(implementation, rng, dtype, n, d, trials, noise=0.0):
    X = seeding_rows(rng, dtype, n, d, rng.permutation(n).astype(np.int32))[0]
    X = X + (noise * (2.0 * rng.random((n, d)) - 1.0)).astype(dtype)
    shape = trials, -(-n // kernels.SEEDING_PANEL)
    kernel = partial(
        implementation.seeding_plain,
        candidates=np.empty(trials, np.int32),
        offered=np.empty(shape),
        gains=np.empty(shape),
    )
    k = min(n, 9)
    return choose(kernel, seeds_of(rng, X, k, trials), k)


@every
@quick
@given(st.integers(0, 2**31), dtypes, st.integers(1, 1500), columns, st.integers(1, 14), st.data())
def test_seeding_matches_its_reference(name, seed, dtype, n, d, trials, data):
    head = data.draw(st.integers(1, d))
    firsts = data.draw(st.integers(0, (head + 3) // 4))

    def steps(implementation):
        rng = np.random.default_rng(seed)
        return seeding_steps(implementation, rng, dtype, n, d, trials, head, firsts)

    assert_same(steps(kernels.load(name)), steps(reference))


@every
@quick
@given(st.integers(0, 2**31), dtypes, st.integers(1, 1500), columns, st.integers(1, 14))
def test_plain_seeding_matches_its_reference(name, seed, dtype, n, d, trials):
    def steps(implementation):
        return seeding_plain(implementation, np.random.default_rng(seed), dtype, n, d, trials)

    assert_same(steps(kernels.load(name)), steps(reference))


@compiled
@quick
@given(st.integers(0, 2**31), dtypes, st.integers(40, 700), columns)
def test_both_ways_to_seed_round_alike(name, seed, dtype, n, d):
    def generator():
        return np.random.default_rng(seed)

    kernels_here = kernels.load(name)
    plain = seeding_plain(kernels_here, generator(), dtype, n, d, 4, noise=0.5)
    screened = seeding_steps(kernels_here, generator(), dtype, n, d, 4, d, 0, noise=0.5)
    assert_same(plain, screened)


@every
@quick
@given(generators, dtypes, st.integers(1, 50), columns, st.integers(0, 70), st.data())
def test_seeding_rounds_as_its_reference(name, rng, dtype, n, d, padding, data):
    stored = data.draw(st.sampled_from([np.uint8, np.int16]))
    size, scale = (
        data.draw(st.sampled_from([1.0, 30.0, 200.0, 1e5])),
        data.draw(st.sampled_from([0.5, 8.0])),
    )
    width = data.draw(st.integers(0, d + padding))
    Y = (np.round(2 * size * rng.standard_normal((n, d))) / 2).astype(dtype)

    def rounded(implementation):
        Q = np.empty((n, width), stored)
        return Q, implementation.seeding_round(Y, scale, Q)

    assert_same(rounded(kernels.load(name)), rounded(reference))


@every
@quick
@given(generators, st.integers(1, 400), st.integers(1, 6), st.integers(1, 50), st.data())
def test_seeding_layouts_match_their_reference(name, rng, n, quads, spread, data):
    firsts = data.draw(st.integers(0, quads))
    Q = rng.integers(128 - spread, 128 + spread, (n, 4 * quads)).astype(np.uint8)

    def layout(implementation):
        slots = np.full(-(-n // 256) * 256, -1, np.int32)
        slots[:n] = np.arange(n)
        implementation.seeding_order(Q, quads, 16, slots[:n])
        strips, norms = empty_strips(len(slots), firsts, quads), np.empty((2, len(slots)), np.int32)
        implementation.seeding_strips(Q, slots, *strips, *norms)
        return slots, *strips, norms

    assert_same(layout(kernels.load(name)), layout(reference))


@every
@quick
@given(generators, st.integers(1, 3000), st.integers(1, 8), st.integers(1, 50))
def test_rows_halved_once_and_then_in_parts_are_in_the_same_order(name, rng, n, columns, spread):
    Q = rng.integers(128 - spread, 128 + spread, (n, columns)).astype(np.uint8)
    order = kernels.load(name).seeding_order
    rows, parts = np.arange(n, dtype=np.int32), np.arange(n, dtype=np.int32)
    order(Q, columns, 16, rows)
    middle = -(-(n // 2) // 16) * 16
    order(Q, columns, middle, parts)
    order(Q, columns, 16, parts[:middle])
    order(Q, columns, 16, parts[middle:])
    np.testing.assert_array_equal(parts, rows)
