"""What linear codes (mean = ZW) ask of a noise, and the update that every such noise has."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from enum import Enum, auto
from typing import Any, ClassVar

import numpy as np

from cofactor.data import Rows, split, stacked
from cofactor.data.aligned import Columns, LaidOut, in_groups
from cofactor.data.base import Array, Floats, RowBlock
from cofactor.lazy import lazy
from cofactor.noise.base import Noise, Params
from cofactor.noise.penalty import TINY, Penalty

CHUNK_ENTRIES = 1 << 20  # entries of a temporary array


class Judged(Enum):
    """Where a half-step measures losses.

    ``AFTER`` it, ``BEFORE`` it, which costs some noises less (others measure them after it all the
    same), or ``NOWHERE``, as nobody asks for them: hasty steps then raise them.
    """

    AFTER = auto()
    BEFORE = auto()
    NOWHERE = auto()


@dataclass(frozen=True)
class FixedFactor:
    """The factor that a half-step holds fixed, prepared once for many blocks.

    Attributes
    ----------
    given : ndarray of shape (d, k)
        ``Wᵀ``: the component values of each column of the data.
    penalty : Penalty
        On the codes.
    column_weights : ndarray of shape (d,), optional
        Weight of each column's loss; None for 1.
    judged : Judged
        Where losses are asked for.
    """

    given: Array
    penalty: Penalty = field(default_factory=Penalty)
    column_weights: Floats | None = None
    judged: Judged = Judged.AFTER

    @property
    def is_judged(self) -> bool:
        """Whether losses are asked for anywhere."""
        return self.judged is not Judged.NOWHERE

    @lazy
    def columns(self) -> Floats:
        """``Wᵀ`` in float64, shape (d, k)."""
        return self.given.astype(np.float64, copy=False)

    @property
    def components(self) -> Floats:
        """``W``, shape (k, d)."""
        return self.columns.T

    @lazy
    def weighted(self) -> Floats:
        """``U Wᵀ`` with ``U`` the column weights, shape (d, k)."""
        if self.column_weights is None:
            return self.columns
        return self.columns * self.column_weights[:, None]

    @lazy
    def prepared(self) -> Columns:
        """``U Wᵀ``, ready to be multiplied with many blocks."""
        return Columns(self.weighted)

    @lazy
    def rooted(self) -> Floats:
        """``U^½ Wᵀ`` in whole groups of components: its rows' products add up to a Gram matrix."""
        if self.column_weights is None:
            return in_groups(self.columns, np.float64)
        return in_groups(self.columns * np.sqrt(self.column_weights)[:, None], np.float64)

    @lazy
    def gram(self) -> Floats:
        """``W U Wᵀ``, shape (k, k)."""
        return self.columns.T @ self.weighted

    @lazy
    def totals(self) -> Floats:
        """``Σ_l u_l W_cl``, shape (1, k)."""
        return np.ones((1, len(self.columns))) @ self.weighted  # a seventh of the time of a sum

    @lazy
    def laid_out(self) -> LaidOut:
        """``Wᵀ`` with the column weights, as the kernels of Poisson rows take it."""
        return LaidOut(self.given, self.column_weights)

    def reordered(self, order: Array) -> FixedFactor:
        """Return the factor with its components in another order."""
        return replace(self, given=self.given[:, order])


@dataclass(frozen=True)
class Encoded:
    """New codes of some rows.

    Attributes
    ----------
    codes : ndarray of shape (n, k)
        In the precision in which they were found.
    loss : ndarray of shape (n,)
        Divergence of each row at these codes, less :meth:`LinearNoise.row_constant`.
    before : ndarray of shape (n, k), optional
        Where the loss is, if that is at the codes that the step began with; see :class:`Judged`.
    """

    codes: Floats
    loss: Floats
    before: Floats | None = None

    @property
    def at(self) -> Floats:
        """The codes that the loss belongs to."""
        return self.codes if self.before is None else self.before

    @property
    def ahead(self) -> Floats | None:
        """The new codes, if their loss is not known yet."""
        return None if self.before is None else self.codes


