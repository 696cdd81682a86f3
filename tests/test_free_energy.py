"""The free energy of truncated posteriors never falls; Lloyd and EM are its two ends."""

from __future__ import annotations

from dataclasses import replace
from itertools import product
from zlib import crc32

import numpy as np
import pytest
from cells import NOISES, row_state
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from oracles import blobs, cluster, entropy, log_joint
from scipy.special import logsumexp
from strategies import generators

from cofactor import KMeans
from cofactor.codes import OneHot
from cofactor.data import open_blocks
from cofactor.engine import SerialEngine
from cofactor.fit import first_rows, fit
from cofactor.model import Model
from cofactor.neighbors import NearbyOneHot, nearby_rows
from cofactor.neighbors.top import Reach
from cofactor.noise import FullGaussian, Gaussian
from cofactor.start import from_means, with_hard_dispersion
from cofactor.stop import Stop

SERIAL = SerialEngine()
some = settings(max_examples=25)
N_ROWS, N_COLUMNS, K = 60, 3, 5
PROBLEMS, STEPS = 10, 30  # of each case
# Float32 data are scored in float32: its rounding, times the length of the sums.
TOLERANCE = {np.float64: 1e-9, np.float32: 2e-6}


K_NEARBY = 12  # of which a partial E-step compares a row with very few
REACH = Reach(near=1, strangers=1, enough=4, first=2, refresh=3)
MIXTURES = [source for source in NOISES if OneHot.suit(source.noise)]
NEARBY_CASES = list(product(MIXTURES, (1, 2, 3, K_NEARBY), (False, True), (False, True), TOLERANCE))
CASES = list(product(MIXTURES, (1, 2, 3, K), (False, True), (False, True), TOLERANCE))


def case_name(case):
    source, keep, weighted, learned, dtype = case
    marks = ["weighted"] * weighted + ["learned"] * learned
    return "-".join([source.noise.name, f"{keep}", *marks, np.dtype(dtype).name])


def problem(source, rng, dtype, weighted):
    """Return rows about more means than there are components, and weights, some of them zero."""
    labels = rng.integers(0, K + 2, N_ROWS)
    X = source.rows(rng, labels, K + 2, N_COLUMNS)
    choices = [0.0, 0.5, 1.0, 2.0] if weighted else [1.0]
    return open_blocks(X.astype(dtype), rng.choice(choices, N_ROWS))


def start(noise, blocks, rng, k=K):
    """Return parameters about rows, and wide enough for none to collapse at once."""
    (block,) = blocks
    share = rng.uniform(0.5, 0.9, (k, 1))
    X = block.dense()
    means = share * X[rng.choice(len(X), k)] + (1 - share) * X.mean(axis=0)
    params = from_means(noise, blocks, means)
    rows = first_rows(Model(noise, OneHot()), blocks, params, SERIAL)
    hard = with_hard_dispersion(Model(noise, OneHot()), rows, params)
    return replace(hard, dispersion=16 * hard.dispersion)


def tolerance(fitted, dtype):
    """Return what rounding may raise the objective by, as a share of it.

    A full covariance may collapse on as few rows as there are columns, where the likelihood has
    no bound but the variance's floor: there squared distances are far below their rounding.
    """
    full = isinstance(fitted.model.noise, FullGaussian)
    if full and np.linalg.eigvalsh(fitted.params.dispersion).min() < 1e-6:
        return 1e-5
    return TOLERANCE[dtype]


def worst_rise(fitted):
    """Return the largest rise of the objective, by the size of what it sums up."""
    objective = np.array(fitted.trace.objective)
    scorer = fitted.model.noise.scorer(fitted.params)
    terms = [block.weights @ np.abs(scorer.all(block).min(axis=1)) for block in fitted.rows.blocks]
    return float(np.diff(objective).max() / (np.abs(objective[1:]).max() + sum(terms)))


def test_there_are_enough_steps():
    assert (len(CASES) + len(NEARBY_CASES)) * PROBLEMS * STEPS >= 150_000


@pytest.mark.parametrize("case", CASES, ids=case_name)
def test_free_energy_never_falls(case):
    source, keep, weighted, learned, dtype = case
    rng = np.random.default_rng(crc32(case_name(case).encode()))
    model = Model(source.noise, OneHot(keep, learned))
    for _ in range(PROBLEMS):
        blocks = problem(source, rng, dtype, weighted)
        params = start(source.noise, blocks, rng)
        rows = first_rows(model, blocks, params, SERIAL)
        fitted = fit(model, rows, params, Stop(STEPS))
        assert np.isfinite(fitted.trace.objective).all()
        assert worst_rise(fitted) <= tolerance(fitted, dtype)


@pytest.mark.parametrize("case", NEARBY_CASES, ids=case_name)
def test_free_energy_never_falls_among_neighbors(case):
    source, keep, weighted, learned, dtype = case
    rng = np.random.default_rng(crc32(case_name(case).encode()))
    model = Model(source.noise, NearbyOneHot(keep, learned))
    for _ in range(PROBLEMS):
        blocks = problem(source, rng, dtype, weighted)
        (block,) = blocks
        params = start(source.noise, blocks, rng, K_NEARBY)
        rows = nearby_rows(model, source.noise.rows(block), params, SERIAL, REACH)
        fitted = fit(model, rows, params, Stop(STEPS))
        assert np.isfinite(fitted.trace.objective).all()
        assert worst_rise(fitted) <= tolerance(fitted, dtype)
        evaluations = [iteration.evaluations for iteration in fitted.trace]
        assert min(evaluations) > 0


