"""Bounds on other noises' clusters: below the optimum of every small instance, zeros included.

``COFACTOR_INSTANCES=20000 pytest tests/certificate/test_divergences.py`` takes as many of each.
"""

from __future__ import annotations

import os

import mpmath
import numpy as np
import pytest
from divergence_costs import (
    bernoulli,
    itakura_saito,
    kullback_leibler,
    negative_binomial,
    of_cosines,
    of_entries,
    of_profiles,
)
from exhaustive import Long, exhaustive
from hypothesis import given
from hypothesis import strategies as st
from instances import WEIGHTS
from strategies import seeds

from cofactor import KMeans, certify
from cofactor.certificate.bends import bent, between, straight
from cofactor.certificate.clusters import divergence_of
from cofactor.certificate.image import logarithm_reach, root_reach
from cofactor.errors import ImpossibleCellError, InputError
from cofactor.noise import NegativeBinomial, noise_named

BATCH = 50
INSTANCES = int(os.environ.get("COFACTOR_INSTANCES", 600))
SLACK = Long(1e-16)  # of the sum of absolute values: the optimum's own rounding, far above it


def spread(rng, shape):
    return rng.lognormal(0.0, rng.uniform(0.01, 3.0), size=shape)


def clustered(rng, shape):
    batch, n, d = shape
    centers = rng.lognormal(0.0, 2.0, size=(batch, 3, d))
    noise = rng.lognormal(0.0, 10.0 ** rng.uniform(-7, -0.5), size=shape)
    return centers[np.arange(batch)[:, None], rng.integers(3, size=(batch, n))] * noise


def far_away(rng, shape):
    return 1e6 + rng.uniform(size=shape)


def unlike_columns(rng, shape):
    return spread(rng, shape) * 10.0 ** rng.integers(-8, 8, size=shape[2])


def tiny(rng, shape):
    return clustered(rng, shape) * 1e-200


def huge(rng, shape):
    return clustered(rng, shape) * 1e200


def single(rng, shape):
    return clustered(rng, shape).astype(np.float32)


def counts(rng, shape):
    return rng.poisson(rng.lognormal(0.0, 1.5), size=shape).astype(float)


def sparse_counts(rng, shape):
    return np.where(rng.uniform(size=shape) < 0.6, 0.0, counts(rng, shape) * 100.0)


def equal_rows(rng, shape):
    return rng.integers(0, 3, size=shape).astype(np.float32)


def coins(rng, shape):
    return (rng.uniform(size=shape) < rng.uniform(0.1, 0.9, size=shape[2])).astype(float)


def directions(rng, shape):
    batch, n, d = shape
    centers = rng.normal(size=(batch, 3, d))[
        np.arange(batch)[:, None], rng.integers(3, size=(batch, n))
    ]
    return (centers + 10.0 ** rng.uniform(-6, 1) * rng.normal(size=shape)) * 10.0 ** rng.integers(
        -100, 100
    )


POSITIVE = (spread, clustered, far_away, unlike_columns, tiny, huge, single)
CASES = {
    "poisson": (of_entries(kullback_leibler), (*POSITIVE, counts, sparse_counts, equal_rows)),
    "multinomial": (of_profiles, (*POSITIVE, counts, sparse_counts, equal_rows)),
    "negative_binomial": (of_entries(negative_binomial(10.0)), (*POSITIVE[:4], counts, equal_rows)),
    "gamma": (of_entries(itakura_saito), POSITIVE),
    "bernoulli": (of_entries(bernoulli), (coins,)),
    "von_mises_fisher": (of_cosines, (directions, spread, clustered, single)),
}
METHODS = ("principal", "location", "closed-form")


