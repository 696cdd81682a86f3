"""Greedy k-means++: rows drawn one by one, far from those drawn before."""

from __future__ import annotations

from collections import deque
from typing import Any, cast

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray
from sklearn.utils import check_array
from sklearn.utils.validation import _check_sample_weight

from cofactor.data.base import Array, Floats
from cofactor.data.csr import canonical_csr
from cofactor.engine import Engine, SerialEngine
from cofactor.engine.threads import engine_for, resolve_threads
from cofactor.errors import InputError
from cofactor.lazy import lazy
from cofactor.lloyd_starts import Draws
from cofactor.start.dense import DenseRows
from cofactor.start.heads import SMALL
from cofactor.start.measured import drawn_by_weight
from cofactor.start.rng import rng_for
from cofactor.start.unscreened import CHUNK_ROWS, UnscreenedRows

Indices = NDArray[np.intp]

WORK_PER_TASK = 1 << 17  # entries times trials, below which handing out a task costs more


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
    rng = rng_for(random_state)
    indices = GreedyRows(X, n_clusters, weights, n_local_trials, n_threads)(rng)
    centers = X[indices]
    return np.asarray(centers.toarray() if sp.issparse(X) else centers), indices


class GreedyRows:
    """Rows chosen by greedy k-means++ from validated data, as often as there are starts.

    What starts have in common is kept between them where it is small; rows of large data are
    prepared anew each time, so that iterations need not share the memory with it.

    Parameters
    ----------
    X : ndarray or scipy.sparse CSR of shape (n, d)
    k : int
        Number of rows to choose.
    weights : ndarray of shape (n,)
    n_local_trials : int, optional
        Candidates for each row; default ``2 + ⌊log k⌋``.
    n_threads : int, optional
        Default: every core.

    Raises
    ------
    InputError
        If there are fewer rows than seeds, or no trial.
    """

    def __init__(
        self,
        X: Any,
        k: int,
        weights: Floats,
        n_local_trials: int | None = None,
        n_threads: int | None = None,
    ) -> None:
        self._X, self._k, self._weights = X, k, weights
        self._trials = 2 + int(np.log(max(k, 1))) if n_local_trials is None else n_local_trials
        self._n_threads = n_threads
        self._ahead: deque[Draws] = deque()
        _check(X.shape[0], k, self._trials)

    def __call__(self, rng: np.random.RandomState) -> Indices:
        """Return the rows of another start, shape (k,).

        Raises
        ------
        InputError
            If squared distances overflow.
        """
        first, uniforms = self._ahead.popleft() if self._ahead else self._draws(rng)
        if self._is_small:
            return _filled(self._kept.greedy(first, uniforms), self._weights)
        n_tasks = _task_count(self._X, self._trials, self._n_threads)
        with engine_for(n_tasks, n_tasks) as engine:
            return _filled(self._prepared(engine).greedy(first, uniforms), self._weights)

    def ahead(self, rng: np.random.RandomState, n_starts: int) -> list[Draws]:
        """Draw now what the next starts begin with, if rows are measured as they are, all of them.

        Returns
        -------
        list of tuple
            The first row of each start, and numbers to choose the others by; empty if rows are
            sparse, many or tiny.
        """
        if sp.issparse(self._X) or not self._is_small:
            return []
        kept = cast(DenseRows, self._kept)
        if kept.n_plain < self._k or kept.X is not self._X:
            return []
        self._ahead.extend(self._draws(rng) for _ in range(n_starts))
        return list(self._ahead)

    def _draws(self, rng: np.random.RandomState) -> Draws:
        first = drawn_by_weight(self._weights.astype(self._X.dtype), rng)
        return first, rng.uniform(size=(self._k - 1, self._trials))

    @property
    def _is_small(self) -> bool:
        return bool(self._X.size * self._k <= SMALL)

    @lazy
    def _kept(self) -> DenseRows | UnscreenedRows:
        return self._prepared(SerialEngine())

    def _prepared(self, engine: Engine) -> DenseRows | UnscreenedRows:
        if sp.issparse(self._X):
            return UnscreenedRows.of(self._X, self._weights, engine)
        return DenseRows.of(self._X, self._k, self._trials, self._weights, engine)


def _check(n: int, k: int, trials: int) -> None:
    if not 1 <= k <= n:
        raise InputError(f"n_clusters is {k}; expected from 1 to n_samples={n}.")
    if trials < 1:
        raise InputError(f"n_local_trials is {trials}; expected None or an integer of at least 1.")


def _task_count(X: Any, trials: int, n_threads: int | None) -> int:
    work = X.size * trials // WORK_PER_TASK
    return max(1, min(resolve_threads(n_threads), work, X.shape[0] // CHUNK_ROWS))


def _filled(chosen: NDArray[np.int32], weights: Floats) -> Indices:
    """Fill up with other rows, of positive weight first: all rows are copies of those chosen."""
    if chosen[-1] >= 0:
        return chosen.astype(np.intp)
    found = chosen[chosen >= 0]
    others = np.setdiff1d(np.arange(len(weights)), found)
    ordered = others[np.argsort(weights[others] == 0, kind="stable")]
    return np.concatenate([found, ordered[: len(chosen) - len(found)]]).astype(np.intp)
