"""Nonnegative least squares in NumPy; part of the specification in `reference`."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


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
