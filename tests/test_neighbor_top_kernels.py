"""The kernels that find a few likely components among neighbours against their reference."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given, settings
from hypothesis import strategies as st
from strategies import generators

from cofactor import kernels
from cofactor.data import share
from cofactor.engine import SerialEngine, engine_for

every = pytest.mark.parametrize("name", kernels.available())
measures = pytest.mark.parametrize("measure", ["affine", "scaled", "whitened", "csr"])
quick = settings(max_examples=25)
dtypes = st.sampled_from([np.float32, np.float64])
SERIAL = SerialEngine()


def problem(rng, dtype, n, d, k, keep):
    """Return rows of whole numbers in units that keep some components, and a few lists."""
    members = rng.permutation(k).astype(np.int32)
    kept = np.argsort(rng.random((n, k)), axis=1)[:, :keep].astype(np.int32)
    kept[rng.random(n) < 0.2] = -1
    starts = np.concatenate([[0], np.sort(rng.integers(0, n + 1, k - 1)), [n]])
    inner = rng.integers(0, k + 1, k // 2)
    offsets = rng.integers(-9, 10, k) / 2.0
    offsets[rng.random(k) < 0.1] = np.inf
    return SimpleNamespace(
        X=(rng.integers(-4, 5, (n, d)) * (rng.random((n, d)) < 0.6)).astype(dtype),
        shift=rng.integers(-2, 3, d),
        units=(rng.permutation(n), starts, kept),
        places=(members, np.argsort(members).astype(np.int32)),
        vectors=rng.integers(-4, 5, (k, d)),
        factors=np.triu(rng.integers(-2, 3, (k, d, d))) / 2.0,
        scales=rng.integers(1, 3, (k, d)) / 2.0,
        offsets=offsets,
        groups=(
            np.unique(np.concatenate([[0], inner, [k]])),
            rng.integers(-1, k, (k, int(rng.integers(1, 9)))).astype(np.int32),
        ),
        keep=keep,
    )


def affine(load, p):
    dtype = p.X.dtype
    data = p.X, p.shift.astype(dtype)
    return load.neighbor_top, data, (p.vectors.astype(dtype), p.offsets.astype(dtype))


def scaled(load, p):
    model = np.hstack([p.vectors.astype(float), p.scales]), p.offsets
    return load.neighbor_top_scaled, (p.X, p.shift.astype(float)), model


def whitened(load, p):
    column, row = np.tril_indices(p.X.shape[1])
    model = np.hstack([p.vectors.astype(float), p.factors[:, row, column]]), p.offsets
    return load.neighbor_top_whitened, (p.X, p.shift.astype(float)), model


def csr(load, p, indices=np.int32):
    X, (k, d) = sp.csr_array(p.X), p.vectors.shape
    width = -(-k // 16) * 16
    components_t = np.zeros((d, width), p.X.dtype)
    components_t[:, :k] = p.vectors.T
    offsets = np.append(p.offsets, np.full(width - k, np.inf)).astype(p.X.dtype)
    data = X.indptr.astype(indices), X.indices.astype(indices), X.data
    return load.neighbor_top_csr, data, (components_t, offsets)


MEASURES = {"affine": affine, "scaled": scaled, "whitened": whitened, "csr": csr}


def found(name, measure, p, engine=SERIAL):
    kernel, data, model = MEASURES[measure](kernels.load(name), p)
    index = np.full((len(p.X), p.keep), -7, np.int32)
    loss, evaluations = np.full(index.shape, np.nan), np.zeros(1, np.int64)
    share(engine, kernel, *data, *p.units, *p.places, *model, *p.groups, index, loss, evaluations)
    return index, loss, evaluations[0]


def losses(measure, p):
    """Return the loss of every row under every component."""
    members = p.places[0]
    shift = 0 if measure == "csr" else p.shift
    residuals = (p.X - shift)[:, None] - p.vectors
    if measure == "scaled":
        values = 0.5 * np.square(residuals * p.scales).sum(axis=2) + p.offsets
    elif measure == "whitened":
        products = np.einsum("nl,clj->ncj", p.X - p.shift, p.factors)
        values = 0.5 * np.square(products - p.vectors).sum(axis=2) + p.offsets
    else:
        values = p.offsets - (p.X - shift) @ p.vectors.T
    return values[:, np.argsort(members)]


@every
@measures
@quick
@given(
    rng=generators,
    dtype=dtypes,
    n=st.integers(1, 300),
    d=st.integers(1, 40),
    k=st.integers(1, 60),
    keep=st.integers(1, 20),
)
def test_the_smallest_losses_of_a_group_are_found(name, measure, rng, dtype, n, d, k, keep):
    p = problem(rng, dtype, n, d, k, min(k, keep))
    got, expected = (found(i, measure, p) for i in (name, "reference"))
    np.testing.assert_array_equal(got[1], expected[1])
    assert got[2] == expected[2]
    truth = np.take_along_axis(losses(measure, p), got[0], axis=1)
    possible = np.isfinite(got[1])  # of components that cannot be found any may fill up a row
    np.testing.assert_array_equal(truth[possible], got[1][possible])


@every
@measures
@quick
@given(rng=generators, dtype=dtypes, n=st.integers(1, 200), k=st.integers(2, 60))
def test_no_row_ends_with_less_than_it_kept(name, measure, rng, dtype, n, k):
    p = problem(rng, dtype, n, 7, k, min(k, 3))
    index, loss, _ = found(name, measure, p)
    kept = p.units[2]
    old = kept[:, 0] >= 0
    before = np.sort(np.take_along_axis(losses(measure, p), kept, axis=1), axis=1)
    assert (loss[old] <= before[old]).all()
    possible = np.isfinite(loss)
    for row, some in zip(index, possible, strict=True):
        assert len(set(row[some])) == np.count_nonzero(some)


@every
@measures
def test_any_number_of_threads_finds_the_same(name, measure):
    p = problem(np.random.default_rng(0), np.float32, 3000, 9, 400, 3)
    results = []
    for n_threads in (1, 3):
        with engine_for(n_threads, 64) as engine:
            results.append(found(name, measure, p, engine))
    for one, other in zip(*results, strict=True):
        np.testing.assert_array_equal(one, other)


@every
@quick
@given(
    rng=generators, dtype=dtypes, n=st.integers(1, 60), d=st.integers(1, 20), k=st.integers(1, 9)
)
def test_grams_are_those_of_the_components(name, rng, dtype, n, d, k):
    X = rng.integers(-4, 5, (n, d)).astype(dtype)
    index, weight = rng.integers(0, k, (n, 2)).astype(np.int32), rng.integers(0, 5, (n, 2)) / 4.0
    shift, grams = rng.integers(-2, 3, d).astype(float), np.ones((k, d, d))
    kernels.load(name).weighted_grams(X, shift, index, weight, grams)
    for c in range(k):
        own = (weight * (index == c)).sum(axis=1)
        np.testing.assert_array_equal(grams[c], 1 + ((X - shift).T * own) @ (X - shift))


@every
def test_wide_indices_are_taken(name):
    p = problem(np.random.default_rng(1), np.float64, 50, 9, 40, 3)
    kernel, data, model = csr(kernels.load(name), p, np.int64)
    index, loss = np.empty((50, 3), np.int32), np.empty((50, 3))
    task = *data, *p.units, *p.places, *model, *p.groups, index, loss, np.zeros(1, np.int64)
    share(SERIAL, kernel, *task)
    np.testing.assert_array_equal(loss, found(name, "csr", p)[1])


@pytest.mark.skipif(kernels.available()[0] == "reference", reason="the reference checks nothing")
def test_arrays_that_do_not_fit_are_refused():
    p = problem(np.random.default_rng(2), np.float64, 20, 4, 8, 2)
    p.units = p.units[0][:5].copy(), *p.units[1:]
    with pytest.raises(ValueError, match="order has fewer rows"):
        found(kernels.available()[0], "affine", p)
