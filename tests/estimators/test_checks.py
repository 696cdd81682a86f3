"""scikit-learn's own checks of estimators."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.sparse as sp
from sklearn import config_context
from sklearn.utils._param_validation import InvalidParameterError, validate_parameter_constraints
from sklearn.utils.estimator_checks import estimator_checks_generator, parametrize_with_checks

import cofactor.estimators
from cofactor import GaussianMixture, KMeans, MiniBatchKMeans, Mixture

# Seeds are drawn by row number, as scikit-learn draws them, so shuffled rows begin elsewhere;
# with one cluster, where the start does not matter, the checks are run.
ORDER_OF_ROWS = "check_sample_weight_equivalence"
# The check takes every estimator with `predict_proba` for a classifier of `y`.
CLASSIFIERS_ONLY = "check_estimator_sparse"


def checks_of(estimator, unfit):
    for instance, check in estimator_checks_generator(estimator):
        name = check.func.__name__
        if not name.startswith(unfit) or name.endswith("tag"):
            yield pytest.param(instance, check, id=f"{type(estimator).__name__}-{name}")


@parametrize_with_checks([KMeans(n_clusters=1)])
def test_one_cluster_passes_every_check(estimator, check):
    check(estimator)


@pytest.mark.filterwarnings("ignore:Number of distinct clusters")  # the checks use few rows
@pytest.mark.parametrize(
    ("estimator", "check"),
    [
        *checks_of(KMeans(), ORDER_OF_ROWS),
        *checks_of(KMeans(n_clusters=3, n_closest=2), ORDER_OF_ROWS),
        *checks_of(KMeans(n_clusters=3, search="global"), ORDER_OF_ROWS),
        *checks_of(MiniBatchKMeans(), ORDER_OF_ROWS),
        *checks_of(GaussianMixture(), CLASSIFIERS_ONLY),
        *checks_of(Mixture(), CLASSIFIERS_ONLY),
        *checks_of(
            GaussianMixture(2, search="global", max_iter=5), (CLASSIFIERS_ONLY, ORDER_OF_ROWS)
        ),
    ],
)
def test_passes_check(estimator, check):
    check(estimator)


@pytest.mark.parametrize("estimator", [GaussianMixture(2), Mixture(2)])
@pytest.mark.parametrize("storage", ["csr", "csc", "coo", "lil", "dok", "dia", "bsr"])
@pytest.mark.parametrize("container", [sp.csr_matrix, sp.csr_array])
def test_mixtures_take_every_sparse_format(estimator, container, storage):
    rng = np.random.RandomState(0)
    dense = np.where(rng.uniform(size=(40, 3)) < 0.6, 0.0, rng.uniform(size=(40, 3)))
    X = container(dense).asformat(storage)
    expected = estimator.set_params(random_state=0).fit(dense).predict_proba(dense)
    np.testing.assert_allclose(estimator.fit(X).predict_proba(X), expected, atol=1e-6)


@pytest.mark.parametrize("name", cofactor.estimators.__all__)
def test_defaults_are_valid(name):
    estimator = getattr(cofactor.estimators, name)()
    validate_parameter_constraints(
        estimator._parameter_constraints, estimator.get_params(deep=False), name
    )


@pytest.mark.parametrize("wrong", [{"n_clusters": "3"}, {"tol": -1.0}, {"random_state": -1}])
@pytest.mark.parametrize("method", ["fit", "partial_fit"])
def test_wrong_parameters_are_refused(wrong, method):
    estimator = KMeans(3).set_params(**wrong)
    (name,) = wrong
    with pytest.raises(InvalidParameterError, match=f"The '{name}' parameter of KMeans must be"):
        getattr(estimator, method)(np.eye(4))


def test_checks_of_parameters_can_be_switched_off():
    with config_context(skip_parameter_validation=True):
        KMeans(2, n_init=1, algorithm="unheard of").fit(np.eye(4))


def test_columns_are_those_of_the_fit():
    model = KMeans(2, n_init=1).fit(np.eye(4))
    assert model.n_features_in_ == 4
    with pytest.raises(ValueError, match="X has 3 features, but KMeans is expecting 4 features"):
        model.predict(np.eye(3))


def test_names_of_columns_are_forgotten_by_the_next_fit():
    pandas = pytest.importorskip("pandas")
    model = KMeans(2, n_init=1).fit(pandas.DataFrame(np.eye(3), columns=list("abc")))
    assert list(model.feature_names_in_) == ["a", "b", "c"]
    with pytest.warns(UserWarning, match="X does not have valid feature names"):
        model.predict(np.eye(3))
    assert not hasattr(model.fit(np.eye(3)), "feature_names_in_")
