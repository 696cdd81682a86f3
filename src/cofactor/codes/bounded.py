"""Hard one-hot codes of Gaussian data, found behind bounds instead of by full searches."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property, partial
from threading import Lock
from typing import Any, ClassVar, Self, cast

import numpy as np

from cofactor import kernels
from cofactor.codes.base import Step
from cofactor.codes.groups import Groups, principal_groups
from cofactor.codes.onehot import OneHot
from cofactor.data import DenseRows, RowBlock, Rows
from cofactor.data.base import Affine, Array, Floats, Labels
from cofactor.errors import InputError
from cofactor.noise.base import AffineScorer, MixtureNoise, Moments, Noise, Params
from cofactor.noise.gaussian import Gaussian

MIN_COMPONENTS = 24
MIN_PRODUCTS = 1 << 24  # n·k·d of a full search that outweighs the care for bounds
REBUILD = 64  # sweeps after which sums are added up anew, to shed the rounding of updates
UPWARDS = 1 + 1e-6  # outweighs the rounding of distances to float32


@dataclass(frozen=True)
class Tally:
    """Moments of all rows, and how many of them are behind each component.

    Attributes
    ----------
    sizes : ndarray of shape (k,), int64
        Rows with weight, so that a component that lost all has moments of exactly 0.
    counts : ndarray of shape (k,)
    sums : ndarray of shape (k, d)
    """

    sizes: Labels
    counts: Floats
    sums: Floats


@dataclass(frozen=True)
class Move:
    """Rows of a block that changed their component.

    Attributes
    ----------
    rows : DenseRows
    index : ndarray of shape (n, 1) or (n, 2), int32
        Where they went and, unless they come from nowhere, where they were.
    """

    rows: DenseRows
    index: Labels

    def add_to(self, tally: Tally, shift: Array) -> None:
        """Carry the rows' moments over."""
        sign = np.array([1.0, -1.0])[: self.index.shape[1]]
        weight = self.rows.weights[:, None] * sign
        kernels.weighted_sums(self.rows.values, shift, self.index, weight, tally.counts, tally.sums)
        np.add.at(tally.sizes, self.index, np.sign(weight).astype(np.int64))


@dataclass
class Round:
    """The centres of one sweep, prepared for many blocks, and what they leave to the next.

    Attributes
    ----------
    groups : Groups
    components : ndarray of shape (k, d)
        Centres less the shift, in the data's precision.
    tiles, offsets : ndarray of shape (groups · size / 6 · d, 6) and (groups · size,)
        The affine losses in the order of the groups.
    shift : ndarray of shape (d,)
    drift, group_drift : ndarray of shape (k,) and (groups,)
        How far centres moved since the round before.
    before : Tally or None
        Of the labels of the round before.
    age : int
        Number of rounds before.
    tally : Tally or None
        Of the labels of this round, once they were added up.
    """

    groups: Groups
    components: Array
    tiles: Array
    offsets: Array
    shift: Array
    drift: Array
    group_drift: Array
    before: Tally | None
    age: int
    tally: Tally | None = None

    @cached_property
    def reach(self) -> float:
        """At least the norm of every centre."""
        return float(_lengths(self.components).max()) * UPWARDS

    def nearest(self, block: DenseRows, state: BoundedState) -> tuple[Labels, BoundedState]:
        """Return which rows moved, and the new state of all."""
        labels, upper, lower = state.labels.copy(), state.upper.copy(), state.lower.copy()
        moved = np.empty(block.n_rows, dtype=np.int32)
        n_moved = kernels.bounded_nearest(
            block.values,
            self.shift,
            state.norms,
            self.components,
            self.tiles,
            self.offsets,
            self.groups.members,
            self.groups.places,
            self.drift,
            self.group_drift,
            self.reach,
            labels,
            upper,
            lower,
            moved,
        )
        new = BoundedState(labels, state.cached, state.spread, state.norms, upper, lower, self)
        return moved[:n_moved], new


def first_round(affine: Affine, dtype: Any, n_groups: int) -> Round:
    """Return a round that knows of none before."""
    groups = principal_groups(affine.components, n_groups)
    still = np.zeros(len(affine.components))
    return _round(affine, dtype, groups, still, None, 0)


