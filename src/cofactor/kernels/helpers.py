"""Threads that help with kernels: whose board names them, they call a kernel, too."""

from __future__ import annotations

import numpy as np

from cofactor.kernels._choice import compiled
from cofactor.kernels._relay_reference import BOARD_SIZE, Board

HELPERS = 2  # where a board names its helpers
NOBODY = 0


def hire(n: int) -> int:
    """Start native threads that help one caller at a time.

    Parameters
    ----------
    n : int
        How many.

    Returns
    -------
    helpers : int
        What boards call them; `NOBODY` where kernels are not compiled.
    """
    return compiled().hire(n) if n and compiled() else NOBODY


def dismiss(helpers: int) -> None:
    """End the threads that :func:`hire` started, unless they are those of a parent process."""
    if helpers != NOBODY:
        compiled().dismiss(helpers)


def board_for(helpers: int) -> Board:
    """Return the board of a new job, shape (BOARD_SIZE,): zeros but for those who help."""
    board = np.zeros(BOARD_SIZE, dtype=np.int64)
    board[HELPERS] = helpers
    return board
