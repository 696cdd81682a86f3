"""Least squares for codes: minimise ``½ z G zᵀ − b zᵀ`` for every row, under constraints."""

from __future__ import annotations

from typing import Any

import numpy as np

from cofactor.data import RowBlock, Rows
from cofactor.data.base import Floats
from cofactor.kernels import nonnegative_sweeps
from cofactor.noise.linear import TINY, Encoded, Penalty

GRADIENT_STEPS = 8


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
