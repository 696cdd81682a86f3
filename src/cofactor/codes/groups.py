"""Groups of centres near each other, for bounds that hold for a whole group."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cofactor.data.base import Floats, Labels

POWER_STEPS = 6  # enough for a direction to cut along
TILE = 6  # components that the kernel holds in registers; groups are padded to full tiles


@dataclass(frozen=True)
class Groups:
    """Components dealt into groups of nearly equal size.

    Attributes
    ----------
    members : ndarray of shape (groups, size), int32
        The components of each group, ascending; −1 where a group has fewer.
    places : ndarray of shape (k,), int32
        Where each component is in ``members``, counted row by row.
    """

    members: Labels
    places: Labels

    def spread_out(self, values: Floats, padding: float) -> Floats:
        """Return values of components, shape (k, …), in the order of the groups and padded."""
        out = np.full((self.members.size, *values.shape[1:]), padding)
        out[self.places] = values
        return out

    def tiles(self, components: Floats) -> Floats:
        """Return components interleaved tile by tile, shape (groups · size / 6 · d, 6)."""
        rows = self.spread_out(components, 0.0).reshape(-1, TILE, components.shape[1])
        return rows.transpose(0, 2, 1).reshape(-1, TILE)

    def largest(self, values: Floats) -> Floats:
        """Return the largest value (at least 0) of each group, shape (groups,)."""
        return self.spread_out(values, 0.0).reshape(self.members.shape).max(axis=1)


def principal_groups(centers: Floats, n_groups: int) -> Groups:
    """Cut centres in two along their principal direction until there are enough groups.

    Parameters
    ----------
    centers : ndarray of shape (k, d)
    n_groups : int
        At least 1, at most k.
    """
    parts = _bisected(centers, np.arange(len(centers)), n_groups)
    size = -(-max(map(len, parts)) // TILE) * TILE
    members = np.full((n_groups, size), -1, dtype=np.int32)
    for group, part in zip(members, parts, strict=True):
        group[: len(part)] = np.sort(part)
    places = np.empty(len(centers), dtype=np.int32)
    taken = np.flatnonzero(members >= 0)
    places[members.ravel()[taken]] = taken
    return Groups(members, places)


def _bisected(
    centers: Floats, components: NDArray[np.intp], n_groups: int
) -> list[NDArray[np.intp]]:
    if n_groups == 1:
        return [components]
    order = np.argsort(_projections(centers[components]), kind="stable")
    left = n_groups // 2
    first, second = np.split(components[order], [len(order) * left // n_groups])
    return _bisected(centers, first, left) + _bisected(centers, second, n_groups - left)


def _projections(points: Floats) -> Floats:
    """Project points onto their principal direction, found by power iteration."""
    centred = points - points.mean(axis=0)
    direction = centred[np.square(centred).sum(axis=1).argmax()]
    for _ in range(POWER_STEPS):
        direction = (centred @ direction) @ centred
        direction = direction / max(float(np.linalg.norm(direction)), np.finfo(float).tiny)
    return centred @ direction
