"""Greedy seeding of dense rows, of which only those that lower bounds cannot exclude are measured.

Coordinates are rounded to whole numbers q in units of ``1/s``, which moves each row by at most
``√w/2``. So rows closer than ``√D_n`` have ``‖q_n − q_c‖ < s√D_n + √w``: this is a row's reach.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from cofactor import kernels
from cofactor.data.base import Array, Floats
from cofactor.engine import Engine
from cofactor.errors import InputError
from cofactor.kernels import (
    BOARD_SIZE,
    SEEDING_BLOCK,
    SEEDING_CHUNK,
    SEEDING_PANEL,
    SEEDING_STRIP,
)
from cofactor.start.heads import HeadMap, head_map

Integers = NDArray[np.int32]

LARGEST = 16_000  # coordinate of a head
EVERYTHING = 1 << 30  # a reach that no pair of heads exceeds
NO_HEAD = -800_000_000  # norm of a row that is always measured
FAR = 16.0  # times the radius of all but one row in a thousand: too far for a head
ORDERING, BOXED = 8, 8  # coordinates that rows are ordered by; pairs of them that make a box
ROUNDED_ROWS = 1024
WORK_PER_CALL = 1 << 32  # products of heads between two looks at the clock


@dataclass(frozen=True)
class Profiles:
    """Coordinates of the rows in whole numbers.

    Attributes
    ----------
    q : ndarray of shape (n, w), int16
        Zeros for rows too far away.
    is_far : ndarray of shape (n,), bool
    scale, slack : float
        Rows at a distance δ have coordinates at most ``scale δ + slack`` apart.
    """

    q: Array
    is_far: NDArray[np.bool_]
    scale: float
    slack: float

    @classmethod
    def of(cls, X: Array, head: HeadMap, engine: Engine) -> Self:
        """Round the coordinates of all rows.

        Raises
        ------
        InputError
            If squared distances overflow.
        """
        norms = _norms(X, head.reference, engine)
        radius = _radius(norms, X.dtype)
        scale = LARGEST / radius if radius > 0 else 1.0
        is_far = norms > radius**2
        some_are_far = bool(is_far.any())
        step = 2 if head.length == head.width else 32
        q = np.zeros((len(X), -(-head.width // step) * step), dtype=np.int16)

        def fill(rows: slice) -> None:
            y = head(X[rows], scale)
            if some_are_far:
                y[is_far[rows]] = 0.0
            q[rows, : head.width] = np.rint(y, out=y)

        engine.map(fill, _parts(len(X), ROUNDED_ROWS))
        rounding = 4.0 * (X.shape[1] + 16) * np.finfo(X.dtype).eps
        slack = np.sqrt(head.width) * (1.0 + LARGEST * rounding) + 1.0
        return cls(q, is_far, scale * (1.0 + rounding), slack)


@dataclass(frozen=True)
class Layout:
    """The coordinates of rows where kernels look for them; see `kernels.reference.seeding_steps`.

    Attributes
    ----------
    order, places : ndarray of shape (256 b,) and (n,), int32
        The row in each slot, and the slot of each row.
    heads, norms : ndarray of shape (16 b, p * 16) and (256 b,), int32
        The first coordinates of the rows, and their squared norms.
    profiles, profile_norms : ndarray of shape (256 b, w) and (256 b,), int16 and int32
        All coordinates and their squared norms; empty if heads have all.
    boxes : ndarray of shape (b, 2 * q * 16), int32
        Bounds of the first coordinates of each strip; q is 0 where rows are in no useful order.
    """

    order: Integers
    places: Integers
    heads: Integers
    norms: Integers
    profiles: Array
    profile_norms: Integers
    boxes: Integers

    @classmethod
    def of(cls, profiles: Profiles, head: HeadMap) -> Self:
        """Pack the rounded coordinates of all rows."""
        order = _order(profiles, head)
        places = np.empty(len(profiles.q), dtype=np.int32)
        places[order[: len(places)]] = np.arange(len(places), dtype=np.int32)
        n_blocks, pairs = len(order) // SEEDING_BLOCK, -(-head.length // 2)
        heads = np.empty((n_blocks * SEEDING_STRIP, pairs * SEEDING_STRIP), dtype=np.int32)
        norms = np.empty(len(order), dtype=np.int32)
        kernels.seeding_strips(profiles.q, order, heads, norms)
        norms[places[profiles.is_far]] = NO_HEAD
        box_pairs = 0 if head.directions is None else min(BOXED, pairs)
        boxes = np.empty((n_blocks, 2 * SEEDING_STRIP * box_pairs), dtype=np.int32)
        kernels.seeding_boxes(heads, boxes)
        return cls(order, places, heads, norms, *_judged(profiles, head, order), boxes)


def greedy_dense_rows(
    X: Array, weights: Floats, first: int, uniforms: Floats, engine: Engine
) -> Integers:
    """Return the rows that greedy k-means++ chooses.

    Parameters
    ----------
    X : ndarray of shape (n, d)
        C-contiguous.
    weights : ndarray of shape (n,)
    first : int
        The first row.
    uniforms : ndarray of shape (k - 1, trials)
        Random numbers, those of each further row.
    engine : Engine

    Returns
    -------
    ndarray of shape (k,)
        The last ones are -1 when all rows are copies of those before.

    Raises
    ------
    InputError
        If squared distances overflow.
    """
    k, trials = len(uniforms) + 1, uniforms.shape[1]
    head = head_map(X, k)
    profiles = Profiles.of(X, head, engine)
    layout = Layout.of(profiles, head)
    given: dict[str, Any] = {"X": X, "weights": weights, "uniforms": uniforms, **vars(layout)}
    bound: dict[str, Any] = {"scale": profiles.scale, "slack": profiles.slack}
    chosen = np.full(k, -1, dtype=np.int32)
    chosen[0] = first
    state = {**_untouched(layout), "chosen": chosen, **_scratch(layout, trials, X.dtype)}
    steps = partial(kernels.seeding_steps, **given, **bound, **state)
    for part in _parts(k, max(1, WORK_PER_CALL // (len(X) * trials * head.length))):
        last = min(part.stop, k)
        board = np.zeros(BOARD_SIZE, dtype=np.int64)
        engine.together(partial(steps, first_step=part.start, last_step=last, board=board))
        if chosen[last - 1] < 0:
            break
    return chosen


def _untouched(layout: Layout) -> dict[str, Any]:
    """Return what is known of the rows before there is any seed."""
    n = len(layout.places)
    return {
        "closest": np.full(n, np.inf),
        "potentials": np.zeros(-(-n // SEEDING_PANEL)),
        "reach": np.where(layout.order < 0, 0, EVERYTHING).astype(np.int32),
        "strip_reach": np.full(len(layout.heads), EVERYTHING, dtype=np.int32),
    }


def _scratch(layout: Layout, trials: int, dtype: Any) -> dict[str, Any]:
    """Return the places that the threads of a step write to."""
    chunks = -(-len(layout.order) // SEEDING_CHUNK)
    return {
        "candidates": np.empty(trials, dtype=np.int32),
        "slots": np.empty((chunks * trials, SEEDING_CHUNK), dtype=np.int32),
        "distances": np.empty((chunks * trials, SEEDING_CHUNK), dtype=dtype),
        "counts": np.empty((chunks, trials), dtype=np.int32),
        "gains": np.empty((chunks, trials)),
    }


def _order(profiles: Profiles, head: HeadMap) -> Integers:
    """Return the row in each slot, and -1 in those at the end that are empty."""
    n = len(profiles.q)
    order = np.full(-(-n // SEEDING_BLOCK) * SEEDING_BLOCK, -1, dtype=np.int32)
    order[:n] = np.arange(n)
    if head.directions is not None:
        kernels.seeding_order(profiles.q, min(ORDERING, head.width), order[:n])
    return order


def _judged(profiles: Profiles, head: HeadMap, order: Integers) -> tuple[Array, Integers]:
    """Return the coordinates of the rows in slots, if heads lack any, and their squared norms."""
    if head.length == head.width:
        return np.empty((0, 0), dtype=np.int16), np.empty(0, dtype=np.int32)
    q, norms = profiles.q[order], np.empty(len(order), dtype=np.int32)
    for slots in _parts(len(norms), ROUNDED_ROWS):
        norms[slots] = np.square(q[slots], dtype=np.int32).sum(axis=1)
    norms[profiles.is_far[order]] = NO_HEAD
    return q, norms


def _parts(n: int, size: int) -> list[slice]:
    return [slice(first, first + size) for first in range(0, n, size)]


def _norms(X: Array, reference: Array, engine: Engine) -> Floats:
    norms = np.empty(len(X))

    def write(rows: slice) -> None:
        with np.errstate(over="ignore"):  # the caller looks for infinity
            kernels.squared_norms(X[rows], reference, norms[rows])

    engine.map(write, _parts(len(X), 16 * ROUNDED_ROWS))
    return norms


def _radius(norms: Floats, dtype: Any) -> float:
    """Return how far away rows still have heads: a few outliers must not make all coarse."""
    largest = norms.max()
    if not 4.0 * largest < np.finfo(dtype).max:
        raise InputError(
            "X has rows so far apart that their squared distances overflow; "
            "expected smaller numbers, so divide the data by their size."
        )
    most = int(0.999 * (len(norms) - 1))
    usual = FAR**2 * np.partition(norms, most)[most]
    return float(np.sqrt(min(largest, usual) if usual > 0 else largest) * (1.0 + 1e-12))
