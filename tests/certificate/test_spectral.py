"""Sums of least eigenvalues against 50 digits, and the relaxation's bound for any multipliers."""

from __future__ import annotations

from itertools import islice

import mpmath
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.datasets import load_iris, load_wine
from strategies import generators

from cofactor import KMeans
from cofactor.certificate import spectral
from cofactor.certificate.clock import Clock
from cofactor.certificate.inequalities import Inequalities
from cofactor.certificate.low_rank import closed_form_bounds, factored_bound
from cofactor.certificate.multiplier import Multipliers
from cofactor.certificate.peng_wei import peng_wei_bounds
from cofactor.certificate.points import points_of
from cofactor.certificate.principal import principal_bound
from cofactor.certificate.problem import Problem
from cofactor.certificate.relaxation import Relaxation
from cofactor.certificate.saddle import Saddle, clipped
from cofactor.certificate.spectral import least_eigenvalue_sum

some = settings(max_examples=25)


def symmetric(rng, p):
    """Return a matrix, sometimes of low rank, with eigenvalues of any sign and size."""
    root = rng.normal(size=(p, int(rng.integers(1, p + 1)))) * 10.0 ** rng.integers(-6, 6)
    matrix = (root * rng.choice([-1.0, 1.0], root.shape[1])) @ root.T
    return np.tril(matrix) + np.tril(matrix, -1).T


def exact_sum(matrix, count):
    with mpmath.workdps(50):
        values = mpmath.eigsy(mpmath.matrix(matrix.tolist()), eigvals_only=True)
        return mpmath.fsum(sorted(values)[:count])


@some
@given(rng=generators, p=st.integers(1, 12), data=st.data())
def test_sums_are_bounded_and_close(rng, p, data):
    matrix, count = symmetric(rng, p), data.draw(st.integers(0, p))
    bound, exact = least_eigenvalue_sum(matrix, count), exact_sum(matrix, count)
    assert bound <= exact
    assert float(exact) - bound <= 1e-11 * max(np.linalg.norm(matrix), 1e-300) * p


@some
@given(rng=generators, p=st.integers(2, 10))
def test_an_error_of_the_matrix_is_allowed_for(rng, p):
    matrix, shift = symmetric(rng, p), rng.normal(size=(p, p))
    shift += shift.T
    count = int(rng.integers(1, p + 1))
    error = float(np.linalg.norm(shift)) * (1 + 1e-12)
    assert least_eigenvalue_sum(matrix, count, error) <= exact_sum(matrix + shift, count) + 1e-12


def test_large_matrices_by_lanczos_and_by_a_guess():
    rng = np.random.default_rng(0)
    basis = np.linalg.qr(rng.normal(size=(900, 900)))[0]
    values = np.sort(np.append(rng.uniform(0.0, 1.0, 890), -np.arange(1.0, 11.0)))
    matrix = (basis * values) @ basis.T
    matrix = np.tril(matrix) + np.tril(matrix, -1).T
    expected = values[:5].sum()
    for guess in (None, basis[:, ::90] @ rng.normal(size=(10, 10)) * 1e-3 + basis[:, :10]):
        bound = least_eigenvalue_sum(matrix, 5, guess=guess)
        assert bound <= expected + 1e-10
        assert bound == pytest.approx(expected, abs=1e-3)


def failing(*_, **__):
    raise np.linalg.LinAlgError


def finding_nothing(matrix, **__):
    return np.empty(0), np.empty((len(matrix), 0))


@pytest.mark.parametrize("solver", [failing, finding_nothing])
def test_a_solver_that_fails_is_replaced(monkeypatch, solver):
    matrix = symmetric(np.random.default_rng(0), 8)
    expected = least_eigenvalue_sum(matrix, 3)
    monkeypatch.setattr(spectral, "eigh", solver)
    assert least_eigenvalue_sum(matrix, 3) == pytest.approx(expected, rel=1e-9)


def problem_of(X, k, weights=None):
    weights = np.ones(len(X)) if weights is None else weights
    labels = KMeans(k, n_init=10, random_state=0).fit(X, sample_weight=weights).labels_
    points = points_of(X, weights)
    return Problem(points, k, points.labels_of(labels), points.upper(labels), 1e-6)


@pytest.mark.parametrize("k", [2, 3, 5])
def test_without_multipliers_it_is_the_bound_of_principal_components(k):
    rng = np.random.default_rng(k)
    problem = problem_of(rng.normal(size=(30, 7)), k, rng.uniform(0.5, 2.0, 30))
    points, relaxation = problem.points, Relaxation.of(problem.points, k)
    expected = principal_bound(points.values, points.weights, k)
    assert relaxation.bound(relaxation.costs) == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("weighted", [False, True])
def test_factors_give_what_matrices_give(weighted):
    rng = np.random.default_rng(1)
    X = rng.normal(size=(80, 5)) + 4.0 * rng.integers(3, size=(80, 1))
    problem = problem_of(X, 3, rng.uniform(0.5, 2.0, 80) if weighted else None)
    relaxation, multipliers = Relaxation.of(problem.points, 3), Multipliers(problem)
    for level in multipliers.levels:
        dense = relaxation.bound(relaxation.costs - multipliers.dense(level))
        assert factored_bound(problem, multipliers.factors(level)) == pytest.approx(
            dense, rel=1e-7, abs=1e-6 * problem.upper
        )


def test_clusters_far_apart_are_proved_in_closed_form():
    rng = np.random.default_rng(2)
    X = rng.normal(size=(600, 6)) + 30.0 * np.eye(6)[rng.integers(4, size=600)]
    problem = problem_of(X, 4)
    best = max(closed_form_bounds(problem, Clock(60.0)))
    assert problem.upper * (1 - 1e-9) <= best <= problem.upper


def test_steps_and_inequalities_close_most_of_the_gap_of_iris():
    problem = problem_of(load_iris().data, 3)
    bounds = list(islice(peng_wei_bounds(problem, Clock(60.0)), 25))
    assert max(bounds[:6]) < 0.8 * problem.upper  # closed form
    assert 0.95 * problem.upper < max(bounds[:10])  # steps
    assert 0.97 * problem.upper < max(bounds) <= problem.upper  # inequalities


def test_inequalities_hold_for_clusterings_and_cut_off_the_relaxation():
    X = load_wine().data
    problem = problem_of((X - X.mean(axis=0)) / X.std(axis=0), 2)
    roots = np.sqrt(problem.points.weights)
    codes = (problem.labels[:, None] == np.arange(2)) * roots[:, None]
    projection = (codes / (codes**2).sum(axis=0)) @ codes.T
    relaxation, multipliers = Relaxation.of(problem.points, 2), Multipliers(problem)
    saddle = Saddle(relaxation, multipliers.dense(multipliers.levels[-1]), problem.labels)
    for _ in range(60):
        saddle.step()
    assert saddle.tighten(500) == 500
    assert (saddle.inequalities.values(projection) <= 1e-12).all()
    assert (saddle.inequalities.values(saddle.matrix) > 0).all()
    again = Inequalities.none(relaxation.company()).joined(saddle.matrix, 500)
    assert len(again) == 500
    assert (again.values(saddle.matrix) > 0).all()


@some
@given(rng=generators, n=st.integers(2, 30), data=st.data())
def test_shares_are_clipped_and_add_up(rng, n, data):
    values, total = rng.normal(size=n), data.draw(st.integers(1, n))
    shares = clipped(values, total)
    assert shares.sum() == pytest.approx(total)
    assert ((shares >= 0) & (shares <= 1)).all()
    assert (np.diff(shares[np.argsort(values)]) >= 0).all()
