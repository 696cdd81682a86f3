"""What it costs to describe the rows of two components by one."""

from __future__ import annotations

from dataclasses import replace
from functools import singledispatch
from typing import cast

import numpy as np

from cofactor.codes.onehot import maximize
from cofactor.data.base import Floats
from cofactor.noise import MixtureNoise, Params, TiedGaussian
from cofactor.noise.base import AffineScorer, Moments
from cofactor.noise.covariances import CovarianceNoise

TINY = float(np.finfo(float).tiny)


def has_own_dispersions(noise: MixtureNoise) -> bool:
    """Return whether each component has a dispersion of its own, first along its axes."""
    return noise.first_dispersion(2, 3).shape != noise.first_dispersion(1, 3).shape


def merger_costs(noise: MixtureNoise, moments: Moments, params: Params) -> Floats:
    """Return what merging costs in nats, for every two components (a, b), shape (k, k).

    ``Σ_n w_n (q_na + q_nb) (−log p(x_n|ab)) − Σ_n w_n (q_na (−log p(x_n|a)) + …)`` with the
    component ``ab`` that fits the rows of both best; from moments alone, so without a look at the
    data. Infinite for a ≥ b.
    """
    k = len(moments.counts)
    costs = np.full((k, k), np.inf)
    for first in range(k - 1):
        costs[first, first + 1 :] = _with_later(noise, moments, params, first)
    return costs


@singledispatch
def _with_later(noise: MixtureNoise, moments: Moments, params: Params, first: int) -> Floats:
    """Return what it costs to merge a component with each of those after it."""
    counts, sums, means = _united(noise, moments, params, first)
    own = _affine_losses(noise, params, params.components, moments.sums, moments.counts)
    both = _affine_losses(noise, params, means, sums, counts)
    return both - own[first] - own[first + 1 :]


@_with_later.register
def _(noise: TiedGaussian, moments: Moments, params: Params, first: int) -> Floats:
    apart = params.components[first + 1 :] - params.components[first]
    distances = (apart * np.linalg.solve(params.dispersion, apart.T).T).sum(axis=1)
    counts, own = moments.counts[first + 1 :], moments.counts[first]
    shares: Floats = 0.5 * own * counts / np.maximum(own + counts, TINY)
    return shares * distances


@_with_later.register
def _(noise: CovarianceNoise, moments: Moments, params: Params, first: int) -> Floats:
    later, d = slice(first + 1, None), moments.sums.shape[1]
    both = Moments(
        moments.counts[first] + moments.counts[later],
        moments.sums[first] + moments.sums[later],
        moments.spread[first] + moments.spread[later],
    )
    merged = maximize(noise, both, some_of(noise, params, later), learn_weights=False)
    own = moments.counts * noise.log_determinants(params.dispersion, d)
    united = both.counts * noise.log_determinants(merged.dispersion, d)
    costs: Floats = 0.5 * (united - own[first] - own[later])
    return costs


def some_of(noise: MixtureNoise, params: Params, which: slice | list[int]) -> Params:
    """Return the parameters of some of the components, of equal weights."""
    means = params.components[which]
    spread = params.dispersion[which] if has_own_dispersions(noise) else params.dispersion
    weights = np.full(len(means), -np.log(max(len(means), 1)))
    return replace(params, components=means, log_weights=weights, dispersion=spread)


def _united(
    noise: MixtureNoise, moments: Moments, params: Params, first: int
) -> tuple[Floats, Floats, Floats]:
    """Return counts, sums and means of a component together with each after it."""
    counts = moments.counts[first] + moments.counts[first + 1 :]
    sums = moments.sums[first] + moments.sums[first + 1 :]
    means = params.reference + sums / np.maximum(counts, TINY)[:, None]
    return counts, sums, noise.legal_means(means)


def _affine_losses(
    noise: MixtureNoise, params: Params, means: Floats, sums: Floats, counts: Floats
) -> Floats:
    """Return the losses of rows that add up to these sums under means of their own."""
    alike = replace(params, components=means, log_weights=np.zeros(len(means)))
    scorer = cast(AffineScorer, noise.scorer(alike))
    losses = counts * scorer.affine.offsets - (sums * scorer.affine.components).sum(axis=1)
    return scorer.scale * losses