def instances(noise, count):
    """Yield data, weights, k, labels of a best clustering, its loss and how far it may be off."""
    costs, kinds = CASES[noise]
    rng, made = np.random.default_rng(len(noise)), 0
    while made < count:
        n, d = int(rng.integers(3, 8)), int(rng.integers(1, 5))
        kind = kinds[(made // BATCH) % len(kinds)]
        X, weights = kind(rng, (BATCH, n, d)), WEIGHTS[rng.integers(len(WEIGHTS))](rng, (BATCH, n))
        solved = exhaustive(X, weights, costs)
        for i in range(BATCH):
            k = int(rng.integers(1, n))
            doubt = SLACK * (weights[i] @ rounded(noise, X[i].astype(float)))
            yield X[i], weights[i], k, solved.labels(k, i), solved.optimum(k, i), doubt
        made += BATCH


def rounded(noise, X):
    """Return what rounding of the optimum is measured against, of each row."""
    if noise in ("gamma", "bernoulli", "von_mises_fisher"):
        return np.full(len(X), Long(1e-3) * X.shape[1])
    return Long(1e-3) * X.astype(Long).sum(axis=1)


@pytest.mark.parametrize("noise", CASES)
def test_no_bound_exceeds_the_optimum(noise):
    said = total = 0
    for X, weights, k, labels, optimum, doubt in instances(noise, INSTANCES):
        found = certify(
            labels,
            X,
            sample_weight=weights,
            n_clusters=k,
            noise=noise,
            method=METHODS[total % len(METHODS)],
            time_limit=0.5,
        )
        assert found.lower <= optimum + doubt
        assert found.upper >= optimum - doubt
        said += found.lower > 0.4 * optimum
        total += 1
    assert total >= INSTANCES
    assert said > total // 10  # the bounds say something


@pytest.mark.parametrize("noise", CASES)
def test_images_have_an_optimum_below(noise):
    """The inequality itself, whatever bounds the image's optimum then."""
    for X, weights, k, labels, optimum, doubt in instances(noise, min(INSTANCES, 300)):
        held = weights > 0
        divergence = divergence_of(noise_named(noise), X)
        for image in divergence.images(X[held].astype(float), weights[held], labels[held]):
            solved = exhaustive(image.values[None], image.weights[None])
            own = solved.optimum(min(k, held.sum()), 0)
            blur = np.sqrt((image.weights * np.square(image.blur)).sum())
            below = np.maximum(np.sqrt(own) * (1 - image.weight_precision) - blur, 0) ** 2
            assert below <= optimum + doubt


DIVERGENCES = {  # with the function that images are made of
    "poisson": (np.sqrt, lambda x, m: x * mpmath.log(x / m) - x + m),
    "gamma": (np.log, lambda x, m: x / m - mpmath.log(x / m) - 1),
}
REACHES = {"poisson": root_reach, "gamma": logarithm_reach}
numbers = st.floats(1e-6, 1e6)


@pytest.mark.parametrize("noise", REACHES)
@given(numbers, st.floats(1.0, 1e12), st.floats(0.0, 1.0))
def test_two_numbers_are_as_far_apart_as_any_mean_lets_them(noise, low, ratio, share):
    """``reach ≤ √d(x, μ) + √d(y, μ)`` for ``x < y``, nearly reached at ``μ = y``."""
    function, divergence = DIVERGENCES[noise]
    first, last = function(low), function(low * ratio)
    inverse = {"poisson": lambda b: mpmath.mpf(float(b)) ** 2, "gamma": mpmath.exp}[noise]
    reach = float(REACHES[noise](np.array([first]), np.array([last]))[0])
    with mpmath.workdps(50):
        x, y = (inverse(mpmath.mpf(float(b))) for b in (first, last))
        for m in (x, y, x * (y / x) ** mpmath.mpf(share), 2 * y, x / 2):
            roots = [mpmath.sqrt(max(divergence(z, m), 0)) for z in (x, y)]
            assert reach <= sum(roots) + mpmath.mpf(10) ** -22
        assert reach >= mpmath.sqrt(abs(divergence(x, y))) * (1 - 1e-6) - 1e-9


@pytest.mark.parametrize("noise", REACHES)
@given(seeds)
def test_bends_keep_every_pair_within_reach(noise, seed):
    """Also pairs between knots, of which there are fewer than of numbers."""
    rng = np.random.default_rng(seed)
    function, divergence = DIVERGENCES[noise]
    x = np.sort(rng.lognormal(0.0, rng.uniform(0.1, 2.0), size=60) + rng.integers(0, 2) * 5.0)
    labels, weights = rng.integers(0, 3, size=60).astype(np.int32), rng.uniform(0.1, 2.0, 60)
    values, reach = function(x), REACHES[noise]
    bend, line = bent(values, weights, labels, reach), straight(values, reach)
    for way in (bend, line, between(line, bend, 0.5)):
        steps = way(values)[None] - way(values)[:, None]
        for i, j in rng.integers(60, size=(40, 2)):
            first, last = min(i, j), max(i, j)
            with mpmath.workdps(50):
                farthest = mpmath.sqrt(
                    max(divergence(mpmath.mpf(x[first]), mpmath.mpf(x[last])), 0)
                )
            assert 0.0 <= steps[first, last] <= farthest + 2 * way.doubt(1e-15)
    assert spread_within(bend(values), weights, labels) >= 0.999 * spread_within(
        line(values), weights, labels
    )


def spread_within(values, weights, labels):
    means = np.bincount(labels, weights * values) / np.bincount(labels, weights)
    return weights @ np.square(values - means[labels])


def test_reaches_at_their_limits():
    zero, one, next_to_one = np.array([0.0]), np.array([1.0]), np.array([1.0 + 1e-9])
    assert root_reach(zero, one) == pytest.approx(1.0, rel=1e-12)
    assert root_reach(one, next_to_one) == pytest.approx(np.sqrt(2.0) * 1e-9, rel=1e-6)
    assert logarithm_reach(one, next_to_one) == pytest.approx(np.sqrt(0.5) * 1e-9, rel=1e-6)


def test_columns_that_are_constant_say_nothing():
    X = np.tile([[3.0, 1.0], [3.0, 9.0]], (5, 1))
    alone, both = (
        certify(np.arange(10) % 2 * 0, data, noise="poisson", n_clusters=1)
        for data in (X[:, 1:], X)
    )
    assert alone.lower == pytest.approx(both.lower, rel=1e-12)


@given(st.floats(1e-12, 1.0 - 1e-12))
def test_a_coin_needs_no_more_than_twice_the_root_of_log_two(mean):
    with mpmath.workdps(50):
        m = mpmath.mpf(mean)
        roots = mpmath.sqrt(-mpmath.log(m)) + mpmath.sqrt(-mpmath.log(1 - m))
        assert roots >= 2 * mpmath.sqrt(mpmath.log(2)) - mpmath.mpf(10) ** -45


@pytest.mark.parametrize("noise", CASES)
def test_what_is_certified_is_what_the_fit_adds_up(noise):
    rng = np.random.default_rng(1)
    X = 1.0 + rng.poisson(rng.gamma(2.0, 9.0, size=(3, 4))[rng.integers(3, size=60)])
    X = (X.mean(axis=0) < X).astype(float) if noise == "bernoulli" else X.astype(float)
    model = KMeans(3, noise=noise, n_init=5, random_state=0).fit(X)
    found = model.certificate(X, time_limit=1.0)
    unit = float(model._params.dispersion) if noise == "gamma" else 1.0
    assert found.upper * unit == pytest.approx(model.inertia_, rel=1e-6)
    assert 0.0 < found.lower <= found.upper
    assert found.kind == "rigorous"
    assert found.loss in str(found) or found.title in str(found)
    assert model.certificate_ is found


def test_a_bad_clustering_is_told_of_a_better_one():
    rng = np.random.default_rng(2)
    X = rng.poisson(np.repeat([[2.0, 30.0], [40.0, 3.0]], 20, axis=0)).astype(float)
    found = certify(np.arange(40) % 2, X, noise="poisson", time_limit=2.0)
    assert found.best_inertia < 0.5 * found.upper
    better = certify(found.best_labels, X, noise="poisson", time_limit=2.0)
    assert better.upper == pytest.approx(found.best_inertia, rel=1e-9)
    assert better.best_labels is None


def test_noises_with_settings_and_rows_without_weight():
    rng = np.random.default_rng(3)
    X = rng.poisson(9.0, size=(30, 2)).astype(float)
    labels, weights = np.arange(30) % 3, np.arange(30) % 2
    wide, narrow = (
        certify(labels, X, noise=NegativeBinomial(size), method="location") for size in (1.0, 1e6)
    )
    poisson = certify(labels, X, noise="poisson", method="location")
    assert wide.lower < narrow.lower
    assert narrow.lower == pytest.approx(poisson.lower, rel=1e-3)
    some = certify(labels, X, noise="poisson", sample_weight=weights, n_clusters=3)
    kept = certify(labels[weights > 0], X[weights > 0], noise="poisson", n_clusters=3)
    assert some.lower == pytest.approx(kept.lower, rel=1e-6)


def test_clusters_of_equals_cost_nothing():
    X = np.repeat([[1.0, 2.0], [3.0, 0.1]], 3, axis=0)
    found = certify(np.repeat([0, 1], 3), X, noise="gamma")
    assert (found.upper, found.lower, found.gap) == (0.0, 0.0, 0.0)


def test_data_and_noises_that_do_not_suit():
    with pytest.raises(InputError, match="Negative values"):
        certify([0, 1], [[-1.0], [2.0]], noise="poisson")
    with pytest.raises(ImpossibleCellError, match="no bound on the optimum is known"):
        certify([0, 1], [[1.0], [2.0]], noise="full_gaussian")
