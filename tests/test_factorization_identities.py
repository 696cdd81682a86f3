"""Identities of Poisson factorizations, whatever was observed, weighted, exposed or known."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import xlogy
from scipy.stats import poisson
from strategies import seeds

from cofactor import NMF, TopicModel
from cofactor.estimators.topics import to_topics

few = settings(max_examples=30)
TINY = 1e-300
unfinished = pytest.mark.filterwarnings("ignore:Maximum number of iterations")
circumstances = st.fixed_dictionaries(
    {name: st.booleans() for name in ("masked", "weighted", "exposed", "offset")}
)


@dataclass(frozen=True)
class Seen:
    """Counts about planted factors, and the circumstances under which they were seen."""

    X: Any
    Z: Any
    W: Any
    mask: Any
    w: Any
    e: Any
    o: Any

    @classmethod
    def drawn(cls, seed, masked=False, weighted=False, exposed=False, offset=False, n=18, d=9, k=2):
        rng = np.random.default_rng(seed)
        Z, W = rng.gamma(1.0, 2.0, (n, k)), rng.gamma(0.7, 1.0, (k, d))
        e = rng.uniform(0.5, 2.0, n) if exposed else np.ones(n)
        o = rng.gamma(0.5, 1.0, (n, d)) if offset else np.zeros((n, d))
        X = rng.poisson(e[:, None] * (Z @ W) + o + 0.2).astype(float)
        mask = rng.uniform(size=X.shape) < 0.8 if masked else np.ones(X.shape, bool)
        mask[np.arange(n), np.arange(n) % d] = True  # something of every row and column
        w = rng.choice([0.5, 1.0, 3.0], n) if weighted else np.ones(n)
        begun = rng.uniform(0.5, 1.5, Z.shape) * Z.mean(), rng.uniform(0.5, 1.5, W.shape)
        return cls(X, *begun, mask, w, e, o)

    @property
    def beside(self):
        """What a fit is told beside the data, unless it is nothing new."""
        return {
            "mask": None if self.mask.sum() == self.X.size else self.mask,
            "exposure": None if (self.e == 1).all() else self.e,
            "offset": self.o if self.o.sum() > 0 else None,
            "sample_weight": None if (self.w == 1).all() else self.w,
        }

    @property
    def of_rows(self):
        """What new rows are told."""
        return {name: value for name, value in self.beside.items() if name != "sample_weight"}

    def mean(self, Z, W):
        return self.e[:, None] * (Z @ W) + self.o

    def fit(self, max_iter=3, beside=None, **settings):
        """Fit from the start, for so many iterations; return the model and its codes."""
        beside = self.beside if beside is None else beside
        model = NMF(
            len(self.W), noise="poisson", init="custom", max_iter=max_iter, tol=0, **settings
        )
        return model, model.fit_transform(self.X, W=self.Z, H=self.W, **beside)

    def total(self, values):
        """Return the weighted sum over observed entries."""
        return float((self.w[:, None] * np.where(self.mask, values, 0.0)).sum())


@unfinished
@few
@given(seed=seeds, kind=circumstances, solver=st.sampled_from(["cd", "mu"]))
def test_likelihood_is_minus_kl_plus_that_of_the_data_themselves(seed, kind, solver):
    """(17) ``log p = −KL + c(X)``, deviance is twice KL, and sparse data are dense ones."""
    seen = Seen.drawn(seed, **kind)
    model, Z = seen.fit(solver=solver)
    A = seen.mean(Z, model.components_)
    X = seen.X * seen.mask
    kl = seen.total(xlogy(X, X / np.maximum(A, TINY)) - X + A)
    itself = seen.total(poisson.logpmf(seen.X, np.maximum(seen.X, TINY)))
    assert model.log_likelihood_ == pytest.approx(seen.total(poisson.logpmf(seen.X, A)), rel=1e-10)
    assert model.log_likelihood_ == pytest.approx(itself - kl, rel=1e-10)
    assert model.reconstruction_err_**2 == pytest.approx(2 * kl, rel=1e-9)
    forms = {"X": sp.csr_array(seen.X * seen.mask), "o": sp.csr_array(seen.o)}
    stored, _ = replace(seen, mask=sp.csr_array(seen.mask), **forms).fit(solver=solver)
    assert stored.log_likelihood_ == pytest.approx(model.log_likelihood_, rel=1e-7)


@unfinished
@few
@given(seed=seeds, kind=circumstances, prior=st.booleans())
def test_multiplicative_steps_are_em_steps(seed, kind, prior):
    """(18, 23) Also under Gamma priors, of which a flat one is none."""
    seen = Seen.drawn(seed, **kind)
    a, b = (1.7, 0.3) if prior else (1.0, 0.0)
    model, _ = seen.fit(1, solver="mu", prior_W=(a, b), prior_H=(a, b))
    X, e, w, cost = seen.X * seen.mask, seen.e[:, None], seen.w[:, None], seen.mask * 1.0
    A = seen.mean(seen.Z, seen.W)
    own = np.einsum("nl,nk,kl->nk", X / A, e * seen.Z, seen.W)
    Z = (a - 1 + own) / (b + e * (cost @ seen.W.T))
    A = seen.mean(Z, seen.W)
    own = np.einsum("nl,nk,kl->kl", w * X / A, e * Z, seen.W)
    W = (a - 1 + own) / (b + (w * e * Z).T @ cost)
    np.testing.assert_allclose(model.components_, W, rtol=1e-9)
    if not prior:  # what components explain of each column is what they were given
        np.testing.assert_allclose((W * ((w * e * Z).T @ cost)).sum(0), own.sum(0), rtol=1e-9)
        plain, _ = seen.fit(1, solver="mu")
        np.testing.assert_array_equal(plain.components_, model.components_)


@few
@given(seed=seeds, kind=circumstances)
def test_settled_codes_keep_marginals(seed, kind):
    """(18) Of every row: what was observed, shared out, adds up to the means of the codes."""
    seen = Seen.drawn(seed, **kind)
    model, _ = seen.fit(30)
    Z = model.transform(seen.X, **seen.of_rows)
    A = seen.mean(Z, model.components_)
    share = seen.mask * (A - seen.o)
    explained = (seen.X / np.maximum(A, TINY) * share).sum(axis=1)
    np.testing.assert_allclose(explained, share.sum(axis=1), rtol=1e-4, atol=1e-6)


@few
@given(seed=seeds, kind=circumstances)
def test_one_component_is_a_product_of_marginals(seed, kind):
    """(19) Where entries are missing, one that proportional fitting comes to; without offsets."""
    seen = Seen.drawn(seed, **{**kind, "offset": False}, k=1)
    model, Z = seen.fit(300)
    X, e, w, cost = seen.X * seen.mask, seen.e[:, None], seen.w[:, None], seen.mask * 1.0
    row, column = np.ones((len(X), 1)), np.ones((1, X.shape[1]))
    for _ in range(300):
        row = X.sum(1, keepdims=True) / (e * (cost @ column.T))
        column = (w * X).sum(0, keepdims=True) / ((w * e * row).T @ cost)
    expected = e * (row @ column)
    np.testing.assert_allclose(seen.mean(Z, model.components_), expected, rtol=1e-4, atol=1e-6)
    if not kind["masked"]:
        marginals = np.outer(X.sum(1), (w * X).sum(0)) / (w * X).sum()
        np.testing.assert_allclose(expected, marginals, rtol=1e-9)


@unfinished
@few
@given(seed=seeds, kind=circumstances)
def test_topics_are_the_factorization_in_another_form(seed, kind):
    """(20) The map and its way back, and KL of all counts as that of their joint distribution."""
    seen = Seen.drawn(seed, **{**kind, "offset": False, "exposed": False})
    factors, Z = seen.fit(40)
    W, mask = factors.components_, seen.mask
    topics = to_topics(Z, W)
    A = topics.sizes[:, None] * topics.proportions @ topics.topics
    np.testing.assert_allclose(A, Z @ W, rtol=1e-9)
    model = TopicModel.from_factorization(factors, seen.X, seen.w, mask=mask)
    codes, components = model.factors()
    np.testing.assert_allclose(codes @ components, A, rtol=1e-3, atol=1e-5)
    totals = (seen.X * mask).sum(1), (A * mask).sum(1)
    of_totals = seen.w @ poisson.logpmf(*totals)
    assert factors.log_likelihood_ == pytest.approx(model.log_likelihood_ + of_totals, rel=1e-6)
    P, Q = (seen.w[:, None] * mask * part for part in (seen.X, A))
    T, S = P.sum(), Q.sum()
    joint = T * xlogy(P / T, (P / T) / np.where(Q > 0, Q / S, 1.0)).sum()
    kl = 0.5 * factors.reconstruction_err_**2
    assert kl == pytest.approx(joint + T * np.log(T / S) - T + S, rel=1e-9)


@unfinished
@few
@given(seed=seeds, kind=circumstances, solver=st.sampled_from(["cd", "mu"]))
def test_fitted_values_ignore_scale_and_order(seed, kind, solver):
    """(21) Of components, and of codes inversely; sweeps over coordinates have an order."""
    seen = Seen.drawn(seed, **kind, k=3)
    order, scale = [2, 0, 1] if solver == "mu" else [0, 1, 2], np.array([0.3, 1.0, 5.0])
    other = replace(seen, Z=seen.Z[:, order] * scale, W=seen.W[order] / scale[:, None])
    (model, Z), (same, codes) = seen.fit(solver=solver), other.fit(solver=solver)
    A = seen.mean(Z, model.components_)
    np.testing.assert_allclose(other.mean(codes, same.components_), A, rtol=1e-3, atol=1e-4)
    assert same.log_likelihood_ == pytest.approx(model.log_likelihood_, rel=1e-6)


@unfinished
@few
@given(seed=seeds, kind=circumstances)
def test_a_mask_of_ones_is_none_and_hidden_entries_say_nothing(seed, kind):
    """(26)"""
    seen = Seen.drawn(seed, **kind)
    rng = np.random.default_rng(seed)
    hidden = rng.random() if kind["offset"] else 0.0
    other = replace(seen, X=np.where(seen.mask, seen.X, 1e3), o=np.where(seen.mask, seen.o, hidden))
    (model, Z), (same, codes) = seen.fit(), other.fit()
    np.testing.assert_allclose(same.components_, model.components_, rtol=1e-9)
    np.testing.assert_allclose(codes, Z, rtol=1e-7, atol=1e-12)
    if not kind["masked"]:
        ones = {**seen.beside, "mask": seen.mask}
        np.testing.assert_allclose(
            seen.fit(beside=ones)[0].components_, model.components_, rtol=1e-7
        )


@few
@given(seed=seeds, kind=circumstances)
def test_more_components_fit_better(seed, kind):
    """(26) From where fewer ended."""
    seen = Seen.drawn(seed, **kind)
    model = NMF(1, noise="poisson", warm_start=True, tol=1e-6, max_iter=2000)
    likelihoods = [
        model.set_params(n_components=k).fit(seen.X, **seen.beside).log_likelihood_
        for k in (1, 2, 3)
    ]
    assert (np.diff(likelihoods) >= -1e-9 * np.abs(likelihoods[0])).all()
