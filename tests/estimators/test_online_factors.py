"""Factorizations that learn batch by batch."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given, settings
from strategies import seeds

from cofactor.errors import InputError
from cofactor.estimators import NMF

few = settings(max_examples=8)
NOISES = ["poisson", "gaussian", "negative_binomial"]
every_noise = pytest.mark.parametrize("noise", NOISES)


def counts(seed=0, n=240, d=20, k=3):
    rng = np.random.default_rng(seed)
    W = np.kron(np.eye(k), np.ones(-(-d // k)))[:, :d] * rng.gamma(2.0, 1.0, (k, d)) + 0.05
    return rng.poisson(rng.gamma(0.7, 4.0, (n, k)) @ W).astype(float)


def learner(noise="poisson", k=3, **settings):
    return NMF(k, noise=noise, init="random", random_state=0, **settings)


@every_noise
@few
@given(seed=seeds)
def test_the_same_rows_again_and_again_never_score_lower(noise, seed):
    X, model = counts(seed, n=30, d=8), learner(noise, 2)
    scores = [model.partial_fit(X, rate=1.0).score(X) for _ in range(6)]
    assert np.diff(scores).min() >= -1e-6 * abs(scores[0])


@pytest.mark.parametrize(
    ("noise", "passes", "short"),  # majorize-minimize steps of negative binomial noise are small
    [("poisson", 3, 0.01), ("gaussian", 3, 0.01), ("negative_binomial", 10, 0.04)],
)
@pytest.mark.parametrize("store", [np.asarray, sp.csr_array], ids=["dense", "sparse"])
def test_batches_come_near_the_fit_of_all_rows(noise, passes, short, store):
    X = counts(n=1200)
    whole = learner(noise, max_iter=1000).fit(X).score(X)
    model = learner(noise)
    for _ in range(passes):
        for start in range(0, len(X), 100):
            model.partial_fit(store(X[start : start + 100]))
    assert model.n_batches_ == 12 * passes
    assert model.score(X) == pytest.approx(whole, rel=short)


@every_noise
def test_weights_are_repeated_rows(noise):
    X, times = counts(n=30), np.random.default_rng(0).integers(1, 4, 30)
    first = learner(noise).fit(X, sample_weight=np.ones(30)) if noise == "gaussian" else None
    weighted, repeated = learner(noise, max_iter=40), learner(noise, max_iter=40)
    for model in (weighted, repeated):
        model.partial_fit(first.transform(X) @ first.components_ if first else X)
    weighted.partial_fit(X, sample_weight=times)
    repeated.partial_fit(np.repeat(X, times, axis=0))
    np.testing.assert_allclose(weighted.components_, repeated.components_, rtol=1e-5, atol=1e-7)


def test_exposures_offsets_and_masks_are_taken_into_account():
    rng, X = np.random.default_rng(1), counts(n=600)
    A = learner(max_iter=500).fit(X)
    rates = A.transform(X) @ A.components_
    exposure, mask = rng.choice([1.0, 8.0], 600), rng.uniform(size=X.shape) < 0.7
    seen = rng.poisson(exposure[:, None] * rates + 2.0).astype(float)
    model = learner()
    for _ in range(4):
        for start in range(0, 600, 100):
            some = slice(start, start + 100)
            holes = np.where(mask[some], seen[some], np.nan)
            model.partial_fit(holes, exposure=exposure[some], offset=2.0)
    codes = model.transform(np.where(mask, seen, np.nan), exposure=exposure, offset=2.0)
    error = np.abs(codes @ model.components_ - rates)[~mask].mean() / rates.mean()
    assert error < 0.35
    with pytest.raises(InputError, match="pass theirs, or offset=0"):
        model.transform(seen)


def test_a_new_fit_forgets_the_batches():
    X = counts(n=60)
    model = learner().partial_fit(X[:30]).partial_fit(X[30:])
    again = model.fit(X)
    assert again.n_batches_ == 0
    np.testing.assert_array_equal(again.components_, learner().fit(X).components_)
    before = again.components_.copy()
    again.partial_fit(X)
    assert again.n_batches_ == 1
    np.testing.assert_allclose(again.components_, before, rtol=0.2, atol=0.05)


def test_columns_that_come_later_are_learnt():
    X = counts(n=400)
    X[:100, 5] = 0
    model = learner()
    for start in range(0, 400, 50):
        model.partial_fit(X[start : start + 50])
    whole = learner(max_iter=500).fit(X[100:])
    assert model.components_[:, 5].max() > 0.2 * whole.components_[:, 5].max() * (
        model.components_.sum() / whole.components_.sum()
    )


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_any_number_of_threads_gives_the_same_bits(dtype):
    X = counts(n=600, d=300).astype(dtype)
    fits = [learner(n_threads=n).partial_fit(X[:300]).partial_fit(X[300:]) for n in (1, 2, 3, 7)]
    for model in fits:
        assert model.components_.dtype == dtype
        np.testing.assert_array_equal(model.components_, fits[0].components_)


def test_impossible_batches_are_explained():
    X = counts(n=30)
    with pytest.raises(InputError, match="Gamma noise cannot learn from batches"):
        learner("gamma").partial_fit(X + 1)
    with pytest.raises(InputError, match="rate is 0; expected a number above 0"):
        learner().partial_fit(X, rate=0)
    with pytest.raises(InputError, match="without missing entries only"):
        learner("gaussian").partial_fit(X, mask=X > 0)


OFFSETS = {
    "dense": lambda known: known,
    "sparse": sp.csr_array,
    "factors": lambda known: (np.eye(len(known)), known),
}


@pytest.mark.parametrize("form", OFFSETS)
def test_gaussian_batches_less_their_offset_are_batches_of_the_rest(form):
    rng = np.random.default_rng(0)
    rest, known = counts(n=60), rng.gamma(1.0, 2.0, (60, 20))
    first = learner("gaussian", max_iter=30, tol=0).fit(rest)
    plain, offset = (learner("gaussian", max_iter=30, tol=0).fit(rest) for _ in range(2))
    np.testing.assert_array_equal(plain.components_, first.components_)
    given_offset = OFFSETS[form](known)
    for model, rows, beside in (
        (plain, rest, {}),
        (offset, rest + known, {"offset": given_offset}),
    ):
        model.partial_fit(rows, **beside)
        model.partial_fit(rows, **beside)
    np.testing.assert_allclose(offset.components_, plain.components_, rtol=1e-6, atol=1e-8)


def test_gaussian_batches_seen_for_longer_say_the_same_of_components():
    X, exposure = counts(n=60), np.random.default_rng(1).uniform(0.5, 3.0, 60)
    models = [learner("gaussian", max_iter=30, tol=0).fit(X) for _ in range(2)]
    for _ in range(2):
        models[0].partial_fit(X)
        models[1].partial_fit(X, exposure=exposure)  # codes are less by as much
    np.testing.assert_allclose(models[1].components_, models[0].components_, rtol=1e-6, atol=1e-8)
