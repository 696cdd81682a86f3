"""Gamma noise: positive data whose deviation grows with their mean; Itakura–Saito divergence."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from scipy.special import digamma, gammaln, polygamma

from cofactor.data.base import Floats, Labels, RowBlock
from cofactor.data.losses import Affine
from cofactor.noise.base import AffineScorer, Assignment, MixtureNoise, Moments, Params
from cofactor.noise.domain import check_positive
from cofactor.noise.linear import NonnegativeNoise
from cofactor.noise.penalty import TINY, Penalty

LOWEST_DEVIANCE = 1e-12  # per entry: keeps the shape of a perfect fit finite
NEWTON_STEPS = 12


@dataclass(frozen=True)
class Gamma(MixtureNoise, NonnegativeNoise):
    """``p(x|μ) = (ν/μ)^ν x^{ν−1} e^{−νx/μ} / Γ(ν)`` with one shape ``ν`` for everything.

    The dispersion is ``ν``; ``−log p = ν (x/μ − log(x/μ) − 1) + const(ν, x)``.
    """

    name: ClassVar[str] = "gamma"
    kind: ClassVar[str] = "density"

    def check(self, block: RowBlock) -> None:
        """See :class:`Noise`."""
        check_positive(block, self.name)

    def row_statistic(self, block: RowBlock, reference: Floats) -> Floats:
        """Return ``Σ_l log x_nl``."""
        return block.row_sums(np.log)

    def first_dispersion(self, n_components: int, n_columns: int) -> Floats:
        """See :class:`MixtureNoise`."""
        return np.array(1.0)

    def scorer(self, params: Params) -> AffineScorer:
        """Return ``ν (Σ_l log μ_cl + ⟨x_n, 1/μ_c⟩) − log π_c``, in units of ν."""
        shape, prior = float(params.dispersion), float(params.log_weights.max())
        offsets = np.log(params.components).sum(axis=1) - (params.log_weights - prior) / shape
        per_entry = gammaln(shape) - shape * np.log(shape)
        return AffineScorer(
            Affine(-1.0 / params.components, offsets, params.reference),
            scale=shape,
            row_factor=1.0 - shape,
            row_constant=float(params.components.shape[1] * per_entry - prior),
        )

    def legal_means(self, means: Floats) -> Floats:
        """Return means above zero."""
        return np.maximum(means, TINY)

    def spread(
        self, block: RowBlock, posterior: Assignment, params: Params, cached: Floats
    ) -> Floats:
        """Return ``Σ_nl w_n log x_nl``."""
        return np.array(block.weights @ cached)

    def dispersion(self, moments: Moments, params: Params) -> Floats:
        """Return the ``ν`` that solves ``log ν − ψ(ν) =`` mean unit deviance."""
        logs = moments.counts @ np.log(params.components).sum(axis=1) - float(moments.spread)
        return np.array(best_shape(logs / (moments.counts.sum() * params.components.shape[1])))

    def n_dispersion_parameters(self, n_components: int, n_columns: int) -> int:
        """See :class:`MixtureNoise`."""
        return 1

    def saturated_loss(self, block: RowBlock, params: Params) -> Floats:
        """Return ``Σ_l (log x + ν − ν log ν + log Γ(ν))``."""
        shape = float(params.dispersion)
        return block.row_sums(np.log) + block.n_columns * _shape_constant(shape)

    def sample(self, mean: Floats, component: Labels, params: Params, rng: Any) -> NDArray[Any]:
        """See :class:`MixtureNoise`."""
        shape = float(params.dispersion)
        return np.asarray(rng.gamma(shape, mean / shape))

    def divergence(self, x: Floats, mean: Floats) -> Floats:
        """Return ``x/a − log(x/a) − 1``."""
        ratio = x / np.maximum(mean, TINY)
        return ratio - np.log(ratio) - 1.0

    def gradient_parts(self, x: Floats, mean: Floats) -> tuple[Floats, Floats]:
        """Return ``x/a²`` and ``1/a``."""
        inverse = 1.0 / np.maximum(mean, TINY)
        return x * np.square(inverse), inverse

    def surrogate_minimum(
        self, codes: Floats, down: Floats, up: Floats, penalty: Penalty
    ) -> Floats:
        """Minimise ``z² m/u + (p + l1) u + ½ l2 u²`` [Févotte & Idier 2011]."""
        linear, inverse = np.maximum(up + penalty.l1, TINY), np.square(codes) * down
        u = np.sqrt(inverse / linear)
        for _ in range(NEWTON_STEPS if penalty.l2 else 0):  # of l2·u³ + linear·u² = inverse
            cubic = (penalty.l2 * u + linear) * np.square(u) - inverse
            u = u - cubic / np.maximum((3.0 * penalty.l2 * u + 2.0 * linear) * u, TINY)
        return u

    def constants(self, block: RowBlock) -> Floats:
        """Return ``Σ_n w_n d`` (entries) and ``Σ_nl w_n log x_nl``."""
        entries = block.weights @ block.row_entries()
        return np.array([entries, block.weights @ block.row_sums(np.log)])

    def nats(self, divergence: float, constants: Floats) -> float:
        """Return ``−log p(X)`` at the best shape ``ν``."""
        entries, logs = constants
        mean = max(divergence / entries, LOWEST_DEVIANCE)
        shape = best_shape(mean)
        return float(entries * (shape * mean + _shape_constant(shape)) + logs)

    def linear_dispersion(self, divergence: float, constants: Floats) -> Floats:
        """Return the best shape ``ν``."""
        return np.array(best_shape(divergence / constants[0]))


def best_shape(mean_deviance: float) -> float:
    """Solve ``log ν − ψ(ν) = D`` for the mean unit deviance ``D``, by Newton steps in log ν."""
    deviance = max(mean_deviance, LOWEST_DEVIANCE)
    shape = (3.0 - deviance + np.sqrt((deviance - 3.0) ** 2 + 24.0 * deviance)) / (12.0 * deviance)
    for _ in range(NEWTON_STEPS):
        residual = np.log(shape) - digamma(shape) - deviance
        shape *= np.exp(-residual / (1.0 - shape * polygamma(1, shape)))
    return float(shape)


def _shape_constant(shape: float) -> float:
    return float(shape - shape * np.log(shape) + gammaln(shape))
