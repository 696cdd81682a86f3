"""Kernels of mixtures: every implementation against the reference, and against exact sums."""

from __future__ import annotations

import mpmath
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cofactor import kernels
from cofactor.kernels import reference

every = pytest.mark.parametrize("name", kernels.available())
compiled = pytest.mark.parametrize("name", [n for n in kernels.available() if n != "reference"])
quick = settings(max_examples=30, deadline=None)

dtypes = st.sampled_from([np.float32, np.float64])
rows = st.integers(0, 110)
columns = st.integers(1, 19)
components = st.integers(1, 19)
generators = st.integers(0, 2**32 - 1).map(np.random.default_rng)


def affine(rng, d, k):
    """Slopes and offsets; some components are impossible."""
    offsets = np.where(rng.random(k) < 0.1, np.inf, rng.normal(size=k))
    return rng.normal(size=(k, d)), offsets


def whitened(rng, d, k):
    offsets = np.where(rng.random(k) < 0.1, np.inf, rng.normal(size=k))
    return rng.normal(size=(k, d, d)), rng.normal(size=(k, d)), offsets


def posterior(kernel, X, shift, model, weights):
    n, k = len(X), len(model[-1])
    out = np.empty((k, n)), np.empty(n), np.empty(n, np.int32)
    kernel(X, shift, *model, weights, *out)
    return out


def top(kernel, X, shift, model, keep):
    index, loss = np.empty((len(X), keep), np.int32), np.empty((len(X), keep))
    kernel(X, shift, *model, index, loss)
    return index, loss


def scaled(rng, columns, d, k):
    offsets = np.where(rng.random(k) < 0.1, np.inf, rng.normal(size=k))
    return rng.uniform(0.5, 2.0, size=(k, columns)), rng.normal(size=(k, d)), offsets


MODELS = {
    "affine": ("affine", affine),
    "spherical": ("scaled", lambda rng, d, k: scaled(rng, 1, d, k)),
    "diagonal": ("scaled", lambda rng, d, k: scaled(rng, d, d, k)),
    "whitened": ("whitened", whitened),
    "tied": ("whitened", lambda rng, d, k: (rng.normal(size=(1, d, d)), *whitened(rng, d, k)[1:])),
}
DISTANCES = {name: model for name, model in MODELS.items() if name != "affine"}
each_distance = pytest.mark.parametrize(("family", "make"), DISTANCES.values(), ids=DISTANCES)
each_model = pytest.mark.parametrize(("family", "make"), MODELS.values(), ids=MODELS)


def drawn(rng, dtype, n, d):
    return rng.normal(size=(n, d)).astype(dtype), rng.normal(size=d)


@every
@each_model
@quick
@given(generators, dtypes, rows, columns, components, st.sampled_from([0.01, 1.0, 30.0]))
def test_posterior_matches_the_reference(name, family, make, rng, dtype, n, d, k, scale):
    (X, shift), model, weights = drawn(rng, dtype, n, d), make(rng, d, k), rng.uniform(size=n)
    X *= scale
    kernel = f"{family}_posterior"
    got = posterior(getattr(kernels.load(name), kernel), X, shift, model, weights)
    expected = posterior(getattr(reference, kernel), X, shift, model, weights)
    rounding = 1e-13 * (1 + scale) ** 2 * d**2
    np.testing.assert_allclose(got[0], expected[0], rtol=1e-6, atol=rounding)
    np.testing.assert_allclose(got[1], expected[1], rtol=1e-12, atol=rounding)
    np.testing.assert_array_equal(got[2], expected[2])
    np.testing.assert_allclose(got[0].sum(axis=0), weights, rtol=1e-13)


@every
@each_distance
@quick
@given(st.data(), generators, dtypes, rows, columns, components)
def test_top_is_sorted_and_matches_the_reference(name, family, make, data, rng, dtype, n, d, k):
    (X, shift), model = drawn(rng, dtype, n, d), make(rng, d, k)
    keep, kernel = data.draw(st.integers(1, k)), f"{family}_top"
    index, loss = top(getattr(kernels.load(name), kernel), X, shift, model, keep)
    expected = top(getattr(reference, kernel), X, shift, model, keep)
    np.testing.assert_array_equal(index, expected[0])
    np.testing.assert_allclose(loss, expected[1], rtol=1e-11, atol=1e-11)
    assert not (loss[:, 1:] < loss[:, :-1]).any()


