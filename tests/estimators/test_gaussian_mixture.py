"""GaussianMixture against scikit-learn's, from the same start, and beyond it."""

from __future__ import annotations

import pickle
from functools import cache

import numpy as np
import pytest
import scipy.sparse as sp
from sklearn import mixture
from sklearn.base import clone
from sklearn.datasets import make_blobs
from sklearn.exceptions import ConvergenceWarning

from cofactor import GaussianMixture
from cofactor.errors import InputError

TYPES = ["full", "tied", "diag", "spherical"]
PARAMETERS = ["weights_", "means_", "covariances_", "precisions_", "precisions_cholesky_"]


@cache
def rows():
    return make_blobs(400, n_features=4, centers=4, cluster_std=2.5, random_state=3)[0]


def start_of(covariance_type, k=3):
    d = rows().shape[1]
    precisions = {
        "full": np.stack([np.eye(d) * (1 + c) for c in range(k)]),
        "tied": np.eye(d) * 0.5,
        "diag": np.linspace(0.5, 1.5, k * d).reshape(k, d),
        "spherical": np.linspace(0.5, 1.5, k),
    }
    return {
        "n_components": k,
        "covariance_type": covariance_type,
        "weights_init": np.arange(1, k + 1) / (k * (k + 1) / 2),
        "means_init": rows()[:k],
        "precisions_init": precisions[covariance_type],
    }


def assert_same_mixture(ours, theirs, X):
    for name in PARAMETERS:
        expected = getattr(theirs, name)
        np.testing.assert_allclose(
            getattr(ours, name), expected, rtol=1e-6, atol=1e-7 * abs(expected).max(), err_msg=name
        )
    assert ours.n_iter_ == theirs.n_iter_
    assert ours.converged_ == theirs.converged_
    assert ours.lower_bound_ == pytest.approx(theirs.lower_bound_, rel=1e-8)
    np.testing.assert_allclose(ours.lower_bounds_, theirs.lower_bounds_, rtol=1e-8)
    np.testing.assert_allclose(ours.score_samples(X), theirs.score_samples(X), rtol=1e-6)
    np.testing.assert_allclose(ours.predict_proba(X), theirs.predict_proba(X), atol=1e-6)
    np.testing.assert_array_equal(ours.predict(X), theirs.predict(X))
    for criterion in ("score", "bic", "aic"):
        expected = getattr(theirs, criterion)(X)
        assert getattr(ours, criterion)(X) == pytest.approx(expected, rel=1e-8)


def fitted_pair(settings, sample_weight=None):
    theirs = mixture.GaussianMixture(**settings).fit(rows())
    return GaussianMixture(**settings).fit(rows(), sample_weight=sample_weight), theirs


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("max_iter", [1, 2, 9])
@pytest.mark.parametrize("covariance_type", TYPES)
def test_same_steps_from_the_same_parameters(covariance_type, max_iter):
    settings = {**start_of(covariance_type), "max_iter": max_iter, "tol": 0}
    ours, theirs = fitted_pair(settings)
    assert_same_mixture(ours, theirs, rows())


def test_no_iterations_keep_the_start():
    settings = start_of("full")
    model = GaussianMixture(**settings, max_iter=0).fit(rows())
    np.testing.assert_allclose(model.means_, settings["means_init"], rtol=1e-12)
    np.testing.assert_allclose(model.weights_, settings["weights_init"], rtol=1e-12)
    np.testing.assert_allclose(model.precisions_, settings["precisions_init"], atol=1e-12)
    assert model.n_iter_ == 0
    assert model.lower_bounds_ == []


@pytest.mark.parametrize("init_params", ["kmeans", "random"])
@pytest.mark.parametrize("covariance_type", TYPES)
def test_same_result_from_the_same_random_state(covariance_type, init_params):
    settings = {"n_components": 3, "random_state": 1, "init_params": init_params, "n_init": 2}
    ours, theirs = fitted_pair(
        {**settings, "covariance_type": covariance_type, "max_iter": 500, "reg_covar": 1e-3}
    )
    assert_same_mixture(ours, theirs, rows())


@pytest.mark.parametrize("covariance_type", TYPES)
def test_weights_of_one_change_nothing(covariance_type):
    settings = {"n_components": 3, "random_state": 1, "covariance_type": covariance_type}
    ours, theirs = fitted_pair(settings, sample_weight=np.ones(len(rows())))
    assert_same_mixture(ours, theirs, rows())


@pytest.mark.parametrize("init_params", ["k-means++", "random_from_data"])
@pytest.mark.parametrize("covariance_type", TYPES)
def test_starts_from_single_rows_find_a_mixture(covariance_type, init_params):
    settings = {"covariance_type": covariance_type, "init_params": init_params, "max_iter": 500}
    model = GaussianMixture(4, random_state=0, **settings).fit(rows())
    one = GaussianMixture(1, covariance_type=covariance_type).fit(rows())
    assert model.converged_
    assert model.score(rows()) > one.score(rows()) + 0.1


