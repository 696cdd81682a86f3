"""Hard clusters beyond Lloyd's optima: rows move one by one while that lowers the inertia."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from cofactor.codes.clustered import Account
from cofactor.codes.hartigan import Hartigan
from cofactor.fit import Fit
from cofactor.lloyd import Whole
from cofactor.noise import Gaussian
from cofactor.stop import NothingMoved, Stop, TimeLimit
from cofactor.trace import Callback

NOISE = Gaussian()


def polished(
    found: Fit, data: Whole, max_iter: int, limit: TimeLimit, callbacks: Sequence[Callback] = ()
) -> Fit:
    """Move single rows until no move lowers the inertia [Hartigan 1975].

    Parameters
    ----------
    found : Fit
        Hard clusters under Gaussian noise.
    data : Whole
    max_iter : int
        Most sweeps over the rows.
    limit : TimeLimit
        Counted from the beginning of ``found``.
    callbacks : sequence of callable
        Each is called with every sweep; returning True stops.

    Returns
    -------
    Fit
        With as good or better clusters, and the sweeps in its trace.
    """
    labels = np.concatenate([state.labels for state in found.rows.states])
    clusters = Hartigan(
        data.rows, labels, found.params.components, found.params.reference, data.engine
    )
    clusters.fill()
    inertia, trace = clusters.inertia(), found.trace
    account = Account(NOISE, clusters, found.params, inertia)
    stop = Stop(max_iter, (NothingMoved(), limit))
    for _ in range(max_iter):
        sweep = clusters.sweep()
        inertia = inertia - sweep.gain if sweep.moved else clusters.inertia()
        record = trace.record(account.objective(inertia), sweep.moved, sweep.shift)
        reason = stop.reason(trace)
        asked = [callback(record) is True for callback in callbacks]
        if reason is not None or any(asked):
            break
    converged = reason is not None and reason.converged
    rows = data.labelled(clusters.clustering.labels)
    params = account.params(inertia)
    return replace(found, params=params, rows=rows, trace=trace, converged=converged)
