"""Negative binomial noise: counts that scatter more than Poisson's."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammaln, xlogy

from cofactor.data.base import Affine, Array, Floats, Labels, RowBlock
from cofactor.errors import InputError
from cofactor.noise.base import AffineScorer, MixtureNoise, Params
from cofactor.noise.domain import check_nonnegative, halfway
from cofactor.noise.linear import TINY, NonnegativeNoise
from cofactor.noise.online import Shares
from cofactor.noise.poisson import Poisson, log_factorial


@dataclass(frozen=True)
class NegativeBinomial(MixtureNoise, NonnegativeNoise):
    """``p(x|μ) = Γ(x+r)/(x! Γ(r)) · (μ/(μ+r))ˣ (r/(μ+r))ʳ``: variance ``μ + μ²/r``.

    Parameters
    ----------
    size : float, default 10
        ``r``, fixed; Poisson noise is the limit of large ``r``.

    Raises
    ------
    InputError
        If ``size`` is not above zero.
    """

    size: float = 10.0

    name: ClassVar[str] = "negative binomial"
    kind: ClassVar[str] = "mass"
    online: ClassVar[type[Shares]] = Shares

    def __post_init__(self) -> None:
        if not self.size > 0:
            raise InputError(f"size is {self.size}; expected a number above 0.")

    def check(self, block: RowBlock) -> None:
        """See :class:`Noise`."""
        check_nonnegative(block, self.name)

    def row_statistic(self, block: RowBlock, reference: Floats) -> Floats:
        """Return ``Σ_l (log x! + log Γ(r) − log Γ(x + r))``."""
        return block.row_sums(self._log_counting)

    def first_dispersion(self, n_components: int, n_columns: int) -> Floats:
        """See :class:`MixtureNoise`: there is none."""
        return np.zeros(0)

    def scorer(self, params: Params) -> AffineScorer:
        """Return ``r Σ_l log((μ_cl + r)/r) − log π_c − ⟨x_n, log μ_c/(μ_c + r)⟩``."""
        means = params.components
        offsets = self.size * np.log1p(means / self.size).sum(axis=1) - params.log_weights
        slopes = np.log(means) - np.log(means + self.size)
        return AffineScorer(Affine(slopes, offsets, params.reference))

    def first_means(self, rows: Floats, mean: Floats) -> Floats:
        """See :func:`cofactor.noise.domain.halfway`."""
        return halfway(rows, mean)

    def legal_means(self, means: Floats) -> Floats:
        """Return means of at least 1e-10 of the overall mean."""
        return Poisson().legal_means(means)

    def saturated_loss(self, block: RowBlock, params: Params) -> Floats:
        """Return ``−log p`` with every ``μ = x``."""
        return block.row_sums(lambda x: self._log_counting(x) - self._own(x))

    def sample(self, mean: Floats, component: Labels, params: Params, rng: Any) -> NDArray[Any]:
        """See :class:`MixtureNoise`."""
        return np.asarray(rng.poisson(rng.gamma(self.size, mean / self.size)), dtype=float)

    def divergence(self, x: Floats, mean: Floats) -> Floats:
        """Return ``x log(x/a) − (x + r) log((x + r)/(a + r))``."""
        ratio = np.log((x + self.size) / (mean + self.size))
        return xlogy(x, x / np.maximum(mean, TINY)) - (x + self.size) * ratio

    def gradient_parts(self, x: Floats, mean: Floats) -> tuple[Floats, Floats]:
        """Return ``x/a`` and ``(x + r)/(a + r)`` [Gouvert, Oberlin & Févotte 2020]."""
        return x / np.maximum(mean, TINY), (x + self.size) / (mean + self.size)

    def constants(self, block: RowBlock) -> Floats:
        """Return minus the saturated log-likelihood."""
        rows = block.row_sums(lambda x: self._log_counting(x) - self._own(x))
        return np.array([block.weights @ rows])

    def nats(self, divergence: float, constants: Floats) -> float:
        """See :class:`NonnegativeNoise`."""
        return divergence + float(constants[0])

    def _log_counting(self, x: Array) -> Array:
        return log_factorial(x) + gammaln(self.size) - gammaln(x + self.size)

    def _own(self, x: Array) -> Array:
        """Return ``x log(x/(x + r)) + r log(r/(x + r))``."""
        total = x + self.size
        return xlogy(x, x / total) + self.size * np.log(self.size / total)
