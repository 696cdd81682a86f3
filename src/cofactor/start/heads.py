"""Heads: a few coordinates of every row, whose distances never exceed those of the rows."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from cofactor.data.base import Array, Floats

SAMPLE_ROWS = 8192
SAMPLE_ENTRIES = 1 << 22
LENGTHS = (8, 12, 16, 24, 32, 48)
PROFILE = 64  # coordinates that pairs are judged by before they are measured,
PROFILE_STEP = 32  # and of what number these are multiples
QUAD = 4  # coordinates that lie side by side
EXTENT_ROWS, EXTENT_COLUMNS = 64, 64
END = 127  # of the coordinates of heads
MOVED = 0.7  # steps, times the square root of their number, that rounding moves two rows
ROOM, ROOM_TAKEN = 1.15, 32  # bytes a row, in those of the data, and how many of them are taken
POWER_STEPS = 2
JUDGING = 2000  # what a pair costs that heads do not exclude, in products of heads,
MEASURING = 3200  # and one that profiles do not exclude either,
MEASURING_COLUMN = 16  # and what each column adds to that
FIRSTS, OPEN = 16, 4.0  # a strip has a row within reach by so many coordinates OPEN times as often
JUDGES, JUDGED_SEEDS, JUDGED_CANDIDATES = 512, 4096, 64
SMALL = 1 << 22  # products of rows and seeds, below which nothing is worth preparing


@dataclass(frozen=True)
class HeadMap:
    """Maps rows x to coordinates ``V'(x − m)`` for orthonormal directions V.

    Attributes
    ----------
    reference : ndarray of shape (d,)
        A point m amid the rows, in their precision.
    directions : ndarray of shape (d, w) or None
        V, those of most variance first; None keeps all coordinates as they are.
    length : int
        How many of the coordinates make a head.
    extent : float
        Most rows have no larger coordinate.
    """

    reference: Array
    directions: Floats | None
    length: int
    extent: float

    def __call__(self, rows: Array, scale: float, columns: int) -> Array:
        """Return the first coordinates of rows times a scale, shape (n, columns)."""
        centred = rows - self.reference
        if self.directions is None:
            return np.multiply(centred[:, :columns], scale)
        product: Array = centred @ (scale * self.directions[:, :columns]).astype(rows.dtype)
        return product

    @property
    def padded_length(self) -> int:
        """Number of coordinates of a head and of zeros that fill them up for the kernels."""
        return -(-self.length // QUAD) * QUAD

    @property
    def padded_width(self) -> int:
        """Number of coordinates and of zeros that fill them up for the kernels."""
        return -(-self.width // PROFILE_STEP) * PROFILE_STEP

    @property
    def width(self) -> int:
        """Number of coordinates."""
        return len(self.reference) if self.directions is None else self.directions.shape[1]


def head_map(X: Array, k: int) -> HeadMap:
    """Return the heads that are expected to make seeding cheapest: a function of the data alone.

    Parameters
    ----------
    X : ndarray of shape (n, d)
        Finite rows.
    k : int
        Number of seeds.
    """
    n, d = X.shape
    count = min(n, SAMPLE_ROWS, max(2 * JUDGES, SAMPLE_ENTRIES // d))
    sample = X if count == n else X[np.arange(count) * n // count]
    reference = sample.mean(axis=0, dtype=np.float64).astype(X.dtype)
    if d <= LENGTHS[0] or (n * k * d <= SMALL and d <= PROFILE):
        return _with_extent(sample, reference, None, d)
    if n * k * d <= SMALL:
        return _with_extent(sample, reference, _longest_axes(sample), PROFILE)
    centred = sample - reference
    centred /= np.abs(centred).max() or 1.0  # squares neither overflow nor vanish
    directions = _principal(centred)
    costs = _costs(centred, k, directions, X.itemsize * d)
    length = min(costs, key=costs.__getitem__)
    if costs[length] < d:
        return _with_extent(sample, reference, directions, length)
    return _with_extent(sample, reference, None, d)


def _with_extent(
    sample: Array, reference: Array, directions: Floats | None, length: int
) -> HeadMap:
    """Return a head map, and how large the coordinates of most rows of a sample are."""
    head = HeadMap(reference, directions, length, 0.0)
    few = sample[:: 1 + len(sample) // EXTENT_ROWS]
    return replace(head, extent=_extent(head(few, 1.0, EXTENT_COLUMNS)))


def _extent(coordinates: Array) -> float:
    """Return the largest coordinate."""
    return float(np.abs(coordinates).max())


def _longest_axes(sample: Array) -> Floats:
    """Return the axes along which the rows vary most."""
    axes = np.argsort(-sample.var(axis=0), kind="stable")[:PROFILE]
    return np.eye(sample.shape[1])[:, axes]


def _principal(sample: Array) -> Floats:
    """Return orthonormal directions of most variance, the first one the largest.

    By subspace iteration from some of the rows [Halko, Martinsson & Tropp 2011], in the precision
    of the rows; only the directions need be orthonormal to more digits.
    """
    size = min(_profile_width(sample.shape[1]), *sample.shape)
    basis = np.linalg.qr(sample[:: len(sample) // size][:size].T)[0]
    for _ in range(POWER_STEPS):
        basis = np.linalg.qr(sample.T @ (sample @ basis))[0]
    basis = np.linalg.qr(basis.astype(np.float64))[0]
    scores = sample @ basis.astype(sample.dtype)
    turn = np.linalg.eigh((scores.T @ scores).astype(np.float64))[1]
    directions: Floats = basis @ turn[:, ::-1]
    return directions


def _profile_width(d: int) -> int:
    """Return how many of d coordinates pairs are judged by: few that are filled up with zeros."""
    return min(d, PROFILE, max(1, round(d / PROFILE_STEP)) * PROFILE_STEP)


def _costs(sample: Array, k: int, directions: Floats, row_bytes: int) -> dict[int, float]:
    """Return what screening and measuring cost together for each length of heads, as d does."""
    d, width = directions.shape
    order = np.random.RandomState(0).permutation(len(sample))
    n_judges = min(JUDGES, len(sample) // 2)
    n_others = max(1, min(k // 2, JUDGED_SEEDS))
    judges, others = sample[order[:n_judges]], sample[order[n_judges:][:n_others]]
    closest = _squares(judges, others).min(axis=1)
    shares = np.linspace(0.0, 0.999, JUDGED_CANDIDATES)
    candidates = judges[np.searchsorted(closest.cumsum(), closest.sum() * shares)]
    judged, offered = (rows @ directions.astype(rows.dtype) for rows in (judges, candidates))

    def left(length: int, step: float = 0.0) -> float:
        reach = np.sqrt(closest) + MOVED * np.sqrt(length) * step
        bounds = _squares(judged[:, :length], offered[:, :length])
        return float((bounds < np.square(reach)[:, None]).mean())

    step = _extent(judged) / END
    measuring = left(width) * (MEASURING + MEASURING_COLUMN * d)
    opened = min(1.0, OPEN * left(min(FIRSTS, width), step))
    costs = {
        length: min(FIRSTS, length) + opened * length + left(length, step) * JUDGING + measuring
        for length in LENGTHS
        if length < width and _fits(length, width, row_bytes)
    }
    return costs or {width: width + measuring}


def _fits(length: int, width: int, row_bytes: int) -> bool:
    """Return whether heads of 8 and profiles of 16 bits take no more memory than there is."""
    padded = -(-width // PROFILE_STEP) * PROFILE_STEP
    return length + 2 * padded + ROOM_TAKEN <= ROOM * row_bytes


def _squares(a: Array, b: Array) -> Array:
    sizes = np.square(a).sum(axis=1)[:, None] + np.square(b).sum(axis=1)
    squares: Array = np.maximum(sizes - 2.0 * (a @ b.T), 0.0)
    return squares
