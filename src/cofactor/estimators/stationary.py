"""Certificates of factorizations: how stationary they are."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

import numpy as np

from cofactor.certificate.certificate import Certificate, StationaryPoint
from cofactor.certificate.divergences import DIVERGENCES
from cofactor.certificate.pca_bound import pca_bound, rank_bound
from cofactor.certificate.principal import MOST
from cofactor.codes import Nonnegative
from cofactor.codes.stationarity import stationarity
from cofactor.data import RowBlock, open_columns
from cofactor.data.base import Floats
from cofactor.estimators.base import OpenData
from cofactor.estimators.certifiable import Certifiable
from cofactor.estimators.folding import codes_under
from cofactor.fit import first_rows
from cofactor.model import Model
from cofactor.noise import Params

BOUNDS = {"simplex": pca_bound}  # averages lie in a plane of a dimension less, about the mean


def stationary_point(
    model: Model,
    data: OpenData,
    codes: Floats | None,
    components: Floats,
    columns: Sequence[RowBlock] = (),
) -> StationaryPoint:
    """Return how stationary codes and components are, and a bound on all others if one is known.

    Parameters
    ----------
    model : Model
    data : OpenData
    codes : ndarray of shape (n, k) or None
        The best ones for the components; None for scaled one-hot codes.
    components : ndarray of shape (k, d)
    columns : sequence of RowBlock
        The transposed data, if the codes need them.
    """
    started = time.perf_counter()
    k, d = components.shape
    params = Params(components, np.zeros(k), np.zeros(0), np.zeros(d))
    rows = first_rows(model, data.blocks, params, data.engine, codes, columns)
    statistics, rows = rows.sweep(model.e_step(params))
    left = stationarity(model.codes, model.noise, rows, params)
    upper, lower = statistics.divergence, None
    if model.noise.name == "gaussian":
        upper, lower = 2.0 * upper, _least_squared_error(model, data, k)
    return StationaryPoint(
        upper=upper,
        lower=lower,
        gap=None if lower is None else max(1.0 - lower / upper, 0.0) if upper > 0 else 0.0,
        method="conditions of first order" if lower is None else "singular values",
        kind="stationarity",
        seconds=time.perf_counter() - started,
        trace=(),
        n_clusters=k,
        loss=loss_of(model.noise),
        residual=left.residual,
        steepest=left.steepest,
    )


def _least_squared_error(model: Model, data: OpenData, k: int) -> float | None:
    """Return what no codes and components fall below; None where that is not known."""
    if min(data.X.shape) > MOST or not all(block.plain for block in data.blocks):
        return None
    bound = BOUNDS.get(model.codes.name, rank_bound)
    return bound(data.X, k, sample_weight=data.weights)


def loss_of(noise: Any) -> str:
    """Return what the divergence of a noise is called."""
    own: dict[str, str] = {"gaussian": "squared error"}
    named = DIVERGENCES.get(noise.name)
    return own.get(noise.name) or (noise.name if named is None else named(noise).loss)


class NonnegativeFactors(Certifiable):
    """Nonnegative factors that say how stationary they are."""

    def certificate(
        self,
        X: Any,
        *,
        sample_weight: Any = None,
        mask: Any = None,
        exposure: Any = None,
        offset: Any = None,
        **proof: Any,
    ) -> Certificate:
        """Return how stationary the factors are; see :class:`cofactor.certificate.StationaryPoint`.

        Parameters
        ----------
        X, sample_weight, mask, exposure, offset
            What this was fitted to; see :meth:`fit_transform`.
        **proof
            As of other estimators; nothing here takes long enough to need them.
        """
        self.certificate_ = self._stationary(X, sample_weight, mask, exposure, offset)
        return self.certificate_

    def _certified(self, X: Any, sample_weight: Any) -> Certificate:
        """See :class:`Certifiable`."""
        return self._stationary(X, sample_weight)

    def _stationary(self, X: Any, sample_weight: Any, *beside: Any) -> StationaryPoint:
        nmf: Any = self
        seen = nmf._new_rows(X, *(beside or (None,) * 3))
        with nmf._open(seen.X, nmf.noise_, sample_weight, seen.mask, seen.baseline) as data:
            components = nmf.components_.astype(float)
            asked = nmf._penalised(float(data.weights.sum()), seen.X.shape[1])
            model = Model(nmf.noise_, Nonnegative(asked.penalty, asked.components_penalties))
            codes = codes_under(nmf.noise_, components, asked.penalty, data)
            columns = open_columns(seen.X, seen.mask, seen.baseline)
            return stationary_point(model, data, codes, components, columns)
