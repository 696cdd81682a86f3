"""Clusterings and factorizations as one family, on one scale."""

from cofactor.certificate import matrix_form
from cofactor.estimators import NMF, GaussianMixture, KMeans, Mixture, TopicModel

__all__ = ["NMF", "GaussianMixture", "KMeans", "Mixture", "TopicModel", "matrix_form"]
