"""How far both factors are from where no small change helps: the KKT conditions."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import singledispatch
from typing import Any

import numpy as np

from cofactor.codes.free import Free
from cofactor.codes.linear import LinearState
from cofactor.codes.nonnegative import Nonnegative
from cofactor.codes.scaled_onehot import ScaledOneHot, ScaledState
from cofactor.codes.semi_nonnegative import SemiNonnegative
from cofactor.codes.simplex import Simplex
from cofactor.data import RowBlock, Rows, split
from cofactor.data.base import Floats
from cofactor.errors import ImpossibleCellError
from cofactor.noise.base import Params
from cofactor.noise.gaussian import Gaussian
from cofactor.noise.least_squares import products_of_codes
from cofactor.noise.linear import FixedFactor, NonnegativeNoise, SimplexNoise
from cofactor.noise.multinomial import Multinomial
from cofactor.noise.multiples import MultipleNoise
from cofactor.noise.penalty import TINY
from cofactor.noise.poisson import Poisson


@dataclass(frozen=True)
class Stationarity:
    """What is left of the first-order conditions of both factors, free of scale.

    The derivative ``∂ = p − m`` by an entry has two parts; ``γ = (p − m) / (|p| + |m|)`` lies
    between −1 and 1. Where an entry may not fall below 0, the conditions are ``z ≥ 0, ∂ ≥ 0, z·∂ =
    0``, and its size counts as its share ``σ`` of the row's mean: ``z_c Σ_l w_cl`` over the sum of
    these and of the offsets, if there are any. Neither changes if components are scaled and codes
    inversely, or if the data are. Products ``z·∂`` would not do: they vanish at entries that are
    wrongly zero.

    The same of the other codes: an entry of any sign leaves ``|γ|``; entries that sum to 1 have
    ``∂ − Σ z ∂`` for a derivative and are their own shares. Under Gaussian noise and without signs
    that help, ``|p| + |m|`` is ``(‖x‖ + ‖a‖)‖w_c‖``, which they cannot exceed. Of scaled one-hot
    codes, ``γ`` is how far components are from the best ones for the codes.

    Attributes
    ----------
    residual : float
        ``max |min(σ, γ)|``, or ``max |γ|``, over all codes and components.
    steepest : float
        ``max(0, −min γ)``, or ``max |γ|``: the steepest way down that is left.
    """

    residual: float
    steepest: float

    @classmethod
    def worst(cls, parts: Iterable[Stationarity]) -> Stationarity:
        """Return the larger of each number."""
        every = list(parts)
        return cls(max(part.residual for part in every), max(part.steepest for part in every))

    @classmethod
    def signed(cls, slope: Floats) -> Stationarity:
        """Return what is left of entries of any sign."""
        largest = float(np.abs(slope).max(initial=0.0))
        return cls(largest, largest)

    @classmethod
    def nonnegative(cls, share: Floats, slope: Floats) -> Stationarity:
        """Return what is left of entries that may not fall below 0."""
        residual = float(np.abs(np.minimum(share, slope)).max(initial=0.0))
        return cls(residual, float(-np.minimum(slope, 0.0).min(initial=0.0)))


@singledispatch
def stationarity(codes: Any, noise: Any, rows: Rows[Any], params: Params) -> Stationarity:
    """Return how stationary the codes in the rows' states and the components are.

    Parameters
    ----------
    codes : LinearCodes or ScaledOneHot
        With the penalties of both factors.
    noise : Noise
    rows : Rows
        With ``columns`` where the codes need them.
    params : Params
    """
    raise ImpossibleCellError(f"No conditions of stationarity are known for {codes.name} codes.")


@stationarity.register
def _(
    codes: Nonnegative, noise: NonnegativeNoise, rows: Rows[LinearState], params: Params
) -> Stationarity:
    fixed = codes.factor(params.components)
    of_rows = rows.gather(lambda block, state: _of_block(noise, block, fixed, state.codes))
    found = FixedFactor(
        rows.exposed([state.codes for state in rows.states]),
        codes.components_penalties,
        rows.uneven_weights,
    )
    starts = split(params.components.T, rows.columns)
    of_columns = rows.engine.map(
        lambda part: _of_block(noise, part[0], found, part[1]),
        list(zip(rows.columns, starts, strict=True)),
    )
    return Stationarity.worst([*of_rows, *of_columns])


def _of_block(
    noise: NonnegativeNoise, block: RowBlock, factor: FixedFactor, codes: Floats
) -> Stationarity:
    down, up = noise.pulls(block, factor, codes)
    up = up + factor.penalty.l1 + factor.penalty.l2 * codes
    down = down + factor.penalty.log / np.maximum(codes, TINY) if factor.penalty.log else down
    slope = (up - down) / np.maximum(up + down, TINY)
    mass = block.baseline.exposed(codes * factor.columns.sum(axis=0))
    total = mass.sum(axis=1) + block.offset_sums()
    share = mass / np.maximum(total, TINY)[:, None]
    return Stationarity.nonnegative(share, slope)


@stationarity.register
def _(
    codes: SemiNonnegative, noise: Gaussian, rows: Rows[LinearState], params: Params
) -> Stationarity:
    lengths = np.linalg.norm(params.components, axis=1)

    def of_block(block: RowBlock, state: LinearState) -> Stationarity:
        mass = state.codes * lengths
        share = mass / np.maximum(mass.sum(axis=1, keepdims=True), TINY)
        derivative, scale = _least_squares(noise, block, params.components, state.codes)
        return Stationarity.nonnegative(share, derivative / scale)

    return Stationarity.worst([*rows.gather(of_block), _best_components(noise, rows, params)])


@stationarity.register
def _(codes: Free, noise: Gaussian, rows: Rows[LinearState], params: Params) -> Stationarity:
    def of_block(block: RowBlock, state: LinearState) -> Stationarity:
        derivative, scale = _least_squares(noise, block, params.components, state.codes)
        return Stationarity.signed(derivative / scale)

    return Stationarity.worst([*rows.gather(of_block), _best_components(noise, rows, params)])


@stationarity.register
def _(codes: Simplex, noise: SimplexNoise, rows: Rows[LinearState], params: Params) -> Stationarity:
    def of_block(block: RowBlock, state: LinearState) -> Stationarity:
        derivative, scale = _derivative(noise, block, params.components, state.codes)
        reduced = derivative - (state.codes * derivative).sum(axis=1, keepdims=True)
        return Stationarity.nonnegative(state.codes, reduced / scale)

    return Stationarity.worst([*rows.gather(of_block), _best_components(noise, rows, params)])


@stationarity.register
def _(
    codes: ScaledOneHot, noise: MultipleNoise, rows: Rows[ScaledState], params: Params
) -> Stationarity:
    """Labels and multiples are the best ones after any sweep, so only components are looked at."""
    statistics, _ = rows.sweep(codes.e_step(noise, params))
    best, own = codes.m_step(noise, statistics, params, rows).components, params.components
    lengths = np.linalg.norm(best, axis=1) + np.linalg.norm(own, axis=1)
    return Stationarity.signed(np.linalg.norm(best - own, axis=1) / np.maximum(lengths, TINY))


def _least_squares(
    noise: Gaussian, block: RowBlock, components: Floats, codes: Floats
) -> tuple[Floats, Floats]:
    """Return ``(a − x)Wᵀ`` and ``(‖x‖ + ‖a‖)‖w_c‖``, each (n, k)."""
    factor = FixedFactor(components.T)
    down, up = noise.pulls(block, factor, codes)
    norms = np.sqrt(block.squared_norms(np.zeros(block.n_columns)))
    norms += np.sqrt(np.maximum((codes * up).sum(axis=1), 0.0))
    lengths = np.sqrt(factor.gram.diagonal())
    return up - down, np.maximum(norms[:, None] * lengths, TINY)


@singledispatch
def _derivative(
    noise: Any, block: RowBlock, components: Floats, codes: Floats
) -> tuple[Floats, Floats]:
    """Return the derivative by codes that are averages, and its scale, each (n, k)."""
    raise ImpossibleCellError(f"No conditions of stationarity are known for {noise.name} noise.")


@_derivative.register
def _(noise: Gaussian, block: RowBlock, components: Floats, codes: Floats) -> tuple[Floats, Floats]:
    derivative, scale = _least_squares(noise, block, components, codes)
    return derivative, 2.0 * scale.max(axis=1, keepdims=True)


@_derivative.register
def _(
    noise: Multinomial, block: RowBlock, components: Floats, codes: Floats
) -> tuple[Floats, Floats]:
    down, _ = Poisson().pulls(block, FixedFactor(components.T), codes)
    totals = block.row_sums(lambda x: x)[:, None]
    return -down, np.maximum(totals + down, TINY)


@singledispatch
def _best_components(noise: Any, rows: Rows[LinearState], params: Params) -> Stationarity:
    """Return how far components are from the best ones for the codes."""
    raise ImpossibleCellError(f"No conditions of stationarity are known for {noise.name} noise.")


@_best_components.register
def _(noise: Gaussian, rows: Rows[LinearState], params: Params) -> Stationarity:
    """Of any sign: ``‖(Zᵀ(A − X))_c‖ / ‖z_c‖(‖X‖ + ‖A‖)``."""
    own, products, lengths = _pulls_of_codes(noise, rows, params.components)
    zero = np.zeros(params.components.shape[1])
    square = sum(float(block.weights @ block.squared_norms(zero)) for block in rows.blocks)
    norms = np.sqrt(square) + np.sqrt(max(float(np.vdot(own, params.components)), 0.0))
    scale = lengths * norms
    return Stationarity.signed(np.linalg.norm(own - products, axis=1) / np.maximum(scale, TINY))


def _pulls_of_codes(
    noise: Gaussian, rows: Rows[LinearState], components: Floats
) -> tuple[Floats, Floats, Floats]:
    """Return ``ZᵀA`` and ``ZᵀX`` over observed entries, each (k, d), and ``‖z_c‖``, weighted."""
    if not rows.columns:
        gram, products = products_of_codes(rows)
        return gram @ components, products, np.sqrt(gram.diagonal())
    codes = rows.exposed([state.codes for state in rows.states])
    found = FixedFactor(codes, column_weights=rows.uneven_weights)
    pairs = list(zip(rows.columns, split(components.T, rows.columns), strict=True))
    pulls = rows.engine.map(lambda part: noise.pulls(part[0], found, part[1]), pairs)
    products, own = (np.vstack(part).T for part in zip(*pulls, strict=True))
    return own, products, np.sqrt(found.gram.diagonal())


@_best_components.register
def _(noise: Multinomial, rows: Rows[LinearState], params: Params) -> Stationarity:
    """Each component sums to 1, and its entries are their own shares."""
    found = FixedFactor(
        np.vstack([state.codes for state in rows.states]), column_weights=rows.uneven_weights
    )
    pairs = list(zip(rows.columns, split(params.components.T, rows.columns), strict=True))
    pulls = rows.engine.map(lambda part: Poisson().pulls(part[0], found, part[1])[0], pairs)
    down = np.vstack(pulls).T
    price = (params.components * down).sum(axis=1, keepdims=True)
    slope = (price - down) / np.maximum(price + down, TINY)
    return Stationarity.nonnegative(params.components, slope)
