"""What many starts have in common, held against trying all ways to match."""

from __future__ import annotations

from itertools import combinations, permutations

import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given, settings
from scipy.optimize import linear_sum_assignment
from strategies import generators

import cofactor
from cofactor.compare.consensus import agreement
from cofactor.errors import InputError
from cofactor.estimators import NMF, KMeans, TopicModel

few = settings(max_examples=20)
unconverged = pytest.mark.filterwarnings("ignore:Maximum number of iterations")


def planted(seed=0, n=200, d=30, k=3):
    rng = np.random.default_rng(seed)
    W = np.kron(np.eye(k), np.ones(d // k)) * rng.uniform(0.5, 2.0, d) + 0.02
    return rng.poisson(rng.gamma(0.4, 8.0, (n, k)) @ W).astype(float), W


@few
@given(generators)
def test_permuted_and_scaled_components_agree_entirely(rng):
    W = rng.gamma(0.5, size=(4, 9)) + 0.01
    orders = [rng.permutation(4) for _ in range(5)]
    found = agreement([W[order] * rng.uniform(0.1, 9.0, (4, 1)) for order in orders], 2)
    np.testing.assert_allclose(found.stability, 1.0)
    unit = W / np.linalg.norm(W, axis=1, keepdims=True)
    for order, match in zip(orders, found.matches, strict=True):
        np.testing.assert_allclose(unit[order[match]], found.components)


@few
@given(generators)
def test_matches_are_the_best_of_all(rng):
    runs = [rng.gamma(0.5, size=(4, 6)) + 0.01 for _ in range(3)]
    found = agreement(runs, 0)
    units = [run / np.linalg.norm(run, axis=1, keepdims=True) for run in runs]
    for unit, match in zip(units, found.matches, strict=True):
        cosines = found.components @ unit.T
        best = max(cosines[range(4), list(order)].sum() for order in permutations(range(4)))
        assert cosines[range(4), match].sum() == pytest.approx(best)
    aligned = [unit[match] for unit, match in zip(units, found.matches, strict=True)]
    pairs = [(a * b).sum(axis=1) for a, b in combinations(aligned, 2)]
    np.testing.assert_allclose(found.stability, np.mean(pairs, axis=0))
    assert (np.diff(found.stability) <= 0).all()


@unconverged
@pytest.mark.parametrize("store", [np.asarray, sp.csr_array], ids=["dense", "sparse"])
@pytest.mark.parametrize("solver", ["cd", "mu"])
def test_planted_components_are_stable_and_found(store, solver):
    X, W = planted()
    estimator = NMF(3, noise="poisson", solver=solver, max_iter=200)
    found = cofactor.consensus(estimator, store(X), 5, random_state=0)
    assert found.stability.min() > 0.99
    assert not hasattr(estimator, "components_")
    fitted = found.model.components_ / np.linalg.norm(found.model.components_, axis=1)[:, None]
    np.testing.assert_allclose((fitted * found.components).sum(axis=1), 1.0, atol=0.02)
    cosines = fitted @ (W / np.linalg.norm(W, axis=1, keepdims=True)).T
    rows, columns = linear_sum_assignment(-cosines)
    assert cosines[rows, columns].min() > 0.98
    assert found.model.log_likelihood_ > found.log_likelihoods.min() - 1e-3 * X.size


@unconverged
def test_components_beyond_those_that_are_there_are_not_stable():
    X, _ = planted()
    found = cofactor.consensus(NMF(6, noise="poisson"), X, 6, random_state=0)
    assert found.stability[:3].min() > 0.85
    assert found.stability[-1] < 0.8


@unconverged
def test_the_same_seed_gives_the_same_bits_for_any_number_of_threads():
    X, _ = planted()
    mask = np.random.default_rng(0).uniform(size=X.shape) < 0.9
    one, more = (
        cofactor.consensus(
            NMF(3, noise="poisson", n_threads=n), X, 3, 7, mask=mask, exposure=np.full(200, 2.0)
        )
        for n in (1, 3)
    )
    np.testing.assert_array_equal(one.model.components_, more.model.components_)
    np.testing.assert_array_equal(one.stability, more.stability)


@unconverged
@pytest.mark.parametrize("noise", ["gaussian", "gamma"])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_every_noise_and_precision(noise, dtype):
    X = (planted()[0] + 1).astype(dtype)
    found = cofactor.consensus(NMF(2, noise=noise, max_iter=50), X, 3, random_state=0)
    assert found.model.components_.dtype == dtype
    assert found.components.shape == (2, 30)


def test_one_run_has_nothing_to_match():
    with pytest.raises(InputError, match="n_runs is 1; expected at least 2"):
        cofactor.consensus(NMF(2), planted()[0], 1)


@pytest.mark.parametrize("estimator", [KMeans(2), TopicModel(2)], ids=lambda e: type(e).__name__)
def test_other_estimators_have_no_consensus(estimator):
    with pytest.raises(InputError, match="expected NMF"):
        cofactor.consensus(estimator, np.ones((5, 4)), 2)
