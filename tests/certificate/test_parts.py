"""What bounds are made of: points, boxes, blocks and samples."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.distance import pdist
from scipy.stats import binom
from sklearn.datasets import load_iris
from strategies import generators

from cofactor.certificate import blocks, location
from cofactor.certificate.boxes import BoxSearch
from cofactor.certificate.clock import Clock
from cofactor.certificate.heights import Cuts, first_heights
from cofactor.certificate.location import Ledger, LevelClimb
from cofactor.certificate.low_rank import factored
from cofactor.certificate.points import points_of
from cofactor.certificate.problem import Problem
from cofactor.certificate.rotation import along_principal_axes
from cofactor.certificate.sketch import diameter, least_mean
from cofactor.certificate.terrain import Terrain

some = settings(max_examples=30)


def problem_of(rng, n, d, k):
    X, weights = rng.normal(size=(n, d)), rng.uniform(0.5, 2.0, n)
    labels = rng.integers(0, k, n).astype(np.int32)
    points = points_of(X, weights)
    return Problem(points, k, points.labels_of(labels), points.upper(labels), 1e-3)


def exact_inertia(X, weights, labels):
    """Return the inertia about the means, in fractions."""
    total = Fraction(0)
    for cluster in set(labels.tolist()):
        own = np.flatnonzero(labels == cluster)
        mass = sum(Fraction(weights[i]) for i in own)
        for column in X.T:
            mean = sum(Fraction(weights[i]) * Fraction(float(column[i])) for i in own) / mass
            total += sum(
                Fraction(weights[i]) * (Fraction(float(column[i])) - mean) ** 2 for i in own
            )
    return total


@some
@given(rng=generators, offset=st.sampled_from([0.0, 1e6, -1e12]), single=st.booleans())
def test_the_upper_bound_is_above_the_exact_inertia_and_close(rng, offset, single):
    X = (rng.normal(size=(12, 3)) + offset).astype(np.float32 if single else float)
    weights, labels = rng.uniform(0.1, 3.0, 12), rng.integers(0, 3, 12).astype(np.int32)
    points = points_of(X, weights)
    upper = points.in_units(points.upper(labels), up=True)
    exact = exact_inertia(X, weights, labels)
    assert Fraction(upper) >= exact
    assert upper <= float(exact) * (1 + 1e-12)


@some
@given(rng=generators)
def test_equal_rows_become_one_point(rng):
    X = rng.integers(0, 2, size=(30, 3)).astype(float)
    X[rng.random(30) < 0.3] *= -1.0  # and with them negative zeros
    weights = rng.integers(0, 3, 30) + np.eye(30)[0]
    points = points_of(X, weights)
    held = weights > 0
    assert points.n == len(np.unique(X[held] + 0.0, axis=0))
    assert points.weights.sum() == pytest.approx(np.ldexp(weights.sum(), -points.weight_exponent))
    assert (points.rows[~held] == -1).all()


@some
@given(rng=generators)
def test_a_rotation_changes_no_distance_by_more_than_it_says(rng):
    points = problem_of(rng, 20, 6, 2).points
    turned = along_principal_axes(points)
    difference = np.abs(pdist(points.values) - pdist(turned.values)).max()
    assert difference <= 2.0 * turned.precision * np.linalg.norm(points.values, axis=1).max()
    variances = turned.weights @ np.square(turned.values)
    assert (np.diff(variances) <= 1e-12).all()


@some
@given(rng=generators, d=st.integers(1, 3))
def test_no_place_is_worth_more_than_boxes_say(rng, d):
    X, weights = rng.normal(size=(25, d)), rng.uniform(0.5, 2.0, 25)
    terrain = Terrain(X, weights, rng.uniform(-0.2, 2.0, 25))
    search = BoxSearch(terrain, 0.0, 0.0, 1e-4)
    places = rng.uniform(-3, 3, size=(300, d))
    values = [
        weights @ np.maximum(terrain.heights - np.square(X - place).sum(axis=1), 0)
        for place in np.concatenate([places, terrain.ascend(places)[0]])
    ]
    for number, _ in enumerate(search.run()):
        assert max(values) <= search.most + terrain.doubt
        if number > 200:
            break
    assert search.settled
    assert search.most <= search.found + 1e-4


def test_boxes_move_their_lists_together_when_room_is_short():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(3000, 2))
    terrain = Terrain(X, np.ones(3000), np.full(3000, 0.5))
    search = BoxSearch(terrain, 0.0, 0.0, 1e-3)
    search._lists = search._lists[:7000]
    for _ in search.run():
        pass
    assert search.settled
    assert len(search._lists) > 7000


@some
@given(rng=generators, k=st.integers(2, 4))
def test_heights_and_cuts_agree_about_a_cluster(rng, k):
    """A cluster as a cut: its terrain is worth at least what its points' heights say."""
    problem = problem_of(rng, 30, 2, k)
    heights = first_heights(problem)
    values, weights = problem.points.values, problem.points.weights
    terrain = Terrain(values, weights, heights)
    own = problem.labels == 0
    if not own.any():
        return
    cuts = Cuts(values, weights, k)
    assert cuts.add([own, own]) == 1
    mean = weights[own] @ values[own] / weights[own].sum()
    inertia = weights[own] @ np.square(values[own] - mean).sum(axis=1)
    worth = terrain.ascend(mean[None], 0)[1][0]
    assert worth >= weights[own] @ heights[own] - inertia - 1e-9
    ledger = Ledger(terrain, k)
    assert ledger.worth(ledger.ceiling(0.1)) == pytest.approx(0.1, abs=1e-9)


