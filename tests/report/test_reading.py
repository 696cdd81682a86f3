"""Results are what estimators say."""

from __future__ import annotations

import numpy as np
import pytest

from cofactor.errors import InputError
from cofactor.estimators import NMF, GaussianMixture, KMeans, Mixture
from cofactor.report import explained_share, result_of

K, D = 4, 64


@pytest.mark.parametrize(
    ("n_closest", "tag", "codes"),
    [
        (1, "free energy", "one-hot codes"),
        (2, "free energy", "one-hot codes, 2 kept"),
        (K, "log-likelihood", "one-hot codes, all kept"),
        (None, "log-likelihood", "one-hot codes, all kept"),
    ],
)
@pytest.mark.parametrize("kind", [KMeans, Mixture])
def test_tag_says_how_much_of_the_posterior_was_kept(kind, n_closest, tag, codes, digits):
    result = result_of(kind(K, n_closest=n_closest, random_state=0, max_iter=500).fit(digits))
    assert (result.tag, result.codes) == (tag, codes)


def test_only_one_component_kept_of_one_is_all(digits):
    assert result_of(KMeans(1).fit(digits)).tag == "log-likelihood"


def test_factorizations_are_conditional(factors):
    assert result_of(factors[0]).tag == "conditional log-likelihood"


def test_free_losses_are_no_likelihoods(digits):
    result = result_of(NMF(2, solver="mu", beta_loss=1.5, max_iter=1000).fit(digits))
    assert (result.tag, result.kind) == ("minus the divergence", "divergence")


@pytest.mark.parametrize(
    ("estimator", "expected"),
    [
        (KMeans(K), K * D + 1),
        (KMeans(K, noise="poisson"), K * D),
        (Mixture(K, noise="poisson"), K * D + K - 1),
        (GaussianMixture(K, covariance_type="diag", reg_covar=0.1), 2 * K * D + K - 1),
        (NMF(K, max_iter=1000), K * (300 + D - 1) + 1),
        (NMF(K, noise="poisson", max_iter=1000), K * (300 + D - 1)),
    ],
)
def test_number_of_parameters(estimator, expected, digits):
    assert result_of(estimator.set_params(random_state=0).fit(digits)).n_parameters == expected


def test_noise_says_whether_values_are_densities(kmeans, mixture):
    assert (result_of(kmeans).noise, result_of(kmeans).kind) == ("Gaussian", "density")
    assert (result_of(mixture).noise, result_of(mixture).kind) == ("Poisson", "mass")


def test_entries_count_with_their_weights(digits):
    weights = np.linspace(0.0, 2.0, len(digits))
    result = result_of(KMeans(3, random_state=0).fit(digits, sample_weight=weights))
    assert result.n_entries == pytest.approx(weights.sum() * D)


def test_shares(kmeans, mixture):
    np.testing.assert_array_equal(result_of(mixture).share, mixture.weights_)
    np.testing.assert_allclose(result_of(kmeans).share * 300, np.bincount(kmeans.labels_))


def test_explained_share_is_that_of_the_fitted_total(factors):
    nmf, codes = factors
    parts = [np.outer(codes[:, c], nmf.components_[c]).sum() for c in range(3)]
    expected = parts / (codes @ nmf.components_).sum()
    np.testing.assert_allclose(explained_share(codes, nmf.components_), expected)


def test_unfitted_estimators_are_refused():
    with pytest.raises(InputError, match=r"KMeans has none of .* call fit first"):
        result_of(KMeans())
