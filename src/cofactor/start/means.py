"""First parameters of one-hot codes: from means, or from labels."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from cofactor.codes.onehot import maximize
from cofactor.codes.posterior import Full, Kept
from cofactor.codes.refill import moments_of
from cofactor.data import RowBlock, Rows, mean_row, split
from cofactor.data.base import Array, Floats, Labels
from cofactor.engine import Engine
from cofactor.model import Model
from cofactor.noise.base import Assignment, MixtureNoise, Moments, Params


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
    responsibilities: Floats,
    learn_weights: bool,
    engine: Engine,
) -> Params:
    """Return the parameters that fit a given posterior best: one M-step.

    Parameters
    ----------
    noise : MixtureNoise
    blocks : sequence of RowBlock
        The data.
    responsibilities : ndarray of shape (n, k)
        ``q_nc``.
    learn_weights : bool
        Whether to estimate mixing weights.
    engine : Engine
    """

    def posterior(block: RowBlock, part: Floats) -> tuple[RowBlock, Assignment]:
        return block, Full(np.ascontiguousarray(part.T) * block.weights)

    k = responsibilities.shape[1]
    return _fitted(noise, blocks, responsibilities, posterior, k, learn_weights, engine)


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

    def posterior(block: RowBlock, part: Labels) -> tuple[RowBlock, Assignment]:
        weights = np.where(part < 0, 0.0, block.weights)
        index = np.maximum(part, 0).astype(np.int32)[:, None]
        return block.reweighted(weights), Kept(index, weights[:, None], n_components)

    return _fitted(noise, blocks, labels, posterior, n_components, learn_weights, engine)


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


def _fitted(
    noise: MixtureNoise,
    blocks: Sequence[RowBlock],
    whole: Array,
    posterior: Callable[[RowBlock, Array], tuple[RowBlock, Assignment]],
    n_components: int,
    learn_weights: bool,
    engine: Engine,
) -> Params:
    """Take one M-step from posteriors made of each block's part of ``whole``."""
    start = from_means(noise, blocks, np.ones((n_components, blocks[0].n_columns)))

    def step(block: RowBlock, part: Array) -> tuple[Moments, Array]:
        cached = noise.row_statistic(block, start.reference)
        return moments_of(noise, start, *posterior(block, part), cached), part

    moments, _ = engine.map_reduce(step, blocks, split(whole, blocks))
    return maximize(noise, moments, start, learn_weights)
