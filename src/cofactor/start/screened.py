"""Greedy seeding of dense rows, of which only those that lower bounds cannot exclude are measured.

Coordinates, in units of ``1/s``, are brought to ±127, which moves no rows apart, and rounded to
whole numbers q, which moves none by more than some ``δ``, about ``√(w/12)``. So rows closer than
``√D_n`` have ``‖q_n − q_c‖ < s√D_n + 2δ``: this is a row's reach. Heads have 8 bits; profiles,
which are looked at for fewer pairs, 16.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from cofactor import kernels
from cofactor.data.base import Array, Floats
from cofactor.engine import Engine
from cofactor.kernels import SEEDING_BLOCK, SEEDING_CHUNK, SEEDING_STRIP
from cofactor.start.heads import END, FIRSTS, QUAD, HeadMap, head_map
from cofactor.start.ranges import norms_in_range

Integers = NDArray[np.int32]

LARGEST = 16_000  # norm of a row's coordinates
NO_HEAD = -800_000_000  # norm of a row that is always measured
FAR = 16.0  # times the radius of all but one row in a thousand: too far for a head
ORDERING = 8  # coordinates that rows are ordered by
HALVINGS = 3  # of rows, before parts are ordered apart

ROUNDED_ROWS = 1024  # whole blocks


class Steps(NamedTuple):
    """What makes steps of greedy k-means++.

    Attributes
    ----------
    kernel : callable
        To be called with a board, whose helpers take part.
    products : int
        How many of them a step takes.
    """

    kernel: Callable[..., None]
    products: int


class Reaches(NamedTuple):
    """How far apart rows have coordinates.

    Attributes
    ----------
    scale, slack : float
        Rows at a distance δ have heads at most ``scale δ + slack`` apart,
    fineness, fine_slack : float
        and profiles at most ``fineness (scale δ + slack) + fine_slack``.
    """

    scale: float
    slack: float
    fineness: float
    fine_slack: float


@dataclass(frozen=True)
class Grid:
    """Coordinates of the rows in whole numbers of 8 bits, and of 16.

    Attributes
    ----------
    X : ndarray of shape (n, d)
    head : HeadMap
    is_far : ndarray of shape (n,), bool
        Rows too far away, whose coordinates count as zeros.
    unit, fine_unit : float
        Coordinates are multiplied by these in 8 and in 16 bits.
    """

    X: Array
    head: HeadMap
    is_far: NDArray[np.bool_]
    unit: float
    fine_unit: float

    @classmethod
    def of(cls, X: Array, head: HeadMap, engine: Engine) -> Self:
        """Choose units in which the coordinates of most rows have 8 bits, or 16.

        Raises
        ------
        InputError
            If squared distances overflow.
        """
        norms = norms_in_range(X, head.reference, engine)
        radius = _radius(norms)
        fine_unit = LARGEST / radius if radius > 0 else 1.0
        unit = min(fine_unit, END / head.extent) if head.extent > 0 else fine_unit
        return cls(X, head, norms > radius**2, unit, fine_unit)

    def coordinates(self, rows: Any, columns: int) -> Array:
        """Return the first coordinates of some rows, shape (r, columns), times the unit."""
        y = self.head(self.X[rows], self.unit, columns)
        y[self.is_far[rows]] = 0.0
        return y

    def first(self, columns: int, engine: Engine) -> NDArray[np.uint8]:
        """Return so many coordinates of all rows, of shape (n, columns)."""
        q = np.empty((len(self.X), columns), dtype=np.uint8)

        def fill(rows: slice) -> None:
            kernels.seeding_round(self.coordinates(rows, columns), 1.0, q[rows])

        engine.map(fill, _parts(len(q), ROUNDED_ROWS))
        return q

    @property
    def fineness(self) -> float:
        """How many units of 16 bits make one of 8."""
        return self.fine_unit / self.unit

    def reaches(self, moved: float, moved_finely: float) -> Reaches:
        """Return how far apart rows have coordinates.

        Parameters
        ----------
        moved, moved_finely : float
            The largest squared distances that rounding moves a row.
        """
        rounding = 4.0 * (self.X.shape[1] + 16) * np.finfo(self.X.dtype).eps
        products = np.sqrt(self.head.width) * LARGEST * rounding + 1e-3  # in fine units
        slack = 2.0 * np.sqrt(moved) * (1.0 + rounding) + products / self.fineness
        fine_slack = 2.0 * np.sqrt(moved_finely) * (1.0 + rounding) + products
        return Reaches(
            self.unit * (1.0 + rounding),
            slack,
            self.fineness * (1.0 + rounding),
            fine_slack - self.fineness * slack,
        )


@dataclass(frozen=True)
class Layout:
    """The coordinates of rows where kernels look for them; see `kernels.reference.seeding_steps`.

    Attributes
    ----------
    order, places : ndarray of shape (256 b,) and (n,), int32
        The row in each slot, and the slot of each row.
    firsts, others : ndarray of shape (16 b, p * 16) and (16 b, q * 16), int32
        The heads of the rows: coordinates that are looked at first, and those that follow, unless
        q is 0.
    first_norms, norms : ndarray of shape (256 b,), int32
        Squared norms of first coordinates, and of heads.
    profiles : ndarray of shape (256 b, w), int16
        All coordinates; empty if heads have all.
    """

    order: Integers
    places: Integers
    firsts: Integers
    others: Integers
    first_norms: Integers
    norms: Integers
    profiles: Array

    @classmethod
    def of(cls, grid: Grid, engine: Engine) -> tuple[Self, Reaches]:
        """Pack the rounded coordinates of all rows, and say how far apart they may be."""
        head, order = grid.head, _order(grid, engine)
        places = np.empty(len(grid.X), dtype=np.int32)
        places[order[: len(places)]] = np.arange(len(places), dtype=np.int32)
        n_slots, n_blocks, quads = len(order), len(order) // SEEDING_BLOCK, -(-head.length // QUAD)
        firsts = quads if head.directions is None else min(FIRSTS // QUAD, quads)
        columns = 0 if head.length == head.width else head.padded_width
        layout = cls(
            order,
            places,
            np.empty((n_blocks * SEEDING_STRIP, firsts * SEEDING_STRIP), dtype=np.int32),
            np.empty((n_blocks * SEEDING_STRIP, (quads - firsts) * SEEDING_STRIP), dtype=np.int32),
            np.empty(n_slots, dtype=np.int32),
            np.empty(n_slots, dtype=np.int32),
            np.empty((n_slots if columns else 0, columns), dtype=np.int16),
        )
        moved = engine.map(partial(layout._pack, grid), _parts(n_slots, ROUNDED_ROWS))
        return layout, grid.reaches(*np.max(moved, axis=0))

    def _pack(self, grid: Grid, slots: slice) -> tuple[float, float]:
        """Write the coordinates of the rows in some slots, whole blocks of them.

        Returns
        -------
        moved, moved_finely : float
            The largest squared distances that rounding to 8 and to 16 bits moves a row.
        """
        rows, norms = self.order[slots], (self.first_norms[slots], self.norms[slots])
        y = grid.coordinates(rows, grid.head.width)
        q = np.empty((len(rows), grid.head.padded_length), dtype=np.uint8)
        moved = kernels.seeding_round(y, 1.0, q)
        here = np.where(rows < 0, -1, np.arange(len(rows), dtype=np.int32))
        strips = slice(slots.start // SEEDING_STRIP, slots.stop // SEEDING_STRIP)
        kernels.seeding_strips(q, here, self.firsts[strips], self.others[strips], *norms)
        for norm in norms:
            norm[grid.is_far[rows] & (rows >= 0)] = NO_HEAD
        if not len(self.profiles):
            return moved, 0.0
        return moved, kernels.seeding_round(y, grid.fineness, self.profiles[slots])


@dataclass(frozen=True)
class Screen:
    """Bounds on how close rows are to each other, for the steps that exclude most pairs.

    Attributes
    ----------
    layout : Layout
    reaches : Reaches
    """

    layout: Layout
    reaches: Reaches

    @classmethod
    def of(cls, X: Array, k: int, engine: Engine) -> Self:
        """Prepare the bounds that are expected to serve the choice of k rows best.

        Raises
        ------
        InputError
            If squared distances overflow.
        """
        return cls(*Layout.of(Grid.of(X, head_map(X, k), engine), engine))

    def steps(self, trials: int) -> Steps:
        """Return what makes steps with so many candidates each."""
        kernel = partial(
            kernels.seeding_steps,
            **vars(self.layout),
            **self.reaches._asdict(),
            **_scratch(self.layout, trials),
        )
        return Steps(kernel, 2 * (self.layout.firsts.size + self.layout.others.size) * trials)


def _scratch(layout: Layout, trials: int) -> dict[str, Any]:
    """Return the places that the threads of a step write to."""
    chunks = -(-len(layout.order) // SEEDING_CHUNK)
    return {
        "reach": np.empty(len(layout.order), dtype=np.int32),
        "candidates": np.empty(trials, dtype=np.int32),
        "found": np.empty((chunks * trials, SEEDING_CHUNK // 64), dtype=np.uint64),
        "gains": np.empty((chunks, trials)),
    }


def _order(grid: Grid, engine: Engine) -> Integers:
    """Return the row in each slot, and -1 in those at the end that are empty."""
    order = _in_order(len(grid.X))
    if grid.head.directions is not None:
        _bring_together(grid, order[: len(grid.X)], engine)
    return order


def _bring_together(grid: Grid, rows: Integers, engine: Engine) -> None:
    """Order rows so that near ones are neighbours: halves of halves at a time, then each."""
    columns = min(ORDERING, grid.head.width)
    q, parts = grid.first(columns, engine), [rows]

    def halve(part: Integers, least: int) -> list[Integers]:
        kernels.seeding_order(q, columns, least, part)
        return [part[:least], part[least:]]

    for _ in range(HALVINGS):
        halves = engine.map(lambda part: halve(part, _middle(len(part))), parts)
        parts = [half for both in halves for half in both]
    engine.map(lambda part: halve(part, SEEDING_STRIP), parts)


def _middle(size: int) -> int:
    """Return how many rows of so many make a first half."""
    return -(-(size // 2) // SEEDING_STRIP) * SEEDING_STRIP


def _in_order(n: int) -> Integers:
    """Return slots for n rows, in whole blocks: row j in slot j."""
    order = np.full(-(-n // SEEDING_BLOCK) * SEEDING_BLOCK, -1, dtype=np.int32)
    order[:n] = np.arange(n, dtype=np.int32)
    return order


def _parts(n: int, size: int) -> list[slice]:
    return [slice(first, first + size) for first in range(0, n, size)]


def _radius(norms: Floats) -> float:
    """Return how far away rows still have heads: a few outliers must not make all coarse."""
    largest = norms.max()
    most = int(0.999 * (len(norms) - 1))
    usual = FAR**2 * np.partition(norms, most)[most]
    return float(np.sqrt(min(largest, usual) if usual > 0 else largest) * (1.0 + 1e-12))
