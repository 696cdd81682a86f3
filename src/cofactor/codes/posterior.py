"""The posterior of rows over components: the few that are kept, or all."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from cofactor import kernels
from cofactor.data.base import Floats, Labels, RowBlock

CHUNK_ENTRIES = 1 << 17  # posterior probabilities held at a time: about a cache full
LEAST_ROWS = 384  # of a chunk: enough to pay for adding up its moments


def row_chunks(n_rows: int, n_components: int) -> Iterator[slice]:
    """Cut rows into chunks whose whole posterior may be held at a time."""
    rows = max(LEAST_ROWS, CHUNK_ENTRIES // n_components)
    return (slice(start, start + rows) for start in range(0, n_rows, rows))


@dataclass(frozen=True)
class Kept:
    """The posterior on each row's best C' components; implements `noise.base.Assignment`.

    Attributes
    ----------
    index : ndarray of shape (n, C'), int32
        Components, best first.
    weight : ndarray of shape (n, C')
        ``w_n q_nc``.
    n_components : int
    """

    index: Labels
    weight: Floats
    n_components: int

    def sums(self, block: RowBlock, shift: Floats) -> tuple[Floats, Floats]:
        """See :class:`cofactor.noise.base.Assignment`."""
        return block.scatter_sums(self.index, self.weight, self.n_components, shift)

    def squares(self, block: RowBlock, shift: Floats) -> Floats:
        """See :class:`cofactor.noise.base.Assignment`."""
        return block.scatter_squares(self.index, self.weight, self.n_components, shift)

    def totals(self, values: Floats) -> Floats:
        """See :class:`cofactor.noise.base.Assignment`."""
        weighted = (self.weight * values[:, None]).ravel()
        totals = np.bincount(self.index.ravel(), weighted, minlength=self.n_components)
        return totals.astype(float)

    def grams(self, block: RowBlock, shift: Floats) -> Floats:
        """See :class:`cofactor.noise.base.Assignment`."""
        parts = [
            block.take(rows).component_grams(self._spread_out(rows), shift)
            for rows in row_chunks(block.n_rows, self.n_components)
        ]
        return np.sum(parts, axis=0)

    def _spread_out(self, rows: slice) -> Floats:
        """Return the weights of some rows under every component, shape (k, rows)."""
        index, weight = self.index[rows], self.weight[rows]
        out = np.zeros((self.n_components, len(index)))
        out[index.T, np.arange(len(index))] = weight.T
        return out


@dataclass(frozen=True)
class Full:
    """The whole posterior; implements `noise.base.Assignment`.

    Attributes
    ----------
    weight : ndarray of shape (k, n)
        ``w_n q_nc``.
    """

    weight: Floats

    def sums(self, block: RowBlock, shift: Floats) -> tuple[Floats, Floats]:
        """See :class:`cofactor.noise.base.Assignment`."""
        return self.weight.sum(axis=1), block.component_sums(self.weight, shift)

    def squares(self, block: RowBlock, shift: Floats) -> Floats:
        """See :class:`cofactor.noise.base.Assignment`."""
        return block.component_squares(self.weight, shift)

    def totals(self, values: Floats) -> Floats:
        """See :class:`cofactor.noise.base.Assignment`."""
        return self.weight @ values

    def grams(self, block: RowBlock, shift: Floats) -> Floats:
        """See :class:`cofactor.noise.base.Assignment`."""
        return block.component_grams(self.weight, shift)


def soft_assign(loss: Floats) -> tuple[Floats, Floats]:
    """Turn losses into posterior probabilities.

    Parameters
    ----------
    loss : ndarray of shape (n, c)
        ``−log π_c − log p(x_n|c)`` of the components considered; overwritten.

    Returns
    -------
    probability : ndarray of shape (n, c)
        ``q_nc = e^{−loss_nc} / Σ_c' e^{−loss_nc'}`` [Lücke & Forster 2019, Eq. 4].
    log_norm : ndarray of shape (n,)
        ``log Σ_c e^{−loss_nc}``, in nats.
    """
    loss = np.ascontiguousarray(loss)
    log_norm = np.empty(len(loss))
    kernels.soft_assign(loss, log_norm)
    return loss, log_norm
