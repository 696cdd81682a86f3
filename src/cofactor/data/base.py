"""The boundary between storage and mathematics: what a block of rows can do."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple, Protocol, Self

import numpy as np
from numpy.typing import NDArray

from cofactor import kernels
from cofactor.engine.base import Engine
from cofactor.lazy import lazy

if TYPE_CHECKING:
    from cofactor.data.aligned import Columns
    from cofactor.data.baseline import Baseline
    from cofactor.data.listed import Listed
    from cofactor.data.sparse import SparseRows

Array = NDArray[Any]
Floats = NDArray[np.float64]
Labels = NDArray[np.int32]
GROUP_SIZE = 16  # of components in the kernels of sparse rows
RowSelection = slice | NDArray[np.intp]


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


class RowKernel(NamedTuple):
    """One kernel for two ways to store rows: an (n, d) array, or the three arrays of CSR."""

    dense: Callable[..., None]
    sparse: Callable[..., None]


class RowBlock(Protocol):
    """Some rows of the data, with one weight each.

    ``n`` is the number of rows, ``d`` of columns, ``w_n`` the weight of row ``x_n``. Results are
    float64 and depend on nothing but the block and the arguments.
    """

    @property
    def n_rows(self) -> int:
        """Number of rows."""
        ...

    @property
    def n_columns(self) -> int:
        """Number of columns."""
        ...

    @property
    def weights(self) -> Floats:
        """Row weights, shape (n,)."""
        ...

    @property
    def entries(self) -> Any:
        """The rows as data: an ndarray or a CSR array of shape (n, d)."""
        ...

    @property
    def stored(self) -> Array:
        """The stored entries, in any shape; all others are zero."""
        ...

    @property
    def complete(self) -> bool:
        """Whether every entry was observed."""
        ...

    @property
    def plain(self) -> bool:
        """Whether every entry was observed, and there is no baseline."""
        ...

    @property
    def observed(self) -> Floats:
        """1 where an entry was observed, else 0; broadcasts to (n, d); ask small blocks only."""
        ...

    @property
    def listed(self) -> Listed:
        """The columns of each row that were observed, or those that were not."""
        ...

    @property
    def baseline(self) -> Baseline:
        """Exposures and offsets of the rows."""
        ...

    def observed_times(self, matrix: Floats) -> Floats:
        """Return the sums of the observed columns' rows of ``B ≥ 0`` of shape (d, p).

        Shape (n, p), or (1, p) where all rows have the same.
        """
        ...

    def offset_sums(self) -> Floats:
        """Return the baseline's ``Σ_l o_nl`` over observed entries, shape (n,)."""
        ...

    def row_entries(self) -> Floats:
        """Return the number of observed entries of each row, shape (n,)."""
        ...

    def take(self, rows: RowSelection) -> Self:
        """Return the block of the selected rows."""
        ...

    def reweighted(self, weights: Floats) -> Self:
        """Return the same rows with other weights."""
        ...

    def divided(self, lengths: Floats) -> RowBlock:
        """Return each row divided by a number, in the same precision."""
        ...

    def dense(self) -> Floats:
        """Return the rows as an (n, d) float64 array; ask small blocks only."""
        ...

    def weighted_total(self) -> Floats:
        """Return ``Σ_n w_n x_n``, shape (d,)."""
        ...

    def row_sums(self, function: Callable[[Array], Array]) -> Floats:
        """Return ``Σ_l f(x_nl)`` over observed entries, for ``f(0) = 0``, shape (n,)."""
        ...

    def squared_norms(self, shift: Floats) -> Floats:
        """Return ``‖x_n − r‖²``, shape (n,)."""
        ...

    def squared_distances(self, centers: Floats, index: Labels) -> Floats:
        """Return ``‖x_n − μ_index[n]‖²`` for centers of shape (k, d), shape (n,)."""
        ...

    def times(self, columns: Columns) -> Floats:
        """Return ``X B`` for ``B`` of shape (d, p), shape (n, p)."""
        ...

    def transpose_times(self, matrix: Floats, shift: Floats) -> Floats:
        """Return ``Rᵀ (X − 1rᵀ)`` for ``R`` of shape (n, p), shape (p, d)."""
        ...

    def gram(self, weight: Floats, shift: Floats) -> Floats:
        """Return ``Σ_n weight_n (x_n − r)(x_n − r)ᵀ``, shape (d, d)."""
        ...

    def losses(self, affine: Affine) -> Floats:
        """Return the loss of every row under every component, shape (n, k)."""
        ...

    def top_losses(self, affine: Affine, keep: int) -> tuple[Labels, Floats]:
        """Return the ``keep`` lowest losses of each row, ascending, ties to the lower index.

        Returns
        -------
        index : ndarray of shape (n, keep), int32
        loss : ndarray of shape (n, keep)
        """
        ...

    def lowest(self, losses: Distances, keep: int) -> tuple[Labels, Floats]:
        """Return the ``keep`` lowest losses of each row, as :meth:`top_losses` does."""
        ...

    def posterior(self, losses: Losses, weights: Floats) -> Posterior:
        """Return the posterior, times a weight for each row."""
        ...

    def moments(self, losses: Losses, weights: Floats, second: int) -> Gathered:
        """Return the moments of :meth:`posterior` about the losses' shift.

        Parameters
        ----------
        losses : Losses
        weights : ndarray of shape (n,)
        second : int
            How many second moments of each component, as for :meth:`component_moments`.
        """
        ...

    def component_moments(
        self, weight: Floats, shift: Floats, second: int
    ) -> tuple[Floats, Floats, Floats]:
        """Add up rows under components, each row with a weight under every one.

        Parameters
        ----------
        weight : ndarray of shape (k, n)
        shift : ndarray of shape (d,)
        second : int
            The number m of second moments of each component: 0, 1, d or d².

        Returns
        -------
        counts : ndarray of shape (k,)
            ``Σ_n weight_cn``.
        sums : ndarray of shape (k, d)
            ``Σ_n weight_cn (x_n − r)``.
        moments : ndarray of shape (k, m)
            The same sums of nothing, of ``‖x_n − r‖²``, of ``(x_n − r)²`` or of
            ``(x_n − r)(x_n − r)ᵀ``.
        """
        ...

    def nearest(self, affine: Affine, engine: Engine) -> tuple[Labels, bool]:
        """Return the int32 component of least loss of each row, ties to the lower index.

        And whether every row has a finite loss: not if rows hold NaN or infinity, or overflow.
        """
        ...

    def scatter_sums(
        self, index: Labels, weight: Floats, n_components: int, shift: Floats
    ) -> tuple[Floats, Floats]:
        """Add each row to the components it is kept for.

        Returns
        -------
        counts : ndarray of shape (k,)
            ``Σ_n Σ_i [index_ni = c] weight_ni``.
        sums : ndarray of shape (k, d)
            ``Σ_n Σ_i [index_ni = c] weight_ni (x_n − r)``.
        """
        ...

    def scatter_squares(
        self, index: Labels, weight: Floats, n_components: int, shift: Floats
    ) -> Floats:
        """Like the sums of :meth:`scatter_sums`, of ``(x_n − r)²``, shape (k, d)."""
        ...

    def scatter_grams(
        self, index: Labels, weight: Floats, n_components: int, shift: Floats
    ) -> Floats:
        """Like the sums of :meth:`scatter_sums`, of ``(x_n − r)(x_n − r)ᵀ``, shape (k, d, d)."""
        ...

    def reference(self, mean: Floats) -> Floats:
        """Return the point to subtract from rows: ``mean`` if that costs nothing, else 0."""
        ...

    def as_sparse(self) -> SparseRows:
        """Return the same rows with only nonzero entries stored."""
        ...

    def sparse_below(self, filled: float) -> RowBlock:
        """Return :meth:`as_sparse` where a smaller part of the entries is not zero, or itself."""
        ...

    def run(self, kernel: RowKernel, *arguments: Any) -> None:
        """Call the kernel for this storage with the rows and further arguments."""
        ...
