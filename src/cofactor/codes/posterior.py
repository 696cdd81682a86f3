"""The posterior of rows over components: the few that are kept, or all."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from cofactor import kernels
from cofactor.data.base import Floats, Labels, RowBlock
from cofactor.data.losses import Gathered


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

    def squared_norms(self, block: RowBlock, shift: Floats) -> Floats:
        """See :class:`cofactor.noise.base.Assignment`."""
        weighted = (self.weight * block.squared_norms(shift)[:, None]).ravel()
        totals = np.bincount(self.index.ravel(), weighted, minlength=self.n_components)
        return totals.astype(float)

    def grams(self, block: RowBlock, shift: Floats) -> Floats:
        """See :class:`cofactor.noise.base.Assignment`."""
        return block.scatter_grams(self.index, self.weight, self.n_components, shift)


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
        return block.component_moments(self.weight, shift, 0)[:2]

    def squares(self, block: RowBlock, shift: Floats) -> Floats:
        """See :class:`cofactor.noise.base.Assignment`."""
        return block.component_moments(self.weight, shift, block.n_columns)[2]

    def squared_norms(self, block: RowBlock, shift: Floats) -> Floats:
        """See :class:`cofactor.noise.base.Assignment`."""
        return self.weight @ block.squared_norms(shift)

    def grams(self, block: RowBlock, shift: Floats) -> Floats:
        """See :class:`cofactor.noise.base.Assignment`."""
        d = block.n_columns
        return block.component_moments(self.weight, shift, d * d)[2].reshape(-1, d, d)


@dataclass(frozen=True)
class Summed:
    """A posterior of which its moments are all that is known; implements `Assignment`.

    Second moments are of the kind that the losses' own noise asks for.

    Attributes
    ----------
    moments : Gathered
    """

    moments: Gathered

    def sums(self, block: RowBlock, shift: Floats) -> tuple[Floats, Floats]:
        """See :class:`cofactor.noise.base.Assignment`."""
        return self.moments.counts, self.moments.sums

    def squares(self, block: RowBlock, shift: Floats) -> Floats:
        """See :class:`cofactor.noise.base.Assignment`."""
        return self.moments.second

    def squared_norms(self, block: RowBlock, shift: Floats) -> Floats:
        """See :class:`cofactor.noise.base.Assignment`."""
        return self.moments.second[:, 0]

    def grams(self, block: RowBlock, shift: Floats) -> Floats:
        """See :class:`cofactor.noise.base.Assignment`."""
        d = block.n_columns
        return self.moments.second.reshape(-1, d, d)


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