def round_after(previous: Round, affine: Affine) -> Round:
    """Return the round that takes over the bounds of another."""
    dtype = previous.components.dtype
    residuals = affine.components.astype(dtype).astype(float) - previous.components
    before = previous.tally if (previous.age + 1) % REBUILD else None
    return _round(
        affine, dtype, previous.groups, _lengths(residuals) * UPWARDS, before, previous.age + 1
    )


def _round(
    affine: Affine, dtype: Any, groups: Groups, drift: Floats, before: Tally | None, age: int
) -> Round:
    cast = partial(np.ascontiguousarray, dtype=dtype)
    return Round(
        groups,
        cast(affine.components),
        cast(groups.tiles(affine.components)),
        cast(groups.spread_out(affine.offsets, np.inf)),
        cast(affine.shift),
        cast(drift),
        cast(groups.largest(drift)),
        before,
        age,
    )


def _lengths(vectors: Array) -> Floats:
    return np.sqrt(np.einsum("cd,cd->c", vectors, vectors, dtype=np.float64))


@dataclass(frozen=True)
class BoundedState:
    """State of a block's rows.

    Attributes
    ----------
    labels : ndarray of shape (n,), int32
        The component of each row; −1 before the first sweep.
    cached : ndarray of shape (n,)
        ``‖x_n − r‖²``.
    spread : float
        ``Σ_n w_n ‖x_n − r‖²``.
    norms : ndarray of shape (n,)
        ``‖x_n − r‖`` in the data's precision.
    upper : ndarray of shape (n,)
        At least the distance of each row to its own centre of ``round``.
    lower : ndarray of shape (groups, n)
        At most its distance to any other centre of a group.
    round : Round or None
        The sweep that these bounds are from.
    """

    labels: Labels
    cached: Floats
    spread: float
    norms: Array
    upper: Array
    lower: Array
    round: Round | None


@dataclass(frozen=True)
class BoundedStatistics:
    """What the M-step needs of the rows, as changes since the sweep before.

    Attributes
    ----------
    moved : int
        Rows whose component changed.
    spread : float
        ``Σ_n w_n ‖x_n − r‖²``.
    moves : tuple of Move
        In the order of the blocks.
    round : Round
    """

    moved: int
    spread: float
    moves: tuple[Move, ...]
    round: Round

    def __add__(self, other: Self) -> Self:
        """Return the statistics of both sets of rows."""
        return type(self)(
            self.moved + other.moved,
            self.spread + other.spread,
            self.moves + other.moves,
            self.round,
        )

    @property
    def moments(self) -> Moments:
        """Counts and sums of every component; added up once, and kept for the next sweep."""
        if self.round.tally is None:
            self.round.tally = tallied(self.moves, self.round)
        return Moments(self.round.tally.counts, self.round.tally.sums, np.array(self.spread))


def tallied(moves: Sequence[Move], this: Round) -> Tally:
    """Return the tally of the round before, with moved rows carried over one after the other."""
    k, d = this.components.shape
    before = this.before or Tally(np.zeros(k, dtype=np.int64), np.zeros(k), np.zeros((k, d)))
    tally = Tally(before.sizes.copy(), before.counts.copy(), before.sums.copy())
    for move in moves:
        move.add_to(tally, this.shift)
    empty = tally.sizes == 0
    tally.counts[empty], tally.sums[empty] = 0.0, 0.0
    return tally


