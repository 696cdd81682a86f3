"""Which mixtures of Gaussians are no mixtures: likelihoods that a few rows make infinite."""

from __future__ import annotations

from functools import singledispatch
from typing import NamedTuple, cast

import numpy as np

from cofactor.codes.onehot import maximize
from cofactor.data.base import Floats
from cofactor.fit import Fit
from cofactor.noise import DiagonalGaussian, FullGaussian, MixtureNoise, SphericalGaussian
from cofactor.noise.base import Moments
from cofactor.noise.covariances import precision_factor
from cofactor.search.mergers import has_own_dispersions, some_of


class Judgement(NamedTuple):
    """What speaks against a mixture.

    Attributes
    ----------
    starved : int
        Components with fewer rows than their covariances have use for.
    loss : float
        The objective and what narrow components owe, in nats.
    """

    starved: int
    loss: float

    def is_below(self, other: Judgement) -> bool:
        """Return whether less speaks against this one."""
        return self.starved <= other.starved and self.loss < other.loss


def judged(fit: Fit) -> Judgement:
    """Return what speaks against a mixture: its loss, and that it owes its likelihood to few rows.

    A component that shrinks onto a few rows, or onto ties in rounded data, has a likelihood without
    bound, however small what is added to its variances. So each owes ``(tr SΣ_c⁻¹ + log |Σ_c S⁻¹| −
    d) / n``, with ``S`` the dispersion of all rows as one component [Chen & Tan 2009]: nothing that
    matters to a component of many rows, more than it can gain to one of a few.
    """
    noise, moments = cast(MixtureNoise, fit.model.noise), fit.statistics.moments
    if not has_own_dispersions(noise):
        return Judgement(0, fit.objective)
    d, weight = moments.sums.shape[1], float(moments.counts.sum())
    starved = int(np.count_nonzero(moments.counts < least_rows(noise, d)))
    parts = (part.sum(axis=0, keepdims=True) for part in vars(moments).values())
    whole = maximize(noise, Moments(*parts), some_of(noise, fit.params, [0]), learn_weights=False)
    owed = narrowness(noise, fit.params.dispersion, whole.dispersion[0], d)
    return Judgement(starved, fit.objective + owed / weight)


@singledispatch
def least_rows(noise: MixtureNoise, n_columns: int) -> float:
    """Return the weight of rows that a component has at least; less would fit anything."""
    return 0.0


@least_rows.register(SphericalGaussian)
@least_rows.register(DiagonalGaussian)
def _(noise: MixtureNoise, n_columns: int) -> float:
    return 2.0


@least_rows.register
def _(noise: FullGaussian, n_columns: int) -> float:
    return n_columns + 1.0


@singledispatch
def narrowness(noise: MixtureNoise, dispersion: Floats, whole: Floats, n_columns: int) -> float:
    """Return ``Σ_c (tr SΣ_c⁻¹ + log |Σ_c S⁻¹| − d)``."""
    return 0.0


@narrowness.register
def _(noise: SphericalGaussian, dispersion: Floats, whole: Floats, n_columns: int) -> float:
    return n_columns * _excess(whole / dispersion)


@narrowness.register
def _(noise: DiagonalGaussian, dispersion: Floats, whole: Floats, n_columns: int) -> float:
    return _excess(whole / dispersion)


@narrowness.register
def _(noise: FullGaussian, dispersion: Floats, whole: Floats, n_columns: int) -> float:
    factors = np.stack([precision_factor(covariance) for covariance in dispersion])
    ratios = np.linalg.eigvalsh(factors.transpose(0, 2, 1) @ whole @ factors)
    return _excess(np.asarray(ratios, dtype=float))


def _excess(ratios: Floats) -> float:
    """Return ``Σ (r − log r − 1)``, at least 0."""
    positive = np.maximum(ratios, np.finfo(float).tiny)
    return float((positive - np.log(positive) - 1.0).sum())
