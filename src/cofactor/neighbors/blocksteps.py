"""What is done to a block of rows by a search that shares no memory: steps, to be carried there."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np

from cofactor.codes.movable import Clustering, Movable, MovableDense, movable
from cofactor.data import RowBlock
from cofactor.data.base import Floats, Labels
from cofactor.engine import Additive, SerialEngine
from cofactor.neighbors.comparison import Comparison, extent
from cofactor.neighbors.looks import Look, View, nothing_kept
from cofactor.neighbors.sparse import SparseComparison

HERE = SerialEngine()  # who works on one block, and on what all blocks are told
HEAVY = 2.0**500  # times its weight, a cluster does not notice that a row comes or goes


@dataclass(frozen=True)
class BlockState:
    """State of a block's rows.

    Attributes
    ----------
    number : int
        Of the block.
    half_norms : ndarray of shape (n,)
        Half the squared distances from the reference point.
    labels : ndarray of shape (n,), int32
    kept : ndarray of shape (n, slices), int32
        The best other center of each row in the last few slices, as far as looked at; else −1.
    """

    number: int
    half_norms: Floats
    labels: Labels
    kept: Labels


@dataclass(frozen=True)
class Seen:
    """What must be known of all rows before they are searched.

    Attributes
    ----------
    storage : type
        Of the blocks.
    n_rows : int
    weight : float
        Of all rows.
    spread : float
        Weighted squared distances from the reference point.
    half_norm : float
        Half the largest of them, unweighted.
    entry : float
        See :func:`cofactor.neighbors.comparison.extent`.
    rounding : float
        See :class:`cofactor.codes.movable.Movable`.
    """

    storage: type
    n_rows: int
    weight: float
    spread: float
    half_norm: float
    entry: float
    rounding: float

    def __add__(self, other: Seen) -> Seen:
        """Return what is known of the rows of both."""
        return replace(
            self,
            n_rows=self.n_rows + other.n_rows,
            weight=self.weight + other.weight,
            spread=self.spread + other.spread,
            half_norm=max(self.half_norm, other.half_norm),
            entry=max(self.entry, other.entry),
        )

    def slack(self, shift: Floats) -> float:
        """Return how far squared distances in float64 may be off."""
        reach = np.sqrt(shift @ shift) + np.sqrt(2.0 * self.half_norm)
        return float(self.rounding * reach**2)


@dataclass(frozen=True)
class Opening:
    """Gives a block, whose state was its number, the state that it is searched with.

    Attributes
    ----------
    shift : ndarray of shape (d,)
    n_slices : int
    """

    shift: Floats
    n_slices: int

    def __call__(self, block: RowBlock, number: int) -> tuple[Seen, BlockState]:
        """Look at a block for the first time."""
        half_norms = 0.5 * block.squared_norms(self.shift)
        rows = movable(block, self.shift, half_norms)
        seen = Seen(
            type(block),
            block.n_rows,
            float(block.weights.sum()),
            2.0 * float(block.weights @ half_norms),
            float(half_norms.max()),
            extent(block),
            rows.rounding,
        )
        labels = np.full(block.n_rows, -1, dtype=np.int32)
        kept = nothing_kept(block.n_rows, self.n_slices)
        return seen, BlockState(number, half_norms, labels, kept)


@dataclass(frozen=True, order=True)
class Most:
    """What a block gained by its moves, as far as it knows; of several, the one that gained most.

    Attributes
    ----------
    gain : float
    block : int
    """

    gain: float = 0.0
    block: int = 0

    def __add__(self, other: Most) -> Most:
        """Return that of the block that gained more."""
        return max(self, other)


@dataclass(frozen=True)
class BlockSums(Additive):
    """What comes back from blocks.

    Attributes
    ----------
    moved, evaluations : int
    most : Most
    counts : ndarray of shape (k,)
        Weight of the rows of each cluster.
    sums : ndarray of shape (k, d)
        Weighted sums of its rows less the reference point.
    """

    moved: int
    evaluations: int
    most: Most
    counts: Floats
    sums: Floats

    @property
    def between(self) -> float:
        """Weighted squared distances of the means from the reference point."""
        filled = self.counts > 0
        squares = np.einsum("cd,cd->c", self.sums[filled], self.sums[filled])
        return float((squares / self.counts[filled]).sum())


@dataclass(frozen=True)
class Told:
    """What blocks are told: what rows are measured in, and the clusters as they are.

    Attributes
    ----------
    shift : ndarray of shape (d,)
        The reference point.
    scale : float
        What rows less the shift are multiplied by where they are compared.
    unit : float
        The mean weight of a row.
    slack : float
        How far squared distances in float64 may be off.
    sketch : Sketch or SparseSketch
    counts : ndarray of shape (k,)
        In units.
    means : ndarray of shape (k, d)
    """

    shift: Floats
    scale: float
    unit: float
    slack: float
    sketch: Any
    counts: Floats
    means: Floats

    def unmoved(self) -> Told:
        """Return clusters so heavy that moves are judged by the means that they have now."""
        return replace(self, counts=HEAVY * self.counts)

    def opened(self, block: RowBlock, state: BlockState) -> tuple[Movable, View]:
        """Return a block's rows as they are moved, and as they look for moves."""
        weights = block.weights / self.unit
        rows = movable(block.reweighted(weights), self.shift, state.half_norms)
        clustering = Clustering(weights, state.labels.copy(), self.counts.copy(), self.means.copy())
        return rows, View(self.sketch, self._comparison(rows), clustering, state.kept.copy())

    def _comparison(self, rows: Movable) -> Any:
        if isinstance(rows, MovableDense):
            return Comparison(rows.rows, self.shift, self.scale, HERE)
        return SparseComparison(rows, HERE)

    def sums(
        self, block: RowBlock, before: Labels, labels: Labels, evaluations: int, most: Most
    ) -> BlockSums:
        """Return what comes back from a block."""
        moved, k = int(np.count_nonzero(labels != before)), len(self.counts)
        index, weight = np.ascontiguousarray(labels[:, None]), block.weights[:, None]
        totals = block.scatter_sums(index, weight, k, self.shift)
        return BlockSums(moved, evaluations, most, *totals)


