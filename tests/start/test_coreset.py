"""Lightweight coresets: whatever the centers, their inertia is that of all rows on average."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given, settings
from hypothesis import strategies as st
from strategies import generators

from cofactor import lightweight_coreset
from cofactor.errors import InputError

few = settings(max_examples=20)


def inertia(X, centers, weights):
    return weights @ np.square(X[:, None] - centers).sum(axis=2).min(axis=1)


@few
@given(rng=generators, weighted=st.booleans())
def test_inertia_and_weight_are_those_of_all_rows_on_average(rng, weighted):
    X = rng.normal(size=(60, 3)) + 5 * rng.integers(0, 2, (60, 1))
    weights = rng.exponential(size=60) if weighted else np.ones(60)
    centers = rng.normal(size=(4, 3))
    found = []
    for seed in range(400):
        rows, shares = lightweight_coreset(X, 20, sample_weight=weights, random_state=seed)
        found.append((inertia(X[rows], centers, shares), shares.sum()))
    mean, error = np.mean(found, axis=0), np.std(found, axis=0) / np.sqrt(len(found))
    truth = np.array([inertia(X, centers, weights), weights.sum()])
    assert (np.abs(mean - truth) <= 6 * error).all()


@few
@given(rng=generators, m=st.integers(1, 300))
def test_rows_differ_and_those_without_weight_are_not_drawn(rng, m):
    X, weights = rng.normal(size=(100, 2)), rng.integers(0, 2, 100).astype(float)
    weights[0] = 1.0
    rows, shares = lightweight_coreset(X, m, sample_weight=weights, random_state=0)
    assert (np.diff(rows) > 0).all()
    assert len(rows) <= m
    assert (weights[rows] > 0).all()
    assert (shares > 0).all()


@few
@given(rng=generators)
def test_dense_and_sparse_rows_agree(rng):
    X = np.where(rng.random((80, 6)) < 0.4, rng.normal(size=(80, 6)), 0.0)
    dense = lightweight_coreset(X, 30, random_state=1)
    sparse = lightweight_coreset(sp.csr_array(X), 30, random_state=1)
    np.testing.assert_array_equal(dense[0], sparse[0])
    np.testing.assert_allclose(dense[1], sparse[1], rtol=1e-9)


def test_copies_of_one_row_are_drawn_alike():
    _, shares = lightweight_coreset(np.ones((10, 2)), 50, random_state=0)
    assert shares.sum() == pytest.approx(10.0)


def test_some_rows_must_be_drawn():
    with pytest.raises(InputError, match="n_rows is 0"):
        lightweight_coreset(np.ones((3, 1)), 0)
