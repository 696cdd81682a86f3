"""The forms of the k-means objective agree, and say how far rounding lets them."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import assume, given
from hypothesis import strategies as st
from sklearn.cluster import KMeans
from sklearn.datasets import load_iris
from strategies import seeds

from cofactor import matrix_form
from cofactor.errors import InputError

FORMS = ("distances", "product", "projection", "traces", "pairwise")
STORAGES = {
    "dense": np.asarray,
    "float32": lambda X: X.astype(np.float32),
    "fortran": np.asfortranarray,
    "csr": sp.csr_array,
    "csc matrix": sp.csc_matrix,
}
storages = st.sampled_from(list(STORAGES.values()))


@st.composite
def clusterings(draw, weighted=True):
    """Rows, labels (some clusters may be empty) and weights (some may be 0)."""
    n, d, k = draw(st.integers(2, 25)), draw(st.integers(1, 5)), draw(st.integers(1, 6))
    rng = np.random.default_rng(draw(seeds))
    X = np.round(rng.normal(size=(n, d)), 3) * (rng.uniform(size=(n, d)) < 0.7)
    weights = rng.integers(0, 4, n).astype(float) if weighted else np.ones(n)
    assume(weights.sum() > 0)
    return X, rng.integers(0, k, n), weights


class Fitted:
    """The least that a clustering must show."""

    def __init__(self, labels, centers):
        self.labels_, self.cluster_centers_ = labels, centers


def by_definition(X, labels, weights):
    """Sum over pairs of rows of a cluster, each cluster on its own."""
    total = 0.0
    for c in np.unique(labels[weights > 0]):
        rows, w = X[labels == c], weights[labels == c]
        squares = np.square(rows[:, None] - rows[None]).sum(axis=2)
        total += 0.5 * w @ squares @ w / w.sum()
    return total


@given(clusterings(), storages)
def test_all_forms_are_the_same_number(case, store):
    X, labels, weights = case
    X = np.asarray(X, np.float32).astype(float)
    form = matrix_form(labels, store(X), sample_weight=weights)
    expected = by_definition(X, labels, weights)
    scale = weights @ np.square(X).sum(axis=1)
    for name in FORMS:
        assert form.objective(name) == pytest.approx(expected, rel=1e-10, abs=1e-13 * scale)
    assert form.check().ok
    assert not form.stale


@given(clusterings(), storages, seeds)
def test_any_centers_cost_huygens_excess(case, store, seed):
    X, labels, weights = case
    X = np.asarray(X, np.float32).astype(float)
    M = np.random.default_rng(seed).normal(size=(labels.max() + 2, X.shape[1]))
    form = matrix_form(Fitted(labels, M), store(X), sample_weight=weights)
    expected = weights @ np.square(X - M[labels]).sum(axis=1)
    assert form.objective("distances") == pytest.approx(expected, rel=1e-9)
    assert form.objective("product") == pytest.approx(expected, rel=1e-9)
    assert form.objective("projection") + form.excess == pytest.approx(expected, rel=1e-9)
    assert form.check().ok
    assert form.stale


@given(clusterings())
def test_projection_projects_onto_cluster_indicators(case):
    X, labels, weights = case
    form = matrix_form(labels, X, sample_weight=weights)
    P, root = form.projection @ np.eye(len(X)), np.sqrt(weights)
    np.testing.assert_allclose(P, P.T, atol=1e-14)
    np.testing.assert_allclose(P @ P, P, atol=1e-14)
    np.testing.assert_allclose(form.projection @ root, root, atol=1e-14)
    np.testing.assert_allclose(form.projection.T @ X, P @ X, atol=1e-13)
    assert P.min() >= 0
    assert np.trace(P) == pytest.approx(np.count_nonzero(form.counts))
    residual = np.square((np.eye(len(X)) - P) @ (root[:, None] * X)).sum()
    assert form.objective("projection") == pytest.approx(residual, abs=1e-12 * (1 + residual))


@given(clusterings(), storages)
def test_integer_weights_are_repeated_rows(case, store):
    X, labels, weights = case
    X = np.asarray(X, np.float32).astype(float)
    times = weights.astype(int)
    weighted = matrix_form(labels, store(X), sample_weight=weights)
    repeated = matrix_form(np.repeat(labels, times), store(np.repeat(X, times, axis=0)))
    filled = repeated.counts > 0
    np.testing.assert_allclose(weighted.counts[: len(filled)], repeated.counts)
    np.testing.assert_allclose(weighted.M[: len(filled)][filled], repeated.M[filled], atol=1e-13)
    for name in FORMS:
        assert weighted.objective(name) == pytest.approx(repeated.objective(name), abs=1e-11)


@given(clusterings(), seeds)
def test_objective_ignores_position_and_orientation_and_scales(case, seed):
    X, labels, weights = case
    rng = np.random.default_rng(seed)
    turn, _ = np.linalg.qr(rng.normal(size=(X.shape[1],) * 2))
    form = matrix_form(labels, X, sample_weight=weights)
    moved = matrix_form(labels, 3.0 * (X @ turn) + rng.normal(), sample_weight=weights)
    for name in FORMS:
        assert moved.objective(name) == pytest.approx(9.0 * form.objective(name), abs=1e-11)


@given(clusterings())
def test_second_and_third_trace_are_equal(case):
    X, labels, weights = case
    traces = matrix_form(labels, X, sample_weight=weights).traces
    assert abs(traces.T2 - traces.T3) <= 1e-13 * traces.T3


@given(clusterings(weighted=False), seeds)
def test_moving_a_row_changes_the_objective_by_hartigans_difference(case, seed):
    X, labels, _ = case
    rng = np.random.default_rng(seed)
    row, target = rng.integers(len(X)), rng.integers(labels.max() + 1)
    before = matrix_form(labels, X)
    old, n = labels[row], before.counts
    assume(target != old and n[old] > 1)
    own, other = np.square(X[row] - before.M[[old, target]]).sum(axis=1)
    difference = n[target] / (n[target] + 1) * other - n[old] / (n[old] - 1) * own
    moved = labels.copy()
    moved[row] = target
    change = matrix_form(moved, X).objective("traces") - before.objective("traces")
    assert change == pytest.approx(difference, abs=1e-11)


@pytest.mark.parametrize("store", STORAGES.values(), ids=STORAGES)
def test_empty_clusters_change_nothing(store):
    X, labels = load_iris().data, load_iris().target
    full = matrix_form(labels, store(X))
    M = np.vstack([full.M[:2], [[np.nan] * 4], full.M[2:]])
    gap = matrix_form(Fitted(np.where(labels == 2, 3, labels), M), store(X))
    assert gap.counts.tolist() == [50, 50, 0, 50]
    assert (gap.best[2] == 0).all()
    for name in FORMS:
        assert gap.objective(name) == pytest.approx(full.objective(name), rel=1e-12)
    assert gap.check().ok


def test_scikit_learns_solution_has_its_inertia():
    X = load_iris().data
    model = KMeans(3, n_init=5, random_state=0).fit(X)
    form = matrix_form(model, X)
    np.testing.assert_array_equal(form.Z.toarray(), np.eye(3)[model.labels_])
    np.testing.assert_array_equal(form.M, model.cluster_centers_)
    assert form.objective() == pytest.approx(model.inertia_, rel=1e-12)
    assert form.objective("pairwise") == pytest.approx(78.8514414261460, rel=1e-12)
    np.testing.assert_allclose(form.Z @ form.M, form.projection @ X, rtol=1e-12)


def test_stale_centers_are_told():
    X = load_iris().data
    form = matrix_form(KMeans(3, init=X[:3], n_init=1, max_iter=1).fit(X), X)
    assert form.stale
    assert form.objective("distances") > form.objective("traces")
    assert form.check().ok


def test_an_offset_costs_dense_data_no_digits_and_sparse_data_as_many_as_told():
    X, labels = load_iris().data, load_iris().target
    exact = matrix_form(labels, X).objective()
    far = X + 2.0**20
    dense, sparse = matrix_form(labels, far), matrix_form(labels, sp.csr_array(far))
    for name in FORMS:
        assert dense.objective(name) == pytest.approx(exact, rel=1e-9)
    told = sparse.check()
    assert told.ok
    assert 1e-6 < told.relative_difference < told.relative_bound < 10
    assert dense.check().relative_bound < 1e-10


def test_forms_that_disagree_are_not_ok():
    form = matrix_form(load_iris().target, load_iris().data)
    form.traces  # noqa: B018, kept from now on
    form.M[0] += 1e-3
    assert form.check().ok
    form.blocks[0].values[0] += 1e-3
    assert not form.check().ok


def test_one_row_per_cluster_costs_nothing():
    X = load_iris().data[:4]
    check = matrix_form(np.arange(4), X).check()
    assert check.ok
    assert check.objectives["projection"] == pytest.approx(0, abs=1e-12)


@pytest.mark.parametrize(
    ("model", "words"),
    [
        ([0, 1], "labels of shape"),
        ([0.0, 1.0, 0.5], "one integer"),
        ([-1, 0, 1], "from -1 to 1"),
        (Fitted([0, 1, 2], np.zeros((2, 2))), "expected 0 to 1"),
        (Fitted([0, 1, 0], np.zeros((2, 3))), "2 columns"),
        (KMeans(2), "fitted clustering"),
    ],
)
def test_bad_input_is_explained(model, words):
    with pytest.raises(InputError, match=words):
        matrix_form(model, np.eye(3)[:, :2])


def test_an_unknown_form_is_explained():
    with pytest.raises(InputError, match="expected one of distances, product"):
        matrix_form([0, 1], np.eye(2)).objective("trace")
