"""Mixtures of every noise: likelihoods by hand, bounds, starts, new rows."""

from __future__ import annotations

import copy
import pickle
from functools import cache

import numpy as np
import pytest
import scipy.sparse as sp
from scipy import stats
from scipy.special import logsumexp
from sklearn.base import clone
from sklearn.metrics import adjusted_rand_score

from cofactor import Mixture
from cofactor.errors import InputError
from cofactor.noise import NegativeBinomial

K, D, N = 3, 12, 240


@cache
def planted():
    """Means of three components, and the component of each row."""
    means = np.where(np.arange(D) % K == np.arange(K)[:, None], 8.5, 2.0)
    return means, np.random.RandomState(0).randint(K, size=N)


def draw(sample):
    means, labels = planted()
    return sample(np.random.RandomState(1), means[labels])


DATA = {
    "gaussian": lambda: draw(lambda rng, m: rng.normal(m, 1.0)),
    "poisson": lambda: draw(lambda rng, m: rng.poisson(m).astype(float)),
    "negative_binomial": lambda: draw(
        lambda rng, m: rng.poisson(rng.gamma(10.0, m / 10.0)).astype(float)
    ),
    "bernoulli": lambda: draw(lambda rng, m: (rng.uniform(size=m.shape) < m / 10).astype(float)),
    "multinomial": lambda: draw(
        lambda rng, m: np.stack([rng.multinomial(60, row / row.sum()) for row in m]).astype(float)
    ),
    "gamma": lambda: draw(lambda rng, m: rng.gamma(20.0, m / 20.0)),
}


def log_density(noise, x, mean, dispersion):
    """Return ``log p(x|mean)`` of each row, by SciPy."""
    by_entry = {
        "gaussian": lambda: stats.norm.logpdf(x, mean, np.sqrt(dispersion)),
        "poisson": lambda: stats.poisson.logpmf(x, mean),
        "negative_binomial": lambda: stats.nbinom.logpmf(x, 10.0, 10.0 / (10.0 + mean)),
        "bernoulli": lambda: stats.bernoulli.logpmf(x, mean),
        "gamma": lambda: stats.gamma.logpdf(x, dispersion, scale=mean / dispersion),
    }
    if noise == "multinomial":
        return stats.multinomial.logpmf(x, x.sum(axis=1), mean / mean.sum())
    return by_entry[noise]().sum(axis=1)


@cache
def fitted(noise, n_closest=None):
    model = Mixture(K, noise=noise, n_closest=n_closest, random_state=0, max_iter=500, n_init=3)
    return model.fit(DATA[noise]())


def log_joint(model, X):
    columns = [
        np.log(weight) + log_density(model.noise, X, mean, model.dispersion_)
        for weight, mean in zip(model.weights_, model.means_, strict=True)
    ]
    return np.column_stack(columns)


@pytest.mark.parametrize("noise", DATA)
def test_score_is_the_exact_log_likelihood(noise):
    model, X = fitted(noise), DATA[noise]()
    joint = log_joint(model, X)
    np.testing.assert_allclose(model.score_samples(X), logsumexp(joint, axis=1), rtol=1e-8)
    posterior = np.exp(joint - logsumexp(joint, axis=1, keepdims=True))
    np.testing.assert_allclose(model.predict_proba(X), posterior, atol=1e-8)
    np.testing.assert_array_equal(model.predict(X), joint.argmax(axis=1))
    assert model.score(X) == pytest.approx(model.score_samples(X).mean())


@pytest.mark.parametrize("noise", DATA)
def test_planted_components_are_found(noise):
    labels = fitted(noise).predict(DATA[noise]())
    assert adjusted_rand_score(labels, planted()[1]) > 0.9


