"""Least squares for codes: minimise ``½ z G zᵀ − b zᵀ`` for every row, under constraints."""

from __future__ import annotations

from typing import Any

import numpy as np

from cofactor.data import RowBlock, Rows
from cofactor.data.base import Array, Floats
from cofactor.kernels import nonnegative_sweeps
from cofactor.noise.linear import Encoded
from cofactor.noise.penalty import TINY, Penalty

GRADIENT_STEPS = 8
ROUNDING = 1e-12  # of the largest curvature: what differences of sums may hold for nothing


def row_losses(codes: Floats, gram: Floats, products: Floats) -> Floats:
    """Return ``½ z G zᵀ − b zᵀ`` of each row, shape (n,).

    Parameters
    ----------
    codes : ndarray of shape (n, k)
        ``Z``.
    gram : ndarray of shape (k, k)
        ``G = WWᵀ``.
    products : ndarray of shape (n, k)
        ``b = XWᵀ``.
    """
    return np.einsum("nk,nk->n", 0.5 * codes @ gram - products, codes)


def coordinate_descent(
    codes: Floats, gram: Floats, products: Floats, penalty: Penalty, sweeps: int, judged: bool
) -> Encoded:
    """Minimise over each nonnegative coordinate in turn [Cichocki & Phan 2009].

    Parameters
    ----------
    codes, gram, products
        As for :func:`row_losses`.
    penalty : Penalty
        On the codes.
    sweeps : int
        Over all coordinates.
    judged : bool
        Whether anybody asks for losses.
    """
    new, loss = np.array(codes, dtype=float, order="C"), np.empty(len(codes) if judged else 0)
    held = np.ascontiguousarray(gram), np.ascontiguousarray(products)
    nonnegative_sweeps(*held, new, sweeps, penalty.l1, penalty.l2, loss)
    return Encoded(new, loss)


def triangle_places(k: int) -> Array:
    """Return where the entries of a symmetric matrix are in its lower triangle, shape (k, k)."""
    places, (row, column) = np.empty((k, k), dtype=np.intp), np.tril_indices(k)
    places[row, column] = places[column, row] = np.arange(len(row))
    return places


def column_sweeps(
    components: Floats, grams: Floats, products: Floats, penalty: Penalty, sweeps: int
) -> Floats:
    """Minimise over each coordinate in turn, each column under a Gram matrix of its own.

    Coordinates stay where the curvature is no more than rounding may have left.

    Parameters
    ----------
    components : ndarray of shape (k, d)
        At least 0.
    grams : ndarray of shape (k (k + 1) / 2, d)
        Lower triangles, row by row.
    products : ndarray of shape (k, d)
    penalty : Penalty
    sweeps : int

    Returns
    -------
    ndarray of shape (k, d)
    """
    found, places = np.array(components, dtype=float), triangle_places(len(components))
    for _ in range(sweeps):
        for t, own in enumerate(places):
            bend = grams[own[t]]
            moves = bend > ROUNDING * bend.max(initial=0.0)
            slope = np.einsum("ud,ud->d", grams[own], found) - products[t]
            slope += penalty.l1 + penalty.l2 * found[t]
            best = found[t] - slope / np.where(moves, bend + penalty.l2, 1.0)
            found[t] = np.where(moves, np.maximum(best, 0.0), found[t])
    return found


def projected_gradient(codes: Floats, gram: Floats, products: Floats) -> Floats:
    """Take gradient steps of length 1/‖G‖ on the simplex; none raises the loss.

    Arguments as :func:`row_losses`; returns codes of shape (n, k).
    """
    step = 1.0 / max(float(np.linalg.eigvalsh(gram)[-1]), TINY)
    for _ in range(GRADIENT_STEPS):
        codes = onto_simplex(codes - step * (codes @ gram - products))
    return codes


def onto_simplex(points: Floats) -> Floats:
    """Return the nearest points with ``z ≥ 0, Σz = 1`` of each row [Held, Wolfe & Crowder 1974]."""
    points = points - points.max(axis=1, keepdims=True)  # keeps the digits of large coordinates
    descending = -np.sort(-points, axis=1)
    excess = (np.cumsum(descending, axis=1) - 1.0) / np.arange(1, points.shape[1] + 1)
    support = np.count_nonzero(descending > excess, axis=1)
    threshold = np.take_along_axis(excess, support[:, None] - 1, axis=1)
    return np.maximum(points - threshold, 0.0)


def best_components(rows: Rows[Any]) -> Floats:
    """Return ``W = (ZᵀZ)⁺ ZᵀX``, weighted, from the codes in the rows' states, shape (k, d)."""
    gram, products = products_of_codes(rows)
    return np.linalg.pinv(gram, hermitian=True) @ products


def products_of_codes(rows: Rows[Any]) -> tuple[Floats, Floats]:
    """Return ``ZᵀZ`` (k, k) and ``Zᵀ(X − O)`` (k, d), weighted, from the codes in the rows' states.

    Codes count times their exposures; no entry may be missing.
    """

    def sums(block: RowBlock, state: Any) -> tuple[Floats, Floats]:
        codes, offset = block.baseline.exposed(state.codes), block.baseline.offset
        weighted = codes * block.weights[:, None]
        products = block.transpose_times(weighted, np.zeros(block.n_columns))
        if offset is not None:
            products = products - offset.transposed.times(weighted).T
        return weighted.T @ codes, products

    grams, products = zip(*rows.gather(sums), strict=True)
    return np.sum(grams, axis=0), np.sum(products, axis=0)
