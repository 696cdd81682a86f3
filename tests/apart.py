"""Engines whose workers share no memory."""

from __future__ import annotations

import pickle

from cofactor.engine import SerialEngine, ThreadEngine
from cofactor.engine.tree import PairwiseSum


def carried(step, blocks, states):
    """Return what reaches each block."""
    return [pickle.dumps((step, *pair)) for pair in zip(blocks, states, strict=True)]


class Apart(SerialEngine):
    """Blocks one after the other; nothing but what a step carries reaches them."""

    shares_memory = False

    def together(self, function):
        raise AssertionError("Workers that share no memory cannot work on one job.")

    def map_reduce(self, step, blocks, states):
        pairs = [run(task) for task in carried(step, blocks, states)]
        return added(pairs), [state for _, state in pairs]


class Threads(ThreadEngine):
    """Threads that are told nothing but steps."""

    shares_memory = False


class Processes(Apart):
    """Blocks in other processes."""

    def __init__(self, pool):
        super().__init__()
        self._pool = pool

    def map_reduce(self, step, blocks, states):
        pairs = list(self._pool.map(run, carried(step, blocks, states)))
        return added(pairs), [state for _, state in pairs]


def run(task):
    step, block, state = pickle.loads(task)
    return step(block, state)


def added(pairs):
    total = PairwiseSum(len(pairs))
    for leaf, (statistics, _) in enumerate(pairs):
        total.put(leaf, statistics)
    return total.result()
