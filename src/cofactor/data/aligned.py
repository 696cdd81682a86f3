"""Arrays that begin where a cache line does."""

from __future__ import annotations

from typing import Any

import numpy as np

from cofactor.data.base import GROUP_SIZE, Array, Floats

LINE = 64  # bytes


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