class LinearNoise(Noise):
    """A noise that linear codes can use: it completes a divergence to a likelihood.

    The divergence of a row is zero where its mean is the row itself; ``−log p = d/φ + const``.
    """

    @abstractmethod
    def constants(self, block: RowBlock) -> Floats:
        """Return the sums over a block that :meth:`nats` needs besides the divergence."""

    @abstractmethod
    def nats(self, divergence: float, constants: Floats) -> float:
        """Return ``−log p(X)`` with all constants, at the best dispersion."""

    def linear_dispersion(self, divergence: float, constants: Floats) -> Floats:
        """Return the dispersion that maximises the likelihood; none by default."""
        return np.zeros(0)

    def under(self, block: RowBlock, factor: FixedFactor) -> RowBlock:
        """Return rows to be encoded under one factor many times: what is needed of them."""
        return block

    def row_constant(self, block: RowBlock) -> Floats:
        """Return the part of each row's divergence that :class:`Encoded` leaves out, (n,)."""
        return np.zeros(block.n_rows)


class NonnegativeNoise(LinearNoise):
    """A noise that nonnegative codes can use: it splits the gradient of its divergence.

    ``d(x, a)`` is the unit divergence of one entry.

    Attributes
    ----------
    takes_priors : bool
        Whether its steps know the logarithm in a :class:`Penalty`.
    shares_rows : bool
        Whether its steps are kernels that workers share: all rows make one block, then.
    reads_brief : bool
        Whether its multiplicative steps take rows in few bytes (:attr:`RowBlock.brief`).
    """

    takes_priors: ClassVar[bool] = False
    shares_rows: ClassVar[bool] = False
    reads_brief: ClassVar[bool] = False

    @abstractmethod
    def divergence(self, x: Floats, mean: Floats) -> Floats:
        """Return ``d(x, a)`` entry by entry."""

    @abstractmethod
    def gradient_parts(self, x: Floats, mean: Floats) -> tuple[Floats, Floats]:
        """Return ``m, p ≥ 0`` with ``∂d/∂a = p − m``, entry by entry."""

    def surrogate_minimum(
        self, codes: Floats, down: Floats, up: Floats, penalty: Penalty
    ) -> Floats:
        """Minimise the separable majorizer of the penalised divergence.

        For ``d`` concave plus linear in the mean (Poisson, negative binomial) the majorizer is
        ``−(z·m + log) log u + (p + l1) u + ½ l2 u²`` with the penalty's ``l1, l2, log`` [Févotte &
        Idier 2011; Cemgil 2009], whose minimum is returned.

        Parameters
        ----------
        codes : ndarray of shape (n, k)
            Codes ``z`` at which the majorizer touches.
        down, up : ndarray of shape (n, k)
            ``m Wᵀ`` and ``p Wᵀ``.
        penalty : Penalty
        """
        linear, pull = up + penalty.l1, codes * down + penalty.log
        if penalty.l2 == 0.0:
            return pull / np.maximum(linear, TINY)
        root = np.sqrt(np.square(linear) + 4.0 * penalty.l2 * pull)
        return 2.0 * pull / np.maximum(linear + root, TINY)

    def majorized(self, block: RowBlock, factor: FixedFactor, codes: Floats) -> Floats:
        """Return where the majorizer of rows that may be made dense is least, shape (n, k)."""
        pulls = pulls_of_chunk(self.gradient_parts, block, factor, codes)
        return self.surrogate_minimum(codes, *pulls, factor.penalty)

    def multiplicative_codes(self, block: RowBlock, factor: FixedFactor, codes: Floats) -> Encoded:
        """Update codes by one majorize–minimize step, which never raises the loss.

        Parameters
        ----------
        block : RowBlock
            Rows ``x_n``; entries not observed (of masked rows) carry no loss.
        factor : FixedFactor
            ``W ≥ 0``, with the weights of its columns and the penalty on the codes.
        codes : ndarray of shape (n, k)
            ``Z ≥ 0`` to start from.
        """
        return multiplicative_step(self, block, factor, codes)

    def nonnegative_codes(
        self, block: RowBlock, factor: FixedFactor, codes: Floats, memory: Any = None
    ) -> Encoded:
        """Update codes by the best step this noise has.

        Parameters
        ----------
        block, factor, codes
            As for :meth:`multiplicative_codes`.
        memory : object, optional
            The block's :meth:`memory`, which the step writes to.
        """
        return self.multiplicative_codes(block, factor, codes)

    def pulls(self, block: RowBlock, factor: FixedFactor, codes: Floats) -> tuple[Floats, Floats]:
        """Return ``(u∘m) Wᵀ`` and ``(u∘p) Wᵀ``, which pull codes up and down, each (n, k).

        The second less the first is the derivative by the codes, without the penalty.
        """
        parts = [
            pulls_of_chunk(self.gradient_parts, block.take(rows), factor, codes[rows])
            for rows in _chunks(block)
        ]
        up, down = (np.concatenate(part) for part in zip(*parts, strict=True))
        return up, down

    def memory(self, block: RowBlock, k: int, warm: bool = False) -> Any:
        """Return what steps keep beside a block's rows, to save each other work; None: nothing.

        Parameters
        ----------
        block : RowBlock
        k : int
            Number of components.
        warm : bool
            Whether the codes are about right already.
        """
        return None


