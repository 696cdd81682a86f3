"""Native threads help with kernels whose boards name them."""

from __future__ import annotations

import os
import subprocess
import sys
import time

import numpy as np
import pytest

from cofactor import kernels
from cofactor.data.sharing import OVER
from cofactor.engine.pool import Pool, pool_of
from cofactor.engine.serial import SerialEngine
from cofactor.kernels import HELPERS, NOBODY

compiled = pytest.mark.skipif(kernels.implementation() == "reference", reason="needs a compiler")

CALLERS = 8  # where the kernels of Poisson rows count on the board who called them


def multiply(helpers: int, rows: int = 40_000, k: int = 5) -> tuple[np.ndarray, np.ndarray]:
    """Take a multiplicative step of rows that are counts; return the codes and the board."""
    rng = np.random.default_rng(0)
    X = rng.poisson(1.0, (rows, 8)).astype(float)
    indptr = np.arange(0, 8 * rows + 1, 8, dtype=np.int32)
    indices = np.tile(np.arange(8, dtype=np.int32), rows)
    whole, totals = np.zeros((8, 16)), np.empty(k)
    kernels.lay_components(rng.random((8, k)) + 0.1, np.zeros(0), whole, np.zeros((8, 0)), totals)
    start, codes = np.ones((rows, k)), np.empty((rows, k))
    nothing, floor = np.zeros(0), 1e-12
    board = kernels.board_for(helpers)
    while board[0] != OVER:
        kernels.poisson_multiplicative_csr(
            board, indptr, indices, X.ravel(), nothing, whole, np.zeros((8, 0)), totals[None, :],
            nothing, start, np.empty((0, k)), codes, 0.0, 0.0, 0.0, floor, nothing, nothing,
        )  # fmt: skip
    return codes, board


@compiled
@pytest.mark.parametrize("n", [1, 3])
def test_helpers_take_part_and_change_no_bit(n):
    alone, _ = multiply(NOBODY)
    helpers, callers = kernels.hire(n), 1
    until = time.monotonic() + 60
    while (
        callers < 2 and time.monotonic() < until
    ):  # none is waited for, so some call may miss them
        codes, board = multiply(helpers)
        np.testing.assert_array_equal(codes, alone)
        callers = board[CALLERS]
    kernels.dismiss(helpers)
    assert 2 <= callers <= n + 1


@compiled
def test_helpers_that_fell_asleep_wake_up():
    helpers, callers = kernels.hire(1), []
    until = time.monotonic() + 60
    while len(callers) < 3 and time.monotonic() < until:
        time.sleep(0.02)
        callers += [1] if multiply(helpers)[1][CALLERS] == 2 else []
    kernels.dismiss(helpers)
    assert len(callers) == 3


def test_a_board_names_its_helpers_and_nothing_else():
    board = kernels.board_for(5)
    assert board[HELPERS] == 5
    assert np.count_nonzero(board) == 1


def test_nobody_helps_where_one_thread_works():
    assert SerialEngine().helpers == NOBODY
    assert kernels.hire(0) == NOBODY
    kernels.dismiss(NOBODY)


@compiled
def test_a_pool_keeps_its_helpers():
    with Pool(2) as pool:
        assert pool.helpers == pool.helpers != NOBODY


@compiled
@pytest.mark.skipif(sys.platform == "win32", reason="needs fork")
@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # forks with threads, on purpose
def test_a_forked_child_lets_its_parents_helpers_be():
    with pool_of(2) as pool:
        before = pool.helpers
        multiply(before)
    child = os.fork()
    if child == 0:
        kernels.dismiss(before)
        with pool_of(2) as own:
            same = np.array_equal(multiply(own.helpers)[0], multiply(NOBODY)[0])
            os._exit(not same)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    multiply(before)


@compiled
def test_helpers_do_not_keep_a_program_from_ending():
    code = (
        "from cofactor.engine.pool import pool_of\n"
        "with pool_of(3) as pool: print(pool.helpers != 0)"
    )
    ran = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True
    )
    assert ran.stdout.strip() == "True"
    assert not ran.stderr
