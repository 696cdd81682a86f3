"""Identities between objectives, and oracles by brute force.

Free energy ``F`` is minus the objective of one-hot codes; ``J`` the sum of squared distances.
"""

from __future__ import annotations

import warnings
from dataclasses import replace
from itertools import product

import numpy as np
import pytest
from cells import NOISES, row_state
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import gammaln, logsumexp, xlogy
from sklearn.cluster import KMeans as SklearnKMeans
from sklearn.mixture import GaussianMixture as SklearnMixture
from strategies import generators, seeds

from cofactor.codes import Free, Nonnegative, OneHot, ScaledOneHot
from cofactor.data import open_blocks, open_columns
from cofactor.engine import SerialEngine
from cofactor.fit import first_rows, fit
from cofactor.model import Model
from cofactor.noise import Gaussian, NegativeBinomial, Params, Poisson, SphericalGaussian
from cofactor.start import from_means, from_responsibilities, singular_vectors
from cofactor.stop import NothingMoved, Stop

SERIAL = SerialEngine()
UNTIL_STILL = Stop(200, (NothingMoved(),))
some, few = settings(max_examples=15), settings(max_examples=6)
keeps = st.sampled_from([1, 2, 3, None])
every_noise = pytest.mark.parametrize("source", NOISES, ids=lambda source: source.noise.name)


def run(noise, codes, X, params, stop, Z=None):
    blocks, model = open_blocks(X), Model(noise, codes)
    columns = open_columns(X) if codes.needs_columns else ()
    return fit(model, first_rows(model, blocks, params, SERIAL, Z, columns), params, stop)


def cluster(noise, X, means, stop=UNTIL_STILL, keep=1, learn_weights=False):
    params = from_means(noise, open_blocks(X), means)
    return run(noise, OneHot(keep, learn_weights), X, params, stop)


def blobs(rng, n=60, d=3, k=4):
    return rng.normal(size=(k, d))[rng.integers(k, size=n)] * 3 + rng.normal(size=(n, d))


def drawn(source, rng, n=60, d=6, k=4):
    return source.rows(rng, rng.integers(k, size=n), k, d)


def log_joint(noise, X, params):
    """Return ``log π_c p(x_n|c)`` (n, k), constants included."""
    (block,) = open_blocks(X)
    scorer = noise.scorer(params)
    own = scorer.row_loss(block, noise.row_statistic(block, params.reference))
    return -scorer.all(block) - own[:, None]


def truncated(log_p, kept):
    """Return the posterior restricted to the kept components, and ``F`` right after an E-step."""
    held = np.where(kept, log_p, -np.inf)
    norm = logsumexp(held, axis=1)
    return np.exp(held - norm[:, None]), norm.sum()


def best(log_p, keep):
    """Return which components are among each row's ``keep`` most probable, as booleans."""
    return np.argsort(np.argsort(-log_p, axis=1, kind="stable"), axis=1) < (keep or log_p.shape[1])


def one_hot(labels, k):
    return np.eye(k)[labels]


def entropy(q):
    return -xlogy(q, q).sum()


def inertia(X, means):
    return np.square(X[:, None] - means).sum(axis=2).min(axis=1).sum()


@every_noise
@some
@given(seed=seeds, keep=keeps)
def test_free_energy_is_the_expected_joint_plus_entropy(source, seed, keep):
    """``Σ_n log Σ_{c∈K} e^ℓ = Σ q ℓ + H(q)`` after an E-step [Lücke & Forster 2019]."""
    X = drawn(source, np.random.default_rng(seed))
    fitted = cluster(source.noise, X, 0.5 * X[:4] + 0.5 * X.mean(axis=0), Stop(1), keep)
    log_p = log_joint(source.noise, X, fitted.params)
    q, included = truncated(log_p, best(log_p, keep))
    assert -fitted.objective == pytest.approx(included, rel=1e-9)
    expected = (q * np.where(q > 0, log_p, 0.0)).sum() + entropy(q)
    assert -fitted.objective == pytest.approx(expected, rel=1e-9)


