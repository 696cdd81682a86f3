"""Multipliers of Peng and Wei's relaxation in closed form, from a clustering."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cofactor.certificate.problem import Problem
from cofactor.data.base import Floats
from cofactor.lazy import lazy

QUANTILES = (1.0, 0.999, 0.99, 0.95, 0.9, 0.8)


@dataclass(frozen=True)
class Multipliers:
    """``N ≥ 0`` whose blocks have rank one, so that a clustering fits the dual exactly if it can.

    Between clusters a ≠ b, complementary slackness asks for ``Σ_{l ∈ b} w_l N_jl = r_jb``, with
    ``2 r_jb = n_b (‖x_j − μ_b‖² − ‖x_j − μ_a‖²) + t (1 + n_b/n_a)`` and one free number t; blocks
    are ``N_ab = r_·b r_·aᵀ / √(Σ w r_·b Σ w r_·a)`` [after Iguchi, Mixon, Peterson & Villar 2017,
    for clusters of any size].

    Attributes
    ----------
    problem : Problem
    """

    problem: Problem

    @lazy
    def _gains(self) -> Floats:
        """``n_b (‖x_j − μ_b‖² − ‖x_j − μ_a‖²)``, shape (n, k); 0 for own and empty clusters."""
        squares = self.problem.distances()
        own = np.take_along_axis(squares, self._labels[:, None], axis=1)
        filled = np.where(np.isfinite(squares), squares, own)
        return (filled - own) * self.problem.counts

    @property
    def _labels(self) -> NDArray[np.int32]:
        return self.problem.labels

    @lazy
    def _shares(self) -> Floats:
        """``1 + n_b/n_a``, shape (n, k)."""
        counts = self.problem.counts
        return 1.0 + counts / counts[self._labels, None]

    @lazy
    def levels(self) -> list[float]:
        """Values of t worth trying: the least that needs no clipping, and lower ones."""
        others = self.problem.counts[None, :] > 0
        others = others & (np.arange(self.problem.k) != self._labels[:, None])
        needed = (-self._gains / self._shares)[others]
        if not len(needed):
            return [0.0]  # a single cluster needs no multipliers
        return sorted({float(t) for t in np.quantile(needed, QUANTILES)}, reverse=True)

    def factors(self, level: float) -> Floats:
        """Return ``u`` (n, k), at least 0, with ``N_jl = u_jb u_la`` for j in a and l in b.

        Parameters
        ----------
        level : float
            t.
        """
        labels, weights, k = self._labels, self.problem.points.weights, self.problem.k
        sums = np.maximum(0.5 * (self._gains + level * self._shares), 0.0)
        sums[np.arange(len(labels)), labels] = 0.0
        sums[:, self.problem.counts <= 0] = 0.0
        totals = np.zeros((k, k))
        np.add.at(totals, labels, weights[:, None] * sums)
        products = totals * totals.T
        scales = np.where(products > 0, np.where(products > 0, products, 1.0) ** -0.25, 0.0)
        return sums * scales[labels]

    def dense(self, level: float) -> Floats:
        """Return ``N``, in the scale of the relaxation's costs, shape (n, n)."""
        labels = self._labels
        factors = self.factors(level) * np.sqrt(self.problem.points.weights)[:, None]
        spread = factors[:, labels]  # u_jb for the cluster b of l
        return spread * spread.T
