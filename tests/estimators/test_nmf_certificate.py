"""What a fitted factorization says of itself: stationarity, deviance, likelihood, starts."""

from __future__ import annotations

import mpmath
import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given, settings
from hypothesis import strategies as st
from strategies import seeds

from cofactor.codes import Nonnegative
from cofactor.codes.stationarity import stationarity
from cofactor.data import open_blocks, open_columns
from cofactor.engine import SerialEngine
from cofactor.estimators import NMF
from cofactor.fit import first_rows
from cofactor.model import Model
from cofactor.noise import Gamma, Gaussian, NegativeBinomial, Params, Poisson

few = settings(max_examples=20)
NOISES = [Gaussian(), Poisson(), Gamma(), NegativeBinomial(5.0)]


def counts(seed=0, n=40, d=12, k=3, low=0):
    rng = np.random.default_rng(seed)
    mean = rng.gamma(0.5, size=(n, k)) @ rng.gamma(0.5, 8.0, size=(k, d))
    return low + rng.poisson(mean).astype(float)


def judged(noise, X, Z, W, **observed):
    model, k = Model(noise, Nonnegative()), len(W)
    params = Params(W, np.zeros(k), np.zeros(0), np.zeros(W.shape[1]))
    rows = first_rows(
        model, open_blocks(X, **observed), params, SerialEngine(), Z, open_columns(X, **observed)
    )
    return stationarity(model.codes, noise, rows, params)


@few
@given(seeds, st.sampled_from(NOISES), st.sampled_from([np.asarray, sp.csr_array]))
def test_residuals_do_not_depend_on_scale_or_storage(seed, noise, store):
    rng, X = np.random.default_rng(seed), counts(seed, 8, 6, low=1)
    Z, W = rng.gamma(0.5, size=(8, 3)), rng.gamma(0.5, size=(3, 6))
    scale = rng.uniform(0.1, 10.0, 3)
    one = judged(noise, X, Z, W)
    other = judged(noise, store(X), Z * scale, W / scale[:, None])
    assert other.residual == pytest.approx(one.residual, rel=1e-9)
    assert other.steepest == pytest.approx(one.steepest, rel=1e-9, abs=1e-12)


def test_residual_is_the_largest_violation_of_the_conditions():
    rng, X = np.random.default_rng(3), counts(3, 8, 6)
    Z, W = rng.gamma(0.5, size=(8, 3)), rng.gamma(0.5, size=(3, 6))
    violations = []
    for x, z, w in ((X, Z, W), (X.T, W.T, Z.T)):
        down, up = (x / (z @ w)) @ w.T, np.tile(w.sum(axis=1), (len(z), 1))
        share = z * w.sum(axis=1) / (z * w.sum(axis=1)).sum(axis=1, keepdims=True)
        violations.append(np.abs(np.minimum(share, (up - down) / (up + down))).max())
    assert judged(Poisson(), X, Z, W).residual == pytest.approx(max(violations), rel=1e-12)


def test_a_zero_that_should_grow_is_seen():
    """Where a code is zero, complementarity alone would be satisfied."""
    X = np.outer([1.0, 2.0, 3.0], [4.0, 5.0, 6.0]) + np.diag([9.0, 9.0, 9.0])
    Z, W = np.array([[1.0, 0.0], [2.0, 0.0], [3.0, 0.0]]), np.array([[5.0, 6.0, 7.0], [9.0, 1, 1]])
    assert judged(Poisson(), X, Z, W).steepest > 0.1


@pytest.mark.parametrize("noise", ["poisson", "gaussian"])
def test_residual_vanishes_at_convergence_and_can_stop_the_fit(noise):
    X = counts(4)
    model = NMF(3, noise=noise, init="nndsvda", tol=0, max_iter=5000, kkt_tol=1e-4).fit(X)
    assert model.converged_
    assert model.trace_[-1].residual <= 1e-4 < model.trace_[-2].residual
    assert model.kkt_residual_ <= 2e-4
    assert model.kkt_steepest_ <= 2e-4


@pytest.mark.parametrize("noise", ["gaussian", "poisson", "gamma", "negative_binomial"])
def test_explained_deviance_compares_with_the_mean(noise):
    X = counts(5, low=1)
    model = NMF(3, noise=noise, init="nndsvda", max_iter=50, tol=0.1)
    fitted, kind = model.fit_transform(X) @ model.components_, model.noise_
    null = kind.divergence(X, np.full_like(X, X.mean())).sum()
    expected = 1 - kind.divergence(X, fitted).sum() / null
    assert model.explained_deviance_ == pytest.approx(expected, abs=1e-6)
    sparse = NMF(3, noise=noise, init="nndsvda", max_iter=50, tol=0.1).fit(sp.csr_array(X))
    assert sparse.explained_deviance_ == pytest.approx(model.explained_deviance_, rel=1e-5)


@pytest.mark.parametrize(("dtype", "rtol"), [(np.float64, 1e-12), (np.float32, 1e-5)])
@pytest.mark.parametrize("store", [np.asarray, sp.csr_array])
def test_log_likelihood_has_all_its_digits(dtype, rtol, store):
    """Against 50 digits, with codes that are the fit's own."""
    X = counts(6).astype(dtype)
    model = NMF(3, noise="poisson", init="nndsvda", tol=1e-3)
    codes = model.fit_transform(store(X)).astype(float)
    mean = codes @ model.components_.astype(float)
    with mpmath.workdps(50):
        exact = mpmath.fsum(
            x * mpmath.log(a) - a - mpmath.loggamma(x + 1)
            for x, a in zip(
                map(mpmath.mpf, X.ravel().tolist()),
                map(mpmath.mpf, mean.ravel().tolist()),
                strict=True,
            )
        )
    assert model.log_likelihood_ == pytest.approx(float(exact), rel=rtol)
