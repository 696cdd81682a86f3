"""What a fitted clustering or mixture says of rows."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from scipy.special import entr

from cofactor.data import RowBlock
from cofactor.data.base import Floats, Labels
from cofactor.data.cut import posterior_chunks
from cofactor.data.losses import Posterior
from cofactor.engine import Engine
from cofactor.lazy import lazy
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

    @lazy
    def scorer(self) -> Scorer:
        """The losses under the parameters."""
        return self.noise.scorer(self.params)

    def labels(self, rows: RowBlock, engine: Engine) -> tuple[Labels, bool]:
        """Return the most probable component of all rows; see :meth:`RowBlock.nearest`."""
        return self.scorer.nearest(rows, engine)

    def probabilities(self, block: RowBlock) -> Floats:
        """Return the posterior probability of every component, shape (n, k)."""
        out = np.empty((block.n_rows, self.params.n_components))
        for rows in self._chunks(block):
            out[rows] = self._posterior(block.take(rows)).probability.T
        return out

    def log_likelihood(self, block: RowBlock) -> Floats:
        """Return ``log Σ_c π_c p(x_n|c)`` in nats, all constants included, shape (n,)."""
        return self.in_chunks(lambda found: -found.loss, block)

    def evidence(self, block: RowBlock) -> Floats:
        """Return :meth:`log_likelihood` less the entropy of the posterior in nats, shape (n,)."""
        return self.in_chunks(
            lambda found: -found.loss - entr(found.probability).sum(axis=0), block
        )

    def in_chunks(self, function: Callable[[Posterior], Floats], block: RowBlock) -> Floats:
        """Return ``function`` of the posterior of all rows, a chunk of them at a time."""
        chunks = self._chunks(block)
        return np.concatenate([function(self._posterior(block.take(rows))) for rows in chunks])

    def _chunks(self, block: RowBlock) -> Iterator[slice]:
        return posterior_chunks(block.n_rows, self.params.n_components)

    def _posterior(self, block: RowBlock) -> Posterior:
        cached = self.noise.row_statistic(block, self.params.reference)
        return self.scorer.posterior(block, np.ones(block.n_rows), cached)