@pytest.mark.parametrize("covariance_type", TYPES)
def test_sparse_rows_are_the_same_rows(covariance_type):
    dense = np.where(rows() > 0, rows(), 0.0)
    settings = {"covariance_type": covariance_type, "random_state": 0, "reg_covar": 1e-2}
    expected = GaussianMixture(3, **settings).fit(dense)
    for indices in (np.int32, np.int64):
        X = sp.csr_matrix(dense)
        X.indices, X.indptr = X.indices.astype(indices), X.indptr.astype(indices)
        ours = GaussianMixture(3, **settings).fit(X)
        np.testing.assert_allclose(ours.means_, expected.means_, rtol=1e-6, atol=1e-8)
        np.testing.assert_allclose(ours.covariances_, expected.covariances_, rtol=1e-6, atol=1e-8)
        np.testing.assert_allclose(ours.score_samples(X), expected.score_samples(dense), rtol=1e-6)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("n_closest", [None, 2])
@pytest.mark.parametrize("covariance_type", TYPES)
def test_integer_weights_repeat_rows_and_zeros_remove_them(covariance_type, n_closest):
    repeats = np.random.RandomState(0).randint(0, 4, size=len(rows()))
    repeated_rows = np.repeat(rows(), repeats, axis=0)
    settings = {**start_of(covariance_type), "n_closest": n_closest, "max_iter": 6, "tol": 0}
    weighted = GaussianMixture(**settings).fit(rows(), sample_weight=repeats)
    repeated = GaussianMixture(**settings).fit(repeated_rows)
    np.testing.assert_allclose(weighted.covariances_, repeated.covariances_, rtol=1e-7, atol=1e-9)
    assert weighted.free_energy_ == pytest.approx(repeated.free_energy_, rel=1e-9)
    score = weighted.score(rows(), sample_weight=repeats)
    assert score == pytest.approx(repeated.score(repeated_rows), rel=1e-9)
    for criterion in ("bic", "aic", "icl"):
        expected = getattr(repeated, criterion)(repeated_rows)
        assert getattr(weighted, criterion)(rows(), repeats) == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("covariance_type", TYPES)
def test_single_precision_keeps_the_variance_of_two_distant_rows(covariance_type, dtype):
    model = GaussianMixture(1, covariance_type=covariance_type)
    model.fit(np.array([[9999.0], [0.0]], dtype=dtype))
    assert float(model.covariances_.ravel()[0]) == pytest.approx(4999.5**2 + 1e-6, rel=1e-12)
    assert float(model.means_[0, 0]) == pytest.approx(4999.5, rel=1e-12)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("n_closest", [None, 2])
@pytest.mark.parametrize("covariance_type", TYPES)
def test_the_distance_from_the_origin_costs_no_digits(covariance_type, n_closest):
    """Eighths far away are exact, so that only the arithmetic can lose something."""
    offset, X = 2.0**20, np.round(rows() * 8) / 8
    settings = {**start_of(covariance_type), "n_closest": n_closest, "max_iter": 8, "tol": 0}
    near = GaussianMixture(**{**settings, "means_init": X[:3]}).fit(X)
    far = GaussianMixture(**{**settings, "means_init": X[:3] + offset}).fit(X + offset)
    np.testing.assert_allclose(far.means_ - offset, near.means_, atol=1e-8)
    np.testing.assert_allclose(far.covariances_, near.covariances_, rtol=1e-7, atol=1e-8)
    np.testing.assert_allclose(far.score_samples(X + offset), near.score_samples(X), rtol=1e-7)
    np.testing.assert_allclose(far.predict_proba(X + offset), near.predict_proba(X), atol=1e-7)


@pytest.mark.parametrize("covariance_type", TYPES)
def test_free_energy_is_the_likelihood_or_a_bound_of_it(covariance_type):
    settings = {"covariance_type": covariance_type, "random_state": 0}
    full = GaussianMixture(4, **settings).fit(rows())
    assert full.free_energy_ == pytest.approx(len(rows()) * full.score(rows()), rel=1e-10)
    cut = GaussianMixture(4, n_closest=2, **settings).fit(rows())
    assert cut.free_energy_ <= len(rows()) * cut.score(rows()) + 1e-8
    assert np.diff(cut.trace_.objective).max() <= 1e-9 * abs(cut.free_energy_)


def test_keeping_as_many_components_as_there_are_is_full_em():
    full, kept = (GaussianMixture(3, random_state=0, n_closest=n).fit(rows()) for n in (None, 3))
    np.testing.assert_array_equal(full.means_, kept.means_)


def test_icl_adds_twice_the_entropy_of_the_posterior():
    model = GaussianMixture(3, random_state=0).fit(rows())
    posterior = model.predict_proba(rows())
    entropy = -(posterior * np.log(np.maximum(posterior, 1e-300))).sum()
    assert model.icl(rows()) == pytest.approx(model.bic(rows()) + 2 * entropy, rel=1e-10)


