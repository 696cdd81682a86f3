"""k-means with many clusters, where rows meet few centers at a time."""

from __future__ import annotations

from typing import cast

from cofactor.codes import OneHot
from cofactor.codes.clustered import (
    moments_of_clusters,
    objective_of_clusters,
    params_of_clusters,
)
from cofactor.codes.onehot import OneHotStatistics
from cofactor.data import DenseRows, RowBlock
from cofactor.fit import Fit
from cofactor.lloyd import Ending, Whole
from cofactor.model import Model
from cofactor.neighbors.search import NeighborSearch
from cofactor.noise import Gaussian, Params
from cofactor.trace import Trace


def suits(noise: object, rows: RowBlock) -> bool:
    """Return whether :func:`neighbors` can fit such rows."""
    return type(noise) is Gaussian and isinstance(rows, DenseRows)


def neighbors(noise: Gaussian, data: Whole, params: Params, ending: Ending) -> Fit:
    """Fit hard clusters of equal weight by moves of single rows, found among few centers each.

    This is truncated variational EM with one cluster kept [Lücke & Forster 2019]: a row's own
    cluster is always among its candidates. Candidates only propose; a row moves if that lowers
    the inertia as it is then [Hartigan 1975], so the free energy rises with every move.

    Parameters
    ----------
    noise : Gaussian
    data : Whole
        With dense rows.
    params : Params
        Where to start, with equal mixing weights.
    ending : Ending
        Converged when the inertia fell by at most the fraction ``tolerance`` while all rows met
        all centers. ``max_iter`` is the most passes over the rows after the first.
    """
    rows = cast(DenseRows, data.rows)
    search = NeighborSearch(rows, params.components, params.reference, data.engine)
    clusters, trace, step = search.clusters, Trace(n_entries=data.n_entries), search.first
    inertia, converged = clusters.inertia(), False
    for number in range(ending.max_iter + 1):
        inertia -= step.gain
        params = params_of_clusters(noise, clusters, params, inertia)
        objective = objective_of_clusters(noise, clusters, params, inertia)
        trace.record(objective, step.moved, step.shift, step.evaluations)
        converged = search.recent_gain <= ending.tolerance * inertia
        late = ending.limit(trace) or number == ending.max_iter
        if ending.asked(trace) or converged or late:
            break
        step = search.step(ending.tolerance * inertia / search.n_slices)
    moments = moments_of_clusters(clusters, params, inertia)
    return Fit(
        Model(noise, OneHot()),
        params,
        data.labelled(clusters.clustering.labels),
        OneHotStatistics(objective, step.moved, moments),
        trace,
        converged,
    )
