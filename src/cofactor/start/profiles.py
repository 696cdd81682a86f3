"""First factors from what rows are made of: of clusters of rows, or of anchor columns."""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray
from sklearn.utils.extmath import randomized_svd

from cofactor.data import open_rows
from cofactor.data.base import Floats
from cofactor.data.losses import Affine
from cofactor.engine import SerialEngine
from cofactor.start.rng import rng_for
from cofactor.start.warm import warm_means

Factors = tuple[Floats, Floats]

OWN = 0.8  # of a row belongs to its cluster at first
UNSEEN = 1e-2  # of an average row in every component: no entry is locked at zero
GROUPS = 10  # of columns among which each anchor is looked for
LEAST = 1e-3  # share of a code in a row


def clustered(X: Any, k: int, random_state: Any, weights: Floats) -> Factors:
    """Return average profiles of clusters of rows, and codes that belong to one of them mostly.

    Rows are clustered by k-means of ``√(x_n/Σ_l x_nl)``, so by their Hellinger distances: how
    large they are does not count. Codes have shape (n, k), components (k, d) and sum 1.
    """
    sizes, profiles = _profiles(X)
    roots = profiles.sqrt() if sp.issparse(profiles) else np.sqrt(profiles)
    masses = weights * sizes if (weights * sizes).any() else weights
    means = warm_means(roots, k, masses, rng_for(random_state), 1).astype(float)
    affine = Affine(means, 0.5 * np.square(means).sum(axis=1), np.zeros(X.shape[1]))
    labels, _ = open_rows(roots, weights).nearest(affine, SerialEngine())
    members = sp.csr_array((weights, (labels, np.arange(len(labels)))), (k, len(labels)))
    shares = np.full((X.shape[0], k), (1.0 - OWN) / k)
    shares[np.arange(len(labels)), labels] += OWN
    return _balanced(sizes[:, None] * shares, _dense(members @ X), _total(X, weights))


def anchored(X: Any, k: int, random_state: Any, weights: Floats) -> Factors:
    """Return components found from anchors: columns that belong to one component [Ke & Wang 2022].

    With ``M`` the average profile and ``ξ_1, …, ξ_k`` the first singular vectors of
    ``P M^{-½}``, P the profiles of the rows, columns lie at ``ξ_2/ξ_1, …, ξ_k/ξ_1`` in a simplex
    whose vertices are anchors. Vertices are found among the means of groups of columns by
    successive projections [Araújo et al. 2001]; barycentric coordinates of a column say how it is
    shared by the components. Codes have shape (n, k), components (k, d) and sum 1.
    """
    sizes, profiles = _profiles(X)
    mass = _total(profiles, weights * sizes)
    mass = mass / (mass.sum() or 1.0)
    scale = np.sqrt(np.where(mass > 0, mass, 1.0))
    vectors = _directions(profiles, weights * sizes, scale, k, random_state)
    first = np.maximum(np.abs(vectors[0]), 1e-12)
    limit = np.log(max(X.shape))  # rare columns may lie anywhere
    places = np.clip((np.where(vectors[0] < 0, -1.0, 1.0) * vectors[1:] / first).T, -limit, limit)
    shares = _barycentric(places, _vertices(places, k, mass, rng_for(random_state)))
    components = (shares * (scale * first * (mass > 0))[:, None]).T
    return _balanced(_projected(profiles, components, scale, sizes), components, _total(X, weights))


def _profiles(X: Any) -> tuple[Floats, Any]:
    """Return row sums, and rows divided by them."""
    sizes = np.asarray(X.sum(axis=1), dtype=float).ravel()
    factors = 1.0 / np.where(sizes > 0, sizes, 1.0)
    if sp.issparse(X):
        return sizes, sp.csr_array(sp.diags_array(factors) @ X.astype(float))
    return sizes, np.asarray(X, dtype=float) * factors[:, None]


def _total(X: Any, weights: Floats) -> Floats:
    return np.asarray(weights @ X, dtype=float).ravel()


def _dense(rows: Any) -> Floats:
    return np.asarray(rows.toarray() if sp.issparse(rows) else rows, dtype=float)


def _over(rows: Floats, sums: Floats) -> Floats:
    """Divide rows by their sums where these are not 0."""
    quotients: Floats = rows / np.where(sums > 0, sums, 1.0)
    return quotients


def _balanced(codes: Floats, components: Floats, total: Floats) -> Factors:
    """Return components of sum 1 with a little of everything, and positive codes."""
    sums = components.sum(axis=1, keepdims=True)
    even = total / (total.sum() or 1.0)
    shapes = np.where(sums > 0, _over(components, sums), even)
    mixed = (1.0 - UNSEEN) * shapes + UNSEEN * (even + 1.0 / len(even)) / 2.0
    least = LEAST * np.maximum(codes.sum(axis=1, keepdims=True), codes.mean()) / codes.shape[1]
    return np.maximum(codes, least), mixed


def _directions(profiles: Any, weights: Floats, scale: Floats, k: int, state: Any) -> Floats:
    """Return the first right singular vectors of weighted profiles divided by a scale, (k, d)."""
    root = np.sqrt(weights / (weights.sum() or 1.0))
    if sp.issparse(profiles):
        weighted = sp.diags_array(root) @ profiles @ sp.diags_array(1.0 / scale)
        weighted = sp.csr_array(weighted)
    else:
        weighted = root[:, None] * profiles / scale
    return np.asarray(randomized_svd(weighted, k, n_iter=7, random_state=state)[2])


def _vertices(places: Floats, k: int, mass: Floats, rng: np.random.RandomState) -> Floats:
    """Return k groups of columns far apart, each by its mean place, shape (k, k - 1)."""
    n_groups = min(GROUPS * k, max(k, len(places) // 2))
    seen = np.flatnonzero(mass > 0)
    if k == 1 or len(seen) <= n_groups:
        return places[_far_apart(places, k)]
    means = warm_means(places[seen], n_groups, mass[seen], rng, 1)
    return means[_far_apart(means, k)]


def _far_apart(points: Floats, k: int) -> NDArray[np.intp]:
    """Choose points one by one, each the longest once those before are projected out."""
    left = np.column_stack([points, np.ones(len(points))])
    chosen: list[int] = []
    for _ in range(k):
        norms = np.square(left).sum(axis=1)
        norms[chosen] = -1.0
        chosen.append(int(norms.argmax()))
        along = left[chosen[-1]] / (np.linalg.norm(left[chosen[-1]]) or 1.0)
        left = left - np.outer(left @ along, along)
    return np.array(chosen)


def _barycentric(places: Floats, vertices: Floats) -> Floats:
    """Return nonnegative shares of the vertices in each place, of sum 1, shape (d, k)."""
    corners = np.column_stack([vertices, np.ones(len(vertices))])
    points = np.column_stack([places, np.ones(len(places))])
    shares = np.maximum(points @ np.linalg.pinv(corners), 0.0)
    sums = shares.sum(axis=1, keepdims=True)
    even = np.full_like(shares, 1.0 / len(vertices))
    return np.where(sums > 0, _over(shares, sums), even)


def _projected(profiles: Any, components: Floats, scale: Floats, sizes: Floats) -> Floats:
    """Return codes of least squares, negative ones cut off, with the sums of the rows."""
    shapes = _over(components, components.sum(axis=1, keepdims=True))
    inverse = np.linalg.pinv(shapes / scale) / scale[:, None]
    return sizes[:, None] * np.maximum(profiles @ inverse, 0.0)
