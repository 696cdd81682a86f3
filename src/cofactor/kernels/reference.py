"""Every kernel in NumPy: the specification that the compiled kernels are tested against.

A kernel fills or updates arrays that the caller gives, keeps no state and checks nothing beyond
what NumPy does. Legend: n rows, d columns, k components, c kept components of a row. ``X`` is
C-contiguous float32 or float64, as are ``shift``, components and codes that meet it; losses,
weights and sums are float64; CSR indices are int32 or int64, component indices int32.
"""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from cofactor.kernels._descent_reference import descend, descent_space
from cofactor.kernels._hartigan_reference import (
    hartigan_moves,
    hartigan_moves_csr,
    hartigan_open,
    hartigan_open_csr,
    hartigan_targets,
    hartigan_targets_csr,
)
from cofactor.kernels._least_squares_reference import nonnegative_sweeps, observed_sweeps
from cofactor.kernels._line_reference import line_space, partition_line
from cofactor.kernels._lloyd_reference import lloyd, lloyd_csr, lloyd_csr_space, lloyd_space
from cofactor.kernels._lloyd_starts_reference import lloyd_starts, lloyd_starts_space
from cofactor.kernels._location_reference import location_ascend, location_bounds, location_project
from cofactor.kernels._mixture_reference import (
    affine_moments,
    affine_posterior,
    component_moments,
    scaled_moments,
    scaled_posterior,
    scaled_top,
    whitened_moments,
    whitened_posterior,
    whitened_top,
)
from cofactor.kernels._neighbor_top_reference import (
    neighbor_top,
    neighbor_top_csr,
    neighbor_top_scaled,
    neighbor_top_whitened,
)
from cofactor.kernels._neighbors_reference import (
    neighbor_centers,
    neighbor_kept,
    neighbor_lists,
    neighbor_order,
    neighbor_targets,
)
from cofactor.kernels._poisson_dense_reference import (
    poisson_coordinate,
    poisson_multiplicative,
    poisson_newton,
)
from cofactor.kernels._poisson_reference import (
    lay_components,
    poisson_coordinate_csr,
    poisson_explained_csr,
    poisson_multiplicative_csr,
    poisson_newton_csr,
)
from cofactor.kernels._products_reference import products, products_csr, sampled_products
from cofactor.kernels._relay_reference import Board, claimed
from cofactor.kernels._running_reference import add_to_sums_csr, nearest_sum_csr
from cofactor.kernels._seeding_reference import (
    seeding_order,
    seeding_plain,
    seeding_round,
    seeding_steps,
    seeding_strips,
)
from cofactor.kernels._statistics_reference import (
    squared_distances,
    squared_norms,
    squared_norms_csr,
    weighted_grams,
    weighted_squares,
    weighted_squares_csr,
    weighted_sums,
    weighted_sums_csr,
)
from cofactor.kernels._tables_reference import largest_whole, table_sums

__all__ = [
    "add_to_sums_csr",
    "affine_moments",
    "affine_posterior",
    "component_moments",
    "descend",
    "descent_space",
    "hartigan_moves",
    "hartigan_moves_csr",
    "hartigan_open",
    "hartigan_open_csr",
    "hartigan_targets",
    "hartigan_targets_csr",
    "largest_whole",
    "lay_components",
    "line_space",
    "lloyd",
    "lloyd_csr",
    "lloyd_csr_space",
    "lloyd_space",
    "lloyd_starts",
    "lloyd_starts_space",
    "location_ascend",
    "location_bounds",
    "location_project",
    "nearest",
    "nearest_sum_csr",
    "neighbor_centers",
    "neighbor_kept",
    "neighbor_lists",
    "neighbor_order",
    "neighbor_targets",
    "neighbor_top",
    "neighbor_top_csr",
    "neighbor_top_scaled",
    "neighbor_top_whitened",
    "nonnegative_sweeps",
    "observed_sweeps",
    "partition_line",
    "poisson_coordinate",
    "poisson_coordinate_csr",
    "poisson_explained_csr",
    "poisson_multiplicative",
    "poisson_multiplicative_csr",
    "poisson_newton",
    "poisson_newton_csr",
    "products",
    "products_csr",
    "sampled_products",
    "scaled_moments",
    "scaled_posterior",
    "scaled_top",
    "seeding_order",
    "seeding_plain",
    "seeding_round",
    "seeding_steps",
    "seeding_strips",
    "soft_assign",
    "squared_distances",
    "squared_norms",
    "squared_norms_csr",
    "table_sums",
    "top_losses",
    "top_losses_csr",
    "weighted_grams",
    "weighted_squares",
    "weighted_squares_csr",
    "weighted_sums",
    "weighted_sums_csr",
    "whitened_moments",
    "whitened_posterior",
    "whitened_top",
]

