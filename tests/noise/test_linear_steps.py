"""What noises do for linear codes: gradients, steps that never raise the loss, likelihoods."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import stats
from scipy.optimize import minimize_scalar
from scipy.special import digamma
from strategies import generators

from cofactor.data import open_blocks
from cofactor.noise import Gamma, Gaussian, Multinomial, NegativeBinomial, Penalty, Poisson
from cofactor.noise.gamma import best_shape
from cofactor.noise.least_squares import onto_simplex, projected_gradient
from cofactor.noise.linear import FixedFactor

NOISES = [Gaussian(), Poisson(), NegativeBinomial(3.0), Gamma()]
every_noise = pytest.mark.parametrize("kind", NOISES, ids=lambda kind: kind.name)
penalties = st.builds(Penalty, st.sampled_from([0.0, 0.5]), st.sampled_from([0.0, 0.7]))
some = settings(max_examples=25)


def rows_of(kind, rng, shape):
    return rng.gamma(2.0, 2.0, shape) if isinstance(kind, Gamma) else rng.poisson(2.0, shape) * 1.0


@every_noise
def test_gradient_parts_are_the_derivative(kind):
    rng = np.random.default_rng(0)
    x, mean = rows_of(kind, rng, 50), rng.uniform(0.5, 4.0, 50)
    step = 1e-6
    slope = (kind.divergence(x, mean + step) - kind.divergence(x, mean - step)) / (2 * step)
    down, up = kind.gradient_parts(x, mean)
    assert (down >= 0).all()
    assert (up >= 0).all()
    np.testing.assert_allclose(up - down, slope, rtol=1e-6, atol=1e-6)


@every_noise
def test_divergence_is_zero_at_the_row_and_positive_elsewhere(kind):
    x = rows_of(kind, np.random.default_rng(0), 30) + 0.5
    np.testing.assert_allclose(kind.divergence(x, x), 0.0, atol=1e-12)
    assert (kind.divergence(x, 1.1 * x) > 0).all()
    assert (kind.divergence(x, 0.9 * x) > 0).all()


def penalised_losses(kind, x, columns, W, Z, penalty):
    return (columns * kind.divergence(x, Z @ W)).sum(axis=1) + penalty.of(Z)


@pytest.mark.parametrize("step", ["multiplicative_codes", "nonnegative_codes"])
@every_noise
@some
@given(rng=generators, penalty=penalties, masked=st.booleans(), weighted=st.booleans())
def test_steps_never_raise_the_penalised_loss(kind, step, rng, penalty, masked, weighted):
    x, k = rows_of(kind, rng, (8, 6)), int(rng.integers(1, 5))
    W, Z = rng.uniform(0.05, 2.0, (k, 6)), rng.uniform(0.05, 2.0, (8, k))
    columns = rng.uniform(0.0, 2.0, 6) if weighted else np.ones(6)
    mask = rng.uniform(size=x.shape) < 0.9 if masked else np.ones(x.shape)
    (block,) = open_blocks(x, observed=mask if masked else None)
    new = getattr(kind, step)(block, FixedFactor(W.T, penalty, columns if weighted else None), Z)
    assert (new.codes >= 0).all()
    before = penalised_losses(kind, x, mask * columns, W, Z, penalty)
    after = penalised_losses(kind, x, mask * columns, W, new.codes, penalty)
    assert (after <= before + 1e-9 * (1 + np.abs(before))).all()


@pytest.mark.parametrize("step", ["multiplicative_codes", "nonnegative_codes"])
@every_noise
def test_reported_loss_is_the_divergence_of_the_new_codes(kind, step):
    rng = np.random.default_rng(3)
    x, W, Z = rows_of(kind, rng, (8, 6)), rng.uniform(0.1, 2.0, (3, 6)), rng.uniform(0.1, 2, (8, 3))
    (block,) = open_blocks(x)
    new = getattr(kind, step)(block, FixedFactor(W.T, Penalty(0.1, 0.2)), Z)
    expected = kind.divergence(x, new.codes @ W).sum(axis=1)
    np.testing.assert_allclose(new.loss + kind.row_constant(block), expected, rtol=1e-9)


def best_gaussian(x, mean):
    return stats.norm(mean, np.sqrt(np.mean((x - mean) ** 2))).logpdf(x)


def best_gamma(x, mean):
    def loss(log_shape):
        shape = np.exp(log_shape)
        return -stats.gamma(shape, scale=mean / shape).logpdf(x).sum()

    shape = np.exp(minimize_scalar(loss, bracket=(-1, 1), tol=1e-12).x)
    return stats.gamma(shape, scale=mean / shape).logpdf(x)


LIKELIHOODS = [
    (Gaussian(), best_gaussian),
    (Poisson(), lambda x, mean: stats.poisson(mean).logpmf(x)),
    (NegativeBinomial(3.0), lambda x, mean: stats.nbinom(3.0, 3.0 / (mean + 3.0)).logpmf(x)),
    (Gamma(), best_gamma),
]


@pytest.mark.parametrize(("kind", "log_density"), LIKELIHOODS, ids=lambda v: getattr(v, "name", ""))
def test_nats_are_the_log_likelihood_at_the_best_dispersion(kind, log_density):
    rng = np.random.default_rng(4)
    x, mean = rows_of(kind, rng, (9, 5)), rng.uniform(0.5, 4.0, (9, 5))
    (block,) = open_blocks(x)
    nats = kind.nats(float(kind.divergence(x, mean).sum()), kind.constants(block))
    assert nats == pytest.approx(-log_density(x, mean).sum(), rel=1e-9)


def test_multinomial_nats():
    rng = np.random.default_rng(5)
    x, p = rng.poisson(3.0, (9, 5)) * 1.0, rng.dirichlet(np.ones(5), 3)
    (block,), kind = open_blocks(x), Multinomial()
    new = kind.simplex_codes(block, FixedFactor(p.T), rng.dirichlet(np.ones(3), 9))
    nats = kind.nats(float((new.loss + kind.row_constant(block)).sum()), kind.constants(block))
    expected = stats.multinomial(x.sum(axis=1), new.codes @ p).logpmf(x).sum()
    assert nats == pytest.approx(-expected, rel=1e-10)


@given(deviance=st.floats(1e-9, 50.0))
def test_best_gamma_shape_solves_its_equation(deviance):
    shape = best_shape(deviance)
    assert np.log(shape) - digamma(shape) == pytest.approx(deviance, rel=1e-5)


coordinates = st.floats(-1e3, 1e3) | st.floats(-1e20, 1e20)


@given(points=arrays(float, st.tuples(st.integers(1, 4), st.integers(1, 6)), elements=coordinates))
def test_projection_is_on_the_simplex_and_nearest(points):
    """The nearest point z of a convex set has ⟨p − z, v − z⟩ ≤ 0 for every corner v."""
    z = onto_simplex(points)
    assert (z >= 0).all()
    np.testing.assert_allclose(z.sum(axis=1), 1.0, atol=1e-9)
    corners = (points - z) - ((points - z) * z).sum(axis=1, keepdims=True)
    assert (corners <= 1e-9 * (1 + np.abs(points).max())).all()


@some
@given(rng=generators)
def test_projection_beats_a_grid(rng):
    point = rng.normal(size=(1, 2))
    share = np.linspace(0, 1, 2001)
    grid = np.stack([share, 1 - share], axis=1)
    nearest = grid[np.square(grid - point).sum(axis=1).argmin()]
    np.testing.assert_allclose(onto_simplex(point)[0], nearest, atol=1e-3)


def test_projected_gradient_finds_the_averages():
    rng = np.random.default_rng(6)
    W, Z = rng.uniform(size=(3, 8)), rng.dirichlet(np.ones(3), 5)
    codes = np.full((5, 3), 1 / 3)
    for _ in range(400):
        codes = projected_gradient(codes, W @ W.T, Z @ W @ W.T)
    np.testing.assert_allclose(codes, Z, atol=1e-6)


@pytest.mark.parametrize("size", [0.5, 10.0, 1e4])
@pytest.mark.parametrize("mean", [0.3, 30.0, 3000.0])
def test_negative_binomial_steps_come_to_means_of_any_size(size, mean):
    rng, kind = np.random.default_rng(8), NegativeBinomial(size)
    W, Z = rng.uniform(0.2, 1.0, (2, 9)), rng.uniform(0.2, 1.0, (7, 2))
    x = mean * Z @ W
    (block,), codes = open_blocks(x), np.full((7, 2), 1e-2 * mean)
    for _ in range(300):
        codes = kind.multiplicative_codes(block, FixedFactor(W.T), codes).codes
    down, up = kind.pulls(block, FixedFactor(W.T), codes)
    assert np.abs(np.minimum(codes / codes.sum(axis=1, keepdims=True), 1 - down / up)).max() < 1e-2
