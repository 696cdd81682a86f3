"""Divergences in closed form, wider cells that fit better, and exact oracles."""

from __future__ import annotations

from dataclasses import replace
from itertools import product

import numpy as np
import pytest
from cells import NOISES, row_state
from hypothesis import given, settings
from hypothesis import strategies as st
from oracles import (
    UNTIL_STILL,
    best,
    blobs,
    cluster,
    counts,
    drawn,
    entropy,
    fitted_to,
    inertia,
    kl,
    log_joint,
    one_hot,
    run,
    truncated,
)
from scipy.special import gammaln, xlogy
from strategies import generators

from cofactor.codes import Free, Nonnegative, ScaledOneHot, SemiNonnegative
from cofactor.data import open_blocks
from cofactor.noise import Gaussian, NegativeBinomial, Params, Poisson
from cofactor.start import from_means, singular_vectors
from cofactor.stop import Stop

some = settings(max_examples=15)
LINEAR_NOISES = [source for source in NOISES if Nonnegative.suit(source.noise)]


@pytest.mark.parametrize("source", LINEAR_NOISES, ids=lambda source: source.noise.name)
@some
@given(rng=generators)
def test_bregman_pythagoras(source, rng):
    """``Σ d(x, μ) = Σ d(x, x̄) + n d(x̄, μ)`` for every μ [Banerjee et al. 2005]."""
    X, d = drawn(source, rng), source.noise.divergence
    mean, other = X.mean(axis=0) + 1e-9, rng.uniform(0.5, 9.0, X.shape[1])
    apart = len(X) * d(mean, other).sum()
    assert d(X, other).sum() == pytest.approx(d(X, mean).sum() + apart, rel=1e-7)


@some
@given(rng=generators)
def test_poisson_k_means_in_closed_form(rng):
    """``J = Σ x log x − Σ S_cd log S_cd + Σ S_c· log n_c`` and ``F = −N log C − J + c(X)``."""
    X = counts(rng)
    fitted = cluster(Poisson(), X, 0.5 * X[:4] + 0.5 * X.mean(axis=0))
    q = one_hot(row_state(fitted, "labels"), 4)
    S, n = q.T @ X, q.sum(axis=0)
    closed = xlogy(X, X).sum() - xlogy(S, S).sum() + xlogy(S.sum(axis=1), n).sum()
    assert kl(X, q @ fitted.params.components) == pytest.approx(closed, rel=1e-7)
    saturated = (xlogy(X, X) - X - gammaln(X + 1)).sum()
    assert -fitted.objective == pytest.approx(-40 * np.log(4) - closed + saturated, rel=1e-7)


@some
@given(rng=generators, keep=st.sampled_from([2, None]))
def test_poisson_mixtures_have_the_free_energy_of_their_divergence(rng, keep):
    """``F = −N log C + H(q) − Σ q KL(x_n‖λ_c) + c(X)``."""
    X = counts(rng)
    fitted = cluster(Poisson(), X, 0.5 * X[:4] + 0.5 * X.mean(axis=0), Stop(4), keep)
    log_p = log_joint(Poisson(), X, fitted.params)
    q, _ = truncated(log_p, best(log_p, keep))
    rates = fitted.params.components
    divergence = sum(q[n, c] * kl(X[n], rates[c]) for n, c in product(range(40), range(4)))
    saturated = (xlogy(X, X) - X - gammaln(X + 1)).sum()
    closed = -40 * np.log(4) + entropy(q) - divergence + saturated
    assert -fitted.objective == pytest.approx(closed, rel=1e-9)


@some
@given(rng=generators)
def test_scaled_poisson_clusters_profiles(rng):
    """``J = Σ_n t_n KL(x_n/t_n ‖ p_c)`` with ``p_c`` the profile of the cluster's sum."""
    X = counts(rng) + 1.0
    params = from_means(Poisson(), open_blocks(X), X[:4])
    start = replace(params, components=Poisson().legal_multiples(X[:4]))
    fitted = run(Poisson(), ScaledOneHot(), X, start, UNTIL_STILL)
    labels = row_state(fitted, "labels")
    totals, profiles = X.sum(axis=1), fitted.params.components
    assert fitted.statistics.divergence == pytest.approx(
        (totals[:, None] * xlogy(X / totals[:, None], X / totals[:, None] / profiles[labels])).sum()
    )
    for c in set(labels):
        summed = X[labels == c].sum(axis=0)
        np.testing.assert_allclose(profiles[c], summed / summed.sum(), rtol=1e-6)


def widened(noise, X, params, Z):
    """Fit the next wider cell from a solution of a narrower one."""
    lifted = np.maximum(Z, 1e-6)
    start = Params(params.components, np.zeros(len(params.components)), params.dispersion, 0 * X[0])
    return run(noise, Nonnegative(), X, start, Stop(60), lifted).statistics.divergence


