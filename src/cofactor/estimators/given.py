"""Checks of parameters that the caller gives a mixture to start from."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.utils import check_array

from cofactor.data.base import Floats
from cofactor.errors import InputError


def given_array(value: Any, shape: tuple[int, ...], name: str) -> Floats:
    """Return a finite float64 array of this shape.

    Raises
    ------
    InputError
        If the shape is another.
    """
    array = check_array(value, dtype=np.float64, ensure_2d=False, allow_nd=True)
    if array.shape != shape:
        raise InputError(
            f"The parameter '{name}' should have the shape of {shape}, but got {array.shape}"
        )
    return np.asarray(array)


def given_weights(value: Any, n_components: int) -> Floats:
    """Return mixing weights of shape (k,), checked to be probabilities that sum to 1."""
    weights = given_array(value, (n_components,), "weights")
    if weights.min() < 0 or weights.max() > 1:
        raise InputError(
            "The parameter 'weights' should be in the range [0, 1], but got max value "
            f"{weights.max():.5f}, min value {weights.min():.5f}"
        )
    if abs(1.0 - weights.sum()) > 1e-6:
        raise InputError(
            "The parameter 'weights' should be normalized, but got sum(weights) = "
            f"{weights.sum():.5f}"
        )
    return weights
