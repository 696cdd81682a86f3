"""Nonnegative codes and components: nonnegative matrix factorization."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, ClassVar

from cofactor.codes.balance import balanced
from cofactor.codes.linear import LinearCodes, LinearState
from cofactor.codes.steps import Point, Steady, Steps
from cofactor.codes.striding import Striding
from cofactor.data import RowBlock, Rows
from cofactor.data.base import Floats
from cofactor.noise.base import Params
from cofactor.noise.linear import Encoded, FixedFactor, Judged, NonnegativeNoise, transposed_step
from cofactor.noise.penalty import Penalty


@dataclass(frozen=True)
class Nonnegative(LinearCodes[NonnegativeNoise]):
    """``z_n ≥ 0`` and ``W ≥ 0``; each half-step is the best that the noise has.

    The components are updated by encoding the transposed data with the codes as components, so
    one row kernel serves both factors.

    Parameters
    ----------
    penalty : Penalty
        On the codes.
    components_penalties : Penalty
        On the components.
    """

    penalty: Penalty = field(default_factory=Penalty)  # type: ignore[misc]
    components_penalties: Penalty = field(default_factory=Penalty)

    name: ClassVar[str] = "nonnegative"
    requires: ClassVar[tuple[str, ...]] = ("nonnegative_codes", "nats")
    needs: ClassVar[str] = "knows how to improve sums of nonnegative components"
    needs_columns: ClassVar[bool] = True
    takes_missing: ClassVar[bool] = True

    def shares_rows(self, noise: NonnegativeNoise) -> bool:
        """See :attr:`NonnegativeNoise.shares_rows`."""
        return noise.shares_rows

    def encode(
        self,
        noise: NonnegativeNoise,
        block: RowBlock,
        factor: FixedFactor,
        codes: Floats,
        memory: Any = None,
    ) -> Encoded:
        """Improve one factor with the other fixed; see `NonnegativeNoise.nonnegative_codes`."""
        return noise.nonnegative_codes(block, factor, codes, memory)

    def memory(self, noise: NonnegativeNoise, block: RowBlock, k: int, warm: bool = False) -> Any:
        """See `NonnegativeNoise.memory`."""
        return noise.memory(block, k, warm)

    def improved_components(
        self, noise: NonnegativeNoise, params: Params, rows: Rows[LinearState]
    ) -> Floats:
        """See :class:`LinearCodes`."""
        return transposed_step(
            rows, params.components, self.components_penalties, partial(self.encode, noise)
        )

    def renew(self, rows: Rows[LinearState]) -> None:
        """See :class:`LinearCodes`."""
        for memory in [*rows.column_states, *(state.memory for state in rows.states)]:
            if memory is not None:
                memory.renew()

    def balanced(
        self, noise: NonnegativeNoise, here: Point, behind: Sequence[Floats]
    ) -> tuple[Point, Sequence[Floats]]:
        """See :class:`LinearCodes`; under priors only, as others gain nothing by it."""
        if self.penalty.log or self.components_penalties.log:
            return balanced(self, noise, here, behind)
        return here, behind

    def components_penalty(self, components: Floats) -> float:
        """See :class:`LinearCodes`."""
        return self.components_penalties.total(components)

    def steps(self, noise: NonnegativeNoise) -> Steps:
        """See :class:`Codes`: strides, where the noise has hasty steps for them."""
        if not HastyNonnegative.suit(noise):
            return Steady(self, noise)
        return Striding(noise, HastyNonnegative(self.penalty, self.components_penalties), self)

    def striding(self, noise: NonnegativeNoise) -> Nonnegative:
        """Return the same codes, by strides whatever the noise's steps are."""
        if HastyNonnegative.suit(noise):
            return self
        return StridingNonnegative(self.penalty, self.components_penalties)


@dataclass(frozen=True)
class HastyNonnegative(Nonnegative):
    """Nonnegative codes by steps that may raise the loss, for fits that have a way back."""

    requires: ClassVar[tuple[str, ...]] = ("hasty_codes", "nats")
    judged: ClassVar[Judged] = Judged.BEFORE

    def encode(
        self,
        noise: NonnegativeNoise,
        block: RowBlock,
        factor: FixedFactor,
        codes: Floats,
        memory: Any = None,
    ) -> Encoded:
        """Take the noise's hasty step."""
        hasty: Any = noise
        return hasty.hasty_codes(block, factor, codes, memory)


@dataclass(frozen=True)
class StridingNonnegative(Nonnegative):
    """Nonnegative codes by the noise's careful steps, from codes that stride ahead."""

    def steps(self, noise: NonnegativeNoise) -> Steps:
        """See :class:`Codes`."""
        return Striding(noise, self, self)


@dataclass(frozen=True)
class MultiplicativeNonnegative(Nonnegative):
    """Nonnegative codes by multiplicative updates alone [Lee & Seung 2001]."""

    name: ClassVar[str] = "nonnegative, multiplicative"
    requires: ClassVar[tuple[str, ...]] = ("multiplicative_codes", "nats")
    judged: ClassVar[Judged] = Judged.BEFORE

    def encode(
        self,
        noise: NonnegativeNoise,
        block: RowBlock,
        factor: FixedFactor,
        codes: Floats,
        memory: Any = None,
    ) -> Encoded:
        """See `NonnegativeNoise.multiplicative_codes`; rows in few bytes, where there are such."""
        plain = factor.column_weights is not None or not noise.reads_brief
        rows = block if plain else block.brief or block
        return noise.multiplicative_codes(rows, factor, codes)

    def memory(self, noise: NonnegativeNoise, block: RowBlock, k: int, warm: bool = False) -> None:
        """See :class:`LinearCodes`: none."""

    def steps(self, noise: NonnegativeNoise) -> Steps:
        """See :class:`Codes`: the path of steps is that of every other library."""
        return Steady(self, noise)

    def striding(self, noise: NonnegativeNoise) -> Nonnegative:
        """See :class:`Nonnegative`: no other steps were asked for."""
        return self
