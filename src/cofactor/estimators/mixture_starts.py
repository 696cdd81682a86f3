"""First parameters of mixtures, by name, with scikit-learn's use of random numbers."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from cofactor.data.base import Array, Floats, Labels
from cofactor.estimators.base import OpenData
from cofactor.estimators.kmeans import KMeans
from cofactor.noise import MixtureNoise, Params
from cofactor.start import GreedyRows, from_labels, from_responsibilities


@dataclass(frozen=True)
class MixtureStart:
    """One start of a mixture.

    Attributes
    ----------
    noise : MixtureNoise
    n_components : int
    learn_weights : bool
    data : OpenData
    rng : RandomState
    search : str
        How hard clusters are found.
    """

    noise: MixtureNoise
    n_components: int
    learn_weights: bool
    data: OpenData
    rng: np.random.RandomState
    search: str

    def kmeans(self) -> Params:
        """Return the parameters that fit one hard clustering."""
        clustering = KMeans(
            self.n_components,
            n_init=1,
            noise=self.noise.start_noise(),
            random_state=self.rng,
            search=self.search,
            n_threads=self.data.n_threads,
        )
        return self._from_labels(clustering.fit_predict(self.data.X, None, self.data.weights))

    def random(self) -> Params:
        """Return the parameters that fit random posterior probabilities, drawn row by row."""

        def drawn(n_rows: int) -> Floats:
            uniform = self.rng.uniform(size=(n_rows, self.n_components))
            probability: Floats = uniform / uniform.sum(axis=1, keepdims=True)
            return probability

        return from_responsibilities(
            self.noise,
            self.data.blocks,
            self.n_components,
            drawn,
            self.learn_weights,
            self.data.engine,
        )

    def plus_plus(self) -> Params:
        """Return parameters about rows drawn by k-means++."""
        data = self.data
        choose = GreedyRows(data.X, self.n_components, data.weights, n_threads=data.n_threads)
        return self._about_rows(choose(self.rng))

    def random_from_data(self) -> Params:
        """Return parameters about rows drawn at random, all of positive weight."""
        rows = np.flatnonzero(self.data.weights > 0)
        drawn = self.rng.choice(len(rows), size=self.n_components, replace=False)
        return self._about_rows(rows[drawn])

    def _about_rows(self, chosen: Array) -> Params:
        labels = np.full(self.data.X.shape[0], -1)
        labels[chosen] = np.arange(self.n_components)
        params = self._from_labels(labels)
        means = self.noise.first_means(params.components, self.data.mean)
        return replace(params, components=self.noise.legal_means(means))

    def _from_labels(self, labels: Labels) -> Params:
        return from_labels(
            self.noise,
            self.data.blocks,
            labels,
            self.n_components,
            self.learn_weights,
            self.data.engine,
        )


MIXTURE_STARTS = {
    "kmeans": MixtureStart.kmeans,
    "k-means++": MixtureStart.plus_plus,
    "random": MixtureStart.random,
    "random_from_data": MixtureStart.random_from_data,
}
