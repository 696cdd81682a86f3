"""Factorizations that learn batch by batch."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given, settings
from hypothesis import strategies as st
from strategies import seeds

from cofactor.errors import InputError
from cofactor.estimators import NMF
from cofactor.noise import online

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


def test_a_prior_of_components_counts_once_for_all_rows_seen():
    X, (shape, rate) = counts(n=60), (1.7, 0.9)
    model = learner(prior_W=(1.5, 1.0), prior_H=(shape, rate))
    for seen in (20, 40, 60):
        model.partial_fit(X[seen - 20 : seen])
        gained, price = seen * model._averages.gained, seen * model._averages.price
        expected = (gained + shape - 1) / (price + rate)
        np.testing.assert_allclose(model.components_, expected, rtol=1e-10)


def test_batches_under_priors_come_near_the_most_probable_factors():
    X, of_codes = counts(n=1200), (1.5, 0.5)
    priors = {"prior_W": of_codes, "prior_H": (300.0, 150.0)}
    whole = learner(**priors, max_iter=1000).fit(X)
    with_prior, without = learner(**priors), learner(prior_W=of_codes)
    for start in range(0, len(X), 60):
        for model in (with_prior, without):
            model.partial_fit(X[start : start + 60])

    def distance(model):
        pairs = model.components_[:, None] - whole.components_
        return np.linalg.norm(pairs, axis=2).min(axis=1).max()

    assert distance(with_prior) < 0.3 * distance(without)


def test_impossible_batches_are_explained():
    X = counts(n=30)
    with pytest.raises(InputError, match="Gamma noise cannot learn from batches"):
        learner("gamma").partial_fit(X + 1)
    for rate in (0, "slow", np.nan):
        with pytest.raises(InputError, match=f"rate is {rate!r}; expected a number above 0"):
            learner().partial_fit(X, rate=rate)
    with pytest.raises(InputError, match="holds nothing but zeros"):
        learner().partial_fit(0 * X)
    model = learner().partial_fit(X).partial_fit(0 * X)
    assert np.isfinite(model.components_).all()
    with pytest.raises(InputError, match="n_components is 5, but 3 components have been learnt"):
        model.set_params(n_components=5).partial_fit(X)


def test_gram_matrices_of_too_many_columns_are_refused(monkeypatch):
    monkeypatch.setattr(online, "MOST_NUMBERS", 100)
    X = counts(n=30)
    with pytest.raises(InputError, match=r"keep 120 numbers, products of 3 .* for each of 20 "):
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


def holed(X, seed=5, share=0.7):
    mask = np.random.default_rng(seed).uniform(size=X.shape) < share
    mask[:, 3] = False  # a column that these rows say nothing of
    return mask


def begun(X, **settings):
    """Return an NMF whose components are known: those of a short fit."""
    return learner("gaussian", max_iter=5, tol=0, **settings).fit(X)


@pytest.mark.parametrize("penalised", [False, True])
@few
@given(
    seed=seeds,
    share=st.sampled_from([0.2, 0.9]),
    sparse=st.booleans(),
    threads=st.sampled_from([1, 3]),
)
def test_an_incomplete_batch_alone_is_a_step_of_the_fit(penalised, seed, share, sparse, threads):
    """From its best codes: coordinate sweeps of the columns under what was observed of them."""
    X, rng = counts(seed, n=40), np.random.default_rng(seed)
    mask, exposure, weights = (
        holed(X, seed, share),
        rng.uniform(0.5, 2.0, 40),
        rng.choice([1, 2], 40),
    )
    penalty = {"alpha_H": 0.3, "l1_ratio": 0.5} if penalised else {}
    model = begun(X, n_threads=threads, **penalty)
    before = model.components_.copy()
    beside = {"mask": sp.csr_array(mask) if sparse else mask, "exposure": exposure, "offset": 0.5}
    Z = exposure[:, None] * model.transform(X, **beside)
    model.partial_fit(X, sample_weight=weights, rate=1.0, **beside)
    found, total = before.copy(), weights.sum()
    l1 = l2 = 0.15 if penalised else 0.0
    for column, seen in enumerate(mask.T):
        own = Z[seen] * np.sqrt(weights[seen])[:, None]
        rest = (X[seen, column] - 0.5) * np.sqrt(weights[seen])
        gram, products = own.T @ own / total, own.T @ rest / total
        for t in np.tile(np.arange(3), online.SWEEPS):
            w = found[:, column]
            slope = gram[t] @ w - products[t] + l1 + l2 * w[t]
            w[t] = max(w[t] - slope / (gram[t, t] + l2), 0.0) if gram[t, t] else w[t]
    np.testing.assert_allclose(model.components_, found, rtol=1e-4, atol=1e-6)


def test_a_mask_of_ones_is_no_mask_for_batches():
    X = counts(n=60)
    plain, masked = begun(X), begun(X)
    for rows in (X[:30], X[30:]):
        plain.partial_fit(rows)
        masked.partial_fit(rows, mask=np.ones(rows.shape, bool))
    np.testing.assert_allclose(masked.components_, plain.components_, rtol=1e-6, atol=1e-9)


def test_masked_entries_of_batches_do_not_matter():
    X, mask = counts(n=60), holed(counts(n=60))
    models = [begun(X) for _ in range(3)]
    models[0].partial_fit(X, mask=mask)
    models[1].partial_fit(np.where(mask, X, 1e6), mask=mask)
    models[2].partial_fit(np.where(mask, X, np.nan))
    for other in models[1:]:
        np.testing.assert_array_equal(other.components_, models[0].components_)


def test_batches_are_forgotten_at_their_rates():
    """What is kept is ``Σ_t ρ_t Π_s>t (1 − ρ_s)`` times what each batch said, complete or not."""
    X, rates = counts(n=120), (0.5, 0.4, 0.3)
    model, said, kept = begun(X), [], None
    for batch, rate, masked in zip(np.split(X, 3), rates, (False, True, False), strict=True):
        alone = begun(X)
        alone.components_ = model.components_.copy()
        beside = {"mask": holed(batch)} if masked else {}
        alone.partial_fit(batch, rate=1.0, **beside)
        model.partial_fit(batch, rate=rate, **beside)
        said.append(alone._averages)
        kept = said[-1] if kept is None else kept.scaled(1 - rate) + said[-1].scaled(rate)
        for own, expected in zip(vars(model._averages).values(), vars(kept).values(), strict=True):
            np.testing.assert_allclose(own, expected, rtol=1e-9, atol=1e-12)
    model.partial_fit(X[:40], rate=1.0, mask=holed(X[:40]))
    assert model._averages.grams.shape == (6, 20)
    assert np.array_equal(model._averages.grams[:, 3], np.zeros(6))  # nobody knows of it any more


def test_incomplete_batches_come_near_the_fit_of_all_rows():
    X = counts(n=1200)
    mask = np.random.default_rng(0).uniform(size=X.shape) < 0.7
    whole = learner("gaussian", max_iter=1000).fit(X, mask=mask)
    model = learner("gaussian")
    for _ in range(3):
        for some in np.split(np.arange(1200), 12):
            model.partial_fit(np.where(mask[some], X[some], np.nan))
    assert model.score(X, mask=mask) == pytest.approx(whole.score(X, mask=mask), rel=0.01)
    assert model.score(X, mask=~mask) > -1.1 * abs(whole.score(X, mask=~mask))


def test_incomplete_batches_have_the_same_bits_on_any_number_of_threads():
    X = counts(n=600, d=300).astype(np.float32)
    mask = holed(X)
    fits = [learner("gaussian", n_threads=n).partial_fit(X, mask=mask) for n in (1, 2, 3, 7)]
    for model in fits:
        np.testing.assert_array_equal(model.components_, fits[0].components_)
