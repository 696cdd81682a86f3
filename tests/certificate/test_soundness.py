"""No rigorous bound exceeds the optimum: more than 10⁵ small instances against all clusterings.

``COFACTOR_INSTANCES=100000 pytest tests/certificate/test_soundness.py`` takes as many of each
method.
"""

from __future__ import annotations

import os
import sys
from itertools import islice

import numpy as np
import pytest
import scipy.sparse as sp
from instances import EXACT, instances

from cofactor import certify
from cofactor.certificate import pca_bound
from cofactor.certificate.blocks import block_bounds
from cofactor.certificate.certify import METHODS
from cofactor.certificate.clock import Clock
from cofactor.certificate.multiplier import Multipliers
from cofactor.certificate.points import points_of
from cofactor.certificate.problem import Problem
from cofactor.certificate.relaxation import Relaxation
from cofactor.certificate.saddle import Saddle
from cofactor.certificate.sketch import sketch_bounds
from cofactor.certificate.triangles import Triangles

INSTANCES = {"principal": 66_000, "location": 6_000, "closed-form": 18_000, "peng-wei": 2_500}
FEW = 7  # bounds of an instance where steps could go on: those in closed form, and one more


def count_of(usual):
    return int(os.environ.get("COFACTOR_INSTANCES", usual))


@pytest.mark.parametrize("method", INSTANCES)
def test_no_bound_exceeds_the_optimum(method):
    close = total = 0
    count = count_of(INSTANCES[method])
    for X, weights, k, labels, optimum in instances(len(method), count):
        points = points_of(X, weights)
        problem = Problem(points, k, points.labels_of(labels), points.upper(labels), 1e-4)
        assert points.in_units(problem.upper, up=True) >= optimum / EXACT
        lower = 0.0
        bounds = METHODS[method](problem, Clock(1.0)) if points.n > k else ()
        for bound in islice(bounds, FEW if method == "peng-wei" else None):
            lower = max(lower, bound)
        assert points.in_units(lower, up=False) <= optimum * EXACT
        close += lower > 0.5 * problem.upper
        total += 1
    assert total >= count
    assert close > total // 20  # the bounds say something


@pytest.mark.parametrize("form", [np.asarray, sp.csr_array])
def test_no_bound_of_raw_data_exceeds_the_optimum(form):
    for X, weights, k, _, optimum in instances(6, 5000):
        assert pca_bound(form(X), k, sample_weight=weights) <= optimum * EXACT


@pytest.mark.parametrize("most", [9, 3, 1])
def test_no_bound_of_wide_sparse_data_exceeds_the_optimum(monkeypatch, most):
    """Whole, and in blocks of three rows or two."""
    monkeypatch.setattr(sys.modules["cofactor.certificate.sparse_rows"], "MOST", most)
    close = 0
    for X, weights, k, _, optimum in instances(7 + most, count_of(1000)):
        wide = sp.csr_array(np.hstack([X, np.zeros((len(X), 10))]))
        bound = pca_bound(wide, k, sample_weight=weights)
        assert bound <= optimum * EXACT
        close += bound > 0.5 * optimum
    assert close > 50 or most < 9


def test_no_bound_with_inequalities_exceeds_the_optimum():
    """Steps until pair and triangle inequalities have joined in."""
    for X, weights, k, labels, optimum in instances(1, 200):
        points = points_of(X, weights)
        problem = Problem(points, k, points.labels_of(labels), points.upper(labels), 1e-4)
        for bound in islice(METHODS["peng-wei"](problem, Clock(9.0)), 12) if points.n > k else ():
            assert points.in_units(bound, up=False) <= optimum * EXACT


def test_no_bound_with_cliques_exceeds_the_optimum(monkeypatch):
    """Clique inequalities from the third step on, and no others: where these join in, few cliques
    are violated any more."""
    monkeypatch.setattr(Triangles, "violated", lambda *_: np.empty((0, 3), np.int64))
    gained = close = 0
    for X, weights, k, labels, optimum in instances(5, count_of(1000)):
        points = points_of(X, weights)
        problem = Problem(points, k, points.labels_of(labels), points.upper(labels), 1e-4)
        if not 1 < k < points.n:
            continue
        relaxation, multipliers = Relaxation.of(points, k), Multipliers(problem)
        saddle = Saddle(relaxation, multipliers.dense(multipliers.levels[-1]), problem.labels)
        for steps in (3, 8, 8):
            for _ in range(steps):
                saddle.step()
            lower = points.lower(saddle.bound())
            assert points.in_units(lower, up=False) <= optimum * EXACT
            saddle.tighten(10 * points.n)
        gain = saddle.inequalities.safe_gain()
        gained += gain > 0
        close += gain > 0 and lower > 0.9 * problem.upper
    assert gained > 40
    assert close > 20


def test_no_sum_of_blocks_exceeds_the_optimum():
    for X, weights, k, labels, optimum in instances(2, 600):
        points = points_of(X, weights)
        problem = Problem(points, k, points.labels_of(labels), points.upper(labels), 1e-4)
        lower = max(islice(block_bounds(problem, Clock(9.0), 5), 12), default=0.0)
        assert points.in_units(lower, up=False) <= optimum * EXACT


def test_sketches_are_as_often_wrong_as_they_say_at_most():
    wrong = total = close = 0
    for X, weights, k, labels, optimum in instances(4, 400):
        points = points_of(X, weights)
        upper = points.upper(labels)
        problem = Problem(points, k, points.labels_of(labels), upper, 1e-4, 0.5, total)
        lower = max(islice(sketch_bounds(problem, Clock(0.02)), 4), default=0.0)
        wrong += points.in_units(lower, up=False) > optimum * EXACT
        close += lower > 0.5 * upper
        total += 1
    assert wrong <= 0.5 * total
    assert close > 0


def test_certificates_of_bad_clusterings_are_true():
    rng = np.random.default_rng(5)
    for X, weights, k, _, optimum in instances(3, 500):
        labels = rng.integers(0, k, len(X))
        found = certify(labels, X, sample_weight=weights, n_clusters=k, time_limit=0.05)
        assert found.lower <= optimum * EXACT
        assert found.upper >= optimum / EXACT
