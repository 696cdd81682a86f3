"""The posterior of rows over components: the few that are kept, or all."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from cofactor import kernels
from cofactor.data.base import Floats, Labels, RowBlock, RowSelection


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

    def of_component(self, component: int) -> tuple[RowSelection, Floats]:
        """See :class:`cofactor.noise.base.Assignment`."""
        rows, slots = np.nonzero(self.index == component)
        return rows, self.weight[rows, slots]


@dataclass(frozen=True)
class Full:
    """The whole posterior; implements `noise.base.Assignment`.

    Attributes
    ----------
    weight : ndarray of shape (n, k)
        ``w_n q_nc``.
    """

    weight: Floats

    def sums(self, block: RowBlock, shift: Floats) -> tuple[Floats, Floats]:
        """See :class:`cofactor.noise.base.Assignment`."""
        return self.weight.sum(axis=0), block.transpose_times(self.weight, shift)

    def squares(self, block: RowBlock, shift: Floats) -> Floats:
        """See :class:`cofactor.noise.base.Assignment`."""
        return block.squares_transpose_times(self.weight, shift)

    def totals(self, values: Floats) -> Floats:
        """See :class:`cofactor.noise.base.Assignment`."""
        return values @ self.weight

    def of_component(self, component: int) -> tuple[RowSelection, Floats]:
        """See :class:`cofactor.noise.base.Assignment`."""
        return slice(None), self.weight[:, component]


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
