"""Giving empty components a row: the worst-fitted ones."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.special import xlogy

from cofactor.codes.posterior import Kept
from cofactor.data import RowBlock, Rows
from cofactor.data.base import Floats
from cofactor.noise.base import Assignment, MixtureNoise, Moments, Params


@dataclass(frozen=True)
class Candidate:
    """A row that could become a component of its own.

    Attributes
    ----------
    deviance : float
        ``w_n (−log p(x_n|c) + log p(x_n|x_n))`` in nats: what is won by moving it.
    label : int
        The component that it would leave.
    row : RowBlock
        The row itself, a block of one.
    cached : ndarray of shape (1,)
        Its row statistic.
    """

    deviance: float
    label: int
    row: RowBlock
    cached: Floats


def refill(
    noise: MixtureNoise, moments: Moments, params: Params, rows: Rows[Any], learn_weights: bool
) -> Moments:
    """Move the worst-fitted rows to the empty components, which lowers the loss of hard codes.

    The contribution of a moved row falls to that of a perfect fit, and re-averaging the component
    that it left can only help. Where mixing weights are learned, small components cost more, and
    a row moves only if it wins more than that. Rows that are alone in theirs, or fitted perfectly,
    stay: with fewer distinct rows than components some must remain empty.
    """
    empty = np.flatnonzero(moments.counts == 0)
    if not empty.size:
        return moments
    for component, candidate in zip(empty, _worst(noise, params, rows, empty.size), strict=False):
        weight, count = float(candidate.row.weights[0]), float(moments.counts[candidate.label])
        if count <= weight or candidate.deviance <= learn_weights * split_price(count, weight):
            continue
        moments = (
            moments
            + _moment(noise, params, candidate, int(component), weight)
            + _moment(noise, params, candidate, candidate.label, -weight)
        )
    return moments


def split_price(count: float, weight: float) -> float:
    """Return the rise of ``−Σ_c N_c log N_c`` when ``weight`` leaves ``N_c = count`` to be alone.

    In nats, at least 0.
    """
    return float(xlogy(count, count) - xlogy(count - weight, count - weight)) - float(
        xlogy(weight, weight)
    )


def moments_of(
    noise: MixtureNoise, params: Params, block: RowBlock, posterior: Assignment, cached: Floats
) -> Moments:
    """Return the moments of some rows under a posterior."""
    counts, sums = posterior.sums(block, params.reference)
    return Moments(counts, sums, noise.spread(block, posterior, params, cached))


def _worst(noise: MixtureNoise, params: Params, rows: Rows[Any], how_many: int) -> list[Candidate]:
    def of_block(block: RowBlock, state: Any) -> list[Candidate]:
        saturated = noise.saturated_loss(block, params) - params.log_weights[state.labels]
        deviance = block.weights * (state.loss - saturated)
        order = np.argsort(-deviance, kind="stable")[:how_many]
        ones = [slice(n, n + 1) for n in order]
        return [
            Candidate(
                float(deviance[one][0]),
                int(state.labels[one][0]),
                block.take(one),
                state.cached[one],
            )
            for one in ones
        ]

    candidates = [c for block in rows.gather(of_block) for c in block]
    return sorted(candidates, key=lambda c: -c.deviance)[:how_many]


def _moment(
    noise: MixtureNoise, params: Params, candidate: Candidate, component: int, weight: float
) -> Moments:
    posterior = Kept(
        np.array([[component]], dtype=np.int32), np.array([[weight]]), params.n_components
    )
    row = candidate.row.reweighted(np.array([weight]))
    return moments_of(noise, params, row, posterior, candidate.cached)
