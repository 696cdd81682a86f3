"""Topics of documents of which some terms were not counted."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given, settings
from scipy.stats import multinomial, poisson
from strategies import seeds

from cofactor.errors import InputError
from cofactor.estimators import NMF, TopicModel

few = settings(max_examples=5)


def incomplete(seed=0, n=40, m=15, k=2, share=0.7):
    """Draw counts of planted topics, and which of them somebody made."""
    rng = np.random.default_rng(seed)
    topics, shares = rng.dirichlet(np.full(m, 0.2), k) + 0.01, rng.dirichlet(np.full(k, 0.3), n)
    X = rng.poisson(100.0 * shares @ topics).astype(float)
    mask = rng.uniform(size=X.shape) < share
    mask[:2] = [[True], [False]]  # all of one document, none of another
    return X, mask


def fitted(X, **beside):
    return TopicModel(2, init="random", random_state=0, max_iter=300).fit(X, **beside)


def forms(X, mask):
    """Return the same data in every form."""
    holes = np.where(mask, X, np.nan)
    yield np.where(mask, X, 1e6), {"mask": mask}
    yield holes, {}
    yield sp.csr_array(holes), {}
    yield sp.csr_array(X * mask), {"mask": sp.csr_array(mask)}


@few
@given(seed=seeds)
def test_hidden_counts_do_not_matter_in_any_form(seed):
    X, mask = incomplete(seed)
    expected = fitted(X, mask=mask)
    for data, beside in forms(X, mask):
        model = fitted(data, **beside)
        np.testing.assert_allclose(model.topics_, expected.topics_, rtol=1e-4, atol=1e-6)
        for name in ("score", "perplexity"):
            own, other = getattr(model, name)(data, **beside), getattr(expected, name)(X, mask=mask)
            assert own == pytest.approx(other, rel=1e-6)
        codes = model.transform(data, **beside)
        np.testing.assert_allclose(codes, expected.transform(X, mask=mask), rtol=1e-3, atol=1e-5)


def test_a_mask_of_ones_is_no_mask():
    X, _ = incomplete()
    plain, masked = fitted(X), fitted(X, mask=np.ones(X.shape, bool))
    assert masked.log_likelihood_ == pytest.approx(plain.log_likelihood_, rel=1e-5)
    assert masked.score(X, mask=np.ones(X.shape, bool)) == pytest.approx(masked.score(X), rel=1e-9)


@few
@given(seed=seeds)
def test_likelihood_is_the_multinomial_of_what_was_counted(seed):
    """And that of the Poisson factorization but for totals: the exact map of what was counted."""
    X, mask = incomplete(seed)
    factors = NMF(2, noise="poisson", init="random", random_state=0, max_iter=50, tol=0)
    Z = factors.fit_transform(X, mask=mask)
    model = TopicModel.from_factorization(factors, X, mask=mask)
    theta, beta = model.document_topics_, model.topics_
    P, own = theta @ beta, 0.0
    for x, p, seen in zip(X, P, mask, strict=True):
        if seen.any():
            own += multinomial.logpmf(x[seen], int(x[seen].sum()), p[seen] / p[seen].sum())
    assert model.log_likelihood_ == pytest.approx(own, rel=1e-9)
    A = Z @ factors.components_
    totals = poisson.logpmf((X * mask).sum(axis=1), (A * mask).sum(axis=1))[mask.any(axis=1)]
    entries = poisson.logpmf(X, A)[mask].sum()
    assert entries == pytest.approx(own + totals.sum(), rel=1e-6)
    words = (X * mask).sum()
    assert model.score(X, mask=mask) == pytest.approx(own / words, rel=1e-6)


def test_hidden_counts_are_told_better_than_by_taking_them_for_zeros():
    X, mask = incomplete(n=400, share=0.6)
    errors = []
    for data, beside in ((X, {"mask": mask}), (X * mask, {})):
        model = fitted(data, **beside)
        A = model.sizes_[:, None] * model.document_topics_ @ model.topics_
        errors.append(np.abs(A - X)[~mask][: 15 * 398].mean())
    assert errors[0] < 0.6 * errors[1]


def test_batches_may_be_incomplete():
    X, mask = incomplete(n=600)
    model, whole = TopicModel(2, init="random", random_state=0), fitted(X, mask=mask)
    for _ in range(4):
        for some in np.split(np.arange(600), 6):
            model.partial_fit(X[some], mask=mask[some])
    assert model.score(X, mask=mask) == pytest.approx(whole.score(X, mask=mask), rel=0.01)


def test_what_needs_every_count_says_so():
    X, mask = incomplete()
    model, holes = fitted(X, mask=mask), np.where(mask, X, np.nan)
    for method in (model.coherence, model.completion_score, model.certificate):
        with pytest.raises(ValueError, match="NaN"):
            method(holes)
    with pytest.raises(InputError, match=r"mask has shape \(3, 15\); expected \(40, 15\)"):
        model.transform(X, mask=mask[:3])


@few
@given(seed=seeds)
def test_hidden_counts_are_scored_under_the_shares_of_the_others(seed):
    X, mask = incomplete(seed)
    model = fitted(X, mask=mask)
    P, total = model.transform(X, mask=mask) @ model.topics_, 0.0
    for x, p, hidden in zip(X, P, ~mask, strict=True):
        total += (x[hidden] * np.log(p[hidden] / p[hidden].sum())).sum() if hidden.any() else 0.0
    expected = total / X[~mask].sum()
    for data, shown in ((X, mask), (sp.csr_array(X), sp.csr_array(mask)), (sp.csr_array(X), mask)):
        assert model.completion_score(data, mask=shown) == pytest.approx(expected, rel=1e-6)
    holes = sp.csr_array(np.where(mask, X, np.nan))
    assert model.score(holes) == pytest.approx(model.score(X, mask=mask), rel=1e-6)
    with pytest.raises(InputError, match="expected False where entries are held out"):
        model.completion_score(X, mask=np.ones(X.shape, bool))