@pytest.mark.parametrize("n_closest", [1, 2, None])
@pytest.mark.parametrize("noise", DATA)
def test_the_free_energy_rises_and_bounds_the_likelihood(noise, n_closest):
    model, X = fitted(noise, n_closest), DATA[noise]()
    objective = np.array(model.trace_.objective)
    assert np.diff(objective).max(initial=0) <= 1e-9 * abs(objective[0])
    assert model.free_energy_ <= model.score_samples(X).sum() + 1e-7
    if n_closest is None:
        assert model.free_energy_ == pytest.approx(model.score_samples(X).sum(), rel=1e-10)


@pytest.mark.parametrize("noise", DATA)
def test_sparse_rows_are_the_same_rows(noise):
    model, X = fitted(noise), sp.csr_matrix(DATA[noise]())
    np.testing.assert_allclose(model.score_samples(X), model.score_samples(X.toarray()), rtol=1e-7)
    again = clone(model).fit(X)
    np.testing.assert_allclose(again.means_, model.means_, rtol=1e-5)


@pytest.mark.parametrize("noise", DATA)
def test_samples_are_legal_and_look_like_the_data(noise):
    model = fitted(noise)
    X, labels = model.sample(3000)
    assert X.shape == (3000, D)
    own_mean = np.stack([X[labels == c].mean(axis=0) for c in range(K)])
    np.testing.assert_allclose(own_mean, model.means_, rtol=0.25, atol=0.05)
    assert clone(model).set_params(n_init=1).fit(X).converged_


@pytest.mark.parametrize("init_params", ["kmeans", "k-means++", "random", "random_from_data"])
@pytest.mark.parametrize("noise", DATA)
def test_every_start_leads_to_a_mixture(noise, init_params):
    model = Mixture(
        K, noise=noise, init_params=init_params, random_state=0, max_iter=1000, tol=1e-4
    )
    X = DATA[noise]()
    assert model.fit(X).score(X) > Mixture(1, noise=noise).fit(X).score(X)


PARAMETERS = {
    "gaussian": K * D + K - 1 + 1,
    "poisson": K * D + K - 1,
    "multinomial": K * (D - 1) + K - 1,
    "gamma": K * D + K - 1 + 1,
    "negative_binomial": K * D + K - 1,
    "bernoulli": K * D + K - 1,
}


@pytest.mark.parametrize(("noise", "expected"), PARAMETERS.items())
def test_criteria_count_the_free_parameters(noise, expected):
    model, X = fitted(noise), DATA[noise]()
    assert model.n_parameters_ == expected
    assert model.bic(X) == pytest.approx(-2 * N * model.score(X) + expected * np.log(N))
    assert model.aic(X) == pytest.approx(-2 * N * model.score(X) + 2 * expected)
    assert model.icl(X) >= model.bic(X)


def test_equal_weights_stay_equal_and_are_not_counted():
    model = Mixture(K, noise="poisson", learn_weights=False, random_state=0).fit(DATA["poisson"]())
    np.testing.assert_allclose(model.weights_, 1 / K, rtol=1e-12)
    assert model.n_parameters_ == K * D


@pytest.mark.parametrize("noise", DATA)
def test_integer_weights_repeat_rows_and_zeros_remove_them(noise):
    X, repeats = DATA[noise](), np.random.RandomState(3).randint(0, 3, size=N)
    weighted, repeated = (
        copy.deepcopy(fitted(noise)).set_params(warm_start=True, tol=1e9) for _ in range(2)
    )
    weighted.fit(X, sample_weight=repeats)
    repeated.fit(np.repeat(X, repeats, axis=0))
    np.testing.assert_allclose(weighted.means_, repeated.means_, rtol=1e-9)
    np.testing.assert_allclose(weighted.dispersion_, repeated.dispersion_, rtol=1e-9)
    assert weighted.free_energy_ == pytest.approx(repeated.free_energy_, rel=1e-9)


