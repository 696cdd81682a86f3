"""Poisson noise: counts, and the KL divergence."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammaln, xlogy

from cofactor.data import weighted_sum
from cofactor.data.base import Array, Floats, Labels, RowBlock
from cofactor.data.losses import Affine
from cofactor.noise.base import AffineScorer, MixtureNoise, Params
from cofactor.noise.counts import (
    CAREFUL,
    HASTY,
    NewtonMemory,
    best_step,
    explained,
    multiplicative,
    newton_memory,
    prices,
)
from cofactor.noise.domain import check_nonnegative, halfway
from cofactor.noise.linear import Encoded, FixedFactor, NonnegativeNoise
from cofactor.noise.multiples import MultipleNoise
from cofactor.noise.online import Shares
from cofactor.noise.penalty import TINY

RATE_FLOOR = 1e-10  # of the mean rate: a count under a rate of 0 would cost infinitely much


@dataclass(frozen=True)
class Poisson(MixtureNoise, NonnegativeNoise, MultipleNoise):
    """``p(x|λ) = λˣ e^{−λ} / x!``; fractional ``x`` use ``Γ(x + 1)`` (a quasi-likelihood)."""

    name: ClassVar[str] = "poisson"
    kind: ClassVar[str] = "mass"
    online: ClassVar[type[Shares]] = Shares
    takes_priors: ClassVar[bool] = True
    shares_rows: ClassVar[bool] = True
    reads_brief: ClassVar[bool] = True

    def check(self, block: RowBlock) -> None:
        """See :class:`Noise`."""
        check_nonnegative(block, self.name)

    def row_statistic(self, block: RowBlock, reference: Floats) -> Floats:
        """Return ``Σ_l log x_nl!``."""
        return block.row_sums(log_factorial)

    def first_dispersion(self, n_components: int, n_columns: int) -> Floats:
        """See :class:`MixtureNoise`: there is none."""
        return np.zeros(0)

    def scorer(self, params: Params) -> AffineScorer:
        """Return ``Σ_l λ_cl − log π_c − ⟨x_n, log λ_c⟩``."""
        rates = params.components
        offsets = rates.sum(axis=1) - params.log_weights
        return AffineScorer(Affine(np.log(rates), offsets, params.reference))

    def first_means(self, rows: Floats, mean: Floats) -> Floats:
        """See :func:`cofactor.noise.domain.halfway`."""
        return halfway(rows, mean)

    def legal_means(self, means: Floats) -> Floats:
        """Return rates of at least 1e-10 of the mean rate."""
        return np.maximum(means, RATE_FLOOR * max(float(means.mean()), TINY))

    def saturated_loss(self, block: RowBlock, params: Params) -> Floats:
        """Return ``Σ_l (log x! + x − x log x)`` [Devarajan, Wang & Ebrahimi 2015]."""
        return saturated_loss(block)

    def sample(self, mean: Floats, component: Labels, params: Params, rng: Any) -> NDArray[Any]:
        """See :class:`MixtureNoise`."""
        return np.asarray(rng.poisson(mean), dtype=float)

    def divergence(self, x: Floats, mean: Floats) -> Floats:
        """Return ``x log(x/a) − x + a``."""
        return xlogy(x, x / np.maximum(mean, TINY)) - x + mean

    def gradient_parts(self, x: Floats, mean: Floats) -> tuple[Floats, Floats]:
        """Return ``x/a`` and 1."""
        return x / np.maximum(mean, TINY), np.ones_like(mean)

    def row_constant(self, block: RowBlock) -> Floats:
        """Return ``Σ_l (x log x − x + o) − t log e``, with the total ``t`` of the row."""
        own = block.row_sums(lambda x: xlogy(x, x) - x) + block.offset_sums()
        if block.baseline.exposures is None:
            return own
        return own - block.baseline.log_exposures(block.row_sums(lambda x: x))

    def constants(self, block: RowBlock) -> Floats:
        """Return ``Σ_n w_n Σ_l (log x! + x − x log x)``."""
        return np.array([weighted_sum(block, saturated_loss(block))])

    def nats(self, divergence: float, constants: Floats) -> float:
        """Return ``KL(X‖A) − c(X)`` [Lee & Seung 2001; Gopalan, Hofman & Blei 2015]."""
        return divergence + float(constants[0])

    def multiplicative_codes(self, block: RowBlock, factor: FixedFactor, codes: Floats) -> Encoded:
        """See :class:`NonnegativeNoise`: ``z ← z·((x/a)Wᵀ)/(Σ_l w_l)`` [Lee & Seung 2001]."""
        return multiplicative(block, factor, codes)

    def nonnegative_codes(
        self, block: RowBlock, factor: FixedFactor, codes: Floats, memory: Any = None
    ) -> Encoded:
        """See :class:`NonnegativeNoise` and :mod:`cofactor.noise.counts`."""
        return best_step(block, factor, codes, memory, CAREFUL)

    def hasty_codes(
        self, block: RowBlock, factor: FixedFactor, codes: Floats, memory: Any = None
    ) -> Encoded:
        """Take a cheaper step, which may raise losses unless they are judged after it."""
        return best_step(block, factor, codes, memory, HASTY)

    def pulls(self, block: RowBlock, factor: FixedFactor, codes: Floats) -> tuple[Floats, Floats]:
        """See :class:`NonnegativeNoise`: ``(x/a)Wᵀ`` and the sums of components."""
        return explained(block, factor, codes), np.broadcast_to(prices(block, factor), codes.shape)

    def memory(self, block: RowBlock, k: int, warm: bool = False) -> NewtonMemory | None:
        """See :class:`NonnegativeNoise`: Hessians, where they are worth their room."""
        return newton_memory(block, k, warm)

    def best_multiple(self, block: RowBlock, components: Floats) -> tuple[Labels, Floats, Floats]:
        """See :class:`MultipleNoise`: ``s_n`` is the row's total."""
        origin = np.zeros(block.n_columns)
        scores = Affine(np.log(components), np.zeros(len(components)), origin)
        index, loss = block.top_losses(scores, 1)
        totals = block.row_sums(lambda x: x)
        own = block.row_sums(lambda x: xlogy(x, x))
        return index[:, 0], totals, own + loss[:, 0] - xlogy(totals, totals)

    def multiple_weights(self, multiple: Floats) -> tuple[Floats, Floats]:
        """Return 1 and ``s``: ``μ_c = Σ w x / Σ w s``."""
        return np.ones_like(multiple), multiple

    def legal_multiples(self, components: Floats) -> Floats:
        """Return the components as positive rows that sum to 1."""
        return profiles(components)


def log_factorial(x: Array) -> Array:
    """Return ``log Γ(x + 1)``."""
    return np.asarray(gammaln(x + 1.0))


def saturated_loss(block: RowBlock) -> Floats:
    """Return ``Σ_l (log x! + x − x log x)``: each count under a rate of its own, shape (n,)."""
    return block.row_sums(lambda x: log_factorial(x) + x - xlogy(x, x))


def profiles(means: Floats) -> Floats:
    """Return rows of probabilities in proportion to ``means``; flat where they are all zero."""
    totals = means.sum(axis=1, keepdims=True)
    shares = np.where(totals > 0, means / np.maximum(totals, TINY), 1.0 / means.shape[1])
    lifted = np.maximum(shares, RATE_FLOOR / means.shape[1])
    return lifted / lifted.sum(axis=1, keepdims=True)
