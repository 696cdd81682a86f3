"""What hard clusters under other noises than Gaussian add up, and what it is above."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from scipy.special import xlog1py, xlogy

from cofactor.certificate.image import ULPS, Image, logarithms, root_reach, roots
from cofactor.certificate.rounding import LEAST, UNIT, above, growth
from cofactor.data.base import Floats, Labels

HALF = float(np.sqrt(0.5)) * (1.0 - 2.0 * UNIT)
COIN = 2.0 * float(np.sqrt(np.log(2.0))) * (1.0 - 8.0 * UNIT)


class Divergence(ABC):
    """What a noise makes of squared distances: ``d(x, μ)``, in nats above a perfect fit.

    Attributes
    ----------
    loss : str
        What its sum is called.
    """

    loss: ClassVar[str]

    def rows(self, X: Floats, weights: Floats) -> tuple[Floats, Floats]:
        """Return the rows and weights that the divergence is of: themselves."""
        return X, weights

    @abstractmethod
    def images(self, X: Floats, weights: Floats, labels: Labels) -> Iterator[Image]:
        """Yield rows whose inertia is below the divergence, for all clusterings.

        Only rows that count are given. Of several, that is the best by which the inertia of the
        given clustering is largest.
        """

    @abstractmethod
    def total(self, X: Floats, weights: Floats, labels: Labels) -> float:
        """Return at least the divergence of a clustering about its means; of rows that count."""


class OfEntries(Divergence):
    """A divergence that is the sum of those of a row's entries."""

    @abstractmethod
    def terms(self, x: Floats, mean: Floats, unit: float) -> tuple[Floats, Floats]:
        """Return ``d(x, μ)`` of a column, and what rounding of it is measured against.

        Parameters
        ----------
        x, mean : ndarray of shape (n,)
            In a unit of their own.
        unit : float
            That unit: what to multiply by to be in the data's.
        """

    def total(self, X: Floats, weights: Floats, labels: Labels) -> float:
        """See :class:`Divergence`.

        Any other centers are no better, so those that come of rounding will do.
        """
        X, weights = self.rows(X, weights)
        exponent = int(np.frexp(X.max())[1])
        X, k = np.ldexp(X, -exponent), int(labels.max()) + 1
        mass = np.maximum(np.bincount(labels, weights, k), np.finfo(float).tiny)
        found, sizes = np.zeros(len(X)), np.zeros(len(X))
        for column in X.T:
            means = np.bincount(labels, weights * column, k) / mass
            term, size = self.terms(column, means[labels], float(np.ldexp(1.0, exponent)))
            found += term
            sizes += size
        doubt = growth(sum(X.shape) + 8.0 * ULPS) * (weights @ sizes) + LEAST * weights.sum()
        return above(self.in_units(float(weights @ found) + 1.01 * float(doubt), exponent))

    def in_units(self, total: float, exponent: int) -> float:
        """Return the sum in the data's unit, given that of :meth:`terms`: it grows with it."""
        with np.errstate(over="ignore"):
            return float(np.ldexp(total, exponent))


class KullbackLeibler(OfEntries):
    """``x log(x/μ) − x + μ``: Poisson noise."""

    loss = "KL divergence"

    def images(self, X: Floats, weights: Floats, labels: Labels) -> Iterator[Image]:
        """See :class:`Divergence` and :func:`roots`."""
        yield from roots(X, weights, labels, root_reach)

    def terms(self, x: Floats, mean: Floats, unit: float) -> tuple[Floats, Floats]:
        """See :class:`Divergence`."""
        ratio = np.divide(x, mean, out=np.ones_like(x), where=x > 0)
        product = x * np.log(ratio)
        return product - x + mean, np.abs(product) + x + mean


class OfProfiles(KullbackLeibler):
    """``t KL(x/t ‖ p)`` with the row's total t: multinomial noise."""

    def rows(self, X: Floats, weights: Floats) -> tuple[Floats, Floats]:
        """See :class:`Divergence`: the profiles, with totals as their weights."""
        totals = X.sum(axis=1)
        profiles = np.divide(X, totals[:, None], out=np.zeros_like(X), where=totals[:, None] > 0)
        return profiles, weights * totals

    def images(self, X: Floats, weights: Floats, labels: Labels) -> Iterator[Image]:
        """See :class:`Divergence`: roots are at most 1, and T is at most √2 times as steep."""
        profiles, mass = self.rows(X, weights)
        rounding = growth(X.shape[1] + 4)
        for found in roots(profiles, mass, labels, root_reach):
            blur = found.blur + 1.5 * rounding * np.sqrt(X.shape[1])
            yield Image(found.values, mass, blur, weight_precision=rounding)


