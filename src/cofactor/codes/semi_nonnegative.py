"""Nonnegative codes of components without constraint: semi-nonnegative matrix factorization."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from cofactor.codes.linear import LinearCodes, LinearState
from cofactor.data import RowBlock, Rows
from cofactor.data.base import Floats
from cofactor.noise.base import Params
from cofactor.noise.gaussian import Gaussian
from cofactor.noise.least_squares import best_components
from cofactor.noise.linear import Encoded, FixedFactor, transposed_step
from cofactor.noise.penalty import Penalty


@dataclass(frozen=True)
class SemiNonnegative(LinearCodes[Gaussian]):
    """``z_n ≥ 0``, and ``W`` of any sign: data of any sign as sums of parts.

    Codes by coordinate descent, components by least squares [Ding, Li & Jordan 2010], or by
    coordinate descent, too, where entries are missing. Clusters are the case in which a code has
    one entry, 1.
    """

    name: ClassVar[str] = "semi-nonnegative"
    requires: ClassVar[tuple[str, ...]] = ("semi_nonnegative_codes", "nats")
    needs: ClassVar[str] = "knows the best sums of components of any sign"
    takes_missing: ClassVar[bool] = True

    def encode(
        self,
        noise: Gaussian,
        block: RowBlock,
        factor: FixedFactor,
        codes: Floats,
        memory: Any = None,
    ) -> Encoded:
        """See :class:`LinearCodes`."""
        return noise.semi_nonnegative_codes(block, factor, codes)

    def improved_components(
        self, noise: Gaussian, params: Params, rows: Rows[LinearState]
    ) -> Floats:
        """See :class:`LinearCodes`: column by column where each was observed in rows of its own."""
        if not rows.columns:
            return best_components(rows)
        return transposed_step(rows, params.components, Penalty(), noise.signed_codes)
