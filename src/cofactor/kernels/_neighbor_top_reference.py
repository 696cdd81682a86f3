"""The few likeliest components among neighbours, in NumPy; part of the specification."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import pairwise
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from cofactor.kernels._relay_reference import claimed

Data: TypeAlias = NDArray[np.float32] | NDArray[np.float64]
Floats: TypeAlias = NDArray[np.float64]
Labels: TypeAlias = NDArray[np.int32]
Whole: TypeAlias = NDArray[np.int64]
Indices: TypeAlias = NDArray[np.int32] | NDArray[np.int64]

# Order, starts, what is kept, members, places, edges and lists.
Units: TypeAlias = tuple[Whole, Whole, Labels, Labels, Labels, Whole, Labels]

GROUP = 16  # components that sparse rows meet together


def neighbor_top(
    board: Whole,
    X: Data,
    shift: Data,
    order: Whole,
    starts: Whole,
    kept: Labels,
    members: Labels,
    places: Labels,
    vectors: Data,
    offsets: Data,
    edges: Whole,
    lists: Labels,
    index: Labels,
    loss: Floats,
    evaluations: Whole,
) -> None:
    """Find the likeliest components of rows among a few; any number of threads.

    Rows come in units, and consecutive units in groups; a group's rows are compared with all
    components that any of them keeps or any of its units with rows lists. So what a row keeps is
    never worse than what it kept. Losses are ``offset - <x - shift, vector>``.

    Parameters
    ----------
    board : int64 array of shape (BOARD_SIZE,)
        Zeros at first; see `neighbor_centers`.
    X : array of shape (n, d)
    shift : array of shape (d,)
    order : int64 array
        Rows unit by unit; nothing is written for rows that are not among them.
    starts : int64 array of shape (units + 1,)
        Where the rows of each unit start.
    kept : int32 array of shape (n, c)
        Components that each row keeps so far; -1: none.
    members, places : int32 arrays of shape (k,)
        The component at each place, and the place of each component.
    vectors : array of shape (k, d)
        Place by place.
    offsets : array of shape (k,)
        Place by place; ``+inf`` keeps a component from being found.
    edges : int64 array of shape (groups + 1,)
        Where the units of each group start.
    lists : int32 array of shape (units, g)
        Places; -1: none.
    index : int32 array of shape (n, c)
        Written: components of the smallest losses, ascending; of equal ones any.
    loss : array of shape (n, c)
        Written: their losses.
    evaluations : int64 array of shape (1,)
        Added to: the number of losses.
    """

    def losses(rows: Whole, near: Whole) -> Data:
        result: Data = offsets[near] - (X[rows] - shift) @ vectors[near].T
        return result

    if claimed(board):
        units = order, starts, kept, members, places, edges, lists
        evaluations += _find(losses, units, index, loss)


def neighbor_top_scaled(
    board: Whole,
    X: Data,
    shift: Floats,
    order: Whole,
    starts: Whole,
    kept: Labels,
    members: Labels,
    places: Labels,
    vectors: Floats,
    offsets: Floats,
    edges: Whole,
    lists: Labels,
    index: Labels,
    loss: Floats,
    evaluations: Whole,
) -> None:
    """Find the likeliest components under losses along the axes, in float64.

    As `neighbor_top`, with losses ``offset + |(x - shift - center) * scale|**2 / 2``.

    Parameters
    ----------
    vectors : array of shape (k, 2 d)
        Place by place: a center, and then its scales.
    """
    centers, scales = np.split(vectors, 2, axis=1)

    def losses(rows: Whole, near: Whole) -> Data:
        residuals = (X[rows] - shift)[:, None] - centers[near]
        result: Floats = offsets[near] + 0.5 * np.square(residuals * scales[near]).sum(axis=2)
        return result

    if claimed(board):
        units = order, starts, kept, members, places, edges, lists
        evaluations += _find(losses, units, index, loss)


def neighbor_top_whitened(
    board: Whole,
    X: Data,
    shift: Floats,
    order: Whole,
    starts: Whole,
    kept: Labels,
    members: Labels,
    places: Labels,
    vectors: Floats,
    offsets: Floats,
    edges: Whole,
    lists: Labels,
    index: Labels,
    loss: Floats,
    evaluations: Whole,
) -> None:
    """Find the likeliest components under losses of any shape, in float64.

    As `neighbor_top`, with losses ``offset + |(x - shift) P - center|**2 / 2`` and an upper
    triangular P for each component.

    Parameters
    ----------
    vectors : array of shape (k, d + d (d + 1) / 2)
        Place by place: a center, and then the columns of P without their zeros.
    """
    d = X.shape[1]
    column, row = np.tril_indices(d)
    factors = np.zeros((len(vectors), d, d))
    factors[:, row, column] = vectors[:, d:]

    def losses(rows: Whole, near: Whole) -> Data:
        whitened = np.einsum("nl,clj->ncj", X[rows] - shift, factors[near])
        result: Floats = offsets[near] + 0.5 * np.square(whitened - vectors[near, :d]).sum(axis=2)
        return result

    if claimed(board):
        units = order, starts, kept, members, places, edges, lists
        evaluations += _find(losses, units, index, loss)


def neighbor_top_csr(
    board: Whole,
    indptr: Indices,
    indices: Indices,
    data: Data,
    order: Whole,
    starts: Whole,
    kept: Labels,
    members: Labels,
    places: Labels,
    components_t: Data,
    offsets: Data,
    edges: Whole,
    lists: Labels,
    index: Labels,
    loss: Floats,
    evaluations: Whole,
) -> None:
    """Find the likeliest components of sparse rows among a few; any number of threads.

    As `neighbor_top`, about the origin; components come sixteen neighbouring places at a time, so
    that a row meets whole groups of those.

    Parameters
    ----------
    components_t : array of shape (d, k rounded up to a multiple of 16)
        Components in the order of their places, in columns.
    offsets : array of shape (k rounded up to a multiple of 16,)
        ``+inf`` beyond the last component.
    """
    X = sparse.csr_array((data, indices, indptr), shape=(len(indptr) - 1, len(components_t)))

    def losses(rows: Whole, near: Whole) -> Data:
        return np.asarray(offsets[near] - X[rows] @ components_t[:, near])

    if claimed(board):
        units = order, starts, kept, members, places, edges, lists
        evaluations += _find(losses, units, index, loss, GROUP)


def _find(
    losses: Callable[[Whole, Whole], Data],
    units: Units,
    index: Labels,
    loss: Floats,
    step: int = 1,
) -> int:
    """Write what the rows of each group find; return how many losses that took."""
    members, keep, found = units[3], index.shape[1], 0
    for rows, near in _groups(units, step, keep):
        known = losses(rows, near)
        best = np.argsort(known, axis=1, kind="stable")[:, :keep]
        index[rows] = members[np.minimum(near[best], len(members) - 1)]
        loss[rows] = np.take_along_axis(known, best, axis=1)
        found += known.size
    return found


def _groups(units: Units, step: int, keep: int) -> Iterator[tuple[Whole, Whole]]:
    """Yield the rows of each group that has any, and the places that they are compared with."""
    order, starts, kept, members, places, edges, lists = units
    for first, last in pairwise(edges.tolist()):
        rows = order[starts[first] : starts[last]]
        if not rows.size:
            continue
        held = kept[rows][kept[rows] >= 0]
        alive = np.flatnonzero(np.diff(starts[first : last + 1])) + first
        listed = lists[alive][lists[alive] >= 0]
        wanted = np.concatenate([places[held], listed]) // step
        least = keep if step == 1 else keep // step + 2
        numbers = _each_once(wanted, -(-len(members) // step), least)
        near = (numbers[:, None] * step + np.arange(step)).ravel()
        assert np.isin(places[held], near).all(), "what a row keeps is among its candidates"
        yield rows, near


def _each_once(wanted: Whole, limit: int, least: int) -> Whole:
    """Return each number once, and others below the limit until there are enough."""
    _, first = np.unique(wanted, return_index=True)
    numbers = wanted[np.sort(first)].astype(np.int64)
    others = np.setdiff1d(np.arange(limit), numbers)
    return np.append(numbers, others[: max(0, least - len(numbers))])
