"""Greedy k-means++ against scikit-learn's, and the laws of its draws."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.cluster import kmeans_plusplus as peer
from sklearn.datasets import make_blobs

import cofactor
from cofactor.errors import InputError
from cofactor.start import GreedyRows, dense, heads
from cofactor.start.measured import drawn_by_weight

quick = settings(max_examples=30, deadline=None)
seeds = st.integers(0, 2**31 - 1)
dtypes = st.sampled_from([np.float32, np.float64])
THREADS = (1, 2, 3, 7)


def chosen(X, k, seed, **options):
    return cofactor.kmeans_plusplus(X, k, random_state=seed, **options)[1]


def potential(X, indices):
    squares = np.square(X[:, None] - X[indices]).sum(axis=2)
    return squares.min(axis=1).sum()


@pytest.fixture
def short_heads(monkeypatch):
    """Screen by few coordinates, however small the data, from the third seed on."""
    monkeypatch.setattr(dense, "plain_steps", lambda row_bytes, k, trials: min(2, k))
    monkeypatch.setattr(heads, "SMALL", 0)
    monkeypatch.setattr(heads, "LENGTHS", (1, 2, 4, 8))
    monkeypatch.setattr(heads, "MEASURING", 0)


@pytest.fixture
def many_tasks(monkeypatch):
    """Hand out tasks, however small the data."""
    monkeypatch.setattr("cofactor.start.kmeans_plusplus.WORK_PER_TASK", 1)


@quick
@given(seeds, st.integers(1, 400), st.integers(1, 40), st.data())
def test_same_rows_as_scikit_learn(seed, n, d, data):
    k = data.draw(st.integers(1, min(n, 30)))
    X = np.random.default_rng(seed).normal(size=(n, d))
    np.testing.assert_array_equal(chosen(X, k, seed), peer(X, k, random_state=seed)[1])


@quick
@given(seeds, st.integers(1, 5))
def test_same_rows_with_weights_and_trials(seed, trials):
    rng = np.random.default_rng(seed)
    X, w = rng.normal(size=(200, 3)), rng.random(200)
    options = {"sample_weight": w, "n_local_trials": trials}
    expected = peer(X, 12, random_state=seed, **options)[1]
    np.testing.assert_array_equal(chosen(X, 12, seed, **options), expected)


@pytest.mark.usefixtures("short_heads")
@pytest.mark.parametrize("seed", range(10))
def test_screening_excludes_no_closer_row(seed):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(700, 25)) * rng.exponential(size=25)
    np.testing.assert_array_equal(chosen(X, 40, seed), peer(X, 40, random_state=seed)[1])


@quick
@given(seeds, st.integers(8, 700), st.integers(1, 80), dtypes, st.data())
def test_the_same_rows_whichever_steps_have_bounds(seed, n, d, dtype, data):
    X = np.random.default_rng(seed).normal(size=(n, d)).astype(dtype)
    k = data.draw(st.integers(1, min(n // 4, 40)))
    n_plain = data.draw(st.integers(0, k))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(dense, "plain_steps", lambda row_bytes, k, trials: n_plain)
        rows = chosen(X, k, seed)
        patch.setattr(dense, "plain_steps", lambda row_bytes, k, trials: k)
        np.testing.assert_array_equal(rows, chosen(X, k, seed))


@given(st.integers(1, 10**5), st.integers(1, 10**6), st.integers(1, 20))
def test_more_seeds_never_mean_fewer_plain_steps_than_all_need(row_bytes, k, trials):
    n_plain = dense.plain_steps(row_bytes, k, trials)
    assert 1 <= n_plain <= k
    assert dense.plain_steps(row_bytes, k + 1, trials) in (n_plain, k + 1, n_plain + 1)


@quick
@given(seeds)
def test_sparse_rows_are_those_of_scikit_learn(seed):
    X = sp.random(150, 40, 0.2, format="csr", random_state=seed)
    centers, indices = cofactor.kmeans_plusplus(X, 9, random_state=seed)
    np.testing.assert_array_equal(indices, peer(X, 9, random_state=seed)[1])
    np.testing.assert_array_equal(centers, X[indices].toarray())


@pytest.mark.usefixtures("many_tasks", "short_heads")
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("form", [np.asarray, sp.csr_array])
def test_same_rows_for_any_number_of_threads(form, dtype):
    X = make_blobs(5_000, 12, centers=20, random_state=1)[0].astype(dtype)
    w = np.random.default_rng(2).random(5_000)
    runs = [chosen(form(X), 25, 0, sample_weight=w, n_threads=t) for t in THREADS]
    for run in runs[1:]:
        np.testing.assert_array_equal(run, runs[0])


def test_quality_is_that_of_scikit_learn():
    X = make_blobs(1_500, 8, centers=40, cluster_std=3.0, random_state=0)[0].astype(np.float32)
    ours = np.array([potential(X, chosen(X, 30, seed)) for seed in range(30)])
    theirs = np.array([potential(X, peer(X, 30, random_state=seed)[1]) for seed in range(30)])
    error = np.hypot(ours.std(), theirs.std()) / np.sqrt(len(ours))
    assert abs(ours.mean() - theirs.mean()) <= 2 * error


@quick
@given(seeds, st.sampled_from([np.float32, np.float64]), st.sampled_from([1e-30, 1e-12, 1.0, 1e12]))
def test_a_power_of_two_changes_nothing(seed, dtype, size):
    X = np.random.default_rng(seed).normal(size=(300, 10)).astype(dtype)
    scale = dtype(2.0 ** np.round(np.log2(size)))
    np.testing.assert_array_equal(chosen(X * scale, 15, seed), chosen(X, 15, seed))


@pytest.mark.usefixtures("short_heads")
def test_data_far_from_the_origin_keep_their_digits():
    X = np.round(np.random.default_rng(0).normal(size=(500, 9)) * 64)
    np.testing.assert_array_equal(chosen(X + 2.0**36, 20, 3), chosen(X, 20, 3))


@pytest.mark.parametrize("form", [np.asarray, sp.csr_array])
def test_rows_without_weight_are_never_drawn(form):
    rng = np.random.default_rng(0)
    X, w = rng.normal(size=(300, 4)), (rng.random(300) < 0.1).astype(float)
    X[w == 0] *= 100.0
    indices = chosen(form(X), int(w.sum()), 0, sample_weight=w)
    np.testing.assert_array_equal(np.sort(indices), np.flatnonzero(w))


@pytest.mark.parametrize("form", [np.asarray, sp.csr_array])
def test_all_distinct_rows_come_before_copies(form):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(6, 5))[rng.integers(0, 6, 200)]
    indices = chosen(form(X), 30, 0)
    assert len(np.unique(X[indices[:6]], axis=0)) == 6
    assert len(np.unique(indices)) == 30


@pytest.mark.parametrize("form", [np.asarray, sp.csr_array])
def test_copies_of_one_row(form):
    indices = chosen(form(np.ones((70, 3))), 5, 0)
    assert len(np.unique(indices)) == 5


@pytest.mark.parametrize("n", [1, 63, 64, 65, 130])
def test_as_many_seeds_as_rows(n):
    X = np.random.default_rng(0).normal(size=(n, 2))
    np.testing.assert_array_equal(np.sort(chosen(X, n, 0)), np.arange(n))


@given(seed=seeds, n=st.integers(1, 200), dtype=st.sampled_from([np.float32, np.float64]))
def test_the_first_row_is_what_choice_returns(seed, n, dtype):
    weights = np.random.RandomState(seed).randint(0, 3, n).astype(dtype)
    weights[-1] += 1
    ours, theirs = np.random.RandomState(seed), np.random.RandomState(seed)
    expected = theirs.choice(n, p=weights / weights.sum())
    assert drawn_by_weight(weights, ours) == expected
    assert ours.random_sample() == theirs.random_sample()


def test_the_generator_moves_on_as_scikit_learn_s_does():
    X = np.random.default_rng(0).normal(size=(50, 2))
    ours, theirs = np.random.RandomState(0), np.random.RandomState(0)
    cofactor.kmeans_plusplus(X, 6, random_state=ours)
    peer(X, 6, random_state=theirs)
    assert ours.uniform() == theirs.uniform()


@pytest.mark.parametrize("form", [np.asarray, sp.csr_array])
@pytest.mark.parametrize("small", [0, heads.SMALL])
def test_starts_that_share_what_is_prepared_are_independent(form, small, monkeypatch):
    monkeypatch.setattr("cofactor.start.kmeans_plusplus.SMALL", small)
    X, w = form(np.random.default_rng(0).normal(size=(200, 9))), np.ones(200)
    choose, rng = GreedyRows(X, 12, w), np.random.RandomState(0)
    together = [choose(rng) for _ in range(3)]
    rng = np.random.RandomState(0)
    np.testing.assert_array_equal(together, [GreedyRows(X, 12, w)(rng) for _ in range(3)])


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"n_clusters": 6}, "n_clusters is 6; expected from 1 to n_samples=5"),
        ({"n_clusters": 0}, "n_clusters is 0"),
        ({"n_clusters": 2, "n_local_trials": 0}, "n_local_trials is 0"),
    ],
)
def test_what_cannot_be_chosen(options, words):
    with pytest.raises(InputError, match=words):
        cofactor.kmeans_plusplus(np.eye(5), **options)


def test_distances_that_overflow():
    with pytest.raises(InputError, match="overflow"):
        chosen(np.diag(np.full(5, 1e160)), 2, 0)


def by_definition(X, k, seed):
    """Greedy k-means++ from residuals, which lose no digits where norms differ widely."""
    rng, n = np.random.RandomState(seed), len(X)
    indices = [rng.choice(n, p=np.ones(n) / n)]
    closest = np.square(X - X[indices[0]]).sum(axis=1)
    for _ in range(k - 1):
        targets = rng.uniform(size=2 + int(np.log(k))) * closest.sum()
        drawn = np.searchsorted(closest.cumsum(), targets)
        reached = np.minimum(closest, np.square(X - X[drawn][:, None]).sum(axis=2))
        winner = np.argmax((closest - reached).sum(axis=1))
        indices.append(drawn[winner])
        closest = reached[winner]
    return indices


@pytest.mark.usefixtures("short_heads")
@pytest.mark.parametrize("seed", range(4))
def test_outliers_are_measured_and_drawn(seed):
    X = np.random.default_rng(seed).standard_cauchy(size=(2_500, 10))
    np.testing.assert_array_equal(chosen(X, 30, seed), by_definition(X, 30, seed))
