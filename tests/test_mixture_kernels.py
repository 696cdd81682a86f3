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


def affine(rng, features, k):
    """Slopes and offsets; some components are impossible."""
    offsets = np.where(rng.random(k) < 0.1, np.inf, rng.normal(size=k))
    return rng.normal(size=(k, features)), offsets


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


MODELS = {
    "x": ("affine", lambda rng, d, k: affine(rng, d, k)),
    "norm": ("affine", lambda rng, d, k: affine(rng, d + 1, k)),
    "squares": ("affine", lambda rng, d, k: affine(rng, 2 * d, k)),
    "whitened": ("whitened", whitened),
    "tied": ("whitened", lambda rng, d, k: (rng.normal(size=(1, d, d)), *whitened(rng, d, k)[1:])),
}
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
@each_model
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
@pytest.mark.parametrize("features", [3, 4, 6])
def test_equal_losses_go_to_the_lower_component(name, features):
    X, shift, k = np.ones((40, 3), np.float32), np.zeros(3), 9
    model = np.zeros((k, features)), np.repeat([2.0, 1.0, 3.0], 3)
    *_, best = posterior(kernels.load(name).affine_posterior, X, shift, model, np.ones(40))
    index, _ = top(kernels.load(name).affine_top, X, shift, model, k)
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
    offsets = np.array([3.0, 57.9, 58.1])
    probability, _, _ = posterior(
        kernels.load(name).affine_posterior,
        np.ones((1, 1)),
        np.zeros(1),
        (np.zeros((3, 1)), offsets),
        np.ones(1),
    )
    np.testing.assert_allclose(probability[:2, 0], [1.0, np.exp(-54.9)], rtol=1e-13)
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
    counted = losses - losses.min() <= 55.0
    np.testing.assert_allclose(probability[counted, 0], np.array(expected)[counted], rtol=2e-14)
    assert log_norm[0] == pytest.approx(norm, rel=1e-15, abs=2e-15)


def moments(implementation, X, shift, weight):
    k, d = len(weight), X.shape[1]
    sums, squares, grams = np.ones((k, d)), np.ones((k, d)), np.ones((k, d, d))
    implementation.component_sums(X, shift, weight, sums)
    implementation.component_squares(X, shift, weight, squares)
    implementation.component_grams(X, shift, weight, grams)
    return sums, squares, grams


@every
@quick
@given(generators, dtypes, rows, columns, components, st.sampled_from([0.0, 0.5, 1.0]))
def test_moments_of_whole_numbers_are_exact(name, rng, dtype, n, d, k, filled):
    """Small whole numbers leave nothing to round, whatever the order of the sums."""
    X = rng.integers(-4, 5, size=(n, d)).astype(dtype)
    shift = rng.integers(-4, 5, size=d).astype(float)
    weight = rng.integers(0, 5, size=(k, n)) / 4.0 * (rng.random((k, n)) < filled)
    got = moments(kernels.load(name), X, shift, weight)
    for a, b in zip(got, moments(reference, X, shift, weight), strict=True):
        np.testing.assert_array_equal(a, b)


@every
def test_moments_of_many_wide_rows(name):
    rng = np.random.default_rng(0)
    X, shift = rng.integers(-4, 5, size=(700, 67)).astype(np.float32), np.zeros(67)
    weight = rng.integers(0, 2, size=(3, 700)).astype(float)
    got = moments(kernels.load(name), X, shift, weight)
    for a, b in zip(got, moments(reference, X, shift, weight), strict=True):
        np.testing.assert_array_equal(a, b)


@every
def test_moments_of_single_precision_are_summed_in_double(name):
    X = np.array([[9999.0], [0.0]] * 500, dtype=np.float32)
    sums, squares, grams = moments(kernels.load(name), X, np.zeros(1), np.ones((1, 1000)))
    assert sums[0, 0] == 1 + 500 * 9999.0
    assert squares[0, 0] == grams[0, 0, 0] == 1 + 500 * 9999.0**2


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
    with pytest.raises(ValueError, match=r"slopes has shape \(2, 5\), expected \(2, 6\)"):
        native.affine_posterior(X, shift, np.zeros((2, 5)), np.zeros(2), np.ones(5), *out, best)
    with pytest.raises(ValueError, match=r"factors has shape \(2, 3, 4\), expected \(2, 3, 3\)"):
        native.whitened_posterior(
            X, shift, np.zeros((2, 3, 4)), np.zeros((2, 3)), np.zeros(2), np.ones(5), *out, best
        )
    with pytest.raises(ValueError, match=r"weight has shape \(2, 4\), expected \(2, 5\)"):
        native.component_sums(X, shift, np.zeros((2, 4)), np.zeros((2, 3)))
