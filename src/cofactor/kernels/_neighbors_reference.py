"""Searches among neighbours in NumPy; part of the specification in `reference`."""

from __future__ import annotations

from itertools import pairwise
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from cofactor.kernels._relay_reference import claimed

Data: TypeAlias = NDArray[np.float32] | NDArray[np.float64]
Singles: TypeAlias = NDArray[np.float32]
Floats: TypeAlias = NDArray[np.float64]
Labels: TypeAlias = NDArray[np.int32]
Whole: TypeAlias = NDArray[np.int64]

Clustering: TypeAlias = tuple[Floats, Labels, Floats]
Centers: TypeAlias = tuple[Labels, Labels, Singles, Singles, Singles]

ALONE = 1e-12


def neighbor_centers(
    board: Whole,
    means: Floats,
    counts: Floats,
    shift: Floats,
    scale: float,
    most_share: float,
    members: Labels,
    places: Labels,
    vectors: Singles,
    half_norms: Singles,
    shares: Singles,
) -> None:
    """Write components as their neighbours are searched for; any number of threads.

    Place p holds component ``c = members[p]``: ``vectors[p] = scale (means[c] - shift)``, half its
    squared norm and one over its weight. Half norms of components without rows are ``+inf``, which
    keeps them from being found.

    Parameters
    ----------
    board : int64 array of shape (BOARD_SIZE,)
        Zeros at first. Threads that call this with the same arguments share the work; a call may
        return before it is done, with ``board[0] != -1``: then the same call goes on with it.
    means : array of shape (k, d)
    counts : array of shape (k,)
        Weight of the rows of each component.
    shift : array of shape (d,)
    scale : float
        A power of two, to keep squares of float64 data within float32; 1 for float32 data.
    most_share : float
        Limit of the shares; zero makes costs plain distances.
    members, places : int32 arrays of shape (k,)
        The component at each place, and the place of each component.
    vectors : float32 array of shape (k, d rounded up to a multiple of 16)
        Written, with zeros beyond the columns of the data.
    half_norms, shares : float32 arrays of shape (k,)
        Written.
    """
    if not claimed(board):
        return
    narrow = (scale * (means - shift)[members]).astype(np.float32)
    vectors[:] = 0
    vectors[:, : means.shape[1]] = narrow
    filled = counts[members] > 0
    norms = 0.5 * np.square(narrow.astype(float)).sum(axis=1)
    half_norms[:] = np.where(filled, norms, np.inf)
    inverse = np.divide(1.0, counts[members], out=np.zeros(len(filled)), where=filled)
    shares[:] = np.minimum(inverse, most_share)


def neighbor_order(labels: Labels, places: Labels, starts: Whole, order: Whole) -> None:
    """Sort rows by the place of their label, rows of the same place in their order.

    Parameters
    ----------
    labels : int32 array of shape (n,)
    places : int32 array of shape (k,)
    starts : int64 array of shape (k + 1,)
        Written: where the rows of each place start, and where the last end.
    order : int64 array of shape (n,)
        Written: the rows.
    """
    own = places[labels]
    order[:] = np.argsort(own, kind="stable")
    starts[0] = 0
    np.cumsum(np.bincount(own, minlength=places.size), out=starts[1:])


def neighbor_lists(
    board: Whole,
    points: Singles,
    starts: Whole,
    edges: Whole,
    order: Labels,
    enough: int,
    members: Labels,
    places: Labels,
    vectors: Singles,
    half_norms: Singles,
    shares: Singles,
    lists: Labels,
    evaluations: Whole,
) -> None:
    """Find the components nearest to each point, in no order; any number of threads.

    Those of the cells nearest to the point's own are looked at, as many cells as it takes to have
    `enough` components with rows; none without rows is listed.

    Parameters
    ----------
    board : see `neighbor_centers`
    points : float32 array of shape (m, columns of the vectors)
    starts : int64 array of shape (units + 1,)
        Where the points of each unit start.
    edges : int64 array of shape (cells + 1,)
        Where the places of each cell start.
    order : int32 array of shape (units, cells)
        Cells, nearest first.
    enough : int
    members, places, vectors, half_norms, shares : see `neighbor_centers`
    lists : int32 array of shape (m, g)
        Written: places, and -1 where there are fewer components than g.
    evaluations : int64 array of shape (1,)
        Added to: the number of distances.
    """
    if not claimed(board):
        return
    for unit, cells in enumerate(order):
        near = _of_nearest_cells(cells, edges, half_norms, enough)
        these = slice(starts[unit], starts[unit + 1])
        losses = half_norms[near] - points[these] @ vectors[near].T
        lists[these] = _smallest(losses, near, lists.shape[1])
        evaluations += losses.size