@dataclass(frozen=True)
class Looking(ABC):
    """Rows look at centers, and something follows from what they find.

    Attributes
    ----------
    told : Told
    look : Look
    """

    told: Told
    look: Look

    def __call__(self, block: RowBlock, state: BlockState) -> tuple[BlockSums, BlockState]:
        """Do it to a block."""
        rows, view = self.told.opened(block, state)
        self.look(view)
        most = Most(self._conclude(rows, view), state.number)
        labels, counter = view.clustering.labels, view.comparison.counter
        sums = self.told.sums(block, state.labels, labels, int(counter[0]), most)
        return sums, replace(state, labels=labels, kept=view.kept)

    @abstractmethod
    def _conclude(self, rows: Movable, view: View) -> float:
        """Change labels; return what that gains, as far as the block knows."""


class First(Looking):
    """Rows get the labels that they find."""

    def _conclude(self, rows: Movable, view: View) -> float:
        view.clustering.labels[:] = view.comparison.index
        return 0.0


class Moves(Looking):
    """Rows move if that lowers the inertia, one after the other, as far as the block knows."""

    def _conclude(self, rows: Movable, view: View) -> float:
        wishes, labels = view.wishes(), view.clustering.labels
        before, targets = labels[wishes], view.comparison.index[wishes]
        gain = rows.move(wishes, targets, view.clustering, self.told.slack)
        went = labels[wishes] != before
        view.remember(wishes[went], before[went])
        return gain


@dataclass(frozen=True)
class MovesOfOne(Moves):
    """Only rows of one block move.

    Attributes
    ----------
    block : int
        Its number.
    """

    block: int

    def __call__(self, block: RowBlock, state: BlockState) -> tuple[BlockSums, BlockState]:
        """Do it to a block."""
        if state.number == self.block:
            return super().__call__(block, state)
        return self.told.sums(block, state.labels, state.labels, 0, Most()), state


class Donor(NamedTuple):
    """A row that might leave its cluster, and what that would save, negative."""

    cost: float
    block: int
    row: int
    label: int


@dataclass(frozen=True)
class Worst:
    """The rows that would save most by leaving, those of most first.

    Attributes
    ----------
    rows : list of Donor
    most : int
        So many, at most.
    """

    rows: list[Donor]
    most: int

    def __add__(self, other: Worst) -> Worst:
        """Return the worst of both."""
        return Worst(sorted(self.rows + other.rows)[: self.most], self.most)

    def donors(self) -> list[Donor]:
        """Return the worst row of each cluster: so none becomes empty."""
        worst: dict[int, Donor] = {}
        for donor in self.rows:
            worst.setdefault(donor.label, donor)
        return list(worst.values())


@dataclass(frozen=True)
class FindWorst:
    """Finds the rows that would save most by leaving, if they save anything.

    Attributes
    ----------
    told : Told
    most : int
    """

    told: Told
    most: int

    def __call__(self, block: RowBlock, state: BlockState) -> tuple[Worst, BlockState]:
        """Do it to a block."""
        _, view = self.told.opened(block, state)
        costs = -view.clustering.weights * view.clustering.leaving(np.arange(block.n_rows))
        costs *= block.squared_distances(self.told.means, state.labels)
        order = np.argsort(costs, kind="stable")[: self.most]
        rows = [
            Donor(float(costs[n]), state.number, int(n), int(state.labels[n]))
            for n in order
            if costs[n] < 0
        ]
        return Worst(rows, self.most), state


@dataclass(frozen=True)
class Fill:
    """Moves rows to clusters that have none.

    Attributes
    ----------
    told : Told
    targets : dict
        The cluster of each donor.
    """

    told: Told
    targets: dict[Donor, int]

    def __call__(self, block: RowBlock, state: BlockState) -> tuple[BlockSums, BlockState]:
        """Do it to a block."""
        labels = state.labels.copy()
        for donor, cluster in self.targets.items():
            if donor.block == state.number:
                labels[donor.row] = cluster
        sums = self.told.sums(block, state.labels, labels, 0, Most())
        return sums, replace(state, labels=labels)
