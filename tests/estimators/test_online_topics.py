"""Topics that learn batch by batch: the factorization that does, in topic form."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given, settings
from scipy.optimize import linear_sum_assignment
from strategies import seeds

from cofactor.errors import InputError
from cofactor.estimators import NMF, TopicModel
from cofactor.io import load_model, save_model

few = settings(max_examples=5)


def documents(seed=0, n=300, m=30, k=3, length=80):
    """Draw documents from planted topics, each with terms of its own."""
    rng = np.random.default_rng(seed)
    topics = rng.dirichlet(np.full(m, 0.1), k) + 1e-3
    shares = rng.dirichlet(np.full(k, 0.3), n)
    counts = np.stack([rng.multinomial(length, row / row.sum()) for row in shares @ topics])
    return counts.astype(float), topics / topics.sum(axis=1, keepdims=True)


def learner(k=3, **settings):
    return TopicModel(k, init="random", random_state=0, **settings)


@few
@given(seed=seeds)
def test_batches_say_of_topics_what_they_say_of_components(seed):
    X, _ = documents(seed, n=90)
    model, factors = learner(), NMF(3, noise="poisson", init="random", random_state=0, max_iter=500)
    for number, rows in enumerate(np.split(X, 3), start=1):
        model.partial_fit(rows)
        factors.partial_fit(rows)
        same = TopicModel.from_factorization(factors, rows)
        order = linear_sum_assignment(-model.topics_ @ same.topics_.T)[1]
        np.testing.assert_allclose(model.topics_, same.topics_[order], rtol=1e-9, atol=1e-12)
        np.testing.assert_allclose(
            model.document_topics_, same.document_topics_[:, order], rtol=1e-6, atol=1e-9
        )
        assert model.log_likelihood_ == pytest.approx(same.log_likelihood_, rel=1e-9)
        assert model.n_batches_ == number
        assert (np.diff(model.topic_mass_) <= 0).all()
    assert model.topic_mass_.sum() == pytest.approx(X.sum(), rel=1e-6)  # 80 words each


@few
@given(seed=seeds)
def test_the_same_documents_again_and_again_never_score_lower(seed):
    X, _ = documents(seed, n=40)
    model = learner()
    scores = [model.partial_fit(X, rate=1.0).score(X) for _ in range(6)]
    assert np.diff(scores).min() >= -1e-7 * abs(scores[0])


@pytest.mark.parametrize("store", [np.asarray, sp.csr_array], ids=["dense", "sparse"])
def test_batches_come_near_the_fit_of_all_documents(store):
    X, planted = documents(n=1200)
    model, whole = learner(), learner().fit(X)
    for _ in range(3):
        for rows in np.split(X, 12):
            model.partial_fit(store(rows))
    assert model.score(X) == pytest.approx(whole.score(X), rel=0.01)
    assert model.perplexity(X) < 1.01 * whole.perplexity(X)
    held = [found.completion_score(X, random_state=0) for found in (model, whole)]
    assert held[0] == pytest.approx(held[1], rel=0.03)
    assert model.coherence(X, 5).shape == (3,)
    assert len(model.top_terms(4, by="lift")) == 3
    pairs = linear_sum_assignment(-model.topics_ @ planted.T)
    assert np.abs(model.topics_[pairs[0]] - planted[pairs[1]]).sum(axis=1).max() < 0.1


def test_a_fit_and_its_batches_go_on_from_each_other():
    X, _ = documents()
    model = learner().fit(X)
    before = model.topics_.copy()
    model.partial_fit(X[:100])
    assert model.n_batches_ == 1
    np.testing.assert_allclose(model.topics_, before, atol=0.1)
    again = model.fit(X)
    assert again.n_batches_ == 0
    np.testing.assert_array_equal(again.topics_, before)


def test_weights_are_repeated_documents():
    X, _ = documents(n=60)
    times = np.random.default_rng(0).integers(1, 4, 60)
    weighted, repeated = learner().fit(X), learner().fit(X)
    weighted.partial_fit(X, sample_weight=times)
    repeated.partial_fit(np.repeat(X, times, axis=0))
    np.testing.assert_allclose(weighted.topics_, repeated.topics_, rtol=1e-6, atol=1e-9)
    np.testing.assert_allclose(weighted.topic_mass_, repeated.topic_mass_, rtol=1e-6)


def test_any_number_of_threads_gives_the_same_bits():
    X = documents(n=600, m=200)[0].astype(np.float32)
    fits = [learner(n_threads=n).partial_fit(X[:300]).partial_fit(X[300:]) for n in (1, 2, 3, 7)]
    for model in fits:
        assert model.topics_.dtype == np.float32
        np.testing.assert_array_equal(model.topics_, fits[0].topics_)


def test_a_saved_model_goes_on_learning(tmp_path):
    X, _ = documents()
    model = learner().partial_fit(X[:150])
    save_model(model, tmp_path / "topics.safetensors")
    again = load_model(tmp_path / "topics.safetensors")
    for found in (model, again):
        found.partial_fit(X[150:])
    np.testing.assert_array_equal(again.topics_, model.topics_)
    assert again.n_batches_ == 2


def test_impossible_batches_are_explained():
    X, _ = documents(n=30)
    with pytest.raises(InputError, match="rate is 2; expected a number above 0 and at most 1"):
        learner().partial_fit(X, rate=2)
    with pytest.raises(ValueError, match="Negative values"):
        learner().partial_fit(-X)
    model = learner().partial_fit(X)
    with pytest.raises(ValueError, match="30 features"):
        model.partial_fit(X[:, :10])
