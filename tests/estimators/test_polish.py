"""KMeans with polish=True ends in an optimum of Hartigan's, never worse than Lloyd's."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given, settings
from hypothesis import strategies as st
from oracles import assert_hartigan_optimum
from sklearn.datasets import load_digits, load_iris, load_wine
from strategies import generators

from cofactor import KMeans
from cofactor.errors import InputError
from cofactor.noise import Gaussian

some = settings(max_examples=20)
DATA = {
    "iris": lambda: load_iris().data,
    "wine": lambda: load_wine().data,
    "digits": lambda: load_digits().data,
    "digits in float32": lambda: load_digits().data.astype(np.float32),
    "sparse digits": lambda: sp.csr_array(load_digits().data),
}


@pytest.mark.parametrize(("name", "k"), list(product(DATA, [2, 3, 10])))
def test_real_data_end_in_an_optimum_no_worse_than_lloyds(name, k):
    X = DATA[name]()
    for seed in range(3):
        plain, polished = (
            KMeans(k, random_state=seed, polish=polish).fit(X) for polish in (False, True)
        )
        assert polished.converged_
        assert polished.inertia_ <= plain.inertia_ * (1 + 1e-12)
        assert_hartigan_optimum(polished, X, np.ones(X.shape[0]))
        np.testing.assert_array_equal(polished.predict(X), polished.labels_)


def test_iris_gains_over_restarts_of_lloyds():
    """Of ten starts each, some end lower than Lloyd's ten, and none higher."""
    X = load_iris().data
    ends = np.array(
        [
            [KMeans(10, random_state=seed, polish=polish).fit(X).inertia_ for seed in range(10)]
            for polish in (False, True)
        ]
    )
    assert (ends[1] <= ends[0] * (1 + 1e-12)).all()
    assert (ends[1] < ends[0] * (1 - 1e-6)).sum() >= 5


@some
@given(rng=generators, k=st.integers(1, 6), storage=st.sampled_from([np.asarray, sp.csr_array]))
def test_weighted_rows_end_in_an_optimum(rng, k, storage):
    X, weights = rng.normal(size=(80, 3)), rng.exponential(size=80)
    plain, polished = (
        KMeans(k, random_state=0, polish=p).fit(storage(X), sample_weight=weights)
        for p in (False, True)
    )
    assert polished.inertia_ <= plain.inertia_ * (1 + 1e-12)
    assert_hartigan_optimum(polished, X, weights)


@some
@given(rng=generators)
def test_integer_weights_repeat_rows_at_least_in_the_inertia(rng):
    X, repeats = rng.normal(size=(60, 2)), rng.integers(1, 4, 60)
    model = KMeans(4, random_state=0, polish=True).fit(X, sample_weight=repeats)
    again = (
        np.repeat(X, repeats, axis=0) - model.cluster_centers_[np.repeat(model.labels_, repeats)]
    )
    assert model.inertia_ == pytest.approx(np.square(again).sum())


@pytest.mark.parametrize("storage", [np.asarray, sp.csr_array])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_any_number_of_threads_gives_the_same_bits(storage, dtype):
    X = storage(np.tile(load_digits().data, (4, 1)).astype(dtype))
    fits = [KMeans(15, random_state=0, polish=True, n_threads=n).fit(X) for n in (1, 2, 3, 7)]
    for other in fits[1:]:
        np.testing.assert_array_equal(other.labels_, fits[0].labels_)
        np.testing.assert_array_equal(other.cluster_centers_, fits[0].cluster_centers_)
        assert other.inertia_ == fits[0].inertia_
        assert other.trace_.objective == fits[0].trace_.objective


def test_the_objective_never_rises_and_is_that_of_the_end():
    X = load_digits().data
    model = KMeans(10, random_state=1, polish=True).fit(X)
    objective = np.array(model.trace_.objective)
    assert np.diff(objective).max() <= 1e-12 * abs(objective[0])
    variance = model.inertia_ / X.size
    expected = -len(X) * np.log(10) - X.size / 2 * np.log(2 * np.pi * np.e * variance)
    assert model.free_energy_ == pytest.approx(expected, rel=1e-12)
    assert model.variance_ == pytest.approx(variance, rel=1e-12)


def test_sweeps_count_as_iterations_and_are_limited():
    X = load_digits().data
    plain, polished, cut = (
        KMeans(10, random_state=1, polish=p, max_iter=m).fit(X)
        for p, m in ((False, 300), (True, 300), (True, 2))
    )
    assert polished.n_iter_ > plain.n_iter_
    assert len(polished.trace_) > len(plain.trace_)
    assert cut.n_iter_ <= 4
    assert not cut.converged_


def test_what_cuts_a_fit_short_leaves_it_unpolished():
    X = load_digits().data
    late = KMeans(10, random_state=1, polish=True, time_limit=1e-9).fit(X)
    assert len(late.trace_) == 1
    stopped = KMeans(10, random_state=1, polish=True, callbacks=[lambda it: it.number == 3]).fit(X)
    assert len(stopped.trace_) == 4
    assert not stopped.converged_


def test_callbacks_see_the_sweeps_and_can_stop_them():
    X = load_digits().data
    lloyd = len(KMeans(10, random_state=1).fit(X).trace_)
    seen = []
    model = KMeans(10, random_state=1, polish=True, callbacks=[seen.append]).fit(X)
    assert [iteration.number for iteration in seen] == list(range(len(model.trace_)))
    stopped = KMeans(
        10, random_state=1, polish=True, callbacks=[lambda it: it.number == lloyd]
    ).fit(X)
    assert len(stopped.trace_) == lloyd + 1
    assert not stopped.converged_


def test_more_clusters_than_distinct_rows():
    X = np.repeat(np.eye(3), 4, axis=0)
    with pytest.warns(UserWarning, match="distinct clusters"):
        model = KMeans(5, random_state=0, polish=True).fit(X)
    assert model.inertia_ == 0
    assert np.isfinite(model.free_energy_)


@pytest.mark.parametrize(
    "settings",
    [{"n_closest": 2}, {"n_closest": None}, {"noise": "poisson"}, {"noise": Gaussian(0.1)}],
)
def test_only_hard_clusters_under_gaussian_noise_can_be_polished(settings):
    with pytest.raises(InputError, match="expected n_closest=1 and noise='gaussian'"):
        KMeans(3, polish=True, **settings).fit(load_iris().data)
