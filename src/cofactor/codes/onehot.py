"""One-hot codes: clusterings and mixtures, hard, truncated or full."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from cofactor.codes.base import Codes, Step
from cofactor.codes.posterior import Kept, Summed, soft_assign
from cofactor.codes.refill import moments_of, refill
from cofactor.data import RowBlock, Rows
from cofactor.data.base import Floats, Labels
from cofactor.engine import Additive
from cofactor.errors import InputError
from cofactor.noise.base import Assignment, MixtureNoise, Moments, Params, Scorer


@dataclass(frozen=True)
class OneHotState:
    """State of a block's rows.

    Attributes
    ----------
    index : ndarray of shape (n, C'), int32
        Components kept for each row, best first; only the best if all are kept.
    loss : ndarray of shape (n,)
        ``−log Σ_{c∈K_n} π_c p(x_n|c)`` in nats.
    cached : ndarray of shape (n,)
        The noise's row statistic.
    """

    index: Labels
    loss: Floats
    cached: Floats

    @property
    def labels(self) -> Labels:
        """The best component of each row, shape (n,)."""
        return self.index[:, 0]


@dataclass(frozen=True)
class OneHotStatistics(Additive):
    """What the M-step needs of the rows.

    Attributes
    ----------
    loss : float
        ``Σ_n w_n loss_n``: minus the free energy, in nats.
    moved : int
        Rows whose best component changed.
    moments : Moments
    """

    loss: float
    moved: int
    moments: Moments


@dataclass(frozen=True)
class OneHot(Codes[MixtureNoise]):
    """Each row is one component: ``z_n = e_c`` with prior ``π_c``.

    Parameters
    ----------
    keep : int or None, default 1
        How many components of each row's posterior are kept: 1 is hard assignment, C' > 1
        truncated EM, None full EM [Lücke & Forster 2019].
    learn_weights : bool, default False
        Estimate the mixing weights instead of holding them at 1/k.
    """

    keep: int | None = 1
    learn_weights: bool = False

    name: ClassVar[str] = "one-hot"
    requires: ClassVar[tuple[str, ...]] = ("scorer", "saturated_loss")
    needs: ClassVar[str] = "scores rows under components"
    tag: ClassVar[str] = "free energy"

    def __post_init__(self) -> None:
        if self.keep is not None and self.keep < 1:
            raise InputError(
                f"keep is {self.keep}; expected None (the whole posterior) or at least 1."
            )

    def first_state(
        self, noise: MixtureNoise, block: RowBlock, params: Params, codes: Any
    ) -> OneHotState:
        """See :class:`Codes`."""
        n = block.n_rows
        cached = noise.row_statistic(block, params.reference)
        return OneHotState(np.full((n, 1), -1, dtype=np.int32), np.full(n, np.inf), cached)

    def e_step(self, noise: MixtureNoise, params: Params) -> Step:
        """See :class:`Codes`; theory in Lücke & Forster (2019), Eqs. 4 and 7."""
        scorer = noise.scorer(params)
        k = params.n_components
        if self.keep is None or self.keep >= k:
            return partial(sweep, noise, params, partial(assign_all, scorer))
        if self.keep == 1:
            return partial(sweep, noise, params, partial(assign_nearest, scorer, k))
        return partial(sweep, noise, params, partial(assign_top, scorer, k, self.keep))

    def m_step(
        self,
        noise: MixtureNoise,
        statistics: OneHotStatistics,
        params: Params,
        rows: Rows[OneHotState],
    ) -> Params:
        """Set each mean to the weighted mean of its rows, exact for every exponential family.

        The minimiser over the second argument of every Bregman divergence is the mean
        [Banerjee et al. 2005]. Components without rows keep their mean.
        """
        moments = statistics.moments
        if self.keep == 1:
            moments = refill(noise, moments, params, rows, self.learn_weights)
        return maximize(noise, moments, params, self.learn_weights)

    def objective(self, noise: MixtureNoise, statistics: OneHotStatistics, params: Params) -> float:
        """Return minus the free energy, in nats."""
        return statistics.loss


def maximize(noise: MixtureNoise, moments: Moments, params: Params, learn_weights: bool) -> Params:
    """Return the parameters that maximise the free energy, given the posterior's moments."""
    filled = moments.filled
    counts = np.where(filled, moments.counts, 1.0)[:, None]
    means = np.where(filled[:, None], params.reference + moments.sums / counts, params.components)
    new = replace(
        params,
        components=noise.legal_means(means),
        log_weights=_log_weights(moments.counts, filled) if learn_weights else params.log_weights,
    )
    return replace(new, dispersion=noise.dispersion(moments, new))


def _log_weights(counts: Floats, filled: NDArray[np.bool_]) -> Floats:
    with np.errstate(divide="ignore"):
        return np.where(filled, np.log(counts / counts.sum()), -np.inf)


# A posterior: components kept (best first), −log p(x_n), and the weights of the M-step.
Assigned = tuple[Labels, Floats, Assignment]
Assign = Callable[[RowBlock, Floats], Assigned]


def assign_nearest(scorer: Scorer, n_components: int, block: RowBlock, cached: Floats) -> Assigned:
    """Keep the best component of each row."""
    index, loss = scorer.top(block, 1)
    own = scorer.row_loss(block, cached)
    return index, own + loss[:, 0], Kept(index, block.weights[:, None], n_components)


def assign_top(
    scorer: Scorer, n_components: int, keep: int, block: RowBlock, cached: Floats
) -> Assigned:
    """Keep the best few components of each row."""
    return assign_found(scorer, n_components, scorer.top(block, keep), block, cached)


def assign_found(
    scorer: Scorer,
    n_components: int,
    found: tuple[Labels, Floats],
    block: RowBlock,
    cached: Floats,
) -> Assigned:
    """Keep the components that were found for each row, with these losses (overwritten)."""
    index, loss = found
    probability, log_norm = soft_assign(loss)
    weight = probability * block.weights[:, None]
    own = scorer.row_loss(block, cached)
    return index, own - log_norm, Kept(index, weight, n_components)


def assign_all(scorer: Scorer, block: RowBlock, cached: Floats) -> Assigned:
    """Keep every component of each row; only the best is remembered."""
    found = scorer.moments(block, block.weights, cached)
    return found.best[:, None], found.loss, Summed(found)


def sweep(
    noise: MixtureNoise, params: Params, assign: Assign, block: RowBlock, state: OneHotState
) -> tuple[OneHotStatistics, OneHotState]:
    """Assign a block's rows, and add up what the M-step needs."""
    index, loss, posterior = assign(block, state.cached)
    moments = moments_of(noise, params, block, posterior, state.cached)
    moved = int(np.count_nonzero(index[:, 0] != state.labels))
    statistics = OneHotStatistics(float(block.weights @ loss), moved, moments)
    return statistics, OneHotState(index, loss, state.cached)
