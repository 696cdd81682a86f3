"""KMeans against scikit-learn's, and against what the mathematics says of its extensions."""

from __future__ import annotations

import pickle
from functools import cache

import numpy as np
import pytest
import scipy.sparse as sp
from scipy.special import kl_div
from sklearn import cluster
from sklearn.base import clone
from sklearn.datasets import load_digits, load_iris, make_blobs
from sklearn.exceptions import ConvergenceWarning, NotFittedError

from cofactor import KMeans, Mixture
from cofactor.errors import ImpossibleCellError, InputError
from cofactor.noise import DiagonalGaussian, Poisson


@cache
def blobs():
    return make_blobs(700, n_features=6, centers=9, cluster_std=3.0, random_state=4)[0]


@cache
def counts():
    rng = np.random.RandomState(7)
    return rng.poisson(rng.gamma(1.0, 4.0, size=(4, 12))[rng.randint(4, size=240)]).astype(float)


def jittered_iris():  # iris has ties, which rounding alone decides
    data = load_iris().data
    return data + 1e-3 * np.random.RandomState(0).standard_normal(data.shape)


DATA = {
    "blobs": blobs,
    "blobs in float32": lambda: blobs().astype(np.float32),
    "blobs far from the origin": lambda: blobs() + 1e6,
    "iris": jittered_iris,
    "digits": lambda: load_digits().data[:900],
    "sparse digits": lambda: sp.csr_matrix(load_digits().data[:900]),
    "sparse float32": lambda: sp.csr_array(load_digits().data[:500].astype(np.float32)),
}


def any_rows_as_means(X, k, random_state):
    rows = X[random_state.permutation(X.shape[0])[:k]]
    return rows.toarray() if sp.issparse(rows) else rows


SETTINGS = {
    "default": {},
    "strict": {"tol": 0},
    "loose": {"tol": 0.05},
    "cut short": {"max_iter": 2},
    "one iteration": {"max_iter": 1},
    "several starts": {"n_init": 3},
    "random": {"init": "random", "n_init": 2},
    "callable": {"init": any_rows_as_means, "n_init": 2},
}


def weights_for(X):
    return np.random.RandomState(5).uniform(0.1, 3.0, size=X.shape[0])


def assert_same_clustering(ours, theirs, X, sample_weight):
    rtol = 1e-4 if X.dtype == np.float32 else 1e-7
    np.testing.assert_array_equal(ours.labels_, theirs.labels_)
    assert ours.labels_.dtype == theirs.labels_.dtype
    assert ours.n_iter_ == theirs.n_iter_
    scale = abs(theirs.cluster_centers_).max()
    np.testing.assert_allclose(
        ours.cluster_centers_, theirs.cluster_centers_, rtol=rtol, atol=rtol * scale
    )
    assert ours.cluster_centers_.dtype == theirs.cluster_centers_.dtype
    assert ours.inertia_ == pytest.approx(theirs.inertia_, rel=rtol)
    assert ours.score(X, sample_weight=sample_weight) == pytest.approx(-ours.inertia_, rel=1e-9)
    np.testing.assert_array_equal(ours.predict(X), theirs.labels_)


def compare_with_scikit_learn(X, settings, sample_weight=None):
    settings = {"n_clusters": 7, "random_state": 3, **settings}
    ours = KMeans(**settings).fit(X, sample_weight=sample_weight)
    theirs = cluster.KMeans(**settings).fit(X, sample_weight=sample_weight)
    assert_same_clustering(ours, theirs, X, sample_weight)


@pytest.mark.parametrize("data", DATA.values(), ids=DATA)
@pytest.mark.parametrize("settings", SETTINGS.values(), ids=SETTINGS)
def test_same_trajectory_as_scikit_learn(data, settings):
    compare_with_scikit_learn(data(), settings)


@pytest.mark.parametrize("data", DATA.values(), ids=DATA)
@pytest.mark.parametrize("settings", ["default", "random"])
def test_same_trajectory_with_weights(data, settings):
    X = data()
    compare_with_scikit_learn(X, SETTINGS[settings], weights_for(X))


@pytest.mark.parametrize("data", DATA.values(), ids=DATA)
def test_same_trajectory_from_given_means(data):
    X = data()
    start = np.asarray(X[:5].toarray() if sp.issparse(X) else X[:5])
    ours = KMeans(5, init=start).fit(X)
    assert_same_clustering(ours, cluster.KMeans(5, init=start).fit(X), X, None)


