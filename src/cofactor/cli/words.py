"""The words of the command line and what they are in Python; a new model is one line here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any


class ModelWord(StrEnum):
    """The models that can be fitted."""

    KMEANS = "kmeans"
    KMEANS_C = "kmeans-c"
    GMM = "gmm"
    MIXTURE = "mixture"
    NMF = "nmf"
    TOPICS = "topics"
    SVD = "svd"
    CONVEX = "convex"
    SCALED = "scaled"


@dataclass(frozen=True)
class Choice:
    """What a model's word stands for.

    Attributes
    ----------
    estimator : str
        Name of the class in `cofactor`.
    size : str
        Its parameter for the number of components.
    defaults : mapping
        Parameters that differ from the class's own defaults.
    """

    estimator: str
    size: str = "n_components"
    defaults: Mapping[str, Any] = field(default_factory=dict)


CHOICES = {
    ModelWord.KMEANS: Choice("KMeans", "n_clusters"),
    ModelWord.KMEANS_C: Choice("KMeans", "n_clusters", {"n_closest": 3}),
    ModelWord.GMM: Choice("GaussianMixture"),
    ModelWord.MIXTURE: Choice("Mixture"),
    ModelWord.NMF: Choice("NMF"),
    ModelWord.TOPICS: Choice("TopicModel"),
    ModelWord.SVD: Choice("Factorization", defaults={"codes": "free"}),
    ModelWord.CONVEX: Choice("Factorization", defaults={"codes": "simplex"}),
    ModelWord.SCALED: Choice("Factorization", defaults={"codes": "scaled one-hot"}),
}

# option: the parameters that it can be, of which an estimator has at most one
SETTINGS = {
    "noise": ("noise",),
    "closest": ("n_closest",),
    "covariance": ("covariance_type",),
    "polish": ("polish",),
    "search": ("search",),
    "init": ("init", "init_params"),
    "starts": ("n_init",),
    "max-iter": ("max_iter",),
    "tol": ("tol",),
    "seed": ("random_state",),
    "threads": ("n_threads",),
    "time-limit": ("time_limit",),
}
