"""The boundary between the mathematics and the machines that run it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Protocol, Self, TypeVar


class Addable(Protocol):
    """A statistic: anything that two blocks' results can be added as."""

    def __add__(self, other: Any, /) -> Self:
        """Sum of the statistics of two disjoint sets of rows."""
        ...


class Additive:
    """Base of dataclasses of numbers and arrays that are added and scaled field by field."""

    def __add__(self, other: Self) -> Self:
        """Return the sum of the two, field by field."""
        return type(self)(**{name: own + getattr(other, name) for name, own in vars(self).items()})

    def scaled(self, factor: float) -> Self:
        """Return every field times a factor."""
        return type(self)(**{name: factor * own for name, own in vars(self).items()})


B = TypeVar("B")
S = TypeVar("S")
A = TypeVar("A", bound=Addable)


class Engine(Protocol):
    """Runs one function on every block and adds the results in one fixed order."""

    def map_reduce(
        self, step: Callable[[B, S], tuple[A, S]], blocks: Sequence[B], states: Sequence[S]
    ) -> tuple[A, list[S]]:
        """Apply ``step`` to each block and its state.

        Parameters
        ----------
        step : callable
            ``step(block, state) -> (statistics, new state)``; must not write to its arguments.
        blocks : sequence
            At least one block.
        states : sequence
            The row state of each block, same length as ``blocks``.

        Returns
        -------
        statistics : Addable
            Sum over all blocks, added in the order of :func:`cofactor.engine.tree.combine`.
        states : list
            The new states, in the order of ``blocks``.
        """
        ...

    @property
    def shares_memory(self) -> bool:
        """Whether workers read and write arrays of the caller's.

        Where they do not, all that reaches rows is what steps carry to their blocks, and all that
        comes back is statistics.
        """
        ...

    @property
    def n_workers(self) -> int:
        """How many blocks run at once at most."""
        ...

    @property
    def helpers(self) -> int:
        """What boards of kernels call the threads that help with them; 0: there are none.

        A kernel must be right however few of them come before it has ended.
        """
        ...

    def map(self, function: Callable[[B], S], items: Sequence[B]) -> list[S]:
        """Apply ``function`` to each item; results in the order of ``items``."""
        ...
