"""Where a cluster could lie, in NumPy; part of the specification in `reference`.

Point j has a weight ``w_j`` and a height ``h_j``; places y are judged by ``f(y) = Σ_j w_j
max(h_j − ‖x_j − y‖², 0)``.
"""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

Floats: TypeAlias = NDArray[np.float64]
Labels: TypeAlias = NDArray[np.int32]
Edges: TypeAlias = NDArray[np.int64]


def location_ascend(
    X: Floats, weights: Floats, heights: Floats, steps: int, places: Floats, values: Floats
) -> None:
    """Move places to the mean of the points within their heights, which never lowers ``f``.

    Parameters
    ----------
    X : array of shape (n, d)
    weights, heights : arrays of shape (n,)
    steps : int
        Most moves of a place; it stays when ``f`` rises by no more than 1e-14 of itself.
    places : array of shape (m, d)
        Updated.
    values : array of shape (m,)
        Written: ``f`` of the places.
    """
    for m, place in enumerate(places):
        best, following = 0.0, place.copy()
        for step in range(steps + 1):
            place[:] = following
            rises = heights - np.square(X - place).sum(axis=1)
            shares = np.where(rises > 0, weights, 0.0)
            value = float(shares @ rises)
            if shares.any():
                following = shares @ X / shares.sum()
            if step and not value > best * (1 + 1e-14):
                best = max(best, value)
                break
            best = value
        values[m] = best


def location_bounds(
    X: Floats,
    weights: Floats,
    heights: Floats,
    low: Floats,
    high: Floats,
    parents: Labels,
    starts: Edges,
    candidates: Labels,
    inside: Floats,
    kept_starts: Edges,
    kept: Labels,
    bounds: Floats,
    peaks: Floats,
    axes: Labels,
) -> None:
    """Bound ``f`` in boxes from above.

    In a box ``z = h − ‖x − y‖²`` lies between ``m`` and ``M``. A point with ``M ≤ 0`` adds
    nothing; one with ``m ≥ 0`` adds ``w z``; others add at most ``w M (z − m)/(M − m)``, the chord.
    The sum is a concave quadratic, whose most in the box is the bound.

    Parameters
    ----------
    X : array of shape (n, d)
    weights, heights : arrays of shape (n,)
    low, high : arrays of shape (b, d)
        Corners of the boxes.
    parents : array of shape (b,)
        Which list of candidates each box takes.
    starts, candidates : arrays of shape (p + 1,) and (starts[-1],)
        The lists: points that are neither surely in reach nor surely out of it.
    inside : array of shape (b, d + 2)
        The quadratic ``c + 2⟨s, y⟩ − a‖y‖²`` of points known to be within reach, as ``s, a, c``.
        Updated with those found.
    kept_starts, kept : arrays of shape (b + 1,) and at least the lists' sizes
        Written: the lists of the boxes.
    bounds : array of shape (b,)
        Written: bounds.
    peaks : array of shape (b, d)
        Written: where the quadratics are largest.
    axes : array of shape (b,)
        Written: the columns in which to halve the boxes, those that the chords' slack comes from.
    """
    kept_starts[0] = 0
    for b, parent in enumerate(parents):
        own = candidates[starts[parent] : starts[parent + 1]]
        x, h, w = X[own], heights[own], weights[own]
        outside = np.maximum(np.maximum(low[b] - x, x - high[b]), 0.0)
        beyond = np.maximum(np.maximum(x - low[b], high[b] - x), outside)
        most = h - np.square(outside).sum(axis=1)
        least = h - np.square(beyond).sum(axis=1)
        surely, maybe = (least >= 0) & (most > 0), (least < 0) & (most > 0)
        constant = h - np.square(x).sum(axis=1)
        inside[b] += _quadratic(w[surely], x[surely], constant[surely])
        width = np.where(maybe, most - least, 1.0)
        share = w * most / width
        total = inside[b] + _quadratic(share[maybe], x[maybe], (constant - least)[maybe])
        lost = np.where(maybe, -share * least / width, 0.0)
        axes[b] = (lost @ (np.square(beyond) - np.square(outside))).argmax()
        bounds[b], peaks[b] = _most(total, low[b], high[b])
        kept_starts[b + 1] = kept_starts[b] + maybe.sum()
        kept[kept_starts[b] : kept_starts[b + 1]] = own[maybe]


def location_project(
    weights: Floats,
    starts: Edges,
    members: Labels,
    masses: Floats,
    limits: Floats,
    share: float,
    multipliers: Floats,
    heights: Floats,
    sweeps: int,
    tolerance: float,
) -> float:
    """Move heights, as little as may be, to where ``Σ_S w h − share Σ w h ≤ limit`` for all sets S.

    Cyclic dual ascent [Hildreth 1957] in the metric ``Σ w (h − h₀)²``. Every eighth sweep takes
    all sets, others those with multipliers.

    Parameters
    ----------
    weights : array of shape (n,)
    starts, members : arrays of shape (m + 1,) and (starts[-1],)
        The sets.
    masses, limits : arrays of shape (m,)
        Weight and limit of each set.
    share : float
    multipliers : array of shape (m,)
        Updated; ``heights`` are ``h₀`` less what they pull.
    heights : array of shape (n,)
        Updated.
    sweeps : int
        Most sweeps.
    tolerance : float
        Ends when no set is above its limit by more, and none with a multiplier below it.

    Returns
    -------
    float
        The largest such difference, as found by the last sweep over all sets.
    """
    mass, worst = weights.sum(), 0.0
    curvatures = masses * (1 - 2 * share) + share**2 * mass
    for sweep in range(sweeps):
        whole = sweep % 8 == 0
        worst = 0.0 if whole else worst
        for c in range(len(limits)):
            if not whole and multipliers[c] == 0:
                continue
            own = members[starts[c] : starts[c + 1]]
            over = weights[own] @ heights[own] - share * (weights @ heights) - limits[c]
            if whole:
                worst = max(worst, over, -over if multipliers[c] > 0 else 0.0)
            step = max(over / curvatures[c], -multipliers[c])
            multipliers[c] += step
            heights[own] -= step
            heights += step * share
        if whole and worst < tolerance:
            break
    return float(worst)


def _quadratic(shares: Floats, x: Floats, constants: Floats) -> Floats:
    """Return ``Σ_j a_j (c_j + 2⟨x_j, y⟩ − ‖y‖²)`` as one array."""
    return np.concatenate([shares @ x, [shares.sum(), shares @ constants]])


def _most(quadratic: Floats, low: Floats, high: Floats) -> tuple[float, Floats]:
    """Return the most of a quadratic in a box, and where that is."""
    *linear, mass, constant = quadratic
    slopes = np.array(linear)
    peak = np.clip(slopes / mass if mass > 0 else low, low, high)
    return float(constant + (peak * (2 * slopes - mass * peak)).sum()), peak
