"""Kernels of mixtures in NumPy; see `kernels.reference`, which they belong to.

``X`` is float32 or float64, everything else float64 (labels int32); all sums are in float64.

Each kind of losses has three kernels. ``*_posterior`` writes the posterior probabilities of every
row, ``*_moments`` adds up what they weigh instead, and ``*_top`` finds the few best components.
The arguments that they share:

X : array of shape (n, d)
    Rows.
shift : array of shape (d,)
    Subtracted from every row.
offsets : array of shape (k,)
    Constants of the losses, in nats; ``inf`` for impossible components.
weights : array of shape (n,)
    What the probabilities of every row are multiplied by.
log_norm : array of shape (n,)
    Written: ``log sum_c exp(-loss[n, c])`` in nats.
best : int32 array of shape (n,)
    Written: the component with the smallest loss; of several, the lowest.

A component more than 42 nats worse than a row's best has probability zero; a row whose losses are
all ``+inf`` gets uniform probabilities.
"""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

Data: TypeAlias = NDArray[np.float32] | NDArray[np.float64]
Floats: TypeAlias = NDArray[np.float64]
Labels: TypeAlias = NDArray[np.int32]

NEGLIGIBLE = 42.0  # nats below a row's best component: e^-42 < 2^-60 counts as zero


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
    """Find the posterior of every row under losses that are affine in the row.

    ``loss[n, c] = offsets[c] - <x_n - shift, slopes[c]>``.

    Parameters
    ----------
    slopes : array of shape (k, d)
        Linear parts of the losses.
    probability : array of shape (k, n)
        Written: ``weights[n] exp(-loss[n, c]) / sum_c exp(-loss[n, c])``.
    """
    loss = _affine_losses(X, shift, slopes, offsets)
    _write_posterior(loss, weights, probability, log_norm, best)


def affine_moments(
    X: Data,
    shift: Floats,
    slopes: Floats,
    offsets: Floats,
    weights: Floats,
    counts: Floats,
    sums: Floats,
    second: Floats,
    log_norm: Floats,
    best: Labels,
) -> None:
    """Add the moments of the posterior that `affine_posterior` writes.

    Parameters
    ----------
    counts, sums, second : arrays
        Added to, as by `component_moments`.
    """
    loss = _affine_losses(X, shift, slopes, offsets)
    _add_moments(X, shift, loss, weights, counts, sums, second, log_norm, best)


def scaled_posterior(
    X: Data,
    shift: Floats,
    scales: Floats,
    centers: Floats,
    offsets: Floats,
    weights: Floats,
    probability: Floats,
    log_norm: Floats,
    best: Labels,
) -> None:
    """Find the posterior of every row under Gaussians along the axes.

    ``loss[n, c] = offsets[c] + |(x_n - shift - centers[c]) * scales[c]|**2 / 2``.

    Parameters
    ----------
    scales : array of shape (k, d) or (k, 1)
        One for each column, or one for all.
    centers : array of shape (k, d)
        Means less the shift.
    probability : array of shape (k, n)
        As in `affine_posterior`.
    """
    loss = _scaled_losses(X, shift, scales, centers, offsets)
    _write_posterior(loss, weights, probability, log_norm, best)


def scaled_moments(
    X: Data,
    shift: Floats,
    scales: Floats,
    centers: Floats,
    offsets: Floats,
    weights: Floats,
    counts: Floats,
    sums: Floats,
    second: Floats,
    log_norm: Floats,
    best: Labels,
) -> None:
    """Add the moments of the posterior that `scaled_posterior` writes; see `affine_moments`."""
    loss = _scaled_losses(X, shift, scales, centers, offsets)
    _add_moments(X, shift, loss, weights, counts, sums, second, log_norm, best)


