"""How much memory mixtures take beside the data: never a number for every row and component."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest

from cofactor import GaussianMixture, kernels

N, D, K = 100_000, 32, 50
pytestmark = [
    pytest.mark.skipif(
        kernels.implementation() == "reference", reason="the reference spells everything out"
    ),
    pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning"),
]
PRECISIONS = {
    "full": np.stack([np.eye(D)] * K),
    "tied": np.eye(D),
    "diag": np.ones((K, D)),
    "spherical": np.ones(K),
}


@pytest.fixture(scope="module", name="X")
def rows():
    return np.random.default_rng(0).standard_normal((N, D), dtype=np.float32)


def started(X, covariance_type, n_closest):
    return GaussianMixture(
        K,
        covariance_type=covariance_type,
        n_closest=n_closest,
        max_iter=1,
        n_threads=2,
        means_init=X[:K],
        weights_init=np.full(K, 1 / K),
        precisions_init=PRECISIONS[covariance_type],
    )


def peak_bytes(function):
    """Return the most that NumPy held at once during a call, beyond what it held before."""
    tracemalloc.start()
    try:
        function()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("n_closest", [None, 2])
@pytest.mark.parametrize("covariance_type", PRECISIONS)
def test_a_fit_needs_about_as_much_again_as_the_data(X, covariance_type, n_closest):
    model = started(X, covariance_type, n_closest)
    parameters = PRECISIONS[covariance_type].nbytes
    assert peak_bytes(lambda: model.fit(X)) <= 1.2 * X.nbytes + 8 * parameters


@pytest.mark.parametrize("covariance_type", PRECISIONS)
def test_a_random_posterior_is_never_there_as_a_whole(X, covariance_type):
    start = {"init_params": "random", "random_state": 0, "n_threads": 2}
    model = GaussianMixture(K, covariance_type=covariance_type, max_iter=1, **start)
    parameters = PRECISIONS[covariance_type].nbytes
    assert peak_bytes(lambda: model.fit(X)) <= 1.2 * X.nbytes + 8 * parameters


@pytest.mark.parametrize("method", ["predict", "score_samples", "score", "icl"])
@pytest.mark.parametrize("covariance_type", PRECISIONS)
def test_judging_rows_needs_less_than_their_posterior(X, covariance_type, method):
    model = started(X, covariance_type, None).fit(X[: 2 * K])
    assert peak_bytes(lambda: getattr(model, method)(X)) < 0.3 * N * K * 8
