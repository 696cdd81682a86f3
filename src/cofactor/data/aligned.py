"""Arrays that begin where a cache line does."""

from __future__ import annotations

from typing import Any

import numpy as np

from cofactor.data.base import GROUP_SIZE, Array, Floats

LINE = 64  # bytes
STRIP = 128  # rows


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
    size = int(np.prod(shape)) * np.dtype(dtype).itemsize
    room = np.zeros(size + LINE, dtype=np.uint8)
    offset = -room.ctypes.data % LINE
    return room[offset : offset + size].view(dtype).reshape(shape)


def in_groups(matrix: Floats, dtype: Any) -> Array:
    """Return a matrix (d, k) in this precision, its columns padded with zeros to whole groups."""
    d, k = matrix.shape
    padded = aligned_zeros((d, -(-k // GROUP_SIZE) * GROUP_SIZE), dtype)
    padded[:, :k] = matrix
    return padded


def transposed(matrix: Array) -> Array:
    """Return a C-contiguous copy of the transpose, strip by strip: caches hold a few rows."""
    copy = np.empty(matrix.shape[::-1], dtype=matrix.dtype)
    for start in range(0, len(matrix), STRIP):
        copy[:, start : start + STRIP] = matrix[start : start + STRIP].T
    return copy
