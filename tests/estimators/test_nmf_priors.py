"""NMF with Gamma priors, held against their densities."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import gamma, poisson
from strategies import seeds

from cofactor.errors import InputError
from cofactor.estimators import NMF

few = settings(max_examples=8)
unconverged = pytest.mark.filterwarnings("ignore:Maximum number of iterations")


@unconverged
@few
@given(
    seed=seeds, masked=st.booleans(), weighted=st.booleans(), solver=st.sampled_from(["cd", "mu"])
)
def test_gamma_priors_are_those_of_the_most_probable_factors(seed, masked, weighted, solver):
    rng = np.random.default_rng(seed)
    X, observed = rng.poisson(2.0, (12, 7)) * 1.0, rng.uniform(size=(12, 7)) < 0.8
    prior_W, prior_H = (1.7, 0.3), (1.2, 0.9)
    weights, exposure = rng.choice([0.5, 1.0, 2.0], 12), rng.uniform(0.5, 2.0, 12)
    model = NMF(
        2, noise="poisson", solver=solver, prior_W=prior_W, prior_H=prior_H, alpha_W=0.01,
        init="random", random_state=0, max_iter=4000, tol=0, kkt_tol=1e-7, n_threads=1,
    )  # fmt: skip
    given_data = {"mask": observed if masked else None, "exposure": exposure}
    Z = model.fit_transform(X, sample_weight=weights if weighted else None, **given_data)
    W, u = model.components_, weights if weighted else np.ones(12)
    seen = observed if masked else np.ones_like(observed)

    def loss(Z, W):
        logs = (seen * poisson.logpmf(X, exposure[:, None] * (Z @ W))).sum(axis=1)
        l2_W, l2_H = 0.01 * 7, 0.01 * u.sum()
        own = (gamma.logpdf(Z, prior_W[0], scale=1 / prior_W[1]) - 0.5 * l2_W * Z**2).sum(axis=1)
        of_W = gamma.logpdf(W, prior_H[0], scale=1 / prior_H[1]) - 0.5 * l2_H * W**2
        return -(u @ (logs + own)) - of_W.sum()

    best, objective = loss(Z, W), np.array(model.trace_.objective)
    assert np.diff(objective).max() <= 1e-9 * np.abs(objective).max()
    for _ in range(20):
        nudged = (part * np.exp(1e-3 * rng.normal(size=part.shape)) for part in (Z, W))
        assert loss(*nudged) > best
    again = model.transform(X, **given_data)
    np.testing.assert_allclose(again, Z, rtol=1e-3, atol=1e-5)


@unconverged
def test_a_flat_prior_is_none():
    X = np.random.default_rng(0).poisson(2.0, (20, 9)) * 1.0
    settings = {"noise": "poisson", "solver": "mu", "max_iter": 5, "tol": 0, "random_state": 0}
    plain, flat = NMF(3, **settings), NMF(3, prior_W=(1, 0), prior_H=(1, 0), **settings)
    np.testing.assert_array_equal(flat.fit(X).components_, plain.fit(X).components_)
    lasso = NMF(3, alpha_W=1.0, alpha_H=0.0, l1_ratio=1.0, **settings).fit(X)
    exponential = NMF(3, prior_W=(1, 9.0), **settings).fit(X)  # 9 columns
    np.testing.assert_allclose(exponential.components_, lasso.components_)
    slight = (1 + 1e-12, 1e-12)
    nearly = NMF(3, prior_W=slight, prior_H=slight, **settings).fit(X)
    np.testing.assert_allclose(nearly.components_, plain.components_, rtol=1e-6)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"prior_W": (0.5, 1.0)}, "a shape of at least 1"),
        ({"prior_H": (2.0, -1.0)}, "a rate of at least 0"),
        ({"prior_H": (2.0, 0.0)}, "grow without bound .* a rate above 0"),
        ({"prior_W": (2.0,)}, "expected a pair"),
        ({"prior_W": ("a", "b")}, "expected a pair"),
        ({"prior_W": (2.0, 1.0), "noise": "gaussian"}, "gaussian noise does not know"),
    ],
)
def test_bad_priors_are_explained(settings, words):
    with pytest.raises(InputError, match=words):
        NMF(2, **{"noise": "poisson", **settings}).fit(np.ones((5, 4)))
