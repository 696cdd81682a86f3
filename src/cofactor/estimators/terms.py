"""What topics say about terms, and what documents say about that."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import scipy.sparse as sp
from scipy.special import xlogy

from cofactor.data.base import Array, Floats
from cofactor.errors import InputError
from cofactor.noise.penalty import TINY


def _lift(topics: Floats, mass: Floats) -> Floats:
    marginal = mass @ topics / max(float(mass.sum()), TINY)
    return topics / np.maximum(marginal, TINY)


def _distinctive(topics: Floats, mass: Floats) -> Floats:
    rivals = np.stack(
        [np.delete(topics, k, axis=0).max(axis=0, initial=0) for k in range(len(mass))]
    )
    return xlogy(topics, topics / np.maximum(rivals, TINY))


RANKINGS: dict[str, Callable[[Floats, Floats], Floats]] = {
    "probability": lambda topics, mass: topics,
    "lift": _lift,
    "distinctive": _distinctive,
}


def mean_npmi(X: Any, terms: Array) -> Floats:
    """Return the mean normalised pointwise mutual information of each row of terms, shape (k,).

    Parameters
    ----------
    X : ndarray or scipy.sparse CSR of shape (n, m)
        Documents; a term is in one if its entry is above 0.
    terms : ndarray of shape (k, n_terms)
        Numbers of columns, at least two a row.
    """
    if terms.shape[1] < 2:
        raise InputError("Coherence is that of pairs of terms; expected at least 2 terms a topic.")
    every, place = np.unique(terms, return_inverse=True)
    held = sp.csr_array((sp.csr_array(X[:, every]) > 0).astype(float))
    together = (held.T @ held).toarray() / max(X.shape[0], 1)
    pairs = np.array([_npmi(together[np.ix_(own, own)]) for own in place.reshape(terms.shape)])
    first, second = np.triu_indices(terms.shape[1], 1)
    return np.asarray(pairs[:, first, second].mean(axis=1))


def _npmi(together: Floats) -> Floats:
    """Return NPMI of all pairs, given the shares of documents that hold both, shape (t, t)."""
    own = np.diagonal(together)
    with np.errstate(divide="ignore", invalid="ignore"):
        found = np.log(together / np.outer(own, own)) / -np.log(together)
    return np.where(together <= 0, -1.0, np.where(together >= 1, 1.0, found))


def split_words(X: Any, share: float, rng: np.random.RandomState) -> tuple[Any, Any]:
    """Return the counts of a random part of each document's words, and those of the others."""
    if not 0 < share < 1:
        raise InputError(f"share is {share}; expected a number between 0 and 1, both left out.")
    counts = sp.csr_array(X)
    if (counts.data % 1 != 0).any():
        raise InputError("Words are held out of whole counts; expected no fractions.")
    part = rng.binomial(counts.data.astype(np.int64), share)
    return tuple(
        sp.csr_array((values.astype(X.dtype), counts.indices, counts.indptr), shape=X.shape)
        for values in (part, counts.data - part)
    )
