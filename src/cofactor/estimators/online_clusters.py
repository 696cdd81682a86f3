"""Clusters that learn from one batch of rows after the other."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, replace
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from cofactor.codes.onehot import maximize
from cofactor.codes.posterior import Kept
from cofactor.codes.refill import moments_of
from cofactor.data import DenseRows, RowBlock, cut
from cofactor.data.base import Floats, Labels
from cofactor.engine import Engine
from cofactor.fit import first_rows
from cofactor.model import Model
from cofactor.noise import MixtureNoise, Params
from cofactor.noise.base import Moments
from cofactor.online import Running

MOST_REASSIGNED = 0.5  # of the rows of a batch


@dataclass(frozen=True)
class Assigned:
    """A batch of rows with the centers that they are nearest to.

    Attributes
    ----------
    rows : RowBlock
    labels : ndarray of shape (n,), int32
    found : object
        What else the search found; each kind of clusters has its own.
    """

    rows: RowBlock
    labels: Labels
    found: Any = None


class OnlineClusters(ABC):
    """Centers and what they have seen.

    Each batch is assigned to the centers as they are, and each center then becomes the weighted
    mean of all rows that were ever assigned to it [MacQueen 1967; Sculley 2010].
    """

    @property
    @abstractmethod
    def counts(self) -> Floats:
        """The weight behind each center, shape (k,)."""

    @property
    @abstractmethod
    def components(self) -> Floats:
        """The centers as they are, shape (k, d)."""

    @abstractmethod
    def assign(self, rows: RowBlock, engine: Engine) -> Assigned:
        """Find the center of each row of a batch."""

    @abstractmethod
    def inertia(self, batch: Assigned) -> float:
        """Return the weighted distortion of a batch that nothing was learned since."""

    @abstractmethod
    def learn(self, batch: Assigned) -> None:
        """Move the centers to the means of all rows, those of the batch included."""

    @abstractmethod
    def reassign(self, which: NDArray[np.bool_], rows: RowBlock) -> None:
        """Put some centers on rows.

        They get the smallest count of the others, so that they are not moved again at once.

        Parameters
        ----------
        which : ndarray of bool, shape (k,)
            Not all.
        rows : RowBlock
            As many as there are centers to be moved.
        """

    @abstractmethod
    def learned(self) -> tuple[Params, Running[Moments] | None]:
        """Return the parameters, and the moments of all rows as they were assigned."""

    def rarely_seen(self, ratio: float, n_rows: int) -> NDArray[np.bool_]:
        """Return which centers have less than a fraction of the largest count behind them.

        At most half as many as a batch has rows: those with the smallest counts.
        """
        rare = self.counts < ratio * self.counts.max()
        most = int(MOST_REASSIGNED * n_rows)
        if rare.sum() > MOST_REASSIGNED * n_rows:
            rare[np.argsort(self.counts)[most:]] = False
        return rare


class SweptClusters(OnlineClusters):
    """Clusters under any noise, with any number of them kept for each row: an E-step a batch.

    Parameters
    ----------
    model : Model
        A noise with one-hot codes.
    params : Params
    seen : Running or None
        Moments of all rows so far; None before the first.
    """

    def __init__(self, model: Model, params: Params, seen: Running[Moments] | None) -> None:
        self._model, self._params, self._seen = model, params, seen

    @property
    def counts(self) -> Floats:
        """See :class:`OnlineClusters`."""
        k = self._params.n_components
        return np.zeros(k) if self._seen is None else self._seen.statistics.counts

    @property
    def components(self) -> Floats:
        """See :class:`OnlineClusters`."""
        return self._params.components

    def assign(self, rows: RowBlock, engine: Engine) -> Assigned:
        """See :class:`OnlineClusters`; what is found are the moments of the batch."""
        begun = first_rows(self._model, cut(rows), self._params, engine)
        statistics, swept = begun.sweep(self._model.e_step(self._params))
        labels = np.concatenate([state.labels for state in swept.states])
        return Assigned(rows, labels, statistics.moments)

    def inertia(self, batch: Assigned) -> float:
        """See :class:`OnlineClusters`."""
        distortion = self._noise.distortion(batch.rows, self._params, batch.labels)
        return float(batch.rows.weights @ distortion)

    def learn(self, batch: Assigned) -> None:
        """See :class:`OnlineClusters`."""
        weight = float(batch.rows.weights.sum())
        if self._seen is None or self._seen.weight == 0:
            self._seen = Running.first(batch.found, weight)
        else:
            self._seen = self._seen.joined(batch.found, weight)
        self._params = maximize(
            self._noise, self._seen.statistics, self._params, learn_weights=False
        )

    def reassign(self, which: NDArray[np.bool_], rows: RowBlock) -> None:
        """See :class:`OnlineClusters`."""
        assert self._seen is not None
        here = np.flatnonzero(which).astype(np.int32)
        counts, sums = self.counts[here], self._seen.statistics.sums[here]
        means = self._params.reference + sums / np.where(counts > 0, counts, 1.0)[:, None]
        left = DenseRows(means, counts)
        come = rows.reweighted(np.full(here.size, self.counts[~which].min()))
        components = self._params.components.copy()
        components[here] = self._noise.legal_means(rows.dense())
        moments = self._seen.statistics + self._moments_at(here, come)
        moments += self._moments_at(here, left).scaled(-1.0)
        self._params = replace(self._params, components=components)
        self._seen = replace(self._seen, statistics=moments)

    def learned(self) -> tuple[Params, Running[Moments] | None]:
        """See :class:`OnlineClusters`."""
        return self._params, self._seen

    def _moments_at(self, centers: Labels, rows: RowBlock) -> Moments:
        posterior = Kept(centers[:, None], rows.weights[:, None], self._params.n_components)
        cached = self._noise.row_statistic(rows, self._params.reference)
        return moments_of(self._noise, self._params, rows, posterior, cached)

    @property
    def _noise(self) -> MixtureNoise:
        return cast(MixtureNoise, self._model.noise)