def neighbor_targets(
    board: Whole,
    X: Data,
    shift: Data,
    scale: float,
    order: Whole,
    starts: Whole,
    weights: Floats,
    labels: Labels,
    counts: Floats,
    members: Labels,
    places: Labels,
    vectors: Singles,
    half_norms: Singles,
    shares: Singles,
    edges: Whole,
    lists: Labels,
    index: Labels,
    gains: Floats,
    evaluations: Whole,
) -> None:
    """Find where rows would move to among a few components; any number of threads.

    Rows come in units, and consecutive units in groups; a group's rows are compared with all
    components that any of its units with rows lists. As `hartigan_targets`, a move to component c
    costs a unit of weight ``|x_n - mean_c|**2 / (1 + w_n share_c)``, and leaving the own
    component, whose rows weigh N, saves ``|x_n - mean|**2 N / (N - w_n)``. Summed in float32.

    Parameters
    ----------
    board : see `neighbor_centers`
    X : array of shape (n, d)
    shift : array of shape (d,)
    scale : float
    order : int64 array
        Rows unit by unit; nothing is written for rows that are not among them.
    starts : int64 array of shape (units + 1,)
        Where the rows of each unit start.
    weights : array of shape (n,)
    labels : int32 array of shape (n,)
        Own components; -1: none yet, and any move gains ``inf``.
    counts : array of shape (k,)
    members, places, vectors, half_norms, shares : see `neighbor_centers`
    edges : int64 array of shape (groups + 1,)
        Where the units of each group start.
    lists : int32 array of shape (units, g), or (1, g) for all units
        Places, each once; -1: none.
    index : int32 array of shape (n,)
        Written: the cheapest component but the own; -1 if there is none.
    gains : array of shape (n,)
        Written: what a unit of the row's weight would save by moving there; ``-inf`` if it is all
        that its component has, or there is no other.
    evaluations : int64 array of shape (1,)
        Added to: the number of distances.
    """
    if not claimed(board):
        return
    for first, last in pairwise(edges.tolist()):
        rows = order[starts[first] : starts[last]]
        if not rows.size:
            continue
        alive = np.flatnonzero(np.diff(starts[first : last + 1])) + first
        listed = np.unique(lists[[0] if len(lists) == 1 else alive])
        near = listed[listed >= 0]
        found = np.broadcast_to(near, (rows.size, near.size))
        narrow = _narrow(X[rows], shift, scale, vectors.shape[1])
        centers = members, places, vectors, half_norms, shares
        _find(narrow, rows, found, scale, (weights, labels, counts), centers, index, gains)
        evaluations += rows.size * (near.size + 1)


def neighbor_kept(
    board: Whole,
    X: Data,
    shift: Data,
    scale: float,
    weights: Floats,
    labels: Labels,
    counts: Floats,
    members: Labels,
    places: Labels,
    vectors: Singles,
    half_norms: Singles,
    shares: Singles,
    kept: Labels,
    index: Labels,
    gains: Floats,
) -> None:
    """Find where rows would move to among components listed for each; any number of threads.

    Parameters
    ----------
    board, X, shift, scale, weights, labels, counts, index, gains : see `neighbor_targets`
    members, places, vectors, half_norms, shares : see `neighbor_centers`
    kept : int32 array of shape (n, g)
        Components; -1: none.
    """
    if not claimed(board):
        return
    narrow = _narrow(X, shift, scale, vectors.shape[1])
    found = np.where(kept < 0, -1, places[kept])
    centers = members, places, vectors, half_norms, shares
    rows = np.arange(len(X))
    _find(narrow, rows, found, scale, (weights, labels, counts), centers, index, gains)


def _of_nearest_cells(cells: Labels, edges: Whole, half_norms: Singles, enough: int) -> Whole:
    found: list[int] = []
    for cell in cells:
        if len(found) >= enough:
            break
        places = range(edges[cell], edges[cell + 1])
        found += [place for place in places if half_norms[place] < np.inf]
    return np.array(found, dtype=np.int64)


def _smallest(losses: Singles, near: Whole, how_many: int) -> Labels:
    lists = np.full((len(losses), how_many), -1, dtype=np.int32)
    best = np.argsort(losses, axis=1, kind="stable")[:, :how_many]
    lists[:, : best.shape[1]] = near[best]
    return lists


def _narrow(X: Data, shift: Data, scale: float, padded: int) -> Singles:
    narrow = np.zeros((len(X), padded), dtype=np.float32)
    narrow[:, : X.shape[1]] = scale * (X - shift)
    return narrow


def _find(
    narrow: Singles,
    rows: Whole,
    found: Labels,
    scale: float,
    clustering: Clustering,
    centers: Centers,
    index: Labels,
    gains: Floats,
) -> None:
    """Compare some rows with the places found for each (-1: none)."""
    cost = _costs(narrow, rows, found, clustering, centers)
    padded = np.column_stack([cost, np.full(rows.size, np.inf)])
    names = np.column_stack([centers[0][found], np.full(rows.size, -1)])
    best = padded.argmin(axis=1)
    least = padded[np.arange(rows.size), best]
    some = least < np.inf
    index[rows] = np.where(some, names[np.arange(rows.size), best], -1)
    gain = (_saved(narrow, rows, clustering, centers) - np.where(some, least, 0.0)) / scale**2
    gains[rows] = np.where(some, gain, -np.inf)


def _costs(
    narrow: Singles, rows: Whole, found: Labels, clustering: Clustering, centers: Centers
) -> Singles:
    weights, labels, _ = clustering
    members, _, vectors, half_norms, shares = centers
    squares = np.square(narrow[:, None] - vectors[found]).sum(axis=2)
    costs: Singles = squares / (1 + weights[rows, None].astype(np.float32) * shares[found])
    barred = (found < 0) | (members[found] == labels[rows, None]) | np.isinf(half_norms[found])
    costs[barred] = np.inf
    return costs


def _saved(narrow: Singles, rows: Whole, clustering: Clustering, centers: Centers) -> Floats:
    weights, labels, counts = clustering
    _, places, vectors, _, _ = centers
    own = labels[rows]
    left = counts[own]
    rest = left - weights[rows]
    free = rest > ALONE * left
    share = np.divide(left, rest, out=np.zeros_like(left), where=free)
    saved = np.square(narrow - vectors[places[own]]).sum(axis=1) * share
    return np.where(own < 0, np.inf, np.where(free, saved, -np.inf))