@pytest.mark.parametrize("data", [blobs, lambda: sp.csr_matrix(load_digits().data[:300])])
def test_transform_is_the_distance_to_each_center(data):
    X = data()
    ours, theirs = (K(6, random_state=1).fit(X) for K in (KMeans, cluster.KMeans))
    np.testing.assert_allclose(ours.transform(X), theirs.transform(X), rtol=1e-8)
    np.testing.assert_array_equal(ours.transform(X), ours.fit_transform(X))


def test_an_empty_cluster_gets_the_row_that_scikit_learn_gives_it():
    start = np.vstack([blobs()[:4], np.full(6, 1e3)])
    ours = KMeans(5, init=start).fit(blobs())
    assert_same_clustering(ours, cluster.KMeans(5, init=start).fit(blobs()), blobs(), None)
    assert len(np.unique(ours.labels_)) == 5


@pytest.mark.parametrize("container", [sp.csr_matrix, sp.csr_array, sp.csc_matrix, sp.coo_array])
def test_storage_of_sparse_data_changes_nothing(container):
    X = container(counts())
    expected = KMeans(4, random_state=0).fit(sp.csr_matrix(counts()))
    assert_same_clustering(KMeans(4, random_state=0).fit(X), expected, X, None)


def test_long_indices_and_unsorted_ones_change_nothing():
    X = sp.csr_matrix(counts())
    expected = KMeans(4, random_state=0).fit(X)
    long = X.copy()
    long.indices, long.indptr = X.indices.astype(np.int64), X.indptr.astype(np.int64)
    backward = X[:, ::-1]  # columns in descending order
    for same in (long, backward[:, ::-1]):
        before = same.indices.copy()
        np.testing.assert_array_equal(KMeans(4, random_state=0).fit_predict(same), expected.labels_)
        np.testing.assert_array_equal(same.indices, before)


@pytest.mark.parametrize("n_closest", [1, 3, None])
@pytest.mark.parametrize("noise", ["gaussian", "poisson"])
def test_integer_weights_repeat_rows_and_zeros_remove_them(noise, n_closest):
    repeats = np.random.RandomState(2).randint(0, 4, size=240)
    model = KMeans(4, init=counts()[:4] + 0.5, noise=noise, n_closest=n_closest, tol=0, max_iter=9)
    weighted = clone(model).fit(counts(), sample_weight=repeats)
    repeated = clone(model).fit(np.repeat(counts(), repeats, axis=0))
    np.testing.assert_allclose(weighted.cluster_centers_, repeated.cluster_centers_, rtol=1e-9)
    assert weighted.inertia_ == pytest.approx(repeated.inertia_, rel=1e-9)
    assert weighted.free_energy_ == pytest.approx(repeated.free_energy_, rel=1e-9)


@pytest.mark.parametrize("n_closest", [1, 2, None])
@pytest.mark.parametrize("data", [blobs, lambda: sp.csr_matrix(blobs())], ids=["dense", "sparse"])
def test_any_number_of_threads_gives_the_same_bits(data, n_closest):
    X = data()
    X = sp.vstack([X] * 20).tocsr() if sp.issparse(X) else np.tile(X, (20, 1))
    fits = [
        KMeans(5, random_state=0, n_closest=n_closest, max_iter=5, n_threads=n).fit(X)
        for n in (1, 2, 3, 7)
    ]
    for other in fits[1:]:
        np.testing.assert_array_equal(other.labels_, fits[0].labels_)
        np.testing.assert_array_equal(other.cluster_centers_, fits[0].cluster_centers_)
        assert other.inertia_ == fits[0].inertia_
        assert other.trace_.objective == fits[0].trace_.objective


def test_free_energy_of_hard_clusters_is_a_function_of_the_inertia():
    """Lücke & Forster (2019): F = −N log C − (ND/2) log(2πe J/(ND))."""
    X = blobs()
    model = KMeans(5, random_state=0, tol=0).fit(X)
    variance = model.inertia_ / X.size
    expected = -len(X) * np.log(5) - X.size / 2 * np.log(2 * np.pi * np.e * variance)
    assert model.free_energy_ == pytest.approx(expected, rel=1e-12)
    assert model.variance_ == pytest.approx(variance, rel=1e-12)


