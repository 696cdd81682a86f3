"""Arrays that begin where a cache line does."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from cofactor.data.base import GROUP_SIZE, Array, Floats

LINE = 64  # bytes
STRIP = 128  # rows
REST_SIZE = 4  # columns beside whole groups
MOST_GROUPS = 3  # that are worth a rest


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
    return _padded(matrix, -(-matrix.shape[1] // GROUP_SIZE) * GROUP_SIZE, dtype)


def _padded(matrix: Floats, width: int, dtype: Any) -> Array:
    d, k = matrix.shape
    padded = aligned_empty((d, width), dtype)
    padded[:, :k], padded[:, k:] = matrix, 0
    return padded


def in_groups_and_rest(matrix: Floats, dtype: Any) -> tuple[Array, Array]:
    """Return a matrix (d, k) in this precision, cut as the kernels of Poisson rows take it.

    The first array has whole groups of columns. Up to four columns that follow up to three groups
    are all of the second; else it has none.
    """
    groups, rest = divmod(matrix.shape[1], GROUP_SIZE)
    if not (1 <= groups <= MOST_GROUPS and 1 <= rest <= REST_SIZE):
        return in_groups(matrix, dtype), np.zeros((len(matrix), 0), dtype)
    end = groups * GROUP_SIZE
    return in_groups(matrix[:, :end], dtype), _padded(matrix[:, end:], REST_SIZE, dtype)


def transposed(matrix: Array) -> Array:
    """Return a C-contiguous copy of the transpose, strip by strip: caches hold a few rows."""
    copy = np.empty(matrix.shape[::-1], dtype=matrix.dtype)
    for start in range(0, len(matrix), STRIP):
        copy[:, start : start + STRIP] = matrix[start : start + STRIP].T
    return copy
