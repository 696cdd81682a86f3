"""The parameters and the objective of hard clusters under Gaussian noise, by their inertia."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from cofactor.codes.hartigan import Hartigan
from cofactor.noise import Gaussian, Params
from cofactor.noise.base import Moments


def moments_of_clusters(clusters: Hartigan, params: Params, inertia: float) -> Moments:
    """Return the moments of the clusters' rows."""
    about_reference = clusters.clustering.means - params.reference
    between = clusters.counts @ np.einsum("cd,cd->c", about_reference, about_reference)
    sums = clusters.counts[:, None] * about_reference
    return Moments(clusters.counts, sums, np.array(inertia + between))


def params_of_clusters(
    noise: Gaussian, clusters: Hartigan, before: Params, inertia: float
) -> Params:
    """Return the means of the clusters, and the variance about them."""
    params = replace(before, components=clusters.clustering.means.copy())
    moments = moments_of_clusters(clusters, params, inertia)
    return replace(params, dispersion=noise.dispersion(moments, params))


def objective_of_clusters(
    noise: Gaussian, clusters: Hartigan, params: Params, inertia: float
) -> float:
    """Return minus the free energy, in nats."""
    scorer = noise.scorer(params)
    loss = 0.5 * scorer.scale * inertia + scorer.row_constant * clusters.counts.sum()
    return float(loss)