@pytest.mark.parametrize("noise", ["gaussian", "poisson"])
def test_keeping_all_clusters_is_em_with_equal_weights(noise):
    start = counts()[:4] + 0.5
    settings = {"tol": 0, "max_iter": 12}
    soft = KMeans(4, init=start, noise=noise, n_closest=None, **settings).fit(counts())
    with pytest.warns(ConvergenceWarning):
        mixture = Mixture(
            4,
            noise=noise,
            learn_weights=False,
            means_init=soft.cluster_centers_,
            tol=0,
            max_iter=100,
        ).fit(counts())
    again = KMeans(
        4, init=soft.cluster_centers_, noise=noise, n_closest=4, tol=0, max_iter=100
    ).fit(counts())
    assert again.free_energy_ == pytest.approx(mixture.free_energy_, rel=1e-6)


@pytest.mark.parametrize("n_closest", [1, 2, 3, None])
@pytest.mark.parametrize("noise", ["gaussian", "poisson", "negative_binomial", "multinomial"])
def test_the_objective_never_rises(noise, n_closest):
    model = KMeans(5, random_state=0, noise=noise, n_closest=n_closest, tol=0, max_iter=50)
    objective = np.array(model.fit(counts()).trace_.objective)
    assert np.diff(objective).max(initial=0) <= 1e-9 * abs(objective[0])


def test_inertia_of_counts_is_the_divergence():
    model = KMeans(4, random_state=0, noise="poisson").fit(counts())
    divergence = kl_div(counts(), model.cluster_centers_[model.labels_]).sum()
    assert model.inertia_ == pytest.approx(divergence, rel=1e-9)
    nearest = model.transform(counts()).min(axis=1)
    assert nearest.sum() == pytest.approx(model.inertia_, rel=1e-9)
    np.testing.assert_array_equal(model.transform(counts()).argmin(axis=1), model.labels_)


def test_multinomial_noise_clusters_profiles_whatever_the_totals():
    profiles = np.array([[0.7, 0.2, 0.1], [0.1, 0.2, 0.7]])
    labels = np.arange(100) % 2
    totals = np.random.RandomState(0).randint(30, 500, size=100)
    X = np.round(profiles[labels] * totals[:, None])
    model = KMeans(2, noise="multinomial", random_state=0).fit(X)
    assert len(np.unique(model.labels_[labels == 0])) == 1
    np.testing.assert_allclose(np.sort(model.cluster_centers_[:, 0]), [0.1, 0.7], atol=0.01)


def test_a_noise_may_be_an_object_with_settings():
    model = KMeans(3, noise=DiagonalGaussian(1e-3), random_state=0).fit(blobs())
    assert set(model.labels_) == {0, 1, 2}
    named = KMeans(4, noise="poisson", random_state=0).fit(counts())
    given = KMeans(4, noise=Poisson(), random_state=0).fit(counts())
    np.testing.assert_array_equal(named.labels_, given.labels_)


def test_callbacks_see_every_iteration_and_can_stop_the_fit():
    seen = []
    full = KMeans(5, random_state=0, callbacks=[seen.append]).fit(blobs())
    assert [iteration.objective for iteration in seen] == full.trace_.objective
    short = KMeans(5, random_state=0, callbacks=[lambda it: it.number == 1]).fit(blobs())
    assert short.trace_.objective == full.trace_.objective[:2]
    assert not short.converged_


def test_the_time_limit_holds_for_all_starts_together():
    model = KMeans(5, n_init=50, random_state=0, time_limit=1e-9).fit(blobs())
    assert len(model.trace_) == 1
    assert not model.converged_
    one = KMeans(5, n_init=1, random_state=0, time_limit=1e-9).fit(blobs())
    np.testing.assert_array_equal(one.labels_, model.labels_)


def test_verbose_prints_and_quiet_does_not(capsys):
    KMeans(3, random_state=0).fit(blobs())
    assert capsys.readouterr().out == ""
    KMeans(3, random_state=0, verbose=1).fit(blobs())
    assert "Iteration 0" in capsys.readouterr().out


def test_fewer_distinct_rows_than_clusters_warn():
    X = np.repeat(np.eye(3), 4, axis=0)
    with pytest.warns(ConvergenceWarning, match=r"Number of distinct clusters \(3\)"):
        model = KMeans(5, random_state=0).fit(X)
    assert model.inertia_ == 0
    assert np.isfinite(model.free_energy_)


