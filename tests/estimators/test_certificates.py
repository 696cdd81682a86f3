"""Every cell says what is known of its optimum, and forgets it when it is fitted again."""

from __future__ import annotations

import warnings

import mpmath
import numpy as np
import pytest
import scipy.sparse as sp

import cofactor
from cofactor import (
    NMF,
    Factorization,
    KMeans,
    Mixture,
    TopicModel,
    certify,
    load_model,
    save_model,
)
from cofactor.certificate import FreeEnergyGap, StationaryPoint, rank_bound
from cofactor.errors import ImpossibleCellError
from cofactor.lattice import lattice

RNG = np.random.default_rng(0)
MEANS = RNG.gamma(2.0, 6.0, size=(3, 5))[RNG.integers(3, size=60)]
COUNTS = 1.0 + RNG.poisson(MEANS).astype(float)
BINARY = (COUNTS.mean(axis=0) < COUNTS).astype(float)
CELLS = [cell for cell in lattice() if cell.available]
LINEAR = [cell for cell in CELLS if "one-hot, keep" not in cell.codes]


def fitted(cell, **params):
    """Fit the estimator that a cell of the lattice names."""
    model = eval(cell.call.replace("=C)", "=2)"), vars(cofactor) | {"__builtins__": {}}, names())
    size = "n_clusters" if hasattr(model, "n_clusters") else "n_components"
    model.set_params(**{size: 3, "random_state": 0, **params})
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return model.fit(data(cell))


def names():
    return {name: getattr(cofactor, name) for name in cofactor.__all__}


def data(cell):
    return BINARY if cell.noise == "bernoulli" else COUNTS


@pytest.mark.parametrize("cell", CELLS, ids=lambda cell: f"{cell.noise}, {cell.codes}")
def test_every_cell_has_a_certificate_or_says_why_not(cell):
    model, X = fitted(cell), data(cell)
    if cell.codes == "one-hot, keep 1" and "_gaussian" in cell.noise:
        with pytest.raises(ImpossibleCellError, match="no bound on the optimum is known"):
            model.certificate(X)
        return
    found = model.certificate(X, time_limit=1.0)
    assert model.certificate_ is found
    expected = "free energy" if "one-hot, keep" in cell.codes else "stationarity"
    assert found.kind == ("rigorous" if cell.codes == "one-hot, keep 1" else expected)
    assert found.lower is None or found.lower <= found.upper + 1e-9 * abs(found.upper)
    assert found.gap is None or 0.0 <= found.gap <= 1.0
    assert (found.lower is None) == (found.gap is None) == (
        "not known: no bound" in str(found)
    ) or (found.kind == "free energy")
    assert found.drawing.startswith("<svg")
    assert str(found.n_clusters) in str(found)
    assert certify(model, X, time_limit=1.0).kind == found.kind


@pytest.mark.parametrize("cell", LINEAR, ids=lambda cell: f"{cell.noise}, {cell.codes}")
def test_residuals_vanish_at_convergence_and_nowhere_else(cell):
    long = {"max_iter": 3000, "tol": 1e-14 if cell.codes != "free" else 1e-5}
    model, X = fitted(cell, **long), data(cell)
    settled = model.certificate(X)
    early = fitted(cell, max_iter=1, tol=0.0).certificate(X)
    assert settled.residual <= 2e-2  # steps that majorize get there slowly
    assert settled.upper <= early.upper * (1 + 1e-9)
    assert settled.residual < 0.2 * early.residual or early.residual < 1e-9


