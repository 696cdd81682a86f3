"""Least squares by coordinate descent in NumPy; part of the specification in `reference`."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
ROUNDING = 1e-12  # of a curvature that others were taken off


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
    k = len(base)
    least = ROUNDING * np.maximum(base.diagonal(), 0.0)
    for n, z in enumerate(codes):
        listed = columns[indices[indptr[n] : indptr[n + 1]], :k]
        scale = scales[n] if scales.size else 1.0
        gram = scale * (base + sign * (listed.T @ listed))
        for _ in range(sweeps):
            for t, row in enumerate(gram):
                curvature = row[t] + l2
                if curvature > scale * least[t]:
                    slope = row @ z - products[n, t] + l1 + l2 * z[t]
                    z[t] = max(z[t] - slope / curvature, lowest)
        if loss.size:
            loss[n] = (0.5 * gram @ z - products[n]) @ z
