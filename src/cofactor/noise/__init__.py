"""How data scatter about their mean, one file per noise."""

from cofactor.noise.base import MixtureNoise, Moments, Noise, Params
from cofactor.noise.bernoulli import Bernoulli
from cofactor.noise.covariances import (
    DiagonalGaussian,
    FullGaussian,
    SphericalGaussian,
    TiedGaussian,
)
from cofactor.noise.gamma import Gamma
from cofactor.noise.gaussian import Gaussian
from cofactor.noise.linear import LinearNoise
from cofactor.noise.multinomial import Multinomial
from cofactor.noise.names import NOISES, noise_named
from cofactor.noise.negative_binomial import NegativeBinomial
from cofactor.noise.penalty import Penalty
from cofactor.noise.poisson import Poisson
from cofactor.noise.von_mises_fisher import VonMisesFisher

__all__ = [
    "NOISES",
    "Bernoulli",
    "DiagonalGaussian",
    "FullGaussian",
    "Gamma",
    "Gaussian",
    "LinearNoise",
    "MixtureNoise",
    "Moments",
    "Multinomial",
    "NegativeBinomial",
    "Noise",
    "Params",
    "Penalty",
    "Poisson",
    "SphericalGaussian",
    "TiedGaussian",
    "VonMisesFisher",
    "noise_named",
]
