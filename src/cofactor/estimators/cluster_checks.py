"""What :class:`~cofactor.estimators.kmeans.KMeans` refuses, and what it warns of."""

from __future__ import annotations

import warnings

import numpy as np
from sklearn.exceptions import ConvergenceWarning

from cofactor.data.base import Labels
from cofactor.errors import InputError
from cofactor.noise import Gaussian, Noise, noise_named


def check_moves(polish: bool, is_global: bool, n_closest: int | None, noise: str | Noise) -> None:
    """Refuse to move single rows between clusters that are not hard, or not Gaussian.

    Raises
    ------
    InputError
        If that is asked for.
    """
    for asked in ("polish=True",) * polish + ("search='global'",) * is_global:
        if n_closest != 1 or noise_named(noise) != Gaussian():
            raise InputError(
                f"{asked} with n_closest={n_closest} and noise={noise!r}: rows can "
                "be moved one by one only between hard clusters under Gaussian noise; "
                f"expected n_closest=1 and noise='gaussian', or no {asked}."
            )


def warn_if_one_cluster(algorithm: str, n_clusters: int) -> None:
    """Warn as scikit-learn does."""
    if algorithm == "elkan" and n_clusters == 1:
        warnings.warn(
            "algorithm='elkan' doesn't make sense for a single cluster. Using 'lloyd' instead.",
            RuntimeWarning,
            stacklevel=3,
        )


def warn_if_few_clusters(labels: Labels, n_clusters: int) -> None:
    """Warn as scikit-learn does, if some clusters have no rows."""
    found = np.count_nonzero(np.bincount(labels))
    if found < n_clusters:
        warnings.warn(
            f"Number of distinct clusters ({found}) found smaller than n_clusters "
            f"({n_clusters}). Possibly due to duplicate points in X.",
            ConvergenceWarning,
            stacklevel=3,
        )