@pytest.mark.parametrize(("seconds", "climbed"), [(0.0, 1), (99.0, 32)])
def test_climbs_look_at_the_clock(monkeypatch, seconds, climbed):
    monkeypatch.setattr(location, "LOOK", 1)
    problem = problem_of(np.random.default_rng(0), 30, 2, 2)
    climb = LevelClimb(problem, Clock(seconds))
    terrain = Terrain(climb.points.values, climb.points.weights, first_heights(problem))
    tops, values = climb._climbed(terrain)
    assert (len(tops), len(values)) == (climbed, climbed)


@some
@given(rng=generators, count=st.integers(1, 6))
def test_blocks_share_points_out(rng, count):
    problem = problem_of(rng, 60, 3, 3)
    dealt = blocks.dealt(problem, count)
    np.testing.assert_array_equal(np.sort(np.concatenate(dealt)), np.arange(60))
    sizes = [np.bincount(problem.labels[rows], minlength=3) for rows in dealt]
    assert np.ptp(sizes, axis=0).max() <= 1
    parts = [blocks.part(problem, rows) for rows in dealt]
    assert sum(part.upper for part in parts) <= problem.upper * (1 + 1e-9)


def test_swaps_make_blocks_alike():
    X = load_iris().data
    points = points_of(X, np.ones(150))
    labels = points.labels_of(np.repeat(np.arange(3), 50).astype(np.int32))
    problem = Problem(points, 3, labels, points.upper(np.repeat(np.arange(3), 50)), 1e-3)
    parts = [blocks.part(problem, rows) for rows in blocks.dealt(problem, 3)]
    assert sum(part.upper for part in parts) > 0.999 * problem.upper


@pytest.mark.parametrize("n", [60, 30_000])
def test_factors_multiply_to_what_was_factored(n):
    matrix = np.random.default_rng(n).normal(size=(n, 40))
    Q, R = factored(matrix)
    np.testing.assert_allclose(Q @ R, matrix, atol=1e-10)
    np.testing.assert_allclose(Q.T @ Q, np.eye(40), atol=1e-10)


@some
@given(rng=generators)
def test_no_two_points_are_farther_apart_than_the_diameter(rng):
    points = problem_of(rng, 15, 3, 2).points
    assert diameter(points) >= pdist(points.values).max()


@pytest.mark.parametrize("draws", [10, 200])
@pytest.mark.parametrize("doubt", [0.3, 0.01])
def test_the_least_mean_is_exceeded_no_oftener_than_allowed(draws, doubt):
    """Coins are the numbers between 0 and 1 that scatter most."""
    for expected in (0.02, 0.3, 0.9):
        counts = np.arange(draws + 1)
        bounds = np.array([least_mean(count / draws, draws, doubt) for count in counts])
        assert (bounds <= counts / draws).all()
        assert binom.pmf(counts[bounds > expected], draws, expected).sum() <= doubt


def test_a_part_of_a_clock_ends_with_it():
    clock = Clock(0.5)
    assert clock.part(9.0).limit <= 0.5
    assert clock.part(0.1).limit == 0.1
    assert Clock(0.0).over
    assert Clock(0.0).left == 0.0
