"""Gaussian noise whose covariance has a shape of its own: spherical, diagonal, tied or full."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import cholesky
from scipy.linalg.lapack import dpotrf, dtrtri

from cofactor.data.base import Floats, Labels, RowBlock
from cofactor.data.gaussians import Scaled, Whitened
from cofactor.errors import InputError
from cofactor.noise.base import (
    Assignment,
    DistanceScorer,
    MixtureNoise,
    Moments,
    Params,
)
from cofactor.noise.gaussian import LOG_2PI, VARIANCE_FLOOR, Gaussian


@dataclass(frozen=True)
class CovarianceNoise(MixtureNoise):
    """What the four shapes share.

    Parameters
    ----------
    regularization : float, default 0
        Added to every variance, in squared units of the data; without any, a sliver of the
        data's own variance keeps a perfect fit finite.
    """

    regularization: float = 0.0

    kind: ClassVar[str] = "density"

    def reference(self, mean: Floats, blocks: list[RowBlock]) -> Floats:
        """See :class:`Noise`: distances do not depend on the origin."""
        return blocks[0].reference(mean)

    def row_statistic(self, block: RowBlock, reference: Floats) -> Floats:
        """Return ``½ d log 2π`` of each row."""
        return np.full(block.n_rows, 0.5 * block.n_columns * LOG_2PI)

    def saturated_loss(self, block: RowBlock, params: Params) -> Floats:
        """Return ``½ d log 2π + ½ min_c log det Σ_c``: of the tightest component's mean."""
        least = float(np.min(self.log_determinants(params.dispersion, block.n_columns)))
        return np.full(block.n_rows, 0.5 * (block.n_columns * LOG_2PI + least))

    @abstractmethod
    def log_determinants(self, dispersion: Floats, n_columns: int) -> Floats:
        """Return ``log det Σ_c``: one for each component, or one for all."""

    def _along_axes(self, params: Params, variances: Floats) -> DistanceScorer:
        """Return the losses under variances of shape (k, d) or (k, 1)."""
        centers = params.components - params.reference
        determinants = self.log_determinants(params.dispersion, centers.shape[1])
        offsets = 0.5 * determinants - params.log_weights
        losses = Scaled(1.0 / np.sqrt(variances), centers, offsets, params.reference)
        return DistanceScorer(losses, second=variances.shape[1])

    def start_noise(self) -> MixtureNoise:
        """See :class:`MixtureNoise`: k-means, which needs no covariances to begin with."""
        return Gaussian()

    def _floor(self, mean_square: float) -> float:
        """Return the least variance before regularization, given the data's."""
        return 0.0 if self.regularization else VARIANCE_FLOOR * mean_square + np.finfo(float).tiny

    def _lifted(self, variances: Floats, mean_square: float) -> Floats:
        """Return variances above the least, plus the regularization."""
        return np.maximum(variances, self._floor(mean_square)) + self.regularization


class SphericalGaussian(CovarianceNoise):
    """``p(x|c) = N(x; μ_c, σ_c²I)``; dispersion ``σ_c²`` of shape (k,)."""

    name: ClassVar[str] = "spherical gaussian"

    def first_dispersion(self, n_components: int, n_columns: int) -> Floats:
        """See :class:`MixtureNoise`."""
        return np.ones(n_components)

    def scorer(self, params: Params) -> DistanceScorer:
        """See :class:`MixtureNoise`."""
        return self._along_axes(params, params.dispersion[:, None])

    def log_determinants(self, dispersion: Floats, n_columns: int) -> Floats:
        """See :class:`CovarianceNoise`."""
        return n_columns * np.log(dispersion)

    def spread(
        self, block: RowBlock, posterior: Assignment, params: Params, cached: Floats
    ) -> Floats:
        """Return ``Σ_n w_n q_nc ‖x_n − r‖²``, shape (k,)."""
        return posterior.squared_norms(block, params.reference)

    def dispersion(self, moments: Moments, params: Params) -> Floats:
        """Return ``σ_c² = Σ_n w_n q_nc ‖x_n − μ_c‖² / (N_c d)``."""
        means = params.components - params.reference
        entries = _safe(moments.counts) * means.shape[1]
        variances = moments.spread / entries - (means**2).mean(axis=1)
        lifted = self._lifted(variances, float(moments.spread.sum() / entries.sum()))
        return np.where(moments.filled, lifted, params.dispersion)

    def n_dispersion_parameters(self, n_components: int, n_columns: int) -> int:
        """See :class:`MixtureNoise`."""
        return n_components

    def sample(self, mean: Floats, component: Labels, params: Params, rng: Any) -> NDArray[Any]:
        """See :class:`MixtureNoise`."""
        deviation = np.sqrt(params.dispersion[component])[:, None]
        return mean + deviation * rng.standard_normal(mean.shape)


