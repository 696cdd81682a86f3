"""Several starts in one call are the fits that they would be one by one, to the last bit."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from strategies import generators

from cofactor import KMeans, kernels
from cofactor.estimators import kmeans as module
from cofactor.lloyd import COLUMNS

compiled = [name for name in kernels.available() if name != "reference"]
every = pytest.mark.parametrize("name", compiled)
some = settings(max_examples=60, deadline=None)
dtypes = st.sampled_from([np.float32, np.float64])
ATTRIBUTES = "cluster_centers_", "labels_", "inertia_", "n_iter_", "free_energy_", "converged_"


def scattered(rng, shape):
    return rng.normal(size=shape)


def far_from_the_origin(rng, shape):
    return 1e3 + rng.normal(size=shape)


def repeated(rng, shape):
    """Few distinct rows, maybe fewer than there are clusters."""
    return rng.normal(size=(5, shape[1]))[rng.integers(0, 5, shape[0])]


def whole_numbers(rng, shape):
    """Exact ties, and components that lose all their rows."""
    return rng.integers(-2, 3, shape).astype(float)


def tiny(rng, shape):
    return 1e-25 * rng.normal(size=shape)


data = st.sampled_from([scattered, far_from_the_origin, repeated, whole_numbers, tiny])


def one_by_one(model, X, weights):
    """Fit without the shorter way, which nobody may look at."""
    return model.set_params(callbacks=[lambda iteration: None]).fit(X, sample_weight=weights)


@some
@given(
    make=data,
    rng=generators,
    dtype=dtypes,
    n=st.integers(1, 300),
    d=st.integers(1, 9),
    k=st.integers(1, 12),
    n_init=st.integers(1, 4),
    max_iter=st.sampled_from([1, 2, 300]),
    weighted=st.booleans(),
)
@pytest.mark.filterwarnings("ignore:Number of distinct")
def test_fits_are_those_of_one_start_after_the_other(
    make, rng, dtype, n, d, k, n_init, max_iter, weighted
):
    X, k = make(rng, (n, d)).astype(dtype), min(k, n)
    weights = rng.exponential(size=n) + 0.1 if weighted else None
    seed = int(rng.integers(1 << 30))
    ours, theirs = (
        KMeans(k, n_init=n_init, max_iter=max_iter, random_state=seed) for _ in range(2)
    )
    ours.fit(X, sample_weight=weights)
    one_by_one(theirs, X, weights)
    for name in ATTRIBUTES:
        np.testing.assert_array_equal(getattr(ours, name), getattr(theirs, name), err_msg=name)
    for name in ("objective", "moved", "shift", "evaluations"):
        path, other = ([getattr(line, name) for line in m.trace_] for m in (ours, theirs))
        assert path == other


def test_few_rows_take_the_short_way(monkeypatch):
    calls = []

    def counted(*arguments):
        calls.append(len(arguments[3]))
        return lloyd_starts(*arguments)

    lloyd_starts = module.lloyd_starts
    monkeypatch.setattr(module, "lloyd_starts", counted)
    X = np.random.default_rng(0).normal(size=(100, 3))
    KMeans(4, n_init=3, random_state=0).fit(X)
    assert calls == [3]
    for other in ({"init": X[:4]}, {"callbacks": [print]}, {"polish": True}, {"time_limit": 9.0}):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            KMeans(4, **other).set_params(verbose=0).fit(X)
    assert calls == [3]


def test_random_numbers_are_drawn_once(monkeypatch):
    """Where the short way does not do, starts begin with what was drawn for it."""
    X = np.random.default_rng(0).normal(size=(100, 3))
    expected = KMeans(4, n_init=3, random_state=0).fit(X)
    monkeypatch.setattr(module, "lloyd_starts", lambda *arguments: None)
    found = KMeans(4, n_init=3, random_state=0).fit(X)
    np.testing.assert_array_equal(found.labels_, expected.labels_)


def test_what_takes_long_or_much_memory_goes_start_by_start(monkeypatch):
    """Signals wait for the end of a call, and each iteration that may come has its line."""
    X = np.random.default_rng(0).normal(size=(100, 3))
    expected = KMeans(4, n_init=20, random_state=0).fit(X)
    monkeypatch.setattr(module, "lloyd_starts", None)
    found = KMeans(4, n_init=20, random_state=0, max_iter=10_000_000).fit(X)
    np.testing.assert_array_equal(found.labels_, expected.labels_)


def started(rng, X, weights, k, s, most):
    (n, d), origin = X.shape, X.mean(axis=0, dtype=np.float64)
    chosen = np.full((s, k), -1, np.int32)
    chosen[:, 0] = rng.integers(0, n, s)
    return {
        "X": X,
        "shift": origin.astype(X.dtype),
        "origin": origin,
        "weights": weights,
        "uniforms": rng.random((s, k - 1, 3)),
        "tolerance": 0.0,
        "chosen": chosen,
        "labels": np.full((s, n), -1, np.int32),
        "means": np.empty((s, k, d)),
        "sums": np.zeros((s, k, d)),
        "counts": np.zeros((s, k)),
        "sizes": np.zeros((s, k), np.int64),
        "trace": np.zeros((s, most, COLUMNS)),
        "n_done": np.empty(s, np.int64),
    }


def run(name, arrays):
    kernel = kernels.load(name)
    space = np.empty(kernel.lloyd_starts_space(arrays["X"], arrays["counts"].shape[1], 3), np.uint8)
    kernel.lloyd_starts(**arrays, space=space)


@every
@some
@given(
    rng=generators, dtype=dtypes, n=st.integers(20, 200), d=st.integers(1, 9), k=st.integers(1, 9)
)
def test_the_kernel_does_what_its_reference_does(name, rng, dtype, n, d, k):
    X = rng.normal(size=(n, d)).astype(dtype)
    ours = started(rng, X, rng.exponential(size=n), k, 3, 6)
    theirs = {key: np.copy(value) for key, value in ours.items()}
    theirs["tolerance"] = ours["tolerance"]
    run(name, ours)
    run("reference", theirs)
    for s in range(3):
        same = (ours["chosen"][s] == theirs["chosen"][s]).all()  # but for gains that are close
        if not same or not (ours["labels"][s] == theirs["labels"][s]).all():
            continue
        assert ours["n_done"][s] == theirs["n_done"][s]
        np.testing.assert_array_equal(ours["sizes"][s], theirs["sizes"][s])
        for key in ("means", "sums", "counts"):
            np.testing.assert_allclose(ours[key][s], theirs[key][s], rtol=1e-6, atol=1e-9)


@every
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_fewer_different_rows_than_clusters_are_told(name, dtype):
    X = np.repeat(np.eye(3, dtype=dtype), 4, axis=0)
    arrays = started(np.random.default_rng(0), X, np.ones(12), 5, 2, 6)
    run(name, arrays)
    np.testing.assert_array_equal(arrays["n_done"], 0)
    assert (arrays["chosen"][:, :3] >= 0).all()
    assert (arrays["chosen"][:, 3:] < 0).all()
