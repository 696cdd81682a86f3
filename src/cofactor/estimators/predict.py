"""What a fitted clustering or mixture says of rows."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy.special import entr

from cofactor.codes.onehot import CHUNK_ENTRIES
from cofactor.codes.posterior import soft_assign
from cofactor.data import RowBlock
from cofactor.data.base import Floats, Labels
from cofactor.engine import Engine
from cofactor.noise.base import MixtureNoise, Params, Scorer


@dataclass(frozen=True)
class Predictor:
    """Exact answers for blocks of rows, over all components, a chunk of rows at a time.

    Attributes
    ----------
    noise : MixtureNoise
    params : Params
    """

    noise: MixtureNoise
    params: Params

    @cached_property
    def scorer(self) -> Scorer:
        """The losses under the parameters."""
        return self.noise.scorer(self.params)

    def labels(self, rows: RowBlock, engine: Engine) -> tuple[Labels, bool]:
        """Return the most probable component of all rows; see :meth:`RowBlock.nearest`."""
        return self.scorer.nearest(rows, engine)

    def probabilities(self, block: RowBlock) -> Floats:
        """Return the posterior probability of every component, shape (n, k)."""
        return self._in_chunks(lambda part: soft_assign(self.scorer.all(part))[0], block)

    def log_likelihood(self, block: RowBlock) -> Floats:
        """Return ``log Σ_c π_c p(x_n|c)`` in nats, all constants included, shape (n,)."""

        def of_rows(part: RowBlock) -> Floats:
            _, log_norm = soft_assign(self.scorer.all(part))
            cached = self.noise.row_statistic(part, self.params.reference)
            return log_norm - self.scorer.row_loss(part, cached)

        return self._in_chunks(of_rows, block)

    def entropy(self, block: RowBlock) -> Floats:
        """Return the entropy of the posterior in nats, shape (n,)."""
        return self._in_chunks(
            lambda part: entr(soft_assign(self.scorer.all(part))[0]).sum(axis=1), block
        )

    def _in_chunks(self, function: Callable[[RowBlock], Floats], block: RowBlock) -> Floats:
        rows = max(1, CHUNK_ENTRIES // self.params.n_components)
        starts = range(0, block.n_rows, rows)
        return np.concatenate([function(block.take(slice(a, a + rows))) for a in starts])
