"""Lloyd's iterations in NumPy; part of the specification in `reference`."""

from __future__ import annotations

import time
from threading import Lock
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

Data: TypeAlias = NDArray[np.float32] | NDArray[np.float64]
Floats: TypeAlias = NDArray[np.float64]
Labels: TypeAlias = NDArray[np.int32]
Indices: TypeAlias = NDArray[np.int32] | NDArray[np.int64]
Whole: TypeAlias = NDArray[np.int64]

EMPTY = 1e-12
OVER = -1
_ONE_AT_A_TIME = Lock()


def lloyd_space(X: Data, k: int) -> int:
    """Return how many bytes `lloyd` works in; the reference needs none."""
    return 0


def lloyd(
    X: Data,
    shift: Data,
    weights: Floats,
    labels: Labels,
    means: Floats,
    sums: Floats,
    counts: Floats,
    sizes: Whole,
    on_sphere: bool,
    tolerance: float,
    until: int,
    trace: Floats,
    space: NDArray[np.uint8],
    board: Whole,
) -> None:
    """Go on with Lloyd's iterations until one calls for attention.

    An iteration moves each mean to that of its rows (but for the first), finds the nearest mean
    of every row (of equal losses the lower, as `top_losses` does), and adds up the rows of each.
    Iterations end after number `until` - 1, or if no row moved, or the squared shift of all means
    is at most the tolerance, or a component has no rows with weight. Calls by several threads at
    once share the work. A call may also return before any of this, with ``board[0] != -1``: the
    same call goes on; after ``board[:2] = 0`` it goes on to the next iteration.

    Parameters
    ----------
    X : array of shape (n, d)
        Rows, without NaN.
    shift : array of shape (d,)
        Subtracted from every row.
    weights : array of shape (n,)
        At least 0.
    labels : int32 array of shape (n,), updated
        -1 before the first call.
    means : array of shape (k, d), updated
        Less the shift. Components with a weight of at most 1e-12 of all stay where they are.
    sums : array of shape (k, d), updated
        Weighted sums of rows less the shift, by label.
    counts : array of shape (k,), updated
        Weights of the rows.
    sizes : int64 array of shape (k,), updated
        Numbers of rows with weight.
    on_sphere : bool
        Whether means are scaled to length 1; those of sums of length 0 stay where they are.
    tolerance : float
    until : int
        At most the rows of the trace.
    trace : array of shape (iterations, 7), written
        Of each iteration: ``sum_c (counts_c |mean_c|**2 / 2 - <sums_c, mean_c>)``; the products
        ``<sums_c, mean_c>`` by the labels before; the weighted squared norms of all rows; rows
        that moved; the squared shift of all means (inf at first); seconds since the first call;
        distances computed, those in doubt again.
    space : uint8 array of `lloyd_space` bytes
        Zero before the first call, and then the kernel's own.
    board : int64 array of shape (BOARD_SIZE,)
        Zero before the first call. ``board[8]`` counts iterations. Whoever changes labels and
        sums between iterations sets ``board[9]`` to 1.
    """
    narrow: NDArray[Any] = X - shift
    wide = X.astype(float) - shift.astype(float)
    _go_on(
        narrow,
        wide,
        weights,
        labels,
        means,
        sums,
        counts,
        sizes,
        on_sphere,
        tolerance,
        until,
        trace,
        board,
    )


def lloyd_csr_space(indptr: Indices, indices: Indices, data: Data, d: int, k: int) -> int:
    """Return how many bytes `lloyd_csr` works in; the reference needs none."""
    return 0


