"""First factors of linear codes by name: random, by singular vectors, clusters or anchors."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import scipy.sparse as sp
from sklearn.utils.extmath import randomized_svd, squared_norm

from cofactor.data.base import Floats
from cofactor.errors import InputError
from cofactor.start.profiles import Factors as Factors
from cofactor.start.profiles import anchored, clustered
from cofactor.start.rng import rng_for


def random_factors(X: Any, k: int, random_state: Any, weights: Floats) -> Factors:
    """Return half-normal codes (n, k) and components (k, d), scaled so that ZW has X's mean.

    Draws as scikit-learn's ``init="random"`` does.
    """
    rng, scale = rng_for(random_state), np.sqrt(_mean(X, weights) / k)
    components = scale * np.abs(rng.standard_normal(size=(k, X.shape[1])))
    return scale * np.abs(rng.standard_normal(size=(X.shape[0], k))), components


def nndsvd(X: Any, k: int, random_state: Any, weights: Floats) -> Factors:
    """Return nonnegative codes and components from singular vectors [Boutsidis & Gallopoulos 2008].

    Each pair of singular vectors is replaced by its positive or negative part, whichever is
    larger. Zeros stay zeros: updates that multiply cannot leave them. The vectors are those of
    ``W^½ X``: a weight counts as a repeated row.
    """
    root = np.sqrt(weights)
    U, S, V = randomized_svd(_scaled(X, root), k, random_state=random_state)
    codes, components = np.zeros(U.shape), np.zeros(V.shape)
    codes[:, 0], components[0] = np.sqrt(S[0]) * np.abs(U[:, 0]), np.sqrt(S[0]) * np.abs(V[0])
    for j in range(1, k):
        codes[:, j], components[j] = _larger_part(U[:, j], V[j], S[j])
    codes /= np.where(root > 0, root, 1.0)[:, None]
    codes[codes < 1e-6], components[components < 1e-6] = 0.0, 0.0
    return codes, components


def nndsvda(X: Any, k: int, random_state: Any, weights: Floats) -> Factors:
    """Return :func:`nndsvd` with zeros filled by the mean of the data."""
    codes, components = nndsvd(X, k, random_state, weights)
    mean = _mean(X, weights)
    codes[codes == 0], components[components == 0] = mean, mean
    return codes, components


def nndsvdar(X: Any, k: int, random_state: Any, weights: Floats) -> Factors:
    """Return :func:`nndsvd` with zeros filled by small random values.

    An integer seed begins anew after the singular vectors, as in scikit-learn.
    """
    codes, components = nndsvd(X, k, random_state, weights)
    rng, mean = rng_for(random_state), _mean(X, weights)
    for factor in (codes, components):
        zeros = factor == 0
        factor[zeros] = np.abs(mean * rng.standard_normal(size=np.count_nonzero(zeros)) / 100)
    return codes, components


def singular_vectors(X: Any, k: int, rng: Any, weights: Floats) -> Factors:
    """Return the best free factors ``X ≈ ZV`` of weighted rows: singular vectors of ``√w·X``.

    The rows of ``V`` are orthonormal, each with its largest entry positive.
    """
    root = np.sqrt(weights)[:, None]
    weighted = X.multiply(root).tocsr() if sp.issparse(X) else X * root
    V = randomized_svd(weighted, k, n_iter=15, random_state=rng)[2]
    largest = np.take_along_axis(V, np.abs(V).argmax(axis=1)[:, None], axis=1)
    V = V * np.where(largest < 0, -1.0, 1.0)
    return np.asarray(X @ V.T), V


def _larger_part(u: Floats, v: Floats, singular_value: float) -> tuple[Floats, Floats]:
    parts = [(np.maximum(s * u, 0), np.maximum(s * v, 0)) for s in (1.0, -1.0)]
    sizes = [np.sqrt(squared_norm(a)) * np.sqrt(squared_norm(b)) for a, b in parts]
    a, b = parts[int(sizes[1] >= sizes[0])]
    size = max(sizes)
    scale = np.sqrt(singular_value * size)
    norm_a, norm_b = np.sqrt(squared_norm(a)), np.sqrt(squared_norm(b))
    return scale * a / (norm_a or 1.0), scale * b / (norm_b or 1.0)


def _mean(X: Any, weights: Floats) -> float:
    """Return the mean of all entries, each with the weight of its row."""
    if (weights == 1).all():
        return float(X.mean())
    return float((weights @ X).mean() / weights.sum())


def _scaled(X: Any, root: Floats) -> Any:
    if (root == 1).all():
        return X
    return sp.csr_array(X.multiply(root[:, None])) if sp.issparse(X) else X * root[:, None]


STARTS: dict[str, Callable[[Any, int, Any, Floats], Factors]] = {
    "random": random_factors,
    "nndsvd": nndsvd,
    "nndsvda": nndsvda,
    "nndsvdar": nndsvdar,
    "kmeans": clustered,
    "anchors": anchored,
}


def first_factors(
    X: Any, k: int, init: str, random_state: Any, sample_weight: Floats | None = None
) -> Factors:
    """Return first codes (n, k) and components (k, d) by name.

    Parameters
    ----------
    X : ndarray or scipy.sparse CSR of shape (n, d)
        Nonnegative.
    k : int
        Number of components.
    init : {'random', 'nndsvd', 'nndsvda', 'nndsvdar', 'kmeans', 'anchors'}
    random_state : int, RandomState or None
    sample_weight : ndarray of shape (n,), optional
        Weights of the rows; default 1.

    Raises
    ------
    InputError
        If ``init`` is unknown, or asks for more components than the data have rows or columns.
    """
    if init not in STARTS:
        raise InputError(f"init is {init!r}; expected one of {', '.join(sorted(STARTS))}.")
    if init != "random" and k > min(X.shape):
        raise InputError(
            f"init = {init!r} can only be used when n_components <= min(n_samples, n_features), "
            f"but got n_components={k} for data of shape {X.shape}: use init='random'."
        )
    weights = np.ones(X.shape[0]) if sample_weight is None else sample_weight
    return STARTS[init](X, k, random_state, weights)
