"""Short ways to fit small data, and formulas in plain NumPy to hold fits against."""

from __future__ import annotations

from itertools import islice

import numpy as np
import scipy.sparse as sp
from scipy.special import logsumexp, xlogy

from cofactor.codes import OneHot
from cofactor.data import open_blocks, open_columns
from cofactor.engine import SerialEngine
from cofactor.fit import first_rows, fit
from cofactor.model import Model
from cofactor.start import from_means, from_responsibilities
from cofactor.stop import NothingMoved, Stop

SERIAL = SerialEngine()
UNTIL_STILL = Stop(200, (NothingMoved(),))


def run(noise, codes, X, params, stop, Z=None):
    blocks, model = open_blocks(X), Model(noise, codes)
    columns = open_columns(X) if codes.needs_columns else ()
    return fit(model, first_rows(model, blocks, params, SERIAL, Z, columns), params, stop)


def fitted_to(noise, X, q, learn_weights):
    """Return the parameters that fit a posterior of shape (n, k) best."""
    left = iter(q)

    def of_next(n_rows):
        return np.array(list(islice(left, n_rows)))

    blocks = open_blocks(X)
    return from_responsibilities(noise, blocks, q.shape[1], of_next, learn_weights, SERIAL)


def cluster(noise, X, means, stop=UNTIL_STILL, keep=1, learn_weights=False):
    params = from_means(noise, open_blocks(X), means)
    return run(noise, OneHot(keep, learn_weights), X, params, stop)


def blobs(rng, n=60, d=3, k=4):
    return rng.normal(size=(k, d))[rng.integers(k, size=n)] * 3 + rng.normal(size=(n, d))


def drawn(source, rng, n=60, d=6, k=4):
    return source.rows(rng, rng.integers(k, size=n), k, d)


def log_joint(noise, X, params):
    """Return ``log π_c p(x_n|c)`` (n, k), constants included."""
    (block,) = open_blocks(X)
    scorer = noise.scorer(params)
    own = scorer.row_loss(block, noise.row_statistic(block, params.reference))
    return -scorer.all(block) - own[:, None]


def truncated(log_p, kept):
    """Return the posterior restricted to the kept components, and ``F`` right after an E-step."""
    held = np.where(kept, log_p, -np.inf)
    norm = logsumexp(held, axis=1)
    return np.exp(held - norm[:, None]), norm.sum()


def best(log_p, keep):
    """Return which components are among each row's ``keep`` most probable, as booleans."""
    return np.argsort(np.argsort(-log_p, axis=1, kind="stable"), axis=1) < (keep or log_p.shape[1])


def one_hot(labels, k):
    return np.eye(k)[labels]


def entropy(q):
    return -xlogy(q, q).sum()


def inertia(X, means):
    return np.square(X[:, None] - means).sum(axis=2).min(axis=1).sum()


def counts(rng, n=40, d=5, k=4):
    return rng.poisson(rng.gamma(1.0, 4.0, (k, d))[rng.integers(k, size=n)] + 0.2) + 0.0


def kl(x, a):
    return (xlogy(x, x / a) - x + a).sum()


def assert_hartigan_optimum(model, X, weights):
    """Compare what leaving saves with what joining costs, for every row and cluster."""
    X = (X.toarray() if sp.issparse(X) else X).astype(float)
    labels, k = model.labels_, model.n_clusters
    counts = np.bincount(labels, weights, minlength=k)
    sums = np.zeros((k, X.shape[1]))
    np.add.at(sums, labels, weights[:, None] * X)
    means = sums / counts[:, None]
    np.testing.assert_allclose(model.cluster_centers_, means, rtol=1e-5, atol=1e-4)
    distances = np.square(X[:, None] - means).sum(axis=2)
    own = distances[np.arange(len(X)), labels]
    rest = counts[labels] - weights
    saved = np.divide(own * counts[labels], rest, out=np.zeros_like(own), where=rest > 1e-9)
    cost = distances * counts / (counts + weights[:, None])
    cost[np.arange(len(X)), labels] = np.inf
    assert (saved <= cost.min(axis=1) * (1 + 1e-9) + 1e-12).all()
