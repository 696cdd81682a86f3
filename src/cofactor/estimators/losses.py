"""Beta-divergences by scikit-learn's names."""

from __future__ import annotations

from typing import Any

from cofactor.errors import InputError
from cofactor.noise import Gamma, Gaussian, Poisson
from cofactor.noise.beta import Beta
from cofactor.noise.linear import NonnegativeNoise

BETA_OF: dict[Any, float] = {"frobenius": 2.0, "kullback-leibler": 1.0, "itakura-saito": 0.0}
NOISE_OF: dict[float, NonnegativeNoise] = {2.0: Gaussian(), 1.0: Poisson(), 0.0: Gamma()}


def loss_named(beta_loss: float | str, solver: str) -> NonnegativeNoise:
    """Return the noise whose divergence a beta loss is.

    Raises
    ------
    InputError
        If the solver does not take it.
    """
    beta = float(BETA_OF.get(beta_loss, beta_loss))
    if solver != "mu" and beta != 2.0:
        raise InputError(
            f"Invalid beta_loss parameter: solver {solver!r} does not handle beta_loss = "
            f"{beta_loss!r}: use solver='mu', or noise instead of beta_loss."
        )
    return NOISE_OF.get(beta) or Beta(beta)
