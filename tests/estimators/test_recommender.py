"""The best items of rows, held against sorting all scores."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given, settings
from hypothesis import strategies as st
from strategies import seeds

from cofactor.engine import SerialEngine
from cofactor.errors import InputError
from cofactor.estimators import NMF, Factorization, recommender
from cofactor.estimators.recommender import NOTHING, top_items

few = settings(max_examples=40)


def by_sorting(scores, seen, n):
    """Return the best unseen items of each row, ties to the lower number."""
    items = np.full((len(scores), n), NOTHING)
    for row, (values, known) in enumerate(zip(scores, seen, strict=True)):
        order = [i for i in np.argsort(-values, kind="stable") if not known[i]][:n]
        items[row, : len(order)] = order
    return items


@few
@given(
    seeds, st.integers(1, 40), st.integers(1, 50), st.integers(1, 30), st.sampled_from([50, 2**20])
)
def test_items_are_those_that_sorting_finds(seed, n_rows, m, n, chunk):
    rng = np.random.default_rng(seed)
    codes = rng.integers(0, 3, (n_rows, 3)).astype(float)  # small whole numbers: exact ties
    items = rng.integers(0, 3, (m, 3)).astype(float)
    seen = rng.uniform(size=(n_rows, m)) < rng.uniform(size=(n_rows, 1))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(recommender, "CHUNK_SCORES", chunk)
        found = top_items(codes, items, n, sp.csr_array(seen.astype(float)), SerialEngine())
    scores = codes @ items.T
    expected = by_sorting(scores, seen, n)
    np.testing.assert_array_equal(found.items, expected)
    there = expected != NOTHING
    np.testing.assert_array_equal(found.scores[~there], -np.inf)
    rows = np.nonzero(there)[0]
    np.testing.assert_array_equal(found.scores[there], scores[rows, expected[there]])


@few
@given(seeds)
def test_equal_items_tie_whatever_their_numbers(seed):
    rng = np.random.default_rng(seed)
    m, k = int(rng.integers(2, 60)), int(rng.integers(1, 40))
    codes, items = rng.gamma(1.0, size=(5, k)), np.tile(rng.gamma(1.0, size=k), (m, 1))
    found = top_items(codes, items, m, sp.csr_array((5, m)), SerialEngine())
    np.testing.assert_array_equal(found.items, np.tile(np.arange(m), (5, 1)))


def counts(seed=0, n=60, d=40, k=3):
    rng = np.random.default_rng(seed)
    return rng.poisson(rng.gamma(0.3, 2.0, (n, k)) @ rng.gamma(0.3, 2.0, (k, d))).astype(float)


@pytest.mark.parametrize("store", [np.asarray, sp.csr_array, sp.coo_array])
@pytest.mark.parametrize("model", [NMF(3, noise="poisson", max_iter=500), Factorization(3)])
def test_recommendations_are_the_highest_means_of_unseen_columns(model, store):
    X = counts()
    means = model.fit(X).transform(X) @ model.components_
    for exclude, seen in ((True, X > 0), (False, np.zeros_like(X, bool))):
        found = model.recommend(store(X), 5, exclude_seen=exclude)
        masked = np.where(seen, -np.inf, means)
        best = -np.sort(-masked, axis=1)[:, :5]
        np.testing.assert_allclose(found.scores, best, rtol=1e-6, atol=1e-9)
        rows, columns = np.nonzero(found.items >= 0)
        np.testing.assert_allclose(
            masked[rows, found.items[rows, columns]],
            found.scores[rows, columns],
            rtol=1e-6,
            atol=1e-9,
        )


def test_similar_items_have_similar_components():
    X = counts()
    X[:, 7] = X[:, 3]
    model = NMF(3, noise="poisson", max_iter=500).fit(X)
    found = model.similar_items([3, 7], 2)
    assert found.items[:, 0].tolist() == [7, 3]
    np.testing.assert_allclose(found.scores[:, 0], 1.0)
    unit = model.components_ / np.linalg.norm(model.components_, axis=1, keepdims=True)
    length = np.linalg.norm(unit, axis=0)
    cosines = unit.T @ unit / np.outer(length, length)
    np.fill_diagonal(cosines, -1.0)
    every = model.similar_items(n=4)
    np.testing.assert_allclose(every.scores, -np.sort(-cosines, axis=1)[:, :4], atol=1e-9)
    scaled = NMF(3, noise="poisson")
    scaled.__dict__.update(model.__dict__)
    scaled.components_ = model.components_ * np.array([[0.5], [8.0], [2.0]])
    np.testing.assert_array_equal(scaled.similar_items(n=4).items, every.items)


def test_any_number_of_threads_gives_the_same_items():
    X = counts(n=300)
    model = NMF(3, noise="poisson", max_iter=300, random_state=0).fit(X)
    one, more = (model.set_params(n_threads=n).recommend(X, 7) for n in (1, 3))
    np.testing.assert_array_equal(more.items, one.items)
    np.testing.assert_array_equal(more.scores, one.scores)


def test_impossible_numbers_are_explained():
    model = NMF(2, max_iter=1000).fit(counts())
    with pytest.raises(InputError, match="n is 0; expected at least 1"):
        model.recommend(counts(), 0)


@pytest.mark.filterwarnings("ignore:Maximum number of iterations")
def test_what_was_not_observed_was_not_seen():
    rng = np.random.default_rng(0)
    ratings = rng.integers(1, 6, (30, 12)).astype(float)
    observed = rng.uniform(size=ratings.shape) < 0.5
    holes = np.where(observed, ratings, np.nan)
    model = NMF(2, random_state=0).fit(holes)
    for data in (
        {"rows": holes},
        {"rows": ratings, "mask": observed},
        {"rows": sp.csr_array(ratings), "mask": sp.csr_array(observed)},
    ):
        items = model.recommend(n=12, **data).items
        for row, seen in zip(items, observed, strict=True):
            np.testing.assert_array_equal(np.sort(row[row >= 0]), np.flatnonzero(~seen))


@pytest.mark.parametrize("items", [[12], [-1], [0.5], ["a"]])
def test_similar_items_must_be_columns(items):
    model = NMF(2, random_state=0, max_iter=500).fit(np.random.default_rng(0).uniform(size=(9, 12)))
    with pytest.raises(InputError, match="expected numbers of columns, from 0 to 11"):
        model.similar_items(items)