@pytest.mark.parametrize("codes", ["free", "semi-nonnegative", "simplex"])
def test_residuals_are_free_of_scale_and_storage(codes):
    model = Factorization(3, codes=codes, max_iter=3, tol=0.0, random_state=0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        one = model.fit(COUNTS).certificate(COUNTS)
        other = model.fit(64.0 * COUNTS).certificate(64.0 * COUNTS)
        sparse = model.fit(COUNTS).certificate(sp.csr_array(COUNTS))
    assert other.residual == pytest.approx(one.residual, rel=1e-6, abs=1e-12)
    assert sparse.residual == pytest.approx(one.residual, rel=1e-6, abs=1e-12)
    assert sparse.lower == pytest.approx(one.lower, rel=1e-9)
    assert other.gap == pytest.approx(one.gap, rel=1e-9, abs=1e-9)


def test_the_conditions_of_semi_nonnegative_codes_are_those_of_the_gradient():
    model = Factorization(2, codes="semi-nonnegative", max_iter=2, tol=0.0, random_state=1)
    X = COUNTS - COUNTS.mean(axis=0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        Z = model.fit_transform(X)
    W, found = model.components_, model.certificate(X)
    fit = Z @ W
    slope = (
        (fit - X)
        @ W.T
        / np.outer(
            np.linalg.norm(X, axis=1) + np.linalg.norm(fit, axis=1), np.linalg.norm(W, axis=1)
        )
    )
    mass = Z * np.linalg.norm(W, axis=1)
    rows = np.abs(
        np.minimum(mass / np.maximum(mass.sum(axis=1, keepdims=True), 1e-300), slope)
    ).max()
    norms = np.linalg.norm(X) + np.linalg.norm(fit)
    columns = np.linalg.norm(Z.T @ (fit - X), axis=1) / np.linalg.norm(Z, axis=0) / norms
    assert found.residual == pytest.approx(max(rows, columns.max()), rel=1e-6)
    assert found.upper == pytest.approx(np.square(X - fit).sum(), rel=1e-9)


def test_nmf_says_what_it_was_fitted_to():
    mask = RNG.uniform(size=COUNTS.shape) < 0.8
    exposure = RNG.uniform(0.5, 2.0, size=60)
    model = NMF(3, noise="poisson", tol=1e-9, max_iter=2000, random_state=0)
    model.fit(COUNTS, mask=mask, exposure=exposure)
    found = model.certificate(COUNTS, mask=mask, exposure=exposure)
    assert isinstance(found, StationaryPoint)
    assert found.residual == pytest.approx(model.kkt_residual_, rel=0.2)
    assert found.upper == pytest.approx(0.5 * model.reconstruction_err_**2, rel=1e-6)
    assert found.lower is None
    assert model.certificate(COUNTS).residual > 10 * found.residual


@pytest.mark.parametrize("shape", [(7, 4), (4, 7), (5, 5)])
@pytest.mark.parametrize("store", [np.asarray, sp.csr_array])
def test_rank_bounds_are_below_fifty_digits(shape, store):
    rng = np.random.default_rng(sum(shape))
    for scale in (1.0, 1e-120, 1e120):
        X, weights = scale * rng.normal(size=shape), rng.uniform(0.1, 3.0, shape[0])
        with mpmath.workdps(50):
            rows = [
                [mpmath.sqrt(w) * x for x in row]
                for row, w in zip(X.tolist(), weights.tolist(), strict=True)
            ]
            values = mpmath.svd_r(mpmath.matrix(rows), compute_uv=False)
            for rank in (1, 3):
                exact = mpmath.fsum(value**2 for value in list(values)[rank:])
                bound = rank_bound(store(X), rank, sample_weight=weights)
                assert bound <= exact
                assert bound == pytest.approx(float(exact), rel=1e-10)


def test_the_best_factorization_is_proved_to_be_that():
    X = COUNTS - COUNTS.mean()
    assert Factorization(3).fit(X).certificate(X).gap < 1e-9


def test_free_energies_are_compared_with_their_likelihood():
    model = Mixture(3, n_closest=1, random_state=0).fit(COUNTS)
    weights = np.arange(60) % 3
    found, gap = (
        model.certificate(COUNTS, sample_weight=weights),
        model.log_likelihood_gap(COUNTS, weights),
    )
    assert isinstance(found, FreeEnergyGap)
    assert found.upper - found.lower == pytest.approx(gap.value, rel=1e-6)
    assert found.gap == pytest.approx(-np.expm1(-gap.value / weights.sum()), rel=1e-9)
    assert "are left out" in str(found)
    whole = Mixture(3, random_state=0).fit(COUNTS).certificate(COUNTS)
    assert (whole.gap, whole.lower) == (0.0, whole.upper)
    assert "whole posterior is kept" in str(whole)


@pytest.mark.parametrize(
    "model",
    [
        KMeans(3, random_state=0),
        Mixture(3, noise="poisson", random_state=0),
        NMF(3, noise="poisson", random_state=0),
    ],
)
def test_what_was_proved_is_forgotten(model):
    for learn in (model.fit, model.partial_fit):
        model.fit(COUNTS).certificate(COUNTS, time_limit=0.1)
        assert hasattr(model, "certificate_")
        learn(COUNTS)
        assert not hasattr(model, "certificate_")


def test_notebooks_show_it():
    model = KMeans(3, random_state=0).fit(COUNTS)
    assert "<figure" not in model._repr_mimebundle_()["text/html"]
    model.certificate(COUNTS, time_limit=0.1)
    shown = model._repr_mimebundle_()["text/html"]
    assert "KMeans" in shown
    assert model.certificate_.drawing in shown


@pytest.mark.parametrize(
    "model", [KMeans(3, random_state=0), NMF(3, random_state=0), TopicModel(3, random_state=0)]
)
def test_it_is_stored_with_the_model(model, tmp_path):
    model.fit(COUNTS).certificate(COUNTS, time_limit=0.1)
    save_model(model, tmp_path / "m.safetensors")
    assert load_model(tmp_path / "m.safetensors").certificate_ == model.certificate_
