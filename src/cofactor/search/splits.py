"""One component made two: EM on the rows that belong to it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import accumulate

import numpy as np

from cofactor.codes import OneHot
from cofactor.data import RowBlock
from cofactor.data.base import Floats
from cofactor.engine import SerialEngine
from cofactor.errors import InputError
from cofactor.fit import first_rows, fit
from cofactor.model import Model
from cofactor.noise import MixtureNoise, Params
from cofactor.search.mergers import some_of
from cofactor.stop import SmallGain, Stop

BELONGING = 1e-3  # of a row at least, else it is not asked
STEPS = 15  # of EM on two components
STILL = 1e-4  # nats by row: less than this ends them


@dataclass(frozen=True)
class Split:
    """Two components in the place of one.

    Attributes
    ----------
    params : Params
        Of the two alone.
    gain : float
        How much better they describe the rows of the one, in nats.
    """

    params: Params
    gain: float


def split_of(
    noise: MixtureNoise,
    params: Params,
    component: int,
    parts: Sequence[RowBlock],
    chances: Floats,
) -> Split | None:
    """Return two components that describe the rows of one better, where there are such.

    EM begins at two rows that are drawn by weight, with the dispersion of the one, which cuts its
    rows in two by their distances in its own metric.

    Parameters
    ----------
    noise : MixtureNoise
    params : Params
        Of all components.
    component : int
        The one to split.
    parts : sequence of RowBlock
        Its rows, weighted by the posterior; see :func:`belonging`.
    chances : ndarray of shape (2,)
        Random numbers, at least 0 and below 1.

    Returns
    -------
    Split or None
        None where there are not two rows, or a covariance becomes singular.
    """
    weight = float(sum(part.weights.sum() for part in parts))
    if sum(part.n_rows for part in parts) < 2 or not weight:
        return None
    rows, one = _drawn(parts, chances), some_of(noise, params, [component])
    means = noise.legal_means(noise.first_means(rows, one.components[0]))
    start = replace(some_of(noise, params, [component, component]), components=means)
    model, stop = Model(noise, OneHot(None, learn_weights=True)), SmallGain(STILL * weight)
    try:
        own = first_rows(model, parts, start, SerialEngine())
        two = fit(model, own, start, Stop(STEPS, (stop,)))
        alone = fit(model, own, one, Stop(1))
    except InputError:  # singular
        return None
    return Split(two.params, alone.objective - two.objective)


def belonging(
    blocks: Sequence[RowBlock], posterior: Sequence[Floats], component: int
) -> list[RowBlock]:
    """Return the rows that belong to a component, weighted by how far they do.

    Parameters
    ----------
    blocks : sequence of RowBlock
    posterior : sequence of ndarray of shape (k, n)
        ``w_n q_nc`` of each block.
    component : int
    """
    parts = []
    for block, shares in zip(blocks, posterior, strict=True):
        own = shares[component]
        rows = np.flatnonzero((own > BELONGING * block.weights) & (own > 0))
        if rows.size:
            parts.append(block.take(rows).reweighted(own[rows]))
    return parts


def _drawn(parts: Sequence[RowBlock], chances: Floats) -> Floats:
    """Return rows drawn by weight, one for each chance."""
    odds = np.cumsum(np.concatenate([part.weights for part in parts]))
    edges = list(accumulate((part.n_rows for part in parts), initial=0))
    chosen = np.minimum(np.searchsorted(odds, chances * odds[-1], side="right"), len(odds) - 1)
    rows = []
    for number in chosen:
        part = int(np.searchsorted(edges, number, side="right")) - 1
        rows.append(parts[part].take(np.array([number - edges[part]])).dense()[0])
    return np.array(rows)
