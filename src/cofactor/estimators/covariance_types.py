"""The four shapes of covariances as scikit-learn stores and inverts them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import ClassVar

import numpy as np

from cofactor.data.base import Floats
from cofactor.errors import InputError
from cofactor.noise import (
    DiagonalGaussian,
    FullGaussian,
    SphericalGaussian,
    TiedGaussian,
)
from cofactor.noise.covariances import CovarianceNoise, precision_factor


class CovarianceType(ABC):
    """One shape: its noise, and what is to be said of its precisions ``Σ⁻¹ = PPᵀ``."""

    noise: ClassVar[type[CovarianceNoise]]

    @abstractmethod
    def shape(self, k: int, d: int) -> tuple[int, ...]:
        """Return the shape of the array of covariances."""

    @abstractmethod
    def factors(self, covariances: Floats) -> Floats:
        """Return ``P``, upper triangular, for each covariance."""

    @abstractmethod
    def precisions(self, factors: Floats) -> Floats:
        """Return ``PPᵀ`` for each factor."""

    @abstractmethod
    def covariances(self, precisions: Floats) -> Floats:
        """Return covariances for precisions.

        Raises
        ------
        InputError
            If they are not positive (definite).
        """


class Variances(CovarianceType):
    """Numbers instead of matrices."""

    name: ClassVar[str]

    def factors(self, covariances: Floats) -> Floats:
        """See :class:`CovarianceType`."""
        return 1.0 / np.sqrt(covariances)

    def precisions(self, factors: Floats) -> Floats:
        """See :class:`CovarianceType`."""
        return np.square(factors)

    def covariances(self, precisions: Floats) -> Floats:
        """See :class:`CovarianceType`."""
        if precisions.min() <= 0:
            raise InputError(f"'{self.name} precision' should be positive")
        return 1.0 / precisions


class Spherical(Variances):
    """A variance for each component."""

    name: ClassVar[str] = "spherical"
    noise: ClassVar[type[CovarianceNoise]] = SphericalGaussian

    def shape(self, k: int, d: int) -> tuple[int, ...]:
        """See :class:`CovarianceType`."""
        return (k,)


class Diagonal(Variances):
    """A variance for each component and column."""

    name: ClassVar[str] = "diag"
    noise: ClassVar[type[CovarianceNoise]] = DiagonalGaussian

    def shape(self, k: int, d: int) -> tuple[int, ...]:
        """See :class:`CovarianceType`."""
        return (k, d)


class Tied(CovarianceType):
    """One matrix for all components."""

    noise: ClassVar[type[CovarianceNoise]] = TiedGaussian

    def shape(self, k: int, d: int) -> tuple[int, ...]:
        """See :class:`CovarianceType`."""
        return (d, d)

    def factors(self, covariances: Floats) -> Floats:
        """See :class:`CovarianceType`."""
        return precision_factor(covariances)

    def precisions(self, factors: Floats) -> Floats:
        """See :class:`CovarianceType`."""
        return factors @ factors.T

    def covariances(self, precisions: Floats) -> Floats:
        """See :class:`CovarianceType`."""
        return _inverse(precisions, "tied")


class Full(CovarianceType):
    """A matrix for each component."""

    noise: ClassVar[type[CovarianceNoise]] = FullGaussian

    def shape(self, k: int, d: int) -> tuple[int, ...]:
        """See :class:`CovarianceType`."""
        return (k, d, d)

    def factors(self, covariances: Floats) -> Floats:
        """See :class:`CovarianceType`."""
        return np.stack([precision_factor(covariance) for covariance in covariances])

    def precisions(self, factors: Floats) -> Floats:
        """See :class:`CovarianceType`."""
        return factors @ factors.transpose(0, 2, 1)

    def covariances(self, precisions: Floats) -> Floats:
        """See :class:`CovarianceType`."""
        return np.stack([_inverse(precision, "full") for precision in precisions])


def _inverse(precision: Floats, name: str) -> Floats:
    if not np.allclose(precision, precision.T) or np.linalg.eigvalsh(precision)[0] <= 0:
        raise InputError(f"'{name} precision' should be symmetric, positive-definite")
    return np.asarray(np.linalg.inv(precision), dtype=np.float64)


COVARIANCE_TYPES: dict[str, CovarianceType] = {
    "full": Full(),
    "tied": Tied(),
    "diag": Diagonal(),
    "spherical": Spherical(),
}