def lloyd_csr(
    indptr: Indices,
    indices: Indices,
    data: Data,
    weights: Floats,
    labels: Labels,
    means_t: Floats,
    sums_t: Floats,
    counts: Floats,
    sizes: Whole,
    on_sphere: bool,
    tolerance: float,
    until: int,
    trace: Floats,
    space: NDArray[np.uint8],
    board: Whole,
) -> None:
    """Go on with Lloyd's iterations of CSR rows; as `lloyd`, without a shift.

    Parameters
    ----------
    indptr, indices, data : arrays
        The rows in CSR form, without NaN; no column may occur twice in a row.
    weights, labels : see `lloyd`
    means_t, sums_t : arrays of shape (d, p), updated
        The means and sums of `lloyd`, transposed; k is padded with zeros to p, whole groups of 16.
    counts, sizes, on_sphere : see `lloyd`
    tolerance, until, trace, board : see `lloyd`
    space : uint8 array of `lloyd_csr_space` bytes
        Zero before the first call, and then the kernel's own.
    """
    k, shape = counts.size, (indptr.size - 1, len(means_t))
    X = sparse.csr_array((data, indices, indptr), shape=shape)
    wide = X.astype(float)
    _go_on(
        X,
        wide,
        weights,
        labels,
        means_t[:, :k].T,
        sums_t[:, :k].T,
        counts,
        sizes,
        on_sphere,
        tolerance,
        until,
        trace,
        board,
    )


def _go_on(
    narrow: Any,
    wide: Any,
    weights: Floats,
    labels: Labels,
    means: Floats,
    sums: Floats,
    counts: Floats,
    sizes: Whole,
    on_sphere: bool,
    tolerance: float,
    until: int,
    trace: Floats,
    board: Whole,
) -> None:
    """Iterate, with rows in their own precision for the search and in float64 for the sums."""
    with _ONE_AT_A_TIME:
        while board[0] != OVER:
            _iterate(
                narrow, wide, weights, labels, means, sums, counts, sizes, on_sphere, trace, board
            )
            moved, shifted = trace[board[8] - 1, 3:5]
            rests = board[8] >= until or moved == 0 or shifted <= tolerance or not sizes.all()
            board[0] = OVER if rests else 0


def _iterate(
    narrow: Any,
    wide: Any,
    weights: Floats,
    labels: Labels,
    means: Floats,
    sums: Floats,
    counts: Floats,
    sizes: Whole,
    on_sphere: bool,
    trace: Floats,
    board: Whole,
) -> None:
    number, began = board[8], trace[0, 5] - time.perf_counter()
    if number == 0:
        began, shifted = -time.perf_counter(), np.inf
    else:
        shifted = _recentre(means, sums, counts, weights, on_sphere)
    between = float(np.vdot(sums, means))
    half_norms = 0.5 * np.square(means).sum(axis=1)
    losses = half_norms.astype(narrow.dtype) - narrow @ means.astype(narrow.dtype).T
    nearest = losses.argmin(axis=1).astype(np.int32)
    moved = np.count_nonzero(nearest != labels)
    labels[:] = nearest
    counts[:], sizes[:] = 0.0, 0
    np.add.at(counts, labels, weights)
    np.add.at(sizes, labels, weights > 0)
    sums[:] = _sums(wide, weights, labels, len(means))
    spread = float(weights @ (wide * wide).sum(axis=1))
    affine = float(counts @ half_norms - np.vdot(sums, means))
    seconds = began + time.perf_counter()
    trace[number] = affine, between, spread, moved, shifted, seconds, losses.size
    board[8] += 1


def _sums(rows: Any, weights: Floats, labels: Labels, k: int) -> Floats:
    """Add up the weighted rows of each label."""
    n = labels.size
    sums = sparse.csr_array((weights, (labels, np.arange(n))), shape=(k, n)) @ rows
    dense: Floats = sums.toarray() if sparse.issparse(sums) else sums
    return dense


def _recentre(
    means: Floats, sums: Floats, counts: Floats, weights: Floats, on_sphere: bool
) -> float:
    """Move means to those of their rows; return the squared shift of all."""
    divisors = np.linalg.norm(sums, axis=1) if on_sphere else counts
    filled = (counts > EMPTY * weights.sum()) & (divisors > 0)
    before = means.copy()
    means[filled] = sums[filled] / divisors[filled, None]
    return float(np.square(means - before).sum())
