"""Von Mises–Fisher noise: directions, whatever the length of rows; spherical k-means."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq
from scipy.special import ive

from cofactor.data.base import Floats, Labels, RowBlock
from cofactor.data.losses import Affine
from cofactor.errors import InputError
from cofactor.noise.base import AffineScorer, Moments, NearestNoise, Params

LOG_2PI = float(np.log(2.0 * np.pi))
VANISHING = 1e-290  # Bessel functions of high order, whose expansion is then right to 1e-9
LEAST, MOST = 1e-8, 1e6  # of the concentration for each column


@dataclass(frozen=True)
class VonMisesFisher(NearestNoise):
    """``p(y|μ) = C_d(κ) exp(κ⟨μ, y⟩)`` of the direction ``y = x/‖x‖``, for unit vectors ``μ``.

    One concentration ``κ`` is shared by all components, so hard clusters are those of spherical
    k-means: each row goes to the mean direction of largest cosine [Dhillon & Modha 2001;
    Banerjee et al. 2005, Clustering on the unit hypersphere]. Densities are those on the sphere.
    """

    name: ClassVar[str] = "von mises-fisher"
    kind: ClassVar[str] = "density"
    on_sphere: ClassVar[bool] = True

    def check(self, block: RowBlock) -> None:
        """Raise InputError if a row is zero: it has no direction."""
        norms = block.squared_norms(np.zeros(block.n_columns))
        if (norms == 0).any():
            raise InputError(
                "A row is zero everywhere and has no direction, which von Mises-Fisher noise "
                "needs: drop such rows."
            )

    def rows(self, rows: RowBlock) -> RowBlock:
        """Return the rows divided by their norms."""
        norms = np.sqrt(rows.squared_norms(np.zeros(rows.n_columns)))
        return rows.divided(np.where(norms > 0, norms, 1.0))

    def first_dispersion(self, n_components: int, n_columns: int) -> Floats:
        """Return ``κ = 10 d``, which is replaced by the first M-step."""
        return np.array(10.0 * n_columns)

    def scorer(self, params: Params) -> AffineScorer:
        """Return ``−log π_c − κ⟨μ_c, y_n⟩ − log C_d(κ)``, in units of κ nats."""
        kappa, prior = float(params.dispersion), float(params.log_weights.max())
        offsets = -(params.log_weights - prior) / kappa
        return AffineScorer(
            Affine(params.components, offsets, params.reference),
            scale=kappa,
            row_factor=0.0,
            row_constant=-log_normaliser(kappa, params.components.shape[1]) - prior,
        )

    def legal_means(self, means: Floats) -> Floats:
        """Return mean directions; a mean of zero has any."""
        norms = np.linalg.norm(means, axis=1, keepdims=True)
        some = np.full_like(means, 1.0 / np.sqrt(means.shape[1]))
        return np.where(norms > 0, means / np.where(norms > 0, norms, 1.0), some)

    def dispersion(self, moments: Moments, params: Params) -> Floats:
        """Return the ``κ`` that solves ``A_d(κ) = Σ_c ⟨S_c, μ_c⟩ / N``, the mean cosine."""
        cosine = float(np.vdot(moments.sums, params.components)) / float(moments.counts.sum())
        return np.array(concentration(cosine, params.components.shape[1]))

    def hard_dispersion(
        self, between: Floats, spread: Floats, weight: float, n_columns: int
    ) -> Floats:
        """See :class:`NearestNoise`: ``κ`` from the mean cosine."""
        return np.array([concentration(float(c), n_columns) for c in between / weight])

    def hard_loss(
        self, affine: Floats, spread: Floats, dispersion: Floats, weight: float, n_columns: int
    ) -> Floats:
        """See :class:`NearestNoise`; the sum of cosines is half the weight less ``affine``."""
        constants = [log_normaliser(float(kappa), n_columns) for kappa in dispersion]
        return -dispersion * (0.5 * weight - affine) - weight * np.array(constants)

    def distances(self, block: RowBlock, params: Params) -> Floats:
        """Return ``1 − ⟨μ_c, y_n⟩``, shape (n, k)."""
        zero = np.zeros(params.n_components)
        return 1.0 + block.losses(Affine(params.components, zero, params.reference))

    def distortion(self, block: RowBlock, params: Params, labels: Labels) -> Floats:
        """Return ``1 − ⟨μ_c, y_n⟩ = ½‖y_n − μ_c‖²`` of each row's component, shape (n,)."""
        return 0.5 * block.squared_distances(params.components, labels)

    def n_dispersion_parameters(self, n_components: int, n_columns: int) -> int:
        """Return ``1 − k``: κ, and each mean direction lacks a length."""
        return 1 - n_components

    def saturated_loss(self, block: RowBlock, params: Params) -> Floats:
        """Return ``−log C_d(κ) − κ``."""
        kappa = float(params.dispersion)
        loss = -log_normaliser(kappa, block.n_columns) - kappa
        return np.full(block.n_rows, loss)

    def sample(self, mean: Floats, component: Labels, params: Params, rng: Any) -> NDArray[Any]:
        """Draw the cosine by rejection [Wood 1994], and a direction at right angles to the mean."""
        cosine = _cosines(len(mean), float(params.dispersion), mean.shape[1], rng)[:, None]
        tangent = rng.standard_normal(mean.shape)
        tangent -= (tangent * mean).sum(axis=1, keepdims=True) * mean
        tangent /= np.linalg.norm(tangent, axis=1, keepdims=True)
        return cosine * mean + np.sqrt(1.0 - cosine**2) * tangent