@some
@given(rng=generators, keep=keeps, learn_weights=st.booleans())
def test_free_energy_after_an_m_step_has_a_closed_form(rng, keep, learn_weights):
    """``F = Σ_c N_c log π_c − (ND/2) log 2πeσ² + H(q)``."""
    X = blobs(rng)
    start = cluster(Gaussian(), X, X[:4], Stop(1), keep, learn_weights)
    log_p = log_joint(Gaussian(), X, start.params)
    q, _ = truncated(log_p, best(log_p, keep))
    blocks = open_blocks(X)
    params = from_responsibilities(Gaussian(), blocks, q, learn_weights, SERIAL)
    free_energy = (q * log_joint(Gaussian(), X, params)).sum() + entropy(q)
    counts = q.sum(axis=0)
    variance = float(params.dispersion)
    closed = entropy(q) - 0.5 * X.size * np.log(2 * np.pi * np.e * variance)
    closed += counts @ (np.log(counts / len(X)) if learn_weights else np.full(4, -np.log(4)))
    assert free_energy == pytest.approx(closed, rel=1e-10)


@some
@given(rng=generators)
def test_free_energy_of_k_means_is_a_function_of_its_inertia(rng):
    """``F = −N log C − (ND/2) log(2πe J/(ND))``."""
    X = blobs(rng)
    fitted = cluster(Gaussian(), X, X[:4])
    J = inertia(X, fitted.params.components)
    closed = -len(X) * np.log(4) - 0.5 * X.size * np.log(2 * np.pi * np.e * J / X.size)
    assert -fitted.objective == pytest.approx(closed, rel=1e-10)


@every_noise
@some
@given(seed=seeds, keep=st.integers(1, 4))
def test_gap_to_the_likelihood_is_the_posterior_left_out(source, seed, keep):
    """``log L − F = −Σ_n log Σ_{c∈K} r_nc ≥ 0``."""
    X = drawn(source, np.random.default_rng(seed))
    fitted = cluster(source.noise, X, 0.5 * X[:4] + 0.5 * X.mean(axis=0), Stop(2), keep)
    log_p = log_joint(source.noise, X, fitted.params)
    log_likelihood = logsumexp(log_p, axis=1)
    posterior = np.exp(log_p - log_likelihood[:, None])
    gap = -np.log((posterior * best(log_p, keep)).sum(axis=1)).sum()
    assert gap >= -1e-12
    assert log_likelihood.sum() + fitted.objective == pytest.approx(gap, rel=1e-6, abs=1e-7)


@some
@given(rng=generators, steps=st.integers(1, 6))
def test_hard_codes_take_the_steps_of_lloyd(rng, steps):
    X = blobs(rng)
    mine = cluster(Gaussian(), X, X[:4], Stop(steps))
    means = X[:4]
    for _ in range(steps):
        labels = np.square(X[:, None] - means).sum(axis=2).argmin(axis=1)
        if len(set(labels)) < 4:
            return  # an empty cluster is refilled, which Lloyd leaves open
        means = np.stack([X[labels == c].mean(axis=0) for c in range(4)])
    np.testing.assert_allclose(mine.params.components, means, rtol=1e-10, atol=1e-12)


def test_hard_codes_end_where_scikit_learn_does():
    X = blobs(np.random.default_rng(0), n=300)
    theirs = SklearnKMeans(4, init=X[:4], n_init=1, tol=0, algorithm="lloyd").fit(X)
    mine = cluster(Gaussian(), X, X[:4])
    np.testing.assert_array_equal(row_state(mine, "labels"), theirs.labels_)
    np.testing.assert_allclose(mine.params.components, theirs.cluster_centers_)


@some
@given(rng=generators, variance=st.sampled_from([1e-3, 0.1, 1.0, 100.0]))
def test_variance_drops_out_of_hard_codes(rng, variance):
    X = blobs(rng)
    free = cluster(Gaussian(), X, X[:4])
    fixed = cluster(Gaussian(fixed_variance=variance), X, X[:4])
    np.testing.assert_array_equal(row_state(fixed, "labels"), row_state(free, "labels"))
    np.testing.assert_allclose(fixed.params.components, free.params.components)
    J = inertia(X, fixed.params.components)
    closed = -len(X) * np.log(4) - 0.5 * X.size * np.log(2 * np.pi * variance) - J / (2 * variance)
    assert -fixed.objective == pytest.approx(closed, rel=1e-9)


