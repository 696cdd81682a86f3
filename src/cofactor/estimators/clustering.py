"""What all estimators of clusters share: learning from batches, and judging rows."""

from __future__ import annotations

from typing import Any, Self, cast

import numpy as np
from sklearn.base import (
    ClassNamePrefixFeaturesOutMixin,
    ClusterMixin,
    TransformerMixin,
)

from cofactor.certificate.certificate import Certificate
from cofactor.codes import OneHot
from cofactor.data import split
from cofactor.data.base import Array, Labels
from cofactor.errors import InputError
from cofactor.estimators.base import OpenData
from cofactor.estimators.one_hot import OneHotEstimator
from cofactor.estimators.online_clusters import Assigned, OnlineClusters
from cofactor.estimators.running_means import first_params, online_clusters
from cofactor.model import Model
from cofactor.noise import Gaussian, MixtureNoise, Noise, noise_named
from cofactor.noise.base import Moments
from cofactor.online import Running
from cofactor.start import Draw, Seeds, seeds_for
from cofactor.start.rng import rng_for


class ClusteringEstimator(
    ClassNamePrefixFeaturesOutMixin, TransformerMixin, ClusterMixin, OneHotEstimator
):
    """Base of estimators whose rows belong to clusters.

    Attributes
    ----------
    n_clusters, init, tol, random_state, n_closest, noise
        Parameters of the subclasses.
    _seen : Running
        Moments of the rows that the parameters come from, to learn on.
    """

    n_clusters: int
    init: Any
    tol: float
    random_state: Any
    n_closest: int | None
    noise: str | Noise

    cluster_centers_: Array
    labels_: Labels
    inertia_: float
    _n_features_out: int
    _seen: Running[Moments] | None

    def _certified(self, X: Any, sample_weight: Any) -> Certificate | None:
        """See :class:`Certifiable`: hard clusters have bounds."""
        if self.n_closest == 1 or not hasattr(self, "labels_"):
            return None
        return super()._certified(X, sample_weight)

    def partial_fit(self, X: Any, y: Any = None, sample_weight: Any = None) -> Self:
        """Learn from one more batch of rows, which need not be kept.

        The batch is assigned to the centers as they are; each center then becomes the weighted
        mean of all rows that were ever assigned to it [MacQueen 1967]. The first batch is also
        where ``init`` finds the first centers; after :meth:`fit` learning goes on from there.
        ``labels_`` and ``inertia_`` are those of the batch under the new centers.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n, d)
        y : ignored
        sample_weight : array-like of shape (n,), optional
            Weights of the rows, at least 0; default 1.

        Raises
        ------
        InputError
            If the noise cannot produce such data, or the first batch has fewer rows than clusters.
        """
        first = not hasattr(self, "_params")
        if first:
            self._validate_params()
        X = self._validated(X, reset=first)
        with self._open(X, self._mixture_noise, sample_weight) as data:
            clusters = (self._new_clusters if first else self._known_clusters)(data)
            self._learn(clusters, clusters.assign(data.rows, data.engine))
            self._take_over(clusters, data)
            self._judge(data)
        self.n_steps_: int = getattr(self, "n_steps_", 0) + 1
        return self

    def fit_predict(self, X: Any, y: Any = None, sample_weight: Any = None) -> Labels:
        """Fit, and return the label of each row, shape (n,)."""
        return self.fit(X, sample_weight=sample_weight).labels_

    def fit_transform(self, X: Any, y: Any = None, sample_weight: Any = None) -> Array:
        """Fit, and return distances; see :meth:`transform`."""
        return self.fit(X, sample_weight=sample_weight).transform(X)

    def transform(self, X: Any) -> Array:
        """Return the distance ``‖x_n − μ_c‖`` of each row to each center, shape (n, n_clusters).

        Von Mises-Fisher noise gives ``1 − cosine``; other noises the loss of each center in nats
        above a perfect fit: half the deviance.
        """
        with self._reopen(X) as data:
            distances = data.rowwise(lambda block: data.noise.distances(block, self._params))
            return distances.astype(data.X.dtype, copy=False)

    def score(self, X: Any, y: Any = None, sample_weight: Any = None) -> float:
        """Return minus the inertia of these rows: the higher the better.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n, d)
        y : ignored
        sample_weight : array-like of shape (n,), optional
        """
        with self._reopen(X, sample_weight) as data:
            labels, _ = self._predictor.labels(data.rows, data.engine)
            return -self._inertia(data, labels)

    @property
    def variance_(self) -> float:
        """``σ²`` of Gaussian noise: the mean squared residual of an entry."""
        if self._mixture_noise.name != "gaussian":
            raise AttributeError(f"{self._mixture_noise.name} noise has no variance of its own.")
        return float(self._params.dispersion)

    @property
    def _mixture_noise(self) -> MixtureNoise:
        return cast(MixtureNoise, Model(noise_named(self.noise), OneHot()).noise)

    def _seeds(self, X: Any) -> Seeds:
        if X.shape[0] < self.n_clusters:
            raise InputError(f"n_samples={X.shape[0]} should be >= n_clusters={self.n_clusters}.")
        return seeds_for(self.init, (self.n_clusters, X.shape[1]), X.dtype)

    def _draw(self, data: OpenData[MixtureNoise], seeds: Seeds) -> Draw:
        """Return what draws the first means of each start."""
        draw = seeds.starts(data.X, self.n_clusters, data.weights, data.n_threads)
        if not seeds.are_rows or isinstance(data.noise, Gaussian):  # whose means can be any rows
            return draw
        return lambda rng: data.noise.first_means(draw(rng), data.mean)

    def _tolerance(self, data: OpenData[MixtureNoise]) -> float:
        """Return ``tol`` times the mean variance of a column, in the unit of squared components."""
        return float(self.tol * data.variance / data.noise.unit(data.mean) ** 2)

    def _generator(self) -> np.random.RandomState:
        """Return what draws random numbers of a fit that begins."""
        return rng_for(self.random_state)

    def _first_clusters(
        self, data: OpenData, some: OpenData, rng: np.random.RandomState
    ) -> OnlineClusters:
        """Return clusters that have seen nothing yet, with centers drawn from some of the rows."""
        noise, keep = self._mixture_noise, self.n_closest
        means = self._draw(some, self._seeds(some.X))(rng)
        params = first_params(noise, keep, data.blocks, means, data.engine)
        return online_clusters(noise, keep, data.rows, params)

    def _new_clusters(self, data: OpenData) -> OnlineClusters:
        """Return clusters that begin with a batch."""
        return self._first_clusters(data, data, self._generator())

    def _known_clusters(self, data: OpenData) -> OnlineClusters:
        """Return what was learned so far, to go on from."""
        noise, keep = self._mixture_noise, self.n_closest
        return online_clusters(noise, keep, data.rows, self._params, self._seen)

    def _learn(self, clusters: OnlineClusters, batch: Assigned) -> None:
        """Learn from one more batch."""
        clusters.learn(batch)

    def _take_over(self, clusters: OnlineClusters, data: OpenData[MixtureNoise]) -> None:
        """Keep what was learned."""
        self._forget()
        self._params, self._seen = clusters.learned()
        self.cluster_centers_ = self._params.components.astype(data.X.dtype)
        self._n_features_out = self.n_clusters

    def _judge(self, data: OpenData[MixtureNoise]) -> None:
        """Label the rows by what was learned."""
        self.labels_, _ = self._predictor.labels(data.rows, data.engine)
        self.inertia_ = self._inertia(data, self.labels_)

    def _inertia(self, data: OpenData[MixtureNoise], labels: Labels) -> float:
        """Return the weighted distortion of labelled rows."""

        def of_block(pair: Any) -> float:
            block, own = pair
            distortion = data.noise.distortion(block, self._params, own)
            return float(block.weights @ distortion)

        pairs = list(zip(data.blocks, split(labels, data.blocks), strict=True))
        return sum(data.engine.map(of_block, pairs))
