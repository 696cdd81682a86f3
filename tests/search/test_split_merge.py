"""Mixtures found by merging two components and splitting another."""

from __future__ import annotations

import itertools
from dataclasses import replace

import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import assume, given, settings
from sklearn.datasets import load_iris
from strategies import generators, seeds

from cofactor import GaussianMixture, Mixture
from cofactor.codes import OneHot
from cofactor.codes.onehot import maximize
from cofactor.data import open_blocks
from cofactor.engine import SerialEngine
from cofactor.errors import InputError
from cofactor.estimators.covariance_types import COVARIANCE_TYPES
from cofactor.fit import first_rows, fit
from cofactor.model import Model
from cofactor.noise import NOISES
from cofactor.search import soundness
from cofactor.search.mergers import has_own_dispersions, merger_costs, some_of
from cofactor.search.split_merge import PATIENCE
from cofactor.search.splits import belonging, split_of
from cofactor.start import from_means
from cofactor.stop import Stop

some = settings(max_examples=12, deadline=None)
SHAPES = sorted(COVARIANCE_TYPES)
COUNTED = ["poisson", "multinomial", "negative_binomial"]
DRAWS = {
    "bernoulli": lambda rng, means: (rng.uniform(size=means.shape) < means / 12).astype(float),
    "gamma": lambda rng, means: rng.gamma(20.0, means / 20.0),
    "gaussian": lambda rng, means: rng.normal(means),
    "von_mises_fisher": lambda rng, means: rng.normal(means),
    **dict.fromkeys(COUNTED, lambda rng, means: rng.poisson(means).astype(float)),
}
MODELS = [
    *(GaussianMixture(covariance_type=shape) for shape in SHAPES),
    *(Mixture(noise=noise) for noise in DRAWS),
]


def groups(k, d, n, seed=0, draw=DRAWS["gaussian"]):
    """Return rows about k means, all positive."""
    rng = np.random.default_rng(seed)
    return draw(rng, rng.uniform(1, 11, (k, d))[rng.permutation(np.arange(n) % k)])


def rows_for(model, k=5, d=3, n=160, seed=0):
    return groups(k, d, n, seed, DRAWS[getattr(model, "noise", "gaussian")])


def fresh(model, **settings):
    return type(model)(**{**model.get_params(), "random_state": 0, **settings})


def em(noise, X, k, steps=5):
    """Return a mixture after a few steps of EM."""
    blocks, model = open_blocks(X), Model(noise, OneHot(None, learn_weights=True))
    params = from_means(noise, blocks, noise.first_means(X[:k], X.mean(axis=0)))
    return fit(model, first_rows(model, blocks, params, SerialEngine()), params, Stop(steps))


@pytest.mark.parametrize("model", MODELS, ids=str)
def test_a_search_never_ends_below_its_start_and_its_trace_never_rises(model):
    X = rows_for(model)
    for seed in range(2):
        plain = fresh(model, n_components=6, random_state=seed, max_iter=300).fit(X)
        found = fresh(model, n_components=6, random_state=seed, search="global", max_iter=12).fit(X)
        assert found.free_energy_ >= plain.free_energy_
        assert found.trace_[0].objective == -plain.free_energy_
        assert (np.diff(found.trace_.objective) <= 0).all()
        assert found.free_energy_ == -found.trace_[-1].objective
        assert found.score(X) * len(X) == pytest.approx(found.free_energy_, rel=1e-9)
        assert found.lower_bound_ == pytest.approx(found.free_energy_ / len(X))


@pytest.mark.parametrize("seed", range(3))
def test_a_blob_with_two_components_lends_one_to_two_blobs_with_one(seed):
    rng = np.random.default_rng(seed)
    centers = np.array([[0.0, 0], [10, 0], [20, 0], [30, 0], [40, 0]])
    X = np.repeat(centers, 60, axis=0) + rng.normal(size=(300, 2))
    bad = np.array([[-0.5, 0], [0.5, 0], [15, 0], [30, 0], [40, 0]])
    given_means = GaussianMixture(5, means_init=bad, random_state=0).fit(X)
    found = GaussianMixture(5, means_init=bad, random_state=0, search="global").fit(X)
    assert found.free_energy_ > given_means.free_energy_ + 100
    np.testing.assert_allclose(np.sort(found.means_[:, 0]), centers[:, 0], atol=0.8)


