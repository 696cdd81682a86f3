"""All rows as one block, whose kernels workers share: the same bits as in blocks of their own."""

from __future__ import annotations

import sys

import numpy as np
import pytest
from scipy import sparse

from cofactor import kernels
from cofactor.codes import MultiplicativeNonnegative, Nonnegative
from cofactor.data import (
    Baseline,
    FactoredOffset,
    cut,
    cut_evenly,
    in_parts,
    open_rows,
    open_transposed,
    share,
    weighted_sum,
)
from cofactor.engine import SerialEngine, ThreadEngine
from cofactor.engine.pool import Pool
from cofactor.fit import blocks_for, first_rows, fit
from cofactor.model import Model
from cofactor.noise import Gaussian, Params, Penalty, Poisson
from cofactor.stop import Stop

N, D, K = 900, 40, 3
PRIOR = Penalty(l1=0.1, log=0.5)
CODES = {
    "newton": Nonnegative(),
    "prior": Nonnegative(PRIOR, PRIOR),
    "multiplicative": MultiplicativeNonnegative(),
}


@pytest.fixture(autouse=True)
def small_blocks(monkeypatch):
    monkeypatch.setattr(sys.modules["cofactor.data.cut"], "MIN_BLOCK_ENTRIES", 1 << 12)


def counts(seed):
    rng = np.random.default_rng(seed)
    return rng.poisson(rng.gamma(0.5, size=(N, K)) @ rng.gamma(0.5, size=(K, D))).astype(float)


def opened(case):
    """Rows and columns of counts in some storage, with gaps or a baseline."""
    X, rng = counts(1), np.random.default_rng(2)
    observed, baseline = None, None
    if case == "sparse":
        X = sparse.csr_array(X)
    if case == "masked":
        observed = rng.random((N, D)) < 0.8
    if case == "offset":
        offset = FactoredOffset(rng.random((N, 2)), rng.random((2, D)))
        baseline = Baseline(rng.uniform(0.5, 2.0, N), offset)
    rows = open_rows(X, rng.uniform(0.5, 2.0, N), observed, baseline)
    return rows, open_transposed(X, observed, baseline)


def fitted(model, blocks, columns, engine):
    rng = np.random.default_rng(3)
    params = Params(rng.gamma(1.0, size=(K, D)), np.zeros(K), np.zeros(0), np.zeros(D))
    rows = first_rows(model, blocks, params, engine, rng.gamma(1.0, size=(N, K)), columns)
    found = fit(model, rows, params, Stop(6))
    codes = np.vstack([state.codes for state in found.rows.states])
    return found.trace.objective, codes, found.params.components


@pytest.mark.parametrize("case", ["dense", "sparse", "masked", "offset"])
@pytest.mark.parametrize("name", sorted(CODES))
def test_shared_rows_find_what_blocks_find(name, case):
    model, (rows, columns) = Model(Poisson(), CODES[name]), opened(case)
    assert len(cut(rows)) > 1
    expected = fitted(model, cut(rows), cut_evenly(columns), SerialEngine())
    for n_threads in (1, 2, 3, 7):
        pool = Pool(n_threads)
        with pool:
            engine = ThreadEngine(pool, n_threads)
            shared = [blocks_for(model, part, engine) for part in (rows, columns)]
            assert [len(blocks) for blocks in shared] == [1, 1]
            for got, wanted in zip(fitted(model, *shared, engine), expected, strict=True):
                np.testing.assert_array_equal(got, wanted)


def test_other_noises_keep_their_blocks():
    rows, columns = opened("dense")
    model = Model(Gaussian(), Nonnegative())
    assert len(blocks_for(model, rows, SerialEngine())) == len(cut(rows))
    assert len(blocks_for(model, columns, SerialEngine(), cut_evenly)) == len(cut_evenly(columns))


@pytest.mark.parametrize("name", kernels.available())
@pytest.mark.parametrize("n_threads", [1, 2, 3, 5, 9])
def test_every_row_is_visited_once(name, n_threads):
    """However many workers come, and in whatever ranges they find rows left."""
    rng, n, d = np.random.default_rng(n_threads), 5000, 16
    X = sparse.csr_array(rng.poisson(0.1, (n, d)).astype(float))
    whole, rest, k = rng.random((d, 16)), np.zeros((d, 0)), 2
    start, new, begun = rng.random((n, k)), np.zeros((n, k)), np.zeros((n, k))
    whole[:, k:], none = 0.0, np.zeros(0)
    step = kernels.load(name).poisson_multiplicative_csr
    with Pool(n_threads) as pool:
        share(
            ThreadEngine(pool, n_threads),
            step,
            *(X.indptr, X.indices, X.data, none, whole, rest, whole.sum(axis=0)[None, :k], none),
            *(start, begun, new, 0.0, 0.0, 0.0, 1e-12, none, none),
        )
    counted = np.diff(X.indptr) > 0
    np.testing.assert_array_equal(begun[counted], start[counted])
    assert (new[counted] > 0).all()
    assert not new[~counted].any()


def test_parts_keep_the_order_of_rows():
    rows, _ = opened("sparse")
    with Pool(2) as pool:
        shared = rows.shared(ThreadEngine(pool, 2))
        numbers = np.arange(N)
        np.testing.assert_array_equal(in_parts(shared, lambda part, own: own, numbers), numbers)
        sums = shared.row_sums(np.sqrt)
    np.testing.assert_array_equal(sums, rows.row_sums(np.sqrt))


def test_weighted_sums_are_those_of_the_parts():
    rows = opened("dense")[0].shared(SerialEngine())
    assert len(rows.parts) > 1
    values = np.random.default_rng(4).random(N)
    assert weighted_sum(rows, values) == pytest.approx(rows.weights @ values, rel=1e-12)
