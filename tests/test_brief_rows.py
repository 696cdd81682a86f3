"""Counts in few bytes: the same bits, where multiplicative steps read them so."""

from dataclasses import replace

import numpy as np
import pytest
import scipy.sparse as sp

from cofactor import NMF, kernels
from cofactor.data import Baseline, DenseRows, FactoredOffset, SparseRows
from cofactor.data.sharing import share
from cofactor.data.sparse import BriefRows
from cofactor.engine.serial import ALONE
from cofactor.noise import Poisson


def counts(n, d, rate=0.3, seed=0):
    return sp.csr_array(np.random.default_rng(seed).poisson(rate, (n, d)).astype(float))


def rows_of(X):
    return SparseRows(sp.csr_array(X), np.ones(X.shape[0]))


def stepped(step, arrays, columns, codes):
    """Return where a step begins and leads, and its losses before and after."""
    n, none = len(codes), np.zeros(0, dtype=codes.dtype)
    begun, new, before, after = codes.copy(), codes.copy(), np.zeros(n), np.zeros(n)
    rest, totals = np.zeros((0, 0), codes.dtype), np.zeros((0, codes.shape[1]))
    fixed = none, columns, rest, totals, none
    share(ALONE, step, *arrays, *fixed, codes, begun, new, 0.1, 0.2, 0.0, 1e-12, before, after)
    return begun, new, before, after


@pytest.mark.parametrize("name", kernels.available())
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("k", [1, 5, 16, 20, 40])
def test_steps_find_the_same_bits(name, dtype, k):
    rng = np.random.default_rng(k)
    X = sp.vstack([counts(7, 90, rate) for rate in (0.0, 0.01, 0.1, 0.4, 9.0)], format="csr")
    X.data[:2] = 255.0
    columns = rng.random((90, k)).astype(dtype)
    codes = rng.random((X.shape[0], k)).astype(dtype)
    codes[-1] = 0.0  # which explains nothing, and is lifted
    arrays = X.indptr, X.indices, X.data.astype(dtype)
    brief = X.indptr.astype(np.int64), X.indices.astype(np.uint16), X.data.astype(np.uint8)
    step = kernels.load(name).poisson_multiplicative_csr
    for plain, own in zip(
        stepped(step, arrays, columns, codes), stepped(step, brief, columns, codes), strict=True
    ):
        np.testing.assert_array_equal(own, plain)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("n_threads", [1, 3])
def test_fits_find_the_same_bits(dtype, weighted, n_threads, monkeypatch):
    X = counts(600, 200).astype(dtype)
    weights = np.random.default_rng(1).uniform(0.5, 2.0, 600) if weighted else None
    model = NMF(
        4, noise="poisson", solver="mu", init="random", max_iter=6, tol=0, random_state=0,
        n_threads=n_threads,
    )  # fmt: skip
    codes = model.fit_transform(X, sample_weight=weights)
    components = model.components_
    monkeypatch.setattr(Poisson, "reads_brief", False)
    np.testing.assert_array_equal(model.fit_transform(X, sample_weight=weights), codes)
    np.testing.assert_array_equal(model.components_, components)


def test_a_fit_reads_counts_in_few_bytes(monkeypatch):
    asked = []

    def run(rows, kernel, *arguments):
        asked.append(rows.n_rows)
        SparseRows.run(rows, kernel, *arguments)

    monkeypatch.setattr(BriefRows, "run", run)
    model = NMF(3, noise="poisson", solver="mu", init="random", max_iter=2, tol=0)
    model.fit(counts(600, 200))
    assert {*asked} == {600, 200}


def test_small_whole_numbers_are_stored_in_few_bytes():
    rows = rows_of(counts(600, 200))
    indptr, indices, data = rows.brief._brief
    np.testing.assert_array_equal(indptr, rows.matrix.indptr)
    np.testing.assert_array_equal(indices, rows.matrix.indices)
    np.testing.assert_array_equal(data, rows.matrix.data)
    assert indices.dtype == np.uint16
    assert data.dtype == np.uint8


def changed(value):
    X = counts(600, 200)
    X.data[100] = value
    return X


@pytest.mark.parametrize(
    "rows",
    [
        rows_of(changed(256.0)),
        rows_of(changed(0.5)),
        rows_of(changed(-1.0)),
        rows_of(counts(20, 20)),
        rows_of(sp.hstack([counts(600, 200), sp.csr_array((600, 1 << 16))], format="csr")),
        replace(
            rows_of(counts(600, 200)),
            baseline=Baseline(offset=FactoredOffset(np.ones((600, 1)), np.ones((1, 200)))),
        ),
        DenseRows(counts(600, 200).toarray(), np.ones(600)),
    ],
    ids=["large", "fraction", "negative", "few", "wide", "offsets", "dense"],
)
def test_other_rows_stay_as_they_are(rows):
    assert rows.brief is None
