"""Clusters that lose their rows are repaired so that the loss never rises, whatever the data."""

from __future__ import annotations

import warnings

import numpy as np
import scipy.sparse as sp
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.exceptions import ConvergenceWarning
from strategies import generators

from cofactor import KMeans

some = settings(max_examples=40, deadline=None)
storages = st.sampled_from([np.asarray, sp.csr_array])
dtypes = st.sampled_from([np.float32, np.float64])
noises = st.sampled_from(["gaussian", "von_mises_fisher", "poisson"])


def duplicates(rng, distinct, n, d):
    """Return rows of which only so many are distinct, and weights, some of them zero."""
    X = rng.integers(0, 4, (distinct, d))[rng.integers(0, distinct, n)]
    X[:, 0] += 1
    return X, rng.exponential(size=n) * (rng.random(n) < 0.7) + 1e-6


def fitted(X, weights, k, **settings):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        return KMeans(k, tol=0, **settings).fit(X, sample_weight=weights)


@some
@given(
    rng=generators,
    noise=noises,
    storage=storages,
    dtype=dtypes,
    distinct=st.integers(1, 12),
    k=st.integers(1, 9),
    polish=st.booleans(),
)
def test_the_loss_never_rises_where_clusters_are_empty(
    rng, noise, storage, dtype, distinct, k, polish
):
    polish &= noise == "gaussian"
    X, weights = duplicates(rng, distinct, 40, 3)
    start = np.repeat(X[:1], k, axis=0)  # so all but one are empty at first
    model = fitted(storage(X.astype(dtype)), weights, k, noise=noise, init=start, polish=polish)
    objective = model.trace_.objective
    rounding = 1e-6 if dtype is np.float64 else 1e-5  # of perfect fits
    assert np.diff(objective).max(initial=0) <= rounding * np.abs(objective).max()
    assert len(np.unique(model.labels_)) <= len(np.unique(X, axis=0))
