"""Least squares by coordinate descent in NumPy; part of the specification in `reference`."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
ROUNDING = 1e-12  # of a curvature that others were taken off
CHUNK_ROWS = 256  # whose Gram matrices are held at a time


def nonnegative_sweeps(
    gram: Floats,
    products: Floats,
    codes: Floats,
    sweeps: int,
    l1: float,
    l2: float,
    loss: Floats,
) -> None:
    """Lower ``z G z'/2 - b z' + l1 sum(z) + l2 |z|**2 / 2`` over ``z >= 0`` for every row.

    ``sweeps`` cycles over the coordinates, each moved to its minimum with the others fixed
    (Cichocki & Phan 2009); one whose curvature ``G_tt + l2`` is zero stays.

    Parameters
    ----------
    gram : array of shape (k, k)
        G, symmetric.
    products : array of shape (n, k)
        b.
    codes : array of shape (n, k)
        z, updated in place.
    sweeps : int
    l1, l2 : float
        Nonnegative.
    loss : array of shape (n,) or (0,)
        Written unless empty: ``z G z'/2 - b z'`` at the codes returned.
    """
    z = np.array(codes.T, order="C")
    for _ in range(sweeps):
        for t, row in enumerate(gram):
            curvature = row[t] + l2
            if curvature > 0:
                slope = (row[:, None] * z).sum(axis=0) - products[:, t] + l1 + l2 * z[t]
                z[t] = np.maximum(z[t] - slope / curvature, 0.0)
    codes[:] = z.T
    if loss.size:
        bent = (codes[:, :, None] * gram).sum(axis=1)
        loss[:] = ((0.5 * bent - products) * codes).sum(axis=1)


def observed_sweeps(
    indptr: NDArray[Any],
    indices: NDArray[Any],
    columns: Floats,
    base: Floats,
    sign: float,
    scales: Floats,
    products: Floats,
    codes: Floats,
    sweeps: int,
    l1: float,
    l2: float,
    lowest: float,
    loss: Floats,
) -> None:
    """Lower ``z G z'/2 - b z' + l1 sum(z) + l2 |z|**2 / 2``, each row under a G of its own.

    ``G_n = scales_n (base + sign sum_l w_l w_l')`` over the columns l listed for row n. Sweeps are
    those of `nonnegative_sweeps`; a coordinate stays if its curvature is no more than what
    rounding may have left of ``base``.

    Parameters
    ----------
    indptr, indices : arrays
        The listed columns of every row in CSR form.
    columns : array of shape (d, p)
        w_l, padded with zeros to p >= k, a multiple of 16.
    base : array of shape (k, k)
        Symmetric.
    sign : float
        1, or -1 where ``base`` holds the products of all columns, and those listed are missing.
    scales : array of shape (n,) or (0,)
        Empty: 1.
    products : array of shape (n, k)
        b.
    codes : array of shape (n, k)
        z, updated in place.
    sweeps : int
    l1, l2 : float
        Nonnegative.
    lowest : float
        What coordinates may not fall below: 0, or minus infinity.
    loss : array of shape (n,) or (0,)
        Written unless empty: ``z G z'/2 - b z'`` at the codes returned.
    """
    for start in range(0, len(codes), CHUNK_ROWS):
        rows = slice(start, start + CHUNK_ROWS)
        scale = scales[rows] if scales.size else np.ones(len(codes[rows]))
        places = indices[indptr[start] :], indptr[start : start + len(scale) + 1] - indptr[start]
        grams = scale[:, None, None] * (base + sign * _listed_grams(*places, columns, len(base)))
        held = grams, scale, ROUNDING * np.maximum(base.diagonal(), 0.0), products[rows]
        for _ in range(sweeps):
            _sweep(*held, codes[rows], l1, l2, lowest)
        if loss.size:
            bent = np.einsum("ntu,nu->nt", grams, codes[rows])
            loss[rows] = ((0.5 * bent - products[rows]) * codes[rows]).sum(axis=1)


def _listed_grams(indices: NDArray[Any], indptr: NDArray[Any], columns: Floats, k: int) -> Floats:
    """Return ``sum_l w_l w_l'`` over the listed columns of each row, shape (n, k, k)."""
    listed = [columns[indices[i:j], :k] for i, j in pairwise(indptr)]
    return np.stack([part.T @ part for part in listed])


def _sweep(
    grams: Floats,
    scale: Floats,
    least: Floats,
    products: Floats,
    z: Floats,
    l1: float,
    l2: float,
    lowest: float,
) -> None:
    for t in range(z.shape[1]):
        curvature = grams[:, t, t] + l2
        bent = curvature > scale * least[t]
        slope = (grams[:, t] * z).sum(axis=1) - products[:, t] + l1 + l2 * z[:, t]
        best = np.maximum(z[:, t] - slope / np.where(bent, curvature, 1.0), lowest)
        z[:, t] = np.where(bent, best, z[:, t])
