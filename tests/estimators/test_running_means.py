"""Running means learn what an E-step and an M-step of every batch do."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given, settings
from hypothesis import strategies as st
from strategies import generators

from cofactor import KMeans, MiniBatchKMeans
from cofactor.codes import OneHot
from cofactor.data import open_rows
from cofactor.engine import SerialEngine
from cofactor.estimators.online_clusters import SweptClusters
from cofactor.estimators.running_means import online_clusters
from cofactor.model import Model
from cofactor.noise import Gaussian, VonMisesFisher
from cofactor.start import from_means

some = settings(max_examples=30, deadline=None)
storages = st.sampled_from([np.asarray, sp.csr_array])
noises = st.sampled_from([Gaussian(), VonMisesFisher()])
ENGINE = SerialEngine()


def batch(rng, noise, storage):
    kept = rng.random(5) < [1, 1, 0.8, 0.8, 0.8]  # with fewer columns rows could tie
    X = rng.normal(size=(rng.integers(6, 40), 5)) * kept + 0.3
    weights = rng.exponential(size=len(X)) * (rng.random(len(X)) < 0.8)
    return noise.rows(open_rows(storage(X), weights))


def assert_same(ours, theirs):
    (params, seen), (expected, known) = ours.learned(), theirs.learned()
    close = {"rtol": 1e-8, "atol": 1e-10}
    np.testing.assert_allclose(params.components, expected.components, **close)
    np.testing.assert_allclose(params.dispersion, expected.dispersion, rtol=1e-6)
    np.testing.assert_allclose(ours.counts, theirs.counts, **close)
    np.testing.assert_allclose(seen.statistics.sums, known.statistics.sums, **close)
    assert seen.weight == pytest.approx(known.weight)


@some
@given(rng=generators, noise=noises, storage=storages, moved=st.booleans())
def test_batches_are_learned_as_by_the_general_steps(rng, noise, storage, moved):
    first = batch(rng, noise, storage)
    params = from_means(noise, [first], first.take(np.arange(6)).dense())
    ours = online_clusters(noise, 1, first, params)
    theirs = SweptClusters(Model(noise, OneHot()), params, None)
    for _ in range(4):
        rows = batch(rng, noise, storage)
        found = [clusters.assign(rows, ENGINE) for clusters in (ours, theirs)]
        np.testing.assert_array_equal(found[0].labels, found[1].labels)
        assert ours.inertia(found[0]) == pytest.approx(theirs.inertia(found[1]), rel=1e-8)
        ours.learn(found[0])
        theirs.learn(found[1])
        assert_same(ours, theirs)
        if moved and ours.counts[1:].any():
            which, row = np.arange(6) == 0, batch(rng, noise, storage).take(np.array([2]))
            for clusters in (ours, theirs):
                clusters.reassign(which, row)


@pytest.mark.parametrize("storage", [np.asarray, sp.csr_array])
def test_what_was_learned_is_enough_to_go_on(storage):
    rng, noise = np.random.default_rng(0), Gaussian()
    batches = [batch(rng, noise, storage) for _ in range(4)]
    params = from_means(noise, batches[:1], batches[0].take(np.arange(6)).dense())
    ours = online_clusters(noise, 1, batches[0], params)
    again = ours
    for rows in batches:
        again = online_clusters(noise, 1, rows, *again.learned())
        for clusters in (ours, again):
            clusters.learn(clusters.assign(rows, ENGINE))
        np.testing.assert_allclose(again.components, ours.components, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("storage", [np.asarray, sp.csr_array])
def test_batches_of_directions_come_close_to_all_rows_at_once(storage):
    rng = np.random.default_rng(1)
    X = storage(
        rng.normal(size=(5, 8))[rng.integers(0, 5, 2_000)] + 0.4 * rng.normal(size=(2_000, 8))
    )
    whole, batches = (
        kind(5, noise="von_mises_fisher", n_init=5, random_state=0).fit(X)
        for kind in (KMeans, MiniBatchKMeans)
    )
    np.testing.assert_allclose(np.linalg.norm(batches.cluster_centers_, axis=1), 1.0)
    assert batches.inertia_ < 1.2 * whole.inertia_
