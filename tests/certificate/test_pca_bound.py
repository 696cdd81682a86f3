"""The lower bound of principal components against brute force and the general dual bound."""

from __future__ import annotations

import sys
from itertools import product

import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given
from hypothesis import strategies as st
from sklearn.datasets import load_digits, load_iris

from cofactor.certificate import pca_bound
from cofactor.errors import InputError


def rows(seed, n, d, offset=0.0):
    return np.random.default_rng(seed).normal(size=(n, d)) + offset


def dual_bound(X, k):
    """Return ``eᵀCe/n`` plus the k − 1 least eigenvalues of ``C = D²/2`` on the complement of e.

    The dual bound of Peng & Wei's relaxation with all multipliers zero.
    """
    n = len(X)
    costs = 0.5 * np.square(X[:, None] - X[None]).sum(axis=2)
    centring = np.eye(n) - 1.0 / n
    values, vectors = np.linalg.eigh(centring @ costs @ centring)
    complement = np.sort(values[np.abs(vectors.sum(axis=0)) < 1e-6])
    return costs.sum() / n + complement[: k - 1].sum()


def least_inertia(X, k, weights):
    def inertia(labels):
        total = 0.0
        for cluster in set(labels):
            own = np.array(labels) == cluster
            mean = np.average(X[own], axis=0, weights=weights[own])
            total += (weights[own] * np.square(X[own] - mean).sum(axis=1)).sum()
        return total

    return min(inertia(labels) for labels in product(range(k), repeat=len(X)))


@given(seed=st.integers(0, 10**6), k=st.integers(1, 3), d=st.integers(1, 4))
def test_no_clustering_is_below_the_bound(seed, k, d):
    X = rows(seed, 6, d)
    weights = np.random.default_rng(seed).uniform(0.1, 3.0, 6)
    best = least_inertia(X, k, weights)
    assert pca_bound(X, k, sample_weight=weights) <= best * (1 + 1e-9) + 1e-12


@given(seed=st.integers(0, 10**6), k=st.integers(1, 5))
def test_bound_is_the_dual_bound_without_multipliers(seed, k):
    X = rows(seed, 12, 7)
    assert pca_bound(X, k) == pytest.approx(dual_bound(X, k), rel=1e-9)


@pytest.mark.parametrize(
    ("data", "k", "expected"),
    [(load_iris, 2, 51.36), (load_iris, 3, 15.20), (load_digits, 10, 631656.5933)],
)
def test_bounds_of_known_data(data, k, expected):
    assert pca_bound(data().data, k) == pytest.approx(expected, abs=0.005)


def test_as_many_clusters_as_columns_and_one_more_bound_nothing():
    assert pca_bound(load_iris().data, 5) == pytest.approx(0.0, abs=1e-9)


def test_position_sparsity_and_repetition_do_not_matter():
    X = np.where(rows(0, 40, 5) > 0, rows(1, 40, 5), 0.0)
    expected = pca_bound(X, 3)
    weights = np.arange(40) % 3 + 1
    assert pca_bound(X + 1e3, 3) == pytest.approx(expected, rel=1e-9)
    assert pca_bound(sp.csr_array(X), 3) == pytest.approx(expected, rel=1e-9)
    weighted = pca_bound(X, 3, sample_weight=weights)
    assert weighted == pytest.approx(pca_bound(np.repeat(X, weights, axis=0), 3), rel=1e-9)


def test_no_clusters_are_refused():
    with pytest.raises(InputError, match="n_clusters is 0"):
        pca_bound(load_iris().data, 0)


@pytest.mark.parametrize("weighted", [False, True])
def test_wide_sparse_data_are_bounded_as_dense_ones(weighted):
    rng = np.random.default_rng(0)
    X = np.where(rng.random((300, 3000)) < 0.01, 1.0, 0.0)
    X[:150, :20] = 1.0
    weights = rng.uniform(0.5, 2.0, 300) if weighted else None
    sparse, dense = (pca_bound(form, 3, sample_weight=weights) for form in (sp.csr_array(X), X))
    assert sparse == pytest.approx(dense, rel=1e-9)
    assert sparse > 0


def test_wide_sparse_data_are_never_filled_up(monkeypatch):
    """300 billion entries, most of them zeros; blocks lose little where rows are alike."""
    monkeypatch.setattr(sys.modules["cofactor.certificate.sparse_rows"], "MOST", 100)
    rng = np.random.default_rng(1)
    places = np.repeat(np.arange(300), 10), rng.integers(10**9, size=3000)
    X = sp.csr_array((rng.random(3000), places), shape=(300, 10**9))
    total = float(np.square(X.data).sum())
    assert 0.5 * total < pca_bound(X, 3) < total
