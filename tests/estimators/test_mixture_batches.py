"""Mixtures that learn batch by batch, against plain stepwise EM and against fits of all rows."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
import scipy.sparse as sp
from scipy.special import logsumexp
from scipy.stats import multivariate_normal
from sklearn.datasets import make_blobs

from cofactor import GaussianMixture, Mixture, load_model, save_model
from cofactor.errors import InputError

K, D = 3, 2
TYPES = ["full", "tied", "diag", "spherical"]
each_type = pytest.mark.parametrize("covariance_type", TYPES)
SHAPES = {
    "full": lambda S, total: S,
    "tied": lambda S, total: np.einsum("c,cij->ij", total, S) / total.sum(),
    "diag": lambda S, total: np.diagonal(S, axis1=1, axis2=2),
    "spherical": lambda S, total: np.trace(S, axis1=1, axis2=2) / S.shape[1],
}
WIDENED = {
    "full": lambda S: S,
    "tied": lambda S: [S] * K,
    "diag": lambda S: [np.diag(s) for s in S],
    "spherical": lambda S: [np.eye(D) * s for s in S],
}


def batches(n=5, size=60):
    X = make_blobs(n * size, n_features=D, centers=K, cluster_std=2.0, random_state=5)[0]
    return np.split(X, n)


def started(covariance_type, **settings):
    eyes = {"full": np.stack([np.eye(D)] * K), "tied": np.eye(D), "diag": np.ones((K, D))}
    return GaussianMixture(
        K,
        covariance_type=covariance_type,
        means_init=batches()[0][:K],
        weights_init=np.full(K, 1 / K),
        precisions_init=eyes.get(covariance_type, np.ones(K)),
        **settings,
    )


def assert_same_parameters(ours, theirs, **tolerance):
    for name in ("weights_", "means_", "covariances_"):
        np.testing.assert_allclose(
            getattr(ours, name), getattr(theirs, name), err_msg=name, **tolerance
        )


def posterior(X, weights, means, covariances):
    log_p = np.stack(
        [
            np.log(w) + multivariate_normal(m, S).logpdf(X)
            for w, m, S in zip(weights, means, covariances, strict=True)
        ],
        axis=1,
    )
    return np.exp(log_p - logsumexp(log_p, axis=1, keepdims=True))


def stepwise_em(covariance_type, decay):
    """Means of sufficient statistics, moved by a step for each batch [Cappé & Moulines 2009]."""
    weights, means = np.full(K, 1 / K), batches()[0][:K]
    covariances, statistics, seen = np.stack([np.eye(D)] * K), None, 0
    for X in batches():
        q, seen = posterior(X, weights, means, covariances), seen + len(X)
        new = [q.mean(axis=0), q.T @ X / len(X), np.einsum("nc,ni,nj->cij", q, X, X) / len(X)]
        step = (len(X) / seen) ** decay
        old = statistics or [0 * s for s in new]
        statistics = [(1 - step) * s + step * t for s, t in zip(old, new, strict=True)]
        weights, sums, squares = statistics
        means = sums / weights[:, None]
        own = squares / weights[:, None, None] - np.einsum("ci,cj->cij", means, means)
        found = SHAPES[covariance_type](own, weights)
        covariances = WIDENED[covariance_type](found)
    return weights, means, found


@pytest.mark.parametrize("decay", [0.6, 1.0])
@each_type
def test_batches_take_the_steps_of_stepwise_em(covariance_type, decay):
    model = started(covariance_type, learning_decay=decay, reg_covar=0.0)
    for X in batches():
        model.partial_fit(X)
    weights, means, covariances = stepwise_em(covariance_type, decay)
    np.testing.assert_allclose(model.weights_, weights, rtol=1e-8)
    np.testing.assert_allclose(model.means_, means, rtol=1e-8)
    np.testing.assert_allclose(model.covariances_, covariances, rtol=1e-7)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@each_type
def test_one_batch_is_one_iteration(covariance_type):
    X = np.concatenate(batches())
    batch = started(covariance_type).partial_fit(X)
    whole = started(covariance_type, max_iter=1).fit(X)
    assert_same_parameters(batch, whole, rtol=1e-12)
    assert batch.lower_bound_ == pytest.approx(whole.lower_bound_, rel=1e-12)


@each_type
def test_one_component_that_forgets_nothing_learns_what_a_fit_does(covariance_type):
    settings = {"covariance_type": covariance_type, "learning_decay": 1.0, "reg_covar": 0.0}
    model, rng = GaussianMixture(1, **settings), np.random.RandomState(0)
    weights = [rng.uniform(0.5, 2.0, size=len(X)) for X in batches()]
    for X, own in zip(batches(), weights, strict=True):
        model.partial_fit(X, sample_weight=own)
    whole = GaussianMixture(1, **settings)
    whole.fit(np.concatenate(batches()), sample_weight=np.concatenate(weights))
    assert_same_parameters(model, whole, rtol=1e-9)


@each_type
def test_learning_goes_on_from_a_fit(covariance_type):
    settings = {"covariance_type": covariance_type, "learning_decay": 1.0, "reg_covar": 0.0}
    first, *later = batches()
    model = GaussianMixture(1, **settings).fit(first)
    for X in later:
        model.partial_fit(X)
    whole = GaussianMixture(1, **settings).fit(np.concatenate(batches()))
    assert_same_parameters(model, whole, rtol=1e-9)


@pytest.mark.parametrize("n_closest", [None, 2, 1])
@each_type
def test_weights_repeat_rows_and_zeros_remove_them(covariance_type, n_closest):
    weighted, repeated = (started(covariance_type, n_closest=n_closest) for _ in range(2))
    rng = np.random.RandomState(0)
    for X in batches():
        repeats = rng.randint(0, 4, size=len(X))
        weighted.partial_fit(X, sample_weight=repeats)
        repeated.partial_fit(np.repeat(X, repeats, axis=0))
    assert_same_parameters(weighted, repeated, rtol=1e-7)


@each_type
def test_a_stream_of_batches_finds_the_mixture(covariance_type):
    X = np.concatenate(batches(40, 100))
    model = GaussianMixture(K, covariance_type=covariance_type, random_state=0)
    for batch in np.split(np.random.RandomState(0).permutation(X), 40):
        model.partial_fit(batch)
    whole = GaussianMixture(K, covariance_type=covariance_type, random_state=0).fit(X)
    assert model.score(X) > whole.score(X) - 0.02


DRAWN = {
    "gaussian": lambda rng, mean: rng.normal(mean, 1.0),
    "poisson": lambda rng, mean: rng.poisson(mean).astype(float),
    "bernoulli": lambda rng, mean: (rng.uniform(size=mean.shape) < mean / 10).astype(float),
    "multinomial": lambda rng, mean: np.stack(
        [rng.multinomial(40, row / row.sum()) for row in mean]
    ).astype(float),
    "negative_binomial": lambda rng, mean: rng.poisson(rng.gamma(9.0, mean / 9.0)).astype(float),
    "gamma": lambda rng, mean: rng.gamma(9.0, mean / 9.0),
}


def counts(noise, n=20, size=60):
    rng = np.random.RandomState(3)
    means = np.array([[9.0, 1.0, 5.0, 2.0, 8.0], [1.0, 8.0, 4.0, 9.0, 2.0]])
    rows = means[rng.randint(2, size=n * size)]
    return np.split(DRAWN[noise](rng, rows), n)


@pytest.mark.parametrize("n_closest", [None, 1])
@pytest.mark.parametrize("noise", DRAWN)
def test_every_noise_learns_from_batches(noise, n_closest):
    X = counts(noise)
    model = Mixture(2, noise=noise, n_closest=n_closest, random_state=0)
    for batch in X:
        model.partial_fit(batch)
    whole = Mixture(2, noise=noise, n_closest=n_closest, random_state=0).fit(np.concatenate(X))
    rows = np.concatenate(X)
    assert model.score(rows) > whole.score(rows) - 0.05


@pytest.mark.parametrize("noise", ["poisson", "bernoulli", "multinomial"])
def test_sparse_batches_are_the_same_batches(noise):
    dense, sparse = (Mixture(2, noise=noise, random_state=0) for _ in range(2))
    for X in counts(noise, n=3):
        dense.partial_fit(X)
        sparse.partial_fit(sp.csr_matrix(X))
    np.testing.assert_allclose(sparse.means_, dense.means_, rtol=1e-7)
    np.testing.assert_allclose(sparse.weights_, dense.weights_, rtol=1e-7)


def test_any_number_of_threads_gives_the_same_bits():
    models = [started("full", n_threads=n) for n in (1, 2, 3, 7)]
    for X in batches():
        for model in models:
            model.partial_fit(np.tile(X, (200, 1)))
    for model in models[1:]:
        assert_same_parameters(model, models[0], rtol=0)


def test_small_batches_may_follow_the_first():
    model = started("diag").partial_fit(batches()[0])
    model.partial_fit(batches()[1][:1])
    assert np.isfinite(model.means_).all()


def test_bad_batches_say_what_is_wrong():
    with pytest.raises(InputError, match="Expected n_samples >= n_components"):
        started("full").partial_fit(batches()[0][:2])
    with pytest.raises(ValueError, match="X has 1 features, but GaussianMixture is expecting 2"):
        started("full").partial_fit(batches()[0]).partial_fit(np.ones((5, 1)))
    with pytest.raises(ValueError, match="must contain at least one non-zero number"):
        started("full").partial_fit(batches()[0], sample_weight=np.zeros(60))
    with pytest.raises(ValueError, match="The 'learning_decay' parameter"):
        started("full", learning_decay=0.4).partial_fit(batches()[0])


@pytest.mark.parametrize("kept", ["pickled", "saved"])
def test_learning_goes_on_after_a_pause(kept, tmp_path):
    first, second, *_ = batches()
    model = GaussianMixture(K, random_state=0).partial_fit(first)
    if kept == "pickled":
        again = pickle.loads(pickle.dumps(model))
    else:
        save_model(model, tmp_path / "model.safetensors")
        again = load_model(tmp_path / "model.safetensors")
    assert_same_parameters(again.partial_fit(second), model.partial_fit(second), rtol=0)