@every
@pytest.mark.parametrize("columns", [1, 3])
def test_equal_losses_go_to_the_lower_component(name, columns):
    X, shift, k = np.ones((40, 3), np.float32), np.zeros(3), 9
    model = np.ones((k, columns)), np.zeros((k, 3)), np.repeat([2.0, 1.0, 3.0], 3)
    *_, best = posterior(kernels.load(name).scaled_posterior, X, shift, model, np.ones(40))
    index, _ = top(kernels.load(name).scaled_top, X, shift, model, k)
    np.testing.assert_array_equal(best, 3)
    np.testing.assert_array_equal(index, [[3, 4, 5, 0, 1, 2, 6, 7, 8]] * 40)


@every
def test_a_row_without_a_possible_component_is_uniform(name):
    model = np.zeros((4, 2)), np.full(4, np.inf)
    probability, log_norm, best = posterior(
        kernels.load(name).affine_posterior, np.ones((5, 2)), np.zeros(2), model, np.full(5, 2.0)
    )
    np.testing.assert_array_equal(probability, 0.5)
    np.testing.assert_array_equal(log_norm, -np.inf)
    np.testing.assert_array_equal(best, 0)


@every
def test_a_component_far_behind_counts_for_nothing(name):
    offsets = np.array([3.0, 44.9, 45.1])
    probability, _, _ = posterior(
        kernels.load(name).affine_posterior,
        np.ones((1, 1)),
        np.zeros(1),
        (np.zeros((3, 1)), offsets),
        np.ones(1),
    )
    np.testing.assert_allclose(probability[:2, 0], [1.0, np.exp(-41.9)], rtol=1e-13)
    assert probability[2, 0] == 0.0


@every
@quick
@given(generators, st.floats(-50.0, 50.0))
def test_posterior_is_exact_to_the_last_digits(name, rng, distance):
    losses = np.array([0.0, distance, *rng.uniform(-3.0, 60.0, size=3)])
    probability, log_norm, _ = posterior(
        kernels.load(name).affine_posterior,
        np.zeros((1, 1)),
        np.zeros(1),
        (np.zeros((5, 1)), losses),
        np.ones(1),
    )
    with mpmath.workdps(40):
        exact = [mpmath.exp(-mpmath.mpf(loss)) for loss in losses]
        total = mpmath.fsum(exact)
        expected = [float(value / total) for value in exact]
        norm = float(mpmath.log(total))
    counted = losses - losses.min() <= 42.0
    np.testing.assert_allclose(probability[counted, 0], np.array(expected)[counted], rtol=2e-14)
    assert log_norm[0] == pytest.approx(norm, rel=1e-15, abs=2e-15)


def exact_posterior(row, means, variances):
    """Return the posterior of one row under equally likely Gaussians, in 50 digits."""
    with mpmath.workdps(50):
        x = [mpmath.mpf(float(value)) for value in row]
        density = [
            mpmath.exp(
                -mpmath.fsum(
                    (a - mpmath.mpf(float(m))) ** 2 / mpmath.mpf(float(v)) + mpmath.log(v)
                    for a, m, v in zip(x, mean, variance, strict=True)
                )
                / 2
            )
            for mean, variance in zip(means, variances, strict=True)
        ]
        total = mpmath.fsum(density)
        return [float(own / total) for own in density], float(mpmath.log(total))


@every
@pytest.mark.parametrize("spherical", [False, True])
def test_narrow_components_far_away_keep_their_digits(name, spherical):
    """Variances of 1e-10 at a distance of 1e3, where expanded squares would have no digit left."""
    rng, d = np.random.default_rng(0), 4
    variances = 1e-10 * rng.uniform(0.5, 2.0, size=(3, 1 if spherical else d))
    means = 1e3 * rng.choice([-1.0, 1.0], size=d) + 1e-5 * rng.normal(size=(3, d))
    X = means[rng.integers(3, size=50)] + 1e-5 * rng.normal(size=(50, d))
    every_variance = np.broadcast_to(variances, (3, d))
    offsets = 0.5 * np.log(every_variance).sum(axis=1)
    model = 1 / np.sqrt(variances), means, offsets
    probability, log_norm, _ = posterior(
        kernels.load(name).scaled_posterior, X, np.zeros(d), model, np.ones(50)
    )
    for n, row in enumerate(X):
        expected, norm = exact_posterior(row, means, every_variance)
        np.testing.assert_allclose(probability[:, n], expected, rtol=1e-6, atol=1e-18)
        assert log_norm[n] == pytest.approx(norm, abs=1e-6)


def moments(implementation, X, shift, weight, size):
    k, d = len(weight), X.shape[1]
    out = np.ones(k), np.ones((k, d)), np.ones((k, size))
    implementation.component_moments(X, shift, weight, *out)
    return out