class DiagonalGaussian(CovarianceNoise):
    """``p(x|c) = N(x; μ_c, diag σ_c²)``; dispersion of shape (k, d)."""

    name: ClassVar[str] = "diagonal gaussian"

    def first_dispersion(self, n_components: int, n_columns: int) -> Floats:
        """See :class:`MixtureNoise`."""
        return np.ones((n_components, n_columns))

    def scorer(self, params: Params) -> DistanceScorer:
        """See :class:`MixtureNoise`."""
        return self._along_axes(params, params.dispersion)

    def log_determinants(self, dispersion: Floats, n_columns: int) -> Floats:
        """See :class:`CovarianceNoise`."""
        return np.log(dispersion).sum(axis=1)

    def spread(
        self, block: RowBlock, posterior: Assignment, params: Params, cached: Floats
    ) -> Floats:
        """Return ``Σ_n w_n q_nc (x_n − r)²``, shape (k, d)."""
        return posterior.squares(block, params.reference)

    def dispersion(self, moments: Moments, params: Params) -> Floats:
        """Return ``σ_cl² = Σ_n w_n q_nc (x_nl − μ_cl)² / N_c``."""
        means, counts = params.components - params.reference, _safe(moments.counts)
        variances = moments.spread / counts[:, None] - means**2
        lifted = self._lifted(variances, float(moments.spread.mean(axis=1).sum() / counts.sum()))
        return np.where(moments.filled[:, None], lifted, params.dispersion)

    def n_dispersion_parameters(self, n_components: int, n_columns: int) -> int:
        """See :class:`MixtureNoise`."""
        return n_components * n_columns

    def sample(self, mean: Floats, component: Labels, params: Params, rng: Any) -> NDArray[Any]:
        """See :class:`MixtureNoise`."""
        return mean + np.sqrt(params.dispersion[component]) * rng.standard_normal(mean.shape)


class TiedGaussian(CovarianceNoise):
    """``p(x|c) = N(x; μ_c, Σ)``; dispersion ``Σ`` of shape (d, d)."""

    name: ClassVar[str] = "tied gaussian"

    def first_dispersion(self, n_components: int, n_columns: int) -> Floats:
        """See :class:`MixtureNoise`."""
        return np.eye(n_columns)

    def scorer(self, params: Params) -> DistanceScorer:
        """See :class:`MixtureNoise`."""
        return whitened_scorer(params, precision_factor(params.dispersion)[None], second=0)

    def log_determinants(self, dispersion: Floats, n_columns: int) -> Floats:
        """See :class:`CovarianceNoise`."""
        return np.linalg.slogdet(dispersion).logabsdet

    def spread(
        self, block: RowBlock, posterior: Assignment, params: Params, cached: Floats
    ) -> Floats:
        """Return ``Σ_n w_n (x_n − r)(x_n − r)ᵀ``, shape (d, d)."""
        return block.gram(block.weights, params.reference)

    def dispersion(self, moments: Moments, params: Params) -> Floats:
        """Return ``Σ = Σ_nc w_n q_nc (x_n − μ_c)(x_n − μ_c)ᵀ / N``."""
        means = params.components - params.reference
        between = (means * moments.counts[:, None]).T @ means
        covariance = (moments.spread - between) / moments.counts.sum()
        return covariance + self._ridge(moments.spread, float(moments.counts.sum()))

    def n_dispersion_parameters(self, n_components: int, n_columns: int) -> int:
        """See :class:`MixtureNoise`."""
        return n_columns * (n_columns + 1) // 2

    def sample(self, mean: Floats, component: Labels, params: Params, rng: Any) -> NDArray[Any]:
        """See :class:`MixtureNoise`."""
        factor = cholesky(params.dispersion, lower=True)
        return mean + rng.standard_normal(mean.shape) @ factor.T

    def _ridge(self, spread: Floats, weight: float) -> Floats:
        floor = self._floor(float(np.trace(spread)) / (weight * len(spread)))
        return np.eye(len(spread)) * (floor + self.regularization)


