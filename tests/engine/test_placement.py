"""Threads wake up beside the thread that wakes them, not behind it."""

from __future__ import annotations

import os
import threading

import pytest

from cofactor.engine import placement
from cofactor.engine.placement import wake_elsewhere
from cofactor.engine.pool import pool_of
from cofactor.engine.threads import ThreadEngine

pytestmark = pytest.mark.skipif(
    not hasattr(os, "sched_setaffinity") or len(os.sched_getaffinity(0)) < 2,
    reason="needs a system that places threads on two processors or more",
)


def processors(pool):
    """Return where the pool's thread may run."""
    return pool.submit(os.sched_getaffinity, 0).result()


def test_a_sleeping_thread_is_kept_off_the_callers_processor_until_it_is_free():
    allowed = os.sched_getaffinity(0)
    here = next(iter(allowed))
    with pool_of(1) as pool:
        processors(pool)  # it has started
        os.sched_setaffinity(0, {here})
        try:  # the caller may run on one processor only: nothing is done
            wake_elsewhere(pool.threads)
            assert processors(pool) == allowed
        finally:
            os.sched_setaffinity(0, allowed)
        anywhere = wake_elsewhere(pool.threads)
        assert len(processors(pool)) == len(allowed) - 1
        pool.submit(anywhere).result()
        assert processors(pool) == allowed


def test_workers_of_an_engine_may_run_anywhere_again():
    allowed, seen = os.sched_getaffinity(0), []
    both = threading.Barrier(2, timeout=30)

    def work():
        both.wait()
        seen.append(os.sched_getaffinity(0))

    with pool_of(1) as pool:
        processors(pool)
        ThreadEngine(pool, 2).together(work)
    assert seen == [allowed, allowed]


def test_a_thread_that_has_ended_is_left_alone():
    thread = threading.Thread(target=lambda: None)
    thread.start()
    thread.join()
    wake_elsewhere([thread.native_id])()


def test_systems_that_do_not_tell_processors_apart_are_left_alone(monkeypatch):
    monkeypatch.setattr(placement, "_sched_getcpu", lambda: None)
    with pool_of(1) as pool:
        before = processors(pool)
        wake_elsewhere(pool.threads)()
        assert processors(pool) == before
