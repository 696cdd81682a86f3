"""k-means of a single column is solved exactly."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given, settings
from hypothesis import strategies as st
from oracles import assert_hartigan_optimum
from sklearn.cluster import KMeans as Peer
from sklearn.datasets import load_iris
from strategies import generators

from cofactor import KMeans, optimal_partition_1d

some = settings(max_examples=25)


def partitions(n, k):
    """Yield every way to label n rows with k labels."""
    return np.array(np.meshgrid(*[range(k)] * n)).reshape(n, -1).T


@some
@given(rng=generators, n=st.integers(1, 7), k=st.integers(1, 3), ties=st.booleans())
def test_no_labels_at_all_are_better(rng, n, k, ties):
    x = rng.integers(0, 4, n) / 2 if ties else rng.normal(size=n)
    weights = rng.exponential(size=n) * (rng.random(n) < 0.8) + 1e-9
    k = min(k, n)
    best = np.inf
    for labels in partitions(n, k):
        hot = np.eye(k)[labels] * weights[:, None]
        means = (hot * x[:, None]).sum(axis=0) / np.maximum(hot.sum(axis=0), 1e-300)
        best = min(best, weights @ np.square(x - means[labels]))
    got = optimal_partition_1d(x, k, sample_weight=weights)
    assert got.inertia == pytest.approx(best, rel=1e-9, abs=1e-15)


@some
@given(rng=generators, k=st.integers(1, 8))
def test_scikit_learn_is_never_lower(rng, k):
    x = np.concatenate([rng.normal(10 * rng.random(), 1, 40) for _ in range(3)])
    weights = rng.exponential(size=x.size)
    got = optimal_partition_1d(x, k, sample_weight=weights)
    peer = Peer(k, n_init=3, random_state=0, tol=0).fit(x[:, None], sample_weight=weights)
    assert got.inertia <= peer.inertia_ * (1 + 1e-12)


@some
@given(rng=generators, k=st.integers(1, 6), n=st.integers(6, 200))
def test_the_parts_agree(rng, k, n):
    x = rng.normal(size=n) * 10.0 ** rng.integers(-5, 6) + 10.0 ** rng.integers(0, 6)
    centers, labels, inertia = optimal_partition_1d(x, k)
    assert (np.diff(centers) > 0).all()
    np.testing.assert_array_equal(labels, np.abs(x[:, None] - centers).argmin(axis=1))
    for c in range(k):
        rounding = 1e-14 * np.abs(x).max()  # means near zero are sums of numbers that are not
        assert centers[c] == pytest.approx(x[labels == c].mean(), rel=1e-14, abs=rounding)
    assert inertia == pytest.approx(np.square(x - centers[labels]).sum(), rel=1e-12)


def test_weights_repeat_rows_and_none_removes_them():
    rng = np.random.default_rng(0)
    x, repeats = rng.normal(size=50), rng.integers(0, 4, 50)
    weighted = optimal_partition_1d(x, 5, sample_weight=repeats)
    repeated = optimal_partition_1d(np.repeat(x, repeats), 5)
    assert weighted.inertia == pytest.approx(repeated.inertia)
    np.testing.assert_allclose(weighted.centers, repeated.centers)
    np.testing.assert_array_equal(np.repeat(weighted.labels, repeats), repeated.labels)
    nearest = np.abs(x[:, None] - weighted.centers).argmin(axis=1)
    np.testing.assert_array_equal(weighted.labels, nearest)


@some
@given(rng=generators, power=st.sampled_from([-500, -400, 400, 500]), k=st.integers(1, 5))
def test_units_do_not_matter(rng, power, k):
    x, weights = rng.normal(size=30), rng.exponential(size=30)
    plain = optimal_partition_1d(x, k, sample_weight=weights)
    scaled = optimal_partition_1d(
        np.ldexp(x, power), k, sample_weight=np.ldexp(weights, -power // 2)
    )
    np.testing.assert_array_equal(scaled.labels, plain.labels)
    np.testing.assert_array_equal(scaled.centers, np.ldexp(plain.centers, power))


def test_fewer_numbers_than_clusters_cost_nothing():
    centers, labels, inertia = optimal_partition_1d([3.0, 1.0, 3.0, 1.0], 3)
    assert (centers.tolist(), labels.tolist(), inertia) == ([1, 3, 3], [1, 0, 1, 0], 0)


def test_a_plain_estimator_finds_the_same_and_says_so():
    x = load_iris().data[:, 2]
    expected = optimal_partition_1d(x, 4)
    for storage in (np.asarray, sp.csr_array):
        model = KMeans(4, search="global").fit(storage(x[:, None]))
        assert model.optimal_
        assert model.converged_
        assert model.hartigan_optimum_
        assert model.inertia_ == pytest.approx(expected.inertia, rel=1e-12)
        np.testing.assert_array_equal(model.labels_, expected.labels)
        np.testing.assert_array_equal(model.predict(storage(x[:, None])), model.labels_)
        assert_hartigan_optimum(model, x[:, None], np.ones(len(x)))
    assert not KMeans(4).fit(x[:, None]).optimal_


@pytest.mark.parametrize(
    ("x", "k", "weights", "words"),
    [
        ([1.0, 2.0], 3, None, "at most the 2 numbers"),
        ([1.0, 2.0], 0, None, "at least 1"),
        ([[1.0], [2.0]], 1, None, "use x.ravel"),
        ([1.0, 2.0], 1, [0, 0], "at least one non-zero"),
    ],
)
def test_bad_input_is_explained(x, k, weights, words):
    with pytest.raises(ValueError, match=words):
        optimal_partition_1d(x, k, sample_weight=weights)
