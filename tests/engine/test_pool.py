"""Pools of threads are lent to one caller at a time, and kept for the next."""

from __future__ import annotations

import os
import sys

import pytest

from cofactor.engine.pool import pool_of


def test_the_last_pool_given_back_is_lent_again():
    with pool_of(2) as first:
        pass
    with pool_of(2) as second:
        assert second is first
        assert second.submit(sum, [1, 2]).result() == 3


def test_nobody_shares_a_pool():
    with pool_of(2) as first, pool_of(2) as second:
        assert first is not second


def test_a_pool_has_as_many_threads_as_are_asked_for():
    with pool_of(2) as two:
        pass
    with pool_of(3) as three:
        assert three is not two


def test_a_pool_whose_caller_failed_is_not_kept():
    with pytest.raises(KeyError), pool_of(2) as first:
        raise KeyError
    with pool_of(2) as second:
        assert second is not first


@pytest.mark.skipif(sys.platform == "win32", reason="needs fork")
@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # forks with threads, on purpose
def test_a_forked_child_starts_threads_of_its_own():
    with pool_of(2) as pool:
        assert pool.submit(sum, [1]).result() == 1
    child = os.fork()
    if child == 0:
        with pool_of(2) as own:
            os._exit(own.submit(sum, [1, 2]).result(timeout=60) != 3)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
