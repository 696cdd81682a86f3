"""The kernels of greedy k-means++ in NumPy; part of the specification in `reference`."""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

Data: TypeAlias = NDArray[np.float32] | NDArray[np.float64]
Floats: TypeAlias = NDArray[np.float64]
Integers: TypeAlias = NDArray[np.int32]
Words: TypeAlias = NDArray[np.uint64]

PANEL_ROWS = 64
STRIP_ROWS = 16
LOWEST_LIMIT = -(2**31) + 2  # met by every score
_BITS = np.left_shift(np.uint64(1), np.arange(PANEL_ROWS, dtype=np.uint64))


def seeding_gains(
    X: Data,
    weights: Floats,
    closest: Floats,
    limits: Integers,
    heads: Integers,
    candidates: Data,
    candidate_heads: Integers,
    offsets: Integers,
    chunk: int,
    hits: Words,
    gains: Floats,
) -> None:
    """Find the rows that each candidate would come closer to, and what that would gain.

    A pair of row n and candidate q is measured unless
    ``offsets[q] + <head_n, head_q> < limits[n]``; it is a hit if
    ``D = |x_n - candidate_q|**2 < closest[n]``, and gains ``weights[n] (closest[n] - D)``. The
    caller gives limits that exclude no hit. Rows come in p panels of 64, the last one padded with
    limits that no score reaches. Heads are whole numbers of 16 bits, two in each int32; no score
    may overflow 32 bits.

    Parameters
    ----------
    X : array of shape (n, d)
        Rows.
    weights, closest : float64 arrays of shape (p, 64)
        Weights, and squared distances from the closest seed.
    limits : int32 array of shape (p, 64)
        What a pair must score to be measured.
    heads : int32 array of shape (p, h * 64)
        ``heads.reshape(p, 4, h, 16)[i, s, l, j]`` holds coordinates 2l and 2l + 1 of the head of
        row ``64 i + 16 s + j``.
    candidates : array of shape (q, d)
        Candidates.
    candidate_heads : int32 array of shape (q, h)
        Their heads.
    offsets : int32 array of shape (q,)
        Constants of their scores.
    chunk : int
        Panels whose gains are added up together.
    hits : uint64 array of shape (p, q)
        Written: bit j says whether row ``64 i + j`` is a hit.
    gains : float64 array of shape (ceil(p / chunk), q)
        Written: gains of the rows of each chunk.
    """
    panels, n = len(weights), len(X)
    strips = heads.reshape(-1, candidate_heads.shape[1], STRIP_ROWS).transpose(0, 2, 1)
    scores = offsets + _coordinates(strips.reshape(-1, strips.shape[2])) @ (
        _coordinates(candidate_heads).T
    )
    by_panel = scores.reshape(panels, PANEL_ROWS, -1).transpose(0, 2, 1)
    measured = by_panel >= limits[:, None]
    distances = np.full((panels * PANEL_ROWS, len(offsets)), np.inf)
    distances[:n] = np.square(X[:, None] - candidates).sum(axis=2)
    by_row = distances.reshape(panels, PANEL_ROWS, -1).transpose(0, 2, 1)
    gain = np.where(measured, closest[:, None] - by_row, 0.0)
    hits[:] = ((gain > 0) * _BITS).sum(axis=2, dtype=np.uint64)
    by_panel_gain = (weights[:, None] * np.maximum(gain, 0.0)).sum(axis=2)
    gains[:] = np.add.reduceat(by_panel_gain, np.arange(0, panels, chunk))


def seeding_take(
    X: Data,
    weights: Floats,
    closest: Floats,
    limits: Integers,
    center: Data,
    hits: Words,
    winner: int,
    half_norms: Integers,
    reach: float,
    slack: float,
    potentials: Floats,
) -> None:
    """Make one candidate a seed: bring the rows that it hit up to date.

    For each hit n of the winner ``closest[n] = |x_n - center|**2``, and ``limits[n]`` is
    ``half_norms[n] - (reach * sqrt(closest[n]) + slack)**2 / 2`` less 1 to 2 for rounding, and at
    least -2**31 + 1; a panel with hits gets its potential ``sum_n weights[n] closest[n]``.

    Parameters
    ----------
    X, weights, closest, limits, hits : arrays
        As in `seeding_gains`; ``closest`` and ``limits`` are updated in place.
    center : array of shape (d,)
        The candidate.
    winner : int
        Its column in ``hits``.
    half_norms : int32 array of shape (p, 64)
        Half the squared norms of heads.
    reach, slack : float
        What a distance of rows is at most as a distance of heads: ``reach * distance + slack``.
    potentials : float64 array of shape (p,)
        Updated.
    """
    hit = (hits[:, winner, None] & _BITS) != 0
    closest[hit] = np.square(X[np.flatnonzero(hit)] - center).sum(axis=1)
    exact = half_norms[hit] - 0.5 * (reach * np.sqrt(closest[hit]) + slack) ** 2
    limits[hit] = np.maximum(exact, LOWEST_LIMIT).astype(np.int32) - 1
    touched = hit.any(axis=1)
    potentials[touched] = (weights[touched] * closest[touched]).sum(axis=1)


def _coordinates(pairs: Integers) -> NDArray[np.int64]:
    return np.ascontiguousarray(pairs).view(np.int16).astype(np.int64)
