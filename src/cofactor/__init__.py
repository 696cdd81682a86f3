"""Clusterings and factorizations as one family, on one scale."""

from cofactor.certificate import matrix_form
from cofactor.estimators import NMF, GaussianMixture, KMeans, Mixture

__all__ = ["NMF", "GaussianMixture", "KMeans", "Mixture", "matrix_form"]
