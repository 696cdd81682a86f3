"""Clusters that learn from one batch of rows after the other."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import cast

import numpy as np
from numpy.typing import NDArray

from cofactor.codes import OneHot
from cofactor.codes.onehot import maximize
from cofactor.codes.posterior import Kept
from cofactor.codes.refill import moments_of
from cofactor.data import DenseRows, RowBlock
from cofactor.data.base import Array, Floats, Labels
from cofactor.engine import Engine
from cofactor.fit import first_rows
from cofactor.model import Model
from cofactor.noise import MixtureNoise, Params
from cofactor.noise.base import Moments
from cofactor.online import Running
from cofactor.start import from_means, with_hard_dispersion

MOST_REASSIGNED = 0.5  # of the rows of a batch


@dataclass(frozen=True)
class OnlineClusters:
    """Centers and what they have seen.

    Each batch is assigned to the centers as they are, and each center then becomes the weighted
    mean of all rows that were ever assigned to it [MacQueen 1967; Sculley 2010].

    Attributes
    ----------
    model : Model
        A noise with one-hot codes.
    params : Params
    seen : Running or None
        Moments of all rows so far, as they were assigned when they came; None before the first.
    """

    model: Model
    params: Params
    seen: Running[Moments] | None = None

    @property
    def counts(self) -> Floats:
        """The weight behind each center, shape (k,)."""
        return np.zeros(self.params.n_components) if self.seen is None else self._moments.counts

    def learned(self, blocks: Sequence[RowBlock], engine: Engine) -> OnlineClusters:
        """Return what they are after one more batch."""
        rows = first_rows(self.model, blocks, self.params, engine)
        statistics, _ = rows.sweep(self.model.e_step(self.params))
        weight = float(sum(block.weights.sum() for block in blocks))
        if self.seen is None or self.seen.weight == 0:
            seen = Running.first(statistics.moments, weight)
        else:
            seen = self.seen.joined(statistics.moments, weight)
        params = maximize(self._noise, seen.statistics, self.params, learn_weights=False)
        return replace(self, params=params, seen=seen)

    def rarely_seen(self, ratio: float, n_rows: int) -> NDArray[np.bool_]:
        """Return which centers have less than a fraction of the largest count behind them.

        At most half as many as a batch has rows: those with the smallest counts.
        """
        rare = self.counts < ratio * self.counts.max()
        most = int(MOST_REASSIGNED * n_rows)
        if rare.sum() > MOST_REASSIGNED * n_rows:
            rare[np.argsort(self.counts)[most:]] = False
        return rare

    def reassigned(self, which: NDArray[np.bool_], rows: RowBlock) -> OnlineClusters:
        """Return the clusters with some centers put on rows.

        They get the smallest count of the others, so that they are not moved again at once.

        Parameters
        ----------
        which : ndarray of bool, shape (k,)
            Not all.
        rows : RowBlock
            As many as there are centers to be moved.
        """
        assert self.seen is not None
        here = np.flatnonzero(which).astype(np.int32)
        left = DenseRows(self.params.components[here], self.counts[here])
        come = rows.reweighted(np.full(here.size, self.counts[~which].min()))
        components = self.params.components.copy()
        components[here] = self._noise.legal_means(rows.dense())
        moments = self._moments + self._moments_at(here, come)
        moments += self._moments_at(here, left).scaled(-1.0)
        return replace(
            self,
            params=replace(self.params, components=components),
            seen=replace(self.seen, statistics=moments),
        )

    def _moments_at(self, centers: Labels, rows: RowBlock) -> Moments:
        posterior = Kept(centers[:, None], rows.weights[:, None], self.params.n_components)
        cached = self._noise.row_statistic(rows, self.params.reference)
        return moments_of(self._noise, self.params, rows, posterior, cached)

    @property
    def _noise(self) -> MixtureNoise:
        return cast(MixtureNoise, self.model.noise)

    @property
    def _moments(self) -> Moments:
        assert self.seen is not None
        return self.seen.statistics


def first_clusters(
    noise: MixtureNoise,
    n_closest: int | None,
    blocks: Sequence[RowBlock],
    means: Array,
    engine: Engine,
) -> OnlineClusters:
    """Return clusters that have seen nothing yet.

    Parameters
    ----------
    noise : MixtureNoise
    n_closest : int or None
        How many clusters each row's posterior keeps.
    blocks : sequence of RowBlock
        The first batch, which tells the scale of posteriors.
    means : ndarray of shape (k, d)
        Where to start.
    engine : Engine
    """
    params = from_means(noise, blocks, means)
    if n_closest != 1:
        hard = Model(noise, OneHot())
        params = with_hard_dispersion(hard, first_rows(hard, blocks, params, engine), params)
    return OnlineClusters(Model(noise, OneHot(n_closest)), params)