@pytest.mark.parametrize("model", MODELS, ids=str)
@pytest.mark.parametrize("storage", [np.asarray, sp.csr_array])
def test_any_number_of_threads_gives_the_same_bits(model, storage):
    X = storage(rows_for(model, d=120, n=3500).astype(np.float32))
    weights = np.random.default_rng(1).exponential(size=3500)
    if getattr(model, "covariance_type", "") in ("full", "tied"):
        X = X[:, :10]
    first, *others = [
        fresh(model, n_components=4, search="global", max_iter=3, n_threads=n).fit(X, None, weights)
        for n in (1, 2, 3, 7)
    ]
    for other in others:
        np.testing.assert_array_equal(other.means_, first.means_)
        assert other.trace_.objective == first.trace_.objective


@pytest.mark.parametrize("model", MODELS, ids=str)
def test_weights_repeat_rows(model):
    """From a given start; random numbers choose rows by weight, so the moves are alike, too."""
    X, repeats = rows_for(model, n=90), np.random.default_rng(2).integers(1, 4, 90)
    means = X[:4] + 0.01
    settings = {"n_components": 4, "search": "global", "max_iter": 4, "means_init": means}
    if isinstance(model, GaussianMixture):
        shape = COVARIANCE_TYPES[model.covariance_type].shape(4, 3)
        eye = np.eye(3) if len(shape) > 1 and shape[-2:] == (3, 3) else 1.0
        settings["precisions_init"] = np.broadcast_to(eye, shape).copy()
    weighted = fresh(model, weights_init=np.full(4, 0.25), **settings).fit(X, None, repeats)
    repeated = fresh(model, weights_init=np.full(4, 0.25), **settings).fit(np.repeat(X, repeats, 0))
    if "precisions_init" in settings:  # else k-means makes the rest of the start
        assert weighted.free_energy_ == pytest.approx(repeated.free_energy_, rel=1e-6)
    for each in (weighted, repeated):
        assert each.score(X, None, repeats) * repeats.sum() == pytest.approx(each.free_energy_)