@some
@given(rng=generators)
def test_wider_poisson_cells_fit_better(rng):
    """KL of NMF ≤ of scaled one-hot ≤ of one-hot codes, each started from the narrower one."""
    X, noise = counts(rng) + 1.0, Poisson()
    onehot = cluster(noise, X, X[:4])
    q = one_hot(row_state(onehot, "labels"), 4)
    narrow = kl(X, q @ onehot.params.components)
    start = replace(onehot.params, components=noise.legal_multiples(onehot.params.components))
    scaled = run(noise, ScaledOneHot(), X, start, UNTIL_STILL)
    multiples = one_hot(row_state(scaled, "labels"), 4) * row_state(scaled, "multiple")[:, None]
    assert scaled.statistics.divergence <= narrow * (1 + 1e-9)
    nmf = widened(noise, X, scaled.params, multiples)
    assert nmf <= scaled.statistics.divergence * (1 + 1e-4)


@some
@given(rng=generators)
def test_wider_gaussian_cells_fit_better(rng):
    """SSE of SVD ≤ of NMF ≤ of k-means, for nonnegative means."""
    X = np.abs(blobs(rng, n=40, d=6))
    onehot = cluster(Gaussian(), X, X[:4])
    nmf = 2 * widened(Gaussian(), X, onehot.params, one_hot(row_state(onehot, "labels"), 4))
    assert nmf <= inertia(X, onehot.params.components) * (1 + 1e-4)
    assert 2 * by_svd(X, 4).statistics.divergence <= nmf * (1 + 1e-9)


@some
@given(rng=generators)
def test_sums_of_parts_of_any_sign_lie_between_clusters_and_free_codes(rng):
    X = blobs(rng, n=40, d=6)
    onehot = cluster(Gaussian(), X, X[:4])
    Z = one_hot(row_state(onehot, "labels"), 4)
    parts = run(Gaussian(), SemiNonnegative(), X, onehot.params, Stop(30), Z)
    squares = 2 * parts.statistics.divergence
    assert (row_state(parts, "codes") >= 0).all()
    assert squares <= inertia(X, onehot.params.components) * (1 + 1e-9)
    assert 2 * by_svd(X, 4).statistics.divergence <= squares * (1 + 1e-9)


def by_svd(X, k):
    Z, W = singular_vectors(X, k, 0, np.ones(len(X)))
    params = Params(W, np.zeros(k), np.array(1.0), np.zeros(X.shape[1]))
    return run(Gaussian(), Free(), X, params, Stop(2), Z)


@some
@given(rng=generators, k=st.integers(1, 4))
def test_free_codes_reach_the_bound_of_eckart_and_young(rng, k):
    X = blobs(rng, n=30, d=6)
    tail = np.square(np.linalg.svd(X, compute_uv=False)[k:]).sum()
    assert 2 * by_svd(X, k).statistics.divergence == pytest.approx(tail, rel=1e-6)


@some
@given(rng=generators, k=st.integers(1, 3))
def test_bi_cross_validation_is_exact_on_data_of_low_rank(rng, k):
    """``X11 = X12 X̂22⁺ X21`` for the rank-k fit of X22 [Owen & Perry 2009]."""
    X = rng.normal(size=(20, k)) @ rng.normal(size=(k, 12))
    held, kept = slice(0, 8), slice(8, None)
    Z, W = singular_vectors(X[kept, 5:], k, 0, np.ones(len(X[kept])))
    predicted = X[held, 5:] @ np.linalg.pinv(W) @ np.linalg.pinv(Z) @ X[kept, :5]
    np.testing.assert_allclose(predicted, X[held, :5], rtol=1e-6, atol=1e-8)


def exhaustive(noise, X, k):
    """Return the lowest objective over all labellings of the rows."""
    lowest = np.inf
    for labels in product(range(k), repeat=len(X) - 1):
        q = one_hot(np.array([0, *labels]), k)
        params = fitted_to(noise, X, q, False)
        loss = -(q * log_joint(noise, X, params)).sum()
        lowest = min(lowest, loss)
    return lowest


@pytest.mark.parametrize(
    "noise",
    [Gaussian(fixed_variance=1.0), Gaussian(), Poisson(), NegativeBinomial(5.0)],
    ids=["fixed variance", "gaussian", "poisson", "negative binomial"],
)
@pytest.mark.parametrize(("n", "k"), [(8, 2), (6, 3)])
def test_best_of_many_starts_is_the_best_of_all_labellings(noise, n, k):
    rng = np.random.default_rng(n)
    X = rng.poisson(6.0, (n, 2)) + 1.0
    starts = [0.9 * X[rng.choice(n, k, replace=False)] + 0.1 * X.mean(axis=0) for _ in range(60)]
    found = min(cluster(noise, X, means).objective for means in starts)
    assert found == pytest.approx(exhaustive(noise, X, k), rel=1e-9)
