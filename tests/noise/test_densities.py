"""Every noise against the densities of scipy.stats, constants included."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.sparse as sp
from scipy import stats

from cofactor import noise
from cofactor.data import open_blocks
from cofactor.noise import Params

K, D = 3, 4
R = np.random.default_rng(0)
ROOTS = np.eye(D) + 0.3 * R.standard_normal((K, D, D))
COVARIANCES = ROOTS @ ROOTS.transpose(0, 2, 1)
LOG_WEIGHTS = np.log([0.5, 0.3, 0.2])


def normal(X, means, covariances):
    pairs = zip(means, np.broadcast_to(covariances, (K, D, D)), strict=True)
    return np.stack([stats.multivariate_normal(m, c).logpdf(X) for m, c in pairs], axis=1)


def entrywise(logpdf):
    """Sum a density over the entries of rows, for every component."""
    return lambda X, means, spread: logpdf(X[:, None], means, spread).sum(axis=2)


def gaussian(X, means, variance):
    return normal(X, means, variance * np.eye(D))


def spherical(X, means, variances):
    return normal(X, means, variances[:, None, None] * np.eye(D))


def diagonal(X, means, variances):
    return normal(X, means, variances[:, :, None] * np.eye(D))


def multinomial(X, means, _):
    return stats.multinomial(X.sum(axis=1)[:, None], means).logpmf(X[:, None])


poisson = entrywise(lambda X, means, _: stats.poisson(means).logpmf(X))
bernoulli = entrywise(lambda X, means, _: stats.bernoulli(means).logpmf(X))
negative_binomial = entrywise(lambda X, means, _: stats.nbinom(2.5, 2.5 / (means + 2.5)).logpmf(X))
gamma = entrywise(lambda X, means, shape: stats.gamma(shape, scale=means / shape).logpdf(X))

POSITIVE = R.gamma(2.0, 3.0, (9, D))
COUNTS = R.poisson(3.0, (9, D)).astype(float)
REALS = R.standard_normal((9, D))
BITS = R.integers(0, 2, (9, D)).astype(float)
RATES = R.uniform(0.5, 5.0, (K, D))
SHARES = RATES / RATES.sum(axis=1, keepdims=True)
NONE = np.zeros(0)

# noise, data, means, dispersion, log density of every row under every component
DENSITIES = [
    (noise.Gaussian(), REALS, RATES, np.array(0.7), gaussian),
    (noise.SphericalGaussian(), REALS, RATES, np.array([0.7, 2.0, 1.0]), spherical),
    (noise.DiagonalGaussian(), REALS, RATES, R.uniform(0.5, 2.0, (K, D)), diagonal),
    (noise.TiedGaussian(), REALS, RATES, COVARIANCES[0], normal),
    (noise.FullGaussian(), REALS, RATES, COVARIANCES, normal),
    (noise.Poisson(), COUNTS, RATES, NONE, poisson),
    (noise.NegativeBinomial(2.5), COUNTS, RATES, NONE, negative_binomial),
    (noise.Bernoulli(), BITS, SHARES, NONE, bernoulli),
    (noise.Multinomial(), COUNTS, SHARES, NONE, multinomial),
    (noise.Gamma(), POSITIVE, RATES, np.array(2.2), gamma),
]
every_noise = pytest.mark.parametrize(
    ("kind", "X", "means", "spread", "log_density"), DENSITIES, ids=[d[0].name for d in DENSITIES]
)


def params_of(means, spread, reference=0.0):
    return Params(means, LOG_WEIGHTS, spread, np.full(D, reference))


@every_noise
@pytest.mark.parametrize("store", [np.asarray, sp.csr_array])
def test_losses_are_minus_log_densities(kind, X, means, spread, log_density, store):
    (block,) = open_blocks(store(X))
    params = params_of(means, spread)
    scorer = kind.scorer(params)
    own = scorer.row_loss(block, kind.row_statistic(block, params.reference))
    expected = -LOG_WEIGHTS - log_density(X, means, spread)
    np.testing.assert_allclose(scorer.all(block) + own[:, None], expected, rtol=1e-10)
    index, loss = scorer.top(block, 2)
    np.testing.assert_array_equal(index, np.argsort(expected, axis=1)[:, :2])
    np.testing.assert_allclose(loss + own[:, None], np.sort(expected, axis=1)[:, :2], rtol=1e-10)


@pytest.mark.parametrize("case", DENSITIES[:5], ids=lambda case: case[0].name)
def test_reference_point_does_not_matter(case):
    kind, X, means, spread, log_density = case
    (block,) = open_blocks(X)
    params = params_of(means, spread, reference=1.3)
    scorer = kind.scorer(params)
    own = scorer.row_loss(block, kind.row_statistic(block, params.reference))
    expected = -LOG_WEIGHTS - log_density(X, means, spread)
    np.testing.assert_allclose(scorer.all(block) + own[:, None], expected, rtol=1e-10)


@pytest.mark.parametrize("case", [DENSITIES[i] for i in (5, 6, 7, 9)], ids=lambda c: c[0].name)
def test_saturated_loss_is_that_of_each_row_as_its_own_mean(case):
    kind, X, _, spread, log_density = case
    (block,) = open_blocks(X)
    saturated = kind.saturated_loss(block, params_of(RATES, spread))
    own = np.clip(X, 1e-14, 1 - 1e-14 if kind.name == "bernoulli" else np.inf)
    expected = np.diagonal(log_density(X, own, spread))
    np.testing.assert_allclose(saturated, -expected, rtol=1e-8, atol=1e-9)


def test_saturated_gaussian():
    (block,) = open_blocks(REALS)
    saturated = noise.Gaussian().saturated_loss(block, params_of(RATES, np.array(0.7)))
    np.testing.assert_allclose(saturated, -D * stats.norm(0, np.sqrt(0.7)).logpdf(0), rtol=1e-10)


def test_saturated_multinomial():
    (block,) = open_blocks(COUNTS)
    saturated = noise.Multinomial().saturated_loss(block, params_of(SHARES, NONE))
    shares = COUNTS / COUNTS.sum(axis=1, keepdims=True)
    expected = stats.multinomial(COUNTS.sum(axis=1), shares).logpmf(COUNTS)
    np.testing.assert_allclose(saturated, -expected, rtol=1e-10)


@pytest.mark.parametrize("case", DENSITIES[1:5], ids=lambda case: case[0].name)
def test_saturated_covariance_is_the_tightest(case):
    kind, X, means, spread, log_density = case
    (block,) = open_blocks(X)
    at_means = log_density(means, means, spread)
    saturated = kind.saturated_loss(block, params_of(means, spread))
    np.testing.assert_allclose(saturated, -np.diagonal(at_means).max(), rtol=1e-10)


@every_noise
def test_samples_have_the_right_mean(kind, X, means, spread, log_density):
    params = params_of(means, spread)
    component = np.repeat(np.arange(K), 4000)
    rows = kind.sample(means[component], component, params, np.random.default_rng(1))
    (block,) = open_blocks(rows)
    kind.check(block)
    average = rows.reshape(K, 4000, D).mean(axis=1)
    deviation = rows.std() / np.sqrt(4000)
    np.testing.assert_allclose(average, means, atol=6 * deviation)
