"""The exact map between Poisson factorizations and topic models."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import xlogy

from cofactor.data import RowBlock
from cofactor.data.base import Floats
from cofactor.kernels import sampled_products
from cofactor.noise.multinomial import Multinomial
from cofactor.noise.penalty import TINY


@dataclass(frozen=True)
class Topics:
    """A Poisson factorization ``A = ZW`` in topic form: ``A = diag(s) θ β``.

    ``log Poisson(X|A) = Σ_i [log Mult(x_i; t_i, θ_iβ) + log Poisson(t_i; s_i)]`` with ``t_i`` the
    total of row ``i`` [Carbonetto, Sarkar, Wang & Stephens 2021].

    Attributes
    ----------
    proportions : ndarray of shape (n, k)
        ``θ``: rows sum to 1; uniform for documents of size 0.
    topics : ndarray of shape (k, m)
        ``β``: rows sum to 1; uniform for topics without mass.
    sizes : ndarray of shape (n,)
        ``s``: expected counts of each document.
    """

    proportions: Floats
    topics: Floats
    sizes: Floats


def to_topics(codes: Floats, components: Floats) -> Topics:
    """Return the topic form of a Poisson factorization.

    Parameters
    ----------
    codes : ndarray of shape (n, k)
        ``Z ≥ 0``.
    components : ndarray of shape (k, m)
        ``W ≥ 0``.
    """
    masses = components.sum(axis=1)
    scaled = codes * masses
    return Topics(shares(scaled), shares(components), scaled.sum(axis=1))


def from_topics(topics: Topics) -> tuple[Floats, Floats]:
    """Return codes (n, k) and components (k, m) of a topic model; the components sum to 1."""
    return topics.proportions * topics.sizes[:, None], topics.topics


def shares(values: Floats) -> Floats:
    """Return rows divided by their sums; uniform where a row is all zeros."""
    totals = values.sum(axis=1, keepdims=True)
    uniform = 1.0 / values.shape[1]
    return np.where(totals > 0, values / np.maximum(totals, TINY), uniform)


def log_probability(block: RowBlock, proportions: Floats, topics: Floats) -> Floats:
    """Return ``Σ_j x_ij log (θ_iβ)_j`` of each row in nats, shape (n,); see :class:`Topics`.

    Where counts are missing, probabilities are those among the terms that were counted. Only
    stored entries are visited.
    """
    rows = block.as_sparse()
    indptr, indices, data = rows.arrays
    fitted, shares = np.empty(len(data)), np.ascontiguousarray(proportions)
    sampled_products(indptr, indices, shares, np.ascontiguousarray(topics.T), fitted)
    owner = np.repeat(np.arange(rows.n_rows), np.diff(indptr))
    whole = np.bincount(owner, xlogy(data, fitted), rows.n_rows).astype(float)
    if block.complete:
        return whole
    counted = (proportions * block.observed_times(topics.T)).sum(axis=1)
    return whole - xlogy(block.row_sums(lambda x: x), counted)


def log_arrangements(block: RowBlock) -> Floats:
    """Return ``log t_i! − Σ_j log x_ij!`` of each row, the multinomial's constant, shape (n,)."""
    return -Multinomial().row_statistic(block, np.zeros(block.n_columns))
