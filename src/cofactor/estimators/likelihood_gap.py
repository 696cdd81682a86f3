"""How much of the likelihood a free energy leaves out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cofactor.data import RowBlock
from cofactor.data.base import Floats
from cofactor.data.losses import Posterior
from cofactor.errors import InputError
from cofactor.estimators.base import OpenData
from cofactor.start.rng import rng_for

LEAST_SAMPLES = 2

RowGaps = Callable[[RowBlock], Floats]


@dataclass(frozen=True)
class LikelihoodGap:
    """The gap ``log L − F`` of some rows, in nats for all of them together.

    Of every row the free energy ``F`` keeps the most probable components; what is left out of
    its likelihood is ``−log Σ_{c∈K_n} r_nc = KL(q_n‖r_n)`` with ``r`` the whole posterior.

    Attributes
    ----------
    value : float
        The gap, or an unbiased estimate of it.
    low, high : float
        Where it lies with the given confidence; the gap itself if every row was looked at.
    bound : float
        ``Σ_n w_n log(1 + (C − C') min_K p / Σ_K p)``: what the gap cannot exceed, known from the
        kept components alone; of sampled rows an estimate of that.
    log_likelihood : float
        ``log L``, or an estimate.
    n_samples : int or None
        Rows that were drawn; None if every row was looked at.
    confidence : float
        1 if every row was looked at.
    """

    value: float
    low: float
    high: float
    bound: float
    log_likelihood: float
    n_samples: int | None
    confidence: float

    @property
    def free_energy(self) -> float:
        """``F``: the highest that so many components of every row allow."""
        return self.log_likelihood - self.value


def gaps(keep: int, found: Posterior) -> Floats:
    """Return the gap of rows, its bound and their log-likelihood, shape (n, 3), in nats.

    Parameters
    ----------
    keep : int
        How many components of every row are kept: C', at most all.
    found : Posterior
        Under all components, of rows with weight 1.
    """
    ascending = np.partition(found.probability, -keep, axis=0)
    kept, rest = ascending[-keep:], ascending[:-keep]
    bound = np.log1p(len(rest) * kept[0] / kept.sum(axis=0))
    gap = -np.log1p(-rest.sum(axis=0))  # to the last digit, however small
    return np.column_stack([gap, bound, -found.loss])


def exact_gap(data: OpenData, of_rows: RowGaps) -> LikelihoodGap:
    """Return the gap of all rows."""
    gap, bound, log_likelihood = (data.weights @ data.rowwise(of_rows)).tolist()
    return LikelihoodGap(gap, gap, gap, bound, log_likelihood, None, 1.0)


@dataclass(frozen=True)
class Sampling:
    """How rows are drawn to estimate the gap of all.

    Attributes
    ----------
    n_samples : int
        Rows drawn with replacement, by their weight.
    confidence : float
        Above 0 and below 1.
    random_state : int, RandomState or None
    """

    n_samples: int
    confidence: float
    random_state: Any

    def __post_init__(self) -> None:
        if self.n_samples < LEAST_SAMPLES:
            raise InputError(
                f"n_samples is {self.n_samples}; expected at least {LEAST_SAMPLES} rows, or None "
                "to look at every row."
            )
        if not 0 < self.confidence < 1:
            raise InputError(f"confidence is {self.confidence}; expected a number between 0 and 1.")

    def gap(self, data: OpenData, of_rows: RowGaps, most: float) -> LikelihoodGap:
        """Return the gap of all rows, estimated.

        The interval is that of the empirical Bernstein inequality [Maurer & Pontil 2009,
        Theorem 4], once for each side: it holds for any number of rows and any distribution.

        Parameters
        ----------
        data : OpenData
        of_rows : callable
            See :func:`gaps`.
        most : float
            The largest gap that a row can have.
        """
        total = float(data.weights.sum())
        drawn = data.rows.take(self._drawn(data.weights / total))
        sample = replace(data, rows=drawn).rowwise(of_rows)
        gap, bound, log_likelihood = (total * sample.mean(axis=0)).tolist()
        radius = total * self._radius(sample[:, 0], most)
        low, high = max(gap - radius, 0.0), min(gap + radius, total * most)
        return LikelihoodGap(gap, low, high, bound, log_likelihood, self.n_samples, self.confidence)

    def _drawn(self, shares: Floats) -> NDArray[np.intp]:
        """Draw rows in proportion to their share."""
        rng = rng_for(self.random_state)
        return np.sort(rng.choice(len(shares), size=self.n_samples, p=shares))

    def _radius(self, sample: Floats, most: float) -> float:
        """Return how far the mean of all may be from that of the sample."""
        m, doubt = len(sample), float(np.log(4.0 / (1.0 - self.confidence)))
        return float(
            np.sqrt(2.0 * sample.var(ddof=1) * doubt / m) + 7.0 * most * doubt / (3.0 * (m - 1))
        )
