"""Jobs that threads share, in NumPy: whoever comes first does all."""

from __future__ import annotations

from threading import Lock
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

Board: TypeAlias = NDArray[np.int64]

BOARD_SIZE = 48

_LOCK = Lock()


def claimed(board: Board) -> bool:
    """Return whether this is the first call with this board of zeros, and mark it."""
    with _LOCK:
        is_first = not board[0]
        board[0] = -1
    return is_first
