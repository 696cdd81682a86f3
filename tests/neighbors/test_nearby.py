"""Centers near rows, where there are too many to look at all."""

from __future__ import annotations

from unittest.mock import patch

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from strategies import generators

from cofactor.data import DenseRows
from cofactor.engine import SerialEngine
from cofactor.engine.threads import engine_for
from cofactor.neighbors import nearby as module
from cofactor.neighbors.nearby import nearby

dtypes = st.sampled_from([np.float32, np.float64])


def problem(rng, dtype, n, d, k):
    X = (5.0 + rng.normal(size=(n, d))).astype(dtype)
    rows = DenseRows(X, np.ones(n))
    return rows, X[rng.choice(n, k, replace=False)].astype(float), X.mean(axis=0, dtype=float)


def squares_of(rows, centers):
    return np.square(rows.values[:, None].astype(float) - centers).sum(axis=2)


@settings(max_examples=25)
@given(rng=generators, dtype=dtypes, n=st.integers(1, 300), d=st.integers(1, 20), data=st.data())
def test_of_few_centers_the_nearest_are_found(rng, dtype, n, d, data):
    k = data.draw(st.integers(1, n))
    rows, centers, shift = problem(rng, dtype, n, d, k)
    squares = squares_of(rows, centers)
    found = np.take_along_axis(squares, nearby(rows, centers, shift, SerialEngine())[:, None], 1)
    np.testing.assert_allclose(found[:, 0], squares.min(axis=1), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(("d", "share"), [(2, 0.99), (6, 0.75)])
def test_of_many_centers_most_found_are_the_nearest(d, share):
    rng = np.random.default_rng(0)
    rows, _, shift = problem(rng, np.float32, 4_000, d, 1)
    centers = 5.0 + rng.normal(size=(2_000, d))
    squares = squares_of(rows, centers)
    found = []
    for steps in (0, 2):
        with patch.multiple(module, FIRST=48, N_NEAR=24, ENOUGH=256, STEPS=steps):
            labels = nearby(rows, centers, shift, SerialEngine())
        found.append(squares[np.arange(4_000), labels])
    assert (found[1] <= found[0] + 1e-5).all()
    least = squares.min(axis=1)
    assert (found[1] <= least + 1e-6).mean() > share
    assert np.sqrt(found[1]).sum() < 1.06 * np.sqrt(least).sum()


def test_any_number_of_threads_finds_the_same():
    rows, centers, shift = problem(np.random.default_rng(0), np.float32, 6_000, 9, 3_000)
    found = []
    for n_threads in (1, 2, 3, 7):
        with engine_for(n_threads, 6_000) as engine:
            found.append(nearby(rows, centers, shift, engine))
    for labels in found[1:]:
        np.testing.assert_array_equal(labels, found[0])
