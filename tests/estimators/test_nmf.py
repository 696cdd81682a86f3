"""NMF takes scikit-learn's steps, obeys its laws under every noise, and explains itself."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import nnls
from scipy.special import gammaln, xlogy
from sklearn import decomposition
from sklearn.datasets import load_digits
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils.estimator_checks import parametrize_with_checks
from strategies import seeds

from cofactor.codes import Nonnegative
from cofactor.data import open_blocks
from cofactor.errors import ImpossibleCellError, InputError
from cofactor.estimators import NMF
from cofactor.noise import Gamma, NegativeBinomial, Poisson
from cofactor.noise.linear import FixedFactor

few = settings(max_examples=15)
unconverged = pytest.mark.filterwarnings("ignore:Maximum number of iterations")
MU = {"solver": "mu"}
NOISES = ["gaussian", "poisson", "gamma", "negative_binomial"]


def counts(seed=0, n=30, d=12, k=3, low=0):
    rng = np.random.default_rng(seed)
    mean = rng.gamma(0.5, 2.0, (n, k)) @ rng.gamma(0.5, 2.0, (k, d))
    return low + rng.poisson(mean).astype(float)


def start(seed, n, d, k):
    rng = np.random.default_rng(seed)
    return {"W": rng.uniform(0.1, 1, (n, k)), "H": rng.uniform(0.1, 1, (k, d))}


def kl(X, A):
    return (xlogy(X, np.where(X > 0, X, 1) / np.where(X > 0, A, 1)) - X + A).sum()


@unconverged
@parametrize_with_checks([NMF(), NMF(noise="poisson", n_components=2), NMF(solver="mu")])
def test_scikit_learns_checks(estimator, check):
    check(estimator)


@unconverged
@pytest.mark.parametrize("n_iter", [1, 5, 40])
@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"alpha_W": 0.02, "l1_ratio": 0.3},
        {"alpha_W": 0.01, "alpha_H": 0.05, "l1_ratio": 1.0},
        {"alpha_H": 0.03},
        {"shuffle": True, "random_state": 4},
        MU,
        MU | {"beta_loss": "kullback-leibler"},
        MU | {"beta_loss": "itakura-saito"},
        MU | {"beta_loss": 1.5},
        MU | {"beta_loss": 0.5},
        MU | {"beta_loss": 3},
        MU | {"beta_loss": "kullback-leibler", "alpha_W": 0.02, "l1_ratio": 1.0},
    ],
    ids=str,
)
def test_components_take_scikit_learns_path(settings, n_iter):
    X, factors = counts(low=1), start(1, 30, 12, 3)
    common = {"init": "custom", "max_iter": n_iter, "tol": 0, **settings}
    ours, theirs = NMF(3, **common), decomposition.NMF(3, **common)
    ours.fit(X, **factors)
    theirs.fit(X, **{name: factor.copy() for name, factor in factors.items()})
    np.testing.assert_allclose(ours.components_, theirs.components_, rtol=1e-7, atol=1e-12)
    assert ours.n_iter_ == theirs.n_iter_ == n_iter
    if "alpha_W" not in settings:  # a penalty lets the best codes fit worse
        assert ours.reconstruction_err_ <= theirs.reconstruction_err_


@unconverged
@pytest.mark.parametrize("store", [np.asarray, sp.csr_array], ids=["dense", "sparse"])
@pytest.mark.parametrize("init", [None, "random", "nndsvd", "nndsvda", "nndsvdar"])
def test_starts_are_scikit_learns(init, store):
    X, common = store(counts()), {"init": init, "max_iter": 3, "tol": 0, "random_state": 7}
    ours, theirs = NMF(4, **common).fit(X), decomposition.NMF(4, **common).fit(X)
    np.testing.assert_allclose(ours.components_, theirs.components_, rtol=1e-6, atol=1e-9)


@unconverged
def test_random_state_instances_are_consumed_alike():
    ours, theirs = np.random.RandomState(3), np.random.RandomState(3)
    NMF(3, init="random", max_iter=2, random_state=ours).fit(counts())
    decomposition.NMF(3, init="random", max_iter=2, random_state=theirs).fit(counts())
    assert ours.randint(10**6) == theirs.randint(10**6)


def test_digits_are_reconstructed_as_well_as_by_scikit_learn():
    X = load_digits().data[:500]
    ours = NMF(8, init="nndsvda", max_iter=400).fit(X)
    theirs = decomposition.NMF(8, init="nndsvda", max_iter=400, tol=1e-3).fit(X)
    assert ours.converged_
    assert ours.reconstruction_err_ < 1.005 * theirs.reconstruction_err_


@unconverged
@pytest.mark.parametrize("solver", ["cd", "mu"])
@pytest.mark.parametrize("noise", NOISES)
@pytest.mark.parametrize("penalty", [{}, {"alpha_W": 0.01, "l1_ratio": 0.5}], ids=["plain", "pen"])
def test_objective_never_rises(noise, solver, penalty):
    model = NMF(3, noise=noise, solver=solver, max_iter=40, tol=0, init="nndsvda", **penalty)
    objective = np.array(model.fit(counts(low=1)).trace_.objective)
    assert np.diff(objective).max() <= 1e-9 * np.abs(objective).max()
    assert objective[-1] < objective[0]
    if not penalty:
        assert -model.log_likelihood_ <= objective[-1] * (1 + 1e-12)


@few
@given(seeds, st.sampled_from([np.asarray, sp.csr_array]))
def test_poisson_likelihood_is_minus_kl_plus_that_of_the_data_themselves(seed, store):
    X = counts(seed % 1000, n=12, d=8)
    model = NMF(2, noise="poisson", init="random", random_state=0, max_iter=500)
    A = model.fit_transform(store(X)) @ model.components_
    direct = (xlogy(X, A) - A - gammaln(X + 1)).sum()
    saturated = (xlogy(X, X) - X - gammaln(X + 1)).sum()
    assert model.log_likelihood_ == pytest.approx(direct, rel=1e-9)
    assert model.log_likelihood_ == pytest.approx(saturated - kl(X, A), rel=1e-9)
    assert model.reconstruction_err_ == pytest.approx(np.sqrt(2 * kl(X, A)), rel=1e-6)


@few
@given(seeds)
def test_a_multiplicative_step_is_an_em_step_and_keeps_marginals(seed):
    rng = np.random.default_rng(seed)
    X, Z, W = (
        rng.poisson(2.0, (6, 5)) + 1.0,
        rng.uniform(0.1, 1, (6, 3)),
        rng.uniform(0.1, 1, (3, 5)),
    )
    (block,) = open_blocks(X)
    step = Poisson().multiplicative_codes(block, FixedFactor(W.T), Z).codes
    shares = (
        Z[:, :, None] * W / (Z @ W)[:, None, :]
    )  # of component k in the count of row and column
    em = (X[:, None, :] * shares).sum(axis=2) / W.sum(axis=1)
    np.testing.assert_allclose(step, em, rtol=1e-12)
    np.testing.assert_allclose((step @ W).sum(axis=1), X.sum(axis=1), rtol=1e-12)


@few
@given(seeds)
def test_map_with_flat_prior_is_maximum_likelihood(seed):
    rng = np.random.default_rng(seed)
    X, Z, W = rng.poisson(2.0, (6, 5)), rng.uniform(0.1, 1, (6, 3)), rng.uniform(0.1, 1, (3, 5))
    (block,) = open_blocks(X.astype(float))
    step = Poisson().multiplicative_codes(block, FixedFactor(W.T), Z).codes
    a, b = 1.0, 0.0  # of a Gamma prior: z ← (a − 1 + z·((x/zW)Wᵀ)) / (b + Σ_l w_l)
    posterior = (a - 1.0 + Z * (X / (Z @ W) @ W.T)) / (b + W.sum(axis=1))
    np.testing.assert_allclose(step, posterior, rtol=1e-12)


def test_rank_one_poisson_fit_is_the_product_of_marginals():
    X = counts()
    model = NMF(1, noise="poisson", init="random", random_state=0)
    fitted = model.fit_transform(X) @ model.components_
    np.testing.assert_allclose(fitted, np.outer(X.sum(1), X.sum(0)) / X.sum(), rtol=1e-9)


@unconverged
@pytest.mark.parametrize("noise", NOISES)
def test_fitted_values_ignore_scale_of_factors(noise):
    X, factors, scale = counts(low=1), start(2, 30, 12, 3), np.array([0.5, 4.0, 2.0])
    model = NMF(3, noise=noise, init="custom", max_iter=100, tol=1e-3)
    plain = model.fit_transform(X, **factors) @ model.components_
    scaled = {"W": factors["W"] * scale, "H": factors["H"] / scale[:, None]}
    np.testing.assert_allclose(
        model.fit_transform(X, **scaled) @ model.components_, plain, rtol=1e-5
    )


@unconverged
@pytest.mark.parametrize("noise", ["poisson", "gamma", "negative_binomial"])
def test_fitted_values_ignore_order_of_components(noise):
    X, factors, order = counts(low=1), start(2, 30, 12, 3), [2, 0, 1]
    model = NMF(3, noise=noise, solver="mu", init="custom", max_iter=20, tol=1e-2)
    plain = model.fit(X, **factors).components_
    permuted = {"W": factors["W"][:, order], "H": factors["H"][order]}
    np.testing.assert_allclose(model.fit(X, **permuted).components_, plain[order], rtol=1e-7)


@unconverged
@pytest.mark.parametrize("noise", NOISES)
def test_a_full_mask_changes_nothing(noise):
    X = counts(low=1)
    common = {"noise": noise, "solver": "mu", "max_iter": 10, "init": "nndsvda", "tol": 0}
    plain, masked = NMF(3, **common), NMF(3, **common)
    plain.fit(X)
    masked.fit(X, mask=np.ones(X.shape, bool))
    np.testing.assert_allclose(masked.components_, plain.components_, rtol=1e-6)
    assert masked.log_likelihood_ == pytest.approx(plain.log_likelihood_, rel=1e-4)


@unconverged
@pytest.mark.parametrize("noise", NOISES)
def test_masked_entries_carry_no_weight(noise):
    X, rng = counts(low=1), np.random.default_rng(0)
    mask = rng.uniform(size=X.shape) < 0.8
    fits = [
        NMF(2, noise=noise, max_iter=30, random_state=0).fit(np.where(mask, X, other), mask=mask)
        for other in (np.nan, 1e6)
    ]
    np.testing.assert_array_equal(fits[0].components_, fits[1].components_)
    objective = np.array(fits[0].trace_.objective)
    assert np.diff(objective).max() <= 1e-9 * np.abs(objective).max()


@unconverged
def test_masked_entries_of_a_product_are_found():
    rng = np.random.default_rng(1)
    X = rng.uniform(size=(40, 2)) @ rng.uniform(size=(2, 15))
    mask = rng.uniform(size=X.shape) < 0.85
    model = NMF(2, max_iter=1500, tol=0)
    codes = model.fit_transform(np.where(mask, X, np.nan), mask=mask)
    assert np.abs(codes @ model.components_ - X)[~mask].max() < 0.05


def test_the_best_of_many_starts_is_kept():
    rng = np.random.default_rng(5)
    X = rng.poisson(rng.gamma(0.3, 3.0, (60, 4)) @ rng.gamma(0.3, 1.0, (4, 30)))
    state = np.random.RandomState(3)
    alone = [
        NMF(4, noise="poisson", init="random", random_state=state).fit(X).log_likelihood_
        for _ in range(5)
    ]
    many = NMF(4, noise="poisson", init="random", n_init=5, random_state=3).fit(X)
    assert len(set(np.round(alone, 6))) > 1
    assert many.log_likelihood_ == pytest.approx(max(alone), rel=1e-12)


@unconverged
@pytest.mark.parametrize("noise", NOISES)
@pytest.mark.parametrize("store", [np.asarray, sp.csr_array], ids=["dense", "sparse"])
def test_weights_are_repeated_rows(noise, store):
    X, times = counts(low=1), np.random.default_rng(0).integers(0, 4, 30)
    model = NMF(3, noise=noise, max_iter=10, tol=0, alpha_W=0.01, l1_ratio=0.5)
    repeated = model.fit(store(np.repeat(X, times, axis=0)))
    components, likelihood = repeated.components_, repeated.log_likelihood_
    weighted = model.fit(store(X), sample_weight=times)
    np.testing.assert_allclose(weighted.components_, components, rtol=1e-6, atol=1e-9)
    assert weighted.log_likelihood_ == pytest.approx(likelihood, rel=1e-8)


def with_int64(X):
    csr = sp.csr_array(X)
    csr.indices, csr.indptr = csr.indices.astype(np.int64), csr.indptr.astype(np.int64)
    return csr


@unconverged
@pytest.mark.parametrize("store", [sp.csr_matrix, sp.csc_array, with_int64, np.asfortranarray])
@pytest.mark.parametrize("noise", ["gaussian", "poisson", "negative_binomial"])
def test_storage_does_not_matter(noise, store):
    X, model = counts(), NMF(3, noise=noise, max_iter=10, tol=0, init="nndsvda")
    dense = model.fit_transform(X) @ model.components_
    stored = model.fit_transform(store(X)) @ model.components_
    np.testing.assert_allclose(stored, dense, rtol=1e-6, atol=1e-8)
    np.testing.assert_allclose(model.transform(store(X)), model.transform(X), atol=1e-7)


@unconverged
@pytest.mark.parametrize("store", [np.asarray, sp.csr_array], ids=["dense", "sparse"])
@pytest.mark.parametrize("noise", ["gaussian", "poisson"])
def test_any_number_of_threads_gives_the_same_bits(noise, store):
    X = store(counts(n=600, d=700, k=2))
    assert len(open_blocks(X)) > 1
    fits = [
        NMF(2, noise=noise, max_iter=2, tol=0, init="random", random_state=0, n_threads=n)
        for n in (1, 2, 3, 7)
    ]
    codes = [model.fit_transform(X) for model in fits]
    for model, found in zip(fits, codes, strict=True):
        np.testing.assert_array_equal(found, codes[0])
        np.testing.assert_array_equal(model.components_, fits[0].components_)
        assert model.trace_.objective == fits[0].trace_.objective


@pytest.mark.parametrize(
    ("noise", "rtol"),  # multiplicative steps end slowly
    [("gaussian", 1e-4), ("poisson", 1e-4), ("gamma", 2e-2), ("negative_binomial", 2e-2)],
)
def test_transform_gives_the_codes_of_the_fit(noise, rtol):
    X, model = counts(low=1), NMF(3, noise=noise, max_iter=2000)
    codes = model.fit_transform(X)
    again = model.transform(X)
    np.testing.assert_allclose(again @ model.components_, codes @ model.components_, rtol)
    np.testing.assert_array_equal(model.transform(X), again)
    np.testing.assert_allclose(model.transform(X[3:5]), again[3:5], rtol=1e-9, atol=1e-12)


def test_transform_solves_nonnegative_least_squares():
    X, new = counts(), counts(seed=5)
    model = NMF(3, max_iter=1000).fit(X)
    best = [nnls(model.components_.T, row)[0] for row in new]
    np.testing.assert_allclose(model.transform(new), best, atol=1e-3)


def test_transform_penalises_as_the_fit_does():
    X = counts()
    plain, penalised = NMF(3, max_iter=1000), NMF(3, alpha_W=0.5, alpha_H=0, max_iter=1000)
    penalised.fit(X)
    plain.fit(X)
    plain.components_ = penalised.components_
    assert penalised.transform(X).sum() < plain.transform(X).sum()


def test_inverse_transform_and_names():
    X, model = counts(), NMF(2, max_iter=1000)
    codes = model.fit_transform(X)
    np.testing.assert_allclose(model.inverse_transform(codes), codes @ model.components_)
    np.testing.assert_allclose(
        model.inverse_transform(sp.csr_array(codes)), codes @ model.components_
    )
    assert model.get_feature_names_out().tolist() == ["nmf0", "nmf1"]
    frame = model.set_output(transform="pandas").transform(X)
    assert frame.columns.tolist() == ["nmf0", "nmf1"]


@pytest.mark.parametrize(("noise", "none"), [("gaussian", False), ("poisson", True)])
def test_dispersion_is_the_noises(noise, none):
    X, model = counts(), NMF(2, noise=noise, max_iter=1000)
    residual = X - model.fit_transform(X) @ model.components_
    if none:
        assert model.dispersion_ is None
    else:
        assert model.dispersion_ == pytest.approx(np.square(residual).mean())


def test_noise_objects_are_used_as_they_are():
    X = counts()
    narrow, wide = (
        NMF(2, noise=NegativeBinomial(size), init="nndsvda", max_iter=500).fit(X)
        for size in (1e8, 1.0)
    )
    poisson = NMF(2, noise="poisson", solver="mu", init="nndsvda", max_iter=500).fit(X)
    assert narrow.log_likelihood_ == pytest.approx(poisson.log_likelihood_, rel=1e-3)
    assert wide.log_likelihood_ != pytest.approx(narrow.log_likelihood_, rel=1e-3)


def test_coordinate_newton_ends_at_least_where_multiplicative_steps_do():
    X = load_digits().data[:300]
    newton = NMF(5, noise="poisson", init="nndsvda", max_iter=60, tol=1e-2)
    slow = NMF(5, solver="mu", noise="poisson", init="nndsvda", max_iter=60, tol=1e-2)
    assert newton.fit(X).log_likelihood_ > slow.fit(X).log_likelihood_


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("noise", NOISES)
def test_results_have_the_datas_precision(noise, dtype):
    X, model = counts(low=1).astype(dtype), NMF(2, noise=noise, max_iter=1000, tol=1e-3)
    assert model.fit_transform(X).dtype == dtype
    assert model.components_.dtype == dtype
    assert model.transform(X).dtype == dtype


def test_fitting_stops_when_asked():
    seen = []

    def stop_at_three(iteration):
        seen.append(iteration.objective)
        return iteration.number == 3

    model = NMF(2, callbacks=[stop_at_three]).fit(counts())
    assert model.n_iter_ == 3
    assert model.trace_.objective == seen
    assert not model.converged_
    assert NMF(2, tol=0, max_iter=10**6, time_limit=0.05).fit(counts()).n_iter_ < 10**6


def test_verbose_prints_iterations(capsys):
    NMF(2, verbose=1, max_iter=500).fit(counts())
    assert "Iteration 0: objective" in capsys.readouterr().out


def test_fitted_models_are_pickled():
    X, model = counts(), NMF(2, max_iter=500).fit(counts())
    np.testing.assert_array_equal(
        pickle.loads(pickle.dumps(model)).transform(X), model.transform(X)
    )


@pytest.mark.parametrize("X", [np.zeros((5, 4)), sp.csr_array((5, 4))], ids=["dense", "sparse"])
@pytest.mark.parametrize("noise", ["gaussian", "poisson"])
def test_data_of_zeros_are_fitted_by_zeros(X, noise):
    model = NMF(2, noise=noise, init="random", random_state=0)
    np.testing.assert_allclose(model.fit_transform(X) @ model.components_, 0, atol=1e-12)


def test_unfinished_fits_warn():
    with pytest.warns(ConvergenceWarning, match="Maximum number of iterations 2 reached"):
        NMF(2, max_iter=2).fit(counts())


def test_unused_factors_and_stuck_zeros_warn():
    with pytest.warns(RuntimeWarning, match="provided W or H are ignored"):
        NMF(2, max_iter=500).fit(counts(), H=np.ones((2, 12)))
    with pytest.warns(UserWarning, match="cannot update zeros"):
        NMF(2, solver="mu", init="nndsvd", max_iter=500).fit(counts())


@pytest.mark.parametrize(
    ("model", "words"),
    [
        (NMF(2, beta_loss="kullback-leibler"), "solver 'cd' does not handle beta_loss"),
        (NMF(50, init="nndsvd"), "can only be used when n_components <= min"),
        (NMF(2, noise="gauss"), "expected one of bernoulli"),
        (NMF(2, noise="multinomial"), "or simplex codes"),
        (NMF(2, noise="gamma"), "zeros; gamma noise expects entries above 0"),
        (NMF(2, init="custom"), r"needs both W and H, but NMF \(input H\) is missing"),
    ],
)
def test_bad_settings_are_explained(model, words):
    with pytest.raises(InputError, match=words):
        model.fit(counts())


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"H": np.ones((3, 12))}, "wrong first dimension passed to NMF .input H.*Expected 2"),
        ({"H": np.ones((2, 11))}, "wrong second dimension passed to NMF .input H.*Expected 12"),
        ({"W": np.ones((30, 3))}, "wrong second dimension passed to NMF .input W"),
        ({"W": np.zeros((30, 2))}, "full of zeros"),
        ({"W": -np.ones((30, 2))}, "Negative values"),
    ],
)
def test_bad_starts_are_explained(changed, words):
    with pytest.raises(ValueError, match=words):
        NMF(2, init="custom").fit(counts(), **(start(0, 30, 12, 2) | changed))


def test_bad_data_are_explained():
    X = counts()
    with pytest.raises(ValueError, match="Negative values in data passed to"):
        NMF(2).fit(X - 1)
    with pytest.raises(ValueError, match="contains infinity"):
        NMF(2).fit(np.where(X == 0, np.inf, X))
    with pytest.raises(ValueError, match="Negative values in data passed to"):
        NMF(2).fit(np.where(X == 0, np.nan, X - 2))
    with pytest.raises(InputError, match="contains NaN or infinity"):
        NMF(2).fit(np.where(X == 0, np.nan, X), mask=np.isfinite(X))
    with pytest.raises(InputError, match=r"mask has shape \(30, 1\); expected \(30, 12\)"):
        NMF(2).fit(X, mask=X[:, :1] > 0)
    with pytest.raises(TypeError, match="same dtype as X"):
        NMF(2, init="custom").fit(X.astype(np.float32), **start(0, 30, 12, 2))


def test_impossible_cells_are_their_own_error():
    with pytest.raises(ImpossibleCellError):
        NMF(2, noise="bernoulli").fit(counts())


def test_gamma_noise_is_itakura_saito():
    X = counts(low=1)
    common = {"random_state": 0, "max_iter": 100, "tol": 1e-2}
    named = NMF(2, noise="gamma", **common).fit(X)
    loss = NMF(2, solver="mu", beta_loss="itakura-saito", **common).fit(X)
    np.testing.assert_array_equal(named.components_, loss.components_)
    assert Nonnegative.suit(Gamma())
    assert named.log_likelihood_ == loss.log_likelihood_


@pytest.mark.parametrize("scale", [0.01, 255.0, 1e6])
def test_poisson_fits_go_on_whatever_the_scale_of_counts(scale):
    """Starts add up to the data, so that no first fall hides what is left to gain."""
    rng = np.random.default_rng(0)
    X = rng.poisson(rng.gamma(0.5, 2.0, (120, 3)) @ rng.gamma(0.5, 1.0, (3, 25)) + 0.2) + 0.5
    settings = {"noise": "poisson", "random_state": 0}
    expected, found = NMF(3, **settings).fit(X), NMF(3, **settings).fit(scale * X)
    assert found.explained_deviance_ == pytest.approx(expected.explained_deviance_, abs=3e-4)
    assert found.kkt_residual_ < 0.01


@pytest.mark.parametrize("noise", ["gaussian", "poisson"])
def test_components_of_zeros_are_lived_with(noise):
    X = np.random.default_rng(0).poisson(2.0, (10, 4)).astype(float)
    model = NMF(2, noise=noise, random_state=0).fit(np.zeros((10, 4)))
    assert np.isfinite(model.transform(X)).all()
    assert type(model.log_likelihood_) is float
    assert model.explained_deviance_ == 1.0
    held = NMF(2, noise="poisson", prior_W=(1.5, 1.0), prior_H=(1.5, 1.0), random_state=0)
    assert held.fit(np.zeros((10, 4))).explained_deviance_ == 0.0  # the priors allow no zeros
    assert (held.components_ > 0).all()
