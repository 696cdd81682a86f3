"""The kernel of least squares over observed entries, against its twin and what it promises."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import nnls
from strategies import seeds

from cofactor import kernels
from cofactor.data.aligned import in_groups
from cofactor.kernels import reference

every = pytest.mark.parametrize("name", kernels.available())
some = settings(max_examples=30)


class Programs:
    """Rows each of which saw columns of its own, listed either way, and was exposed to its own."""

    def __init__(self, seed, n=20, k=5, wide=False, lowest=0.0):
        rng = np.random.default_rng(seed)
        d = k + 6
        self.W = rng.normal(0.2, 1.0, (k, d)) * (rng.uniform(size=(k, 1)) < 0.9)
        self.X, self.seen = rng.normal(1.0, 2.0, (n, d)), rng.uniform(size=(n, d)) < 0.7
        self.sign = rng.choice([1.0, -1.0])
        listed = self.seen if self.sign > 0 else ~self.seen
        pattern = sp.csr_array(listed.astype(float))
        index = np.int64 if wide else np.int32
        self.listed = pattern.indptr.astype(index), pattern.indices.astype(index)
        self.exposures = rng.uniform(0.5, 2.0, n) if rng.uniform() < 0.7 else np.ones(n)
        self.scales = np.square(self.exposures) if (self.exposures != 1).any() else np.zeros(0)
        self.products = self.exposures[:, None] * ((self.X * self.seen) @ self.W.T)
        self.codes = rng.gamma(0.5, size=(n, k))
        self.l1, self.l2 = rng.choice([0.0, 0.5], 2)
        self.lowest, self.loss = lowest, np.empty(n)

    def take(self, sweeps, implementation):
        whole = self.W @ self.W.T if self.sign < 0 else np.zeros((len(self.W),) * 2)
        held = in_groups(self.W.T, np.float64), whole, self.sign, self.scales, self.products
        limits = sweeps, self.l1, self.l2, self.lowest
        implementation.observed_sweeps(*self.listed, *held, self.codes, *limits, self.loss)
        return self.codes.copy(), self.loss.copy()

    def squares(self):
        left = self.X - self.exposures[:, None] * (self.codes @ self.W)
        return 0.5 * np.square(left * self.seen).sum(axis=1)

    def penalised(self):
        own = self.l1 * self.codes.sum(axis=1) + 0.5 * self.l2 * (self.codes**2).sum(axis=1)
        return self.squares() + own


@every
@some
@given(
    seeds,
    st.integers(1, 60),
    st.integers(1, 40) | st.integers(60, 90),  # many: by fitted values instead of Gram matrices
    st.integers(0, 4),
    st.booleans(),
)
def test_kernels_match_reference(name, seed, n, k, sweeps, wide):
    got, expected = Programs(seed, n, k, wide), Programs(seed, n, k, wide)
    for part, other in zip(
        got.take(sweeps, kernels.load(name)), expected.take(sweeps, reference), strict=True
    ):
        np.testing.assert_allclose(part, other, rtol=1e-7, atol=1e-7)


@every
@some
@given(seeds, st.integers(1, 20) | st.integers(25, 40), st.sampled_from([0.0, -np.inf]))
def test_no_sweep_raises_the_penalised_loss(name, seed, k, lowest):
    problem = Programs(seed, k=k, lowest=lowest)
    if lowest < 0:
        problem.l1 = 0.0  # no penalty of numbers below 0
    for _ in range(4):
        before = problem.penalised()
        _, loss = problem.take(1, kernels.load(name))
        assert (problem.codes >= lowest).all()
        assert (problem.penalised() <= before * (1 + 1e-12) + 1e-12).all()
        rest = 0.5 * np.square(problem.X * problem.seen).sum(axis=1)
        np.testing.assert_allclose(loss + rest, problem.squares(), rtol=1e-9, atol=1e-9)


@every
def test_sweeps_end_where_active_sets_do(name):
    problem = Programs(3)
    problem.l1 = problem.l2 = 0.0
    problem.take(5000, kernels.load(name))
    for x, seen, e, z in zip(
        problem.X, problem.seen, problem.exposures, problem.codes, strict=True
    ):
        best = nnls(e * problem.W[:, seen].T, x[seen])[0]
        np.testing.assert_allclose(z @ problem.W[:, seen], best @ problem.W[:, seen], atol=1e-6)


@every
@some
@given(seeds, st.integers(1, 60), st.integers(0, 60), st.sampled_from([5, 50]))
def test_rows_do_not_depend_on_those_beside_them(name, seed, n, cut, k):
    whole, parts = Programs(seed, n, k).take(3, kernels.load(name)), []
    for rows in (slice(min(cut, n)), slice(min(cut, n), None)):
        part = Programs(seed, n, k)
        (indptr, indices), (first, last, _) = part.listed, rows.indices(n)
        part.listed = (
            indptr[first : last + 1] - indptr[first],
            indices[indptr[first] : indptr[last]],
        )
        part.scales, part.products, part.codes, part.loss = (
            np.ascontiguousarray(a[rows])
            for a in (part.scales, part.products, part.codes, part.loss)
        )
        parts.append(part.take(3, kernels.load(name)))
    for got, expected in zip(map(np.concatenate, zip(*parts, strict=True)), whole, strict=True):
        np.testing.assert_array_equal(got, expected)


@every
def test_rows_of_which_nothing_was_seen_stay(name):
    problem = Programs(5)
    problem.l1 = problem.l2 = 0.0
    problem.seen[:] = False
    problem.products[:] = 0.0
    full = np.broadcast_to(np.arange(problem.X.shape[1], dtype=np.int32), problem.X.shape)
    pointers = np.arange(len(problem.X) + 1, dtype=np.int32) * problem.X.shape[1]
    problem.listed = (
        (0 * pointers, full.ravel()[:0])
        if problem.sign > 0
        else (
            pointers,
            np.ascontiguousarray(full.ravel()),
        )
    )
    before = problem.codes.copy()
    np.testing.assert_array_equal(problem.take(3, kernels.load(name))[0], before)


@every
def test_losses_need_not_be_asked_for(name):
    asked, unasked = Programs(1), Programs(1)
    unasked.loss = np.zeros(0)
    np.testing.assert_array_equal(
        unasked.take(2, kernels.load(name))[0], asked.take(2, kernels.load(name))[0]
    )
