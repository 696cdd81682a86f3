"""Hessians and quadratic programs of Poisson rows in NumPy, as `_poisson_reference` uses them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cofactor.kernels._count_rows_reference import LEAST, Data, Floats, separable_minimum

_NEWTON_PART = 0.05  # of a code that a Newton step leaves
_NEWTON_ROWS = 16  # of a block of Hessians
_SCALE_RANGE = 1e4  # of the factors by which an old Hessian may be off


def _lower(k: int) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    return np.tril_indices(k)


def unpacked(hessians: Data, n: int, k: int) -> Floats:
    """Return the Hessian of each row, shape (n, k, k)."""
    packed = hessians.transpose(0, 2, 1).reshape(-1, hessians.shape[1])[:n].astype(np.float64)
    whole, (i, j) = np.empty((n, k, k)), _lower(k)
    whole[:, i, j], whole[:, j, i] = packed, packed
    return whole


def pack(whole: Floats, hessians: Data) -> None:
    i, j = _lower(whole.shape[1])
    for row, entries in enumerate(whole[:, i, j]):
        hessians[row // _NEWTON_ROWS, :, row % _NEWTON_ROWS] = entries


def _times(hessians: Floats, z: Floats) -> Floats:
    product: Floats = np.einsum("nij,nj->ni", hessians, z)
    return product


def explains(hessians: Floats, z: Floats, explained: Floats, tolerance: float) -> NDArray[np.bool_]:
    off = (z * np.abs(explained - _times(hessians, z))).sum(axis=1)
    enough: NDArray[np.bool_] = off <= tolerance * (z * explained).sum(axis=1)
    return enough


@dataclass
class Program:
    """The quadratic programs of all rows, in coordinates scaled by those of `scale`."""

    hessians: Floats
    fresh: NDArray[np.bool_]
    z: Floats
    explained: Floats
    price: Floats
    l2: float
    log: float
    floor: float

    def solved(self, sweeps: int) -> Floats:
        scale, lift = self._scale(), self._lift()
        slope = (self.price + self.l2 * self.z - self.explained) / scale
        x, least = scale * self.z, scale * np.maximum(_NEWTON_PART * self.z, self.floor)
        for _ in range(sweeps):
            for t in range(x.shape[1]):
                bend = np.maximum(self.hessians[:, t, t] + lift[:, t], LEAST)
                target = separable_minimum(x[:, t], slope[:, t], bend, self.log)
                moved = np.maximum(target, least[:, t]) - x[:, t]
                x[:, t] += moved
                slope[:, t] += moved * lift[:, t]
                slope += moved[:, None] * self.hessians[:, t]
        return x / scale

    def _scale(self) -> Floats:
        product = _times(self.hessians, self.z)
        ratio = np.maximum(self.explained, LEAST) / np.maximum(product, LEAST)
        scale = np.sqrt(np.clip(ratio, 1 / _SCALE_RANGE, _SCALE_RANGE))
        return np.where(self.fresh[:, None], 1.0, scale)

    def _lift(self) -> Floats:
        scale = self._scale()
        counts = np.maximum((self.z * self.explained).sum(axis=1, keepdims=True), LEAST)
        bends = np.diagonal(self.hessians, axis1=1, axis2=2)
        lacking = np.square(self.explained / scale) / counts - bends
        return np.maximum(lacking, 0.0) + self.l2 / np.square(scale)
