"""The boundary between storage and mathematics: what a block of rows can do."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol, Self

import numpy as np
from numpy.typing import NDArray

from cofactor.engine.base import Engine

if TYPE_CHECKING:
    from cofactor.data.aligned import Columns
    from cofactor.data.baseline import Baseline
    from cofactor.data.listed import Listed
    from cofactor.data.losses import Affine, Distances, Gathered, Losses, Posterior
    from cofactor.data.sparse import SparseRows

Array = NDArray[Any]
Floats = NDArray[np.float64]
Labels = NDArray[np.int32]
GROUP_SIZE = 16  # of components in the kernels of sparse rows
RowSelection = slice | NDArray[np.intp]


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
    def even(self) -> bool:
        """Whether all weights are 1."""
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
    def team(self) -> Engine:
        """Whose workers share the kernels of these rows."""
        ...

    @property
    def parts(self) -> Sequence[RowBlock]:
        """The rows cut into blocks, each for a worker alone; itself if it is one."""
        ...

    @property
    def part_starts(self) -> NDArray[np.intp]:
        """The first row of each part, shape (parts,)."""
        ...

    def shared(self, team: Engine) -> Self:
        """Return the same rows, whose kernels the workers of an engine share."""
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
    def brief(self) -> RowBlock | None:
        """A copy in few bytes, for kernels that know such rows and read them many times.

        None where entries are no small whole numbers, few, or missing, or where there are offsets.
        """
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
