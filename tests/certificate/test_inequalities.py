"""Inequalities hold for all clusterings, and say as much as they can."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from strategies import generators

from cofactor.certificate.cliques import Cliques, floors, sparsest
from cofactor.certificate.company import Company
from cofactor.certificate.inequalities import Inequalities
from cofactor.certificate.subproblem import partitions
from cofactor.certificate.triangles import Triangles

some = settings(max_examples=60)


def clusterings(n, k):
    """Return all into k clusters none of which is empty, as flags of shape (…, k, n)."""
    sets = partitions(n, k)
    return (sets[(sets > 0).all(axis=1)][:, :, None] >> np.arange(n) & 1).astype(bool)


def entries(clusters, weights):
    """Return ``X_ij``: 1 over the weight of the cluster for points of one, 0 for others."""
    inside = clusters.astype(float)
    return np.einsum("ci,cj->ij", inside / (inside @ weights)[:, None], inside)


def every_inequality(company):
    """Return all pairs, triangles and cliques."""
    n = len(company.roots)
    triples = [(i, j, t) for i in range(n) for j in range(n) for t in range(j, n)]
    triangles = Triangles(np.array([row for row in triples if row[0] not in row[1:]]))
    cliques = Cliques(np.array(list(combinations(range(n), company.k + 1))))
    count = len(triangles) + len(cliques)
    return Inequalities((triangles, cliques), np.zeros(count), company)


def separated(rng, n, k):
    """Return pairs that some clustering keeps apart."""
    labels = rng.integers(0, k, n)
    apart = (labels[:, None] != labels) & (rng.random((n, n)) < 0.3)
    return apart | apart.T


@some
@given(rng=generators, n=st.integers(3, 7), data=st.data())
def test_all_clusterings_satisfy_all_of_them(rng, n, data):
    k = data.draw(st.integers(2, n - 1))
    weights = 10.0 ** rng.uniform(-2, 2, n)
    apart = separated(rng, n, k) if data.draw(st.booleans()) else None
    roots = np.sqrt(weights)
    company = Company.of(roots, k, apart)
    inequalities = every_inequality(company)
    for clusters in clusterings(n, k):
        if apart is not None and any(apart[np.ix_(own, own)].any() for own in clusters):
            continue
        assert (clusters @ weights <= company.most[clusters.argmax(axis=1)]).all()
        X = entries(clusters, weights)
        excess = inequalities.values(X * np.outer(roots, roots))
        assert (excess <= 1e-13 * X.max()).all()


@some
@given(rng=generators, n=st.integers(3, 7), data=st.data())
def test_cliques_promise_what_some_clustering_keeps(rng, n, data):
    """With all but the lightest k − 1 of Q in one cluster, unless two pairs cost less."""
    k = data.draw(st.integers(2, n - 1))
    weights = 10.0 ** rng.uniform(-0.5, 0.5, n)
    members = np.array(list(combinations(range(n), k + 1)))
    found = floors(members, Company.of(np.sqrt(weights), k))
    least = np.full(len(members), np.inf)
    pairs = ~np.eye(k + 1, dtype=bool)
    for clusters in clusterings(n, k):
        X = entries(clusters, weights)
        sums = np.array([X[np.ix_(row, row)][pairs].sum() / 2 for row in members])
        least = np.minimum(least, sums)
    assert (found <= least).all()
    lightest = np.sort(weights[members], axis=1)[:, :-2].sum(axis=1)
    alone = 1.0 / (weights.sum() - lightest)
    sharp = found >= alone * (1 - 1e-12)
    np.testing.assert_allclose(least[sharp], found[sharp], rtol=1e-12)
    assert (2.0 / weights.sum() <= alone[~sharp] * (1 + 1e-12)).all()


@pytest.mark.parametrize(("n", "k"), [(5, 2), (9, 3), (6, 5)])
def test_cliques_of_equal_weights_are_those_of_the_literature(n, k):
    company = Company.of(np.ones(n), k)
    found = floors(np.arange(k + 1)[None], company)
    np.testing.assert_allclose(found, 1 / (n - k + 1), rtol=1e-13)
    np.testing.assert_allclose(company.most, n - k + 1, rtol=1e-13)


def test_what_is_apart_raises_what_cliques_promise():
    apart = np.zeros((6, 6), bool)
    apart[0, 3:] = apart[3:, 0] = True
    apart[1, 3:] = apart[3:, 1] = True
    members = np.array([[0, 1, 2], [3, 4, 5]])
    found = floors(members, Company.of(np.ones(6), 2, apart))
    np.testing.assert_allclose(found, [1 / 3, 1 / 4], rtol=1e-13)


@some
@given(rng=generators, n=st.integers(4, 12), data=st.data())
def test_grown_sets_are_sets_and_no_exchange_helps(rng, n, data):
    size = data.draw(st.integers(3, n - 1))  # of two, both are the worst
    X = rng.random((n, n))
    X = X + X.T
    for members in sparsest(X, size):
        assert len(set(members.tolist())) == size
        own = X[np.ix_(members, members)].sum(axis=1) - X.diagonal()[members]
        left = np.delete(members, own.argmax())
        outside = np.setdiff1d(np.arange(n), members)
        assert X[np.ix_(outside, left)].sum(axis=1).min() >= own.max() * (1 - 1e-8)


def test_a_set_without_entries_is_found():
    X = np.full((30, 30), 0.2)
    hidden = np.array([3, 11, 12, 29])
    X[np.ix_(hidden, hidden)] = 0.0
    assert hidden.tolist() in np.sort(sparsest(X, 4), axis=1).tolist()


def test_cliques_join_once_no_triangle_does():
    company = Company.of(np.ones(8), 3)
    bare = np.diag(np.full(8, 3 / 8))  # no two points are together: that violates cliques only
    joined = Inequalities.none(company).joined(bare, 80)
    triangles, cliques = joined.families
    assert len(triangles) == 0
    assert len(cliques) > 1
    assert (joined.values(bare) > 0).all()
    assert len(joined.joined(bare, 80)) == len(joined)
    bare[0, 1] = bare[1, 0] = bare[0, 2] = bare[2, 0] = 0.3
    triangles, cliques = Inequalities.none(company).joined(bare, 80).families
    assert len(triangles) > 0
    assert len(cliques) == 0
    feasible = entries(clusterings(8, 3)[100], np.ones(8))
    assert len(Inequalities.none(company).joined(feasible, 80)) == 0


@some
@given(rng=generators)
def test_groups_of_points_inherit_what_still_says_something(rng):
    n, k = 7, 3
    company = Company.of(np.ones(n), k)
    before = every_inequality(company)
    before.multipliers = rng.random(len(before))
    place = np.array([0, 1, 2, 3, 4, 5, 0])
    groups = Company.of(np.sqrt([2.0, 1, 1, 1, 1, 1]), k)
    after = before.relabelled(place, groups)
    assert [len(family) for family in after.families] == [
        len(family) for family in every_inequality(groups).families
    ]
    assert set(after.multipliers) <= set(before.multipliers)
    for clusters in clusterings(6, k)[::7]:
        X = entries(clusters, np.square(groups.roots))
        assert (after.values(X * np.outer(groups.roots, groups.roots)) <= 1e-13).all()


def test_what_multipliers_give_is_rounded_down():
    inequalities = every_inequality(Company.of(np.ones(6), 2))
    inequalities.multipliers = np.random.default_rng(1).random(len(inequalities))
    expected = inequalities.multipliers @ inequalities.values(np.zeros((6, 6)))
    assert 0 < inequalities.safe_gain() <= expected
    assert inequalities.safe_gain() == pytest.approx(expected, rel=1e-12)
    assert (inequalities.safe_pull() <= inequalities.pull()).all()
