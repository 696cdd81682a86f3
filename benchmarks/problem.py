"""What every contender of a case is given."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np

from benchmarks import workloads
from benchmarks.workloads import Array

LONG = 1000  # iterations, more than any k-means here takes to converge


class Mixture(NamedTuple):
    """A Gaussian mixture, in the shapes of scikit-learn's attributes."""

    weights: Array
    means: Array
    precisions_cholesky: Array


class Factors(NamedTuple):
    """Codes of shape (n, k) and components of shape (k, d)."""

    codes: Array
    components: Array


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
    seed : int
    """

    workload: str
    k: int
    n_threads: int
    n_init: int = 1
    passes: int = 1
    covariance_type: str = "spherical"
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
