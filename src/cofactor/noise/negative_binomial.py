"""Negative binomial noise: counts that scatter more than Poisson's."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammaln, xlogy

from cofactor.data.base import Array, Floats, Labels, RowBlock
from cofactor.data.losses import Affine
from cofactor.errors import InputError
from cofactor.noise.base import AffineScorer, MixtureNoise, Params
from cofactor.noise.domain import check_nonnegative, halfway
from cofactor.noise.linear import FixedFactor, NonnegativeNoise, pulls_of_chunk
from cofactor.noise.online import Shares
from cofactor.noise.penalty import TINY
from cofactor.noise.poisson import Poisson, log_factorial

NEWTON_STEPS = 12


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
        """Return ``x/a`` and ``(x + r)/(a + r)``, less ``x/(a + r)`` of both where ``a > r``."""
        r, own = self.size, np.maximum(mean, TINY)
        flat = mean <= r
        return x * np.where(flat, 1.0, r / (mean + r)) / own, (r + x * flat) / (mean + r)

    def majorized(self, block: RowBlock, factor: FixedFactor, codes: Floats) -> Floats:
        """Minimise the majorizer, each entry's part of which is the closer one of two.

        Where ``a ≤ r``, that of ``−x log a``, which is convex, and of ``(x + r) log(a + r)``, which
        is concave [Gouvert, Oberlin & Févotte 2020]. Where ``a > r`` its steps would come to
        nothing, as the two all but cancel each other: there ``x log(1 + r/a)`` is concave in
        ``1/a`` and below its tangent, and ``r log(a + r)`` is concave in ``a``. With m₁ and m₂ of
        the two kinds, ``z² m₂/u − z m₁ log u + (p + l1) u + ½ l2 u²`` is least where
        ``l2 u³ + (p + l1) u² = z m₁ u + z² m₂``.
        """
        down, up = pulls_of_chunk(self.gradient_parts, block, factor, codes)
        steep, _ = pulls_of_chunk(self._steep_parts, block, factor, codes)
        linear, l2 = np.maximum(up + factor.penalty.l1, TINY), factor.penalty.l2
        log, inverse = codes * (down - steep), np.square(codes) * steep
        u = (log + np.sqrt(np.square(log) + 4.0 * linear * inverse)) / (2.0 * linear)
        for _ in range(NEWTON_STEPS if l2 else 0):  # from above, where the cubic is convex
            cubic = ((l2 * u + linear) * u - log) * u - inverse
            slope = (3.0 * l2 * u + 2.0 * linear) * u - log
            u = np.where(slope > 0, u - cubic / np.where(slope > 0, slope, 1.0), u)
        return np.asarray(u)

    def _steep_parts(self, x: Floats, mean: Floats) -> tuple[Floats, Floats]:
        """Return the gradient's parts where ``a > r``, 0 elsewhere."""
        (down, up), steep = self.gradient_parts(x, mean), mean > self.size
        return down * steep, up * steep

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