def log_bessel(order: float, x: float) -> float:
    """Return ``log I_ν(x) − x``, by the expansion for high orders if I vanishes [DLMF 10.41.3]."""
    scaled = float(ive(order, x))
    if scaled > VANISHING:
        return float(np.log(scaled))
    z = x / order
    root = np.sqrt(1.0 + z * z)
    p = 1.0 / root
    u1 = (3 * p - 5 * p**3) / 24
    u2 = (81 * p**2 - 462 * p**4 + 385 * p**6) / 1152
    u3 = (30375 * p**3 - 369603 * p**5 + 765765 * p**7 - 425425 * p**9) / 414720
    eta = 1.0 / (root + z) + np.log(z / (1.0 + root))  # less z
    series = np.log1p(u1 / order + u2 / order**2 + u3 / order**3)
    return float(order * eta - 0.5 * np.log(2 * np.pi * order * root) + series)


def log_normaliser(kappa: float, n_columns: int) -> float:
    """Return ``log C_d(κ) = ν log κ − ½d log 2π − log I_ν(κ)`` with ``ν = ½d − 1``."""
    order = 0.5 * n_columns - 1.0
    log_bessel_kappa = log_bessel(order, kappa) + kappa
    return order * float(np.log(kappa)) - 0.5 * n_columns * LOG_2PI - log_bessel_kappa


def mean_cosine(kappa: float, n_columns: int) -> float:
    """Return ``A_d(κ) = I_{½d}(κ) / I_{½d−1}(κ)``."""
    order = 0.5 * n_columns - 1.0
    return float(np.exp(log_bessel(order + 1.0, kappa) - log_bessel(order, kappa)))


def concentration(cosine: float, n_columns: int) -> float:
    """Return the ``κ`` under which this is the mean cosine, within wide limits."""

    def excess(log_kappa: float) -> float:
        return mean_cosine(float(np.exp(log_kappa)), n_columns) - cosine

    low, high = np.log(LEAST * n_columns), np.log(MOST * n_columns)
    if excess(low) >= 0:
        return LEAST * n_columns
    if excess(high) <= 0:
        return MOST * n_columns
    return float(np.exp(brentq(excess, low, high, xtol=1e-13)))


def _cosines(size: int, kappa: float, n_columns: int, rng: Any) -> Floats:
    """Draw ``⟨μ, y⟩`` [Wood 1994, algorithm VM*]."""
    m = n_columns - 1.0
    b = m / (2.0 * kappa + np.sqrt(4.0 * kappa**2 + m**2))
    x = (1.0 - b) / (1.0 + b)
    c = kappa * x + m * np.log1p(-x * x)
    drawn = np.empty(0)
    while drawn.size < size:
        z = rng.beta(0.5 * m, 0.5 * m, size)
        w = (1.0 - (1.0 + b) * z) / (1.0 - (1.0 - b) * z)
        fits = kappa * w + m * np.log1p(-x * w) - c >= np.log(rng.uniform(size=size))
        drawn = np.append(drawn, w[fits])
    return drawn[:size]