@dataclass(frozen=True)
class BoundedOneHot(OneHot):
    """One-hot codes with one component kept, of dense rows under Gaussian noise.

    The labels are those of :class:`OneHot` in every sweep, ties included, but only components
    that bounds do not exclude are looked at: an upper bound of each row's distance to its own
    centre, and a lower bound of its distance to the others for each group of centres, loosened
    by how far centres move [Ding et al. 2015, Yinyang k-means]. Moments follow the rows that
    moved, and the free energy follows from the moments.

    Parameters
    ----------
    group_size : int, optional
        How many centres share a lower bound; default grows with the number of centres.
    """

    group_size: int | None = None

    needs: ClassVar[str] = "measures distances"

    @classmethod
    def suit(cls, noise: Noise) -> bool:
        """Return whether losses are squared distances."""
        return isinstance(noise, Gaussian)

    def first_state(self, noise: MixtureNoise, block: RowBlock, params: Params, codes: Any) -> Any:
        """Return a :class:`BoundedState` of rows that nothing is known of; see :class:`Codes`."""
        assert isinstance(block, DenseRows)
        plain = super().first_state(noise, block, params, codes)
        dtype, n = block.values.dtype, block.n_rows
        return BoundedState(
            plain.labels.copy(),
            plain.cached,
            float(block.weights @ plain.cached),
            np.sqrt(plain.cached).astype(dtype),
            np.full(n, np.inf, dtype=dtype),
            np.zeros((self._n_groups(params), n), dtype=dtype),
            None,
        )

    def e_step(self, noise: MixtureNoise, params: Params) -> Step:
        """See :class:`Codes`."""
        if np.ptp(params.log_weights):
            raise InputError(
                "The mixing weights differ, but distances alone decide only among equal ones: "
                "use OneHot(1)."
            )
        affine = _scorer(noise, params).affine
        return partial(_sweep, _Rounds(affine, self._n_groups(params)))

    def m_step(
        self,
        noise: MixtureNoise,
        statistics: Any,
        params: Params,
        rows: Rows[Any],
    ) -> Params:
        """See :class:`OneHot`; rows are scored only if one has to fill an empty component."""
        if not statistics.moments.counts.all():
            _, rows = rows.sweep(super().e_step(noise, params))
        return super().m_step(noise, statistics, params, rows)

    def objective(self, noise: MixtureNoise, statistics: Any, params: Params) -> float:
        """Return minus the free energy, in nats, from the moments of all rows."""
        scorer, moments = _scorer(noise, params), statistics.moments
        affine = scorer.affine
        affine_part = moments.counts @ affine.offsets - np.vdot(moments.sums, affine.components)
        return float(
            scorer.row_factor * statistics.spread
            + scorer.row_constant * moments.counts.sum()
            + scorer.scale * affine_part
        )

    def _n_groups(self, params: Params) -> int:
        k = params.n_components
        return -(-k // (self.group_size or suitable_group_size(k)))


def _scorer(noise: MixtureNoise, params: Params) -> AffineScorer:
    return cast(AffineScorer, noise.scorer(params))


def suitable_group_size(n_components: int) -> int:
    """Return how many centres share a bound: few exclude more, many cost less to look after."""
    return round(12 * n_components**0.25)


def hard_codes(noise: MixtureNoise, blocks: Sequence[RowBlock], n_components: int) -> OneHot:
    """Return the codes that keep one component of equal weights soonest: bounded if that pays."""
    rows, columns = sum(block.n_rows for block in blocks), blocks[0].n_columns
    valid = BoundedOneHot.suit(noise) and all(isinstance(block, DenseRows) for block in blocks)
    pays = n_components >= MIN_COMPONENTS and rows * columns * n_components >= MIN_PRODUCTS
    return BoundedOneHot() if valid and pays else OneHot()


@dataclass
class _Rounds:
    """The rounds that blocks of one sweep need: usually the same for all, prepared once."""

    affine: Affine
    n_groups: int
    known: dict[int, Round] = field(default_factory=dict)
    lock: Any = field(default_factory=Lock)

    def after(self, previous: Round | None, dtype: Any) -> Round:
        with self.lock:
            if id(previous) not in self.known:
                self.known[id(previous)] = (
                    first_round(self.affine, dtype, self.n_groups)
                    if previous is None
                    else round_after(previous, self.affine)
                )
            return self.known[id(previous)]


def _sweep(
    rounds: _Rounds, block: DenseRows, state: BoundedState
) -> tuple[BoundedStatistics, BoundedState]:
    this = rounds.after(state.round, block.values.dtype)
    moved, new = this.nearest(block, state)
    moves: tuple[Move, ...] = ()
    if this.before is None:
        moves = (Move(block, new.labels[:, None]),)
    elif moved.size:
        moves = (_move(block, moved, state.labels, new.labels),)
    return BoundedStatistics(moved.size, state.spread, moves, this), new


def _move(block: DenseRows, moved: Labels, before: Labels, after: Labels) -> Move:
    index = np.empty((moved.size, 2), dtype=np.int32)
    index[:, 0], index[:, 1] = after[moved], before[moved]
    return Move(block.take(moved.astype(np.intp)), index)