Data: TypeAlias = NDArray[np.float32] | NDArray[np.float64]
Floats: TypeAlias = NDArray[np.float64]
Labels: TypeAlias = NDArray[np.int32]
Indices: TypeAlias = NDArray[np.int32] | NDArray[np.int64]


def top_losses(
    X: Data, shift: Data, components: Data, offsets: Data, index: Labels, loss: Floats
) -> None:
    """Find the components with the smallest affine losses of every row.

    ``loss[n, j] = b_j - <x_n - shift, e_j>``; the ``keep`` smallest are returned in ascending
    order, ties by the lower component. Products are summed in the precision of ``X``.

    Parameters
    ----------
    X : array of shape (n, d)
        Rows, without NaN.
    shift : array of shape (d,)
        Subtracted from every row, in the precision of ``X``.
    components : array of shape (k, d)
        Linear parts e.
    offsets : array of shape (k,)
        Constants b; ``+inf`` keeps a component from being chosen while others remain.
    index : int32 array of shape (n, keep), keep <= k
        Written: the chosen components.
    loss : float64 array of shape (n, keep)
        Written: their losses.
    """
    _keep_smallest(offsets - (X - shift) @ components.T, index, loss)


def nearest(
    board: Board,
    X: Data,
    shift: Data,
    components: Data,
    offsets: Data,
    labels: Labels,
    astray: Board,
) -> None:
    """Find the component with the smallest affine loss of every row; any number of threads.

    The first of `top_losses` in the precision of ``X``, to the last tie. Threads that call this
    with the same arguments share the work, and return when it is done.

    Parameters
    ----------
    board : int64 array of shape (BOARD_SIZE,)
        Zeros, for the threads to agree on who does what.
    X, shift, components, offsets : arrays
        As in `top_losses`; rows may hold anything.
    labels : int32 array of shape (n,)
        Written: the chosen components.
    astray : int64 array of shape (1,)
        Added to: the number of rows with no finite loss, whose labels mean nothing; so it stays
        as it was only if all rows are finite.
    """
    if not claimed(board):
        return
    with np.errstate(invalid="ignore", over="ignore"):
        losses = offsets - (X - shift) @ components.T
    labels[:] = losses.argmin(axis=1)
    astray += np.count_nonzero(~np.isfinite(losses[np.arange(len(X)), labels]))


def top_losses_csr(
    indptr: Indices,
    indices: Indices,
    data: Data,
    components_t: Data,
    offsets: Data,
    index: Labels,
    loss: Floats,
) -> None:
    """Find the components with the smallest affine losses of every CSR row.

    As `top_losses` without a shift: ``loss[n, j] = b_j - <x_n, e_j>``.

    Parameters
    ----------
    indptr, indices, data : arrays
        The rows in CSR form; column indices may be in any order.
    components_t : array of shape (d, k)
        Linear parts, one row per column of the data; k is a multiple of 16.
    offsets, index, loss : arrays
        As in `top_losses`; offsets are ``+inf`` where there are fewer components.
    """
    shape = indptr.size - 1, components_t.shape[0]
    products = sparse.csr_array((data, indices, indptr), shape=shape) @ components_t
    _keep_smallest(offsets - products, index, loss)


def soft_assign(loss: Floats, log_norm: Floats) -> None:
    """Turn losses into posterior probabilities, in place.

    ``p[n, c] = exp(-loss[n, c]) / sum_c exp(-loss[n, c])``, safe for all magnitudes. A loss of
    ``+inf`` has probability zero; a row of nothing else gets uniform probabilities.

    Parameters
    ----------
    loss : float64 array of shape (n, c)
        Losses in nats; overwritten by the probabilities.
    log_norm : float64 array of shape (n,)
        Written: ``log sum_c exp(-loss[n, c])`` in nats.
    """
    least = loss.min(axis=1)
    possible = least < np.inf
    least[~possible] = 0.0
    np.exp(least[:, None] - loss, out=loss)
    loss[~possible] = 1.0
    total = loss.sum(axis=1)
    loss /= total[:, None]
    log_norm[:] = np.where(possible, np.log(total) - least, -np.inf)


def _keep_smallest(losses: Data, index: Labels, loss: Floats) -> None:
    order = np.argsort(losses, axis=1, kind="stable")[:, : index.shape[1]]
    index[:] = order
    loss[:] = np.take_along_axis(losses, order, axis=1)
