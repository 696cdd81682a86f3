"""What every contender of a case is given."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import redirect_stdout
from dataclasses import dataclass
from functools import cached_property
from io import StringIO
from typing import Any, NamedTuple

import numpy as np
import scipy.sparse as sp
from sklearn.cluster import KMeans
from sklearn.decomposition import NMF

from benchmarks import workloads
from benchmarks.workloads import Array

LONG = 1000  # iterations, more than any k-means here takes to converge
CHUNK = 1000  # rows looked at together
STEPS = 25  # of scikit-learn's, whose residual or divergence is to be reached
NEAR = 1.001  # of scikit-learn's converged inertia: what a search has to reach


class Mixture(NamedTuple):
    """A Gaussian mixture, in the shapes of scikit-learn's attributes."""

    weights: Array
    means: Array
    precisions_cholesky: Array


class Factors(NamedTuple):
    """Codes of shape (n, k) and components of shape (k, d)."""

    codes: Array
    components: Array


class Goal(NamedTuple):
    """An inertia to reach, and how many of scikit-learn's iterations of Lloyd's reach it."""

    inertia: float
    n_iter: int


def half_residual(X: Any, factors: Factors) -> float:
    """Return ``½‖X − ZW‖²`` by its three products, in float64."""
    codes, components = (np.asarray(factor, np.float64) for factor in factors)
    squares = sum(float(np.square(part, dtype=np.float64).sum()) for part in _stored(X))
    cross = sum(
        float((np.asarray(X[rows] @ components.T) * codes[rows]).sum()) for rows in _slices(X)
    )
    model = float(((codes.T @ codes) * (components @ components.T)).sum())
    return 0.5 * squares - cross + 0.5 * model


def _slices(X: Any) -> Iterator[slice]:
    return (slice(start, start + CHUNK) for start in range(0, X.shape[0], CHUNK))


def _stored(X: Any) -> Iterator[Array]:
    return (X[rows].data if sp.issparse(X) else X[rows] for rows in _slices(X))


@dataclass(frozen=True)
class Problem:
    """A workload with the start and the choices that all contenders share.

    Attributes
    ----------
    workload : str
    k : int
        Number of components.
    n_threads : int
    n_init : int
    passes : int
        Over the data, by mini-batches.
    covariance_type : str
        Of mixtures.
    excess : float
        How far above the known divergence a factorization may stop, relatively.
    seconds : float
        How long a factorization may go on.
    seed : int
    """

    workload: str
    k: int
    n_threads: int
    n_init: int = 1
    passes: int = 1
    covariance_type: str = "spherical"
    excess: float = 0.0
    seconds: float = 0.0
    seed: int = 0

    @cached_property
    def X(self) -> Any:  # noqa: N802
        return workloads.load(self.workload)

    @cached_property
    def means(self) -> Array:
        return workloads.distinct_rows(self.X, self.k)

    @cached_property
    def factors(self) -> Factors:
        return Factors(*workloads.random_factors(self.X, self.k))

    @property
    def rate_goal(self) -> float:
        return (1.0 + self.excess) * workloads.BEST_DIVERGENCE[self.workload, self.k]

    @cached_property
    def residual_goal(self) -> float:
        """What scikit-learn's coordinate descent reaches from the factors in a few iterations."""
        return half_residual(self.X, coordinate_descent(self))

    @cached_property
    def multiplied(self) -> Factors:
        """What scikit-learn's multiplicative steps reach from the factors in a few iterations."""
        return multiplicative_steps(self, STEPS)

    @cached_property
    def weights(self) -> Array:
        return np.full(self.k, 1.0 / self.k)

    @cached_property
    def precisions(self) -> Array:
        """The precision of the data's mean variance by column, in the covariances' shape."""
        d = self.X.shape[1]
        unit = {
            "spherical": np.ones(self.k),
            "diag": np.ones((self.k, d)),
            "tied": np.eye(d),
            "full": np.repeat(np.eye(d)[None], self.k, axis=0),
        }[self.covariance_type]
        return (unit / self.X.var(axis=0).mean()).astype(self.X.dtype)

    @cached_property
    def goal(self) -> Goal:
        """What scikit-learn converges to from the means, but for a thousandth."""
        model = KMeans(self.k, init=self.means, n_init=1, max_iter=LONG, tol=0.0, verbose=1)
        with redirect_stdout(StringIO()) as said:
            model.fit(self.X)
        path = [float(found) for found in re.findall(r"inertia (\d+\.?\d*)", said.getvalue())]
        goal = NEAR * model.inertia_
        return Goal(goal, 1 + next(i for i, inertia in enumerate(path) if inertia <= goal))


def multiplicative_steps(problem: Problem, n_iter: int) -> Factors:
    """Take scikit-learn's multiplicative steps from the factors, under the KL divergence."""
    model = NMF(
        problem.k,
        init="custom",
        solver="mu",
        beta_loss="kullback-leibler",
        tol=0.0,
        max_iter=n_iter,
    )
    start = {"W": problem.factors.codes.copy(), "H": problem.factors.components.copy()}
    return Factors(model.fit_transform(problem.X, **start), model.components_)


def coordinate_descent(problem: Problem) -> Factors:
    """Take scikit-learn's steps from the factors."""
    model = NMF(problem.k, init="custom", tol=0.0, max_iter=STEPS)
    start = {"W": problem.factors.codes.copy(), "H": problem.factors.components.copy()}
    return Factors(model.fit_transform(problem.X, **start), model.components_)
