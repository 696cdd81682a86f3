"""Estimators with scikit-learn's face."""

from cofactor.estimators.gaussian_mixture import GaussianMixture
from cofactor.estimators.kmeans import KMeans
from cofactor.estimators.mixture import Mixture

__all__ = ["GaussianMixture", "KMeans", "Mixture"]
