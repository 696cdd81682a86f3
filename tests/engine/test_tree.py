"""The fixed tree: same bits for any order of arrival, and a good sum."""

from __future__ import annotations

import math
import threading
from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cofactor.engine import Additive, SerialEngine, ThreadEngine, engine_for
from cofactor.engine.pool import Pool
from cofactor.engine.threads import resolve_threads
from cofactor.engine.tree import PairwiseSum
from cofactor.errors import InputError

numbers = st.floats(-1e12, 1e12, allow_nan=False)


def total(values, order):
    tree = PairwiseSum(len(values))
    for leaf in order:
        tree.put(leaf, values[leaf])
    return tree.result()


@given(values=st.lists(numbers, min_size=1, max_size=70), rng=st.randoms(use_true_random=False))
def test_order_of_arrival_does_not_change_a_bit(values, rng):
    order = list(range(len(values)))
    in_order = total(values, order)
    rng.shuffle(order)
    assert total(values, order) == in_order


@given(values=st.lists(numbers, min_size=1, max_size=70))
def test_sum_is_right_within_rounding(values):
    depth = math.ceil(math.log2(len(values))) + 1
    bound = depth * 2.0**-52 * math.fsum(map(abs, values))
    assert abs(total(values, range(len(values))) - math.fsum(values)) <= bound


def test_tree_keeps_the_order_of_the_leaves():
    letters = list("abcdefghijk")
    assert total(letters, [7, 3, 10, 0, 1, 9, 2, 8, 5, 6, 4]) == "".join(letters)


def test_few_partial_sums_are_alive_at_a_time():
    tree = PairwiseSum(64)
    for leaf in range(63):
        tree.put(leaf, 1.0)
        assert len(tree._waiting) <= 6


@dataclass(frozen=True)
class Pair(Additive):
    count: int
    sums: np.ndarray


def step(block, state):
    return Pair(1, np.array([block, state])), state + 1


def test_additive_adds_field_by_field():
    both = Pair(1, np.array([1.0, 2.0])) + Pair(2, np.array([0.5, 0.5]))
    assert both.count == 3
    np.testing.assert_array_equal(both.sums, [1.5, 2.5])


@given(blocks=st.lists(numbers, min_size=1, max_size=30), n_threads=st.integers(1, 7))
def test_engines_agree_to_the_bit(blocks, n_threads):
    states = [float(i) for i in range(len(blocks))]
    expected, expected_states = SerialEngine().map_reduce(step, blocks, states)
    with Pool(n_threads) as pool:
        got, new_states = ThreadEngine(pool, n_threads).map_reduce(step, blocks, states)
    assert got.count == expected.count == len(blocks)
    np.testing.assert_array_equal(got.sums, expected.sums)
    assert new_states == expected_states == [state + 1 for state in states]


def test_threads_run_side_by_side():
    meeting = threading.Barrier(2, timeout=30)  # breaks unless two blocks run at once

    def meet(block, state):
        meeting.wait()
        return block, state

    with engine_for(2, n_blocks=2) as engine:
        assert engine.map_reduce(meet, [1, 2], [None, None])[0] == 3


def test_workers_take_part_together():
    meeting = threading.Barrier(3, timeout=30)  # breaks unless all calls are under way
    with engine_for(3, n_blocks=5) as engine:
        engine.together(meeting.wait)
        assert engine.n_workers == 3


def test_errors_of_a_block_are_raised():
    def fail(block, state):
        raise ZeroDivisionError(block)

    with engine_for(3, n_blocks=5) as engine, pytest.raises(ZeroDivisionError):
        engine.map_reduce(fail, range(5), range(5))


def test_an_error_ends_the_work_of_all():
    begun = []

    def fail(place):
        begun.append(place)
        raise IndexError("of the work itself")

    with pytest.raises(IndexError, match="of the work itself"), engine_for(3, 1000) as engine:
        engine.map(fail, range(1000))
    assert len(begun) <= 3


def test_map_keeps_order():
    with engine_for(3, n_blocks=20) as engine:
        assert engine.map(lambda item: item**2, range(20)) == [i**2 for i in range(20)]


@pytest.mark.parametrize(("n_threads", "n_blocks"), [(1, 9), (4, 1)])
def test_one_worker_needs_no_pool(n_threads, n_blocks):
    with engine_for(n_threads, n_blocks) as engine:
        assert isinstance(engine, SerialEngine)


def test_threads_must_be_positive():
    assert resolve_threads(None) >= 1
    with pytest.raises(InputError, match="n_threads is 0; expected None or an integer"):
        resolve_threads(0)
