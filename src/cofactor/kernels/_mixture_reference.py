"""Kernels of mixtures in NumPy; see `kernels.reference`, which they belong to.

``X`` is float32 or float64, everything else float64 (labels int32); all sums are in float64.
"""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

Data: TypeAlias = NDArray[np.float32] | NDArray[np.float64]
Floats: TypeAlias = NDArray[np.float64]
Labels: TypeAlias = NDArray[np.int32]

NEGLIGIBLE = 55.0  # nats below a row's best component: e^-55 < 2^-79 counts as zero


def affine_posterior(
    X: Data,
    shift: Floats,
    slopes: Floats,
    offsets: Floats,
    weights: Floats,
    probability: Floats,
    log_norm: Floats,
    best: Labels,
) -> None:
    """Find the posterior of every row under losses that are affine in its features.

    ``loss[n, c] = offsets[c] - <T(x_n - shift), slopes[c]>``, where ``T(x)`` is ``x``,
    ``[x, |x|**2]`` or ``[x, x**2]``: the number of slopes says which. A component more than 55
    nats worse than a row's best has probability zero; a row whose losses are all ``+inf`` gets
    uniform probabilities.

    Parameters
    ----------
    X : array of shape (n, d)
        Rows.
    shift : array of shape (d,)
        Subtracted from every row.
    slopes : array of shape (k, d), (k, d + 1) or (k, 2d)
        Linear parts of the losses.
    offsets : array of shape (k,)
        Constants of the losses, in nats.
    weights : array of shape (n,)
        What the probabilities of every row are multiplied by.
    probability : array of shape (k, n)
        Written: ``weights[n] exp(-loss[n, c]) / sum_c exp(-loss[n, c])``.
    log_norm : array of shape (n,)
        Written: ``log sum_c exp(-loss[n, c])`` in nats.
    best : int32 array of shape (n,)
        Written: the component with the smallest loss; of several, the lowest.
    """
    loss = _affine_losses(X, shift, slopes, offsets)
    _write_posterior(loss, weights, probability, log_norm, best)


def affine_top(
    X: Data, shift: Floats, slopes: Floats, offsets: Floats, index: Labels, loss: Floats
) -> None:
    """Find the components with the smallest losses of every row.

    Losses as in `affine_posterior`; the ``keep`` smallest in ascending order, ties by the lower
    component.

    Parameters
    ----------
    X, shift, slopes, offsets : arrays
        As in `affine_posterior`.
    index : int32 array of shape (n, keep), keep <= k
        Written: the chosen components.
    loss : array of shape (n, keep)
        Written: their losses.
    """
    _write_smallest(_affine_losses(X, shift, slopes, offsets), index, loss)


def whitened_posterior(
    X: Data,
    shift: Floats,
    factors: Floats,
    centers: Floats,
    offsets: Floats,
    weights: Floats,
    probability: Floats,
    log_norm: Floats,
    best: Labels,
) -> None:
    """Find the posterior of every row under Gaussians of any shape.

    ``loss[n, c] = offsets[c] + |(x_n - shift) @ factors[c] - centers[c]|**2 / 2``.

    Parameters
    ----------
    X, shift : arrays
        As in `affine_posterior`.
    factors : array of shape (k, d, d) or (1, d, d)
        Upper triangular, one for all or one for each component; what is below the diagonal is
        not read.
    centers : array of shape (k, d)
        Means in the space that each factor leads to.
    offsets, weights, probability, log_norm, best : arrays
        As in `affine_posterior`.
    """
    loss = _whitened_losses(X, shift, factors, centers, offsets)
    _write_posterior(loss, weights, probability, log_norm, best)


def whitened_top(
    X: Data,
    shift: Floats,
    factors: Floats,
    centers: Floats,
    offsets: Floats,
    index: Labels,
    loss: Floats,
) -> None:
    """Find the components with the smallest losses of every row; see `whitened_posterior`.

    `index` and `loss` as in `affine_top`.
    """
    _write_smallest(_whitened_losses(X, shift, factors, centers, offsets), index, loss)


def component_sums(X: Data, shift: Floats, weight: Floats, sums: Floats) -> None:
    """Add the rows, times their weights, to the sums of components.

    ``sums[c] += sum_n weight[c, n] (x_n - shift)``.

    Parameters
    ----------
    X : array of shape (n, d)
        Rows.
    shift : array of shape (d,)
        Subtracted from every row.
    weight : array of shape (k, n)
        Of every row under every component.
    sums : array of shape (k, d)
        Added to.
    """
    sums += weight @ (X - shift)


def component_squares(X: Data, shift: Floats, weight: Floats, squares: Floats) -> None:
    """Add ``sum_n weight[c, n] (x_n - shift)**2``; parameters as in `component_sums`."""
    squares += weight @ np.square(X - shift)


def component_grams(X: Data, shift: Floats, weight: Floats, grams: Floats) -> None:
    """Add ``sum_n weight[c, n] (x_n - shift)(x_n - shift)^T``; `grams` has shape (k, d, d)."""
    rows = X - shift
    for gram, own in zip(grams, weight, strict=True):
        gram += (rows * own[:, None]).T @ rows


def _affine_losses(X: Data, shift: Floats, slopes: Floats, offsets: Floats) -> Floats:
    rows = X - shift
    squares = np.square(rows)
    more = {
        X.shape[1]: [],
        X.shape[1] + 1: [squares.sum(axis=1, keepdims=True)],
        2 * X.shape[1]: [squares],
    }
    return offsets - np.hstack([rows, *more[slopes.shape[1]]]) @ slopes.T


def _whitened_losses(
    X: Data, shift: Floats, factors: Floats, centers: Floats, offsets: Floats
) -> Floats:
    whitened = np.einsum("nd,kde->nke", X - shift, np.triu(factors), optimize=True) - centers
    return offsets + 0.5 * np.square(whitened).sum(axis=2)


def _write_posterior(
    loss: Floats, weights: Floats, probability: Floats, log_norm: Floats, best: Labels
) -> None:
    best[:] = loss.argmin(axis=1)
    least = loss.min(axis=1)
    possible = least < np.inf
    excess = np.zeros_like(loss)
    excess[possible] = least[possible, None] - loss[possible]
    value = np.where(excess < -NEGLIGIBLE, 0.0, np.exp(excess))
    total = value.sum(axis=1)
    log_norm[:] = np.where(possible, np.log(total) - least, -np.inf)
    probability[:] = (value * (weights / total)[:, None]).T


def _write_smallest(losses: Floats, index: Labels, loss: Floats) -> None:
    order = np.argsort(losses, axis=1, kind="stable")[:, : index.shape[1]]
    index[:] = order
    loss[:] = np.take_along_axis(losses, order, axis=1)
