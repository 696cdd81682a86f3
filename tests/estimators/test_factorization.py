"""Factorizations that have no classic estimator of their own."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.sparse as sp
from sklearn.utils.estimator_checks import parametrize_with_checks

from cofactor import NMF, Factorization
from cofactor.errors import ImpossibleCellError, InputError

KINDS = [
    ("gaussian", "free"),
    ("gaussian", "simplex"),
    ("multinomial", "simplex"),
    ("gaussian", "scaled one-hot"),
    ("poisson", "scaled one-hot"),
    ("poisson", "nonnegative"),
    ("gaussian", "semi-nonnegative"),
]


@pytest.fixture
def counts():
    rng = np.random.default_rng(0)
    rates = rng.gamma(1.0, size=(60, 3)) @ rng.gamma(0.5, size=(3, 12))
    return rng.poisson(4.0 * rates).astype(float)


@pytest.fixture(params=KINDS, ids=lambda kind: f"{kind[1]} {kind[0]}")
def model(request):
    noise, codes = request.param
    return Factorization(3, noise=noise, codes=codes, random_state=0, max_iter=3000)


@parametrize_with_checks([Factorization()])
def test_passes_every_check(estimator, check):
    check(estimator)


def test_objective_never_rises(model, counts):
    objective = np.array(model.fit(counts).trace_.objective)
    assert np.all(np.diff(objective) <= 1e-9 * np.abs(objective[0]))


def test_fit_transform_is_fit_then_transform(model, counts):
    codes = model.fit_transform(counts)
    np.testing.assert_array_equal(codes, model.transform(counts))


def test_sparse_data_are_fitted_alike(model, counts):
    expected = model.fit_transform(counts)
    got = model.fit_transform(sp.csr_array(counts))
    np.testing.assert_allclose(got, expected, rtol=1e-4, atol=1e-4 * np.abs(expected).max())


@pytest.mark.parametrize("n_threads", [2, 3, 7])
def test_threads_do_not_change_a_bit(model, counts, n_threads):
    rows = np.tile(counts, (20, 1))
    one = model.set_params(n_threads=1, max_iter=20, tol=0.1).fit(rows).components_
    many = model.set_params(n_threads=n_threads).fit(rows).components_
    np.testing.assert_array_equal(one, many)


def test_free_codes_are_the_truncated_singular_value_decomposition(counts):
    model = Factorization(3).fit(counts)
    left, values, right = np.linalg.svd(counts)
    best = (left[:, :3] * values[:3]) @ right[:3]
    np.testing.assert_allclose(model.inverse_transform(model.transform(counts)), best, atol=1e-8)


def test_free_codes_give_the_likelihood_of_their_residual(counts):
    model = Factorization(3).fit(counts)
    residual = np.square(np.linalg.svd(counts)[1][3:]).sum()
    variance = residual / counts.size
    expected = -0.5 * counts.size * (np.log(2 * np.pi * variance) + 1)
    assert model.log_likelihood_ == pytest.approx(expected)
    assert model.dispersion_ == pytest.approx(variance)


def test_simplex_codes_are_averages(counts):
    codes = Factorization(3, codes="simplex", random_state=0, max_iter=3000).fit_transform(counts)
    assert codes.min() >= 0
    np.testing.assert_allclose(codes.sum(axis=1), 1.0)


def test_scaled_one_hot_codes_of_counts_carry_the_totals(counts):
    model = Factorization(3, noise="poisson", codes="scaled one-hot", random_state=0)
    codes = model.fit_transform(counts)
    assert np.all(np.count_nonzero(codes, axis=1) <= 1)
    np.testing.assert_allclose(codes.sum(axis=1), counts.sum(axis=1))


def test_lines_through_the_origin_are_found():
    rng = np.random.default_rng(1)
    lines = np.array([[1.0, 0.0, 0.0], [0.6, 0.8, 0.0]])
    truth = rng.integers(0, 2, 200)
    X = rng.normal(size=(200, 1)) * lines[truth]
    model = Factorization(2, codes="scaled one-hot", random_state=0).fit(X)
    cosines = np.abs(model.components_ @ lines.T)
    np.testing.assert_allclose(np.sort(cosines.max(axis=1)), 1.0, atol=1e-6)


def test_nonnegative_codes_are_nmf(counts):
    model = Factorization(3, noise="poisson", codes="nonnegative", tol=1e-9, max_iter=3000)
    peer = NMF(3, noise="poisson", tol=1e-9, max_iter=3000)
    ours, theirs = model.fit(counts).log_likelihood_, peer.fit(counts).log_likelihood_
    assert ours == pytest.approx(theirs, rel=1e-4)


def test_integer_weights_are_repeated_rows(counts):
    weight = np.random.default_rng(2).integers(1, 4, len(counts))
    weighted = Factorization(3).fit(counts, sample_weight=weight)
    repeated = Factorization(3).fit(np.repeat(counts, weight, axis=0))
    assert weighted.log_likelihood_ == pytest.approx(repeated.log_likelihood_)


def test_impossible_cell_says_so(counts):
    with pytest.raises(ImpossibleCellError, match="bernoulli noise does not"):
        Factorization(codes="free", noise="bernoulli").fit(counts)


@pytest.mark.parametrize("codes", ["free", "simplex", "scaled one-hot", "semi-nonnegative"])
def test_too_many_components_are_refused(codes):
    with pytest.raises(InputError, match="n_components=9 is too many"):
        Factorization(9, codes=codes).fit(np.ones((4, 3)))


def with_gaps(X, seed=0, share=0.7):
    observed = np.random.default_rng(seed).uniform(size=X.shape) < share
    return np.where(observed, X, np.nan), observed


@pytest.mark.parametrize("codes", ["nonnegative", "semi-nonnegative"])
@pytest.mark.parametrize("share", [0.4, 0.8])
def test_missing_entries_are_completed(codes, share):
    rng = np.random.default_rng(3)
    sign = rng.choice([-1.0, 1.0], (2, 30)) if codes == "semi-nonnegative" else 1.0
    Z, W = rng.gamma(1.0, size=(150, 2)), sign * rng.gamma(1.0, size=(2, 30))
    X, observed = with_gaps(Z @ W, share=share)
    model = Factorization(2, codes=codes, random_state=0, tol=1e-9, max_iter=3000)
    found = model.fit_transform(X)
    assert np.abs(found @ model.components_ - Z @ W)[~observed].max() < 0.05 * np.abs(Z @ W).max()
    objective = np.array(model.trace_.objective)
    assert np.diff(objective).max() <= 1e-9 * np.abs(objective).max()
    assert model.certificate(X).residual < 0.01


@pytest.mark.filterwarnings("ignore:.*converge")
@pytest.mark.parametrize("codes", ["nonnegative", "semi-nonnegative"])
def test_missing_entries_are_the_same_in_every_form(counts, codes):
    X = counts + 1.0
    holes, observed = with_gaps(X)
    stored = sp.csr_array(X)
    gaps = stored.copy()
    gaps.data[~observed.ravel()] = np.nan
    model = Factorization(3, codes=codes, random_state=0, max_iter=3)
    likelihood = model.fit(holes).log_likelihood_
    assert model.fit(X, mask=observed).log_likelihood_ == likelihood
    assert model.trace_.n_entries == observed.sum()
    transformed = model.transform(holes)
    for data, mask in ((gaps, None), (stored, observed), (stored, sp.csr_array(observed))):
        again = model.transform(data, mask=mask)
        np.testing.assert_allclose(again, transformed, rtol=1e-6, atol=1e-8)
        sparse = Factorization(3, codes=codes, random_state=0, max_iter=300).fit(data, mask=mask)
        assert sparse.log_likelihood_ > likelihood


@pytest.mark.parametrize("codes", ["free", "simplex", "scaled one-hot"])
def test_codes_that_need_every_entry_say_so(counts, codes):
    model = Factorization(2, codes=codes).fit(counts)
    holes, observed = with_gaps(counts)
    for call in (model.fit, model.transform, model.certificate):
        with pytest.raises(InputError, match=f"{codes} codes need them all"):
            call(holes)
    with pytest.raises(InputError, match=f"{codes} codes need them all"):
        model.fit(counts, mask=observed)


def test_nonnegative_codes_want_nonnegative_data(counts):
    with pytest.raises(ValueError, match="semi-nonnegative ones take data of any sign"):
        Factorization(2, codes="nonnegative").fit(counts - 1.0)
    assert Factorization(2, codes="semi-nonnegative", random_state=0).fit(counts - 1.0).n_iter_ > 0


@pytest.mark.parametrize("codes", ["nonnegative", "semi-nonnegative"])
@pytest.mark.parametrize("masked", [False, True])
def test_exposures_and_offsets_are_part_of_the_mean(codes, masked):
    """Codes take up exposures, and data less their offset are data of the rest."""
    rng = np.random.default_rng(0)
    rest = rng.gamma(1.0, 2.0, (60, 3)) @ rng.gamma(1.0, 1.0, (3, 12)) + 0.1 * rng.random((60, 12))
    exposure, offset = rng.uniform(0.5, 2.0, 60), rng.gamma(1.0, 1.0, 12)
    mask = rng.random(rest.shape) < 0.8 if masked else np.ones(rest.shape, bool)
    settings = {"codes": codes, "random_state": 0, "tol": 1e-9, "max_iter": 5000}
    plain = Factorization(3, **settings).fit(rest, mask=mask)
    beside = {"mask": mask, "exposure": exposure, "offset": offset}
    model = Factorization(3, **settings)
    Z = model.fit_transform(rest + offset, **beside)
    assert model.log_likelihood_ == pytest.approx(plain.log_likelihood_, rel=0.02)
    left = rest + offset - (exposure[:, None] * (Z @ model.components_) + offset)
    variance = np.square(left)[mask].mean()
    assert model.dispersion_ == pytest.approx(variance, rel=1e-3)
    with pytest.raises(InputError, match="This Factorization was fitted with an offset"):
        model.transform(rest)
    assert model.recommend(rest, 2, exclude_seen=False, offset=0).items.shape == (60, 2)


@pytest.mark.parametrize("codes", ["free", "simplex", "scaled one-hot"])
def test_other_codes_know_no_exposures(codes):
    X = np.random.default_rng(0).gamma(1.0, 1.0, (20, 6))
    with pytest.raises(InputError, match=f"which {codes} codes do not know"):
        Factorization(2, codes=codes).fit(X, exposure=np.ones(20))


def test_poisson_sums_are_those_of_nmf(counts):
    rng, n = np.random.default_rng(1), len(counts)
    beside = {"exposure": rng.uniform(0.5, 2.0, n), "offset": 0.3}
    weights = rng.choice([1.0, 2.0], n)
    found = [
        Factorization(3, codes="nonnegative", noise="poisson", tol=1e-9, max_iter=3000),
        NMF(3, noise="poisson", tol=1e-9, max_iter=3000),
    ]
    likelihoods = [
        model.fit(counts, sample_weight=weights, **beside).log_likelihood_ for model in found
    ]
    assert likelihoods[0] == pytest.approx(likelihoods[1], rel=1e-5)
