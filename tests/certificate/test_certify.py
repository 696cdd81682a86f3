"""Certificates: what they say, when they end, and what they refuse."""

from __future__ import annotations

import sys

import numpy as np
import pytest
import scipy.sparse as sp
import sklearn.cluster
import sklearn.decomposition
from sklearn.datasets import load_breast_cancer, load_iris, load_wine

from cofactor import KMeans, certify
from cofactor.certificate import incumbent
from cofactor.certificate.certificate import percent
from cofactor.certificate.proof import METHODS
from cofactor.errors import ImpossibleCellError, InputError

IRIS = load_iris().data
OPTIMA = {  # known best values, reached by local search to all digits given
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


def fitted(X, k, n_init=100):
    return KMeans(k, n_init=n_init, polish=True, random_state=0).fit(X)


@pytest.mark.parametrize("k", OPTIMA)
def test_the_optimum_of_iris_is_certified(k):
    found = fitted(IRIS, k, 300).certificate(IRIS, time_limit=60.0)
    assert (found.kind, found.ending, found.confidence) == ("rigorous", "proved", 1.0)
    assert found.gap <= 1e-6
    assert found.lower <= OPTIMA[k] * (1 + 1e-14)
    assert found.lower == pytest.approx(OPTIMA[k], rel=1e-6)
    assert found.upper == pytest.approx(OPTIMA[k], rel=1e-12)


@pytest.mark.parametrize(
    ("load", "k", "tol"),
    [(load_wine, 5, 1e-4), (load_wine, 9, 1e-4), (load_breast_cancer, 6, 1e-3)],
)
def test_other_data_of_few_dimensions_that_matter(load, k, tol):
    X = load().data
    assert fitted(X, k).certificate(X, time_limit=60.0, tol=tol).gap <= tol


def test_a_bad_clustering_gets_a_large_gap_and_a_true_bound():
    labels = np.arange(150) % 3
    found = certify(labels, IRIS)
    assert found.lower <= OPTIMA[3]
    assert 0.8 < found.gap < 1.0


@pytest.mark.parametrize("method", METHODS.keys() - {"line"})
def test_every_method_stands_alone(method):
    found = certify(fitted(IRIS, 3), IRIS, method=method)
    assert 0.0 < found.lower <= OPTIMA[3]
    assert {bound.method for bound in found.trace} <= {method, "trivial"}


def test_bounds_rise_and_callbacks_get_them():
    seen = []
    found = certify(fitted(IRIS, 5), IRIS, callbacks=[seen.append])
    lowers = [bound.lower for bound in found.trace]
    assert seen == list(found.trace)
    assert lowers == sorted(lowers)
    assert found.lower == lowers[-1]
    assert found.method == found.trace[-1].method


def test_a_callback_ends_it():
    found = certify(fitted(IRIS, 5), IRIS, callbacks=[lambda bound: bound.lower > 1.0])
    assert found.ending == "stopped"
    assert found.lower > 1.0


def test_an_interrupt_leaves_what_was_proved():
    def interrupt(bound):
        if bound.lower > 1.0:
            raise KeyboardInterrupt

    found = certify(fitted(IRIS, 5), IRIS, callbacks=[interrupt])
    assert found.ending == "interrupted"
    assert 1.0 < found.lower <= OPTIMA[5]


def test_an_interrupted_search_for_better_labels_leaves_a_true_answer(monkeypatch):
    def interrupt(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(incumbent, "search", interrupt)
    found = certify(np.arange(150) % 3, IRIS)
    assert (found.ending, found.lower, found.best_labels) == ("interrupted", 0.0, None)


def test_no_time_is_enough_for_a_true_answer():
    found = certify(fitted(IRIS, 10), IRIS, time_limit=1e-9)
    assert found.ending == "time"
    assert 0.0 <= found.lower <= OPTIMA[10]


def test_weights_count_like_repeated_rows_and_position_does_not():
    counts = np.arange(150) % 3
    labels = fitted(IRIS, 3).labels_
    repeated = certify(np.repeat(labels, counts), np.repeat(IRIS, counts, axis=0), tol=1e-3)
    weighted = certify(labels, IRIS, sample_weight=counts, n_clusters=3, tol=1e-3)
    moved = certify(labels, IRIS + 1e6, sample_weight=counts, tol=1e-3)
    assert weighted.upper == pytest.approx(repeated.upper, rel=1e-12)
    assert weighted.lower == pytest.approx(repeated.lower, rel=2e-3)
    assert moved.lower == pytest.approx(weighted.lower, rel=2e-3)


def test_other_scales_of_the_data_and_of_the_weights():
    labels = fitted(IRIS, 3).labels_
    plain = certify(labels, IRIS)
    scaled = certify(labels, IRIS * 2.0**100, sample_weight=np.full(150, 2.0**-50))
    assert scaled.gap == pytest.approx(plain.gap, abs=1e-12)
    assert scaled.lower == pytest.approx(plain.lower * 2.0**150, rel=1e-12)


def test_time_without_limit():
    assert certify(fitted(IRIS, 3), IRIS, time_limit=None).ending == "proved"


def test_as_many_clusters_as_different_rows_cost_nothing():
    X = np.repeat(IRIS[:5], 4, axis=0)
    found = certify(np.repeat(np.arange(5), 4), X)
    assert (found.upper, found.lower, found.gap) == (0.0, 0.0, 0.0)


@pytest.mark.parametrize("method", ["exact", "peng-wei"])
def test_too_many_rows_for_a_method(method):
    X = np.random.default_rng(0).normal(size=(2600, 2))
    with pytest.raises(InputError, match="up to 2,500 different rows; there are 2,600: use 'bl"):
        certify(np.arange(2600) % 2, X, method=method)


def test_too_many_clusters_for_multipliers_in_closed_form():
    X = np.random.default_rng(0).normal(size=(200, 2))
    with pytest.raises(InputError, match=r"up to 1,500 columns and ordered pairs .* 2,452"):
        certify(np.arange(200) % 50, X, method="closed-form")


def test_empty_clusters_and_one_cluster():
    labels = fitted(IRIS, 3).labels_
    assert certify(labels, IRIS, n_clusters=5, tol=1e-2).lower <= OPTIMA[5]
    assert certify(np.zeros(150, int), IRIS).gap < 1e-9


def test_clusterings_of_scikit_learn():
    model = sklearn.cluster.KMeans(3, n_init=10, random_state=0).fit(IRIS)
    assert certify(model, IRIS).gap <= 1e-6


def test_sparse_data_give_what_dense_data_give():
    X = np.where(IRIS > 1.0, IRIS, 0.0)
    labels = fitted(X, 3).labels_
    dense, sparse = certify(labels, X), certify(labels, sp.csr_array(X))
    assert sparse.lower == pytest.approx(dense.lower, rel=1e-9)


def wide(seed, n=60, d=40):
    """Return sparse rows in three groups, their groups, and weights."""
    rng = np.random.default_rng(seed)
    labels = np.arange(n) % 3
    X = (rng.random((n, d)) < 0.1) * rng.normal(size=(n, d))
    X[np.arange(n), labels] += 4.0
    return X, labels, rng.uniform(0.5, 2.0, n)


@pytest.mark.parametrize("most", [10, 2500])
@pytest.mark.parametrize("seed", range(5))
def test_sparse_data_without_room_for_zeros_get_the_bound_of_components(monkeypatch, seed, most):
    X, labels, weights = wide(seed)
    dense = certify(labels, X, sample_weight=weights, method="principal")
    monkeypatch.setattr(sys.modules["cofactor.certificate.certify"], "ROOM", 1)
    monkeypatch.setattr(sys.modules["cofactor.certificate.sparse_rows"], "MOST", most)
    found = certify(labels, sp.csr_array(X), sample_weight=weights)
    assert found.upper == pytest.approx(dense.upper, rel=1e-9)
    assert found.upper >= dense.upper * (1 - 1e-12)
    assert 0 < found.lower <= dense.lower * (1 + 1e-9)
    assert (found.method, found.kind, found.n_clusters) == ("principal", "rigorous", 3)
    if most == 2500:
        assert found.lower == pytest.approx(dense.lower, rel=1e-9)


def test_a_bound_of_blocks_keeps_to_the_time_limit(monkeypatch):
    X, labels, _ = wide(0)
    monkeypatch.setattr(sys.modules["cofactor.certificate.certify"], "ROOM", 1)
    monkeypatch.setattr(sys.modules["cofactor.certificate.sparse_rows"], "MOST", 10)
    found = certify(labels, sp.csr_array(X), time_limit=1e-9)
    assert found.ending == "time"
    assert found.lower <= found.upper
    stopped = certify(labels, sp.csr_array(X), callbacks=[lambda bound: bound.lower > 0])
    assert stopped.ending == "stopped"
    assert len(stopped.trace) == 2


def test_methods_that_need_the_zeros_say_so():
    wide_rows = sp.csr_array((150, 10**9))
    for options in ({"method": "peng-wei"}, {"noise": "poisson"}):
        with pytest.raises(InputError, match=r"expected at most .* method 'principal'"):
            certify(np.zeros(150, int), wide_rows, **options)


def test_what_it_says():
    found = certify(fitted(IRIS, 3), IRIS)
    assert repr(found).startswith("Certificate(upper=78.85144")
    assert "rigorous" in repr(found)
    assert "location bound" in str(found)
    assert "\n" not in str(found)


@pytest.mark.parametrize(
    ("share", "text"), [(0.0212, "2.2 %"), (0.5, "50 %"), (1.0, "100 %"), (1.01e-9, "1.1e-07 %")]
)
def test_percentages_are_rounded_up(share, text):
    assert percent(share) == text


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"method": "magic"}, "method is 'magic'; expected one of auto, principal"),
        ({"method": "line"}, "of which one column varies; these have 4 such columns: use 'auto'"),
        ({"time_limit": 0.0}, "time_limit is 0.0; expected a positive"),
        ({"tol": 1.0}, "tol is 1.0; expected"),
        ({"n_clusters": 3.5}, "n_clusters is 3.5; expected a whole number"),
        ({"n_clusters": 2}, "n_clusters is 2, but labels go up to 2"),
    ],
)
def test_bad_arguments(arguments, message):
    with pytest.raises(InputError, match=message):
        certify(np.arange(150) % 3, IRIS, **arguments)


@pytest.mark.parametrize(
    ("model", "message"),
    [
        (KMeans(3, noise="diagonal_gaussian"), "diagonal gaussian noise: no bound on the optimum"),
        (sklearn.decomposition.PCA(2), "PCA has no labels_"),
    ],
)
def test_models_without_a_known_bound(model, message):
    with pytest.raises(ImpossibleCellError, match=message):
        certify(model.fit(IRIS), IRIS)


def test_models_that_are_not_fitted_and_other_data():
    with pytest.raises(InputError, match="KMeans is not fitted"):
        certify(KMeans(3), IRIS)
    with pytest.raises(InputError, match="one integer for each of the 20 rows"):
        certify(fitted(IRIS, 3, 1), IRIS[:20])