@pytest.mark.parametrize("covariance_type", TYPES)
def test_any_number_of_threads_gives_the_same_bits(covariance_type):
    X = np.tile(rows(), (40, 1))
    settings = {**start_of(covariance_type), "max_iter": 3, "tol": 1e9}
    fits = [GaussianMixture(**settings, n_threads=n).fit(X) for n in (1, 2, 3, 7)]
    for other in fits[1:]:
        np.testing.assert_array_equal(other.covariances_, fits[0].covariances_)
        assert other.trace_.objective == fits[0].trace_.objective


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("covariance_type", TYPES)
def test_warm_start_goes_on_as_scikit_learn_does(covariance_type):
    settings = {"covariance_type": covariance_type, "random_state": 0, "warm_start": True}
    ours, theirs = (
        M(3, max_iter=2, **settings) for M in (GaussianMixture, mixture.GaussianMixture)
    )
    for _ in range(4):
        ours.fit(rows())
        theirs.fit(rows())
        assert_same_mixture(ours, theirs, rows())


@pytest.mark.parametrize("covariance_type", TYPES)
def test_samples_have_the_moments_of_the_mixture(covariance_type):
    model = GaussianMixture(2, covariance_type=covariance_type, random_state=0).fit(rows())
    X, labels = model.sample(40_000)
    assert X.shape == (40_000, 4)
    assert (np.diff(labels) >= 0).all()
    again = GaussianMixture(1).fit(X)
    np.testing.assert_allclose(again.means_[0], model.weights_ @ model.means_, atol=0.15)
    assert model.score(X) == pytest.approx(model.score(model.sample(20_000)[0]), abs=0.1)
    own = X[labels == 0] - model.means_[0]
    whitened = own @ np.linalg.cholesky(np.linalg.inv(_covariance_of_first(model)))
    np.testing.assert_allclose(np.cov(whitened.T), np.eye(4), atol=0.06)


def _covariance_of_first(model):
    first = {"full": lambda c: c[0], "tied": lambda c: c, "diag": lambda c: np.diag(c[0])}
    spherical = {"spherical": lambda c: np.eye(4) * c[0]}
    return {**first, **spherical}[model.covariance_type](model.covariances_)


BAD_STARTS = {
    "weights of another shape": ({"weights_init": [0.5, 0.5]}, r"'weights' should have the shape"),
    "weights out of range": ({"weights_init": [2, -0.5, -0.5]}, r"in the range \[0, 1\]"),
    "weights not normalized": ({"weights_init": [0.5, 0.5, 0.5]}, "should be normalized"),
    "means of another shape": ({"means_init": np.eye(3)}, "'means' should have the shape"),
    "precisions of another shape": ({"precisions_init": np.eye(4)}, "precision' should have the"),
    "precision not positive": (
        {"precisions_init": -np.ones(3), "covariance_type": "spherical"},
        "'spherical precision' should be positive",
    ),
    "precision not symmetric": (
        {"precisions_init": np.triu(np.ones((4, 4))), "covariance_type": "tied"},
        "'tied precision' should be symmetric, positive-definite",
    ),
    "unknown covariance": ({"covariance_type": "round"}, "The 'covariance_type' parameter"),
    "negative reg_covar": ({"reg_covar": -1.0}, "The 'reg_covar' parameter"),
}


@pytest.mark.parametrize(("settings", "sentence"), BAD_STARTS.values(), ids=BAD_STARTS)
def test_bad_parameters_say_what_is_wrong(settings, sentence):
    with pytest.raises(ValueError, match=sentence):
        GaussianMixture(3, **settings).fit(rows())


def test_bad_data_say_what_is_wrong():
    with pytest.raises(InputError, match="Expected n_samples >= n_components"):
        GaussianMixture(5).fit(rows()[:3])
    with pytest.raises(ValueError, match="minimum of 2 is required"):
        GaussianMixture(1).fit(rows()[:1])
    with pytest.raises(ValueError, match="contains NaN"):
        GaussianMixture(1).fit(np.full((4, 2), np.nan))
    with pytest.raises(InputError, match="at least one sample"):
        GaussianMixture(1).fit(rows()).sample(0)


def test_constant_columns_stay_finite():
    X = np.column_stack([rows(), np.ones(len(rows()))])
    for covariance_type in TYPES:
        model = GaussianMixture(2, covariance_type=covariance_type, random_state=0).fit(X)
        assert np.isfinite(model.score(X))


def test_too_few_iterations_warn():
    with pytest.warns(ConvergenceWarning, match="Best performing initialization did not converge"):
        GaussianMixture(4, max_iter=1, random_state=0).fit(rows())


def test_pickles_and_clones():
    model = GaussianMixture(3, random_state=0, n_closest=2).fit(rows())
    again = pickle.loads(pickle.dumps(model))
    np.testing.assert_array_equal(again.predict_proba(rows()), model.predict_proba(rows()))
    assert clone(model).get_params() == model.get_params()