def scaled_top(
    X: Data,
    shift: Floats,
    scales: Floats,
    centers: Floats,
    offsets: Floats,
    index: Labels,
    loss: Floats,
) -> None:
    """Find the components with the smallest losses of every row; see `scaled_posterior`.

    The ``keep`` smallest in ascending order, ties by the lower component.

    Parameters
    ----------
    index : int32 array of shape (n, keep), keep <= k
        Written: the chosen components.
    loss : array of shape (n, keep)
        Written: their losses.
    """
    _write_smallest(_scaled_losses(X, shift, scales, centers, offsets), index, loss)


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
    factors : array of shape (k, d, d) or (1, d, d)
        Upper triangular, one for all or one for each component; what is below the diagonal is
        not read.
    centers : array of shape (k, d)
        Means in the space that each factor leads to.
    probability : array of shape (k, n)
        As in `affine_posterior`.
    """
    loss = _whitened_losses(X, shift, factors, centers, offsets)
    _write_posterior(loss, weights, probability, log_norm, best)


def whitened_moments(
    X: Data,
    shift: Floats,
    factors: Floats,
    centers: Floats,
    offsets: Floats,
    weights: Floats,
    counts: Floats,
    sums: Floats,
    second: Floats,
    log_norm: Floats,
    best: Labels,
) -> None:
    """Add the moments of the posterior that `whitened_posterior` writes; see `affine_moments`."""
    loss = _whitened_losses(X, shift, factors, centers, offsets)
    _add_moments(X, shift, loss, weights, counts, sums, second, log_norm, best)


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

    `index` and `loss` as in `scaled_top`.
    """
    _write_smallest(_whitened_losses(X, shift, factors, centers, offsets), index, loss)


def component_moments(
    X: Data, shift: Floats, weight: Floats, counts: Floats, sums: Floats, second: Floats
) -> None:
    """Add up the rows of components, each row with a weight under every component.

    Parameters
    ----------
    X : array of shape (n, d)
        Rows.
    shift : array of shape (d,)
        Subtracted from every row.
    weight : array of shape (k, n)
        Of every row under every component.
    counts : array of shape (k,)
        Added to: ``sum_n weight[c, n]``.
    sums : array of shape (k, d)
        Added to: ``sum_n weight[c, n] y_n`` with ``y_n = x_n - shift``.
    second : array of shape (k, m)
        Added to: the same sums of nothing (m = 0), of ``|y_n|**2`` (m = 1), of ``y_n**2`` (m = d)
        or of ``y_n y_n^T`` (m = d**2).
    """
    rows = X - shift
    d = rows.shape[1]
    counts += weight.sum(axis=1)
    sums += weight @ rows
    match second.shape[1]:
        case 1:
            second += weight @ np.square(rows).sum(axis=1, keepdims=True)
        case m if m == d:
            second += weight @ np.square(rows)
        case m if m == d * d:
            for gram, own in zip(second, weight, strict=True):
                gram += ((rows * own[:, None]).T @ rows).ravel()


def _affine_losses(X: Data, shift: Floats, slopes: Floats, offsets: Floats) -> Floats:
    return offsets - (X - shift) @ slopes.T


def _scaled_losses(
    X: Data, shift: Floats, scales: Floats, centers: Floats, offsets: Floats
) -> Floats:
    residuals = ((X - shift)[:, None, :] - centers) * scales
    return offsets + 0.5 * np.square(residuals).sum(axis=2)


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


def _add_moments(
    X: Data,
    shift: Floats,
    loss: Floats,
    weights: Floats,
    counts: Floats,
    sums: Floats,
    second: Floats,
    log_norm: Floats,
    best: Labels,
) -> None:
    probability = np.empty(loss.T.shape)
    _write_posterior(loss, weights, probability, log_norm, best)
    component_moments(X, shift, probability, counts, sums, second)


def _write_smallest(losses: Floats, index: Labels, loss: Floats) -> None:
    order = np.argsort(losses, axis=1, kind="stable")[:, : index.shape[1]]
    index[:] = order
    loss[:] = np.take_along_axis(losses, order, axis=1)
