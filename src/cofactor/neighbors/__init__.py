"""Fits with many components, where rows meet few of them at a time."""

from cofactor.neighbors.fit import neighbors, pays, suits
from cofactor.neighbors.truncated import NearbyOneHot, nearby_rows

__all__ = ["NearbyOneHot", "nearby_rows", "neighbors", "pays", "suits"]
