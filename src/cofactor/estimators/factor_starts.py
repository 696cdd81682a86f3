"""First factors of nonnegative factorizations: drawn, or checked when given."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import scipy.sparse as sp
from sklearn.utils import check_array
from sklearn.utils.validation import check_non_negative

from cofactor.data.base import Floats
from cofactor.errors import InputError
from cofactor.estimators.observation import Observation
from cofactor.start import first_factors
from cofactor.start.factors import Factors


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


def warn_of_locked_zeros(solver: str, init: str | None) -> None:
    """Warn, as scikit-learn does, that steps that multiply cannot leave the zeros of a start."""
    if solver == "mu" and init == "nndsvd":
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
    if seen.mask is None:
        codes, components = drawn_factors(seen.X, k, init, random_state, weights)
    elif not sp.issparse(seen.X):
        filled = _filled(seen.X, seen.mask.dense())
        codes, components = drawn_factors(filled, k, init, random_state, weights)
    else:
        lift = np.sqrt(np.prod(seen.X.shape) / max(float(seen.mask.row_entries().sum()), 1.0))
        drawn = drawn_factors(seen.X, k, init or "random", random_state, weights)
        codes, components = (lift * factor for factor in drawn)
    exposures = seen.baseline.exposures
    return (codes if exposures is None else codes / exposures[:, None]), components


def _filled(X: Floats, mask: Floats) -> Floats:
    """Return X with entries not observed replaced by the observed mean of their column."""
    counts = np.maximum(np.count_nonzero(mask, axis=0), 1)
    return np.where(mask > 0, X, X.sum(axis=0) / counts)


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
