"""k-means with many clusters: rows meet few centers at a time."""

from cofactor.neighbors.fit import neighbors, suits

__all__ = ["neighbors", "suits"]
