"""Several starts of Lloyd's iterations in NumPy; part of the specification in `reference`."""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from cofactor.kernels._lloyd_reference import OVER, lloyd
from cofactor.kernels._relay_reference import BOARD_SIZE
from cofactor.kernels._seeding_reference import SEEDING_PANEL, seeding_plain

Data: TypeAlias = NDArray[np.float32] | NDArray[np.float64]
Floats: TypeAlias = NDArray[np.float64]
Labels: TypeAlias = NDArray[np.int32]
Whole: TypeAlias = NDArray[np.int64]

DONE = 8  # on the board: the number of iterations


def lloyd_starts_space(X: Data, k: int, trials: int) -> int:
    """Return how many bytes `lloyd_starts` works in; the reference needs none."""
    return 0


def lloyd_starts(
    X: Data,
    shift: Data,
    origin: Floats,
    weights: Floats,
    uniforms: Floats,
    tolerance: float,
    chosen: Labels,
    labels: Labels,
    means: Floats,
    sums: Floats,
    counts: Floats,
    sizes: Whole,
    trace: Floats,
    n_done: Whole,
    space: NDArray[np.uint8],
) -> None:
    """Choose rows as `seeding_plain` does, and iterate from them as `lloyd` does, s times.

    Parameters
    ----------
    X, shift, weights, tolerance : see `lloyd`
    origin : array of shape (d,)
        Means begin at the rows chosen, less this.
    uniforms : array of shape (s, k - 1, trials)
        Random numbers from 0 to 1.
    chosen : int32 array of shape (s, k), updated
        The first rows, and -1; as `seeding_plain` leaves it.
    labels : int32 array of shape (s, n), updated
        -1 at first.
    means : array of shape (s, k, d), written
    sums, counts, sizes : arrays of shapes (s, k, d), (s, k) and (s, k), int64 the last, updated
        Zeros at first.
    trace : array of shape (s, iterations, 7), written
        As that of `lloyd`; iterations end after that many at the latest.
    n_done : int64 array of shape (s,), written
        Iterations until one called for attention; 0 where fewer than k rows are different.
    space : uint8 array of `lloyd_starts_space` bytes
        Scratch.
    """
    k, trials, n_panels = chosen.shape[1], uniforms.shape[2], -(-len(X) // SEEDING_PANEL)
    candidates, offers = np.empty(trials, dtype=np.int32), np.empty((trials, n_panels))
    for s in range(len(chosen)):
        seeds = X, weights, np.full(len(X), np.inf, X.dtype), np.zeros(n_panels), chosen[s]
        board = np.zeros(BOARD_SIZE, dtype=np.int64)
        seeding_plain(*seeds, uniforms[s], 0, k, candidates, offers, offers, board)
        board[:] = n_done[s] = 0
        if chosen[s, -1] < 0:
            continue
        means[s] = X[chosen[s]].astype(float) - origin
        model = labels[s], means[s], sums[s], counts[s], sizes[s], False
        while board[0] != OVER:
            until = trace.shape[1]
            lloyd(X, shift, weights, *model, tolerance, until, trace[s], space, board)
        n_done[s] = board[DONE]
