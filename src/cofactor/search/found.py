"""What a search has found, as a fit."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from cofactor.codes import OneHot
from cofactor.codes.onehot import OneHotStatistics
from cofactor.data.base import Floats, Labels
from cofactor.fit import Fit
from cofactor.lloyd import Whole
from cofactor.model import Model
from cofactor.noise import Gaussian, Params
from cofactor.noise.base import Moments
from cofactor.trace import Trace

NOISE = Gaussian()


@dataclass(frozen=True)
class Optimum:
    """Hard clusters that no move of a single row makes better.

    Attributes
    ----------
    means : ndarray of shape (k, d)
    labels : ndarray of shape (n,), int32
    inertia : float
    """

    means: Floats
    labels: Labels
    inertia: float


@dataclass(frozen=True)
class Found:
    """What a search has found.

    Attributes
    ----------
    best : Optimum
    trace : Trace
        An iteration for every round: the objective of the best so far, and the number of local
        searches as evaluations.
    converged : bool
        Whether it ended because nothing better was found for long, or can be found.
    """

    best: Optimum
    trace: Trace
    converged: bool


class Scale:
    """What hard clusters of some rows are worth in nats.

    Parameters
    ----------
    data : Whole
    params : Params
        With equal mixing weights.
    """

    def __init__(self, data: Whole, params: Params) -> None:
        self._data, self._params = data, params
        weights, norms = data.rows.weights, data.rows.squared_norms(params.reference)
        self._weight, self._spread = float(weights.sum()), float(weights @ norms)

    def objective(self, inertia: float) -> float:
        """Return minus the free energy of clusters with this inertia."""
        d, variance = self._data.rows.n_columns, self._variance(inertia)
        loss = NOISE.hard_loss(np.zeros(()), np.array(inertia), variance, self._weight, d)
        return float(loss) - self._weight * float(self._params.log_weights.max())

    def fit(self, found: Found) -> Fit:
        """Return what was found as a fit."""
        best, k = found.best, len(found.best.means)
        params = replace(
            self._params, components=best.means, dispersion=self._variance(best.inertia)
        )
        counts = np.bincount(best.labels, self._data.rows.weights, k).astype(float, copy=False)
        sums = counts[:, None] * (best.means - params.reference)
        moments = Moments(counts, sums, np.array(self._spread))
        statistics = OneHotStatistics(found.trace[-1].objective, 0, moments)
        rows = self._data.labelled(best.labels)
        return Fit(Model(NOISE, OneHot()), params, rows, statistics, found.trace, found.converged)

    def _variance(self, inertia: float) -> Floats:
        entries = self._weight * self._data.rows.n_columns
        return NOISE.variance(np.array(self._spread), np.array(self._spread - inertia), entries)