@dataclass(frozen=True)
class NegativeBinomialDivergence(OfEntries):
    """``x log(x/μ) − (x + r) log((x + r)/(μ + r))``."""

    size: float

    loss = "negative binomial divergence"

    def images(self, X: Floats, weights: Floats, labels: Labels) -> Iterator[Image]:
        """See :class:`Divergence`: up to y the variance is at most ``1 + y/r`` times Poisson's."""

        def reach(first: Floats, last: Floats) -> Floats:
            share = 1.0 / np.sqrt(1.0 + np.square(last) / self.size)
            return root_reach(first, last) * share * (1.0 - 8.0 * UNIT)

        yield from roots(X, weights, labels, reach)

    def terms(self, x: Floats, mean: Floats, unit: float) -> tuple[Floats, Floats]:
        """See :class:`Divergence`."""
        size = self.size / unit
        ratio = np.divide(x, mean, out=np.ones_like(x), where=x > 0)
        own, both = x * np.log(ratio), (x + size) * np.log((x + size) / (mean + size))
        return own - both, np.abs(own) + np.abs(both) + 4.0 * (x + size)


class ItakuraSaito(OfEntries):
    """``x/μ − log(x/μ) − 1``: Gamma noise, in units of its shape."""

    loss = "Itakura–Saito divergence"

    def images(self, X: Floats, weights: Floats, labels: Labels) -> Iterator[Image]:
        """See :class:`Divergence` and :func:`logarithms`."""
        yield from logarithms(X, weights, labels)

    def terms(self, x: Floats, mean: Floats, unit: float) -> tuple[Floats, Floats]:
        """See :class:`Divergence`."""
        ratio = x / mean
        log = np.log(ratio)
        return ratio - log - 1.0, ratio + np.abs(log) + 1.0

    def in_units(self, total: float, exponent: int) -> float:
        """See :class:`Divergence`: a scale of the data changes nothing."""
        return total


class BernoulliDivergence(OfEntries):
    """``−x log μ − (1 − x) log(1 − μ)``: Bernoulli noise."""

    loss = "Bernoulli divergence"

    def images(self, X: Floats, weights: Floats, labels: Labels) -> Iterator[Image]:
        """See :class:`Divergence`: ``√−log μ + √−log(1 − μ) ≥ 2√log 2``.

        So there is an S(μ) with ``d(x, μ) ≥ 4 log 2 (x − S)²`` for both x.
        """
        yield Image(COIN * X, weights, UNIT * np.linalg.norm(COIN * X, axis=1))

    def terms(self, x: Floats, mean: Floats, unit: float) -> tuple[Floats, Floats]:
        """See :class:`Divergence`."""
        x, mean = x * unit, mean * unit
        found = -xlogy(x, mean) - xlog1py(1.0 - x, -mean)
        return found, found + (found > 0)

    def in_units(self, total: float, exponent: int) -> float:
        """See :class:`Divergence`: data are 0 and 1."""
        return total


class CosineDistance(Divergence):
    """``1 − ⟨x/‖x‖, μ⟩ = ½‖x/‖x‖ − μ‖²`` for unit vectors μ: von Mises–Fisher noise."""

    loss = "sum of 1 − cosine"

    def rows(self, X: Floats, weights: Floats) -> tuple[Floats, Floats]:
        """See :class:`Divergence`: unit vectors."""
        X = np.ldexp(X, -np.frexp(np.abs(X).max(axis=1))[1][:, None])
        return X / np.linalg.norm(X, axis=1)[:, None], weights

    def images(self, X: Floats, weights: Floats, labels: Labels) -> Iterator[Image]:
        """See :class:`Divergence`: half the inertia of unit rows, about any centers."""
        units, _ = self.rows(X, weights)
        blur = np.full(len(X), 1.01 * growth(X.shape[1] + 8))
        yield Image(HALF * units, weights, blur)

    def total(self, X: Floats, weights: Floats, labels: Labels) -> float:
        """See :class:`Divergence`: about mean directions."""
        units, _ = self.rows(X, weights)
        sums = np.array([np.bincount(labels, weights * column) for column in units.T]).T
        norms = np.linalg.norm(sums, axis=1, keepdims=True)
        some = np.eye(1, X.shape[1])
        directions = np.where(norms > 0, sums / np.where(norms > 0, norms, 1.0), some)
        squares = np.square(units - directions[labels]).sum(axis=1)
        spread = float(weights @ squares) * (1.0 + growth(sum(X.shape) + 8))
        doubt = 2.02 * growth(X.shape[1] + 8) * float(np.sqrt(weights.sum()))
        return above(0.5 * (np.sqrt(spread) + doubt) ** 2 * (1.0 + 8.0 * UNIT))


# By the name of the noise; one whose hard clusters have no known bound is not here.
DIVERGENCES: dict[str, Callable[[Any], Divergence]] = {
    "poisson": lambda noise: KullbackLeibler(),
    "multinomial": lambda noise: OfProfiles(),
    "negative binomial": lambda noise: NegativeBinomialDivergence(noise.size),
    "bernoulli": lambda noise: BernoulliDivergence(),
    "gamma": lambda noise: ItakuraSaito(),
    "von mises-fisher": lambda noise: CosineDistance(),
}
