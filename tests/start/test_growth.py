"""Factors that grow from fewer components."""

import numpy as np
import pytest
import scipy.sparse as sp
from cells import CELLS
from hypothesis import given, settings
from hypothesis import strategies as st
from strategies import seeds

from cofactor import NMF, TopicModel
from cofactor.data import open_blocks
from cofactor.engine import SerialEngine, ThreadEngine
from cofactor.engine.pool import Pool
from cofactor.errors import InputError
from cofactor.noise import Poisson
from cofactor.start.growth import grown_factors

nonnegative = pytest.mark.parametrize(
    "cell", [cell for cell in CELLS if cell.name == "nonnegative"], ids=repr
)
stores = pytest.mark.parametrize("store", [np.asarray, sp.csr_array])


def planted(n=120, d=30, k=4, seed=0):
    """Counts whose components share no column; the last has few rows."""
    rng = np.random.default_rng(seed)
    W = np.where(np.arange(d) % k == np.arange(k)[:, None], 5.0, 0.05)
    Z = rng.dirichlet(np.full(k, 0.1), n) * 10.0
    Z[:, -1] *= rng.uniform(size=n) < 0.2
    return rng.poisson(Z @ W).astype(float)


@nonnegative
@settings(max_examples=5)
@given(seed=seeds, few=st.integers(1, 3), more=st.integers(0, 3))
def test_first_components_stay_and_others_explain_more(cell, seed, few, more):
    problem = cell.problem(seed, n=40, d=6, k=few)
    noise, W = problem.model.noise, problem.start.params.components
    before, _ = grown_factors(noise, problem.blocks, SerialEngine(), W, few)
    codes, components = grown_factors(noise, problem.blocks, SerialEngine(), W, few + more)
    assert codes.shape == (40, few + more)
    assert (codes >= 0).all()
    assert (components[few:] > 0).all() or not problem.X.any()
    np.testing.assert_array_equal(components[:few], W)
    loss = [noise.divergence(problem.X, z @ w).sum() for z, w in ((before, W), (codes, components))]
    assert loss[1] <= loss[0] * 1.05


def test_a_new_component_is_what_the_worst_row_has_too_much_of():
    X = np.ones((20, 4))
    X[7, 2] = 50.0
    _, components = grown_factors(Poisson(), open_blocks(X), SerialEngine(), np.ones((1, 4)), 2)
    shares = components[1] / components[1].sum()
    assert shares[2] > 0.9


def test_rows_without_weight_do_not_count():
    X = np.ones((20, 4))
    X[7, 2], X[9, 0] = 500.0, 50.0
    weights = np.where(np.arange(20) == 7, 0.0, 1.0)
    blocks = open_blocks(X, weights)
    _, components = grown_factors(Poisson(), blocks, SerialEngine(), np.ones((1, 4)), 2)
    assert components[1].argmax() == 0


def test_any_number_of_threads_gives_the_same_bits():
    (whole,) = open_blocks(planted())
    blocks = [whole.take(slice(i, i + 13)) for i in range(0, 120, 13)]
    expected = grown_factors(Poisson(), blocks, SerialEngine(), np.ones((1, 30)), 4)
    for n_threads in (1, 2, 3, 7):
        with Pool(n_threads) as pool:
            engine = ThreadEngine(pool, n_threads)
            got = grown_factors(Poisson(), blocks, engine, np.ones((1, 30)), 4)
        for one, other in zip(got, expected, strict=True):
            np.testing.assert_array_equal(one, other)


@stores
def test_a_fit_of_more_components_starts_from_one_of_fewer(store):
    X = store(planted())
    fewer = NMF(2, noise="poisson", random_state=0).fit(X)
    more = NMF(4, noise="poisson", init=fewer.components_).fit(X)
    assert more.n_components_ == 4
    assert more.trace_[0].objective <= fewer.trace_[-1].objective
    assert more.log_likelihood_ > fewer.log_likelihood_
    best = max(
        NMF(4, noise="poisson", init="random", random_state=seed).fit(X).log_likelihood_
        for seed in range(5)
    )
    assert more.log_likelihood_ >= best - 0.01 * abs(best)


@stores
def test_warm_starts_go_on_and_grow(store):
    X = store(planted())
    model = NMF(2, noise="poisson", init="random", random_state=0, warm_start=True, max_iter=60)
    first = model.fit(X).trace_[-1].objective
    again = model.fit(X).trace_
    assert again[1].objective <= first + 1e-4 * abs(first)  # codes have taken few steps
    assert len(again) < 30
    grown = model.set_params(n_components=4).fit(X)
    assert grown.components_.shape == (4, 30)
    assert grown.trace_[-1].objective < first


def test_warm_starts_take_masks_exposures_and_offsets():
    rng = np.random.default_rng(0)
    beside = {
        "mask": rng.uniform(size=(120, 30)) < 0.8,
        "exposure": rng.uniform(0.5, 2.0, 120),
        "offset": rng.uniform(0.1, 0.2, 30),
    }
    model = NMF(2, noise="poisson", init="random", random_state=0, warm_start=True)
    first = model.fit(planted(), **beside).trace_[-1].objective
    again = model.set_params(n_components=3).fit(planted(), **beside).trace_
    assert np.isfinite(again.objective).all()
    assert np.diff(again.objective).max() <= 0
    assert again[-1].objective < first


def test_topics_grow_from_fewer_topics():
    X = planted()
    fewer = TopicModel(2, random_state=0).fit(X)
    for more in (
        TopicModel(4, init=fewer.topics_).fit(X),
        fewer.set_params(n_components=4, warm_start=True).fit(X),
    ):
        assert more.topics_.shape == (4, 30)
        np.testing.assert_allclose(more.topics_.sum(axis=1), 1.0)
    assert TopicModel(2, random_state=0).fit(X).log_likelihood_ < more.log_likelihood_


def test_components_that_do_not_suit_say_so():
    X = planted()
    with pytest.raises(InputError, match="init has 3 components, but n_components is 2"):
        NMF(2, noise="poisson", init=np.ones((3, 30))).fit(X)
    with pytest.raises(InputError, match="wrong second dimension"):
        NMF(4, noise="poisson", init=np.ones((3, 29))).fit(X)
    with pytest.raises(ValueError, match="Negative values"):
        NMF(4, noise="poisson", init=-np.ones((3, 30))).fit(X)
