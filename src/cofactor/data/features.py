"""Features of dense rows that are never stored: squares and norms beside the rows themselves."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from cofactor import kernels
from cofactor.data.base import Affine, Array, Floats, Labels, Posterior


@dataclass(frozen=True)
class DenseFeatures:
    """The rows ``x − r`` with ``‖x − r‖²`` or ``(x − r)²`` beside them, whichever losses ask for.

    Implements :class:`cofactor.data.base.Scorable`. How many slopes a loss has says which
    features it is affine in: d + 1 or 2d (d: the rows alone). Its own shift is not used.

    Attributes
    ----------
    values : ndarray of shape (n, d)
        C-contiguous float32 or float64.
    shift : ndarray of shape (d,)
        The reference point ``r``.
    """

    values: Array
    shift: Floats

    def losses(self, affine: Affine) -> Floats:
        """See :class:`cofactor.data.base.Scorable`."""
        return by_component(*self.top_losses(affine, len(affine.offsets)))

    def top_losses(self, affine: Affine, keep: int) -> tuple[Labels, Floats]:
        """See :class:`cofactor.data.base.Scorable`."""
        index = np.empty((len(self.values), keep), dtype=np.int32)
        loss = np.empty((len(self.values), keep))
        slopes = np.ascontiguousarray(affine.components)
        kernels.affine_top(self.values, self.shift, slopes, affine.offsets, index, loss)
        return index, loss

    def posterior(self, affine: Affine, weights: Floats) -> Posterior:
        """See :class:`cofactor.data.base.Scorable`."""
        out = unwritten_posterior(len(affine.offsets), len(self.values))
        slopes = np.ascontiguousarray(affine.components)
        kernels.affine_posterior(self.values, self.shift, slopes, affine.offsets, weights, *out)
        return posterior_of(*out)


def by_component(index: Labels, loss: Floats) -> Floats:
    """Return sorted losses of all components, shape (n, k), in the order of the components."""
    out = np.empty_like(loss)
    np.put_along_axis(out, index.astype(np.intp), loss, axis=1)
    return out


def unwritten_posterior(n_components: int, n_rows: int) -> tuple[Floats, Floats, Labels]:
    """Return room for probabilities (k, n), their logarithmic norms (n,) and labels (n,)."""
    probability = np.empty((n_components, n_rows))
    return probability, np.empty(n_rows), np.empty(n_rows, dtype=np.int32)


def posterior_of(probability: Floats, log_norm: Floats, best: Labels) -> Posterior:
    """Return what a kernel has written as a posterior."""
    return Posterior(probability, best, -log_norm)
