"""First parameters of one-hot codes: from means, or from labels."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import reduce
from itertools import islice
from operator import add
from typing import Any

import numpy as np

from cofactor.codes.onehot import maximize
from cofactor.codes.posterior import Full, Kept
from cofactor.codes.refill import moments_of
from cofactor.data import RowBlock, Rows, mean_row, split
from cofactor.data.base import Array, Floats, Labels
from cofactor.data.cut import posterior_chunks
from cofactor.engine import Engine
from cofactor.model import Model
from cofactor.noise.base import MixtureNoise, Moments, Params


def from_means(
    noise: MixtureNoise, blocks: Sequence[RowBlock], means: Array, mean: Floats | None = None
) -> Params:
    """Return parameters with these means, equal mixing weights and a first dispersion.

    Parameters
    ----------
    noise : MixtureNoise
    blocks : sequence of RowBlock
        The data.
    means : ndarray of shape (k, d)
    mean : ndarray of shape (d,), optional
        The mean of all rows, if it is known.
    """
    components = np.ascontiguousarray(means, dtype=float)
    k, d = components.shape
    return Params(
        components=noise.legal_means(components),
        log_weights=np.full(k, -np.log(k)),
        dispersion=noise.first_dispersion(k, d),
        reference=noise.reference(mean_row(blocks) if mean is None else mean, list(blocks)),
    )


def from_responsibilities(
    noise: MixtureNoise,
    blocks: Sequence[RowBlock],
    n_components: int,
    of_next: Callable[[int], Floats],
    learn_weights: bool,
    engine: Engine,
) -> Params:
    """Return the parameters that fit a given posterior best: one M-step.

    Parameters
    ----------
    noise : MixtureNoise
    blocks : sequence of RowBlock
        The data.
    n_components : int
    of_next : callable
        ``of_next(m)`` returns ``q_nc`` of the next m rows, shape (m, k): never of many.
    learn_weights : bool
        Whether to estimate mixing weights.
    engine : Engine
    """
    start = _before(noise, blocks, n_components)

    def moments(part: tuple[RowBlock, Floats]) -> Moments:
        block, probability = part
        posterior = Full(np.ascontiguousarray(probability.T) * block.weights)
        cached = noise.row_statistic(block, start.reference)
        return moments_of(noise, start, block, posterior, cached)

    rows = (
        block.take(some)
        for block in blocks
        for some in posterior_chunks(block.n_rows, n_components)
    )
    parts = ((part, of_next(part.n_rows)) for part in rows)
    few = iter(lambda: list(islice(parts, engine.n_workers)), [])
    found = (own for several in few for own in engine.map(moments, several))
    return maximize(noise, reduce(add, found), start, learn_weights)


def from_labels(
    noise: MixtureNoise,
    blocks: Sequence[RowBlock],
    labels: Labels,
    n_components: int,
    learn_weights: bool,
    engine: Engine,
) -> Params:
    """Return the parameters that fit given labels best; see :func:`from_responsibilities`.

    Parameters
    ----------
    labels : ndarray of shape (n,)
        The component of each row; −1 for rows that start in none.
    """
    start = _before(noise, blocks, n_components)

    def step(block: RowBlock, part: Labels) -> tuple[Moments, Labels]:
        weights = np.where(part < 0, 0.0, block.weights)
        index = np.maximum(part, 0).astype(np.int32)[:, None]
        posterior = Kept(index, weights[:, None], n_components)
        cached = noise.row_statistic(block, start.reference)
        return moments_of(noise, start, block.reweighted(weights), posterior, cached), part

    moments, _ = engine.map_reduce(step, blocks, split(labels, blocks))
    return maximize(noise, moments, start, learn_weights)


def with_hard_dispersion(model: Model, rows: Rows[Any], params: Params) -> Params:
    """Return the parameters with the dispersion that fits their hard assignment best.

    A posterior needs a scale before its first E-step [Lücke & Forster 2019, Algorithm 1].

    Parameters
    ----------
    model : Model
        With hard one-hot codes.
    rows : Rows
        With their first row state.
    params : Params
    """
    statistics, assigned = rows.sweep(model.e_step(params))
    return replace(params, dispersion=model.m_step(statistics, params, assigned).dispersion)


def _before(noise: MixtureNoise, blocks: Sequence[RowBlock], n_components: int) -> Params:
    """Return parameters about the data's reference, of which an M-step keeps nothing else."""
    return from_means(noise, blocks, np.ones((n_components, blocks[0].n_columns)))
