"""Clusterings and factorizations as one family, on one scale."""

from cofactor.certificate import matrix_form
from cofactor.estimators import GaussianMixture, KMeans, Mixture

__all__ = ["GaussianMixture", "KMeans", "Mixture", "matrix_form"]