@pytest.mark.parametrize("shape", SHAPES)
def test_components_do_not_win_by_shrinking_onto_ties(shape):
    """A third of the rows have the same value in one column, where any density can be had."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(120, 3))
    X[:20, 2] = 0.2
    settings = {"covariance_type": shape, "random_state": 0}
    plain = GaussianMixture(3, **settings).fit(X)
    found = GaussianMixture(3, search="global", **settings).fit(X)
    variances = np.linalg.eigvalsh(full_covariances(found, 3)).min()
    assert variances > min(1e-4, 0.5 * np.linalg.eigvalsh(full_covariances(plain, 3)).min())
    counts = found.predict_proba(X).sum(axis=0)
    assert counts.min() >= soundness.least_rows(found._mixture_noise, 3) - 1e-6


def full_covariances(model, d):
    covariances = model.covariances_
    if covariances.ndim == 1:
        return covariances[:, None, None] * np.eye(d)
    if model.covariance_type == "diag":
        return covariances[:, :, None] * np.eye(d)
    return covariances.reshape(-1, d, d)


@pytest.mark.parametrize("name", sorted(NOISES))
@some
@given(rng=generators)
def test_merger_costs_are_what_a_look_at_the_rows_says(name, rng):
    """Posteriors of rows held, two components against the one that fits their rows best."""
    noise = NOISES[name]()
    draw = DRAWS.get(name, DRAWS["gaussian"])
    X = draw(rng, rng.uniform(2, 10, (60, 3)))
    if name == "multinomial":
        X += 1
    (block,) = open_blocks(X)
    rows = noise.rows(block)
    found, values = em(noise, rows.dense(), 3), rows.dense()
    moments = found.statistics.moments
    assume(moments.counts.min() > 10)  # else covariances may be singular
    params = maximize(noise, moments, found.params, learn_weights=True)
    costs = merger_costs(noise, moments, params)
    assert np.isinf(costs[np.tril_indices(3)]).all()
    shares = (
        noise.scorer(found.params)
        .posterior(rows, rows.weights, found.rows.states[0].cached)
        .probability
    )

    def loss(own):
        """Return what the rows cost under the component that fits them best."""
        weight, mean = own.sum(), own @ values / own.sum()
        if has_own_dispersions(noise):
            covariance = (own[:, None] * (values - mean)).T @ (values - mean) / weight
            return 0.5 * weight * log_determinant(name, covariance)
        one = some_of(noise, params, [0])
        alone = replace(one, components=noise.legal_means(mean[None]))
        if name == "gaussian":
            return own @ np.square(values - mean).sum(axis=1) / (2.0 * float(params.dispersion))
        unit = float(params.dispersion) if name == "von_mises_fisher" else 1.0
        return unit * (own @ noise.distances(rows, alone)[:, 0])

    for a, b in itertools.combinations(range(3), 2):
        expected = loss(shares[a] + shares[b]) - loss(shares[a]) - loss(shares[b])
        slack = 1e-3 * abs(expected) + 1e-6 * abs(found.objective)
        assert costs[a, b] == pytest.approx(expected, abs=slack)


def log_determinant(name, covariance):
    if name == "spherical_gaussian":
        return len(covariance) * np.log(np.trace(covariance) / len(covariance))
    if name == "diagonal_gaussian":
        return np.log(np.diag(covariance)).sum()
    return np.linalg.slogdet(covariance).logabsdet


@some
@given(rng=generators, seed=seeds)
def test_a_split_describes_its_rows_better(rng, seed):
    X = np.concatenate([rng.normal(0, 1, (40, 2)), rng.normal(30, 1, (40, 2))])
    noise = NOISES["full_gaussian"](1e-6)
    found = em(noise, X, 1)
    parts = belonging(found.rows.blocks, [np.ones((1, 80))], 0)
    split = split_of(noise, found.params, 0, parts, np.random.RandomState(seed).random_sample(2))
    assert split is None or split.gain > -1e-6 * abs(found.objective)
    if split is not None and split.gain > 100:
        np.testing.assert_allclose(np.sort(split.params.components[:, 0]), [0, 30], atol=2)


def test_a_component_of_one_row_is_not_split():
    noise = NOISES["poisson"]()
    found = em(noise, np.array([[1.0, 2.0], [3.0, 4.0]]), 1)
    parts = belonging(found.rows.blocks, [np.array([[1.0, 0.0]])], 0)
    assert split_of(noise, found.params, 0, parts, np.zeros(2)) is None


def test_time_callbacks_rounds_and_interrupts_end_a_search():
    X = groups(8, 3, 400)
    settings = {"n_components": 12, "search": "global", "random_state": 0}
    late = GaussianMixture(**settings, time_limit=1e-9).fit(X)
    assert (late.n_iter_, late.converged_) == (0, False)
    few = GaussianMixture(**settings, max_iter=3).fit(X)
    assert (few.n_iter_, few.converged_) == (3, False)
    seen = []
    GaussianMixture(**settings, max_iter=3, callbacks=[seen.append]).fit(X)
    assert [record.number for record in seen] == [0, 1, 2, 3]
    stopped = GaussianMixture(**settings, callbacks=[lambda record: record.number == 2]).fit(X)
    assert stopped.n_iter_ == 2

    def interrupt(record):
        if record.number == 3:
            raise KeyboardInterrupt

    interrupted = GaussianMixture(**settings, callbacks=[interrupt]).fit(X)
    assert not interrupted.converged_
    np.testing.assert_array_equal(interrupted.means_, few.means_)


def test_a_search_ends_by_itself_and_goes_on_from_what_was_fitted():
    X = groups(3, 2, 200)
    model = GaussianMixture(3, search="global", random_state=0, max_iter=1000, warm_start=True)
    first = model.fit(X).free_energy_
    assert model.converged_
    assert sum(record.evaluations for record in model.trace_) >= PATIENCE
    assert model.fit(X).free_energy_ >= first - 1e-9 * abs(first)
    one = GaussianMixture(1, search="global").fit(X)
    assert (one.converged_, one.n_iter_) == (True, 0)


def test_two_components_are_begun_anew():
    X = load_iris().data[:, :2]
    plain = [GaussianMixture(2, random_state=seed, max_iter=300).fit(X) for seed in range(3)]
    found = GaussianMixture(2, search="global", random_state=0).fit(X)
    assert found.free_energy_ >= plain[0].free_energy_
    assert sum(record.evaluations for record in found.trace_) > 40
    alone = Mixture(2, noise="full_gaussian", search="global", max_iter=4, random_state=0)
    assert alone.fit(X).n_iter_ == 4


@pytest.mark.parametrize("n_closest", [1, 2])
def test_truncated_posteriors_are_searched_too(n_closest):
    X = groups(5, 3, 200)
    plain = Mixture(6, n_closest=n_closest, random_state=0, max_iter=300).fit(X)
    found = Mixture(6, n_closest=n_closest, random_state=0, search="global").fit(X)
    assert found.free_energy_ >= plain.free_energy_


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"search": "best"}, "'search' parameter of Mixture must be a str among"),
        ({"search": "global", "time_limit": -1.0}, "'time_limit' parameter of Mixture must be"),
    ],
)
def test_bad_input_is_explained(settings, words):
    with pytest.raises(ValueError, match=words):
        Mixture(2, **settings).fit(groups(2, 2, 20))
    with pytest.raises(InputError, match="Expected n_samples"):
        Mixture(3, search="global").fit(groups(2, 2, 2))
