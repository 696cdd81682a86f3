"""The one order in which statistics are added."""

from __future__ import annotations

from collections.abc import Sequence
from operator import add
from typing import Generic, TypeVar

from cofactor.engine.base import Addable

A = TypeVar("A", bound=Addable)


def pairwise_sum(values: Sequence[A]) -> A:
    """Return the sum of values that are all there, in the order of :class:`PairwiseSum`."""
    while len(values) > 1:
        values = [*map(add, values[::2], values[1::2]), *values[len(values) // 2 * 2 :]]
    (total,) = values
    return total


class PairwiseSum(Generic[A]):
    """Sum of leaves ``0 … n−1`` over a balanced binary tree whose shape depends on ``n`` alone.

    Leaves may arrive in any order: a node is added up as soon as both its halves are there, so
    about ``log2(n)`` partial sums are alive when leaves arrive nearly in order. The result has the
    same bits for every order of arrival.

    Parameters
    ----------
    n_leaves : int
        Number of leaves, at least 1.
    """

    def __init__(self, n_leaves: int) -> None:
        self._n_leaves = n_leaves
        self._waiting: dict[tuple[int, int], A] = {}

    def put(self, leaf: int, value: A) -> None:
        """Hand in one leaf, and add up every node that this completes."""
        level, position, width = 0, leaf, self._n_leaves
        while width > 1:
            sibling = position ^ 1
            if sibling < width:
                other = self._waiting.pop((level, sibling), None)
                if other is None:
                    self._waiting[level, position] = value
                    return
                value = value + other if position < sibling else other + value
            level, position, width = level + 1, position // 2, (width + 1) // 2
        self._waiting[level, position] = value

    def result(self) -> A:
        """Return the total; every leaf must have been put."""
        (total,) = self._waiting.values()
        return total
