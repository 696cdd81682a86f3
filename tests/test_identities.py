"""The free energy ``F`` of one-hot codes against its identities; ``J`` is the squared distance."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from cells import NOISES, row_state
from hypothesis import given, settings
from hypothesis import strategies as st
from oracles import (
    best,
    blobs,
    cluster,
    drawn,
    entropy,
    fitted_to,
    inertia,
    log_joint,
    one_hot,
    run,
    truncated,
)
from scipy.special import logsumexp, xlogy
from sklearn.cluster import KMeans as SklearnKMeans
from sklearn.mixture import GaussianMixture as SklearnMixture
from strategies import generators, seeds

from cofactor.codes import OneHot
from cofactor.noise import Gaussian, SphericalGaussian
from cofactor.stop import Stop

some, few = settings(max_examples=15), settings(max_examples=6)
keeps = st.sampled_from([1, 2, 3, None])
MIXTURES = [source for source in NOISES if OneHot.suit(source.noise)]
every_noise = pytest.mark.parametrize("source", MIXTURES, ids=lambda source: source.noise.name)


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
    params = fitted_to(Gaussian(), X, q, learn_weights)
    held = q > 0  # of components without rows the mixing weight may be zero
    free_energy = q[held] @ log_joint(Gaussian(), X, params)[held] + entropy(q)
    counts = q.sum(axis=0)
    variance = float(params.dispersion)
    closed = entropy(q) - 0.5 * X.size * np.log(2 * np.pi * np.e * variance)
    closed += xlogy(counts, counts / len(X) if learn_weights else 0.25).sum()
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
    start = fitted_to(noise, X, q, True)
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
        params = fitted_to(noise, X, q, learn_weights)
    assert np.diff(energies).min() >= -1e-8 * np.abs(energies).max()