@some
@given(rng=generators, scale=st.sampled_from([1e-3, 7.0]), offset=st.sampled_from([0.0, 1e3]))
def test_k_means_does_not_depend_on_origin_axes_or_unit(rng, scale, offset):
    X = blobs(rng)
    rotation, _ = np.linalg.qr(rng.normal(size=(3, 3)))
    moved = scale * (X @ rotation + offset)
    plain, other = cluster(Gaussian(), X, X[:4]), cluster(Gaussian(), moved, moved[:4])
    np.testing.assert_array_equal(row_state(other, "labels"), row_state(plain, "labels"))
    J, moved_J = inertia(X, plain.params.components), inertia(moved, other.params.components)
    assert moved_J == pytest.approx(scale**2 * J, rel=1e-8)
    shifted = plain.objective + X.size * np.log(scale)  # a density changes with the unit
    assert other.objective == pytest.approx(shifted, rel=1e-8)


def test_keeping_all_is_the_em_of_scikit_learn():
    X = blobs(np.random.default_rng(1), n=200)
    labels = SklearnKMeans(4, n_init=1, random_state=0).fit_predict(X)
    q = one_hot(labels, 4)
    noise = SphericalGaussian()
    start = from_responsibilities(noise, open_blocks(X), q, True, SERIAL)
    mine = run(noise, OneHot(None, learn_weights=True), X, start, Stop(100))
    theirs = SklearnMixture(
        4,
        covariance_type="spherical",
        tol=0,
        reg_covar=0,
        max_iter=100,
        means_init=start.components,
        weights_init=np.exp(start.log_weights),
        precisions_init=1 / start.dispersion,
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it is not to converge, but to stop where we do
        theirs.fit(X)
    np.testing.assert_allclose(mine.params.components, theirs.means_, rtol=1e-6)
    assert -mine.objective / len(X) == pytest.approx(theirs.score(X), rel=1e-8)


@every_noise
@some
@given(seed=seeds)
def test_free_energy_grows_with_the_number_kept(source, seed):
    X = drawn(source, np.random.default_rng(seed))
    params = cluster(source.noise, X, 0.5 * X[:4] + 0.5 * X.mean(axis=0), Stop(1)).params
    energies = [-run(source.noise, OneHot(c), X, params, Stop(0)).objective for c in (1, 2, 3, 4)]
    assert np.diff(energies).min() >= -1e-9 * abs(energies[0])


def partial_e_step(rng, log_p, kept):
    """Swap one kept component of each row for a better one out of a few random candidates."""
    candidates = kept | (rng.uniform(size=kept.shape) < 0.3)
    offered = np.where(candidates, log_p, -np.inf)
    return best(offered, int(kept[0].sum()))


@every_noise
@few
@given(rng=generators, keep=st.integers(1, 3), learn_weights=st.booleans())
def test_partial_e_steps_never_lower_the_free_energy(source, rng, keep, learn_weights):
    X, noise = drawn(source, rng, n=80), source.noise
    params = cluster(noise, X, 0.5 * X[:4] + 0.5 * X.mean(axis=0), Stop(1)).params
    kept, energies = best(rng.uniform(size=(80, 4)), keep), []
    for _ in range(6):
        kept = partial_e_step(rng, log_joint(noise, X, params), kept)
        q, energy = truncated(log_joint(noise, X, params), kept)
        energies.append(energy)
        params = from_responsibilities(noise, open_blocks(X), q, learn_weights, SERIAL)
    assert np.diff(energies).min() >= -1e-8 * np.abs(energies).max()


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


def counts(rng, n=40, d=5, k=4):
    return rng.poisson(rng.gamma(1.0, 4.0, (k, d))[rng.integers(k, size=n)] + 0.2) + 0.0


def kl(x, a):
    return (xlogy(x, x / a) - x + a).sum()


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


def by_svd(X, k):
    Z, W = singular_vectors(X, k, np.random.RandomState(0))
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
    Z, W = singular_vectors(X[kept, 5:], k, np.random.RandomState(0))
    predicted = X[held, 5:] @ np.linalg.pinv(W) @ np.linalg.pinv(Z) @ X[kept, :5]
    np.testing.assert_allclose(predicted, X[held, :5], rtol=1e-6, atol=1e-8)


def exhaustive(noise, X, k):
    """Return the lowest objective over all labellings of the rows."""
    blocks, lowest = open_blocks(X), np.inf
    for labels in product(range(k), repeat=len(X) - 1):
        q = one_hot(np.array([0, *labels]), k)
        params = from_responsibilities(noise, blocks, q, False, SERIAL)
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
