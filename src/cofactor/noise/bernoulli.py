"""Bernoulli noise: binary data."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from cofactor.data.base import Floats, Labels, RowBlock
from cofactor.data.losses import Affine
from cofactor.noise.base import AffineScorer, MixtureNoise, Params
from cofactor.noise.domain import check_binary, halfway

PROBABILITY_FLOOR = 1e-10


@dataclass(frozen=True)
class Bernoulli(MixtureNoise):
    """``p(x|μ) = μˣ (1 − μ)^{1−x}`` for ``x`` of 0 or 1."""

    name: ClassVar[str] = "bernoulli"
    kind: ClassVar[str] = "mass"

    def check(self, block: RowBlock) -> None:
        """See :class:`Noise`."""
        check_binary(block, self.name)

    def first_dispersion(self, n_components: int, n_columns: int) -> Floats:
        """See :class:`MixtureNoise`: there is none."""
        return np.zeros(0)

    def scorer(self, params: Params) -> AffineScorer:
        """Return ``−Σ_l log(1 − μ_cl) − log π_c − ⟨x_n, logit μ_c⟩``."""
        log_off = np.log1p(-params.components)
        offsets = -log_off.sum(axis=1) - params.log_weights
        return AffineScorer(Affine(np.log(params.components) - log_off, offsets, params.reference))

    def first_means(self, rows: Floats, mean: Floats) -> Floats:
        """See :func:`cofactor.noise.domain.halfway`."""
        return halfway(rows, mean)

    def legal_means(self, means: Floats) -> Floats:
        """Return probabilities at least 1e-10 away from 0 and 1."""
        return np.clip(means, PROBABILITY_FLOOR, 1.0 - PROBABILITY_FLOOR)

    def saturated_loss(self, block: RowBlock, params: Params) -> Floats:
        """Return zeros: a binary entry under its own probability is certain."""
        return np.zeros(block.n_rows)

    def sample(self, mean: Floats, component: Labels, params: Params, rng: Any) -> NDArray[Any]:
        """See :class:`MixtureNoise`."""
        return (rng.uniform(size=mean.shape) < mean).astype(float)
