"""What all linear codes share: the mean is ``ZW``."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Generic, TypeVar

from cofactor.codes.base import Codes, Step
from cofactor.codes.steps import Point
from cofactor.data import RowBlock, Rows, weighted_sum
from cofactor.data.base import Floats
from cofactor.engine import Additive
from cofactor.noise.base import Params
from cofactor.noise.linear import Encoded, FixedFactor, Judged, LinearNoise
from cofactor.noise.penalty import Penalty

L = TypeVar("L", bound=LinearNoise)


@dataclass(frozen=True)
class LinearState:
    """State of a block's rows.

    Attributes
    ----------
    codes : ndarray of shape (n, k)
        Those that the statistics belong to.
    row_constant : ndarray of shape (n,)
        The part of each row's divergence that its codes cannot change.
    constants : ndarray
        The block's share of the likelihood's constants.
    memory : object
        What the noise keeps beside the rows; written to by every step.
    ahead : ndarray of shape (n, k), optional
        Newer codes, whose loss nobody has looked at yet: the next step goes on from these.
    """

    codes: Floats
    row_constant: Floats
    constants: Floats
    memory: Any = None
    ahead: Floats | None = None

    @property
    def latest(self) -> Floats:
        """The newest codes, shape (n, k)."""
        return self.codes if self.ahead is None else self.ahead


@dataclass(frozen=True)
class LinearStatistics(Additive):
    """What is known of the rows after a sweep.

    Attributes
    ----------
    divergence : float
        ``Σ_n w_n d(x_n, z_n W)``.
    penalty : float
        The penalty on the codes, in units of the divergence.
    constants : ndarray
        Sums from which the noise completes the likelihood.
    """

    divergence: float
    penalty: float
    constants: Floats


class LinearCodes(Codes[L], Generic[L]):
    """Codes with mean ``z_n W``: each sweep improves the codes, each M-step the components.

    Attributes
    ----------
    penalty : Penalty
    judged : Judged
        Where sweeps measure losses. Before a step, the pass that finds it finds them, too; the step
        itself is looked at by the next sweep.
    """

    tag: ClassVar[str] = "conditional"
    fixes_scale: ClassVar[bool] = False
    penalty: ClassVar[Penalty] = Penalty()
    judged: ClassVar[Judged] = Judged.AFTER

    @abstractmethod
    def encode(
        self, noise: L, block: RowBlock, factor: FixedFactor, codes: Floats, memory: Any = None
    ) -> Encoded:
        """Return codes of the block that fit it better, or as well."""

    @abstractmethod
    def improved_components(self, noise: L, params: Params, rows: Rows[LinearState]) -> Floats:
        """Return components of shape (k, d) that fit better, or as well, given the codes."""

    def factor(self, components: Floats) -> FixedFactor:
        """Return components (k, d), prepared to encode many blocks under them."""
        return FixedFactor(components.T, self.penalty, judged=self.judged)

    def memory(self, noise: L, block: RowBlock, k: int, warm: bool = False) -> Any:
        """Return what is kept beside the rows of a block; nothing unless overridden.

        Parameters
        ----------
        noise : LinearNoise
        block : RowBlock
        k : int
        warm : bool
            Whether the codes are about right already.
        """
        return None

    def renew(self, rows: Rows[LinearState]) -> None:
        """Empty what is kept beside rows and columns, whose codes are about right."""

    def balanced(
        self, noise: L, here: Point, behind: Sequence[Floats]
    ) -> tuple[Point, Sequence[Floats]]:
        """Return a point at the scales that penalties like best; the same unless overridden.

        Parameters
        ----------
        noise : LinearNoise
        here : Point
        behind : sequence of ndarray
            Earlier codes of every block, which go by the same scales.
        """
        return here, behind

    def components_penalty(self, components: Floats) -> float:
        """Return the penalty on the components; none unless overridden."""
        return 0.0

    def first_state(self, noise: L, block: RowBlock, params: Params, codes: Any) -> LinearState:
        """See :class:`Codes`; codes must be given."""
        memory = self.memory(noise, block, params.n_components)
        return LinearState(codes, noise.row_constant(block), noise.constants(block), memory)

    def column_state(self, noise: L, block: RowBlock, params: Params) -> Any:
        """See :class:`Codes`."""
        return self.memory(noise, block, params.n_components)

    def e_step(self, noise: L, params: Params) -> Step:
        """See :class:`Codes`."""
        factor = self.factor(params.components)

        def step(block: RowBlock, state: LinearState) -> tuple[LinearStatistics, LinearState]:
            encoded = self.encode(noise, block, factor, state.latest, state.memory)
            divergence = weighted_sum(block, encoded.loss + state.row_constant)
            penalty = self.penalty.of_all(block, encoded.at)
            statistics = LinearStatistics(divergence, penalty, state.constants)
            return statistics, replace(state, codes=encoded.at, ahead=encoded.ahead)

        return step

    def m_step(
        self,
        noise: L,
        statistics: LinearStatistics,
        params: Params,
        rows: Rows[LinearState],
    ) -> Params:
        """See :class:`Codes`."""
        return replace(
            params,
            components=self.improved_components(noise, params, rows),
            dispersion=noise.linear_dispersion(statistics.divergence, statistics.constants),
        )

    def objective(self, noise: L, statistics: LinearStatistics, params: Params) -> float:
        """Return minus the (penalised) conditional log-likelihood, in nats."""
        penalty = statistics.penalty + self.components_penalty(params.components)
        return noise.nats(statistics.divergence + penalty, statistics.constants)
