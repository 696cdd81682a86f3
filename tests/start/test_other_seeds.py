"""k-means‖ and AFK-MC²: the distributions they are meant to have, and the laws of all seeds."""

from __future__ import annotations

from unittest.mock import patch

import numpy as np
import pytest
import scipy.sparse as sp
from scipy.stats import chisquare
from sklearn.cluster import kmeans_plusplus as peer
from sklearn.datasets import make_blobs

from cofactor import KMeans
from cofactor.engine import SerialEngine
from cofactor.neighbors import nearby
from cofactor.start import kmeans_parallel
from cofactor.start.afk_mc2 import ClosestSeeds, _end_of_chain, chain_rows
from cofactor.start.kmeans_parallel import _candidates, parallel_rows
from cofactor.start.measured import MeasuredRows

DRAWS = {"k-means||": parallel_rows, "afk-mc2": chain_rows}
every = pytest.mark.parametrize("draw", DRAWS.values(), ids=DRAWS.keys())


def rows_of(draw, X, k, seed, weights=None, n_threads=1):
    w = np.ones(X.shape[0]) if weights is None else weights
    return draw(X, k, w, np.random.RandomState(seed), n_threads)


def potential(X, indices):
    return np.square(X[:, None] - X[indices]).sum(axis=2).min(axis=1).sum()


def test_long_chains_draw_pairs_as_k_means_plus_plus_does():
    X, w = np.array([[0.0], [1.0], [3.0], [7.0]]), np.array([1.0, 2.0, 1.0, 0.5])
    squares = np.square(X - X.T)
    second = w * squares / (squares @ w)[:, None]
    odds = (w / w.sum())[:, None] * second
    pairs = [rows_of(chain_rows, X, 2, seed, w) for seed in range(3_000)]
    counts = np.zeros((4, 4))
    np.add.at(counts, tuple(np.array(pairs).T), 1)
    assert (counts[odds == 0] == 0).all()
    assert chisquare(counts[odds > 0], 3_000 * odds[odds > 0]).pvalue > 1e-3


def test_a_chain_visits_rows_in_proportion_to_their_gain():
    rng, gain = np.random.default_rng(0), np.array([1.0, 2.0, 5.0])
    proposed = rng.integers(0, 3, (4_000, 30))
    ends = [row[_end_of_chain(gain[row].tolist(), rng.random(30).tolist())] for row in proposed]
    assert chisquare(np.bincount(ends), 4_000 * gain / gain.sum()).pvalue > 1e-3


def test_candidates_carry_the_weight_of_the_rows_closest_to_them():
    rng = np.random.default_rng(0)
    X, w = rng.normal(size=(500, 3)), rng.random(500)
    rows = MeasuredRows.of(X, w, SerialEngine())
    drawn, shares = _candidates(rows, 7, w, np.random.RandomState(0))
    owner = np.square(X[:, None] - X[drawn]).sum(axis=2).argmin(axis=1)
    np.testing.assert_allclose(shares, np.bincount(owner, w, minlength=len(drawn)))


def test_a_row_that_was_drawn_is_not_drawn_again():
    X = np.repeat(np.random.default_rng(0).normal(size=(60, 2)), 5, axis=0)
    rows = MeasuredRows.of(X, np.ones(300), SerialEngine())
    drawn, _ = _candidates(rows, 40, np.ones(300), np.random.RandomState(0))
    assert len(np.unique(drawn)) == len(drawn)


@pytest.mark.parametrize("k", [1, 7, 99, 400])
def test_groups_share_the_seeds(k):
    X = np.random.default_rng(0).normal(size=(400, 3))
    rows = MeasuredRows.of(X, np.ones(400), SerialEngine())
    groups = kmeans_parallel._groups(rows, 9, np.random.RandomState(0))
    sizes = kmeans_parallel._sizes(groups, k)
    assert sorted(np.concatenate(groups)) == list(range(400))
    assert sum(sizes) == k
    for members, size in zip(groups, sizes, strict=True):
        assert abs(size - len(members) * k / 400) < 1


def potentials(X, k):
    return np.array([potential(X, rows_of(parallel_rows, X, k, seed)) for seed in range(20)])


def test_rows_close_by_serve_as_well_as_the_closest():
    X = make_blobs(3_000, 8, centers=100, cluster_std=2.0, random_state=0)[0]
    closest = potentials(X, 150)
    with patch.multiple(nearby, FIRST=24, LEAST=50, N_NEAR=12, ENOUGH=100):
        close = potentials(X, 150)
    assert not (close == closest).any()
    error = np.sqrt((closest.var(ddof=1) + close.var(ddof=1)) / 20)
    assert abs(close.mean() - closest.mean()) < 3 * error


