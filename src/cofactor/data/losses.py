"""Losses of rows under components, and what they say of rows."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, ClassVar, Protocol

import numpy as np

from cofactor import kernels
from cofactor.data.base import GROUP_SIZE, Array, Floats, Labels
from cofactor.lazy import lazy

if TYPE_CHECKING:
    from cofactor.data.sparse import SparseRows


@dataclass(frozen=True)
class Affine:
    """Losses that are affine in a row: ``loss_nc = b_c − ⟨x_n − r, e_c⟩``.

    Attributes
    ----------
    components : ndarray of shape (k, d)
        The vectors ``e_c``.
    offsets : ndarray of shape (k,)
        The constants ``b_c``; ``inf`` takes a component out of the search.
    shift : ndarray of shape (d,)
        The reference point ``r``, subtracted from dense rows before anything is rounded.
    """

    components: Floats
    offsets: Floats
    shift: Floats
    _lanes: dict[Any, tuple[Array, Array]] = field(default_factory=dict, repr=False, compare=False)

    posterior: ClassVar[Callable[..., None]] = staticmethod(kernels.affine_posterior)
    moments: ClassVar[Callable[..., None]] = staticmethod(kernels.affine_moments)

    @lazy
    def arguments(self) -> tuple[Floats, ...]:
        """See :class:`Losses`."""
        return np.ascontiguousarray(self.components), self.offsets

    def of_sparse(self, rows: SparseRows) -> Floats:
        """See :class:`Losses`."""
        return rows.losses(self)

    @lazy
    def transposed(self) -> Floats:
        """The components as a C-contiguous (d, k) array, for rows stored sparsely."""
        return np.ascontiguousarray(self.components.T)

    def lanes(self, dtype: Any) -> tuple[Array, Array]:
        """Return the transposed components, and the constants of the same losses about the origin.

        In this precision and padded to a multiple of 16 components, as ``top_losses_csr`` takes
        them; made once for each precision.
        """
        if dtype not in self._lanes:
            k, d = self.components.shape
            width = -(-k // GROUP_SIZE) * GROUP_SIZE
            components, offsets = np.zeros((d, width), dtype), np.full(width, np.inf, dtype)
            components[:, :k], offsets[:k] = self.components.T, self.unshifted_offsets
            self._lanes[dtype] = components, offsets
        return self._lanes[dtype]

    @lazy
    def unshifted_offsets(self) -> Floats:
        """The constants of the same losses about the origin: ``b_c + ⟨r, e_c⟩``."""
        return self.offsets + self.components @ self.shift


@dataclass(frozen=True)
class Posterior:
    """What losses say of rows.

    Attributes
    ----------
    probability : ndarray of shape (k, n)
        ``w_n q_nc`` with ``q_nc = e^{−loss_nc} / Σ_c' e^{−loss_nc'}``; below e^−42 of a row's
        best, zero.
    best : ndarray of shape (n,), int32
        The component of the lowest loss.
    loss : ndarray of shape (n,)
        ``−log Σ_c e^{−loss_nc}``, in nats.
    """

    probability: Floats
    best: Labels
    loss: Floats

    def plus(self, own: Floats | float) -> Posterior:
        """Return the same posterior with a term of the row alone added to its losses."""
        return replace(self, loss=self.loss + own)


@dataclass(frozen=True)
class Gathered:
    """The moments of a posterior that was not stored, and what losses say of rows.

    Attributes
    ----------
    best, loss : ndarray of shape (n,)
        As in :class:`Posterior`.
    counts : ndarray of shape (k,)
        ``Σ_n w_n q_nc``.
    sums : ndarray of shape (k, d)
        ``Σ_n w_n q_nc (x_n − r)``.
    second : ndarray of shape (k, m)
        As :meth:`RowBlock.component_moments` returns them.
    """

    best: Labels
    loss: Floats
    counts: Floats
    sums: Floats
    second: Floats

    def plus(self, own: Floats | float) -> Gathered:
        """Return the same with a term of the row alone added to its losses."""
        return replace(self, loss=self.loss + own)


class Losses(Protocol):
    """Losses of rows under components, in nats: how ``−log π_c − log p(x_n|c)`` depends on x.

    ``posterior`` and ``moments`` are the kernels that find the posterior of dense rows and what it
    adds up to.
    """

    posterior: ClassVar[Callable[..., None]]
    moments: ClassVar[Callable[..., None]]

    @property
    def shift(self) -> Floats:
        """The reference point ``r``, shape (d,)."""
        ...

    @property
    def offsets(self) -> Floats:
        """The constants, shape (k,)."""
        ...

    @property
    def arguments(self) -> tuple[Floats, ...]:
        """What the kernels are told, offsets last."""
        ...

    def of_sparse(self, rows: SparseRows) -> Floats:
        """Return the loss of every row under every component, shape (n, k)."""
        ...


class Distances(Losses, Protocol):
    """Losses whose few lowest a kernel ``top`` finds in dense rows."""

    top: ClassVar[Callable[..., None]]
