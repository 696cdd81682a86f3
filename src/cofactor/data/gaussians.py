"""Losses that are squared distances: of Gaussians along the axes, and of any shape."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from cofactor import kernels
from cofactor.data.base import Floats, Labels
from cofactor.data.losses import Affine

if TYPE_CHECKING:
    from cofactor.data.sparse import SparseRows


@dataclass(frozen=True)
class Scaled:
    """Losses along the axes: ``loss_nc = b_c + ½‖(x_n − r − v_c) ∘ s_c‖²``.

    Implements :class:`cofactor.data.base.Losses`. Dense rows are subtracted before anything is
    squared, which keeps all digits however narrow a component is.

    Attributes
    ----------
    scales : ndarray of shape (k, d) or (k, 1)
        The factors ``s_c``, one for each column or one for all.
    centers : ndarray of shape (k, d)
        The points ``v_c``.
    offsets : ndarray of shape (k,)
        The constants ``b_c``.
    shift : ndarray of shape (d,)
        The reference point ``r``.
    """

    scales: Floats
    centers: Floats
    offsets: Floats
    shift: Floats

    posterior: ClassVar[Callable[..., None]] = staticmethod(kernels.scaled_posterior)
    moments: ClassVar[Callable[..., None]] = staticmethod(kernels.scaled_moments)
    top: ClassVar[Callable[..., None]] = staticmethod(kernels.scaled_top)

    @property
    def arguments(self) -> tuple[Floats, ...]:
        """See :class:`cofactor.data.base.Losses`."""
        return self.scales, self.centers, self.offsets

    def of_sparse(self, rows: SparseRows) -> Floats:
        """Return the losses with their squares expanded, which leaves zeros unstored."""
        precisions, means = np.square(self.scales), self.centers + self.shift
        offsets = self.offsets + 0.5 * (precisions * np.square(means)).sum(axis=1)
        loss = rows.losses(Affine(precisions * means, offsets, np.zeros_like(self.shift)))
        loss += 0.5 * rows.scaled_squares(precisions)
        return loss


@dataclass(frozen=True)
class Whitened:
    """Losses of any shape: ``loss_nc = b_c + ½‖(x_n − r) P_c − v_c‖²``.

    Implements :class:`cofactor.data.base.Losses`.

    Attributes
    ----------
    factors : ndarray of shape (k, d, d) or (1, d, d)
        Upper triangular ``P_c``, one for each component or one for all.
    centers : ndarray of shape (k, d)
        The points ``v_c``.
    offsets : ndarray of shape (k,)
        The constants ``b_c``.
    shift : ndarray of shape (d,)
        The reference point ``r``.
    """

    factors: Floats
    centers: Floats
    offsets: Floats
    shift: Floats

    posterior: ClassVar[Callable[..., None]] = staticmethod(kernels.whitened_posterior)
    moments: ClassVar[Callable[..., None]] = staticmethod(kernels.whitened_moments)
    top: ClassVar[Callable[..., None]] = staticmethod(kernels.whitened_top)

    @property
    def arguments(self) -> tuple[Floats, ...]:
        """See :class:`cofactor.data.base.Losses`."""
        return self.factors, self.centers, self.offsets

    def of_sparse(self, rows: SparseRows) -> Floats:
        """Return the losses of the rows with their zeros."""
        return by_component(*lowest(self, rows.dense(), len(self.offsets)))


def lowest(losses: Any, values: Any, keep: int) -> tuple[Labels, Floats]:
    """Return the ``keep`` lowest losses of dense rows; see :meth:`RowBlock.lowest`."""
    index = np.empty((len(values), keep), dtype=np.int32)
    loss = np.empty((len(values), keep))
    losses.top(values, losses.shift, *losses.arguments, index, loss)
    return index, loss


def by_component(index: Labels, loss: Floats) -> Floats:
    """Return sorted losses of all components, shape (n, k), in the order of the components."""
    out = np.empty_like(loss)
    np.put_along_axis(out, index.astype(np.intp), loss, axis=1)
    return out