def test_more_starts_than_given_means_warn():
    with pytest.warns(RuntimeWarning, match="Explicit initial center position passed"):
        KMeans(2, init=blobs()[:2], n_init=5).fit(blobs())


BAD = {
    "more clusters than rows": ({"n_clusters": 9}, np.eye(4), "n_samples=4 should be >="),
    "NaN": ({}, np.full((9, 2), np.nan), "Input X contains NaN"),
    "infinity": ({}, np.full((9, 2), np.inf), "Input X contains infinity"),
    "no rows": ({}, np.empty((0, 2)), "Found array with 0 sample"),
    "one dimension": ({}, np.ones(9), "Expected 2D array"),
    "negative counts": ({"noise": "poisson"}, -np.eye(9), "expects entries of at least 0"),
    "not binary": ({"noise": "bernoulli"}, 2 * np.eye(9), "expects binary data"),
    "zeros": ({"noise": "gamma"}, np.eye(9), "expects entries above 0"),
    "unknown noise": ({"noise": "cauchy"}, np.eye(9), "expected one of bernoulli"),
    "too few means": ({"init": np.eye(9)[:3]}, np.eye(9), "number of clusters 8"),
    "means of other width": ({"init": np.eye(8)[:, :3]}, np.eye(9), "number of features"),
    "bad init": ({"init": "best"}, np.eye(9), "The 'init' parameter of KMeans"),
    "bad n_closest": ({"n_closest": 0}, np.eye(9), "The 'n_closest' parameter of KMeans"),
    "bad n_threads": ({"n_threads": 0}, np.eye(9), "The 'n_threads' parameter of KMeans"),
}


@pytest.mark.parametrize(("settings", "X", "sentence"), BAD.values(), ids=BAD)
def test_bad_input_says_what_is_wrong(settings, X, sentence):
    with pytest.raises(ValueError, match=sentence):
        KMeans(**settings).fit(X)


@pytest.mark.parametrize(
    ("weights", "sentence"),
    [
        (-np.ones(700), "Negative values in data passed to `sample_weight`"),
        (np.ones(3), r"sample_weight.shape == \(3,\)"),
        (np.zeros(700), "zero"),
    ],
)
def test_bad_weights_say_what_is_wrong(weights, sentence):
    with pytest.raises(ValueError, match=sentence):
        KMeans(3).fit(blobs(), sample_weight=weights)


def test_errors_are_of_the_kind_that_callers_can_catch():
    with pytest.raises(InputError):
        KMeans(9).fit(np.eye(4))
    with pytest.raises(NotFittedError):
        KMeans().predict(blobs())
    assert issubclass(ImpossibleCellError, ValueError)


def test_new_rows_are_checked_as_the_first_were():
    model = KMeans(3, noise="poisson", random_state=0).fit(counts())
    with pytest.raises(InputError, match="Negative values"):
        model.predict(-counts())
    with pytest.raises(ValueError, match="expecting 12 features"):
        model.predict(counts()[:, :5])


def test_pickles_and_clones():
    model = KMeans(4, random_state=0, noise="poisson", n_closest=2).fit(counts())
    again = pickle.loads(pickle.dumps(model))
    np.testing.assert_array_equal(again.transform(counts()), model.transform(counts()))
    assert clone(model).get_params() == model.get_params()


def test_pandas_in_pandas_out():
    pd = pytest.importorskip("pandas")
    frame = pd.DataFrame(counts(), columns=[f"gene {i}" for i in range(12)])
    model = KMeans(3, random_state=0).set_output(transform="pandas").fit(frame)
    assert list(model.feature_names_in_) == list(frame.columns)
    assert list(model.transform(frame).columns) == ["kmeans0", "kmeans1", "kmeans2"]
    assert list(model.get_feature_names_out()) == ["kmeans0", "kmeans1", "kmeans2"]


def test_fortran_order_changes_nothing():
    labels = KMeans(3, random_state=0).fit_predict(np.asfortranarray(blobs()))
    np.testing.assert_array_equal(labels, KMeans(3, random_state=0).fit_predict(blobs()))


def test_the_data_stay_as_they_were():
    X = blobs().copy()
    KMeans(3, random_state=0, copy_x=False).fit(X)
    np.testing.assert_array_equal(X, blobs())
