"""The parameters and the objective of hard clusters under Gaussian noise, by their inertia."""

from __future__ import annotations

from dataclasses import replace
from typing import Protocol

import numpy as np

from cofactor.data.base import Floats
from cofactor.noise import Gaussian, Params
from cofactor.noise.base import Moments


class HardClusters(Protocol):
    """Clusters of rows, whoever moves them."""

    @property
    def counts(self) -> Floats:
        """Weight of the rows of each cluster, shape (k,)."""
        ...

    @property
    def means(self) -> Floats:
        """Their weighted means, shape (k, d)."""
        ...

    def inertia(self) -> float:
        """Return the weighted sum of squared distances of rows to their means."""
        ...


class Account:
    """What follows from the inertia of clusters, however their rows move.

    Parameters
    ----------
    noise : Gaussian
    clusters : HardClusters
    params : Params
        With equal mixing weights; means and dispersion are those of the clusters instead.
    inertia : float
        Of the clusters as they are.
    """

    def __init__(
        self, noise: Gaussian, clusters: HardClusters, params: Params, inertia: float
    ) -> None:
        self._noise, self._clusters, self._params = noise, clusters, params
        self._n_columns = params.components.shape[1]
        self._weight = float(clusters.counts.sum())
        self._spread = inertia + self._between(clusters.means)

    def objective(self, inertia: float) -> float:
        """Return minus the free energy, in nats."""
        variance, weight = self._dispersion(inertia), self._weight
        loss = self._noise.hard_loss(
            np.zeros(()), np.array(inertia), variance, weight, self._n_columns
        )
        return float(loss) - weight * float(self._params.log_weights.max())

    def params(self, inertia: float) -> Params:
        """Return the means of the clusters, and the variance about them."""
        means = self._clusters.means.copy()
        return replace(self._params, components=means, dispersion=self._dispersion(inertia))

    def moments(self, inertia: float) -> Moments:
        """Return the moments of the clusters' rows."""
        counts, means = self._clusters.counts, self._clusters.means
        sums = counts[:, None] * (means - self._params.reference)
        return Moments(counts, sums, np.array(inertia + self._between(means)))

    def _dispersion(self, inertia: float) -> Floats:
        spread = np.array(self._spread)  # of the rows, which stays
        return self._noise.variance(spread, spread - inertia, self._weight * self._n_columns)

    def _between(self, means: Floats) -> float:
        about_reference = means - self._params.reference
        squares = np.einsum("cd,cd->c", about_reference, about_reference)
        return float(self._clusters.counts @ squares)
