"""Estimators with scikit-learn's face."""

from cofactor.estimators.kmeans import KMeans

__all__ = ["KMeans"]
