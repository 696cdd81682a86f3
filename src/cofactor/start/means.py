"""First parameters of one-hot codes: from means, or from labels."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np

from cofactor.codes.onehot import maximize
from cofactor.codes.posterior import Full
from cofactor.codes.refill import moments_of
from cofactor.data import RowBlock, mean_row, split
from cofactor.data.base import Array, Floats
from cofactor.engine import Engine
from cofactor.noise.base import MixtureNoise, Moments, Params


def from_means(noise: MixtureNoise, blocks: Sequence[RowBlock], means: Array) -> Params:
    """Return parameters with these means, equal mixing weights and a first dispersion.

    Parameters
    ----------
    noise : MixtureNoise
    blocks : sequence of RowBlock
        The data.
    means : ndarray of shape (k, d)
    """
    components = np.ascontiguousarray(means, dtype=float)
    k, d = components.shape
    return Params(
        components=noise.legal_means(components),
        log_weights=np.full(k, -np.log(k)),
        dispersion=noise.first_dispersion(k, d),
        reference=noise.reference(mean_row(blocks), list(blocks)),
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
        ``q_nc``; one-hot for labels.
    learn_weights : bool
        Whether to estimate mixing weights.
    engine : Engine
    """
    start = from_means(noise, blocks, np.ones((responsibilities.shape[1], blocks[0].n_columns)))
    parts = split(responsibilities, blocks)
    moments, _ = engine.map_reduce(partial(_moments, noise, start), blocks, parts)
    return maximize(noise, moments, start, learn_weights)


def one_hot(labels: Array, n_components: int) -> Floats:
    """Return labels of shape (n,) as responsibilities of shape (n, k)."""
    return np.eye(n_components)[labels]


def _moments(
    noise: MixtureNoise, params: Params, block: RowBlock, responsibilities: Floats
) -> tuple[Moments, Any]:
    cached = noise.row_statistic(block, params.reference)
    posterior = Full(responsibilities * block.weights[:, None])
    return moments_of(noise, params, block, posterior, cached), None
