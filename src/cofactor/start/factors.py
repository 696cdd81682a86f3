"""First factors of linear codes: random, by singular vectors, or from a clustering."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from sklearn.utils.extmath import randomized_svd, squared_norm

from cofactor.data.base import Floats
from cofactor.errors import InputError

Factors = tuple[Floats, Floats]


def random_factors(X: Any, k: int, rng: np.random.RandomState) -> Factors:
    """Return half-normal codes (n, k) and components (k, d), scaled so that ZW has X's mean.

    Draws as scikit-learn's ``init="random"`` does.
    """
    scale = np.sqrt(X.mean() / k)
    components = scale * np.abs(rng.standard_normal(size=(k, X.shape[1])))
    return scale * np.abs(rng.standard_normal(size=(X.shape[0], k))), components


def nndsvd(X: Any, k: int, rng: np.random.RandomState) -> Factors:
    """Return nonnegative codes and components from singular vectors [Boutsidis & Gallopoulos 2008].

    Each pair of singular vectors is replaced by its positive or negative part, whichever is
    larger. Zeros stay zeros: updates that multiply cannot leave them.
    """
    U, S, V = randomized_svd(X, k, random_state=rng)
    codes, components = np.zeros(U.shape), np.zeros(V.shape)
    codes[:, 0], components[0] = np.sqrt(S[0]) * np.abs(U[:, 0]), np.sqrt(S[0]) * np.abs(V[0])
    for j in range(1, k):
        codes[:, j], components[j] = _larger_part(U[:, j], V[j], S[j])
    codes[codes < 1e-6], components[components < 1e-6] = 0.0, 0.0
    return codes, components


def nndsvda(X: Any, k: int, rng: np.random.RandomState) -> Factors:
    """Return :func:`nndsvd` with zeros filled by the mean of the data."""
    codes, components = nndsvd(X, k, rng)
    mean = X.mean()
    codes[codes == 0], components[components == 0] = mean, mean
    return codes, components


def nndsvdar(X: Any, k: int, rng: np.random.RandomState) -> Factors:
    """Return :func:`nndsvd` with zeros filled by small random values."""
    codes, components = nndsvd(X, k, rng)
    mean = X.mean()
    for factor in (codes, components):
        zeros = factor == 0
        factor[zeros] = np.abs(mean * rng.standard_normal(size=np.count_nonzero(zeros)) / 100)
    return codes, components


def singular_vectors(X: Any, k: int, rng: np.random.RandomState) -> Factors:
    """Return the truncated singular value decomposition ``X ≈ (US) V``."""
    U, S, V = randomized_svd(X, k, n_iter=15, random_state=rng)
    return U * S, V


def _larger_part(u: Floats, v: Floats, singular_value: float) -> tuple[Floats, Floats]:
    parts = [(np.maximum(s * u, 0), np.maximum(s * v, 0)) for s in (1.0, -1.0)]
    sizes = [np.sqrt(squared_norm(a)) * np.sqrt(squared_norm(b)) for a, b in parts]
    a, b = parts[int(sizes[1] >= sizes[0])]
    size = max(sizes)
    scale = np.sqrt(singular_value * size)
    norm_a, norm_b = np.sqrt(squared_norm(a)), np.sqrt(squared_norm(b))
    return scale * a / (norm_a or 1.0), scale * b / (norm_b or 1.0)


STARTS: dict[str, Callable[[Any, int, np.random.RandomState], Factors]] = {
    "random": random_factors,
    "nndsvd": nndsvd,
    "nndsvda": nndsvda,
    "nndsvdar": nndsvdar,
}


def first_factors(X: Any, k: int, init: str, rng: np.random.RandomState) -> Factors:
    """Return first codes (n, k) and components (k, d) by name.

    Raises
    ------
    InputError
        If ``init`` is unknown, or asks for more singular vectors than the data have.
    """
    if init not in STARTS:
        raise InputError(f"init is {init!r}; expected one of {', '.join(sorted(STARTS))}.")
    if init != "random" and k > min(X.shape):
        raise InputError(
            f"init={init!r} needs n_components of at most {min(X.shape)}, the smaller side of the "
            f"data, but got {k}: use init='random'."
        )
    return STARTS[init](X, k, rng)
