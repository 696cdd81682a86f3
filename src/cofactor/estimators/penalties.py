"""What estimators of nonnegative factors ask of their size."""

from __future__ import annotations

from typing import Any

from cofactor.codes import MultiplicativeNonnegative, Nonnegative
from cofactor.codes.shuffled import ShuffledNonnegative
from cofactor.errors import ImpossibleCellError, InputError
from cofactor.noise import Penalty
from cofactor.noise.linear import NonnegativeNoise
from cofactor.start.rng import rng_for


class Penalised:
    """A nonnegative factorization's penalties, from its parameters."""

    def _penalised(self, n_rows: float, n_columns: int, charged: float = 1.0) -> Nonnegative:
        """Return the codes, with penalties that grow with the data as scikit-learn's do.

        Of the prior of components a part is charged, if other rows are charged the rest.
        """
        nmf: Any = self
        alpha_H = nmf.alpha_W if nmf.alpha_H == "same" else float(nmf.alpha_H)
        of_components = alpha_H, nmf.l1_ratio, n_rows, nmf.prior_H, "prior_H"
        penalties = self._penalty(n_columns), penalty_of(nmf.noise_, *of_components, charged)
        if nmf.solver == "mu":
            return MultiplicativeNonnegative(*penalties)
        if nmf.shuffle:
            return ShuffledNonnegative(*penalties, rng=rng_for(nmf.random_state))
        return Nonnegative(*penalties)

    def _penalty(self, n_columns: int) -> Penalty:
        """Return the penalty of codes."""
        nmf: Any = self
        of_codes = nmf.alpha_W, nmf.l1_ratio, n_columns, nmf.prior_W, "prior_W"
        return penalty_of(nmf.noise_, *of_codes)


def penalty_of(
    noise: NonnegativeNoise,
    alpha: float,
    l1_ratio: float,
    size: float,
    prior: Any,
    whom: str,
    charged: float = 1.0,
) -> Penalty:
    """Return the penalty of one factor: scikit-learn's, which grow with the data, and a prior.

    Parameters
    ----------
    noise : NonnegativeNoise
    alpha, l1_ratio : float
    size : float
        Of the data, along the other side.
    prior : (float, float) or None
        Shape and rate of a Gamma distribution of every entry.
    whom : str
        What the prior is called in errors.
    charged : float, default 1
        The part of the prior that counts.

    Raises
    ------
    InputError
        If the prior is no pair, its shape below 1, where its density has no maximum, its rate
        below 0, or 0 where nothing else holds entries down.
    ImpossibleCellError
        If the noise knows no priors.
    """
    shape, rate = _checked(prior, whom)
    if shape > 1 and not noise.takes_priors:
        raise ImpossibleCellError(
            f"{whom} is a Gamma prior, which {noise.name} noise does not know: use poisson noise, "
            "or the penalties alpha_W and alpha_H."
        )
    if shape > 1 and rate == alpha == 0:
        raise InputError(
            f"{whom} is {prior!r}, under which entries grow without bound while those of the other "
            "factor vanish: give it a rate above 0."
        )
    l1, l2 = size * alpha * l1_ratio, size * alpha * (1.0 - l1_ratio)
    return Penalty(l1 + charged * rate, l2, charged * (shape - 1.0))


def _checked(prior: Any, whom: str) -> tuple[float, float]:
    if prior is None:
        return 1.0, 0.0
    try:
        shape, rate = (float(number) for number in prior)
    except (TypeError, ValueError) as error:
        raise InputError(f"{whom} is {prior!r}; expected a pair (shape, rate) or None.") from error
    if not (1 <= shape < float("inf") and 0 <= rate < float("inf")):
        raise InputError(
            f"{whom} is {prior!r}; expected a shape of at least 1, below which the density has no "
            "maximum, and a rate of at least 0."
        )
    return shape, rate
