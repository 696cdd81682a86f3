"""The kernel of nonnegative least squares, against its NumPy twin and what it promises."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import nnls
from strategies import seeds

from cofactor import kernels
from cofactor.kernels import reference

every = pytest.mark.parametrize("name", kernels.available())
some = settings(max_examples=30)


class Programs:
    """Rows that share one Gram matrix, one of whose components may be zero."""

    def __init__(self, seed, n=20, k=5):
        rng = np.random.default_rng(seed)
        self.W = rng.gamma(1.0, size=(k, k + 4)) * (rng.uniform(size=(k, 1)) < 0.9)
        self.X = rng.normal(1.0, 2.0, (n, k + 4))
        self.gram, self.products = self.W @ self.W.T, self.X @ self.W.T
        self.codes = rng.gamma(0.5, size=(n, k))
        self.l1, self.l2 = rng.choice([0.0, 0.5], 2)
        self.loss = np.empty(n)

    def take(self, sweeps, implementation):
        penalty = self.l1, self.l2
        implementation.nonnegative_sweeps(
            self.gram, self.products, self.codes, sweeps, *penalty, self.loss
        )
        return self.codes.copy(), self.loss.copy()

    def penalised(self):
        squares = 0.5 * np.square(self.X - self.codes @ self.W).sum(axis=1)
        own = self.l1 * self.codes.sum(axis=1) + 0.5 * self.l2 * (self.codes**2).sum(axis=1)
        return squares + own


@every
@some
@given(seeds, st.integers(0, 80), st.integers(1, 40), st.integers(0, 4))
def test_kernels_match_reference(name, seed, n, k, sweeps):
    got, expected = Programs(seed, n, k), Programs(seed, n, k)
    for part, other in zip(
        got.take(sweeps, kernels.load(name)), expected.take(sweeps, reference), strict=True
    ):
        np.testing.assert_allclose(part, other, rtol=1e-9, atol=1e-9)


@every
@some
@given(seeds)
def test_no_sweep_raises_the_penalised_loss(name, seed):
    problem = Programs(seed)
    for _ in range(4):
        before = problem.penalised()
        _, loss = problem.take(1, kernels.load(name))
        assert (problem.codes >= 0).all()
        assert (problem.penalised() <= before * (1 + 1e-12) + 1e-12).all()
        rest = 0.5 * np.square(problem.X).sum(axis=1)
        squares = 0.5 * np.square(problem.X - problem.codes @ problem.W).sum(axis=1)
        np.testing.assert_allclose(loss + rest, squares, rtol=1e-9, atol=1e-9)


@every
def test_sweeps_end_where_active_sets_do(name):
    problem = Programs(3)
    problem.l1 = problem.l2 = 0.0
    problem.take(5000, kernels.load(name))
    best = np.array([nnls(problem.W.T, row)[0] for row in problem.X])
    np.testing.assert_allclose(problem.codes @ problem.W, best @ problem.W, atol=1e-6)


@every
@some
@given(seeds, st.integers(1, 60), st.integers(0, 60))
def test_rows_do_not_depend_on_those_beside_them(name, seed, n, cut):
    whole, parts = Programs(seed, n).take(3, kernels.load(name)), []
    for rows in (slice(cut), slice(cut, None)):
        part = Programs(seed, n)
        part.products, part.codes, part.loss = (
            np.ascontiguousarray(a[rows]) for a in (part.products, part.codes, part.loss)
        )
        parts.append(part.take(3, kernels.load(name)))
    for got, expected in zip(map(np.concatenate, zip(*parts, strict=True)), whole, strict=True):
        np.testing.assert_array_equal(got, expected)


@every
def test_losses_need_not_be_asked_for(name):
    asked, unasked = Programs(1), Programs(1)
    unasked.loss = np.zeros(0)
    np.testing.assert_array_equal(
        unasked.take(2, kernels.load(name))[0], asked.take(2, kernels.load(name))[0]
    )
