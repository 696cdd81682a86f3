"""The topic model is the Poisson factorization in another form, exactly."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp
from hypothesis import given, settings
from scipy.optimize import linear_sum_assignment
from scipy.stats import multinomial, poisson
from sklearn.datasets import load_digits
from sklearn.utils.estimator_checks import parametrize_with_checks
from strategies import seeds

from cofactor.codes import Simplex
from cofactor.data import open_blocks, open_columns
from cofactor.engine import SerialEngine
from cofactor.errors import InputError
from cofactor.estimators import NMF, TopicModel
from cofactor.estimators.topics import from_topics, to_topics
from cofactor.fit import first_rows, fit
from cofactor.model import Model
from cofactor.noise import Multinomial, Params
from cofactor.stop import Stop

few = settings(max_examples=20)
unconverged = pytest.mark.filterwarnings("ignore:Maximum number of iterations")


def documents(seed=0, n=60, m=20, k=3, length=200):
    """Draw documents from planted topics, each with terms of its own."""
    rng = np.random.default_rng(seed)
    topics = rng.dirichlet(np.full(m, 0.1), k)
    shares = rng.dirichlet(np.full(k, 0.3), n)
    counts = np.stack([rng.multinomial(length, row / row.sum()) for row in shares @ topics])
    return counts.astype(float), shares, topics


def log_multinomial(X, P):
    return np.array(
        [multinomial.logpmf(x, int(x.sum()), p / p.sum()) for x, p in zip(X, P, strict=True)]
    )


@unconverged
@parametrize_with_checks([TopicModel(), TopicModel(2)])
def test_scikit_learns_checks(estimator, check):
    check(estimator)


@few
@given(seeds)
def test_poisson_likelihood_is_that_of_shares_times_that_of_totals(seed):
    rng = np.random.default_rng(seed)
    codes, components = rng.gamma(0.5, 2, (5, 3)) + 0.01, rng.gamma(0.5, 2, (3, 6)) + 0.01
    X, form = rng.poisson(codes @ components), to_topics(codes, components)
    joint = poisson.logpmf(X, codes @ components).sum()
    of_shares = log_multinomial(X, form.proportions @ form.topics).sum()
    of_totals = poisson.logpmf(X.sum(axis=1), form.sizes).sum()
    assert joint == pytest.approx(of_shares + of_totals, rel=1e-9)


@few
@given(seeds)
def test_the_map_keeps_fitted_values_and_returns(seed):
    rng = np.random.default_rng(seed)
    codes, components = rng.gamma(0.5, 2, (5, 3)), rng.gamma(0.5, 2, (3, 6))
    codes[0] = components[1] = 0
    form = to_topics(codes, components)
    back = from_topics(form)
    np.testing.assert_allclose(form.proportions.sum(axis=1), 1)
    np.testing.assert_allclose(form.topics.sum(axis=1), 1)
    np.testing.assert_allclose(back[0] @ back[1], codes @ components, atol=1e-12)
    np.testing.assert_allclose(to_topics(*back).proportions, form.proportions)
    assert form.proportions[0].tolist() == [1 / 3] * 3


@few
@given(seeds)
def test_plsa_divergence_is_the_poisson_one_but_for_totals(seed):
    rng = np.random.default_rng(seed)
    codes, components = rng.gamma(2, 2, (5, 3)), rng.gamma(2, 2, (3, 6))
    X, A = rng.gamma(2, 2, (5, 6)), codes @ components
    T, S = X.sum(), A.sum()
    poisson_kl = (X * np.log(X / A) - X + A).sum()
    joint_kl = (X / T * np.log((X / T) / (A / S))).sum()
    assert poisson_kl == pytest.approx(T * joint_kl + T * np.log(T / S) - T + S, rel=1e-9)


@pytest.mark.parametrize("store", [np.asarray, sp.csr_array], ids=["dense", "sparse"])
def test_likelihood_is_the_multinomials(store):
    X, _, _ = documents()
    model = TopicModel(3).fit(store(X))
    by_hand = log_multinomial(X, model.document_topics_ @ model.topics_).sum()
    assert model.log_likelihood_ == pytest.approx(by_hand, rel=1e-9)
    np.testing.assert_allclose(model.topics_.sum(axis=1), 1)
    np.testing.assert_allclose(model.document_topics_.sum(axis=1), 1)


def test_sizes_and_masses_add_up_to_the_counts():
    X, _, _ = documents()
    model = TopicModel(3).fit(X)
    np.testing.assert_allclose(model.sizes_, X.sum(axis=1), rtol=1e-4)
    assert model.topic_mass_.sum() == pytest.approx(X.sum(), rel=1e-4)
    assert (np.diff(model.topic_mass_) <= 0).all()


def test_planted_topics_are_found():
    X, shares, topics = documents(n=300, length=2000)
    model = TopicModel(3, init="nndsvda").fit(X)
    distance = np.abs(model.topics_[:, None] - topics[None]).sum(axis=2) / 2
    own, planted = linear_sum_assignment(distance)
    assert distance[own, planted].max() < 0.1
    assert np.abs(model.document_topics_ - shares[:, planted]).mean() < 0.05


def test_it_fits_as_well_as_em_for_plsa():
    X, _, _ = documents()
    model = TopicModel(3, init="nndsvda", tol=1e-6, max_iter=5000).fit(X)
    start = Params(model.topics_.astype(float) + 1e-6, np.zeros(3), np.zeros(0), np.zeros(20))
    cell = Model(Multinomial(), Simplex())
    blocks = open_blocks(X)
    rows = first_rows(
        cell, blocks, start, SerialEngine(), model.document_topics_ + 1e-6, open_columns(X)
    )
    refined = fit(cell, rows, start, Stop(200))
    assert -model.log_likelihood_ == pytest.approx(refined.objective, rel=1e-4)


def test_new_documents_get_the_shares_that_fit_best():
    X, _, _ = documents()
    model = TopicModel(3, max_iter=2000).fit(X[:40])
    shares = model.transform(X[40:])
    best = log_multinomial(X[40:], shares @ model.topics_)
    rng = np.random.default_rng(0)
    for _ in range(20):
        other = 0.9 * shares + 0.1 * rng.dirichlet(np.ones(3), 20)
        assert (log_multinomial(X[40:], other @ model.topics_) <= best + 1e-6).all()


def test_rows_of_the_fit_get_its_shares():
    X, _, _ = documents()
    model = TopicModel(3).fit(X)
    np.testing.assert_allclose(model.transform(X), model.document_topics_, atol=1e-3)


def test_scores_are_nats_per_word():
    X, _, _ = documents()
    model = TopicModel(3).fit(X)
    shares = model.transform(X)
    likelihood = log_multinomial(X, shares @ model.topics_).sum() / X.sum()
    per_word = (X * np.log(np.maximum(shares @ model.topics_, 1e-300))).sum() / X.sum()
    assert model.score(X) == pytest.approx(likelihood, rel=1e-9)
    assert model.perplexity(X) == pytest.approx(np.exp(-per_word), rel=1e-9)
    assert 1 < model.perplexity(X) < 20
    assert model.score(X) == pytest.approx(model.log_likelihood_ / X.sum(), rel=1e-4)


def test_empty_documents_and_unknown_terms_are_lived_with():
    X, _, _ = documents()
    X[0], X[:, 5] = 0, 0
    model = TopicModel(3).fit(sp.csr_array(X))
    np.testing.assert_allclose(model.document_topics_[0], 1 / 3)
    np.testing.assert_allclose(model.transform(sp.csr_array((2, 20))), 1 / 3)
    new = X[1:3].copy()
    new[:, 5] = 3
    np.testing.assert_allclose(model.transform(new), model.transform(X[1:3]), atol=1e-3)
    assert model.perplexity(new) == np.inf
    assert model.perplexity(np.zeros((1, 20))) == 1


def test_weights_are_repeated_documents():
    X, _, _ = documents(n=30)
    times = np.random.default_rng(0).integers(0, 4, 30)
    model = TopicModel(3, init="nndsvda", tol=1e-3)
    repeated = model.fit(np.repeat(X, times, axis=0))
    topics, likelihood = repeated.topics_, repeated.log_likelihood_
    weighted = model.fit(X, sample_weight=times)
    np.testing.assert_allclose(weighted.topics_, topics, atol=1e-5)
    assert weighted.log_likelihood_ == pytest.approx(likelihood, rel=1e-7)


@unconverged
def test_any_number_of_threads_gives_the_same_bits():
    X = load_digits().data.repeat(4, axis=1)
    fits = [TopicModel(4, max_iter=3, random_state=0, n_threads=n).fit(X) for n in (1, 2, 3, 7)]
    for model in fits:
        np.testing.assert_array_equal(model.topics_, fits[0].topics_)
        np.testing.assert_array_equal(model.document_topics_, fits[0].document_topics_)
        assert model.log_likelihood_ == fits[0].log_likelihood_


def test_int64_indices_are_the_same_data():
    X, _, _ = documents()
    wide = sp.csr_array(X)
    wide.indices, wide.indptr = wide.indices.astype(np.int64), wide.indptr.astype(np.int64)
    narrow = TopicModel(3, random_state=0).fit(sp.csr_array(X))
    np.testing.assert_array_equal(TopicModel(3, random_state=0).fit(wide).topics_, narrow.topics_)


def with_topics(topics, mass):
    model = TopicModel(len(topics)).fit(np.eye(topics.shape[1]) + 1)
    model.topics_, model.topic_mass_ = topics, np.asarray(mass, float)
    return model


@unconverged
def test_top_terms_are_ranked_as_asked():
    topics = np.array([[0.5, 0.3, 0.19, 0.01], [0.49, 0.01, 0.3, 0.2]])
    model = with_topics(topics, [3, 1])
    assert model.top_terms(2) == [[0, 1], [0, 2]]
    assert model.top_terms(1, by="lift") == [[1], [3]]
    assert model.top_terms(1, names="abcd", by="distinctive") == [["b"], ["d"]]


def test_terms_have_the_names_of_columns():
    pd = pytest.importorskip("pandas")
    X, _, _ = documents()
    frame = pd.DataFrame(X, columns=[f"term {j}" for j in range(20)])
    model = TopicModel(3).fit(frame)
    assert model.top_terms(1)[0] == [f"term {model.topics_[0].argmax()}"]
    assert model.get_feature_names_out().tolist() == ["topicmodel0", "topicmodel1", "topicmodel2"]


def test_one_topic_is_the_marginal():
    X, _, _ = documents()
    model = TopicModel(1).fit(X)
    np.testing.assert_allclose(model.topics_[0], X.sum(axis=0) / X.sum(), atol=1e-9)
    assert len(model.top_terms(3, by="distinctive")[0]) == 3


def test_it_is_the_factorization_in_topic_form():
    X, _, _ = documents()
    model = TopicModel(3, init="nndsvda", random_state=0).fit(X)
    factorization = NMF(3, noise="poisson", init="nndsvda", random_state=0, max_iter=500)
    fitted = factorization.fit_transform(X) @ factorization.components_
    np.testing.assert_allclose(
        model.sizes_[:, None] * model.document_topics_ @ model.topics_, fitted, rtol=1e-5, atol=1e-6
    )


def test_bad_input_is_explained():
    X, _, _ = documents()
    with pytest.raises(ValueError, match="Negative values in data passed to TopicModel"):
        TopicModel(3).fit(X - 1)
    with pytest.raises(InputError, match="can only be used when n_components <= min"):
        TopicModel(30, init="nndsvd").fit(X)
    model = TopicModel(3).fit(X)
    with pytest.raises(InputError, match="expected one of probability, lift, distinctive"):
        model.top_terms(by="score")
    with pytest.raises(InputError, match="Got 3 names; expected 20"):
        model.top_terms(names="abc")
    with pytest.raises(ValueError, match="19 features"):
        model.transform(X[:, 1:])


@pytest.mark.parametrize("store", [np.asarray, sp.csr_array], ids=["dense", "sparse"])
def test_the_map_goes_both_ways(store):
    X, _, _ = documents()
    factorization = NMF(3, noise="poisson", init="nndsvda", max_iter=500)
    codes = factorization.fit_transform(store(X))
    model = TopicModel.from_factorization(factorization, store(X))
    A = codes @ factorization.components_
    joint = poisson.logpmf(X, A).sum()
    totals = poisson.logpmf(X.sum(axis=1), model.sizes_).sum()
    assert joint == pytest.approx(model.log_likelihood_ + totals, rel=1e-7)
    back = model.factors()
    np.testing.assert_allclose(back[0] @ back[1], A, rtol=1e-3, atol=1e-4)
    np.testing.assert_allclose(back[1].sum(axis=1), 1)
    same = TopicModel(3, init="nndsvda").fit(store(X))
    np.testing.assert_allclose(model.topics_, same.topics_, atol=1e-9)
    np.testing.assert_allclose(model.transform(store(X)), model.document_topics_)


def test_only_poisson_factorizations_are_topics():
    X, _, _ = documents()
    with pytest.raises(InputError, match="has gaussian noise; topics are those of Poisson"):
        TopicModel.from_factorization(NMF(3, max_iter=1000).fit(X), X)
    with_offset = NMF(3, noise="poisson", max_iter=1000).fit(X, offset=0.1)
    with pytest.raises(InputError, match="poisson noise, and an offset"):
        TopicModel.from_factorization(with_offset, X)


def npmi(X, i, j):
    there = X > 0
    both, p, q = (there[:, i] & there[:, j]).mean(), there[:, i].mean(), there[:, j].mean()
    if both == 0:
        return -1.0
    return 1.0 if both == 1 else np.log(both / (p * q)) / -np.log(both)


@pytest.mark.parametrize("store", [np.asarray, sp.csr_array], ids=["dense", "sparse"])
def test_coherence_is_the_mean_of_pairs(store):
    X, _, _ = documents(length=12)
    model = TopicModel(3).fit(store(X))
    terms = model.top_terms(4, range(20))
    expected = [
        np.mean([npmi(X, own[i], own[j]) for i in range(4) for j in range(i)]) for own in terms
    ]
    np.testing.assert_allclose(model.coherence(store(X), 4), expected, atol=1e-12)


def test_coherence_of_terms_that_always_or_never_meet():
    X = np.kron(np.eye(2), np.ones((5, 3)))
    X[:, 5] = np.tile([1.0, 0.0], 5)
    model = with_topics(np.array([[0.5, 0.3, 0.2, 0, 0, 0], [0.3, 0, 0, 0.4, 0.3, 0]]), [1, 1])
    np.testing.assert_allclose(model.coherence(X, 3), [1.0, (1.0 - 1.0 - 1.0) / 3])
    with pytest.raises(InputError, match="at least 2 terms"):
        model.coherence(X, 1)


def test_held_out_words_are_scored_under_the_shares_of_the_others():
    X, shares, topics = documents(n=300, length=400)
    model = TopicModel(3, init="nndsvda").fit(X[:200])
    score = model.completion_score(sp.csr_array(X[200:]), random_state=0)
    assert score == model.completion_score(X[200:], random_state=0)
    assert score != model.completion_score(X[200:], random_state=1)
    truth = shares[200:] @ topics
    best = (X[200:] * np.log(np.maximum(truth, 1e-300))).sum() / X[200:].sum()
    seen = -np.log(model.perplexity(X[200:]))  # by shares that were found from the same words
    unigram = X[:200].sum(axis=0) / X[:200].sum()
    of_one_topic = (X[200:] @ np.log(np.maximum(unigram, 1e-12))).sum() / X[200:].sum()
    assert of_one_topic < score < seen
    assert score == pytest.approx(best, abs=0.05)


def test_words_are_held_out_of_whole_counts():
    X, _, _ = documents()
    model = TopicModel(3).fit(X)
    with pytest.raises(InputError, match="no fractions"):
        model.completion_score(X / 2 + 0.1)
    with pytest.raises(InputError, match="share is 1; expected a number between"):
        model.completion_score(X, share=1)
    np.testing.assert_array_equal(model.term_scores(), model.topics_)


def test_scores_of_named_terms_do_not_warn():
    X, _, _ = documents()
    table = pd.DataFrame(X, columns=[f"term {j}" for j in range(X.shape[1])])
    model = TopicModel(3, random_state=0).fit(table)
    assert model.completion_score(table, random_state=0) < 0
    assert model.perplexity(table) > 1
    assert model.top_terms(2)[0][0].startswith("term ")


def test_the_best_of_many_starts_is_kept():
    X, _, _ = documents(k=6)
    settings = {"init": "random", "max_iter": 100}
    best = TopicModel(6, n_init=5, random_state=np.random.RandomState(0), **settings).fit(X)
    rng = np.random.RandomState(0)
    alone = [TopicModel(6, random_state=rng, **settings).fit(X) for _ in range(5)]
    lowest = min(model.trace_[-1].objective for model in alone)
    assert best.trace_[-1].objective == pytest.approx(lowest, rel=1e-4)
    assert best.log_likelihood_ == pytest.approx(max(m.log_likelihood_ for m in alone), rel=1e-4)
