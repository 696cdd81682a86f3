"""Arrays that begin where a cache line does."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple, TypeVar, cast

import numpy as np

from cofactor import kernels
from cofactor.data.base import GROUP_SIZE, Array, Floats

LINE = 64  # bytes
STRIP = 128  # rows
OWN_BYTES = 1 << 22  # of matrices that each thread lays out for itself
STRIP_COLUMNS = 64  # of the data, whose components lie together
REST_SIZE = 4  # columns beside whole groups
MOST_GROUPS = 3  # that are worth a rest

M = TypeVar("M")


class Columns:
    """A matrix (d, p) that many blocks are multiplied with, prepared once for each precision.

    Attributes
    ----------
    matrix : ndarray of shape (d, p)
    """

    def __init__(self, matrix: Floats) -> None:
        self.matrix = matrix
        self._groups: dict[Any, Array] = {}

    def groups(self, dtype: Any) -> Array:
        """Return it as :func:`in_groups` does."""
        if dtype not in self._groups:
            self._groups[dtype] = in_groups(self.matrix, dtype)
        return self._groups[dtype]


def aligned_zeros(shape: tuple[int, ...], dtype: Any) -> Array:
    """Return zeros whose first one begins a cache line, so that whole vectors do not straddle two.

    Pages of the system are not touched before they are written to.
    """
    return _aligned(np.zeros, shape, dtype)


def aligned_empty(shape: tuple[int, ...], dtype: Any) -> Array:
    """Return room that begins where a cache line does."""
    return _aligned(np.empty, shape, dtype)


def _aligned(make: Callable[..., Array], shape: tuple[int, ...], dtype: Any) -> Array:
    size = int(np.prod(shape)) * np.dtype(dtype).itemsize
    room = make(size + LINE, dtype=np.uint8)
    offset = -room.ctypes.data % LINE
    return room[offset : offset + size].view(dtype).reshape(shape)


def in_groups(matrix: Floats, dtype: Any) -> Array:
    """Return a matrix (d, k) in this precision, its columns padded with zeros to whole groups."""
    d, k = matrix.shape
    padded = aligned_empty((d, -(-k // GROUP_SIZE) * GROUP_SIZE), dtype)
    padded[:, :k], padded[:, k:] = matrix, 0
    return padded


class Lanes(NamedTuple):
    """A matrix (d, k) as the kernels of Poisson rows take it, or as it is.

    Attributes
    ----------
    whole : ndarray of shape (d, w)
        Whole groups of its columns, the last one filled up with zeros; or the matrix itself.
    rest : ndarray of shape (d, 4) or (d, 0)
        Up to four columns that follow up to three groups; of others none are left. Shape (0, 0)
        beside the matrix itself.
    totals : ndarray of shape (1, k) or (0, k)
        The weighted sums of its columns, in float64; none beside the matrix itself.
    """

    whole: Array
    rest: Array
    totals: Floats


class LaidOut:
    """A matrix (d, k) that rows of many blocks meet, laid out for each precision.

    Parameters
    ----------
    matrix : ndarray of shape (d, k)
    weights : ndarray of shape (d,), optional
        Of its rows; default 1.
    """

    def __init__(self, matrix: Array, weights: Floats | None = None) -> None:
        self._matrix, self._weights = matrix, weights
        self._made: dict[Any, Any] = {}

    def lanes(self, dtype: Any) -> Lanes:
        """Return it for lists of counts; see :func:`in_lanes`."""
        weights = self.column_weights(dtype)
        return self._once(("lanes", dtype), lambda: in_lanes(self._matrix, dtype, weights))

    def lanes_of_each(self, dtype: Any) -> Lanes:
        """Return it for threads that share a kernel: a small one as it is, see :func:`as_given`.

        Each lays it out for itself then, and finds it in its own cache, not line by line in that
        of another thread.
        """
        if self._matrix.size * np.dtype(dtype).itemsize > OWN_BYTES:
            return self.lanes(dtype)
        return self._once(("as given", dtype), lambda: as_given(self._matrix, dtype))

    def strips(self, dtype: Any) -> Array:
        """Return it for dense counts; see :func:`in_strips`."""
        return self._once(("strips", dtype), lambda: in_strips(self._matrix.T, dtype))

    def column_weights(self, dtype: Any) -> Array:
        """Return the weights of its rows, shape (d,); none: (0,)."""
        own = np.zeros(0) if self._weights is None else self._weights
        return self._once(("weights", dtype), lambda: own.astype(dtype))

    def _once(self, kind: Any, make: Callable[[], M]) -> M:
        if kind not in self._made:
            self._made[kind] = make()
        return cast(M, self._made[kind])


def as_given(matrix: Array, dtype: Any) -> Lanes:
    """Return a matrix (d, k) in this precision for kernels that lay it out and add it up."""
    none = np.empty((0, 0), dtype=dtype)
    totals = np.empty((0, matrix.shape[1]))
    return Lanes(np.ascontiguousarray(matrix, dtype=dtype), none, totals)


def in_lanes(matrix: Array, dtype: Any, weights: Array) -> Lanes:
    """Return a matrix (d, k) in this precision; ``weights`` of its rows are (d,), or (0,) for 1."""
    d, k = matrix.shape
    groups, over = divmod(k, GROUP_SIZE)
    resting = 1 <= groups <= MOST_GROUPS and 1 <= over <= REST_SIZE
    width = groups if resting else -(-k // GROUP_SIZE)
    whole = aligned_empty((d, width * GROUP_SIZE), dtype)
    rest = aligned_empty((d, REST_SIZE if resting else 0), dtype)
    totals = np.empty((1, k))
    kernels.lay_components(
        np.ascontiguousarray(matrix, dtype=dtype), weights, whole, rest, totals[0]
    )
    return Lanes(whole, rest, totals)


def in_strips(components: Floats, dtype: Any) -> Array:
    """Return components (k, d) in this precision, as the kernels of dense counts take them.

    Shape (d', k', 64): those of 64 columns of the data after those of the 64 before, with zeros
    where there are no more columns, and for one more component where their number is odd.
    """
    k, d = components.shape
    strips = aligned_empty((-(-d // STRIP_COLUMNS), k + k % 2, STRIP_COLUMNS), dtype)
    whole = d // STRIP_COLUMNS * STRIP_COLUMNS
    in_turn = components[:, :whole].reshape(k, -1, STRIP_COLUMNS)
    strips[: whole // STRIP_COLUMNS, :k] = in_turn.transpose(1, 0, 2)
    if whole < d:
        strips[-1, :k, : d - whole], strips[-1, :k, d - whole :] = components[:, whole:], 0
    strips[:, k:] = 0
    return strips


def transposed(matrix: Array) -> Array:
    """Return a C-contiguous copy of the transpose, strip by strip: caches hold a few rows."""
    copy = np.empty(matrix.shape[::-1], dtype=matrix.dtype)
    for start in range(0, len(matrix), STRIP):
        copy[:, start : start + STRIP] = matrix[start : start + STRIP].T
    return copy
