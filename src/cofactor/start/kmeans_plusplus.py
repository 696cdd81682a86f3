"""Greedy k-means++: rows drawn one by one, far from those drawn before."""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray
from sklearn.utils import check_array, check_random_state
from sklearn.utils.validation import _check_sample_weight

from cofactor.data.base import Array, Floats
from cofactor.data.csr import canonical_csr
from cofactor.engine.threads import engine_for, resolve_threads
from cofactor.errors import InputError
from cofactor.kernels import PANEL_ROWS
from cofactor.start.panels import CHUNK_ROWS, Panels
from cofactor.start.screened import ScreenedRows
from cofactor.start.unscreened import UnscreenedRows

Indices = NDArray[np.intp]

WORK_PER_TASK = 1 << 17  # entries times trials, below which handing out a task costs more


class SeedDistances(Protocol):
    """The distance of every row from its closest seed, and what candidates would make of it."""

    @property
    def panels(self) -> Panels:
        """Weights, distances and potentials of the rows."""
        ...

    def start(self, row: int) -> None:
        """Make a row the only seed."""
        ...

    def offer(self, rows: Indices) -> Floats:
        """Return by how much each candidate row would lower the potential ``Σ_n w_n D_n``."""
        ...

    def take(self, winner: int) -> None:
        """Make a seed of one of the candidates last offered."""
        ...


def kmeans_plusplus(
    X: Any,
    n_clusters: int,
    *,
    sample_weight: Any = None,
    random_state: Any = None,
    n_local_trials: int | None = None,
    n_threads: int | None = None,
) -> tuple[Array, Indices]:
    """Choose rows to start k-means from by greedy k-means++ [Arthur & Vassilvitskii 2007].

    The first row is drawn in proportion to the weights. For every further seed, candidates are
    drawn in proportion to ``w_n D_n``, where ``D_n`` is the squared distance from the closest
    seed, and the one that leaves the lowest ``Σ_n w_n D_n`` is taken. Same draws as
    :func:`sklearn.cluster.kmeans_plusplus`, so the same rows but for rounding.

    Parameters
    ----------
    X : array-like or sparse matrix of shape (n, d)
        Finite.
    n_clusters : int
        Number of seeds, at most n.
    sample_weight : array-like of shape (n,), optional
        Weights of the rows; rows of weight 0 are not drawn while others remain.
    random_state : int, RandomState or None
    n_local_trials : int, optional
        Candidates for each seed; default ``2 + ⌊log n_clusters⌋``.
    n_threads : int, optional
        Default: every core. The rows are the same for any number.

    Returns
    -------
    centers : ndarray of shape (n_clusters, d)
        The rows.
    indices : ndarray of shape (n_clusters,)
        Where they are in ``X``; all different.

    Raises
    ------
    InputError
        If there are fewer rows than seeds, no trial, or squared distances that overflow.

    Examples
    --------
    >>> import numpy as np
    >>> from cofactor import kmeans_plusplus
    >>> X = np.array([[1, 2], [1, 4], [1, 0], [10, 2], [10, 4], [10, 0]])
    >>> centers, indices = kmeans_plusplus(X, n_clusters=2, random_state=0)
    >>> indices
    array([3, 2])
    """
    X = canonical_csr(X, "The sparse matrix") if sp.issparse(X) else X
    X = check_array(X, accept_sparse="csr", dtype=[np.float64, np.float32], order="C")
    weights = _check_sample_weight(sample_weight, X, dtype=np.float64, ensure_non_negative=True)
    rng = check_random_state(random_state)
    indices = greedy_rows(X, n_clusters, weights, rng, n_local_trials, n_threads)
    centers = X[indices]
    return np.asarray(centers.toarray() if sp.issparse(X) else centers), indices


def greedy_rows(
    X: Any,
    k: int,
    weights: Floats,
    rng: np.random.RandomState,
    n_local_trials: int | None = None,
    n_threads: int | None = None,
) -> Indices:
    """Return the rows that :func:`kmeans_plusplus` chooses of validated data, shape (k,)."""
    trials = 2 + int(np.log(max(k, 1))) if n_local_trials is None else n_local_trials
    _check(X.shape[0], k, trials)
    share = weights.astype(X.dtype)
    first = int(rng.choice(X.shape[0], p=share / share.sum()))
    draws = rng.uniform(size=(k - 1, trials))
    n_tasks = _task_count(X, trials, n_threads)
    with engine_for(n_tasks, n_tasks) as engine:
        open_rows = UnscreenedRows if sp.issparse(X) else ScreenedRows
        return _chosen(open_rows.of(X, weights, k, engine, n_tasks), first, draws)


def _check(n: int, k: int, trials: int) -> None:
    if not 1 <= k <= n:
        raise InputError(f"n_clusters is {k}; expected from 1 to n_samples={n}.")
    if trials < 1:
        raise InputError(f"n_local_trials is {trials}; expected None or an integer of at least 1.")


def _task_count(X: Any, trials: int, n_threads: int | None) -> int:
    work = X.size * trials // WORK_PER_TASK
    return max(1, min(resolve_threads(n_threads), work, X.shape[0] // CHUNK_ROWS))


def _chosen(rows: SeedDistances, first: int, draws: Floats) -> Indices:
    chosen = [first]
    rows.start(first)
    for uniform in draws:
        reach = np.cumsum(rows.panels.potentials)
        if not reach[-1] > 0:
            return _filled(chosen, len(draws) + 1, rows.panels)
        candidates = _drawn(rows.panels, reach, uniform * reach[-1])
        winner = int(np.argmax(rows.offer(candidates)))
        rows.take(winner)
        chosen.append(int(candidates[winner]))
    return np.array(chosen, dtype=np.intp)


def _drawn(panels: Panels, reach: Floats, targets: Floats) -> Indices:
    """Return the first rows at which the cumulated ``w_n D_n`` reaches the targets."""
    targets = np.maximum(targets, np.finfo(float).smallest_subnormal)  # 0 is before the first row
    panel = np.minimum(np.searchsorted(reach, targets), len(reach) - 1)
    mass = panels.weights[panel] * panels.closest[panel]
    inside = (reach[panel] - panels.potentials[panel])[:, None] + np.cumsum(mass, axis=1)
    target = np.minimum(targets, inside[:, -1])[:, None]
    drawn: Indices = panel * PANEL_ROWS + np.argmax((inside >= target) & (mass > 0), axis=1)
    return drawn


def _filled(chosen: list[int], k: int, panels: Panels) -> Indices:
    """Fill up with other rows, of positive weight first: all rows are copies of those chosen."""
    others = np.setdiff1d(np.arange(panels.n_rows), chosen)
    light = panels.weights.ravel()[others] == 0
    ordered = others[np.argsort(light, kind="stable")]
    return np.concatenate([chosen, ordered[: k - len(chosen)]]).astype(np.intp)