def assert_same_moments(name, X, shift, weight):
    d = X.shape[1]
    for size in (0, 1, d, d * d):
        got = moments(kernels.load(name), X, shift, weight, size)
        for a, b in zip(got, moments(reference, X, shift, weight, size), strict=True):
            np.testing.assert_array_equal(a, b)


@every
@quick
@given(generators, dtypes, rows, columns, components, st.sampled_from([0.0, 0.5, 1.0]))
def test_moments_of_whole_numbers_are_exact(name, rng, dtype, n, d, k, filled):
    """Small whole numbers leave nothing to round, whatever the order of the sums."""
    X = rng.integers(-4, 5, size=(n, d)).astype(dtype)
    shift = rng.integers(-4, 5, size=d).astype(float)
    weight = rng.integers(0, 5, size=(k, n)) / 4.0 * (rng.random((k, n)) < filled)
    assert_same_moments(name, X, shift, weight)


@every
def test_moments_of_many_wide_rows(name):
    rng = np.random.default_rng(0)
    X, shift = rng.integers(-4, 5, size=(700, 67)).astype(np.float32), np.zeros(67)
    weight = rng.integers(0, 2, size=(3, 700)).astype(float)
    assert_same_moments(name, X, shift, weight)


@every
def test_moments_of_single_precision_are_summed_in_double(name):
    X = np.array([[9999.0], [0.0]] * 500, dtype=np.float32)
    counts, sums, second = moments(kernels.load(name), X, np.zeros(1), np.ones((1, 1000)), 1)
    assert counts[0] == 1001
    assert sums[0, 0] == 1 + 500 * 9999.0
    assert second[0, 0] == 1 + 500 * 9999.0**2


@every
@each_model
@quick
@given(generators, dtypes, rows, columns, components)
def test_moments_of_losses_are_those_of_their_posterior(name, family, make, rng, dtype, n, d, k):
    (X, shift), model, weights = drawn(rng, dtype, n, d), make(rng, d, k), rng.uniform(size=n)
    native = kernels.load(name)
    share, *others = posterior(getattr(native, f"{family}_posterior"), X, shift, model, weights)
    for size in (0, 1, d, d * d):
        got = np.ones(k), np.ones((k, d)), np.ones((k, size))
        row = np.empty(n), np.empty(n, np.int32)
        getattr(native, f"{family}_moments")(X, shift, *model, weights, *got, *row)
        for a, b in zip(got, moments(reference, X, shift, share, size), strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-12, atol=1e-10)
        for a, b in zip(row, others, strict=True):
            np.testing.assert_array_equal(a, b)


@compiled
@quick
@given(generators, dtypes, st.integers(0, 200))
def test_posteriors_do_not_depend_on_the_split(name, rng, dtype, cut):
    (X, shift), weights, native = (
        drawn(rng, dtype, 200, 7),
        rng.uniform(size=200),
        kernels.load(name),
    )
    for family, make in MODELS.values():
        kernel, model = getattr(native, f"{family}_posterior"), make(rng, 7, 9)
        whole = posterior(kernel, X, shift, model, weights)
        parts = [
            posterior(kernel, X[part], shift, model, weights[part])
            for part in (slice(cut), slice(cut, None))
        ]
        for one, *both in zip(whole, *parts, strict=True):
            np.testing.assert_array_equal(np.concatenate(both, axis=-1), one)


@compiled
def test_wrong_shapes_are_named(name):
    X, shift, out = np.zeros((5, 3)), np.zeros(3), (np.empty((2, 5)), np.empty(5))
    best, native = np.empty(5, np.int32), kernels.load(name)
    moments_of_two = np.zeros(2), np.zeros((2, 3)), np.zeros((2, 0))
    with pytest.raises(ValueError, match=r"slopes has shape \(2, 5\), expected \(2, 3\)"):
        native.affine_posterior(X, shift, np.zeros((2, 5)), np.zeros(2), np.ones(5), *out, best)
    with pytest.raises(ValueError, match=r"factors has shape \(2, 3, 4\), expected \(2, 3, 3\)"):
        native.whitened_posterior(
            X, shift, np.zeros((2, 3, 4)), np.zeros((2, 3)), np.zeros(2), np.ones(5), *out, best
        )
    with pytest.raises(ValueError, match=r"weight has shape \(2, 4\), expected \(2, 5\)"):
        native.component_moments(X, shift, np.zeros((2, 4)), *moments_of_two)
    wrong = *moments_of_two[:2], np.zeros((2, 2))
    with pytest.raises(ValueError, match=r"second has shape \(2, 2\), expected \(2, 9\)"):
        native.component_moments(X, shift, np.zeros((2, 5)), *wrong)
