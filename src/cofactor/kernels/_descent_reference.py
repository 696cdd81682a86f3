"""Whole local searches in NumPy; part of the specification in `reference`."""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from cofactor.kernels._hartigan_reference import hartigan_moves, hartigan_targets
from cofactor.kernels._lloyd_reference import OVER, lloyd
from cofactor.kernels._relay_reference import BOARD_SIZE

Data: TypeAlias = NDArray[np.float32] | NDArray[np.float64]
Floats: TypeAlias = NDArray[np.float64]
Labels: TypeAlias = NDArray[np.int32]

RELATIVE, ALONE = 1e-10, 1e-12  # see `hartigan_moves`
NEVER = -1.0  # no squared shift is as small


def descent_space(X: Data, k: int, most: int) -> int:
    """Return how many bytes `descend` works in; the reference needs none."""
    return 0


def descend(
    X: Data,
    shift: Data,
    weights: Floats,
    half_norms: Floats,
    means: Floats,
    counts: Floats,
    labels: Labels,
    few: int,
    most: int,
    slack: float,
    space: NDArray[np.uint8],
) -> float:
    """Search for an optimum of hard clusters near the given means: one local search.

    Lloyd's iterations go on until at most ``few`` rows move, or a component is empty. Empty
    components get the row that saves most by leaving its own. Then sweeps of moves of single
    rows [Hartigan 1975] go on until none pays: all rows look for their cheapest component at once,
    as by `hartigan_targets`, and the moves that would pay are judged one by one, as by
    `hartigan_moves`.

    Parameters
    ----------
    X : array of shape (n, d)
        Rows, without NaN.
    shift : array of shape (d,)
        A point near the rows.
    weights : array of shape (n,)
        At least 0.
    half_norms : array of shape (n,)
        ``|x_n - shift|**2 / 2``.
    means : float64 array of shape (k, d), updated
        Where to start; then the means of the rows, those of empty components as they were.
    counts : array of shape (k,), written
        Weights of the rows.
    labels : int32 array of shape (n,), written
    few : int
    most : int
        Iterations, and sweeps, at least 1.
    slack : float
        What a move must save by unit of weight, beyond 1e-10 of what the row costs.
    space : uint8 array of `descent_space` bytes
        The kernel's own.

    Returns
    -------
    float
        ``sum_n w_n |x_n - means[labels[n]]|**2``.
    """
    _iterate(X, shift, weights, means, counts, labels, few, most)
    _set_means(X, shift, weights, means, counts, labels)
    limits = (RELATIVE, slack, ALONE)
    _fill(X, weights, means, counts, labels, limits)
    for _ in range(most):
        rows, targets = _proposals(X, shift, weights, half_norms, means, counts, labels, limits)
        if not hartigan_moves(X, rows, targets, *limits, weights, labels, counts, means) > 0:
            break
    _set_means(X, shift, weights, means, counts, labels)
    return float(weights @ np.square(X - means[labels]).sum(axis=1))


def _iterate(
    X: Data,
    shift: Data,
    weights: Floats,
    means: Floats,
    counts: Floats,
    labels: Labels,
    few: int,
    most: int,
) -> None:
    """Take Lloyd's iterations until few rows move."""
    trace, board = np.zeros((most, 7)), np.zeros(BOARD_SIZE, dtype=np.int64)
    sums, sizes = np.zeros_like(means), np.zeros(len(means), dtype=np.int64)
    labels[:] = -1
    means -= shift
    for until in range(1, most + 1):
        board[:2] = 0
        task: Any = False, NEVER, until, trace, np.empty(0, np.uint8), board
        while board[0] != OVER:
            lloyd(X, shift, weights, labels, means, sums, counts, sizes, *task)
        if trace[until - 1, 3] <= few or not sizes.all():
            break
    means += shift


def _set_means(
    X: Data, shift: Data, weights: Floats, means: Floats, counts: Floats, labels: Labels
) -> None:
    """Move means to those of their rows."""
    sums = np.zeros_like(means)
    np.add.at(sums, labels, weights[:, None] * (X.astype(float) - shift))
    counts[:] = np.bincount(labels, weights, minlength=len(means))
    filled = counts > 0
    means[filled] = shift + sums[filled] / counts[filled, None]


def _fill(
    X: Data,
    weights: Floats,
    means: Floats,
    counts: Floats,
    labels: Labels,
    limits: tuple[float, float, float],
) -> None:
    """Give each empty component the row that saves most by leaving, while any saves something."""
    for empty in np.flatnonzero(counts == 0):
        saved = weights * np.square(X - means[labels]).sum(axis=1)
        row = np.array([(saved * _leaving(weights, counts, labels)).argmax()])
        target = np.array([empty], dtype=np.int32)
        if not hartigan_moves(X, row, target, *limits, weights, labels, counts, means) > 0:
            return


def _proposals(
    X: Data,
    shift: Data,
    weights: Floats,
    half_norms: Floats,
    means: Floats,
    counts: Floats,
    labels: Labels,
    limits: tuple[float, float, float],
) -> tuple[NDArray[np.int64], Labels]:
    """Return the rows whose move would pay now, and where to."""
    (relative, slack, _), every = limits, np.arange(len(X))
    targets, cost = np.empty(len(X), dtype=np.int32), np.empty(len(X))
    places = np.arange(len(means), dtype=np.int32)
    components = _components(means - shift, counts, X.dtype)
    rows = every, half_norms, weights, labels, places
    hartigan_targets(X, shift, *rows, *components, targets, cost)
    saved = np.square(X - means[labels]).sum(axis=1) * _leaving(weights, counts, labels)
    pays = every[(targets >= 0) & (saved - cost > relative * saved + slack)]
    return pays, targets[pays]


def _leaving(weights: Floats, counts: Floats, labels: Labels) -> Floats:
    """Return ``N/(N − w)`` of each row's own component, 0 for a row that is alone there."""
    own = counts[labels]
    rest = own - weights
    return np.divide(own, rest, out=np.zeros_like(own), where=rest > ALONE * own)


def _components(means: Floats, counts: Floats, dtype: Any) -> tuple[Any, Any, Any]:
    """Return means less the shift, half their squared norms and shares, as kernels take them."""
    filled = counts > 0
    half_norms = np.where(filled, 0.5 * np.square(means).sum(axis=1), np.inf)
    shares = np.divide(1.0, counts, out=np.zeros_like(counts), where=filled)
    return means.astype(dtype), half_norms.astype(dtype), shares.astype(dtype)