def lloyd(X, means, steps):
    """Return means, inertia and labels of every step of Lloyd's algorithm, in plain NumPy."""
    path = []
    for _ in range(steps + 1):
        squares = np.square(X[:, None] - means).sum(axis=2)
        labels = squares.argmin(axis=1)
        path.append((means, squares.min(axis=1).sum(), labels))
        means = np.stack([X[labels == c].mean(axis=0) for c in range(len(means))])
    return path


def spread_about(X, labels):
    return sum(np.square(own - own.mean(axis=0)).sum() for own in grouped(X, labels))


def grouped(X, labels):
    return [X[labels == c] for c in np.unique(labels)]


@some
@given(rng=generators, k=st.integers(2, 8), steps=st.integers(1, 12))
def test_one_kept_component_is_lloyd_at_every_step(rng, k, steps):
    """``F = −N log C − (ND/2) log 2πσ² − J/2σ²``, and ``−N log C − (ND/2) log(2πe J/ND)``."""
    X = blobs(rng, n=120)
    path = lloyd(X, X[:k], steps)
    assume(all(len(np.unique(labels)) == k for _, _, labels in path))
    fitted = cluster(Gaussian(), X, X[:k], Stop(steps))
    np.testing.assert_allclose(fitted.params.components, path[-1][0], rtol=1e-12, atol=1e-12)
    np.testing.assert_array_equal(row_state(fitted, "labels"), path[-1][2])
    n, d = X.shape
    for before, after, objective in zip(path, path[1:], fitted.trace.objective[1:], strict=False):
        variance = spread_about(X, before[2]) / (n * d)
        energy = -n * np.log(k) - 0.5 * n * d * np.log(2 * np.pi * variance)
        assert -objective == pytest.approx(energy - after[1] / (2 * variance), rel=1e-12)


@some
@given(rng=generators, k=st.integers(2, 6))
def test_at_a_fixed_point_of_lloyd_the_variance_drops_out(rng, k):
    X = blobs(rng, n=120)
    for model in (KMeans(k, init=X[:k], tol=0, n_threads=1), KMeans(k, init=X[:k], n_init=1)):
        model.fit(X)
        if not model.trace_[-1].moved:
            closed = -len(X) * np.log(k)
            closed -= 0.5 * X.size * np.log(2 * np.pi * np.e * model.inertia_ / X.size)
            assert model.free_energy_ == pytest.approx(closed, rel=1e-12)
            assert model.variance_ == pytest.approx(model.inertia_ / X.size, rel=1e-12)


def em(X, means, variance, steps):
    """Return the log-likelihood after every step of EM of an isotropic mixture."""
    n, d = X.shape
    energies = []
    for _ in range(steps + 1):
        squares = np.square(X[:, None] - means).sum(axis=2)
        joint = -0.5 * squares / variance - 0.5 * d * np.log(2 * np.pi * variance)
        joint -= np.log(len(means))
        norm = logsumexp(joint, axis=1)
        energies.append(norm.sum())
        q = np.exp(joint - norm[:, None])
        means = q.T @ X / q.sum(axis=0)[:, None]
        variance = (q * np.square(X[:, None] - means).sum(axis=2)).sum() / (n * d)
    return energies


@some
@given(rng=generators, k=st.integers(2, 6), steps=st.integers(1, 10))
def test_all_kept_components_are_em_at_every_step(rng, k, steps):
    X = blobs(rng, n=80)
    fitted = cluster(Gaussian(), X, X[:k], Stop(steps), keep=k)
    expected = em(X, X[:k], 1.0, steps)
    np.testing.assert_allclose(-np.array(fitted.trace.objective), expected, rtol=1e-10)


def begun(codes, block, params):
    """Return a model and its rows, searched in full or among neighbours."""
    model = Model(Gaussian(), codes)
    if isinstance(codes, NearbyOneHot):
        return model, nearby_rows(model, block, params, SERIAL, REACH)
    return model, first_rows(model, [block], params, SERIAL)


@some
@given(
    rng=generators,
    kind=st.sampled_from([OneHot, NearbyOneHot]),
    keep=st.integers(1, 4),
    learned=st.booleans(),
)
def test_free_energy_between_the_steps_has_a_closed_form(rng, kind, keep, learned):
    """``F = Σ_c N_c log π_c − (ND/2) log 2πeσ² + H(q)`` after an M-step: no less than before."""
    X = blobs(rng, n=80)
    (block,) = open_blocks(X)
    params = from_means(Gaussian(), [block], X[:6])
    model, rows = begun(kind(keep, learned), block, params)
    n, d = X.shape
    for _ in range(8):
        statistics, rows = rows.sweep(model.e_step(params))
        before = -model.objective(statistics, params)
        kept = np.concatenate([state.index for state in rows.states])
        log_p = np.take_along_axis(log_joint(Gaussian(), X, params), kept, axis=1)
        q = np.exp(log_p - logsumexp(log_p, axis=1)[:, None])
        counts = np.bincount(kept.ravel(), q.ravel(), minlength=6)
        assume(counts.min() > 1e-6)
        params = model.m_step(statistics, params, rows)
        shares = counts / n if learned else np.full(6, 1 / 6)
        variance = float(params.dispersion)
        between = counts @ np.log(shares) + entropy(q)
        between -= 0.5 * n * d * np.log(2 * np.pi * np.e * variance)
        after, _ = rows.sweep(model.e_step(params))
        slack = 1e-9 * abs(before)
        assert before - slack <= between <= -model.objective(after, params) + slack
