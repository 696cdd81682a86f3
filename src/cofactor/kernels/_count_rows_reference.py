"""Rows of counts with their fitted values, as the kernels in `_poisson_reference` see them."""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

Data: TypeAlias = NDArray[np.float32] | NDArray[np.float64]
Floats: TypeAlias = NDArray[np.float64]
Indices: TypeAlias = NDArray[np.int32] | NDArray[np.int64]

LEAST = 1e-300  # of a fitted value or divisor
_LEAST_PART = 0.1  # of a code that a coordinate step leaves


class CountRows:
    """All rows at once; what belongs to a stored position is summed to its row by `_by_row`."""

    def __init__(
        self,
        indptr: Indices,
        indices: Indices,
        data: Data,
        columns: Data,
        rest: Data,
        totals: Floats,
        weights: Data,
        codes: Data,
        penalty: tuple[float, float, float],
        offsets: Data | None = None,
    ) -> None:
        (l1, self.l2, self.log), (self.n, k) = penalty, codes.shape
        self.row = np.repeat(np.arange(self.n), np.diff(indptr))
        self.x = data.astype(np.float64) * (weights[indices] if weights.size else 1.0)
        self.offsets = 0.0 if offsets is None or not offsets.size else offsets.astype(np.float64)
        laid_out = len(rest) == len(columns)
        components = np.hstack([columns, rest]) if laid_out else columns
        self.panel = components[indices, :k].astype(np.float64)  # (nnz, k)
        if not (laid_out or len(totals)):
            totals = weighted_totals(columns, weights)
        self.price = np.broadcast_to(totals + l1, codes.shape)  # of a unit code
        self.counted = self._by_row(self.x) > 0

    def begun(
        self, start: Data, begun: Data, floor: float, before: Floats
    ) -> tuple[Floats, Floats]:
        """Lift a start until it explains every reachable count; return it, and its loss."""
        unreached = np.isposinf(self.loss(start.astype(np.float64))) | (self.log > 0)
        lifted = start.copy()
        lifted[unreached] = np.maximum(start[unreached], floor)
        self.finish(lifted, before)
        begun[:] = lifted[: len(begun)]
        z = lifted.astype(np.float64)
        return z, self.loss(z)

    def sweep(self, z: Floats, floor: float) -> None:
        fitted = self._fitted(z)
        for k, h in enumerate(self.panel.T):
            rate = self.x / np.maximum(fitted, LEAST)
            slope = self.price[:, k] + self.l2 * z[:, k] - self._by_row(rate * h)
            with np.errstate(over="ignore"):
                curvature = self._by_row(rate * h * h / np.maximum(fitted, LEAST)) + self.l2
                bend = np.maximum(curvature, LEAST)
                target = separable_minimum(z[:, k], slope, bend, self.log)
            new = np.maximum(target, np.maximum(_LEAST_PART * z[:, k], floor))
            fitted += (new - z[:, k])[self.row] * h
            z[:, k] = new

    def explained(self, z: Floats) -> Floats:
        rate = self.x * self._inverse(z)
        return np.stack([self._by_row(rate * h) for h in self.panel.T], axis=1)

    def hessians(self, z: Floats) -> Floats:
        with np.errstate(over="ignore"):
            bends = self.x * self._inverse(z) * self._inverse(z)
        found, k = np.zeros((self.n, z.shape[1], z.shape[1])), range(z.shape[1])
        for i in k:
            for j in k:
                with np.errstate(invalid="ignore", over="ignore"):
                    found[:, i, j] = self._by_row(bends * self.panel[:, i] * self.panel[:, j])
        return found

    def multiplicative(self, z: Floats) -> Floats:
        return self._majorizer_minimum(z * self.explained(z) + self.log)

    def loss(self, z: Floats) -> Floats:
        fitted = self._fitted(z)
        nats = self.x * np.log(np.maximum(fitted, LEAST))
        nats[(self.x > 0) & (fitted < LEAST)] = -np.inf
        penalty = 0.5 * self.l2 * np.square(z) - self.log * np.log(np.maximum(z, LEAST))
        loss: Floats = (z * self.price + penalty).sum(axis=1) - self._by_row(nats)
        return loss

    def finish(self, codes: Data, loss: Floats) -> None:
        """Settle the rows without counts, and write the losses of all if asked."""
        alone = self._majorizer_minimum(np.full_like(codes, self.log, dtype=np.float64))
        codes[~self.counted] = alone[~self.counted]
        if loss.size:
            loss[:] = self.loss(codes.astype(np.float64))

    def _majorizer_minimum(self, pull: Floats) -> Floats:
        """Return the root of ``l2 u**2 + price u = pull``."""
        root = np.sqrt(self.price**2 + 4.0 * self.l2 * pull)
        found: Floats = 2.0 * pull / np.maximum(self.price + root, LEAST)
        return found

    def _inverse(self, z: Floats) -> Floats:
        """One over the fitted values; zero where nothing explains a count."""
        fitted = self._fitted(z)
        return np.where(fitted < LEAST, 0.0, 1.0 / np.maximum(fitted, LEAST))

    def _fitted(self, z: Floats) -> Floats:
        fitted: Floats = np.einsum("pk,pk->p", z[self.row], self.panel) + self.offsets
        return fitted

    def _by_row(self, values: Floats) -> Floats:
        sums: Floats = np.bincount(self.row, weights=values, minlength=self.n).astype(np.float64)
        return sums


def separable_minimum(z: Floats, slope: Floats, bend: Floats, log: float) -> Floats:
    """Return where ``slope (u - z) + bend (u - z)**2 / 2 - log ln u`` is least, of any sign."""
    if log == 0.0:
        return z - slope / bend
    linear = slope - bend * z
    root = np.sqrt(np.square(linear) + 4.0 * log * bend)
    falling = 2.0 * log / np.maximum(linear + root, LEAST)
    return np.where(linear > 0, falling, (root - linear) / (2.0 * bend))


def weighted_totals(columns: Data, weights: Data) -> Floats:
    """Return the sums of components over columns, shape (k,), which empty weights count once."""
    counted: Floats = (weights if weights.size else np.ones(len(columns))) @ columns.astype(float)
    return counted
