"""The kernels of greedy k-means++ in NumPy; part of the specification in `reference`."""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from cofactor.kernels._relay_reference import claimed

Data: TypeAlias = NDArray[np.float32] | NDArray[np.float64]
Floats: TypeAlias = NDArray[np.float64]
Integers: TypeAlias = NDArray[np.int32]
Coordinates: TypeAlias = NDArray[np.uint8]
Profiles: TypeAlias = NDArray[np.int16]

SEEDING_STRIP = 16
SEEDING_BLOCK = SEEDING_STRIP * SEEDING_STRIP
SEEDING_CHUNK = 4 * SEEDING_BLOCK
SEEDING_PANEL = 64
NO_ROW = 1 << 30
ZERO = 128


def seeding_order(Q: Coordinates, columns: int, least: int, rows: Integers) -> None:
    """Order rows so that near ones are neighbours, by halving them until a few are left.

    The first half, rounded up to a multiple of 16, has the smallest values in the column whose
    sum of squares about the mean is largest, the first such column; the lower row comes first
    among equals. Rows that are left together still ascend.

    Parameters
    ----------
    Q : uint8 array of shape (n, w)
    columns : int
        How many columns to look at.
    least : int
        How many rows, or 16 if that is more, need not be halved.
    rows : int32 array
        Ascending rows of ``Q``; ordered in place.
    """
    if len(rows) <= max(least, SEEDING_STRIP):
        return
    values = Q[rows, :columns].astype(np.int64)
    sums = values.sum(axis=0).astype(float)
    spread = np.square(values).sum(axis=0) - sums * sums / len(rows)
    order = np.argsort(values[:, np.argmax(spread)], kind="stable")
    middle = -(-(len(rows) // 2) // SEEDING_STRIP) * SEEDING_STRIP
    rows[:] = np.concatenate([rows[np.sort(half)] for half in (order[:middle], order[middle:])])
    seeding_order(Q, columns, least, rows[:middle])
    seeding_order(Q, columns, least, rows[middle:])


def seeding_round(Y: Data, scale: float, Q: Coordinates | Profiles) -> float:
    """Round the first coordinates times a scale to whole numbers, halves up.

    What lies beyond the ends, ±127 in 8 bits and ±16,000 in 16, is brought there first. That never
    moves rows apart, so bounds on distances hold all the same.

    Parameters
    ----------
    Y : array of shape (n, w)
    scale : float
    Q : uint8 or int16 array of shape (n, v)
        Written: the first v columns of ``Y``, and zeros where it has fewer; in
        8 bits 128 stands for zero.

    Returns
    -------
    float
        The largest squared distance that rounding moves a row.
    """
    end, zero = (127, ZERO) if Q.dtype == np.uint8 else (16_000, 0)
    Y = Y[:, : Q.shape[1]]
    above = np.clip(Y * Y.dtype.type(scale), -end, end) + Y.dtype.type(end)
    rounded = np.floor(above + Y.dtype.type(0.5))
    Q[:, : Y.shape[1]], Q[:, Y.shape[1] :] = rounded - (end - zero), zero
    return float(np.square(above - rounded).sum(axis=1).max(initial=0.0))


def seeding_strips(
    Q: Coordinates,
    order: Integers,
    firsts: Integers,
    others: Integers,
    first_norms: Integers,
    norms: Integers,
) -> None:
    """Pack rows into strips of 16.

    Parameters
    ----------
    Q : uint8 array of shape (n, w)
        Whole numbers from -127 to 127, and 128 more.
    order : int32 array of shape (16 s,)
        The row in each slot; -1: none.
    firsts, others : int32 arrays of shape (s, p * 16) and (s, q * 16)
        Written: ``firsts.reshape(s, p, 16)[i, l, j]`` holds columns 4l to 4l + 3 of the row in
        slot ``16 i + j``, or of row 0 in empty slots; ``others`` holds the columns that follow.
    first_norms, norms : int32 arrays of shape (16 s,)
        Written: squared norms of the columns in ``firsts``, and of those in both; 2**30 in empty
        slots.
    """
    p, q = (strips.shape[1] // SEEDING_STRIP for strips in (firsts, others))
    values = np.ascontiguousarray(Q[np.maximum(order, 0), : 4 * (p + q)])
    quads = values.view(np.int32).reshape(len(firsts), SEEDING_STRIP, p + q).transpose(0, 2, 1)
    firsts[:], others[:] = quads[:, :p].reshape(firsts.shape), quads[:, p:].reshape(others.shape)
    squares = np.square(values - np.int32(ZERO))
    first_norms[:] = np.where(order < 0, NO_ROW, squares[:, : 4 * p].sum(axis=1))
    norms[:] = np.where(order < 0, NO_ROW, squares.sum(axis=1))


def seeding_steps(
    X: Data,
    weights: Floats,
    order: Integers,
    places: Integers,
    firsts: Integers,
    others: Integers,
    first_norms: Integers,
    norms: Integers,
    profiles: Profiles,
    scale: float,
    slack: float,
    fineness: float,
    fine_slack: float,
    closest: Data,
    potentials: Floats,
    reach: Integers,
    chosen: Integers,
    uniforms: Floats,
    first_step: int,
    last_step: int,
    candidates: Integers,
    found: NDArray[np.uint64],
    gains: Floats,
    board: NDArray[np.int64],
) -> None:
    """Choose further rows by greedy k-means++; any number of threads may call it together.

    Step 0 makes ``chosen[0]`` the first seed. Step s draws candidates: the first rows at which
    ``w_n D_n``, cumulated over the rows, reaches ``uniforms[s - 1] * sum_n w_n D_n``, where
    ``D_n = |x_n - x_c|**2`` for the closest seed c. The candidate that lowers the sum most becomes
    ``chosen[s]``, the first of them if several do. It ends before ``last_step`` if all ``w_n D_n``
    are 0.

    A pair of row n and candidate c need not be measured if heads, the first columns of whole
    numbers q, say ``|q_n - q_c| > scale * sqrt(D_n) + slack``; nor if profiles p, all columns, say
    ``|p_n - p_c| > fineness * (scale * sqrt(D_n) + slack) + fine_slack``. The caller
    gives coordinates that exclude no row that is closer to c than ``sqrt(D_n)``. What rows are
    measured is not part of the specification.

    Parameters
    ----------
    X : array of shape (n, d)
        Rows.
    weights : float64 array of shape (n,)
    order : int32 array of shape (256 b,)
        The row in each slot, or -1: a permutation.
    places : int32 array of shape (n,)
        The slot of each row.
    firsts, others : int32 arrays of shape (16 b, p * 16) and (16 b, q * 16)
        Heads as from `seeding_strips`; where q is not 0, others are looked at only of strips with
        rows that firsts do not exclude.
    first_norms, norms : int32 arrays of shape (256 b,)
        As from there, at most 16,000 squared; both -800,000,000 for rows without head, which are
        always measured and whose coordinates are all 128.
    profiles : int16 array of shape (256 b, w)
        All columns of the row in each slot, w a multiple of 32; or of shape (0, 0): no more than
        heads.
    scale, slack : float
        Rows at a distance r have heads at most ``scale * r + slack`` apart,
    fineness, fine_slack : float
        and profiles at most ``fineness * (scale * r + slack) + fine_slack``.
    closest, potentials : array as X, float64 array of shape (n,) and (ceil(n / 64),)
        Updated: D_n, infinite at first, and the sums of ``w_n D_n`` of each 64 rows.
    reach : int32 array of shape (256 b,)
        Scratch: reach of the rows, squared.
    chosen : int32 array of shape (k,)
        Updated.
    uniforms : float64 array of shape (k - 1, trials)
        Random numbers from 0 to 1.
    first_step, last_step : int
        The steps to make, the last one not included.
    candidates : int32 array of shape (trials,)
        Scratch, as all that follow; c is the number of 1024 slots begun.
    found : uint64 array of shape (c * trials, 16)
    gains : float64 array of shape (c, trials)
    board : int64 array of shape (BOARD_SIZE,)
        Zeros at first, the same for all threads of a call.
    """
    seeds = X, weights, closest, potentials, chosen, uniforms
    seeding_plain(*seeds, first_step, last_step, candidates, gains, gains, board)


def seeding_plain(
    X: Data,
    weights: Floats,
    closest: Data,
    potentials: Floats,
    chosen: Integers,
    uniforms: Floats,
    first_step: int,
    last_step: int,
    candidates: Integers,
    offered: Floats,
    gains: Floats,
    board: NDArray[np.int64],
) -> None:
    """Choose further rows as `seeding_steps` does, and measure all rows at every step.

    Parameters
    ----------
    X, weights, closest, potentials, chosen, uniforms, first_step, last_step
        As there.
    candidates : int32 array of shape (trials,)
        Scratch, as all that follow.
    offered, gains : float64 arrays of shape (trials, ceil(n / 64))
    board : int64 array of shape (BOARD_SIZE,)
        Zeros at first, the same for all threads of a call.
    """
    if not claimed(board):
        return
    for step in range(first_step, last_step):
        if step > 0:
            total = potentials.sum()
            if not total > 0:
                return
            reached = (weights * closest).cumsum()
            targets = np.maximum(uniforms[step - 1] * total, np.finfo(float).smallest_subnormal)
            drawn = np.searchsorted(reached, np.minimum(targets, reached[-1]))
            offered = np.square(X - X[drawn][:, None]).sum(axis=2)
            gain = np.maximum(closest - offered.astype(float), 0.0) @ weights
            chosen[step] = drawn[np.argmax(gain)]
        squares = np.square(X - X[chosen[step]]).sum(axis=1)
        closest[:] = np.minimum(closest, squares)
        panels = np.arange(0, len(X), SEEDING_PANEL)
        potentials[:] = np.add.reduceat(weights * closest, panels)
