"""KMeans(search="global") finds the best clusters that are known."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given, settings
from hypothesis import strategies as st
from oracles import assert_hartigan_optimum
from sklearn.datasets import load_breast_cancer, load_digits, load_iris, load_wine
from strategies import generators

from cofactor import KMeans
from cofactor.errors import InputError
from cofactor.search import descent

some = settings(max_examples=15)

# The least inertia that anybody has found, by the number of clusters.
IRIS = {
    2: 152.347951760358,
    3: 78.8514414261460,
    4: 57.2284732142857,
    5: 46.4461820512821,
    6: 39.0399872460872,
    7: 34.2982296650718,
    8: 29.9889439507861,
    9: 27.7860924173081,
    10: 25.834054819972511,
}
WINE = {
    2: 4543749.614532,
    3: 2370689.686783,
    4: 1331903.062264,
    5: 916379.187154,
    6: 647326.002026,
    7: 412137.509100,
    8: 323211.552635,
    9: 270144.001953,
    10: 217887.378560,
}
BREAST_CANCER = {
    2: 77943099.8783,
    3: 47264841.9168,
    4: 29226541.6520,
    5: 20535170.3663,
    6: 16558057.1828,
    7: 13246985.6937,
    8: 11178131.6371,
    9: 9432896.6968,
    10: 8378858.7366,
}
KNOWN = [
    (load, k, value)
    for load, values in (
        (load_iris, IRIS),
        (load_wine, WINE),
        (load_breast_cancer, BREAST_CANCER),
        (load_digits, {10: 1165109.46020}),
    )
    for k, value in values.items()
]


@pytest.mark.parametrize(("load", "k", "value"), KNOWN)
def test_the_best_known_clusters_are_found(load, k, value):
    X = load().data
    for seed in range(2):
        model = KMeans(k, search="global", random_state=seed).fit(X)
        assert model.inertia_ <= value * (1 + 1e-10)
        assert model.converged_
        assert model.hartigan_optimum_
        assert not model.optimal_
        assert_hartigan_optimum(model, X, np.ones(len(X)))
        np.testing.assert_array_equal(model.predict(X), model.labels_)


@some
@given(rng=generators, k=st.integers(1, 4))
def test_small_data_are_solved(rng, k):
    """By comparison with every way to label eight rows."""
    X, weights = rng.normal(size=(8, 2)), rng.exponential(size=8)
    labels = np.array(np.meshgrid(*[range(k)] * 7)).reshape(7, -1).T
    hot = np.eye(k)[np.c_[np.zeros(len(labels), int), labels]] * weights[:, None]
    sums, counts = np.einsum("pnk,nd->pkd", hot, X), hot.sum(axis=1)
    between = (np.square(sums).sum(axis=2) / np.maximum(counts, 1e-300)).sum(axis=1)
    best = weights @ np.square(X).sum(axis=1) - between.max()
    model = KMeans(k, search="global", random_state=0).fit(X, sample_weight=weights)
    assert model.inertia_ == pytest.approx(best, rel=1e-9)


@pytest.mark.parametrize("small", [0, 1 << 30])
@pytest.mark.parametrize("storage", [np.asarray, sp.csr_array])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_any_number_of_threads_gives_the_same_bits(monkeypatch, small, storage, dtype):
    monkeypatch.setattr(descent, "SMALL", small)
    rng = np.random.default_rng(0)
    X, weights = storage(rng.normal(size=(700, 3)).astype(dtype)), rng.exponential(size=700)
    fits = [
        KMeans(9, search="global", max_iter=5, random_state=0, n_threads=n).fit(X, None, weights)
        for n in (1, 2, 3, 7)
    ]
    for other in fits[1:]:
        np.testing.assert_array_equal(other.labels_, fits[0].labels_)
        np.testing.assert_array_equal(other.cluster_centers_, fits[0].cluster_centers_)
        assert other.inertia_ == fits[0].inertia_
        assert other.trace_.objective == fits[0].trace_.objective
    assert_hartigan_optimum(fits[0], X.astype(float), weights)


@pytest.mark.parametrize("small", [0, 1 << 30])
def test_more_rounds_never_end_higher(monkeypatch, small):
    monkeypatch.setattr(descent, "SMALL", small)
    X = load_digits().data[:600]
    ends = [
        KMeans(12, search="global", max_iter=n, random_state=3).fit(X).inertia_
        for n in (1, 2, 4, 8)
    ]
    assert (np.diff(ends) <= 0).all()


def test_the_trace_tells_of_every_round_and_ends_at_the_free_energy():
    X = load_wine().data
    model = KMeans(6, search="global", random_state=0).fit(X)
    objective = np.array(model.trace_.objective)
    assert np.diff(objective).max() <= 1e-12 * abs(objective[0])
    variance = model.inertia_ / X.size
    expected = -len(X) * np.log(6) - X.size / 2 * np.log(2 * np.pi * np.e * variance)
    assert model.free_energy_ == pytest.approx(expected, rel=1e-12)
    assert model.free_energy_ == pytest.approx(-objective[-1], rel=1e-12)
    assert model.trace_[0].evaluations == 8
    assert model.n_iter_ >= 64


def test_time_and_callbacks_end_a_search():
    X = load_digits().data
    late = KMeans(10, search="global", random_state=0, time_limit=1e-9).fit(X)
    assert not late.converged_
    assert late.trace_[0].evaluations == 8
    assert len(late.trace_) <= 3
    seen = []
    model = KMeans(10, search="global", random_state=0, callbacks=[seen.append]).fit(X)
    assert [record.number for record in seen] == list(range(len(model.trace_)))
    stopped = KMeans(
        10, search="global", random_state=0, callbacks=[lambda record: record.number == 2]
    ).fit(X)
    assert not stopped.converged_
    assert len(stopped.trace_) >= 3


def test_given_centers_are_where_a_search_begins():
    X = load_iris().data
    model = KMeans(4, init=X[:4], search="global", random_state=0).fit(X)
    assert model.inertia_ <= IRIS[4] * (1 + 1e-10)


def test_more_clusters_than_distinct_rows():
    X = np.repeat(np.eye(3), 4, axis=0)
    with pytest.warns(UserWarning, match="distinct clusters"):
        model = KMeans(5, search="global", random_state=0).fit(X)
    assert model.inertia_ == 0
    assert model.converged_


def test_one_cluster_takes_one_round():
    X = load_iris().data
    model = KMeans(1, search="global").fit(X)
    assert model.converged_
    assert model.inertia_ == pytest.approx(np.square(X - X.mean(axis=0)).sum())
    assert len(model.trace_) == 2  # and a sweep that confirms it


@pytest.mark.parametrize("settings", [{"n_closest": 2}, {"noise": "poisson"}])
def test_only_hard_clusters_under_gaussian_noise_can_be_searched_for(settings):
    with pytest.raises(InputError, match="search='global' with n_closest"):
        KMeans(3, search="global", **settings).fit(load_iris().data)
