"""What factorizations from many starts have in common."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment
from sklearn.base import clone

from cofactor.data.base import Array, Floats
from cofactor.errors import InputError
from cofactor.estimators import NMF
from cofactor.start.rng import rng_for

MAX_ROUNDS = 20  # of matching; two or three are enough
LIFT = 1e-6  # of the mean: where multiplicative steps would keep a zero
OF_ROWS = ("mask", "exposure", "offset")  # what codes under fixed components need, too


@dataclass(frozen=True)
class Agreement:
    """The components of many runs, each matched with one of a consensus.

    Attributes
    ----------
    components : ndarray of shape (k, d)
        The median of those matched, each of length 1; the most stable first.
    stability : ndarray of shape (k,)
        The mean cosine of the components matched, over all pairs of runs: 1 if they are the same
        in all.
    matches : ndarray of shape (n_runs, k)
        Which component of each run it is.
    """

    components: Floats
    stability: Floats
    matches: NDArray[np.intp]


@dataclass(frozen=True)
class Consensus(Agreement):
    """A consensus, and the fit that starts from it.

    Attributes
    ----------
    log_likelihoods : ndarray of shape (n_runs,)
        Of the runs, in nats.
    model : NMF
        Fitted from the consensus; its components are in the same order.
    """

    log_likelihoods: Floats
    model: NMF


def consensus(
    estimator: NMF, X: Any, n_runs: int = 10, random_state: Any = None, **fit_params: Any
) -> Consensus:
    """Fit a factorization from many random starts, and once more from what they have in common.

    Components of different runs are matched one to one so that the sum of their cosines is the
    largest possible (the assignment problem), with those of the best run first and then with the
    median of all that were matched, until no match changes [Kotliar et al. 2019 find the groups by
    k-means, which may give two components of a run to one group].

    Parameters
    ----------
    estimator : NMF
        Not fitted here: what is fitted are copies, with ``init='random'``.
    X : array-like or sparse matrix of shape (n, d)
    n_runs : int, default 10
        At least 2.
    random_state : int, RandomState or None
    **fit_params
        ``sample_weight``, ``mask``, ``exposure`` and ``offset``, as for :meth:`NMF.fit`.

    Raises
    ------
    InputError
        If ``n_runs`` is below 2, or the estimator is no NMF.
    """
    if not isinstance(estimator, NMF):
        raise InputError(
            f"estimator is {type(estimator).__name__}; expected NMF. The consensus of Poisson "
            "factorizations is one of topics, too: TopicModel.from_factorization(found.model, X)."
        )
    if n_runs < 2:
        raise InputError(f"n_runs is {n_runs}; expected at least 2, or there is nothing to match.")
    runs = list(_runs(estimator, X, n_runs, rng_for(random_state), fit_params))
    likelihoods = np.array([run.log_likelihood_ for run in runs])
    best = runs[int(likelihoods.argmax())]
    found = agreement([run.components_.astype(float) for run in runs], int(likelihoods.argmax()))
    model = _refined(estimator, best, found.components, X, fit_params)
    return Consensus(**vars(found), log_likelihoods=likelihoods, model=model)


def agreement(runs: list[Floats], first: int) -> Agreement:
    """Match the components of runs.

    Parameters
    ----------
    runs : list of ndarray of shape (k, d)
    first : int
        The run whose components come first.
    """
    unit = np.stack([_unit(components) for components in runs])
    center, matches = unit[first], np.empty((0, 0), dtype=np.intp)
    for _ in range(MAX_ROUNDS):
        new = np.stack([_matched(components, center) for components in unit])
        if np.array_equal(new, matches):
            break
        matches = new
        aligned = np.take_along_axis(unit, matches[:, :, None], axis=1)
        center = _unit(np.median(aligned, axis=0))
    stability = _mean_cosine(aligned)
    order = np.argsort(-stability, kind="stable")
    return Agreement(center[order], stability[order], matches[:, order])


def _runs(
    estimator: NMF, X: Any, n_runs: int, rng: np.random.RandomState, fit_params: dict[str, Any]
) -> Iterator[NMF]:
    for seed in rng.randint(2**31 - 1, size=n_runs):
        run = clone(estimator).set_params(init="random", random_state=int(seed))
        yield run.fit(X, **fit_params)


def _refined(
    estimator: NMF, best: NMF, components: Floats, X: Any, fit_params: dict[str, Any]
) -> NMF:
    """Return the fit that starts from components in the order and the scale given."""
    dtype = best.components_.dtype
    scale = np.linalg.norm(best.components_.astype(float), axis=1).mean()
    H = np.maximum(components, LIFT * components.mean()) * scale
    folding = clone(estimator).set_params(n_components=len(H))
    folding.__dict__.update({**vars(best), "components_": H.astype(dtype)})
    of_rows = {name: fit_params[name] for name in OF_ROWS if name in fit_params}
    W = folding.transform(X, **of_rows)
    W = np.maximum(W, LIFT * max(float(W.mean()), float(np.finfo(dtype).tiny)))
    refined = clone(estimator).set_params(n_components=len(H), init="custom")
    return refined.fit(X, W=W.astype(dtype), H=H.astype(dtype), **fit_params)


def _matched(components: Floats, center: Floats) -> NDArray[np.intp]:
    """Return which component goes with each of the center's."""
    _, own = linear_sum_assignment(-center @ components.T)
    return np.asarray(own)


def _mean_cosine(aligned: Floats) -> Floats:
    """Return the mean cosine over pairs of runs, of components (n_runs, k, d) of length 1."""
    n_runs = len(aligned)
    own = np.square(aligned).sum(axis=(0, 2))  # components of zeros have length 0
    pairs = np.square(aligned.sum(axis=0)).sum(axis=1) - own
    return np.asarray(pairs / (n_runs * (n_runs - 1)))


def _unit(vectors: Array) -> Floats:
    """Return rows of length 1; zeros stay zeros."""
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.asarray(vectors / np.where(lengths > 0, lengths, 1.0))