class FullGaussian(CovarianceNoise):
    """``p(x|c) = N(x; μ_c, Σ_c)``; dispersion of shape (k, d, d)."""

    name: ClassVar[str] = "full gaussian"

    def first_dispersion(self, n_components: int, n_columns: int) -> Floats:
        """See :class:`MixtureNoise`."""
        return np.broadcast_to(np.eye(n_columns), (n_components, n_columns, n_columns))

    def scorer(self, params: Params) -> DistanceScorer:
        """See :class:`MixtureNoise`."""
        factors = np.stack([precision_factor(covariance) for covariance in params.dispersion])
        return whitened_scorer(params, factors, second=factors[0].size)

    def log_determinants(self, dispersion: Floats, n_columns: int) -> Floats:
        """See :class:`CovarianceNoise`."""
        return np.linalg.slogdet(dispersion).logabsdet

    def spread(
        self, block: RowBlock, posterior: Assignment, params: Params, cached: Floats
    ) -> Floats:
        """Return ``Σ_n w_n q_nc (x_n − r)(x_n − r)ᵀ``, shape (k, d, d)."""
        return posterior.grams(block, params.reference)

    def dispersion(self, moments: Moments, params: Params) -> Floats:
        """Return ``Σ_c = Σ_n w_n q_nc (x_n − μ_c)(x_n − μ_c)ᵀ / N_c``."""
        means, counts = params.components - params.reference, _safe(moments.counts)
        between = np.einsum("ci,cj->cij", means, means)
        ridge = np.eye(means.shape[1]) * self._ridge(moments)
        covariances = moments.spread / counts[:, None, None] - between + ridge
        return np.where(moments.filled[:, None, None], covariances, params.dispersion)

    def n_dispersion_parameters(self, n_components: int, n_columns: int) -> int:
        """See :class:`MixtureNoise`."""
        return n_components * n_columns * (n_columns + 1) // 2

    def sample(self, mean: Floats, component: Labels, params: Params, rng: Any) -> NDArray[Any]:
        """See :class:`MixtureNoise`."""
        rows = rng.standard_normal(mean.shape)
        for c, covariance in enumerate(params.dispersion):
            own = component == c
            rows[own] = rows[own] @ cholesky(covariance, lower=True).T
        return mean + rows

    def _ridge(self, moments: Moments) -> float:
        traces = np.trace(moments.spread, axis1=1, axis2=2)
        entries = moments.counts.sum() * moments.sums.shape[1]
        return self._floor(float(traces.sum() / entries)) + self.regularization


def whitened_scorer(params: Params, factors: Floats, second: int) -> DistanceScorer:
    """Return the losses under Gaussians whose precisions have these factors (k or 1, d, d)."""
    log_determinants = np.log(np.diagonal(factors, axis1=1, axis2=2)).sum(axis=1)
    about_reference = params.components - params.reference
    centers = (about_reference[:, None, :] @ factors)[:, 0]
    offsets = -params.log_weights - log_determinants
    return DistanceScorer(Whitened(factors, centers, offsets, params.reference), second)


def precision_factor(covariance: Floats) -> Floats:
    """Return the upper triangular ``P`` with ``Σ⁻¹ = PPᵀ``.

    Raises
    ------
    InputError
        If the covariance is not positive definite.
    """
    factor, failed = dpotrf(covariance, lower=True, clean=True)
    if failed or not np.isfinite(factor.trace()):  # LAPACK lets NaN and infinity pass
        raise InputError(
            "A covariance is not positive definite: a component holds too few distinct rows for "
            "its shape; raise reg_covar, use fewer components, or a simpler covariance_type."
        )
    inverse: Floats = dtrtri(factor, lower=True)[0]
    return inverse.T


def _safe(counts: Floats) -> Floats:
    return np.maximum(counts, np.finfo(float).tiny)
