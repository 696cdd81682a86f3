"""NMF of data with missing entries, exposures and offsets."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import poisson
from strategies import seeds

from cofactor.data import MissingEntries, ObservedEntries, as_mask
from cofactor.errors import InputError
from cofactor.estimators import NMF

few = settings(max_examples=10)
unconverged = pytest.mark.filterwarnings("ignore:Maximum number of iterations")
NOISES = ["gaussian", "poisson", "gamma", "negative_binomial"]
every_noise = pytest.mark.parametrize("noise", NOISES)


def counts(seed=0, n=30, d=12, k=3, low=0):
    rng = np.random.default_rng(seed)
    mean = rng.gamma(0.5, 2.0, (n, k)) @ rng.gamma(0.5, 2.0, (k, d))
    return low + rng.poisson(mean).astype(float)


def mask_of(X, seed=0, share=0.8):
    return np.random.default_rng(seed).uniform(size=X.shape) < share


def start(seed, n, d, k):
    rng = np.random.default_rng(seed)
    return {"W": rng.uniform(0.1, 1, (n, k)), "H": rng.uniform(0.1, 1, (k, d))}


CUSTOM = {"init": "custom", "max_iter": 6, "tol": 0}


@few
@given(seed=seeds, share=st.floats(0.0, 1.0))
def test_masks_agree_in_every_form(seed, share):
    rng = np.random.default_rng(seed)
    observed, X = rng.uniform(size=(7, 5)) < share, sp.csr_array(rng.poisson(1.0, (7, 5)) * 1.0)
    dense, B = as_mask(observed), rng.uniform(size=(5, 2))
    listed = (
        as_mask(sp.csr_array(observed)),
        MissingEntries(sp.csr_array((~observed).astype(float))),
    )
    assert isinstance(listed[0], ObservedEntries)
    for mask in listed:
        for form in (mask, mask.transposed.transposed):
            np.testing.assert_array_equal(form.dense(), dense.dense())
        np.testing.assert_array_equal(mask.transposed.dense(), dense.dense().T)
        np.testing.assert_array_equal(mask.complement.dense(), dense.complement.dense())
        np.testing.assert_array_equal(mask.complement.complement.dense(), dense.dense())
        np.testing.assert_array_equal(mask.row_entries(), dense.row_entries())
        np.testing.assert_allclose(mask.times(B), dense.times(B), atol=1e-12)
        np.testing.assert_array_equal(mask.take(slice(2, 5)).dense(), dense.dense()[2:5])
        np.testing.assert_array_equal(mask.take(np.array([4, 1])).dense(), dense.dense()[[4, 1]])
        np.testing.assert_array_equal(mask.kept(X).toarray(), X.toarray() * observed)
    np.testing.assert_array_equal(dense.kept(X).toarray(), X.toarray() * observed)
    np.testing.assert_array_equal(dense.complement.dense(), ~observed)


@unconverged
@every_noise
@pytest.mark.parametrize("solver", ["cd", "mu"])
def test_missing_entries_are_the_same_in_every_form(noise, solver):
    X, factors = counts(low=1), start(0, 30, 12, 3)
    mask, holes = mask_of(X), np.where(mask_of(X), X, np.nan)
    stored = sp.csr_array(X)
    with_nan = stored.copy()
    with_nan.data[~mask.ravel()] = np.nan
    model = NMF(3, noise=noise, solver=solver, **CUSTOM)
    codes = model.fit_transform(X, mask=mask, **factors)
    components, likelihood = model.components_, model.log_likelihood_
    cases = [(holes, None), (holes, mask), (with_nan, None), (stored, mask)]
    for data, given_mask in [*cases, (stored, sp.csr_array(mask)), (X, sp.coo_array(mask))]:
        again = model.fit_transform(data, mask=given_mask, **factors)
        np.testing.assert_allclose(model.components_, components, rtol=1e-6, atol=1e-9)
        np.testing.assert_allclose(again, codes, rtol=1e-5, atol=1e-8)
        assert model.log_likelihood_ == pytest.approx(likelihood, rel=1e-9)
        assert model.score(data, mask=given_mask) == pytest.approx(
            likelihood / mask.sum(), rel=1e-4
        )


@unconverged
@every_noise
def test_observed_zeros_count_and_unobserved_ones_do_not(noise):
    X = sp.csr_array(counts(low=noise == "gamma"))
    everything = sp.csr_array(np.ones(X.shape))
    common = {"noise": noise, "solver": "mu", **CUSTOM}
    factors = start(1, 30, 12, 3)
    plain = NMF(3, **common).fit(X, **factors)
    whole = NMF(3, **common).fit(X, mask=everything, **factors)
    np.testing.assert_allclose(whole.components_, plain.components_, rtol=1e-7)
    assert whole.log_likelihood_ == pytest.approx(plain.log_likelihood_, rel=1e-4)
    if noise == "poisson":
        only = NMF(3, **common).fit(X, mask=X, **factors)  # nothing but what was counted
        assert (only.inverse_transform(only.transform(X, mask=X)) + 1e-9)[X.toarray() > 0].min() > 0
        assert only.reconstruction_err_ < plain.reconstruction_err_


@unconverged
@pytest.mark.parametrize("init", [None, "random", "nndsvda"])
def test_sparse_data_of_which_little_was_observed_are_completed(init):
    rng = np.random.default_rng(2)
    A = rng.gamma(2.0, 4.0, (120, 2)) @ rng.gamma(2.0, 1.0, (2, 60))
    X, mask = rng.poisson(A).astype(float), rng.uniform(size=A.shape) < 0.4
    model = NMF(2, noise="poisson", init=init, random_state=0, max_iter=300)
    codes = model.fit_transform(sp.csr_array(X * mask), mask=sp.csr_array(mask))
    assert np.abs(codes @ model.components_ / A - 1)[~mask].mean() < 0.12
    objective = np.array(model.trace_.objective)
    assert np.diff(objective).max() <= 1e-9 * np.abs(objective).max()


@unconverged
def test_missing_entries_of_new_rows_say_nothing():
    X = counts(n=60)
    model = NMF(3, noise="poisson", max_iter=500).fit(X)
    mask = mask_of(X[:9], share=0.6)
    codes = model.transform(np.where(mask, X[:9], np.nan))
    np.testing.assert_allclose(model.transform(X[:9], mask=mask), codes)
    stored = model.transform(sp.csr_array(X[:9]), mask=sp.csr_array(mask))
    np.testing.assert_allclose(stored, codes, rtol=1e-6, atol=1e-9)
    for row, seen, z in zip(X[:9], mask, codes, strict=True):
        alone = NMF(3, noise="poisson", max_iter=2)
        alone.__dict__.update(model.__dict__)
        alone.components_ = model.components_[:, seen]
        alone.n_features_in_ = int(seen.sum())
        np.testing.assert_allclose(
            alone.transform(row[None, seen]) @ alone.components_,
            z[None] @ alone.components_,
            rtol=1e-3,
            atol=1e-5,
        )


def rates(seed, n=40, d=15, k=2):
    rng = np.random.default_rng(seed)
    Z, W = rng.gamma(1.0, 3.0, (n, k)), rng.gamma(1.0, 1.0, (k, d))
    return rng, Z, W


@unconverged
def test_rows_seen_for_longer_have_the_same_codes():
    rng, Z, W = rates(0, n=200, d=40)
    exposure = rng.choice([1.0, 10.0], 200)
    X = rng.poisson(exposure[:, None] * (Z @ W)).astype(float)
    model = NMF(2, noise="poisson", random_state=0, init="random", max_iter=300)
    codes = model.fit_transform(X, exposure=exposure)
    assert np.abs(codes @ model.components_ / (Z @ W) - 1).mean() < 0.15
    np.testing.assert_allclose(
        model.transform(10 * X, exposure=10 * exposure),
        model.transform(X, exposure=exposure),
        rtol=1e-6,
        atol=1e-9,
    )
    np.testing.assert_allclose(
        model.transform(X),
        exposure[:, None] * model.transform(X, exposure=exposure),
        rtol=1e-6,
        atol=1e-9,
    )


def offsets_of(form, rng, n, d):
    """Return an offset as it may be given, and as an array."""
    full = rng.gamma(1.0, 1.0, (n, d)) * (rng.uniform(size=(n, d)) < 0.5)
    batches, profiles = np.eye(2)[rng.integers(2, size=n)], rng.gamma(1.0, 2.0, (2, d))
    column = rng.gamma(1.0, 2.0, d)
    return {
        "number": (0.7, np.full((n, d), 0.7)),
        "columns": (column, np.tile(column, (n, 1))),
        "batches": ((batches, profiles), batches @ profiles),
        "dense": (full, full),
        "sparse": (sp.coo_array(full), full),
    }[form]


every_form = pytest.mark.parametrize("form", ["number", "columns", "batches", "dense", "sparse"])


@unconverged
@every_form
@pytest.mark.parametrize("store", [np.asarray, sp.csr_array], ids=["dense", "sparse"])
def test_offsets_are_part_of_the_mean(form, store):
    rng, Z, W = rates(1)
    exposure = rng.uniform(0.5, 2.0, len(Z))
    given_offset, offset = offsets_of(form, rng, len(Z), W.shape[1])
    X = rng.poisson(exposure[:, None] * (Z @ W) + offset).astype(float)
    beside = {"exposure": exposure, "offset": given_offset}
    model = NMF(2, noise="poisson", random_state=0, init="random", tol=1e-8, max_iter=1000)
    codes = model.fit_transform(store(X), **beside)
    mean = exposure[:, None] * (codes @ model.components_) + offset
    assert model.log_likelihood_ == pytest.approx(poisson.logpmf(X, mean).sum(), rel=1e-9)
    truth = poisson.logpmf(X, exposure[:, None] * (Z @ W) + offset).sum()
    assert model.log_likelihood_ > truth
    assert model.score(store(X), **beside) == pytest.approx(
        model.log_likelihood_ / X.size, rel=1e-6
    )
    np.testing.assert_allclose(
        model.transform(store(X), **beside) @ model.components_,
        codes @ model.components_,
        rtol=1e-3,
        atol=1e-3,
    )
    assert model.kkt_residual_ < 0.05


@unconverged
def test_an_offset_keeps_ambient_counts_out_of_the_components():
    rng, Z, W = rates(2, n=150, d=40)
    W[:, :20] = 0.0
    ambient = np.where(np.arange(40) < 20, 5.0, 0.1)
    X = rng.poisson(Z @ W + ambient).astype(float)
    model = NMF(2, noise="poisson", random_state=0, init="random", max_iter=300)
    with_offset = model.fit(X, offset=ambient).components_
    without = model.fit(X).components_
    share = [c[:, :20].sum() / c.sum() for c in (with_offset, without)]
    assert share[0] < 0.15 < 0.25 < share[1]


def test_new_rows_need_their_own_offset():
    X = counts()
    model = NMF(2, noise="poisson", max_iter=500).fit(X, offset=0.1)
    with pytest.raises(InputError, match="pass theirs, or offset=0"):
        model.transform(X)
    assert model.transform(X, offset=0).shape == (30, 2)
    assert model.fit(X).transform(X).shape == (30, 2)


@pytest.mark.parametrize(
    ("given_values", "words"),
    [
        ({"exposure": np.ones(3)}, r"exposure has shape \(3,\); expected \(30,\)"),
        ({"exposure": np.zeros(30)}, "exposure holds 0; expected finite numbers above 0"),
        ({"offset": np.ones(30)}, r"offset has shape \(30,\); expected \(12,\)"),
        ({"offset": np.ones((30, 3))}, r"offset has shape \(30, 3\); expected \(30, 12\)"),
        ({"offset": (np.ones((30, 2)), np.ones((3, 12)))}, r"offset has shape \(30, 2\)"),
        ({"offset": -1.0}, "offset holds numbers below 0"),
        ({"offset": sp.csr_array(np.full((30, 12), np.nan))}, "not finite"),
        ({"mask": sp.csr_array(np.ones((30, 3)))}, r"mask has shape \(30, 3\)"),
        ({"mask": np.full((30, 12), np.nan)}, "mask holds other numbers than 0 and 1"),
        ({"mask": np.zeros((30, 12), dtype=bool)}, "No entry was observed"),
        ({"exposure": "hours"}, "exposure is no array of numbers"),
        ({"offset": [np.ones((30, 1)), np.ones((1, 12))]}, "offset is no array of numbers"),
        ({"offset": (np.ones((30, 1)),) * 3}, "offset is a tuple of 3"),
    ],
)
def test_bad_observations_are_explained(given_values, words):
    with pytest.raises(InputError, match=words):
        NMF(2, noise="poisson").fit(counts(), **given_values)


@unconverged
@pytest.mark.parametrize("form", ["columns", "dense", "sparse"])
def test_any_number_of_threads_gives_the_same_bits(form):
    X = counts(n=600, d=700, k=2)
    offset, _ = offsets_of(form, np.random.default_rng(0), 600, 700)
    mask = sp.csr_array(mask_of(X))
    fits = [
        NMF(2, noise="poisson", max_iter=2, tol=0, init="random", random_state=0, n_threads=n)
        for n in (1, 2, 3, 7)
    ]
    codes = [model.fit_transform(sp.csr_array(X), mask=mask, offset=offset) for model in fits]
    for model, found in zip(fits, codes, strict=True):
        np.testing.assert_array_equal(found, codes[0])
        np.testing.assert_array_equal(model.components_, fits[0].components_)


@unconverged
def test_weights_are_repeated_rows():
    X, times = counts(), np.random.default_rng(0).integers(0, 4, 30)
    rng = np.random.default_rng(1)
    beside = {"exposure": rng.uniform(0.5, 2, 30), "offset": rng.uniform(0, 1, (30, 12))}
    again = {name: np.repeat(values, times, axis=0) for name, values in beside.items()}
    mask = mask_of(X)
    model = NMF(3, noise="poisson", init="random", random_state=0, max_iter=1, tol=0)
    factors = start(3, 30, 12, 3)
    model = NMF(3, noise="poisson", alpha_W=0.01, l1_ratio=0.5, **CUSTOM)
    repeated = {"W": np.repeat(factors["W"], times, axis=0), "H": factors["H"]}
    one = model.fit(
        np.repeat(X, times, axis=0), mask=np.repeat(mask, times, axis=0), **again, **repeated
    )
    components, likelihood = one.components_, one.log_likelihood_
    weighted = model.fit(X, sample_weight=times, mask=mask, **beside, **factors)
    np.testing.assert_allclose(weighted.components_, components, rtol=1e-6, atol=1e-9)
    assert weighted.log_likelihood_ == pytest.approx(likelihood, rel=1e-8)


@unconverged
@pytest.mark.parametrize("noise", ["poisson", "gaussian"])
@pytest.mark.parametrize("solver", ["cd", "mu"])
def test_nothing_sparse_is_made_dense(noise, solver):
    rng, (n, d) = np.random.default_rng(0), (2_000, 20_000)
    places = rng.integers(n, size=60_000), rng.integers(d, size=60_000)
    X = sp.csr_array((rng.poisson(2.0, 60_000) + 1.0, places), shape=(n, d))
    listed = sp.csr_array((np.ones(120_000), np.tile(places, 2)), shape=(n, d)) + sp.random_array(
        (n, d), density=0.002, rng=rng
    )
    offset = (np.eye(2)[rng.integers(2, size=n)], rng.uniform(0.0, 0.1, (2, d)))
    settings = {"mask": listed, "exposure": rng.uniform(0.5, 2.0, n), "offset": offset}
    model = NMF(
        3, noise=noise, solver=solver, init="random", random_state=0, max_iter=3, n_threads=1
    )
    tracemalloc.start()
    try:
        model.fit(X, **settings)
        model.recommend(X, 5, **settings)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 8 * n * d / 4
