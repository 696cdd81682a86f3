"""Scaled one-hot codes: each row is a multiple of one component."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from typing import Any, ClassVar

import numpy as np

from cofactor.codes.base import Codes, Step
from cofactor.data import RowBlock, Rows
from cofactor.data.base import Floats, Labels
from cofactor.engine import Additive
from cofactor.noise.base import Params
from cofactor.noise.multiples import MultipleNoise


@dataclass(frozen=True)
class ScaledState:
    """State of a block's rows.

    Attributes
    ----------
    labels : ndarray of shape (n,), int32
    multiple : ndarray of shape (n,)
        ``s_n`` of ``z_n = s_n e_c``.
    constants : ndarray
        The block's share of the likelihood's constants.
    """

    labels: Labels
    multiple: Floats
    constants: Floats


@dataclass(frozen=True)
class ScaledStatistics(Additive):
    """What the M-step needs of the rows.

    Attributes
    ----------
    divergence : float
        ``Σ_n w_n d(x_n, s_n μ_c)``.
    moved : int
        Rows whose component changed.
    masses : ndarray of shape (k,)
    sums : ndarray of shape (k, d)
        Their ratio is the new components; see `MultipleNoise.multiple_weights`.
    constants : ndarray
    """

    divergence: float
    moved: int
    masses: Floats
    sums: Floats
    constants: Floats


@dataclass(frozen=True)
class ScaledOneHot(Codes[MultipleNoise]):
    """Each row is a multiple of one component: ``z_n = s_n e_c``.

    With Poisson noise this is information-theoretic clustering of the rows' profiles; with
    Gaussian noise, one line through the origin per cluster.
    """

    name: ClassVar[str] = "scaled one-hot"
    requires: ClassVar[tuple[str, ...]] = ("best_multiple", "multiple_weights", "nats")
    needs: ClassVar[str] = "knows the best multiple of a component"
    tag: ClassVar[str] = "conditional"

    def first_state(
        self, noise: MultipleNoise, block: RowBlock, params: Params, codes: Any
    ) -> ScaledState:
        """See :class:`Codes`."""
        labels = np.full(block.n_rows, -1, dtype=np.int32)
        return ScaledState(labels, np.zeros(block.n_rows), noise.constants(block))

    def e_step(self, noise: MultipleNoise, params: Params) -> Step:
        """See :class:`Codes`."""
        return partial(_sweep, noise, params)

    def m_step(
        self,
        noise: MultipleNoise,
        statistics: ScaledStatistics,
        params: Params,
        rows: Rows[ScaledState],
    ) -> Params:
        """See :class:`Codes`; components without rows stay."""
        masses = statistics.masses[:, None]
        filled = masses > 0
        means = np.where(filled, statistics.sums / np.where(filled, masses, 1), params.components)
        return replace(
            params,
            components=noise.legal_multiples(means),
            dispersion=noise.linear_dispersion(statistics.divergence, statistics.constants),
        )

    def objective(
        self, noise: MultipleNoise, statistics: ScaledStatistics, params: Params
    ) -> float:
        """Return minus the conditional log-likelihood, in nats."""
        return noise.nats(statistics.divergence, statistics.constants)


def _sweep(
    noise: MultipleNoise, params: Params, block: RowBlock, state: ScaledState
) -> tuple[ScaledStatistics, ScaledState]:
    labels, multiple, divergence = noise.best_multiple(block, params.components)
    slope, mass = noise.multiple_weights(multiple)
    k, index = params.n_components, labels[:, None]
    _, sums = block.scatter_sums(
        index, (block.weights * slope)[:, None], k, np.zeros(block.n_columns)
    )
    statistics = ScaledStatistics(
        divergence=float(block.weights @ divergence),
        moved=int(np.count_nonzero(labels != state.labels)),
        masses=np.bincount(labels, block.weights * mass, minlength=k).astype(float),
        sums=sums,
        constants=state.constants,
    )
    return statistics, replace(state, labels=labels, multiple=multiple)
