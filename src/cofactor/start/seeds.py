"""First means of clusterings: rows of the data, or what the caller gives."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import scipy.sparse as sp
from sklearn.utils import check_array

from cofactor.data.base import Array, Floats
from cofactor.errors import InputError
from cofactor.start.afk_mc2 import chain_rows
from cofactor.start.kmeans_parallel import parallel_rows
from cofactor.start.kmeans_plusplus import GreedyRows
from cofactor.start.warm import warm_means

Draw = Callable[[np.random.RandomState], Array]


@dataclass(frozen=True)
class Seeds:
    """A way to find first means.

    Attributes
    ----------
    starts : callable
        ``starts(X, k, sample_weight, n_threads)`` returns what draws the means of one start after
        the other: ``draw(rng)`` of shape (k, d). What starts have in common is prepared once.
    n_init : int
        How many starts it takes to be safe.
    are_rows : bool
        Whether the means are rows of the data, which a noise may have to move inside its domain.
    """

    starts: Callable[[Any, int, Floats, int | None], Draw]
    n_init: int
    are_rows: bool


@dataclass(frozen=True)
class GreedyMeans:
    """Draws rows by greedy k-means++.

    Attributes
    ----------
    X : ndarray or scipy.sparse CSR of shape (n, d)
    rows : GreedyRows
        Who chooses them.
    """

    X: Any
    rows: GreedyRows

    def __call__(self, rng: np.random.RandomState) -> Array:
        """Return the means of another start, shape (k, d)."""
        return _dense(self.X[self.rows(rng)])


def plus_plus(X: Any, k: int, weights: Floats, n_threads: int | None = None) -> Draw:
    """Draw rows by greedy k-means++ [Arthur & Vassilvitskii 2007]."""
    return GreedyMeans(X, GreedyRows(X, k, weights, n_threads=n_threads))


def random_rows(X: Any, k: int, weights: Floats, n_threads: int | None = None) -> Draw:
    """Draw different rows in proportion to their weights."""
    share = weights.astype(X.dtype)
    odds = share / share.sum()
    return lambda rng: _dense(X[rng.choice(X.shape[0], size=k, replace=False, p=odds)])


def parallel(X: Any, k: int, weights: Floats, n_threads: int | None = None) -> Draw:
    """Draw rows by k-means‖ [Bahmani et al. 2012]."""
    return lambda rng: _dense(X[parallel_rows(X, k, weights, rng, n_threads)])


def by_chains(X: Any, k: int, weights: Floats, n_threads: int | None = None) -> Draw:
    """Draw rows by AFK-MC² [Bachem et al. 2016]."""
    return lambda rng: _dense(X[chain_rows(X, k, weights, rng, n_threads)])


def from_coreset(X: Any, k: int, weights: Floats, n_threads: int | None = None) -> Draw:
    """Cluster a lightweight coreset [Bachem, Lucic & Krause 2018]."""
    return lambda rng: warm_means(X, k, weights, rng, n_threads)


SEEDS = {
    "k-means++": Seeds(plus_plus, 1, True),
    "k-means||": Seeds(parallel, 1, True),
    "afk-mc2": Seeds(by_chains, 1, True),
    "coreset": Seeds(from_coreset, 1, True),
    "random": Seeds(random_rows, 10, True),
}


def seeds_for(init: Any, shape: tuple[int, int], dtype: Any) -> Seeds:
    """Return the way to find first means that ``init`` asks for.

    Parameters
    ----------
    init : str, callable or array-like of shape (k, d)
        A key of ``SEEDS``; ``init(X, k, random_state=rng)``, which gets dense data centred and
        returns means of it; or the means themselves.
    shape : tuple of int
        ``(k, d)``, the shape the means must have.
    dtype : dtype
        Of the data.

    Raises
    ------
    InputError
        If an array has another shape, or a string is not known.
    """
    if isinstance(init, str):
        return _named(init)
    if callable(init):
        return Seeds(partial(_called, init), 10, False)
    given = _checked(init, shape, dtype)
    return Seeds(lambda X, k, weights, n_threads: lambda rng: given, 1, False)


def _named(init: str) -> Seeds:
    if init not in SEEDS:
        raise InputError(
            f"init is {init!r}; expected one of {', '.join(SEEDS)}, an array or a callable."
        )
    return SEEDS[init]


def _called(init: Any, X: Any, k: int, weights: Floats, n_threads: int | None) -> Draw:
    def draw(rng: np.random.RandomState) -> Array:
        centred, mean = _centred(X)
        return _checked(init(centred, k, random_state=rng), (k, X.shape[1]), X.dtype) + mean

    return draw


def _checked(means: Any, shape: tuple[int, int], dtype: Any) -> Array:
    means = _dense(check_array(means, accept_sparse="csr", dtype=dtype, order="C"))
    if means.shape[0] != shape[0]:
        raise InputError(
            f"The shape of the initial centers {means.shape} does not match the number of "
            f"clusters {shape[0]}."
        )
    if means.shape[1] != shape[1]:
        raise InputError(
            f"The shape of the initial centers {means.shape} does not match the number of "
            f"features of the data {shape[1]}."
        )
    return means


def _centred(X: Any) -> tuple[Any, Array]:
    """Return dense data about their mean, whose distances keep more digits, and the mean."""
    mean = np.zeros(X.shape[1], X.dtype) if sp.issparse(X) else X.mean(axis=0)
    return (X, mean) if sp.issparse(X) else (X - mean, mean)


def _dense(rows: Any) -> Array:
    return np.asarray(rows.toarray() if sp.issparse(rows) else rows)
