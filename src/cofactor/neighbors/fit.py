"""k-means with many clusters, where rows meet few centers at a time."""

from __future__ import annotations

from cofactor.codes import OneHot
from cofactor.codes.clustered import Account
from cofactor.codes.onehot import OneHotStatistics
from cofactor.data import DenseRows, RowBlock, SparseRows
from cofactor.fit import Fit
from cofactor.lloyd import Ending, Whole
from cofactor.model import Model
from cofactor.neighbors.arms import N_NEAR, Neighbors
from cofactor.neighbors.blocks import BlockSearch
from cofactor.neighbors.course import Course
from cofactor.neighbors.opening import EFFORT as OPENING_EFFORT
from cofactor.neighbors.search import NeighborSearch
from cofactor.noise import Gaussian, Params
from cofactor.trace import Trace

FEW_PAIRS = 1 << 22  # of a row and a center


def suits(noise: object, rows: RowBlock) -> bool:
    """Return whether :func:`neighbors` can fit such rows."""
    return type(noise) is Gaussian and isinstance(rows, DenseRows | SparseRows)


def pays(rows: RowBlock, n_clusters: int) -> bool:
    """Return whether rows should meet few centers at a time, by what it takes to compare them.

    They should if looking at all centers takes longer than looking at neighbours. Small problems
    are solved before anything of the kind is prepared, and centers of sparse rows are dense:
    finding their neighbours would take longer than comparing rows with all.
    """
    longer = OPENING_EFFORT * n_clusters > Neighbors.effort * N_NEAR
    return isinstance(rows, DenseRows) and longer and rows.n_rows * n_clusters > FEW_PAIRS


def neighbors(noise: Gaussian, data: Whole, params: Params, ending: Ending) -> Fit:
    """Fit hard clusters of equal weight by moves of single rows, found among few centers each.

    This is truncated variational EM with one cluster kept [Lücke & Forster 2019]: a row's own
    cluster is always among its candidates. Candidates only propose; a row moves if that lowers
    the inertia as it is then [Hartigan 1975], so the free energy rises with every move.

    Parameters
    ----------
    noise : Gaussian
    data : Whole
    params : Params
        Where to start, with equal mixing weights.
    ending : Ending
        Converged when the inertia fell by at most the fraction ``tolerance`` while all rows met
        all centers. ``max_iter`` is the most passes over the rows after the first.
    """
    search = _begun(data, params)
    trace, step = Trace(n_entries=data.n_entries), search.first
    inertia, converged = search.clusters.inertia(), False
    account = Account(noise, search.clusters, params, inertia)
    for number in range(ending.max_iter + 1):
        inertia -= step.gain
        trace.record(account.objective(inertia), step.moved, step.shift, step.evaluations)
        converged = search.recent_gain <= ending.tolerance * inertia
        late = ending.limit(trace) or number == ending.max_iter
        if ending.asked(trace) or converged or late:
            break
        step = search.step(ending.tolerance * inertia / search.n_slices)
    return Fit(
        Model(noise, OneHot()),
        account.params(inertia),
        data.labelled(search.labels),
        OneHotStatistics(trace[-1].objective, step.moved, account.moments(inertia)),
        trace,
        converged,
    )


def _begun(data: Whole, params: Params) -> Course:
    """Begin where rows are: together if all workers see them, else block by block."""
    start = params.components, params.reference, data.engine
    if data.engine.shares_memory:
        return NeighborSearch(data.rows, *start)
    return BlockSearch(data.blocks, *start)