@pytest.mark.parametrize("noise", ["gaussian", "poisson"])
def test_any_number_of_threads_gives_the_same_bits(noise):
    X = np.tile(DATA[noise](), (60, 1))
    fits = [Mixture(K, noise=noise, random_state=0, n_threads=n).fit(X) for n in (1, 2, 3, 7)]
    for other in fits[1:]:
        np.testing.assert_array_equal(other.means_, fits[0].means_)
        assert other.trace_.objective == fits[0].trace_.objective


@pytest.mark.parametrize("n_closest", [1, None])
def test_means_of_single_precision_data_are_as_exact_as_of_double(n_closest):
    X = (DATA["gaussian"]() + 1000.1).astype(np.float32)
    single = Mixture(K, n_closest=n_closest, random_state=0).fit(X)
    double = Mixture(K, n_closest=n_closest, random_state=0).fit(X.astype(float))
    np.testing.assert_allclose(single.means_, double.means_, rtol=1e-9)


def test_warm_start_goes_on():
    X = DATA["poisson"]()
    model = Mixture(K, noise="poisson", random_state=0, warm_start=True, max_iter=2, tol=1e9).fit(X)
    first = model.free_energy_
    model.fit(X)
    assert model.trace_.objective[0] == pytest.approx(-first, rel=1e-12)


def test_callbacks_and_the_time_limit_stop_the_fit():
    X = DATA["poisson"]()
    with pytest.warns(UserWarning, match="did not converge"):
        model = Mixture(K, noise="poisson", callbacks=[lambda it: it.number == 0]).fit(X)
    assert len(model.trace_) == 1
    with pytest.warns(UserWarning, match="did not converge"):
        model = Mixture(K, noise="poisson", time_limit=1e-9, n_init=9).fit(X)
    assert len(model.trace_) == 1


def test_verbose_prints(capsys):
    Mixture(K, verbose=1, verbose_interval=1, random_state=0).fit(DATA["gaussian"]())
    assert "Iteration 1: objective" in capsys.readouterr().out


def test_the_dispersion_of_a_noise_object_is_kept():
    X = DATA["negative_binomial"]()
    wide = Mixture(K, noise=NegativeBinomial(size=2.0), random_state=0).fit(X)
    assert wide.score(X) < fitted("negative_binomial").score(X)


@pytest.mark.parametrize(
    ("settings", "X", "sentence"),
    [
        ({"noise": "poisson"}, -np.eye(5), "expects entries of at least 0"),
        ({"noise": "bernoulli"}, 3 * np.eye(5), "expects binary data"),
        ({"noise": "gamma"}, np.eye(5), "expects entries above 0"),
        ({"noise": "laplace"}, np.eye(5), "expected one of bernoulli"),
        ({"n_components": 9}, np.eye(5), "Expected n_samples >= n_components"),
        ({"n_closest": 0}, np.eye(5), "The 'n_closest' parameter of Mixture"),
    ],
)
def test_bad_input_says_what_is_wrong(settings, X, sentence):
    with pytest.raises(ValueError, match=sentence):
        Mixture(**settings).fit(X)


def test_new_rows_are_checked_as_the_first_were():
    with pytest.raises(InputError, match="Negative values"):
        fitted("poisson").score(-DATA["poisson"]())


@pytest.mark.parametrize("noise", DATA)
def test_pickles_and_clones(noise):
    model = fitted(noise)
    again = pickle.loads(pickle.dumps(model))
    X = DATA[noise]()
    np.testing.assert_array_equal(again.predict_proba(X), model.predict_proba(X))
    assert clone(model).get_params() == model.get_params()


@pytest.mark.parametrize("noise", ["poisson", "multinomial", "bernoulli", "negative_binomial"])
@pytest.mark.filterwarnings("ignore:Number of distinct clusters")
def test_data_of_zeros_are_fitted_without_complaint(noise):
    model = Mixture(2, noise=noise, random_state=0).fit(np.zeros((30, 5)))
    assert model.free_energy_ == pytest.approx(0.0, abs=1e-6)
