"""First factors from fewer components: others are made of what these explain worst."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from cofactor.codes import Nonnegative
from cofactor.data import RowBlock, mean_row
from cofactor.data.base import Floats
from cofactor.engine import Engine
from cofactor.noise.linear import NonnegativeNoise
from cofactor.noise.penalty import TINY
from cofactor.start.profiles import Factors

STEPS = 4  # of the codes, each time there are new components
OWN = 0.9  # of a new component; the rest is the mean row's, so that it explains any entry
SHARE = 0.1  # of a row's codes that a new component gets at first


@dataclass(frozen=True)
class Explained:
    """A block of rows under some components.

    Attributes
    ----------
    codes : ndarray of shape (n, k)
    divergence : ndarray of shape (n,)
        ``d(x_n, z_n W)``; −1 for rows without weight.
    """

    codes: Floats
    divergence: Floats


def grown_factors(
    noise: NonnegativeNoise,
    blocks: Sequence[RowBlock],
    engine: Engine,
    components: Floats,
    k: int,
) -> Factors:
    """Return codes of all rows, and components of which there are ``k``.

    As long as there are too few, the row of largest divergence gives one more: what of it is above
    its mean ``z_n W``. Then codes take a few steps.

    Parameters
    ----------
    noise : NonnegativeNoise
    blocks : sequence of RowBlock
    engine : Engine
    components : ndarray of shape (k', d)
        Nonnegative, with ``k' ≤ k``; they come first.
    k : int

    Returns
    -------
    codes : ndarray of shape (n, k)
    components : ndarray of shape (k, d)
    """
    starts = engine.map(lambda block: _level(block, components), blocks)
    mean = mean_row(blocks, engine)
    rows = _explained(noise, blocks, engine, components, starts)
    while len(components) < k:
        excess = _excess_of_worst(blocks, rows, components)
        components = np.vstack([components, _component(excess, mean, components)])
        starts = [_widened(part.codes) for part in rows]
        rows = _explained(noise, blocks, engine, components, starts)
    return np.vstack([part.codes for part in rows]), components


def _level(block: RowBlock, components: Floats) -> Floats:
    """Return equal codes that add up to the sum of each row, shape (n, k)."""
    sums = block.baseline.unexposed(block.row_sums(lambda x: x))
    level = sums / max(float(components.sum()), TINY)
    return np.repeat(level[:, None], len(components), axis=1)


def _explained(
    noise: NonnegativeNoise,
    blocks: Sequence[RowBlock],
    engine: Engine,
    components: Floats,
    starts: Sequence[Floats],
) -> list[Explained]:
    """Take a few steps of the codes."""
    kind: Nonnegative = Nonnegative()
    factor = kind.factor(components)

    def of_block(part: tuple[RowBlock, Floats]) -> Explained:
        block, codes = part
        memory: Any = kind.memory(noise, block, len(components), warm=True)
        for _ in range(STEPS):
            encoded = kind.encode(noise, block, factor, codes, memory)
            codes = encoded.codes
        divergence = encoded.loss + noise.row_constant(block)
        return Explained(codes, np.where(block.weights > 0, divergence, -1.0))

    return engine.map(of_block, list(zip(blocks, starts, strict=True)))


def _excess_of_worst(
    blocks: Sequence[RowBlock], rows: Sequence[Explained], components: Floats
) -> Floats:
    """Return what the row of largest divergence has above its mean, shape (d,)."""
    block, part = max(zip(blocks, rows, strict=True), key=lambda pair: pair[1].divergence.max())
    worst = int(part.divergence.argmax())
    row = block.take(slice(worst, worst + 1))
    mean = row.baseline.mean(part.codes[worst : worst + 1] @ components)
    excess: Floats = np.maximum(row.dense() - mean, 0.0)[0]
    return excess


def _component(excess: Floats, mean: Floats, components: Floats) -> Floats:
    """Return a component with some of everything, as large as the others are on average."""
    parts = [part / max(float(part.sum()), TINY) for part in (excess, mean)]
    size = float(components.sum()) / len(components)
    found: Floats = size * (OWN * parts[0] + (1.0 - OWN) * parts[1])
    return found


def _widened(codes: Floats) -> Floats:
    """Return codes with a share for one component more."""
    more = SHARE * codes.sum(axis=1, keepdims=True)
    return np.hstack([(1.0 - SHARE) * codes, np.where(more > 0, more, SHARE)])
