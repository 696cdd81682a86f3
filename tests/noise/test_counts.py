"""How steps of counts take rows: dense, by lists of their counts, with Hessians or without."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given, settings
from hypothesis import strategies as st
from strategies import seeds

from cofactor.data import Baseline, DenseOffset, open_rows
from cofactor.noise import Poisson
from cofactor.noise.counts import FILLED, LARGEST_K, MOST_ROOM, newton_memory
from cofactor.noise.linear import FixedFactor, Judged

N_COLUMNS = 900
BIG_K = 100  # with Hessians that are small enough beside so many columns


def counts(rng, filled, n=40, d=N_COLUMNS):
    chosen = rng.random((n, d)) < filled
    return (chosen * (1.0 + rng.poisson(1.0, (n, d)))).astype(np.float32)


def factor(rng, k, d, judged=Judged.AFTER, weighted=False):
    weights = rng.choice([0.5, 2.0], d) if weighted else None
    return FixedFactor(rng.gamma(1.0, size=(d, k)), column_weights=weights, judged=judged)


def test_hessians_of_many_components_belong_to_dense_rows():
    rng = np.random.default_rng(0)
    full, few = counts(rng, 0.9), counts(rng, 0.5 * FILLED)
    assert BIG_K * (BIG_K + 1) // 2 <= MOST_ROOM * N_COLUMNS < 200 * 201 // 2
    for X, k, kept in (
        (full, LARGEST_K, True),
        (few, LARGEST_K, True),
        (full, BIG_K, True),
        (few, BIG_K, False),
        (sp.csr_array(full), BIG_K, False),
        (full, 200, False),
    ):
        assert (newton_memory(open_rows(X), k, warm=False) is not None) == kept
    shifted = open_rows(full, baseline=Baseline(None, DenseOffset(full + 1)))
    assert newton_memory(shifted, 3, warm=False) is None


@pytest.mark.parametrize("k", [3, BIG_K])
def test_newton_steps_of_dense_rows_never_raise_the_loss(k):
    rng, noise = np.random.default_rng(1), Poisson()
    block = open_rows(counts(rng, 0.8).astype(float))
    fixed, codes = factor(rng, k, N_COLUMNS), rng.gamma(1.0, size=(40, k))
    memory, before = noise.memory(block, k, warm=True), np.inf
    for _ in range(6):
        found = noise.nonnegative_codes(block, fixed, codes, memory)
        assert (found.loss <= before).all()
        codes, before = found.codes, found.loss


@settings(max_examples=25)
@given(
    seed=seeds,
    filled=st.sampled_from([0.0, 0.2, FILLED, 0.7, 1.0]),
    masked=st.booleans(),
    exposed=st.booleans(),
    weighted=st.booleans(),
    judged=st.sampled_from(list(Judged)),
)
def test_dense_and_sparse_rows_step_alike(seed, filled, masked, exposed, weighted, judged):
    rng, noise = np.random.default_rng(seed), Poisson()
    n, d, k = rng.integers(1, [60, 200, 20], endpoint=True)
    X = counts(rng, filled, n, d).astype(float)
    observed = rng.random(X.shape) < 0.8 if masked else None
    baseline = Baseline(rng.uniform(0.5, 2.0, n) if exposed else None)
    fixed = factor(rng, k, d, judged, weighted)
    codes = rng.gamma(1.0, size=(n, k)) * (rng.random((n, k)) < 0.9)
    dense = open_rows(X, observed=observed, baseline=baseline)
    listed = open_rows(sp.csr_array(X), observed=observed, baseline=baseline)
    memories = [noise.memory(block, k, warm=True) for block in (dense, listed)]
    for step in (noise.multiplicative_codes, noise.nonnegative_codes, noise.hasty_codes):
        extra = [()] * 2 if step == noise.multiplicative_codes else [(m,) for m in memories]
        got = step(dense, fixed, codes, *extra[0])
        expected = step(listed, fixed, codes, *extra[1])
        np.testing.assert_allclose(got.codes, expected.codes, rtol=1e-6, atol=1e-8)
        np.testing.assert_allclose(got.loss, expected.loss, rtol=1e-9, atol=1e-9)
        codes = np.asarray(expected.codes, dtype=float)