def transposed_step(
    rows: Rows[Any],
    components: Floats,
    penalty: Penalty,
    encode: Callable[[RowBlock, FixedFactor, Floats, Any], Encoded],
) -> Floats:
    """Improve components by encoding the columns, with the rows' codes as their components.

    Parameters
    ----------
    rows : Rows
        With ``columns``; their states hold the codes.
    components : ndarray of shape (k, d)
        Where to start.
    penalty : Penalty
        On the components.
    encode : callable
        ``encode(columns, factor, start, memory)``, with the latest codes as the fixed factor and
        ``start`` of shape (d', k).

    Returns
    -------
    ndarray of shape (k, d)
        In the precision in which they were found.
    """
    factor = FixedFactor(
        rows.exposed([state.latest for state in rows.states]),
        penalty,
        rows.uneven_weights,
        judged=Judged.NOWHERE,
    )
    starts = split(components.T, rows.columns)
    memories = rows.column_states or [None] * len(rows.columns)

    def of_block(part: tuple[RowBlock, Floats, Any]) -> Floats:
        columns, start, memory = part
        return encode(columns, factor, start, memory).codes

    parts = rows.engine.map(of_block, list(zip(rows.columns, starts, memories, strict=True)))
    return stacked(parts).T


def multiplicative_step(
    noise: NonnegativeNoise, block: RowBlock, factor: FixedFactor, codes: Floats
) -> Encoded:
    """Take the multiplicative step of any noise, on rows made dense a few at a time."""
    parts = [
        _multiplicative_chunk(noise, block.take(rows), factor, codes[rows])
        for rows in _chunks(block)
    ]
    return Encoded(
        np.concatenate([part.codes for part in parts]), np.concatenate([p.loss for p in parts])
    )


def _chunks(block: RowBlock) -> Iterator[slice]:
    """Cut a block into rows that may be made dense at once."""
    rows = max(1, CHUNK_ENTRIES // max(block.n_columns, 1))
    return (slice(start, start + rows) for start in range(0, block.n_rows, rows))


def _compared(block: RowBlock, mean: Floats) -> tuple[Floats, Floats]:
    """Return the rows and their means, with 1 in both where no entry was observed."""
    observed = block.observed > 0
    return np.where(observed, block.dense(), 1.0), np.where(observed, mean, 1.0)


def _entry_weights(block: RowBlock, factor: FixedFactor) -> Floats:
    column_weights = 1.0 if factor.column_weights is None else factor.column_weights
    return np.asarray((block.observed > 0) * column_weights, dtype=np.float64)


def _mean(block: RowBlock, factor: FixedFactor, codes: Floats) -> Floats:
    return block.baseline.mean(codes @ factor.components)


def pulls_of_chunk(
    parts: Callable[[Floats, Floats], tuple[Floats, Floats]],
    block: RowBlock,
    factor: FixedFactor,
    codes: Floats,
) -> tuple[Floats, Floats]:
    """Return what two parts of a gradient by the mean are by codes, each (n, k); rows get dense."""
    mean, weights = _mean(block, factor, codes), _entry_weights(block, factor)
    up, down = parts(*_compared(block, mean))
    exposed = block.baseline.exposed
    return exposed((weights * up) @ factor.columns), exposed((weights * down) @ factor.columns)


def _multiplicative_chunk(
    noise: NonnegativeNoise, block: RowBlock, factor: FixedFactor, codes: Floats
) -> Encoded:
    new = noise.majorized(block, factor, codes)
    mean, weights = _mean(block, factor, new), _entry_weights(block, factor)
    divergence = (weights * noise.divergence(*_compared(block, mean))).sum(axis=1)
    return Encoded(new, divergence - noise.row_constant(block))


class SimplexNoise(LinearNoise):
    """A noise that codes on the simplex can use."""

    @abstractmethod
    def simplex_codes(self, block: RowBlock, factor: FixedFactor, codes: Floats) -> Encoded:
        """Return codes with ``z ≥ 0, Σz = 1`` that fit as well or better; see `Encoded`."""

    @abstractmethod
    def simplex_components(self, params: Params, rows: Rows[Any]) -> Floats:
        """Return components of shape (k, d) that fit as well or better, given the codes."""
