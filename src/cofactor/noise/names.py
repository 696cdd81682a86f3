"""Noises by name."""

from __future__ import annotations

from functools import cache

from cofactor.errors import InputError
from cofactor.noise.base import Noise
from cofactor.noise.bernoulli import Bernoulli
from cofactor.noise.covariances import (
    DiagonalGaussian,
    FullGaussian,
    SphericalGaussian,
    TiedGaussian,
)
from cofactor.noise.gamma import Gamma
from cofactor.noise.gaussian import Gaussian
from cofactor.noise.multinomial import Multinomial
from cofactor.noise.negative_binomial import NegativeBinomial
from cofactor.noise.poisson import Poisson
from cofactor.noise.von_mises_fisher import VonMisesFisher

_AS_A_KEY = str.maketrans(" -", "__")
NOISES: dict[str, type[Noise]] = {
    noise.name.translate(_AS_A_KEY): noise
    for noise in (
        Gaussian,
        SphericalGaussian,
        DiagonalGaussian,
        TiedGaussian,
        FullGaussian,
        Poisson,
        NegativeBinomial,
        Multinomial,
        Bernoulli,
        Gamma,
        VonMisesFisher,
    )
}


def noise_named(noise: str | Noise) -> Noise:
    """Return the noise of this name with its default settings; a noise is returned as it is.

    Parameters
    ----------
    noise : str or Noise
        A key of ``NOISES``, such as ``"negative_binomial"``.

    Raises
    ------
    InputError
        If there is no noise of this name.
    """
    if not isinstance(noise, str):
        return noise
    if noise not in NOISES:
        raise InputError(
            f"noise is {noise!r}; expected one of {', '.join(sorted(NOISES))}, or a Noise object."
        )
    return _default(noise)


@cache
def _default(name: str) -> Noise:
    return NOISES[name]()
