"""Estimators with scikit-learn's face."""

from cofactor.estimators.factorization import Factorization
from cofactor.estimators.gaussian_mixture import GaussianMixture
from cofactor.estimators.kmeans import KMeans
from cofactor.estimators.minibatch_kmeans import MiniBatchKMeans
from cofactor.estimators.mixture import Mixture
from cofactor.estimators.nmf import NMF
from cofactor.estimators.topic_model import TopicModel

__all__ = [
    "NMF",
    "Factorization",
    "GaussianMixture",
    "KMeans",
    "MiniBatchKMeans",
    "Mixture",
    "TopicModel",
]
