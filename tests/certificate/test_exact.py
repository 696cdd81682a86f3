"""Small instances are solved: branch and bound ends at the optimum, and never above."""

from __future__ import annotations

import os

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from instances import EXACT, instances
from sklearn.datasets import load_iris
from strategies import generators

from cofactor import KMeans, certify
from cofactor.certificate import exact
from cofactor.certificate.clock import Clock
from cofactor.certificate.exact import Tree, exact_bounds
from cofactor.certificate.points import points_of
from cofactor.certificate.problem import Problem
from cofactor.certificate.subproblem import partitions, root
from cofactor.certificate.triangles import Triangles

IRIS = load_iris().data
CLOSE = 1e-9
some = settings(max_examples=25)


def problem_of(X, weights, k, labels, tolerance=CLOSE):
    points = points_of(X, weights)
    return Problem(points, k, points.labels_of(labels), points.upper(labels), tolerance)


def check_solved(X, weights, k, labels, optimum):
    """Every bound is true, and the last one as close as rounding of the data allows."""
    problem = problem_of(X, weights, k, labels)
    points = problem.points
    if points.n <= k or k == 1:
        return
    last = 0.0
    for bound in exact_bounds(problem, Clock(60.0)):
        assert points.in_units(bound, up=False) <= optimum * EXACT
        last = max(last, bound)
    unit = 2 * points.exponent + points.weight_exponent
    least = float(np.ldexp(optimum, -unit))
    spread = float(points.weights @ np.square(points.values).sum(axis=1))
    close = CLOSE + 16 * np.finfo(float).eps * np.sqrt(spread / least) if least > 0 else 1.0
    assert last >= points.lower(least * (1.0 - 2 * close)) * (1.0 - close)


@pytest.mark.parametrize(("few", "count"), [(8, 3000), (0, 300)])
def test_small_instances_are_solved(few, count, monkeypatch):
    """With all partitions of few groups compared, and down to single clusters."""
    monkeypatch.setattr(exact, "FEW", few)
    for instance in instances(7 + few, int(os.environ.get("COFACTOR_INSTANCES", count))):
        check_solved(*instance)


def test_small_instances_are_solved_by_cliques_alone(monkeypatch):
    """Among groups of points, some of them apart, and down to single clusters."""
    monkeypatch.setattr(exact, "FEW", 0)
    monkeypatch.setattr(Triangles, "violated", lambda *_: np.empty((0, 3), np.int64))
    for instance in instances(10, int(os.environ.get("COFACTOR_INSTANCES", 60))):
        check_solved(*instance)


def test_the_optimum_does_not_depend_on_the_clustering_given():
    rng = np.random.default_rng(0)
    for X, weights, k, _, optimum in instances(8, 200):
        check_solved(X, weights, k, rng.integers(0, k, len(X)), optimum)


@pytest.mark.parametrize("k", [3, 4])
def test_iris_is_solved(k):
    labels = KMeans(k, search="global", random_state=0).fit(IRIS).labels_
    found = certify(labels, IRIS, method="exact", time_limit=300.0)
    assert (found.ending, found.kind, found.best_labels) == ("proved", "rigorous", None)
    assert found.gap <= 1e-6


def test_a_better_clustering_is_returned():
    worse = KMeans(3, init="random", max_iter=1, n_init=1, random_state=3).fit(IRIS).labels_
    found = certify(worse, IRIS, method="exact", time_limit=300.0)
    assert found.ending == "solved"
    assert found.best_inertia == pytest.approx(78.8514414261460, rel=1e-12)
    means = [IRIS[found.best_labels == c].mean(axis=0) for c in range(3)]
    cost = np.square(IRIS - np.array(means)[found.best_labels]).sum()
    assert cost == pytest.approx(found.best_inertia, rel=1e-12)
    assert found.lower <= cost < found.upper
    assert "see best_labels" in str(found)


def test_rows_without_weight_keep_their_label():
    weights = np.ones(150)
    weights[::10] = 0
    worse = np.arange(150) % 3
    found = certify(worse, IRIS, sample_weight=weights, tol=1e-2)
    np.testing.assert_array_equal(found.best_labels[::10], worse[::10])


def test_any_moment_gives_a_true_bound():
    labels = KMeans(7, search="global", random_state=0).fit(IRIS).labels_
    found = certify(labels, IRIS, method="exact", time_limit=0.5)
    assert 0.9 < found.lower / 34.2982296650718 <= 1.0
    lowers = [bound.lower for bound in found.trace]
    assert lowers == sorted(lowers)


def cost_of(node, labels):
    """Return what labels of groups cost, by the node's own matrices."""
    total = 0.0
    for cluster in np.unique(labels):
        along = node.relaxation.roots * (labels == cluster)
        total += along @ node.relaxation.costs @ along / (along @ along)
    return total


@some
@given(rng=generators, n=st.integers(4, 12))
def test_linked_groups_cost_what_their_points_cost(rng, n):
    X, weights, labels = rng.normal(size=(n, 3)), rng.uniform(0.1, 2.0, n), rng.integers(0, 2, n)
    node = root(problem_of(X, weights, 2, labels))
    expected = cost_of(node, node.groups * 0)
    while node.size > 2:
        first, second = sorted(rng.choice(node.size, 2, replace=False).tolist())
        before = node
        node = node.linked(first, second)
        np.testing.assert_array_equal(node.relaxation.costs, node.relaxation.costs.T)
        assert cost_of(node, np.zeros(node.size)) == pytest.approx(expected)
        own = rng.integers(0, 3, node.size)
        place = np.array([node.groups[before.groups == g][0] for g in range(before.size)])
        assert cost_of(node, own) == pytest.approx(cost_of(before, own[place]))


def test_groups_that_can_only_be_together_are_linked():
    X = np.random.default_rng(0).normal(size=(6, 2))
    node = root(problem_of(X, np.ones(6), 2, np.arange(6) % 2))
    chain = node.parted(0, 1).parted(1, 2).parted(2, 3).settled()
    assert chain.groups.tolist() == [0, 1, 0, 1, 2, 3]
    assert node.parted(0, 1).parted(1, 2).parted(0, 2).settled() is None


def test_pairs_that_are_set_apart_are_apart_in_the_optimum():
    for X, weights, k, labels, _ in instances(9, 200):
        problem = problem_of(X, weights, k, labels)
        if not 1 < k < problem.points.n or problem.upper < 1e-12:
            continue
        node = root(problem)
        dear = node.too_dear(node.bound, problem.upper)
        assert not dear[problem.labels[:, None] == problem.labels].any()


@pytest.mark.parametrize(("size", "k"), [(1, 1), (4, 2), (5, 3), (6, 6)])
def test_partitions_are_all_there_once(size, k):
    found = partitions(size, k)
    assert (np.bitwise_or.reduce(found, axis=1) == (1 << size) - 1).all()
    assert (found.sum(axis=1) == (1 << size) - 1).all()
    assert len({tuple(sorted(row)) for row in found.tolist()}) == len(found)
    stirling = np.zeros((size + 1, size + 1), int)
    stirling[0, 0] = 1
    for n in range(1, size + 1):
        for c in range(1, n + 1):
            stirling[n, c] = c * stirling[n - 1, c] + stirling[n - 1, c - 1]
    assert len(found) == stirling[size, : k + 1].sum()


def test_there_are_few_subproblems_where_the_relaxation_is_tight():
    labels = KMeans(2, search="global", random_state=0).fit(IRIS).labels_
    tree = Tree(problem_of(IRIS, np.ones(150), 2, labels, 1e-6), Clock(60.0))
    assert max(tree.run()) > 0
    assert tree.nodes == 1