def test_seeds_chosen_in_groups_are_nearly_as_good():
    X = make_blobs(3_000, 8, centers=300, cluster_std=1.0, random_state=0)[0]
    together = potentials(X, 300).mean()
    with patch.object(kmeans_parallel, "GROUP", 150):
        grouped = potentials(X, 300).mean()
    by_chance = np.random.default_rng(0).choice(3_000, (8, 300))
    chance = np.mean([potential(X, rows) for rows in by_chance])
    assert together < grouped < together + 0.05 * (chance - together)


@every
def test_quality_is_near_that_of_greedy_seeding(draw):
    X = make_blobs(1_500, 8, centers=40, cluster_std=1.0, random_state=0)[0]
    greedy = np.mean([potential(X, peer(X, 40, random_state=seed)[1]) for seed in range(8)])
    ours = np.mean([potential(X, rows_of(draw, X, 40, seed)) for seed in range(8)])
    by_chance = np.random.default_rng(0).choice(1_500, (8, 40))
    chance = np.mean([potential(X, rows) for rows in by_chance])
    assert ours < 0.5 * (greedy + chance)


@every
@pytest.mark.parametrize("form", [np.asarray, sp.csr_array])
def test_rows_without_weight_are_never_drawn(draw, form):
    rng = np.random.default_rng(0)
    X, w = rng.normal(size=(300, 4)), (rng.random(300) < 0.2).astype(float)
    assert w[rows_of(draw, form(X), 12, 0, w)].all()


@every
def test_sparse_rows_are_drawn_as_dense_ones(draw):
    X = np.random.default_rng(0).normal(size=(400, 6))
    dense, sparse = (rows_of(draw, form(X), 10, 3) for form in (np.asarray, sp.csr_array))
    np.testing.assert_array_equal(dense, sparse)


@every
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_same_rows_for_any_number_of_threads(draw, dtype):
    X = make_blobs(6_000, 12, centers=20, random_state=1)[0].astype(dtype)
    runs = [rows_of(draw, X, 15, 0, n_threads=n) for n in (1, 2, 3, 7)]
    for run in runs[1:]:
        np.testing.assert_array_equal(run, runs[0])


@every
def test_distant_rows_are_all_drawn(draw):
    X = np.repeat(np.eye(8), 5, axis=0) * 100 + np.random.default_rng(0).normal(size=(40, 8))
    assert set(rows_of(draw, X, 8, 0) // 5) == set(range(8))


def test_copies_are_filled_up():
    assert len(np.unique(rows_of(parallel_rows, np.ones((30, 2)), 5, 0))) == 5


@pytest.mark.parametrize("init", DRAWS)
def test_k_means_starts_from_them(init):
    X, labels = make_blobs(600, 3, centers=5, cluster_std=0.2, random_state=3)
    model = KMeans(5, init=init, random_state=0).fit(X)
    assert len(set(zip(labels, model.labels_, strict=True))) == 5


@pytest.mark.parametrize("form", [np.asarray, sp.csr_array])
def test_rows_that_are_asked_for_know_the_closest_seed(form):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(300, 5)) * (rng.random((300, 5)) < 0.7)
    rows = MeasuredRows.of(form(X), np.ones(300), SerialEngine())
    closest, seeds = ClosestSeeds(rows, 300, 60), rng.choice(300, 60, replace=False)
    for number, seed in enumerate(seeds, 1):
        closest.add(seed)
        if number == 1 or rng.random() < 0.3:
            known = rng.choice(300, 80, replace=False)
            closest.meet(known)
        found = closest.distances(known)
        expected = np.square(X[known][:, None] - X[seeds[:number]]).sum(axis=2).min(axis=1)
        np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-12)
    np.testing.assert_array_equal(closest.seeds, seeds)


@pytest.mark.parametrize("seed", range(10))
def test_groups_of_few_candidates_may_be_passed_over(seed):
    rng = np.random.default_rng(seed)
    X = np.concatenate([rng.normal(size=(150, 2)), 1e3 * rng.normal(size=(20, 2))])
    with patch.object(kmeans_parallel, "GROUP", 1):
        indices = rows_of(parallel_rows, X, 24, seed)
    assert len(np.unique(indices)) == 24
