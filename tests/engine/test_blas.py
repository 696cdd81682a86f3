"""BLAS has one thread while blocks run, and then those that it had."""

from __future__ import annotations

import pytest
from threadpoolctl import threadpool_info, threadpool_limits

from cofactor.engine import engine_for


def blas_threads() -> list[int]:
    return [
        library["num_threads"] for library in threadpool_info() if library["user_api"] == "blas"
    ]


@pytest.mark.parametrize("n_threads", [1, 3])
def test_blas_is_held_while_blocks_run(n_threads):
    with threadpool_limits(2, user_api="blas"):
        before = blas_threads()
        with engine_for(n_threads, n_blocks=5) as engine:
            for found in engine.map(lambda _: blas_threads(), range(5)):
                assert all(n == 1 for n in found)
        assert blas_threads() == before


def test_blas_is_let_go_after_an_error():
    with threadpool_limits(2, user_api="blas"):
        before = blas_threads()
        with pytest.raises(ZeroDivisionError), engine_for(1, n_blocks=1) as engine:
            engine.map(lambda block: 1 // block, [0])
        assert blas_threads() == before
