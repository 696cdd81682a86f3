"""The search behind bounds in NumPy; part of the specification in `reference`."""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

Data: TypeAlias = NDArray[np.float32] | NDArray[np.float64]
Labels: TypeAlias = NDArray[np.int32]


def bounded_nearest(
    X: Data,
    shift: Data,
    norms: Data,
    components: Data,
    tiles: Data,
    offsets: Data,
    members: Labels,
    places: Labels,
    drift: Data,
    group_drift: Data,
    reach: float,
    label: Labels,
    upper: Data,
    lower: Data,
    moved: Labels,
) -> int:
    """Find the nearest centre of every row, given bounds on its distances before centres moved.

    Labels become those of `top_losses` with one kept component, to the last tie. Bounds become
    any valid ones [Ding et al. 2015]; those written here need no old ones, and are tight but for
    a margin for rounding.

    Parameters
    ----------
    X : array of shape (n, d)
        Rows, without NaN.
    shift : array of shape (d,)
        Subtracted from every row.
    norms : array of shape (n,)
        ``|x_n - shift|``.
    components : array of shape (k, d)
        Centres less the shift.
    tiles : array of shape (groups * size / 6 * d, 6)
        The same centres in the order of `members`, interleaved six by six; padded with anything.
    offsets : array of shape (groups * size,)
        ``|component|**2 / 2`` in the order of `members`; ``+inf`` where padded.
    members : int32 array of shape (groups, size)
        The components of each group, ascending; padding last.
    places : int32 array of shape (k,)
        Where each component is among the members, counted row by row.
    drift : array of shape (k,)
        At least the distance that each component moved since the bounds held.
    group_drift : array of shape (groups,)
        The largest of each group.
    reach : float
        At least the norm of every centre.
    label : int32 array of shape (n,)
        Updated: the nearest component; -1 where nothing is known yet.
    upper : array of shape (n,)
        Updated: at least the distance to the labelled centre.
    lower : array of shape (groups, n)
        Updated: at most the distance to any other centre of the group; at first 0.
    moved : int32 array of shape (n,)
        Written in front: the rows whose label changed, ascending within a chunk of rows.

    Returns
    -------
    int
        How many labels changed.
    """
    losses = offsets[places] - (X - shift) @ components.T
    old = label.copy()
    label[:] = losses.argmin(axis=1)
    distances = np.sqrt(np.maximum(norms[:, None] ** 2 + 2 * losses, 0))
    margin = np.sqrt(np.finfo(X.dtype).eps) * (norms + reach)
    rows = np.arange(len(X))
    upper[:] = distances[rows, label] + margin
    distances[rows, label] = np.inf
    slots = np.full((len(X), len(offsets)), np.inf, dtype=X.dtype)
    slots[:, places] = distances
    nearest = slots.reshape(len(X), *members.shape).min(axis=2)
    lower[:] = np.maximum(nearest - margin[:, None], 0).T
    changed = np.flatnonzero(label != old)
    moved[: len(changed)] = changed
    return len(changed)
