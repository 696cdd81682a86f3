"""Multinomial noise: rows of counts, their totals given."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammaln, xlogy

from cofactor.data import Rows
from cofactor.data.base import Floats, Labels, RowBlock
from cofactor.data.losses import Affine
from cofactor.noise.base import AffineScorer, MixtureNoise, Params
from cofactor.noise.domain import check_nonnegative, halfway
from cofactor.noise.linear import Encoded, FixedFactor, SimplexNoise, transposed_step
from cofactor.noise.penalty import TINY, Penalty
from cofactor.noise.poisson import Poisson, log_factorial, profiles


@dataclass(frozen=True)
class Multinomial(MixtureNoise, SimplexNoise):
    """``p(x|p) = t!/Πx! · Πpˣ`` with the total ``t = Σx`` of each row given."""

    name: ClassVar[str] = "multinomial"
    kind: ClassVar[str] = "mass"

    def check(self, block: RowBlock) -> None:
        """See :class:`Noise`."""
        check_nonnegative(block, self.name)

    def row_statistic(self, block: RowBlock, reference: Floats) -> Floats:
        """Return ``Σ_l log x_nl! − log t_n!``."""
        return block.row_sums(log_factorial) - gammaln(_totals(block) + 1.0)

    def first_dispersion(self, n_components: int, n_columns: int) -> Floats:
        """See :class:`MixtureNoise`: there is none."""
        return np.zeros(0)

    def scorer(self, params: Params) -> AffineScorer:
        """Return ``−log π_c − ⟨x_n, log p_c⟩``."""
        log_probabilities = np.log(params.components)
        return AffineScorer(Affine(log_probabilities, -params.log_weights, params.reference))

    def first_means(self, rows: Floats, mean: Floats) -> Floats:
        """See :func:`cofactor.noise.domain.halfway`."""
        return halfway(rows, mean)

    def unit(self, mean: Floats) -> float:
        """See :class:`MixtureNoise`: the mean total of a row."""
        return float(mean.sum()) or 1.0

    def legal_means(self, means: Floats) -> Floats:
        """Return rows of positive probabilities that sum to 1."""
        return profiles(means)

    def n_dispersion_parameters(self, n_components: int, n_columns: int) -> int:
        """Return ``−k``: each component's probabilities sum to 1."""
        return -n_components

    def saturated_loss(self, block: RowBlock, params: Params) -> Floats:
        """Return ``Σ_l (log x! − x log(x/t)) − log t!``."""
        totals = _totals(block)
        own = block.row_sums(lambda x: log_factorial(x) - xlogy(x, x))
        return own + xlogy(totals, totals) - gammaln(totals + 1.0)

    def sample(self, mean: Floats, component: Labels, params: Params, rng: Any) -> NDArray[Any]:
        """Draw rows of one trial each."""
        return np.stack([rng.multinomial(1, probabilities) for probabilities in mean]).astype(float)

    def row_constant(self, block: RowBlock) -> Floats:
        """Return ``Σ_l x log(x/t)``."""
        totals = _totals(block)
        return block.row_sums(lambda x: xlogy(x, x)) - xlogy(totals, totals)

    def constants(self, block: RowBlock) -> Floats:
        """Return ``Σ_n w_n (Σ_l (log x! − x log(x/t)) − log t!)``."""
        own = self.row_statistic(block, np.zeros(block.n_columns)) - self.row_constant(block)
        return np.array([block.weights @ own])

    def nats(self, divergence: float, constants: Floats) -> float:
        """Return ``Σ_n t_n KL(x_n/t_n ‖ z_nW)`` less the saturated log-likelihood."""
        return divergence + float(constants[0])

    def simplex_codes(self, block: RowBlock, factor: FixedFactor, codes: Floats) -> Encoded:
        """See :class:`SimplexNoise`: EM for PLSA [Hofmann 1999]."""
        step = Poisson().multiplicative_codes(block, factor, codes)
        mass = step.codes.sum(axis=1)
        flat = np.full_like(step.codes, 1.0 / step.codes.shape[1])
        new = np.where(mass[:, None] > 0, step.codes / np.maximum(mass, TINY)[:, None], flat)
        totals = _totals(block)
        return Encoded(new, step.loss - mass + xlogy(totals, mass))

    def simplex_components(self, params: Params, rows: Rows[Any]) -> Floats:
        """See :class:`SimplexNoise`: EM for PLSA; each component sums to 1."""
        return profiles(transposed_step(rows, params.components, Penalty(), self._column_step))

    @staticmethod
    def _column_step(columns: RowBlock, factor: FixedFactor, start: Floats, memory: Any) -> Encoded:
        return Poisson().multiplicative_codes(columns, factor, start)


def _totals(block: RowBlock) -> Floats:
    return block.row_sums(lambda x: x)
