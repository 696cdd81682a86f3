"""First factors of nonnegative factorizations: drawn, or checked when given."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import repeat
from typing import Any, NamedTuple

import numpy as np
import scipy.sparse as sp
from sklearn.utils import check_array
from sklearn.utils.validation import check_non_negative

from cofactor.data import RowBlock, split
from cofactor.data.base import Floats
from cofactor.errors import InputError
from cofactor.estimators.base import OpenData
from cofactor.estimators.observation import Observation, without_gaps
from cofactor.noise.linear import NonnegativeNoise
from cofactor.start import first_factors
from cofactor.start.coarse import Draw, worth_drawing
from cofactor.start.factors import Factors
from cofactor.start.growth import grown_factors
from cofactor.start.parts import Part
from cofactor.start.rng import rng_for


class Start(NamedTuple):
    """Where a fit begins.

    Attributes
    ----------
    factors : callable
        Returns codes (n, k) and components (k, d).
    n_components : int
    of_part : callable, optional
        Returns factors of a part of the data, where a fit may begin with those.
    settled : bool
        Whether the factors are about right already.
    """

    factors: Callable[[], Factors]
    n_components: int
    of_part: Draw | None = None
    settled: bool = False

    @classmethod
    def at(cls, factors: Factors, settled: bool = False) -> Start:
        """Return a start from factors that nobody may replace."""
        return cls(lambda: factors, len(factors[1]), settled=settled)


@dataclass(frozen=True)
class Starts:
    """What an estimator was asked to start from.

    Attributes
    ----------
    init : str, None or array-like of shape (k', d)
        Components are those of another fit, of as many components or fewer.
    n_components : int, 'auto' or None
    n_init : int
    random_state : int, RandomState or None
    as_drawn : bool
        Whether to begin with first factors as they are; else they are :func:`levelled`.
    """

    init: Any
    n_components: Any
    n_init: int
    random_state: Any
    as_drawn: bool = True

    def of(
        self, noise: NonnegativeNoise, data: OpenData, seen: Observation, W: Any, H: Any
    ) -> Iterator[Start]:
        """Return the starts on some data, one if the caller gives factors or components."""
        if isinstance(self.init, str) and self.init == "custom":
            asked = None if self.n_components == "auto" else self._number(seen)
            return iter([Start.at(given_factors(seen.X, asked, W, H))])
        warn_of_ignored(W, H)
        if not isinstance(self.init, str | None):
            return iter([Start.at(self._grown(noise, data, seen), settled=True)])
        return repeat(self._drawn(data, seen), self.n_init)

    def _drawn(self, data: OpenData, seen: Observation) -> Start:
        """Return a start that draws, other factors each time if there are several starts."""
        k, init = self._number(seen), self.init
        state = self.random_state if self.n_init == 1 else rng_for(self.random_state)

        def of_all() -> Factors:
            factors = first_guess(seen, k, init, state, data.weights)
            return factors if self.as_drawn else levelled(data, factors)

        def of_part(part: Part) -> Factors:
            return drawn_factors(part.X, k, init, state, part.weights)

        return Start(of_all, k, of_part if worth_drawing(seen.X, init) else None)

    def _number(self, seen: Observation) -> int:
        d: int = seen.X.shape[1]
        return d if self.n_components in (None, "auto") else int(self.n_components)

    def _grown(self, noise: NonnegativeNoise, data: OpenData, seen: Observation) -> Factors:
        components = _checked(self.init, (None, seen.X.shape[1]), "NMF (init)").astype(float)
        k = len(components) if self.n_components in (None, "auto") else int(self.n_components)
        if k < len(components):
            raise InputError(
                f"init has {len(components)} components, but n_components is {k}: ask for as many "
                "or more, or leave some out."
            )
        return grown_factors(noise, data.blocks, data.engine, components, k)


def drawn_factors(X: Any, k: int, init: str | None, random_state: Any, weights: Floats) -> Factors:
    """Return first codes (n, k) and components (k, d) by name; None is the best that works."""
    if init is None:
        init = "nndsvda" if k <= min(X.shape) else "random"
    return first_factors(X, k, init, random_state, weights)


def given_factors(X: Any, k: int | None, W: Any, H: Any) -> Factors:
    """Return the caller's codes ``W`` and components ``H``, checked as scikit-learn does.

    Parameters
    ----------
    X : ndarray or scipy.sparse CSR of shape (n, d)
    k : int or None
        Number of components; None if they tell.
    W : array-like of shape (n, k)
    H : array-like of shape (k, d)

    Raises
    ------
    InputError
        If a shape is wrong, or a factor is missing or full of zeros.
    TypeError
        If their type is not that of X.
    """
    n, d = X.shape
    H = _checked(H, (k, d), "NMF (input H)")
    W = _checked(W, (n, len(H)), "NMF (input W)")
    if H.dtype != X.dtype or W.dtype != X.dtype:
        raise TypeError(
            "H and W should have the same dtype as X. Got "
            f"H.dtype = {H.dtype} and W.dtype = {W.dtype}."
        )
    return W.astype(float), H.astype(float)


def warn_of_ignored(W: Any, H: Any) -> None:
    """Warn that factors were given and are not used."""
    if W is not None or H is not None:
        warnings.warn(
            "When init!='custom', provided W or H are ignored. Set init='custom' to use them as "
            "initialization.",
            RuntimeWarning,
            stacklevel=4,
        )


def warn_of_locked_zeros(solver: str, init: Any) -> None:
    """Warn, as scikit-learn does, that steps that multiply cannot leave the zeros of a start."""
    if solver == "mu" and isinstance(init, str) and init == "nndsvd":
        warnings.warn(
            "The multiplicative update ('mu') solver cannot update zeros present in the "
            "initialization, and so leads to poorer results when used jointly with init='nndsvd'. "
            "You may try init='nndsvda' or init='nndsvdar' instead.",
            UserWarning,
            stacklevel=3,
        )


def first_guess(
    seen: Observation, k: int, init: str | None, random_state: Any, weights: Floats
) -> Factors:
    """Return first factors of data as they were observed; see :func:`drawn_factors`.

    Missing entries of dense data are filled with the mean of their column. Those of sparse data
    are not, which would take room: the factors are lifted as much as the mean of all entries is
    too low. Exposures are taken out of the codes.
    """
    if seen.mask is None or not sp.issparse(seen.X):
        codes, components = drawn_factors(without_gaps(seen), k, init, random_state, weights)
    else:
        lift = np.sqrt(np.prod(seen.X.shape) / max(float(seen.mask.row_entries().sum()), 1.0))
        drawn = drawn_factors(seen.X, k, init or "random", random_state, weights)
        codes, components = (lift * factor for factor in drawn)
    exposures = seen.baseline.exposures
    return (codes if exposures is None else codes / exposures[:, None]), components


def levelled(data: OpenData, factors: Factors) -> Factors:
    """Return factors whose codes are scaled so that means add up to what the data do.

    Starts that fill zeros in both factors with the mean of the data are off by another mean. The
    first step makes up for that, and falls so far by it that no later one seems to matter.
    """
    codes, components = factors

    def sums(part: tuple[RowBlock, Floats]) -> Floats:
        block, own = part
        rest = block.row_sums(lambda x: x) - block.offset_sums()
        means = block.baseline.exposed(own * block.observed_times(components.T)).sum(axis=1)
        return np.array([block.weights @ rest, block.weights @ means])

    parts = list(zip(data.blocks, split(codes, data.blocks), strict=True))
    total, mean = np.sum(data.engine.map(sums, parts), axis=0)
    return (codes * (total / mean), components) if min(total, mean) > 0 else factors


def _checked(factor: Any, shape: tuple[int | None, int], whom: str) -> Any:
    if factor is None:
        raise InputError(f"init='custom' needs both W and H, but {whom} is missing: pass it.")
    factor = check_array(factor)
    for axis, (got, expected) in enumerate(zip(factor.shape, shape, strict=True)):
        if expected is not None and got != expected:
            raise InputError(
                f"Array with wrong {('first', 'second')[axis]} dimension passed to {whom}. "
                f"Expected {expected}, but got {got}."
            )
    check_non_negative(factor, whom)
    if np.max(factor) == 0:
        raise InputError(f"Array passed to {whom} is full of zeros.")
    return factor
