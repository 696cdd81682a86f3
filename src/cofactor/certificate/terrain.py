"""What a cluster around a place would be worth."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cofactor import kernels
from cofactor.certificate.rounding import growth
from cofactor.data.base import Floats


@dataclass(frozen=True)
class Terrain:
    """The function ``f(y) = Σ_j w_j max(h_j − ‖x_j − y‖², 0)`` of places y.

    Attributes
    ----------
    values : ndarray of shape (n, d)
    weights, heights : ndarray of shape (n,)
    """

    values: Floats
    weights: Floats
    heights: Floats

    def ascend(self, places: Floats, steps: int = 100) -> tuple[Floats, Floats]:
        """Return local maxima that places lead to, shape (m, d), and their values, shape (m,)."""
        places = np.array(places, order="C", dtype=float)
        found = np.zeros(len(places))
        kernels.location_ascend(self.values, self.weights, self.heights, steps, places, found)
        return places, found

    def within(self, places: Floats) -> NDArray[np.bool_]:
        """Return which points are within their heights of each place, shape (m, n)."""
        near = [np.square(self.values - place).sum(axis=1) < self.heights for place in places]
        return np.array(near, dtype=bool).reshape(len(places), len(self.heights))

    @property
    def doubt(self) -> float:
        """The most by which rounding can lower a computed bound on ``f``.

        Each of at most n + 3d + 32 roundings is relative to one of the terms ``w_j (|h_j| +
        (‖x_j‖ + ‖y‖)²)``, which occur twice at most; y lies in the box of the points.
        """
        n, d = self.values.shape
        corner = np.linalg.norm(np.abs(self.values).max(axis=0))
        reach = np.square(np.linalg.norm(self.values, axis=1) + corner)
        terms = self.weights @ np.where(self.heights > 0, 2.0 * self.heights + 2.0 * reach, 0.0)
        return 1.01 * growth(n + 3 * d + 32) * float(terms)
